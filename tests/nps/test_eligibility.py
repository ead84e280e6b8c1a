"""Who is asked, and the one reason of everyone who is not (product.md E)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.eligibility import REASONS, Respondent, assess, freeze, needs_people, one_more
from integration.nps.people import ClientFacts, ClientKey, DealFacts, Exclusion, Person
from integration.nps.relation import is_client
from tests.nps.examples import ANNA, OPEN, POLICY, TODAY, client, days_ago, won


def test_a_client_with_an_open_service_deal_and_a_reachable_contact_is_asked() -> None:
    """With its deal, date, source, manager and respondent written down (E7)."""
    verdict = assess(client(), POLICY, TODAY)
    assert verdict.eligible
    assert verdict.reason is None
    assert (verdict.since, verdict.since_source) == (date(2025, 1, 12), "service")
    assert verdict.through_deal == OPEN
    assert verdict.manager == 5
    assert [(r.person.contact_id, r.address, r.shared) for r in verdict.respondents] == [
        (11, "anna@example.com", False)
    ]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("not_current", {"deals": ()}),
        ("not_current", {"deals": (won(close=date(2025, 11, 9)),)}),
        ("not_current", {"deals": (replace(OPEN, category_id=0),)}),
        ("not_current", {"deals": (replace(OPEN, semantics="F"),)}),
        ("not_current", {"deals": (replace(OPEN, recurring=True),)}),
        ("too_new", {"deals": (replace(OPEN, service_on=date(2026, 8, 11)),)}),
        ("too_new", {"deals": (replace(OPEN, service_on=None, begin=None),)}),
        ("asked_recently", {"last_asked_on": days_ago(299)}),
        ("asked_recently", {"people": (replace(ANNA, last_asked_on=days_ago(1)),)}),
        ("opted_out", {"opted_out": True}),
        ("opted_out", {"people": (replace(ANNA, opted_out=True),)}),
        ("on_hold", {"hold_until": TODAY + timedelta(days=1)}),
        ("on_hold", {"trouble": "open_follow_up"}),
        ("on_hold", {"people": (replace(ANNA, hold_until=TODAY + timedelta(days=1)),)}),
        ("on_hold", {"deals": (OPEN, DealFacts(id=9, category_id=2, stage_id="C2:TROUBLE"))}),
        ("no_respondent", {"people": ()}),
        ("no_channel", {"people": (replace(ANNA, emails=()),)}),
        ("no_channel", {"people": (replace(ANNA, emails=("not an address", "@", "a@")),)}),
        ("no_channel", {"people": (replace(ANNA, dead_addresses=frozenset({"ANNA@example.com"})),)}),
        ("excluded_by_hand", {"excluded_by_hand": Exclusion("Head", "in court")}),
    ],
)
def test_everyone_left_out_has_its_reason(reason: str, changes: dict[str, object]) -> None:
    """One change of an eligible client gives exactly that reason (E4)."""
    verdict = assess(client(**changes), POLICY, TODAY)
    assert not verdict.eligible
    assert verdict.reason == reason
    assert verdict.respondents == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"last_asked_on": days_ago(300)},
        {"hold_until": TODAY},
        {"trouble": "open_follow_up", "trouble_until": TODAY},
        {"deals": (replace(OPEN, service_on=date(2026, 8, 10)),)},
        {"deals": (won(close=date(2025, 11, 10), won_on=date(2025, 1, 1)),)},
        {"deals": (OPEN, DealFacts(id=9, stage_id="C2:TROUBLE", semantics="F"))},
        {"people": (replace(ANNA, opted_out=True), replace(ANNA, contact_id=12, primary=False))},
    ],
)
def test_the_day_itself_counts(changes: dict[str, object]) -> None:
    """On the very day a gap, an age, a hold or the year after a deal is over, the client is asked."""
    assert assess(client(**changes), POLICY, TODAY).eligible


def test_the_first_reason_wins() -> None:
    """With everything wrong at once, taking reasons away one by one walks through E4 in its order."""
    wrong: dict[str, object] = {
        "deals": (),
        "last_asked_on": TODAY,
        "opted_out": True,
        "hold_until": date(2027, 1, 1),
        "people": (),
        "excluded_by_hand": Exclusion("Head", "why"),
    }
    fixes: list[dict[str, object]] = [
        {"deals": (replace(OPEN, service_on=TODAY),)},
        {"deals": (OPEN,)},
        {"last_asked_on": None},
        {"opted_out": False},
        {"hold_until": None},
        {"people": (replace(ANNA, emails=()),)},
        {"people": (ANNA,)},
        {"excluded_by_hand": None},
    ]
    seen = [assess(client(**wrong), POLICY, TODAY).reason]
    for fix in fixes:
        wrong.update(fix)
        seen.append(assess(client(**wrong), POLICY, TODAY).reason)
    assert seen == [*REASONS, None]


def test_the_detail_says_who_and_why() -> None:
    """An exclusion by hand keeps its author and reason (E4, E7)."""
    verdict = assess(client(excluded_by_hand=Exclusion("Head", "in court")), POLICY, TODAY)
    assert verdict.detail == {"who": "Head", "why": "in court"}


def test_thirty_november_is_old_enough_on_the_last_of_february() -> None:
    """Calendar months, not ninety days (E3)."""
    deals = (replace(OPEN, service_on=date(2026, 11, 30)),)
    assert assess(client(deals=deals), POLICY, date(2027, 2, 27)).reason == "too_new"
    assert assess(client(deals=deals), POLICY, date(2027, 2, 28)).eligible
    assert assess(
        client(deals=(replace(OPEN, service_on=date(2027, 11, 30)),)), POLICY, date(2028, 2, 28)
    ).reason == ("too_new")


def test_chosen_stages_narrow_the_chosen_pipelines() -> None:
    """With stages named, another open stage of the same pipeline is no service (E2)."""
    policy = replace(POLICY, service_stages=("C2:WORK",))
    assert assess(client(), policy, TODAY).eligible
    waiting = (replace(OPEN, stage_id="C2:NEW"),)
    assert assess(client(deals=waiting), policy, TODAY).reason == "not_current"


def test_the_manager_is_the_companys_else_the_deals_responsible() -> None:
    """And is known also for those not asked (E7)."""
    assert assess(client(assigned_by=None, deals=(won(),)), POLICY, TODAY).manager == 7
    assert assess(client(opted_out=True), POLICY, TODAY).manager == 5


def test_own_companies_stand_in_no_list() -> None:
    """Whatever their deals say (E1)."""
    own = client(own_company=True)
    assert not is_client(own)
    assert list(freeze([own, client()], POLICY, TODAY)) == [assess(client(), POLICY, TODAY)]


def test_respondents_are_the_primary_contact_and_those_with_a_role() -> None:
    """Primary first, then who decides, who works with us daily, other; at most three (E6)."""
    people = (
        Person(20, emails=("a@example.com",)),
        Person(21, emails=("b@example.com",), role="other"),
        Person(22, emails=("c@example.com",), role="daily"),
        Person(23, emails=("d@example.com",), role="decides"),
        replace(ANNA, emails=("anna@example.com", "second@example.com")),
    )
    verdict = assess(client(people=people), POLICY, TODAY)
    assert [one.person.contact_id for one in verdict.respondents] == [11, 23, 22]
    one = assess(client(people=people), replace(POLICY, max_respondents=1), TODAY)
    assert [r.person.contact_id for r in one.respondents] == [11]
    plain = assess(client(people=people[:1] + people[-1:]), POLICY, TODAY)
    assert [r.person.contact_id for r in plain.respondents] == [11]


def test_without_the_primary_the_first_reachable_contact_is_asked() -> None:
    """A primary contact who opted out or has no address does not silence the client (E6)."""
    people = (
        replace(ANNA, emails=()),
        Person(30, emails=("x@example.com",)),
        Person(31, emails=("y@example.com",)),
    )
    verdict = assess(client(people=people), POLICY, TODAY)
    assert [one.person.contact_id for one in verdict.respondents] == [30]


def test_shared_mailboxes_only_if_nobody_else_is_there() -> None:
    """And marked (E6)."""
    shared = replace(ANNA, emails=("Info+news@Example.com", "anna@example.com"))
    assert assess(client(people=(shared,)), POLICY, TODAY).respondents[0].address == "anna@example.com"
    info = replace(ANNA, emails=("Info@example.com",))
    other = Person(30, emails=("x@example.com",))
    assert [r.person.contact_id for r in assess(client(people=(info, other)), POLICY, TODAY).respondents] == [
        30
    ]
    sales = Person(31, emails=("sales@example.com",), role="decides")
    only = assess(client(people=(info, sales)), POLICY, TODAY).respondents
    assert [(r.address, r.shared) for r in only] == [("Info@example.com", True)]


def test_two_cards_of_one_client_with_one_address_are_asked_once() -> None:
    """The same letter twice into one mailbox annoys."""
    twin = Person(30, emails=("ANNA@example.com",), role="decides")
    assert len(assess(client(people=(ANNA, twin)), POLICY, TODAY).respondents) == 1


def test_one_person_of_two_clients_is_asked_once_in_a_list() -> None:
    """The second client says *asked recently*, unless somebody else is there (E3)."""
    second = client(key=ClientKey("company", 2))
    third = client(key=ClientKey("company", 3), people=(ANNA, Person(30, emails=("x@example.com",))))
    verdicts = list(freeze([client(), second, third], POLICY, TODAY))
    assert [verdict.reason for verdict in verdicts] == [None, "asked_recently", None]
    assert verdicts[2].respondents[0].person.contact_id == 30


def test_nobody_appears_in_the_list_twice_or_not_at_all() -> None:
    """One verdict per client, in the order given."""
    clients = [client(key=ClientKey("company", n), people=()) for n in range(1, 30)]
    assert [verdict.key.id for verdict in freeze(clients, POLICY, TODAY)] == list(range(1, 30))


OPTIONAL_DAYS = st.none() | st.dates(date(2024, 1, 1), date(2027, 6, 1))
PEOPLE = st.lists(
    st.builds(
        Person,
        contact_id=st.integers(1, 9),
        emails=st.lists(st.sampled_from(["a@example.com", "info@example.com", "bad", "b@example.com"])).map(
            tuple
        ),
        role=st.sampled_from(["decides", "daily", "other", None]),
        opted_out=st.booleans(),
        hold_until=OPTIONAL_DAYS,
        primary=st.booleans(),
        last_asked_on=OPTIONAL_DAYS,
    ),
    max_size=4,
)
DEALS = st.lists(
    st.builds(
        DealFacts,
        id=st.integers(1, 99),
        category_id=st.sampled_from([0, 2]),
        stage_id=st.sampled_from(["C2:WORK", "C2:TROUBLE", "WON"]),
        semantics=st.sampled_from(["P", "S", "F"]),
        begin=OPTIONAL_DAYS,
        close=OPTIONAL_DAYS,
        won_on=OPTIONAL_DAYS,
        service_on=OPTIONAL_DAYS,
        recurring=st.booleans(),
    ),
    max_size=4,
)
CLIENTS = st.builds(
    ClientFacts,
    key=st.builds(ClientKey, st.sampled_from(["company", "contact"]), st.integers(1, 50)),
    opted_out=st.booleans(),
    hold_until=OPTIONAL_DAYS,
    last_asked_on=OPTIONAL_DAYS,
    excluded_by_hand=st.none() | st.just(Exclusion("a", "b")),
    deals=DEALS,
    people=PEOPLE,
)


@given(CLIENTS)
def test_a_verdict_is_either_people_or_one_reason(one: ClientFacts) -> None:
    """Eligible with at least one and at most three respondents, all askable; or exactly one known reason."""
    verdict = assess(one, POLICY, TODAY)
    assert verdict.eligible == (verdict.reason is None) == bool(verdict.respondents)
    assert verdict.reason is None or verdict.reason in REASONS
    assert len(verdict.respondents) <= 3
    for respondent in verdict.respondents:
        assert not respondent.person.opted_out
        assert respondent.address in respondent.person.emails
    assert verdict == assess(replace(one, people=one.people[::-1]), POLICY, TODAY) or len(
        {person.contact_id for person in one.people}
    ) < len(one.people)


@given(CLIENTS)
def test_e_mails_are_read_only_where_the_verdict_hangs_on_them(one: ClientFacts) -> None:
    """Where people are not needed, a client without readable addresses gets the same reason (T3)."""
    if needs_people(one, POLICY, TODAY):
        return
    blank = [replace(person, emails=()) for person in one.people]
    assert assess(replace(one, people=blank), POLICY, TODAY).reason == assess(one, POLICY, TODAY).reason


CALLS = replace(POLICY, calling=True)
PHONE = "+380501112233"


def phoned(number: int, *emails: str, phone: str = PHONE, **changes: Any) -> Person:
    return Person(contact_id=number, emails=emails, phones=(phone,) if phone else (), **changes)


@pytest.mark.parametrize(
    ("people", "asked"),
    [
        ([phoned(1, primary=True)], [(1, "phone", "", PHONE)]),
        ([phoned(1, "a@example.com", primary=True)], [(1, "email", "a@example.com", PHONE)]),
        ([phoned(1, phone="12", primary=True)], "no_channel"),  # no number anybody could dial
        # Alone with a shared mailbox: it is written to, too; with somebody beside, it is left alone.
        ([phoned(1, "info@example.com", primary=True)], [(1, "email", "info@example.com", PHONE)]),
        (
            [
                phoned(1, "info@example.com", primary=True),
                phoned(2, "b@example.com", phone="", role="decides"),
            ],
            [(1, "phone", "", PHONE), (2, "email", "b@example.com", "")],
        ),
        # The number of one desk: two letters, but not two calls to people who cannot be told apart.
        (
            [phoned(1, "a@example.com", primary=True), phoned(2, role="daily")],
            [(1, "email", "a@example.com", PHONE)],
        ),
        ([phoned(1, primary=True, opted_out=True)], "opted_out"),
        (
            [phoned(1, phone="+380509998877", primary=True)],
            "asked_recently",
        ),  # on the list for another client
    ],
)
def test_where_people_are_called_a_phone_is_enough(people: list[Person], asked: object) -> None:
    """Channel phone without an address; the frequency holds for the number as well (product.md E3, E6, W7)."""
    verdict = assess(client(people=people), CALLS, TODAY, {"0509998877"})
    found = [(one.person.contact_id, one.channel, one.address, one.phone) for one in verdict.respondents]
    assert (found or verdict.reason) == asked


def test_a_phone_alone_is_no_way_where_nobody_calls() -> None:
    """Without calls all is as if there were no numbers: two of one number are two people to write to."""
    assert assess(client(people=[phoned(1, primary=True)]), POLICY, TODAY).reason == "no_channel"
    one = phoned(1, "a@example.com", primary=True)
    verdict = assess(client(people=[one]), POLICY, TODAY, {"0501112233"})
    assert [respondent.keys for respondent in verdict.respondents] == [{"a@example.com"}]


def test_one_more_person_may_be_asked_by_phone_where_people_are_called() -> None:
    """A colleague whose card names a number alone (product.md W12)."""
    found = one_more(phoned(3), CALLS, TODAY)
    assert isinstance(found, Respondent)
    assert (found.channel, found.phone) == ("phone", PHONE)
    assert one_more(phoned(3), CALLS, TODAY, {"0501112233"}) == "asked_already"
    assert one_more(phoned(3), POLICY, TODAY) == "no_channel"

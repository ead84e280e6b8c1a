"""What the tab of a card shows, to whom, and at what cost (product.md P1, P2, B2, R7, W15)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select

from integration.nps.people import CardKey, ClientKey
from integration.nps.standing import LINK_ACTS
from integration.services import card, card_people, corrections, holds, optouts
from integration.services.card_rights import Denied, checked, kind_of_placement
from integration.services.card_types import CardView
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead, OptOut
from integration.store.outbox import OutboxRow
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import DIRECTOR, HEAD, MANAGER, World
from tests.services.tab_world import (
    CALLER,
    MARKUP,
    OUTSIDER,
    a_task,
    heard,
    held,
    history,
    tab_world,
    viewer,
)

CLIENT = ClientKey("company", 12)
SCORE = "UF_CRM_MOLVA_NPS_SCORE"


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return tab_world(sessions, clock)


def seen(
    world: World, user: int = HEAD, kind: str = "company", number: int = 12, item: Any = None, **who: Any
) -> CardView:
    return card.view(world.deps, viewer(world, user, card=(kind, number), **who), kind, number, item)


def test_score_words_years_and_people_come_together(world: World) -> None:
    history(world)
    held(world)
    found = seen(world)
    assert [(year.wave, year.score, year.imported) for year in found.years] == [
        ("2026", 3, False), ("2025", 8, False), ("2024", 7, False), ("2023", 6, True),
    ]  # fmt: skip
    now = found.years[0]
    assert [(one.contact_id, one.status, one.role) for one in now.said] == [
        (7, "counted", "decides"),
        (8, "held", "daily"),
    ]
    assert (now.people, now.group, now.said[0].channel) == (1, "detractor", "email")
    assert [person.contact_id for person in found.asked] == [7, 8]
    assert [(letter.kind, letter.state) for letter in found.asked[0].letters] == [
        ("announcement", "sent"), ("invitation", "sent"),
    ]  # fmt: skip
    assert (found.since, found.since_source, found.manager, found.city) == (
        date(2024, 5, 1), "service", "Clara Manager", "Kazan",
    )  # fmt: skip


def test_every_version_is_kept_for_the_reader(world: World) -> None:
    world.human(3, "No")
    number = seen(world).years[0].said[0].response_id
    form = {"score": "6", "comment": "No", "reason": "misheard"}
    corrections.correct(world.deps, world.portal.id, CLIENT, number, form, seen=1, who="Ada Head (1)")
    said = seen(world).years[0].said[0]
    assert [(v.score, v.author, v.reason) for v in said.versions] == [
        (3, "client", ""),
        (6, "Ada Head (1)", "misheard"),
    ]
    assert (said.score, said.revision) == (6, 2)


@pytest.mark.parametrize(
    ("kind", "number", "item", "client"),
    [
        ("company", 12, None, ("company", 12)),
        ("deal", 351, None, ("company", 12)),
        ("contact", 7, None, ("company", 12)),
        (
            "deal",
            999,
            {"id": 999, "companyId": 12, "contactIds": [7]},
            ("company", 12),
        ),  # newer than the mirror
        ("deal", 999, {"id": 999, "companyId": 0, "contactIds": [7]}, ("company", 12)),  # by the person
        ("deal", 999, {"id": 999, "companyId": None, "contactIds": []}, None),
        ("deal", 998, None, None),
        ("lead", 5, {"id": 5, "companyId": 12, "contactId": None}, ("company", 12)),
        ("lead", 5, {"id": 5, "title": "Somebody asks"}, None),
        ("contact", 55, {"id": 55, "companyIds": []}, ("contact", 55)),
        ("deal", 999, {"id": 999, "companyId": 1, "contactIds": [7]}, ("contact", 7)),  # our own company
    ],
)
def test_the_client_is_found_from_every_kind_of_card(
    world: World, kind: str, number: int, item: Any, client: tuple[str, int] | None
) -> None:
    assert seen(world, kind=kind, number=number, item=item).client == client


def test_a_lead_without_a_client_shows_who_recommended(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Lead(portal_id=world.portal.id, id=5, title="Asks", assigned_by=MANAGER,
                         referral={"UF_CRM_MOLVA_REFERRER": "CO_12"}))  # fmt: skip
    found = seen(world, MANAGER, "lead", 5)
    assert (found.client, found.title) == (None, "Asks")
    assert found.referrer is not None
    assert (found.referrer.card, found.referrer.name) == (CardKey("company", 12), "ACME")


def test_names_of_other_peoples_clients_are_not_told(world: World) -> None:
    history(world)
    heard(world, ("company", 58), ("company", 59), ("lead", 5))
    for user, names in (
        (HEAD, ["New Shop", "Secret Client", "A new lead"]),
        (MANAGER, ["New Shop", "", "A new lead"]),
        (OUTSIDER, ["", "Secret Client", ""]),
    ):
        found = seen(world, user)
        assert found.brought is not None
        assert [one.newcomer.name for one in found.brought.lines] == names
        assert [leaf.who.name for leaf in found.brought.leaves] == names
        assert [one.money is None for one in found.brought.lines] == [not name for name in names]
        assert found.referrer is not None
        assert (found.referrer.name == "Old Friends") is (user != OUTSIDER)
        assert (found.referrer.source, found.referrer.day) == ("client", date(2024, 4, 20))


@pytest.mark.parametrize(
    ("user", "administrator", "denied"),
    [
        (HEAD, False, {"opt_back"}),
        (HEAD, True, set()),
        (DIRECTOR, False, {"opt_back"}),
        (MANAGER, False, {"record", "correct", "confirm", "reject", "opt_back", *LINK_ACTS}),
        (
            OUTSIDER,
            False,
            {"hold", "lift", "opt_out", "opt_back", "correct", "confirm", "reject", "restore", *LINK_ACTS},
        ),
        (
            MANAGER,
            True,
            {"record", "correct", "confirm", "reject", *LINK_ACTS},
        ),  # W10 holds for administrators as well
    ],
)
def test_what_may_be_done_depends_on_who_looks(
    world: World, user: int, administrator: bool, denied: set[str]
) -> None:
    assert set(seen(world, user, administrator=administrator).why_not) == denied


def test_the_deals_responsible_is_an_own_manager_as_well(world: World) -> None:
    world.set(Deal, (world.portal.id, 352), assigned_by=OUTSIDER)
    assert seen(world, OUTSIDER).why_not["record"] == "own_client"
    world.set(Deal, (world.portal.id, 352), semantics="F")
    assert "record" not in seen(world, OUTSIDER).why_not


def test_every_act_is_checked_anew_and_only_for_the_card_that_was_proven(world: World) -> None:
    def denial(user: int, action: Any, right: tuple[str, int] | None = ("company", 12)) -> str:
        with pytest.raises(Denied) as refused:
            checked(world.deps, viewer(world, user, card=right), "company", 12, action)
        return str(refused.value.code)

    assert denial(HEAD, "hold", None) == "no_card"
    assert denial(HEAD, "hold", ("company", 57)) == "no_card"
    assert denial(HEAD, "hold", ("deal", 12)) == "no_card"
    assert denial(MANAGER, "correct") == "own_client"
    assert denial(CALLER, "hold") == "callers"
    assert checked(world.deps, viewer(world, HEAD), "company", 12, "correct").actor == "Ada Head (1)"
    world.set(Company, (world.portal.id, 12), assigned_by=HEAD)
    assert denial(HEAD, "correct") == "own_client"


def test_nothing_is_shown_without_the_right_to_the_card(world: World) -> None:
    for right in (None, ("company", 57), ("contact", 12)):
        with pytest.raises(Denied):
            card.view(world.deps, viewer(world, card=right), "company", 12)


def test_a_viewer_of_another_portal_sees_nothing(sessions: Sessions, clock: HandClock) -> None:
    mine, theirs = tab_world(sessions, clock, tag="a"), tab_world(sessions, clock, tag="b")
    history(mine)
    found = seen(theirs)
    assert (found.years, found.own, found.referrer) == ((), None, None)
    assert found.brought is not None
    assert found.brought.lines == found.brought.leaves == ()


# --- the score on the card


@pytest.mark.parametrize(
    ("on_card", "state"), [("10", "edited"), (10.0, "edited"), (None, "edited"), (3, None), ("3", None)]
)
def test_a_score_typed_by_hand_is_shown_as_a_difference(
    world: World, on_card: Any, state: str | None
) -> None:
    world.human(3, "No")
    for row in world.all_outbox():
        world.set(OutboxRow, row.id, status="done")
    world.set(Company, (world.portal.id, 12), scores={SCORE: on_card})
    for item in (None, {"id": 12, SCORE: on_card}):
        found = seen(world, item=item).difference
        assert (found.state if found else None) == state
    assert seen(world).years[0].score == 3  # what was typed never counts


def test_a_write_on_its_way_or_refused_is_no_ones_edit(world: World) -> None:
    world.human(3, "No")
    found = seen(world).difference
    assert found is not None
    assert (found.state, found.on_card, found.ours.score) == ("pending", None, 3)
    for row in world.all_outbox():
        world.set(OutboxRow, row.id, status="buried")
    found = seen(world).difference
    assert (found.state if found else "") == "failed"


def test_a_contact_shows_its_own_score_and_the_company_the_worst_decider(world: World) -> None:
    world.human(9, "Good", token=world.tokens[8])
    world.human(3, "Bad", token=world.tokens[7])
    found = seen(world, kind="contact", number=8)
    assert (found.years[0].score, [one.score for one in found.years[0].said if one.own]) == (3, [9])
    assert found.difference is not None
    assert found.difference.ours.score == 9
    assert found.years[0].spread == 6


# --- what happened


def test_everything_that_happened_is_one_line_each_the_youngest_first(world: World) -> None:
    history(world)
    held(world)
    a_task(world)
    for action in (
        lambda: holds.put(
            world.deps, world.portal.id, CLIENT, until=date(2026, 3, 1), reason="busy", who="Ada (1)"
        ),
        lambda: holds.lift(world.deps, world.portal.id, CLIENT, who="Bob (2)"),
        lambda: card_people.opt_out(world.deps, world.portal.id, CLIENT, 8, who="Ada (1)", reason="asked"),
        lambda: corrections.restore(
            world.deps, world.portal.id, CardKey("company", 12), CLIENT, who="Ada (1)"
        ),
    ):
        world.clock.advance(minutes=1)
        action()
    found = seen(world)
    moments = [event.at for event in found.events]
    assert moments == sorted(moments, reverse=True)
    codes = [event.code for event in found.events]
    assert codes[:5] == ["restore", "opt_out", "outcome", "hold_lifted", "hold"]
    assert {"letter", "answer", "held", "task_opened", "listed"} <= set(codes)
    assert codes.count("answer") == 4


def test_never_said_by_the_link_is_one_event_though_it_stands_under_address_and_number(world: World) -> None:
    people = {one.contact_id: one.id for one in world.rows(Invitation) if one.token in world.tokens.values()}
    world.set(Invitation, people[8], phone="+74951234567")
    assert optouts.opt_out(world.deps, world.tokens[8], one_click=True).status == "done"
    with transaction(world.deps.sessions) as session:
        words = set(session.scalars(select(OptOut.address)))
    assert ("4951234567" in words, len(words)) == (True, 2)
    assert [event.code for event in seen(world).events].count("opted_out") == 1


# --- the cost


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_queries_does_not_grow_with_clients_and_history(world: World, engine: Engine) -> None:
    history(world)
    held(world)
    a_task(world)
    with counted(engine) as few:
        seen(world, DIRECTOR)
    pid, wave = world.portal.id, world.wave_id
    with transaction(world.deps.sessions) as session:
        session.execute(
            insert(Company), [{"portal_id": pid, "id": n, "title": f"C{n}"} for n in range(1000, 1400)]
        )
        session.execute(insert(WaveClient), [
            {"portal_id": pid, "wave_id": wave, "client_kind": "company", "client_id": n} for n in range(1000, 1400)
        ])  # fmt: skip
        session.execute(
            insert(Contact), [{"portal_id": pid, "id": n, "name": "P"} for n in range(2000, 2020)]
        )
        session.execute(
            insert(ContactCompany),
            [{"portal_id": pid, "contact_id": n, "company_id": 12} for n in range(2000, 2020)],
        )
    with counted(engine) as many:
        seen(world, DIRECTOR)
    assert len(many) == len(few) <= 45
    world.set(Invitation, world.invitation().id, name=MARKUP)
    assert seen(world).asked[0].name == MARKUP  # escaped by the page, not here


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("crm_lead_detail_tab", "lead"), ("crm_deal_detail_tab", "deal"), ("CRM_COMPANY_DETAIL_TAB", "company"),
        ("crm_contact_detail_tab", "contact"), ("crm_deal_list_menu", None), ("default", None), ("", None),
        ("crm_quote_detail_tab", None), ("crm_deal_detail_tab/x", None),
    ],
)  # fmt: skip
def test_only_the_four_tabs_are_known(name: str, kind: str | None) -> None:
    assert kind_of_placement(name) == kind


@pytest.mark.parametrize("on_card", [0, "0", 0.0])
def test_a_nought_on_the_card_is_a_score_and_no_empty_field(world: World, on_card: Any) -> None:
    world.human(0, "No")
    for row in world.all_outbox():
        world.set(OutboxRow, row.id, status="done")
    world.set(Company, (world.portal.id, 12), scores={SCORE: on_card})
    for item in (None, {"id": 12, SCORE: on_card}):
        assert seen(world, item=item).difference is None


@pytest.mark.parametrize("on_card", [None, "", 5])
def test_an_imported_answer_is_no_difference_with_the_card(world: World, on_card: Any) -> None:
    world.human(9, "Good")
    for row in world.all_outbox():
        world.set(OutboxRow, row.id, status="done")
    world.set(Wave, world.wave_id, origin="import")
    world.set(Company, (world.portal.id, 12), scores={SCORE: on_card})
    for item in (None, {"id": 12, SCORE: on_card}):
        found = seen(world, item=item)
        assert (found.years[0].score, found.difference) == (9, None)
    card_key = CardKey("company", 12)
    assert corrections.restore(world.deps, world.portal.id, card_key, CLIENT, who="Ada Head (1)") == "unknown"


def test_the_card_is_judged_by_the_youngest_survey_that_molva_asked_itself(world: World) -> None:
    history(world)
    for row in world.all_outbox():
        world.set(OutboxRow, row.id, status="done")
    world.set(Wave, world.wave_id, origin="import")
    found = seen(world).difference
    assert found is not None
    assert (found.on_card, found.ours.score, found.ours.wave) == (None, 8, "2025")

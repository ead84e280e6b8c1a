"""Who recommended whom, carried without touching what people wrote (product.md R1, R2, R4, B5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.attribution import (
    Claim,
    ReferralCard,
    ReferralIntent,
    carry,
    first_claim,
    needs_name,
    resolve,
    settle,
)
from integration.nps.intents import FlagReferral, WriteReferral
from integration.nps.people import CardKey, ClientKey
from integration.nps.policy import Policy
from integration.nps.referral_guards import Addresses, Family, guard, same_address

TODAY, BEFORE = date(2026, 11, 10), date(2026, 5, 1)
POLICY = Policy()
FIRM, OTHER = ClientKey("company", 1), ClientKey("company", 2)
LEAD, DEAL = CardKey("lead", 3), CardKey("deal", 4)
COMPANY, CONTACT = CardKey("company", 1), CardKey("contact", 11)
FAMILY = Family.of([1], [11, 12])


def card(key: CardKey, **values: object) -> ReferralCard:
    return replace(ReferralCard(key), **values)  # type: ignore[arg-type]


def run(lead: ReferralCard | None, deal: ReferralCard | None, *clients: ReferralCard) -> list[ReferralIntent]:
    return carry(lead, deal, clients, FAMILY, POLICY, TODAY)


def test_a_claim_travels_from_lead_to_deal_to_company_and_contact() -> None:
    """With its source, referrer and date, and the portal's own source where there is one (R2)."""
    lead = card(LEAD, source="client", referrer=OTHER, day=BEFORE, source_id="RECOMMENDATION")
    assert run(lead, card(DEAL), card(COMPANY), card(CONTACT)) == [
        WriteReferral(DEAL, "client", OTHER, BEFORE, "RECOMMENDATION"),
        WriteReferral(COMPANY, "client", OTHER, BEFORE),
        WriteReferral(CONTACT, "client", OTHER, BEFORE),
    ]


def test_what_a_person_wrote_stays() -> None:
    """Another source keeps also the other referrer away: it would belong to a different story (B5)."""
    lead = card(LEAD, source="client", referrer=OTHER, day=BEFORE, source_id="RECOMMENDATION")
    written = card(COMPANY, source="event", day=BEFORE)
    assert run(lead, None, written) == []
    unknown = card(COMPANY, source="unknown", day=BEFORE)
    assert run(lead, None, unknown) == []
    third = ClientKey("company", 9)
    assert run(lead, None, card(COMPANY, referrer=third)) == [WriteReferral(COMPANY, "client", None, BEFORE)]
    same = card(COMPANY, source="client", day=TODAY)
    assert run(lead, None, same) == [WriteReferral(COMPANY, None, OTHER)]


def test_our_own_unknown_gives_way_to_knowledge() -> None:
    """Somebody said who, after the app had only known that it was a recommendation (R2)."""
    lead = card(LEAD, source="partner", referrer=OTHER, day=BEFORE, source_id="RECOMMENDATION")
    ours = card(DEAL, source="unknown", day=BEFORE, source_id="RECOMMENDATION", ours=frozenset({"source"}))
    assert run(lead, ours) == [WriteReferral(DEAL, "partner", OTHER)]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (card(LEAD, source_id="RECOMMENDATION"), [WriteReferral(LEAD, "unknown", None, TODAY)]),
        (card(LEAD, source_id="CALL"), []),
        (card(LEAD), []),
        (card(LEAD, source="client", day=BEFORE), [WriteReferral(LEAD, source_id="RECOMMENDATION")]),
        (card(LEAD, source="client", day=BEFORE, source_id="CALL"), []),
        (card(LEAD, source="event", day=BEFORE), []),
        (card(LEAD, source="rating", source_id="WEB"), [WriteReferral(LEAD, day=TODAY)]),
        (card(LEAD, source="client", source_id="RECOMMENDATION", day=BEFORE), []),
        (card(COMPANY, source="client", day=BEFORE), []),
    ],
)
def test_the_portals_own_source_and_ours_agree(one: ReferralCard, expected: list[WriteReferral]) -> None:
    """ "By recommendation" alone means unknown; a recommendation fills an empty own source, never another (R2)."""
    assert settle(one, POLICY, TODAY) == expected


def test_the_portals_source_may_have_another_code() -> None:
    """As named in the settings; with none named, the own source is left alone."""
    policy = replace(POLICY, recommendation_id="UC_7")
    assert settle(card(LEAD, source_id="UC_7"), policy, TODAY) == [
        WriteReferral(LEAD, "unknown", None, TODAY)
    ]
    assert settle(card(LEAD, source="client", day=BEFORE), policy, TODAY) == [
        WriteReferral(LEAD, source_id="UC_7")
    ]
    none = replace(POLICY, recommendation_id="")
    assert settle(card(LEAD, source="client", day=BEFORE), none, TODAY) == []
    assert settle(card(LEAD), none, TODAY) == []


@pytest.mark.parametrize(
    ("key", "referrer", "code"),
    [
        (COMPANY, FIRM, "self_referral"),
        (DEAL, FIRM, "self_referral"),
        (COMPANY, ClientKey("contact", 11), "own_contact"),
        (DEAL, ClientKey("contact", 12), "own_contact"),
        (CONTACT, ClientKey("contact", 11), "self_referral"),
        (CONTACT, FIRM, "own_contact"),
        (CONTACT, ClientKey("contact", 12), "own_contact"),
    ],
)
def test_nobody_refers_themselves_or_their_own_people(key: CardKey, referrer: ClientKey, code: str) -> None:
    """The claim is flagged for people to see (R4)."""
    flag = guard(key, referrer, FAMILY, lambda client: None)
    assert flag == FlagReferral(key, code, (referrer,))  # type: ignore[arg-type]


def test_a_wrong_referrer_is_flagged_and_not_carried_but_its_source_is() -> None:
    """The source may still be right (R2, R4)."""
    lead = card(LEAD, source="client", referrer=FIRM, day=BEFORE, source_id="RECOMMENDATION")
    assert run(lead, card(DEAL, source_id="RECOMMENDATION"), card(COMPANY)) == [
        FlagReferral(LEAD, "self_referral", (FIRM,)),
        WriteReferral(DEAL, "client", None, BEFORE),
        WriteReferral(COMPANY, "client", None, BEFORE),
    ]


def test_a_circle_is_refused_with_its_chain() -> None:
    """1 brought 5, 5 brought 2: 2 cannot have brought 1 (R4)."""
    brought_by = {OTHER: ClientKey("company", 5), ClientKey("company", 5): FIRM}
    flag = guard(COMPANY, OTHER, FAMILY, brought_by.get)
    assert flag == FlagReferral(COMPANY, "cycle", (OTHER, ClientKey("company", 5), FIRM))
    lead = card(LEAD, source="client", referrer=OTHER, day=BEFORE, source_id="RECOMMENDATION")
    found = carry(lead, None, [card(COMPANY)], FAMILY, POLICY, TODAY, brought_by.get)
    assert [intent.code for intent in found if isinstance(intent, FlagReferral)] == ["cycle"]
    assert [intent.referrer for intent in found if isinstance(intent, WriteReferral)] == [None]


def test_an_old_circle_elsewhere_does_not_hang() -> None:
    """It is neither made nor joined by this claim."""
    brought_by = {OTHER: ClientKey("company", 5), ClientKey("company", 5): OTHER}
    assert guard(COMPANY, OTHER, FAMILY, brought_by.get) is None


def test_the_first_dated_claim_counts() -> None:
    """Undated ones last; on one day the one that names somebody (R4)."""
    early, late = Claim("client", None, BEFORE), Claim("client", OTHER, TODAY)
    undated, named = Claim("client", OTHER, None), Claim("partner", OTHER, BEFORE)
    one, two, three = CardKey("deal", 1), CardKey("deal", 2), CardKey("deal", 3)
    assert first_claim({one: late, two: early, three: undated}) == (two, early)
    assert first_claim({one: early, two: named}) == (two, named)
    assert first_claim({three: undated, one: undated}) == (one, undated)
    assert first_claim({}) is None


SECOND, PARTNER = CardKey("deal", 5), ClientKey("contact", 77)
EARLY, LATE = date(2026, 3, 1), date(2026, 9, 1)


def deal(number: CardKey = DEAL, **values: object) -> ReferralCard:
    return card(number, **values)


# What people wrote, card by card -> what counts (source, referrer, day), where it stands, and who says otherwise.
CLAIMS: dict[
    str, tuple[list[ReferralCard], tuple[str, ClientKey | None, date] | None, CardKey | None, list[CardKey]]
]
CLAIMS = {
    "nobody said anything": ([card(LEAD), deal(), card(COMPANY)], None, None, []),
    "the portal's own source alone: a recommendation, nobody knows whose": (
        [card(LEAD, source_id="RECOMMENDATION", seen=EARLY)], ("unknown", None, EARLY), LEAD, [],
    ),
    "somebody says who, on any card of the newcomer": (
        [card(LEAD, source_id="RECOMMENDATION", seen=EARLY), card(COMPANY, source="client", referrer=OTHER, day=LATE)],
        ("client", OTHER, LATE), COMPANY, [],
    ),
    "two claims: the first dated one": (
        [deal(source="client", referrer=OTHER, day=LATE), deal(SECOND, source="partner", referrer=PARTNER, day=EARLY)],
        ("partner", PARTNER, EARLY), SECOND, [DEAL],
    ),
    "a claim without a day counts from the day it was first seen": (
        [deal(source="client", referrer=OTHER, seen=EARLY), deal(SECOND, source="partner", day=LATE)],
        ("client", OTHER, EARLY), DEAL, [SECOND],
    ),
    "on one day the one that names somebody": (
        [deal(source="event", day=EARLY), deal(SECOND, source="partner", referrer=PARTNER, day=EARLY)],
        ("partner", PARTNER, EARLY), SECOND, [DEAL],
    ),
    "a source and a name on two cards tell one story; the day of the first stays": (
        [card(LEAD, source="client", day=EARLY), card(COMPANY, source="client", referrer=OTHER, day=LATE)],
        ("client", OTHER, EARLY), COMPANY, [],
    ),
    "a name alone takes the source of whoever does not contradict": (
        [card(LEAD, referrer=OTHER, day=EARLY), deal(source="partner", day=LATE)], ("partner", OTHER, EARLY), LEAD, [],
    ),
    "the same said twice is no second claim": (
        [deal(source="client", referrer=OTHER, day=EARLY), card(COMPANY, source="client", referrer=OTHER, day=LATE)],
        ("client", OTHER, EARLY), DEAL, [],
    ),
    "a later source is another claim, and waits": (
        [card(LEAD, source="event", day=EARLY), deal(source="client", referrer=OTHER, day=LATE)],
        ("event", None, EARLY), LEAD, [DEAL],
    ),
    "what the app carried is no claim": (
        [deal(source="client", referrer=OTHER, day=LATE),
         card(COMPANY, source="partner", referrer=PARTNER, day=EARLY, ours=frozenset({"source", "referrer", "day"}))],
        ("client", OTHER, LATE), DEAL, [],
    ),
    "a person's own unknown claims nothing against others": (
        [card(COMPANY, source="unknown", day=EARLY), deal(source="client", referrer=OTHER, day=LATE)],
        ("client", OTHER, LATE), DEAL, [],
    ),
    "an employee needs no card": ([deal(source="employee", day=EARLY)], ("employee", None, EARLY), DEAL, []),
    "a claim that cannot stand leaves its source, and the name to the next": (
        [deal(source="client", referrer=FIRM, day=EARLY), deal(SECOND, source="client", referrer=OTHER, day=LATE)],
        ("client", OTHER, EARLY), SECOND, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_what_counts_for_a_newcomer(name: str) -> None:
    """Whatever the order in which the cards are read (R2, R4)."""
    given_cards, expected, via, rivals = CLAIMS[name]
    for order in permutations(given_cards):
        found = resolve(
            order, POLICY, TODAY, lambda key, who, _: guard(key, who, FAMILY, lambda client: None)
        )
        assert (found.counted, found.via) == (Claim(*expected) if expected else None, via)
        assert sorted(found.rivals) == sorted(rivals)


def test_a_person_may_overrule_and_nobodys_entry_is_touched() -> None:
    """The app's own entries follow the ruling, also the ruling that it was nobody (R4, B5)."""
    ours = card(
        COMPANY, source="client", referrer=OTHER, day=LATE, ours=frozenset({"source", "referrer", "day"})
    )
    cards = [deal(source="client", referrer=OTHER, day=LATE, source_id="WEB"), ours]
    ruling = Claim("partner", PARTNER, TODAY)
    found = resolve(cards, POLICY, TODAY, lambda *_: None, overruled=ruling)
    assert found.writes == (WriteReferral(COMPANY, "partner", PARTNER, TODAY),)
    assert found.rivals == (DEAL,)
    nobody = resolve(cards, POLICY, TODAY, lambda *_: None, overruled=Claim("", None, None))
    assert nobody.writes == (WriteReferral(COMPANY, clear=("source", "referrer", "day")),)


def test_what_a_person_emptied_stays_empty_field_by_field() -> None:
    """A name that was taken away is not written again, while the source is (B5)."""
    cards = [
        deal(source="client", referrer=OTHER, day=EARLY, source_id="WEB"),
        card(COMPANY, cleared=frozenset({"referrer"})),
    ]
    assert resolve(cards, POLICY, TODAY, lambda *_: None).writes == (
        WriteReferral(COMPANY, "client", None, EARLY),
    )


@pytest.mark.parametrize(
    ("claim", "by_portal", "asked"),
    [
        (Claim("client", None, EARLY), False, True), (Claim("former_client", None, EARLY), False, True),
        (Claim("partner", None, EARLY), False, True), (Claim("employee", None, EARLY), True, False),
        (Claim("client", OTHER, EARLY), True, False), (Claim("event", None, EARLY), False, False),
        (Claim("unknown", None, EARLY), True, True), (Claim("unknown", None, EARLY), False, False),
        (None, True, False),
    ],
)  # fmt: skip
def test_who_is_asked_for_a_name(claim: Claim | None, by_portal: bool, asked: bool) -> None:
    """A client, a former one, a partner, or "by recommendation" by the portal's own source (R3)."""
    assert needs_name(claim, by_portal, POLICY) is asked


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        (Addresses(("A@x.example",)), Addresses((" a@X.example ",)), "email"),
        (Addresses((), ("+7 900 111-22-33",)), Addresses((), ("8 (900) 1112233",)), "phone"),
        (Addresses((), ("111",)), Addresses((), ("111",)), ""), (Addresses(), Addresses(("a@x.example",)), ""),
        (Addresses(("",)), Addresses(("",)), ""),
    ],
)  # fmt: skip
def test_a_common_address_shows_two_cards_of_one_person(own: Addresses, other: Addresses, same: str) -> None:
    """However it is typed; an extension of three digits is nobody's phone (R4)."""
    assert same_address([Addresses(), own], other) == same


DAYS = st.sampled_from([None, BEFORE, date(2026, 4, 1), date(2026, 8, 1)])


@st.composite
def cards(draw: st.DrawFn, key: CardKey) -> ReferralCard:
    """Any card, with any of its fields ours."""
    one = ReferralCard(
        key,
        draw(st.sampled_from(["", "client", "event", "unknown"])),
        draw(st.sampled_from([None, OTHER, FIRM, ClientKey("contact", 12), ClientKey("company", 9)])),
        draw(DAYS),
        draw(st.sampled_from(["", "RECOMMENDATION", "CALL"])) if key.kind in ("lead", "deal") else "",
        seen=draw(DAYS),
        settled=draw(st.booleans()),
    )
    written = [name for name in ("source", "referrer", "day") if getattr(one, name)]
    ours = draw(st.sets(st.sampled_from(written))) if written else set()
    return replace(one, ours=frozenset(ours))


def after(one: ReferralCard, write: WriteReferral) -> ReferralCard:
    """The card as a write leaves it: what was written is ours from then on."""
    values: dict[str, Any] = {name: "" if name == "source" else None for name in write.clear}
    written = {name for name in ("source", "referrer", "day") if getattr(write, name) is not None}
    values |= {name: getattr(write, name) for name in written}
    if write.source_id is not None:
        values |= {"source_id": write.source_id, "settled": True}
    return replace(one, **values, ours=one.ours - set(write.clear) | written)


@given(st.tuples(cards(LEAD), cards(DEAL), cards(COMPANY), cards(CONTACT)))
def test_carrying_leaves_people_alone_and_is_done_at_once(
    given_cards: tuple[ReferralCard, ReferralCard, ReferralCard, ReferralCard],
) -> None:
    """No field with a person's value is written or cleared; after the writes there is nothing left to write."""
    known = {one.card: one for one in given_cards}
    for intent in run(*given_cards):
        if isinstance(intent, WriteReferral):
            one = known[intent.card]
            assert intent.source is None or one.open_source
            assert intent.referrer is None or one.open_referrer
            assert intent.day is None or one.day is None or "day" in one.ours
            assert intent.source_id is None or one.source_id == ""
            assert set(intent.clear) <= one.ours
            assert intent.referrer != FIRM
            known[intent.card] = after(one, intent)
    again = run(known[LEAD], known[DEAL], known[COMPANY], known[CONTACT])
    assert not [intent for intent in again if isinstance(intent, WriteReferral)]


@given(st.tuples(cards(LEAD), cards(DEAL), cards(COMPANY), cards(CONTACT)))
def test_what_we_wrote_before_decides_nothing(
    given_cards: tuple[ReferralCard, ReferralCard, ReferralCard, ReferralCard],
) -> None:
    """Two portals where people wrote the same end the same, whatever of ours stood on the cards meanwhile."""
    plain = [
        replace(
            one,
            source="" if "source" in one.ours else one.source,
            referrer=None if "referrer" in one.ours else one.referrer,
            day=None if "day" in one.ours else one.day,
            ours=frozenset(),
        )
        for one in given_cards
    ]

    def end(many: Sequence[ReferralCard]) -> list[ReferralCard]:
        found = {one.card: one for one in many}
        for intent in run(*many):
            if isinstance(intent, WriteReferral):
                found[intent.card] = after(found[intent.card], intent)
        return [replace(one, ours=frozenset(), settled=False) for one in found.values()]

    assert end(given_cards) == end(plain)

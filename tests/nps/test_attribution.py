"""Who recommended whom, carried without touching what people wrote (product.md R1, R2, R4, B5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.attribution import (
    Claim,
    Family,
    ReferralCard,
    ReferralIntent,
    carry,
    first_claim,
    guard,
    settle,
)
from integration.nps.intents import FlagReferral, WriteReferral
from integration.nps.people import CardKey, ClientKey
from integration.nps.policy import Policy

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


CARDS = {
    key: st.builds(
        ReferralCard,
        st.just(key),
        st.sampled_from(["", "client", "event", "unknown"]),
        st.sampled_from([None, OTHER, FIRM, ClientKey("contact", 12)]),
        st.sampled_from([None, BEFORE]),
        st.sampled_from(["", "RECOMMENDATION", "CALL"]) if key.kind in ("lead", "deal") else st.just(""),
        st.sampled_from([frozenset(), frozenset({"source"})]),
    )
    for key in (LEAD, DEAL, COMPANY, CONTACT)
}


@given(CARDS[LEAD], CARDS[DEAL], CARDS[COMPANY], CARDS[CONTACT])
def test_carrying_fills_only_what_is_empty_and_only_once(
    lead: ReferralCard, deal: ReferralCard, company: ReferralCard, contact: ReferralCard
) -> None:
    """No field with a person's value is written; after the writes there is nothing left to write."""
    cards = {one.card: one for one in (lead, deal, company, contact)}
    for intent in run(lead, deal, company, contact):
        if isinstance(intent, WriteReferral):
            one = cards[intent.card]
            assert intent.source is None or one.open_source
            assert intent.referrer is None or one.referrer is None
            assert intent.day is None or one.day is None
            assert intent.source_id is None or one.source_id == ""
            assert intent.referrer != FIRM
            cards[intent.card] = replace(
                one,
                source=intent.source or one.source,
                referrer=intent.referrer or one.referrer,
                day=intent.day or one.day,
                source_id=intent.source_id or one.source_id,
                ours=one.ours | ({"source"} if intent.source else set()),
            )
    again = run(cards[LEAD], cards[DEAL], cards[COMPANY], cards[CONTACT])
    assert not [intent for intent in again if isinstance(intent, WriteReferral)]

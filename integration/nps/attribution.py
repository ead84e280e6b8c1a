"""Who recommended whom, carried from lead to deal to client (product.md R1, R2, R4, B5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from .intents import FlagReferral, WriteReferral
from .people import CardKey, ClientKey
from .policy import Policy

UNKNOWN = "unknown"
ReferrerOf: TypeAlias = Callable[[ClientKey], ClientKey | None]


@dataclass(frozen=True, slots=True)
class ReferralCard:
    """The referral fields of one card as they stand in the portal. Empty source or source_id: not set.

    ``ours``: names of the fields (``source``, ``referrer``, ``day``) whose present value the app wrote; all
    others are a person's and stay (product.md B5). ``source_id``: the portal's own source, on lead and deal.
    """

    card: CardKey
    source: str = ""
    referrer: ClientKey | None = None
    day: date | None = None
    source_id: str = ""
    ours: frozenset[str] = frozenset()

    @property
    def open_source(self) -> bool:
        """Nothing known yet: empty, or our own "unknown"."""
        return not self.source or (self.source == UNKNOWN and "source" in self.ours)


@dataclass(frozen=True, slots=True)
class Family:
    """The newcomer's own cards: what may not stand as its referrer (product.md R4)."""

    members: frozenset[ClientKey]

    @classmethod
    def of(cls, companies: Iterable[int], contacts: Iterable[int]) -> Family:
        """A company with its contact persons, or a contact with its companies."""
        return cls(
            frozenset(ClientKey("company", one) for one in companies)
            | frozenset(ClientKey("contact", one) for one in contacts)
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """What one card says: source, referrer, since when."""

    source: str
    referrer: ClientKey | None
    day: date | None


ReferralIntent: TypeAlias = WriteReferral | FlagReferral


def settle(card: ReferralCard, policy: Policy, today: date) -> list[ReferralIntent]:
    """One card in itself: the portal's own source "by recommendation" and ours agree (product.md R2).

    That source alone means *unknown* until somebody says who; a source that is a recommendation fills an
    empty ``SOURCE_ID`` of a lead or deal; a claim without a day is dated.
    """
    return carry(None, None, [card], Family(frozenset()), policy, today)


def carry(
    lead: ReferralCard | None,
    deal: ReferralCard | None,
    clients: Sequence[ReferralCard],
    family: Family,
    policy: Policy,
    today: date,
    referrer_of: ReferrerOf = lambda key: None,
) -> list[ReferralIntent]:
    """Everything to write on the cards of one sale: each in itself, then lead → deal → company and contact.

    Only empty fields are filled; running it again after the writes gives no write. A referrer that is the
    newcomer or one of its own people, or that would close a circle, is not carried but flagged, each time.
    """
    intents: list[ReferralIntent] = []
    claim: Claim | None = None
    chain = [card for card in (lead, deal) if card is not None]
    for card in (*chain, *clients):
        filled = _filled(card, claim, policy, today)
        if filled and filled.referrer and (flag := guard(card.card, filled.referrer, family, referrer_of)):
            intents.append(flag)
            filled = replace(filled, referrer=None)
        if filled:
            intents += _writes(card, filled, policy)
        if card in chain:
            claim = filled or claim
    return intents


def _filled(card: ReferralCard, above: Claim | None, policy: Policy, today: date) -> Claim | None:
    """What a card says once its empty fields are filled from the card above it.

    A referrer belongs to its source: it is taken only where the source is the same or was open.
    """
    source = card.source
    if above and above.source and card.open_source:
        source = above.source
    if not source and card.source_id and card.source_id == policy.recommendation_id:
        source = UNKNOWN
    same = above is not None and source == above.source
    referrer = card.referrer or (above.referrer if above and same else None)
    if not source and referrer is None:
        return None
    return Claim(source, referrer, card.day or (above.day if above and same else None) or today)


def _writes(card: ReferralCard, filled: Claim, policy: Policy) -> list[WriteReferral]:
    """The differences between a card and what it should say; a referrer already there is never replaced."""
    source = filled.source if filled.source != card.source else None
    referrer = filled.referrer if card.referrer is None else None
    day = filled.day if card.day is None else None
    source_id = None
    if card.card.kind in ("lead", "deal") and not card.source_id and policy.recommendation_id:
        source_id = policy.recommendation_id if filled.source in policy.recommending_sources else None
    if source is None and referrer is None and day is None and source_id is None:
        return []
    return [WriteReferral(card.card, source, referrer, day, source_id)]


def guard(card: CardKey, referrer: ClientKey, family: Family, referrer_of: ReferrerOf) -> FlagReferral | None:
    """Why a referrer cannot stand (product.md R4): itself, its own contact person or company, or a circle.

    ``referrer_of``: who brought a client, by the cards. The chain runs from the claimed referrer on.
    """
    if (referrer.kind, referrer.id) == (card.kind, card.id):
        return FlagReferral(card, "self_referral", (referrer,))
    if referrer in family.members:
        companies = any(member.kind == "company" for member in family.members)
        own_person = card.kind == "contact" or (referrer.kind == "contact" and companies)
        return FlagReferral(card, "own_contact" if own_person else "self_referral", (referrer,))
    chain = [referrer]
    while (above := referrer_of(chain[-1])) is not None:
        if above in family.members:
            return FlagReferral(card, "cycle", (*chain, above))
        if above in chain:
            return None  # an old circle elsewhere, which this claim neither makes nor joins to the newcomer
        chain.append(above)
    return None


def first_claim(claims: Mapping[CardKey, Claim]) -> tuple[CardKey, Claim] | None:
    """Two claims for one client: the first dated one counts, undated ones last, then the lower card id (R4).

    A claim with a referrer goes before one without on the same day. None without claims.
    """
    if not claims:
        return None
    return min(
        claims.items(),
        key=lambda item: (item[1].day or date.max, item[1].referrer is None, item[0].kind, item[0].id),
    )

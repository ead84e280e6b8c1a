"""Who recommended whom: what counts for a newcomer, and what its cards should say (product.md R1, R2, R4, B5).

What people wrote on cards are *claims*; what the app wrote follows from them and gives way when they change. So
the outcome depends on the claims and on how the cards are linked (`newcomers`), not on the order of events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from .intents import FlagReferral, WriteReferral
from .people import CardKey, ClientKey
from .policy import Policy
from .referral_guards import Family, ReferrerOf, guard

UNKNOWN = "unknown"
EMPLOYEE = "employee"  # the one recommendation whose referrer is no card of a client
_ORDER = {"company": 0, "contact": 1, "deal": 2, "lead": 3}


@dataclass(frozen=True, slots=True)
class ReferralCard:
    """The referral fields of one card as they stand in the portal. Empty source or source_id: not set.

    ``ours``: names of the fields (``source``, ``referrer``, ``day``) whose present value the app wrote; all
    others are a person's and stay (product.md B5). ``source_id``: the portal's own source, on lead and deal.
    ``cleared``: names of fields that a person emptied after us; they stay empty.
    ``seen``: the day this card's claim was first seen, for claims without a day. ``settled``: the app has set
    ``source_id`` once and does not again. ``lead``: the lead a deal came from.
    """

    card: CardKey
    source: str = ""
    referrer: ClientKey | None = None
    day: date | None = None
    source_id: str = ""
    ours: frozenset[str] = frozenset()
    cleared: frozenset[str] = frozenset()
    seen: date | None = None
    settled: bool = False
    lead: CardKey | None = None

    @property
    def open_source(self) -> bool:
        """Nothing known yet: empty, or what the app itself wrote."""
        return "source" not in self.cleared and (not self.source or "source" in self.ours)

    @property
    def open_referrer(self) -> bool:
        """Nobody named, or by the app alone."""
        return "referrer" not in self.cleared and (self.referrer is None or "referrer" in self.ours)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one card says: source, referrer, since when."""

    source: str
    referrer: ClientKey | None
    day: date | None

    @property
    def weak(self) -> bool:
        """Says nothing but that there may have been a recommendation."""
        return self.source in ("", UNKNOWN) and self.referrer is None


Refused: TypeAlias = Callable[[CardKey, ClientKey, date | None], FlagReferral | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What counts for a newcomer. ``via``: the card it stands on; ``claims``: what people wrote, card by card;
    ``rivals``: cards that say otherwise; ``flags``: claims that cannot stand; ``writes``: what the cards lack."""

    counted: Claim | None
    via: CardKey | None
    claims: Mapping[CardKey, Claim]
    rivals: tuple[CardKey, ...]
    flags: tuple[FlagReferral, ...]
    writes: tuple[WriteReferral, ...]


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

    Only empty fields and our own are filled; running it again after the writes gives no write. A referrer that
    is the newcomer or one of its own people, or that would close a circle, is not carried but flagged.
    """
    if deal is not None and lead is not None:
        deal = replace(deal, lead=lead.card)
    cards = [card for card in (lead, deal, *clients) if card is not None]
    found = resolve(cards, policy, today, lambda card, key, _: guard(card, key, family, referrer_of))
    return [*found.flags, *found.writes]


def resolve(
    cards: Sequence[ReferralCard],
    policy: Policy,
    today: date,
    refused: Refused,
    *,
    overruled: Claim | None = None,
) -> Outcome:
    """What counts for a newcomer with these cards, given from lead to client, and what to write on them.

    ``refused``: why a referrer named on a card since a day cannot stand; its source may still be right.
    ``overruled``: what a person decided against the rule; it counts whatever the cards say (product.md R4).
    """
    said = {card.card: claim for card in cards if (claim := own_claim(card, policy, today))}
    flags = [
        flag
        for key, claim in said.items()
        if claim.referrer and (flag := refused(key, claim.referrer, claim.day)) is not None
    ]
    wrong = {flag.card for flag in flags}
    valid = {key: replace(claim, referrer=None) if key in wrong else claim for key, claim in said.items()}
    found = best_claim(valid)
    via, counted = found if found else (None, None)
    if overruled is not None:
        via, counted = None, overruled
    targets: dict[CardKey, Claim | None] = {}
    writes: list[WriteReferral] = []
    for card in cards:
        above = _above(card, counted, valid, targets)
        wanted = _filled(card, valid.get(card.card), above)
        misled = wanted is not None and card.card in wrong and wanted.referrer == card.referrer
        targets[card.card] = replace(wanted, referrer=None) if wanted and misled else wanted
        if (write := _difference(card, wanted, policy)) is not None:
            writes.append(write)
    rivals = tuple(key for key, claim in valid.items() if counted and _contradicts(claim, counted))
    return Outcome(counted, via, said, rivals, tuple(flags), tuple(writes))


def own_claim(card: ReferralCard, policy: Policy, today: date) -> Claim | None:
    """What people say on a card: its fields without ours, or the portal's own source alone (product.md R2)."""
    source = "" if "source" in card.ours else card.source
    referrer = None if "referrer" in card.ours else card.referrer
    if not source and _by_portal(card, policy):
        source = UNKNOWN
    if not source and referrer is None:
        return None
    day = card.day if card.day and "day" not in card.ours else card.seen or today
    return Claim(source, referrer, day)


def _by_portal(card: ReferralCard, policy: Policy) -> bool:
    return bool(card.source_id) and card.source_id == policy.recommendation_id and not card.settled


def best_claim(claims: Mapping[CardKey, Claim]) -> tuple[CardKey, Claim] | None:
    """The first dated claim that says something, completed by those that agree with it (product.md R4).

    Without any such claim the first "unknown". A source without a name takes the name of the first claim with the
    same source, a name without a source the source of the first claim that does not name somebody else.
    """
    strong = {key: claim for key, claim in claims.items() if not claim.weak}
    found = first_claim(strong or claims)
    if found is None:
        return None
    via, best = found
    for key, claim in sorted(strong.items(), key=_rank):
        if best.referrer is None and claim.referrer and claim.source in (best.source, "", UNKNOWN):
            best, via = replace(best, referrer=claim.referrer), key
        fits = claim.source not in ("", UNKNOWN) and claim.referrer in (None, best.referrer)
        if best.source in ("", UNKNOWN) and fits:
            best = replace(best, source=claim.source)
    return via, best


def _contradicts(claim: Claim, counted: Claim) -> bool:
    if claim.weak:
        return False
    other = claim.source not in ("", UNKNOWN, counted.source)
    return other or (claim.referrer is not None and claim.referrer != counted.referrer)


def _above(
    card: ReferralCard,
    counted: Claim | None,
    valid: Mapping[CardKey, Claim],
    targets: Mapping[CardKey, Claim | None],
) -> Claim | None:
    """Where a card takes what it lacks from: a deal from its lead, a client from what counts.

    A lead or deal that only says "by recommendation" learns who it was from what counts.
    """
    if card.card.kind in ("company", "contact"):
        return counted
    above = targets.get(card.lead) if card.lead else None
    known = above or valid.get(card.card)
    if known is not None and known.weak and (valid.get(card.card) or known).weak and counted is not None:
        return counted
    return above


def _filled(card: ReferralCard, own: Claim | None, above: Claim | None) -> Claim | None:
    """What a card should say: people's entry, completed from above where both tell the same story.

    A referrer belongs to its source: it is taken only where the source is the same or was open.
    """
    source = "" if card.open_source else card.source
    if above and above.source and not source:
        source = above.source
    if not source and own is not None:
        source = own.source
    same = above is not None and source == above.source
    referrer = card.referrer if not card.open_referrer else None
    taken = above.referrer if above and same else None
    if not source and referrer is None and taken is None:
        return None
    day = above.day if above and same else (own.day if own else None)
    return Claim(source, referrer or taken, day)


def _difference(card: ReferralCard, wanted: Claim | None, policy: Policy) -> WriteReferral | None:
    """What to write so that a card says what it should; nothing a person wrote is touched (product.md B5)."""
    clear: list[str] = []
    source = wanted.source if wanted and wanted.source else None
    if source == card.source or not card.open_source:
        source = None
    elif source is None and card.source and "source" in card.ours:
        clear.append("source")
    referrer = wanted.referrer if wanted else None
    if referrer == card.referrer or not card.open_referrer:
        referrer = None
    elif referrer is None and card.referrer and "referrer" in card.ours:
        clear.append("referrer")
    day = wanted.day if wanted else None
    closed = "day" in card.cleared or (card.day is not None and "day" not in card.ours)
    if day == card.day or closed:
        day = None
    elif day is None and card.day and "day" in card.ours:
        clear.append("day")
    source_id = None
    if card.card.kind in ("lead", "deal") and not card.source_id and not card.settled:
        recommends = wanted is not None and wanted.source in policy.recommending_sources
        source_id = policy.recommendation_id if recommends and policy.recommendation_id else None
    if source is None and referrer is None and day is None and source_id is None and not clear:
        return None
    return WriteReferral(card.card, source, referrer, day, source_id, tuple(clear))


def first_claim(claims: Mapping[CardKey, Claim]) -> tuple[CardKey, Claim] | None:
    """Two claims for one client: the first dated one counts, undated ones last, then the lower card id (R4).

    A claim with a referrer goes before one without on the same day. None without claims.
    """
    return min(claims.items(), key=_rank, default=None)


def _rank(item: tuple[CardKey, Claim]) -> tuple[date, bool, int, int]:
    key, claim = item
    return claim.day or date.max, claim.referrer is None, _ORDER[key.kind], key.id


def needs_name(claim: Claim | None, by_portal: bool, policy: Policy) -> bool:
    """Whether somebody should be named and is not (product.md R3): a client, former client, partner or an own
    source that recommends; "unknown" only where the portal's own source says there was a recommendation."""
    if claim is None or claim.referrer is not None or claim.source == EMPLOYEE:
        return False
    return claim.source in policy.recommending_sources or (claim.source in ("", UNKNOWN) and by_portal)

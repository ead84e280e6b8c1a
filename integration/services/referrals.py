"""Who recommended whom, worked out anew whenever a card changes (product.md R1, R2, R4, B5, B6).

What counts follows from what people wrote and from how the cards are linked now (`nps.newcomers`, `nps.attribution`);
here are only the facts gathered and the outcome kept: rows, and writes to cards in the outbox (ADR 0010).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.logs import log
from integration.nps.attribution import Claim, Outcome, resolve
from integration.nps.intents import FlagReferral
from integration.nps.newcomers import Arrival, arrival, newcomers_of
from integration.nps.people import CardKey, ClientKey
from integration.nps.policy import Policy
from integration.nps.workdays import local_day, zone_named
from integration.services import (
    policies,
    referral_cards,
    referral_ladder,
    referral_reminders,
    referral_rows,
    referral_tally,
)
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.services.referral_book import MirrorBook
from integration.services.referral_guards import Guards, client_of, family
from integration.services.referral_rows import Judged
from integration.services.referral_silence import silent
from integration.services.referral_writes import write
from integration.store import card_moves
from integration.store import referrals as rows
from integration.store.portals import Portal
from integration.store.referral_rows import Referral

_log = log(__name__)
DEPTH = 4  # newcomers that one change may lead to, one after the other
RETRIED = 20  # circles that are looked at again when something changed


@dataclass(slots=True)
class Work:
    """One change in one portal: what everything below needs. `quiet`: rows only, nothing is written or asked."""

    deps: Deps
    session: Session
    portal: Portal
    policy: Policy
    book: MirrorBook
    now: datetime
    today: date
    cause: Cause
    quiet: bool = False

    @classmethod
    def of(
        cls, deps: Deps, session: Session, portal: Portal, cause: Cause, *, quiet: bool = False,
        policy: Policy | None = None,
    ) -> Work:  # fmt: skip
        """Everything about this moment in this portal. `policy`: its rules, if they are at hand."""
        policy = policy or policies.load(session, portal.id)[0]
        now = deps.clock.now()
        today = local_day(now, zone_named(portal.time_zone))
        book = MirrorBook(session, portal.id, policy, now)
        return cls(deps, session, portal, policy, book, now, today, cause, quiet)


def on_card_changed(
    deps: Deps, session: Session, portal: Portal, kind: str, card_id: int, *, quiet: bool = False,
    policy: Policy | None = None,
) -> None:  # fmt: skip
    """A card was stored in the mirror: work out anew how the newcomers came that it has to do with.

    Nothing a person set is touched, and our own write coming back as an event changes nothing any more.
    `policy`: the portal's rules, for who has many cards at once.
    """
    if kind not in rows.TABLES or rows.card(session, portal.id, kind, card_id) is None:
        return
    work = Work.of(deps, session, portal, Cause("card", card_id), quiet=quiet, policy=policy)
    card = rows.key_of(kind, card_id)
    if silent(session, portal.id, work.policy, card, work.book):
        return
    wanted = newcomers_of(card, work.book)
    wanted += _left(work, card)
    _derive_all(work, wanted)


def on_card_gone(deps: Deps, session: Session, portal: Portal, kind: str, card_id: int) -> None:
    """A card is not in the portal any more: whoever was named with it is judged anew.

    What hung on a deleted client is being read again (`reading.keep_gone`): if all of it went to one other card, the
    two were merged, and that one stands for the deleted one from then on (bitrix24.md 7.12). What came of the card's
    own recommendation is over, unless another card of the newcomer goes on with it (product.md R5).
    """
    if kind not in rows.TABLES:
        return
    work = Work.of(deps, session, portal, Cause("card", card_id))
    card = rows.key_of(kind, card_id)
    for row in rows.of_card(session, portal.id, card):
        if rows.key_of(row.newcomer_kind, row.newcomer_id) == card:
            referral_ladder.gone(session, portal, row, work.now)
        else:
            derive(work, rows.key_of(row.newcomer_kind, row.newcomer_id))
    if kind in ("company", "contact"):
        _derive_all(work, _naming(work, rows.client_key(kind, card_id)))


def derive(work: Work, newcomer: CardKey) -> Referral | None:
    """Work out one newcomer and whatever follows from it; its row, if anybody says anything."""
    _derive_all(work, [newcomer])
    return rows.of_newcomer(work.session, work.portal.id, newcomer)


def _derive_all(work: Work, wanted: list[CardKey]) -> None:
    """These newcomers and those they lead to, each once."""
    done: set[CardKey] = set()
    for _ in range(DEPTH):
        batch = [key for key in dict.fromkeys(wanted) if key not in done]
        if not batch:
            return
        wanted = []
        for key in batch:
            done.add(key)
            wanted += _derive(work, key)


def _derive(work: Work, newcomer: CardKey) -> list[CardKey]:
    """One newcomer; the newcomers to be looked at after it."""
    session, portal = work.session, work.portal
    current = newcomers_of(newcomer, work.book)
    if newcomer not in current:  # it belongs to somebody by now, or is gone
        return current
    whole = arrival(newcomer, work.book)
    known = referral_cards.read(session, portal, whole, work.book)
    former = _former(work, whole, known)
    if not former and _silent(work, whole, known):
        return []
    if whole.counts:
        referral_rows.adopt(session, portal.id, whole, [key for key in former if _empty(work, key)], work.now)
    row = rows.of_newcomer(session, portal.id, newcomer)
    guards = Guards(session, portal.id, whole, work.book, family(session, portal.id, whole, work.book), row)
    overruled = _overruled(work, row)
    found = resolve(known.cards, work.policy, work.today, guards.why_not, overruled=overruled)
    if known.withdrawn and overruled is None:
        found = replace(found, counted=None, via=None)
    _write(work, found)
    kept = found.claims if whole.counts else {}
    referral_rows.put_claims(session, portal.id, whole, kept, known.claims, work.now)
    changed = _keep(work, whole, found, row)
    if whole.counts and not work.quiet:
        referral_reminders.consider(
            work.deps, session, portal, work.policy, whole, found, known.cards, work.now,
            settled=overruled is not None,
        )  # fmt: skip
    return [*guards.again, *former, *(_stuck(work) if changed else [])]


def _silent(work: Work, whole: Arrival, known: referral_cards.Known) -> bool:
    """Whether nobody says or ever said anything about a newcomer: most cards that change, and nothing to do."""
    ours = work.policy.recommendation_id
    said = any(
        card.source or card.referrer or card.day or (ours and card.source_id == ours) for card in known.cards
    )
    if said or known.marks or known.claims:
        return False
    return not rows.of_newcomers(work.session, work.portal.id, list(whole.cards))


def _left(work: Work, card: CardKey) -> list[CardKey]:
    """Newcomers a card had to do with before: whom it left, and who were told by it."""
    found = [
        rows.key_of(claim.newcomer_kind, claim.newcomer_id)
        for claim in rows.claims_on(work.session, work.portal.id, [card]).values()
    ]
    for other in rows.carried_from(work.session, work.portal.id, card):
        found += newcomers_of(other, work.book)
    for key in card_moves.left_by(work.session, work.portal.id, [card]):
        found.append(CardKey(key.kind, key.id))
        if work.book.row(key) is None:
            found += _naming(work, key)
    return found


def _naming(work: Work, key: ClientKey) -> list[CardKey]:
    """Newcomers whose referrer is this card, and the card itself."""
    named = rows.naming(work.session, work.portal.id, [key])
    return [rows.key_of(row.newcomer_kind, row.newcomer_id) for row in named]


def _former(work: Work, whole: Arrival, known: referral_cards.Known) -> list[CardKey]:
    """Newcomers for which these cards spoke until now, and merged cards whose cards came here."""
    found = [rows.key_of(claim.newcomer_kind, claim.newcomer_id) for claim in known.claims.values()]
    for left in card_moves.left_by(work.session, work.portal.id, whole.cards):
        if work.book.row(left) is None:
            found.append(CardKey(left.kind, left.id))
    return [key for key in dict.fromkeys(found) if key != whole.newcomer]


def _empty(work: Work, key: CardKey) -> bool:
    """Whether nothing is left of a former newcomer that it could still have come by itself."""
    if work.book.row(key) is None:
        return True
    whole = arrival(key, work.book)
    row = rows.of_newcomer(work.session, work.portal.id, key)
    if row is None:
        return False
    own = rows.claims_on(work.session, work.portal.id, list(whole.cards))
    return not own


def _overruled(work: Work, row: Referral | None) -> Claim | None:
    if row is None or row.settled_by != "person":
        return None
    named = rows.client_key(row.named_kind, row.named_id) if row.named_id else None
    if named is not None:
        named = referral_cards.survivor(work.session, work.portal.id, named)
    return Claim(row.source, named, row.claimed_on)


def _write(work: Work, found: Outcome) -> None:
    for flag in found.flags:
        _log.info(
            "referral.refused", portal=work.portal.id, card=f"{flag.card.kind}:{flag.card.id}", code=flag.code
        )
    if work.quiet:
        return
    for intent in found.writes:
        via = (
            found.via if intent.card.kind in ("company", "contact") else _source_of(work, intent.card, found)
        )
        write(work.session, work.portal, intent, work.cause, work.now, via=via)


def _source_of(work: Work, card: CardKey, found: Outcome) -> CardKey | None:
    """Where a deal's entry comes from: its lead, else what counts."""
    deal = work.book.deal(card.id) if card.kind == "deal" else None
    return CardKey("lead", deal.lead_id) if deal and deal.lead_id else found.via


def _keep(work: Work, whole: Arrival, found: Outcome, before: Referral | None) -> bool:
    """The row of the newcomer; whether somebody else counts as the referrer now."""
    session, portal = work.session, work.portal
    was = (before.referrer_kind, before.referrer_id, before.problem) if before else ("", 0, "")
    claim = found.counted
    if claim is None or not whole.counts:
        if before is not None:
            referral_ladder.gone(session, portal, before, work.now, lost=False)
        referral_rows.forget(session, portal.id, whole.newcomer, work.now)
        if was != ("", 0, ""):
            referral_tally.order(session, portal.id, work.now)
        return was != ("", 0, "")
    flag = found.flags[0] if found.flags and claim.referrer is None else None
    via = found.via
    if before is not None and before.settled_by == "person":
        via, flag = None, _judged_anew(work, whole, claim)
    named = claim.referrer
    client = client_of(session, portal.id, named, work.book) if named else None
    judged = Judged(claim, via, client, len(found.rivals), flag)
    row = referral_rows.put(session, portal.id, whole.newcomer, judged, work.now)
    if was[1] or row.referrer_id:
        referral_tally.order(session, portal.id, work.now)
    if work.quiet and not row.checked:
        row.checked = referral_rows.crm_link_of(row)  # the past is taken as it is
    referral_ladder.advance(session, portal, work.policy, work.book, whole, row, work.now, quiet=work.quiet)
    if not work.quiet:
        referral_reminders.order_check(work.session, portal.id, row, work.now)
    return was != (row.referrer_kind, row.referrer_id, row.problem)


def _judged_anew(work: Work, whole: Arrival, claim: Claim) -> FlagReferral | None:
    """What a person decided was possible then; a card that is gone since is said so."""
    own = family(work.session, work.portal.id, whole, work.book)
    guards = Guards(work.session, work.portal.id, whole, work.book, own, None)
    if claim.referrer is None:
        return None
    return guards.why_not(whole.newcomer, claim.referrer, claim.day)


def _stuck(work: Work) -> list[CardKey]:
    """Newcomers refused because of a circle, which may be open now."""
    many = rows.refused(work.session, work.portal.id, RETRIED)
    return [rows.key_of(row.newcomer_kind, row.newcomer_id) for row in many]

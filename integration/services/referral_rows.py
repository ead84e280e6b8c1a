"""Keeping the rows about newcomers: claims as they are seen, one row per newcomer, its history (product.md R4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.links import crm_link
from integration.nps.attribution import Claim
from integration.nps.intents import FlagReferral
from integration.nps.newcomers import Arrival
from integration.nps.people import CardKey, ClientKey
from integration.store import referral_thanks
from integration.store import referrals as rows
from integration.store.referral_rows import Referral, ReferralAct, ReferralClaim

_NAMED = "named"


@dataclass(frozen=True, slots=True)
class Judged:
    """What stands in a row: the counted claim, the client that counts for the one named, and what is against it."""

    claim: Claim
    via: CardKey | None
    client: ClientKey | None
    rivals: int
    flag: FlagReferral | None


def note(
    session: Session, portal_id: int, referral_id: int, what: str, now: datetime, *, who: str = "",
    note: str = "", **detail: Any,
) -> None:  # fmt: skip
    """One line of history."""
    session.add(
        ReferralAct(portal_id=portal_id, referral_id=referral_id, what=what, who=who[:200], note=note[:500],
                    detail=detail, at=now)
    )  # fmt: skip


def put_claims(
    session: Session, portal_id: int, whole: Arrival, claims: Mapping[CardKey, Claim],
    known: Mapping[CardKey, ReferralClaim], now: datetime,
) -> None:  # fmt: skip
    """Store what people say on these cards; a claim keeps the day it was first seen as long as it says the same."""
    rows.drop_claims(session, portal_id, [key for key in known if key not in claims])
    for key, claim in claims.items():
        row = known.get(key)
        if row is None:
            row = ReferralClaim(
                portal_id=portal_id, card_kind=key.kind, card_id=key.id, seen_at=now, newcomer_kind="", newcomer_id=0
            )  # fmt: skip
            session.add(row)
        row.newcomer_kind, row.newcomer_id = whole.newcomer
        row.source = claim.source[:40]
        row.referrer_kind, row.referrer_id = claim.referrer or ("", 0)
        row.claimed_on = claim.day or now.date()
    session.flush()


def adopt(session: Session, portal_id: int, whole: Arrival, former: Sequence[CardKey], now: datetime) -> None:
    """The rows of cards that turned out to belong to this newcomer become its row (conversion, joining, merging)."""
    others = [key for key in (*whole.cards, *former) if key != whole.newcomer]
    mine = rows.of_newcomer(session, portal_id, whole.newcomer)
    for row in rows.of_newcomers(session, portal_id, others):
        was = f"{row.newcomer_kind}:{row.newcomer_id}"
        if mine is None:
            row.newcomer_kind, row.newcomer_id = whole.newcomer
            mine = row
            note(session, portal_id, row.id, "moved", now, was=was, to=_text(whole.newcomer))
            continue
        _join(session, portal_id, mine, row, now)
        note(session, portal_id, mine.id, "merged", now, was=was)
    session.flush()


def _join(session: Session, portal_id: int, mine: Referral, other: Referral, now: datetime) -> None:
    """Two rows are one newcomer: the earliest day of every step stays, and whatever people decided."""
    steps = dict(other.steps or {})
    for step, day in (mine.steps or {}).items():
        steps[step] = min(day, steps[step]) if step in steps else day
    mine.steps = steps
    if other.step and len(other.steps or {}) > len(mine.steps or {}):
        mine.step = other.step
    mine.deal_id = mine.deal_id or other.deal_id
    if other.reward and not mine.reward:
        mine.reward, mine.reward_who = other.reward, other.reward_who
        mine.reward_note, mine.reward_at = other.reward_note, other.reward_at
    if other.settled_by == "person" and mine.settled_by != "person":
        for name in ("settled_by", "settled_who", "settled_note", "settled_at", "source", "named_kind",
                     "named_id", "claimed_on"):  # fmt: skip
            setattr(mine, name, getattr(other, name))
    rows.hand_over_acts(session, portal_id, other.id, mine.id)
    referral_thanks.hand_over(session, portal_id, other.id, mine.id, now)
    session.delete(other)
    session.flush()


def put(session: Session, portal_id: int, newcomer: CardKey, judged: Judged, now: datetime) -> Referral:
    """The row of a newcomer as judged now, with a line of history for what changed."""
    row = rows.of_newcomer(session, portal_id, newcomer)
    fresh = row is None
    if row is None:
        row = Referral(
            portal_id=portal_id, newcomer_kind=newcomer.kind, newcomer_id=newcomer.id, found_at=now, changed_at=now,
            step=_NAMED, steps={}, settled_by="rule", problem="", chain=[], source="", named_kind="", named_id=0,
            referrer_kind="", referrer_id=0, checked="", same="", told="",
        )  # fmt: skip
        session.add(row)
    before = (row.source, row.named_kind, row.named_id, row.claimed_on)
    problem = row.problem
    claim, flag = judged.claim, judged.flag
    named = flag.chain[0] if flag and flag.chain and claim.referrer is None else claim.referrer
    row.source, row.claimed_on = claim.source[:40], claim.day
    row.named_kind, row.named_id = named or ("", 0)
    client = judged.client or named
    row.referrer_kind, row.referrer_id = client or ("", 0)
    row.via_kind, row.via_id = judged.via or ("", 0)
    row.rivals = judged.rivals
    row.problem = flag.code if flag else ""
    row.chain = [str(key) for key in flag.chain] if flag else []
    if before[1:3] != (row.named_kind, row.named_id):
        row.checked, row.same = "", ""
    if row.claimed_on is not None and row.referrer_id and not row.problem:
        row.steps = {_NAMED: row.claimed_on.isoformat()} | dict(row.steps or {})
    if fresh or before != (row.source, row.named_kind, row.named_id, row.claimed_on):
        row.changed_at = now
    session.flush()
    _history(session, portal_id, row, before if not fresh else None, problem, now)
    return row


def _history(
    session: Session,
    portal_id: int,
    row: Referral,
    before: tuple[Any, ...] | None,
    problem: str,
    now: datetime,
) -> None:
    said = {"source": row.source, "referrer": f"{row.named_kind}:{row.named_id}" if row.named_id else ""}
    if before is None or before[:3] != (row.source, row.named_kind, row.named_id):
        day = row.claimed_on.isoformat() if row.claimed_on else ""
        note(session, portal_id, row.id, "claimed", now, day=day, via=f"{row.via_kind}:{row.via_id}", **said)
    if row.problem != problem:
        what = "refused" if row.problem else "accepted"
        note(session, portal_id, row.id, what, now, code=row.problem or problem, chain=list(row.chain or []))


def checked(session: Session, portal_id: int, referral_id: int, link: str, same: str) -> bool:
    """Note whether the newcomer shares an address with the one named; whether that changes anything."""
    row = session.get(Referral, referral_id)
    if row is None or row.portal_id != portal_id or crm_link_of(row) != link:
        return False
    row.checked, row.same = link, same
    session.flush()
    return bool(same)


def crm_link_of(row: Referral) -> str:
    """The card named in a row as the portal binds it; empty for nobody."""
    return crm_link(row.named_kind, row.named_id) if row.named_id else ""  # type: ignore[arg-type]


def forget(session: Session, portal_id: int, newcomer: CardKey, now: datetime) -> None:
    """Nobody says anything about this newcomer any more: the row goes, unless something was done about it."""
    row = rows.of_newcomer(session, portal_id, newcomer)
    if row is None:
        return
    done = set(row.steps or {}) - {_NAMED}
    if not done and not row.reward and row.settled_by != "person":
        session.delete(row)
    elif row.source or row.referrer_id:
        row.source, row.named_kind, row.named_id, row.referrer_kind, row.referrer_id = "", "", 0, "", 0
        row.problem, row.chain, row.rivals, row.changed_at = "", [], 0, now
        note(session, portal_id, row.id, "withdrawn", now)
    session.flush()


def _text(key: CardKey) -> str:
    return f"{key.kind}:{key.id}"

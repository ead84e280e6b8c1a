"""Who is still to be thanked for a recommendation, since when, and in which task (product.md R5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Date, exists, func, or_, select, true, type_coerce, update
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import StageMove
from integration.store.outbox import OutboxRow
from integration.store.referral_rows import Referral, ReferralAct, ReferralThanks

OPEN = ("open",)
ALL = ("open", "past")
TASK = "thanks"  # purpose of the call that makes the task


class Waiting(NamedTuple):
    """One occasion to thank, with the referral it is about."""

    referral: Referral
    thanks: ReferralThanks


# --- conditions, for lists and counts of others


def not_thanked(*, past: bool = False) -> ColumnElement[bool]:
    """Of a `Referral`: its referrer is still to be thanked. `past`: also for what was reached long ago."""
    return exists().where(*_mine(past))


def waiting_since() -> ColumnElement[date]:
    """Of a `Referral`: the portal day of the oldest step for which nobody was thanked; null if there is none."""
    oldest = select(func.min(ReferralThanks.since)).where(*_mine(False)).correlate(Referral).scalar_subquery()
    return type_coerce(oldest, Date)


def _mine(past: bool) -> tuple[ColumnElement[bool], ...]:
    return (
        ReferralThanks.portal_id == Referral.portal_id,
        ReferralThanks.referral_id == Referral.id,
        ReferralThanks.status.in_(ALL if past else OPEN),
    )


# --- lists


def waiting(
    session: Session, portal_id: int, condition: ColumnElement[bool] | None = None, *, past: bool = False,
    offset: int = 0, limit: int = 50,
) -> list[Waiting]:  # fmt: skip
    """Occasions on which nobody was thanked yet, the oldest first. `condition`: on `Referral`, e.g. whose they are."""
    statement = (
        select(Referral, ReferralThanks)
        .join(ReferralThanks, _joined())
        .where(Referral.portal_id == portal_id, ReferralThanks.status.in_(ALL if past else OPEN))
        .where(true() if condition is None else condition)
        .order_by(ReferralThanks.since, ReferralThanks.id)
    )
    return [Waiting(*row) for row in session.execute(statement.offset(offset).limit(limit))]


def count_waiting(
    session: Session, portal_id: int, condition: ColumnElement[bool] | None = None, *, past: bool = False
) -> int:
    """How many occasions `waiting` would list in all."""
    statement = (
        select(func.count())
        .select_from(Referral)
        .join(ReferralThanks, _joined())
        .where(Referral.portal_id == portal_id, ReferralThanks.status.in_(ALL if past else OPEN))
        .where(true() if condition is None else condition)
    )
    return session.scalar(statement) or 0


def _joined() -> ColumnElement[bool]:
    return (ReferralThanks.portal_id == Referral.portal_id) & (ReferralThanks.referral_id == Referral.id)


def thanks_of(
    session: Session, portal_id: int, referral_ids: Collection[int]
) -> dict[int, list[ReferralThanks]]:
    """What was done, and is to be done, about these referrals, oldest step first."""
    found: dict[int, list[ReferralThanks]] = {}
    if not referral_ids:
        return found
    statement = select(ReferralThanks).where(
        ReferralThanks.portal_id == portal_id, ReferralThanks.referral_id.in_(sorted(referral_ids))
    )
    for row in session.scalars(statement.order_by(ReferralThanks.since, ReferralThanks.id)):
        found.setdefault(row.referral_id, []).append(row)
    return found


# --- single rows


def get(session: Session, portal_id: int, thanks_id: int) -> ReferralThanks | None:
    """An occasion by number."""
    row = session.get(ReferralThanks, thanks_id)
    return row if row is not None and row.portal_id == portal_id else None


def by_task(session: Session, portal_id: int, task_id: int) -> ReferralThanks | None:
    """The occasion a task of the portal belongs to."""
    statement = select(ReferralThanks).where(
        ReferralThanks.portal_id == portal_id, ReferralThanks.task_id == task_id
    )
    return session.scalars(statement.order_by(ReferralThanks.id).limit(1)).one_or_none()


def open_tasks(session: Session, portal_id: int) -> list[int]:
    """Tasks that are still to be finished, oldest first."""
    statement = select(ReferralThanks.task_id).where(
        ReferralThanks.portal_id == portal_id,
        ReferralThanks.status == "open",
        ReferralThanks.task_id.is_not(None),
    )
    return [task for task in session.scalars(statement.order_by(ReferralThanks.id)) if task is not None]


def ownerless(session: Session, portal_id: int, limit: int) -> list[ReferralThanks]:
    """Occasions for which nobody was at work yet who could see to it, oldest first."""
    statement = select(ReferralThanks).where(
        ReferralThanks.portal_id == portal_id,
        ReferralThanks.status == "open",
        ReferralThanks.owner_id.is_(None),
    )
    return list(session.scalars(statement.order_by(ReferralThanks.since, ReferralThanks.id).limit(limit)))


def hand_over(session: Session, portal_id: int, gone: int, heir: int, now: datetime) -> None:
    """Two referrals turned out to be one newcomer: what was thanked for stays so; an open double is not asked for."""
    there = {(row.step, row.referrer_kind, row.referrer_id): row for row in _of(session, portal_id, heir)}
    for row in _of(session, portal_id, gone):
        twin = there.get((row.step, row.referrer_kind, row.referrer_id))
        if twin is None:
            row.referral_id = heir
            continue
        if row.status == "thanked" and twin.status != "thanked":
            twin.status, twin.thanked_by, twin.thanked_at = "thanked", row.thanked_by, row.thanked_at
            twin.note, twin.ended_at = row.note, row.ended_at
            drop_task_call(session, portal_id, twin.id, now)
        if row.status == "open":
            row.status, row.ended_at = "cancelled", now
            drop_task_call(session, portal_id, row.id, now)
    session.flush()


def _of(session: Session, portal_id: int, referral_id: int) -> list[ReferralThanks]:
    return thanks_of(session, portal_id, [referral_id]).get(referral_id, [])


# --- the calls behind them


def drop_task_call(session: Session, portal_id: int, thanks_id: int, now: datetime) -> None:
    """Take the task's call back if it has not left."""
    session.execute(
        update(OutboxRow)
        .where(*_call(portal_id, thanks_id), OutboxRow.status == "waiting", OutboxRow.sent_at.is_(None))
        .values(status="superseded", finished_at=now)
        .execution_options(synchronize_session=False)
    )


def revive_task_call(session: Session, portal_id: int, thanks_id: int, now: datetime) -> None:
    """Let a task's call that was taken back go after all."""
    session.execute(
        update(OutboxRow)
        .where(*_call(portal_id, thanks_id), OutboxRow.status == "superseded")
        .values(status="waiting", finished_at=None, due_at=now)
        .execution_options(synchronize_session=False)
    )


def _call(portal_id: int, thanks_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        OutboxRow.portal_id == portal_id,
        OutboxRow.cause_kind == "thanks",
        OutboxRow.cause_id == thanks_id,
        OutboxRow.purpose == TASK,
    )


# --- what the ladder reads


def moves_of(session: Session, portal_id: int, deal_ids: Collection[int]) -> list[StageMove]:
    """The stage history of these deals, oldest first."""
    if not deal_ids:
        return []
    statement = select(StageMove).where(
        StageMove.portal_id == portal_id, StageMove.deal_id.in_(sorted(deal_ids))
    )
    return list(session.scalars(statement.order_by(StageMove.deal_id, StageMove.moved_at, StageMove.id)))


def told(session: Session, portal_id: int, referral_id: int, words: str) -> bool:
    """Whether a note about this has been written before."""
    statement = select(ReferralAct.detail).where(
        ReferralAct.portal_id == portal_id,
        ReferralAct.referral_id == referral_id,
        ReferralAct.what == "noted",
    )
    return any(detail.get("told") == words for detail in session.scalars(statement))


def climbing(
    session: Session, portal_id: int, won_until: date, *, paid: bool, after: int, limit: int
) -> list[Referral]:
    """Referrals behind `after` by number whose next step comes by time or by a later sale.

    Won on `won_until` or before, so that the year may be full; with `paid` also those that are won and not paid.
    """
    full = Referral.steps["won"].as_string() <= won_until.isoformat()
    unpaid = (Referral.step == "won") if paid else (Referral.step == "")
    statement = select(Referral).where(
        Referral.portal_id == portal_id,
        Referral.problem == "",
        Referral.referrer_id > 0,
        Referral.step.in_(("won", "paid")),
        or_(full, unpaid),
        Referral.id > after,
    )
    return list(session.scalars(statement.order_by(Referral.id).limit(limit)))


def clients_of(referrals: Sequence[Referral]) -> list[ClientKey]:
    """The newcomers among these that are clients by now."""
    kinds = ("company", "contact")
    return [ClientKey(row.newcomer_kind, row.newcomer_id) for row in referrals if row.newcomer_kind in kinds]  # type: ignore[arg-type]

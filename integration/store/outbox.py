"""REST calls that wait to be made: committed with the change that caused them (product.md B4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Index,
    Integer,
    String,
    UniqueConstraint,
    and_,
    case,
    exists,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.portals import Portal
from integration.store.queue import Claimable, is_open, put_once

GONE = ("not_found", "owner_not_found", "error_not_found")  # codes of a card that is not there
NO_RIGHT = (
    "no_right"  # how the error begins of a call that waits until the portal gives the application a right
)
STUCK = "status = 'buried'"  # literal, so that both databases match it to the partial index


class OutboxRow(Claimable, Base):
    """One call. Lane: the card it writes, `deal:12`, so that writes to a card keep their order.

    `key` makes the enqueueing idempotent: the same cause queues the same call once.
    `sent_at` is set and committed before a creating call leaves; a row found with it set and no
    result asks its probe first (a retry after an unknown outcome, B4).
    `part`: with how many calls at most it may share a request since one that it was in broke; 0: with any.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        *Claimable.indexes("outbox"),
        UniqueConstraint("portal_id", "key"),
        Index("ix_outbox_stuck", "portal_id", sqlite_where=text(STUCK), postgresql_where=text(STUCK)),
    )

    key: Mapped[str] = mapped_column(String(200))
    purpose: Mapped[str] = mapped_column(
        String(32)
    )  # score | comment | task | field | setup | referral | read
    method: Mapped[str] = mapped_column(String(64))
    call: Mapped[dict[str, Any]] = mapped_column(JSON)  # Call.to_json()
    cause_kind: Mapped[str] = mapped_column(
        String(32), default=""
    )  # response | followup | wave | card | portal
    cause_id: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    result: Mapped[Any] = mapped_column(JSON, nullable=True)
    part: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


def portals_with_work(session: Session, now: datetime) -> list[int]:
    """Portals that answer, are set up, and have calls due."""
    ready = select(Portal.id).where(Portal.status == "active", Portal.setup_at.is_not(None))
    statement = (
        select(OutboxRow.portal_id)
        .where(is_open(OutboxRow), OutboxRow.due_at <= now, OutboxRow.portal_id.in_(ready))
        .distinct()
        .order_by(OutboxRow.portal_id)
    )
    return list(session.scalars(statement))


def sendable(closed: Collection[str]) -> ColumnElement[bool]:
    """Calls whose method has execution budget left."""
    return OutboxRow.method.not_in(closed) if closed else true()


def beside(older: Any, younger: Any) -> ColumnElement[bool]:
    """Whether an older call does not hold a younger one of its card up: it waits for a right that the younger one does
    not need (product.md B4). What needs the same right keeps its order, and would be refused as well."""
    return and_(older.error.startswith(NO_RIGHT), _right(older) != _right(younger))


def _right(row: Any) -> ColumnElement[str]:
    """The right that a call needs (bitrix24.md 1.3), as far as the methods we call differ in it."""
    return case(
        (row.method.startswith("crm."), "crm"), (row.method.startswith("task"), "task"), else_=row.method
    )


def count_due(session: Session, portal_id: int, now: datetime, closed: Collection[str]) -> int:
    """Calls that could go now: due, with budget, and nothing older in their lane that has to wait."""
    older = aliased(OutboxRow)
    waits = (older.due_at > now) | older.method.in_(closed) if closed else older.due_at > now
    held = exists(
        select(older.id).where(
            older.portal_id == OutboxRow.portal_id,
            older.lane == OutboxRow.lane,
            older.id < OutboxRow.id,
            older.status == "waiting",
            waits,
            ~beside(older, OutboxRow),
        )
    )
    waiting = (OutboxRow.status == "waiting") & (OutboxRow.due_at <= now)
    lost = (OutboxRow.status == "working") & (OutboxRow.lease_until < now)
    statement = select(OutboxRow.id).where(
        OutboxRow.portal_id == portal_id, waiting | lost, sendable(closed), ~held
    )
    return len(session.scalars(statement).all())


def has_waiting(session: Session, portal_id: int, methods: Collection[str]) -> bool:
    """Whether calls of one of these methods wait."""
    statement = exists().where(
        OutboxRow.portal_id == portal_id, OutboxRow.status == "waiting", OutboxRow.method.in_(methods)
    )
    return bool(session.scalar(select(statement)))


def release(session: Session, rows: Sequence[OutboxRow], **values: Any) -> None:
    """Give claimed rows back untried: the attempt does not count. `values`: further columns to set."""
    for row in rows:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == row.id, OutboxRow.owner == row.owner, OutboxRow.attempts == row.attempts)
            .where(OutboxRow.status == "working")
            .values(status="waiting", owner=None, lease_until=None, attempts=OutboxRow.attempts - 1, **values)
            .execution_options(synchronize_session=False)
        )


def mark_sent(
    session: Session, rows: Sequence[OutboxRow], now: datetime, lease: timedelta
) -> list[OutboxRow]:
    """Note before they leave that these creating calls may take effect; those whose lease still holds.

    The lease begins anew: nobody may ask the probe while the request is still under way.
    """
    kept = []
    for row in rows:
        statement = (
            update(OutboxRow)
            .where(OutboxRow.id == row.id, OutboxRow.owner == row.owner, OutboxRow.attempts == row.attempts)
            .where(OutboxRow.status == "working")
            .values(sent_at=now, lease_until=now + lease)
            .returning(OutboxRow.id)
            .execution_options(synchronize_session=False)
        )
        if session.scalar(statement) is not None:
            kept.append(row)
    return kept


def trust(session: Session, portal_id: int, most: int) -> None:
    """Let the calls that must keep to small requests share twice as large ones, up to `most`: one has just worked."""
    doubled = case((OutboxRow.part * 2 < most, OutboxRow.part * 2), else_=most)
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.portal_id == portal_id, is_open(OutboxRow), OutboxRow.part > 0)
        .where(OutboxRow.status == "waiting")
        .values(part=doubled)
        .execution_options(synchronize_session=False)
    )


def worked_since(session: Session, portal_id: int, since: datetime) -> bool:
    """Whether a call to this portal has worked since a moment."""
    done = exists().where(
        OutboxRow.portal_id == portal_id, OutboxRow.status == "done", OutboxRow.finished_at >= since
    )
    return bool(session.scalar(select(done)))


def left_over(session: Session, portal_id: int, lane: str) -> list[OutboxRow]:
    """Calls of a lane that wait, or were given up because the portal does not find the card; in order."""
    gone = or_(*(OutboxRow.error.startswith(code) for code in GONE))
    statement = select(OutboxRow).where(
        OutboxRow.portal_id == portal_id,
        OutboxRow.lane == lane,
        or_(OutboxRow.status == "waiting", (OutboxRow.status == "buried") & gone),
    )
    return list(session.scalars(statement.order_by(OutboxRow.id)))


def writes_to(session: Session, portal_id: int, lane: str) -> list[OutboxRow]:
    """Updates of a card on their way."""
    statement = select(OutboxRow).where(
        OutboxRow.portal_id == portal_id, OutboxRow.lane == lane, OutboxRow.method == "crm.item.update",
        is_open(OutboxRow),
    )  # fmt: skip
    return list(session.scalars(statement.order_by(OutboxRow.id)))


def supersede(session: Session, many: Sequence[OutboxRow], now: datetime, why: str) -> None:
    """End calls of one portal that wait or were given up: others have taken their place."""
    ids = [row.id for row in many]
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.portal_id == many[0].portal_id, OutboxRow.id.in_(ids))
        .where(OutboxRow.status.in_(("waiting", "buried")))
        .values(status="superseded", finished_at=now, error=why)
        .execution_options(synchronize_session=False)
    )


def put_like(
    session: Session, row: OutboxRow, *, lane: str, key: str, call: dict[str, Any], now: datetime
) -> None:
    """Queue a call for the purpose and cause of another one, once."""
    put_once(
        session, OutboxRow, portal_id=row.portal_id, lane=lane, now=now, key=key, purpose=row.purpose,
        method=row.method, call=call, cause_kind=row.cause_kind, cause_id=row.cause_id,
    )  # fmt: skip


def unfinished(session: Session, portal_id: int, limit: int = 500) -> Sequence[OutboxRow]:
    """Calls that are not done, those given up first."""
    statement = (
        select(OutboxRow)
        .where(OutboxRow.portal_id == portal_id, OutboxRow.status.in_(("buried", "waiting", "working")))
        .order_by(OutboxRow.status != "buried", OutboxRow.id)
        .limit(limit)
    )
    return session.scalars(statement).all()

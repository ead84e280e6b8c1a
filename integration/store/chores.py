"""Long or periodic work as rows claimed by their next date: synchronisation, reconciliation, pruning."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, String, UniqueConstraint, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.logs import request_id
from integration.store.base import Base, UTCDateTime
from integration.store.queue import Claimable, is_open
from integration.store.upsert import insert_for


class ChoreRow(Claimable, Base):
    """One chore of one portal; `cursor` is where it goes on after a crash. Lane: the chore's name."""

    __tablename__ = "chores"
    __table_args__ = (*Claimable.indexes("chores"), UniqueConstraint("portal_id", "name"))

    name: Mapped[str] = mapped_column(
        String(64)
    )  # setup | first_sync | reconcile | plan_wave | freeze:<wave> | prune
    cursor: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    every_seconds: Mapped[int] = mapped_column(default=0)  # 0: once


class Heartbeat(Base):
    """A sign of life of one worker process."""

    __tablename__ = "heartbeats"

    worker: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)


def schedule(
    session: Session,
    portal_id: int,
    name: str,
    now: datetime,
    due_at: datetime | None = None,
    *,
    every_seconds: int = 0,
    cursor: dict[str, Any] | None = None,
) -> None:
    """Order a chore, or order it anew: it starts over with this cursor at this date.

    A run under way loses its claim: its result is dropped and the chore runs again, so chores are idempotent.
    """
    fresh = {
        "status": "waiting", "due_at": due_at or now, "cursor": cursor or {}, "attempts": 0, "error": "",
        "owner": None, "lease_until": None, "finished_at": None, "every_seconds": every_seconds,
        "origin": request_id(),
    }  # fmt: skip
    insert = insert_for(session)(ChoreRow).values(
        portal_id=portal_id, name=name, lane=name, created_at=now, **fresh
    )
    session.execute(insert.on_conflict_do_update(index_elements=["portal_id", "name"], set_=fresh))


def ensure(
    session: Session, portal_id: int, name: str, now: datetime, due_at: datetime, *, every_seconds: int
) -> None:
    """Order a periodic chore unless it is ordered already."""
    insert = insert_for(session)(ChoreRow).values(
        portal_id=portal_id, name=name, lane=name, created_at=now, status="waiting", due_at=due_at, cursor={},
        attempts=0, error="", every_seconds=every_seconds,
    )  # fmt: skip
    renewed = {
        "status": "waiting", "due_at": due_at, "every_seconds": every_seconds, "attempts": 0, "finished_at": None,
    }  # fmt: skip
    closed = ChoreRow.status.not_in(("waiting", "working"))
    session.execute(
        insert.on_conflict_do_update(index_elements=["portal_id", "name"], set_=renewed, where=closed)
    )


def hasten(session: Session, portal_id: int, names: Collection[str], now: datetime) -> None:
    """Let chores that wait for a later date run now."""
    session.execute(
        update(ChoreRow)
        .where(ChoreRow.portal_id == portal_id, ChoreRow.name.in_(names), ChoreRow.status == "waiting")
        .where(ChoreRow.due_at > now)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


def close_all(session: Session, portal_id: int, now: datetime) -> None:
    """End all open chores of a portal."""
    session.execute(
        update(ChoreRow)
        .where(ChoreRow.portal_id == portal_id, ChoreRow.status.in_(("waiting", "working")))
        .values(status="done", finished_at=now, lease_until=None, owner=None)
        .execution_options(synchronize_session=False)
    )


def portals_with_work(session: Session, now: datetime, where: ColumnElement[bool]) -> list[int]:
    """Portals with chores to run now, the one that has waited longest first. `where`: which may run at all."""
    statement = (
        select(ChoreRow.portal_id)
        .where(
            is_open(ChoreRow),
            ChoreRow.due_at <= now,
            or_(ChoreRow.status == "waiting", ChoreRow.lease_until < now),
            where,
        )
        .group_by(ChoreRow.portal_id)
        .order_by(func.min(ChoreRow.due_at), ChoreRow.portal_id)
    )
    return list(session.scalars(statement))


def get(session: Session, portal_id: int, name: str) -> ChoreRow | None:
    """A chore by name."""
    statement = select(ChoreRow).where(ChoreRow.portal_id == portal_id, ChoreRow.name == name)
    return session.scalars(statement).one_or_none()


def beat(session: Session, worker: str, now: datetime) -> None:
    """Note that a worker is alive."""
    insert = insert_for(session)(Heartbeat).values(worker=worker[:64], seen_at=now)
    session.execute(insert.on_conflict_do_update(index_elements=["worker"], set_={"seen_at": now}))


def last_beat(session: Session) -> datetime | None:
    """When any worker was last alive."""
    return session.scalar(select(Heartbeat.seen_at).order_by(Heartbeat.seen_at.desc()).limit(1))

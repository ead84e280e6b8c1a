"""Portal events as they came in, folded to one waiting row per entity (architecture.md 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, Integer, String, exists, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.queue import Claimable, fold


class InboxRow(Claimable, Base):
    """An event that waits to be looked at. Lane: `deal:12`; portal life-cycle events: `portal`, not folded."""

    __tablename__ = "inbox"
    __table_args__ = (
        *Claimable.indexes("inbox"),
        Index(
            "uq_inbox_folding",
            "portal_id",
            "lane",
            unique=True,
            sqlite_where=text("status = 'waiting' AND folds"),
            postgresql_where=text("status = 'waiting' AND folds"),
        ),
    )

    folds: Mapped[bool] = mapped_column(default=True)
    event: Mapped[str] = mapped_column(String(64))  # upper case; the newest of those folded
    kind: Mapped[str] = mapped_column(String(16), default="")  # deal | company | contact | lead | task | portal | field
    entity_id: Mapped[int] = mapped_column(Integer, default=0)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # never tokens
    times: Mapped[int] = mapped_column(Integer, default=1)  # how many events were folded into this row
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)


@dataclass(frozen=True, slots=True)
class Receiver:
    """What is needed of a portal to accept its events."""

    portal_id: int
    status: str
    application_token: str | None


def receivers(session: Session, member_id: str) -> list[Receiver]:
    """The installations that an event of this portal may be for; one index look-up."""
    statement = select(Portal.id, Portal.status, Portal.application_token).where(Portal.member_id == member_id)
    return [Receiver(*row) for row in session.execute(statement)]


def store(
    session: Session, portal_id: int, now: datetime, event: str, kind: str, entity_id: int, payload: dict[str, Any]
) -> None:
    """Keep an event of a card: one waiting row per card, bumped by each further event."""
    values = {"event": event, "kind": kind, "entity_id": entity_id, "payload": payload}
    fold(session, InboxRow, portal_id=portal_id, lane=f"{kind}:{entity_id}", now=now, values=values)


def store_lifecycle(session: Session, portal_id: int, now: datetime, event: str, payload: dict[str, Any]) -> None:
    """Keep an event about the application itself: never folded, in the order of arrival."""
    session.add(
        InboxRow(
            portal_id=portal_id, lane="portal", status="waiting", due_at=now, created_at=now, folds=False, event=event,
            kind="portal", payload=payload, first_at=now, last_at=now,
        )
    )  # fmt: skip


def awaits_task(session: Session, portal_id: int) -> bool:
    """Whether a task of ours is being created, so that its id is not known yet."""
    pending = (OutboxRow.purpose == "task") & OutboxRow.status.in_(("waiting", "working"))
    return bool(session.scalar(select(exists().where(OutboxRow.portal_id == portal_id, pending))))


def is_our_task(session: Session, portal_id: int, task_id: int) -> bool:
    """Whether a follow-up lives in this task, or may: its creation is still under way."""
    ours = exists().where(FollowUp.portal_id == portal_id, FollowUp.task_id == task_id)
    pending = exists().where(
        OutboxRow.portal_id == portal_id,
        OutboxRow.purpose == "task",
        text("outbox.status IN ('waiting', 'working')"),
    )
    return bool(session.scalar(select(or_(ours, pending))))


def workable() -> ColumnElement[bool]:
    """Rows that can be looked at now: cards of a portal that is set up and answers, life-cycle events always."""
    ready = select(Portal.id).where(Portal.status == "active", Portal.setup_at.is_not(None))
    return or_(InboxRow.kind.in_(("portal", "field")), InboxRow.portal_id.in_(ready))

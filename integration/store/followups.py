"""What must happen because of a response or of silence (product.md F)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.outbox import OutboxRow

OPEN = "status IN ('open', 'task_done')"  # literal, so that both databases match it to the partial index


class FollowUp(Base):
    """One follow-up; its task lives in the portal, its state here."""

    __tablename__ = "followups"
    __table_args__ = (
        UniqueConstraint("portal_id", "key"),
        Index("ix_followups_task", "portal_id", "task_id"),
        Index("ix_followups_client", "portal_id", "client_kind", "client_id"),
        Index(
            "ix_followups_open", "portal_id", "deadline", sqlite_where=text(OPEN), postgresql_where=text(OPEN)
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(100))  # "response:<id>:<kind>"
    kind: Mapped[str] = mapped_column(String(24))  # meeting | call | thanks | check_in
    wave_id: Mapped[int | None] = mapped_column(ForeignKey("waves.id", ondelete="SET NULL"))
    response_id: Mapped[int | None] = mapped_column(Integer)
    client_kind: Mapped[str] = mapped_column(String(8), default="")
    client_id: Mapped[int] = mapped_column(Integer, default=0)
    owner_id: Mapped[int] = mapped_column(Integer)
    observers: Mapped[list[int]] = mapped_column(JSON, default=list)
    deadline: Mapped[datetime] = mapped_column(UTCDateTime)
    status: Mapped[str] = mapped_column(String(16), default="open")  # open | task_done | closed | cancelled
    task_id: Mapped[int | None] = mapped_column(Integer)
    task_status: Mapped[int | None] = mapped_column(Integer)  # the portal's own number (bitrix24.md 11.2)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def by_key(session: Session, portal_id: int, key: str) -> FollowUp | None:
    """A follow-up by what it is about."""
    return session.scalars(
        select(FollowUp).where(FollowUp.portal_id == portal_id, FollowUp.key == key)
    ).one_or_none()


def by_id(session: Session, portal_id: int, followup_id: int) -> FollowUp | None:
    """A follow-up by its id."""
    return session.scalars(
        select(FollowUp).where(FollowUp.portal_id == portal_id, FollowUp.id == followup_id)
    ).one_or_none()


def by_task(session: Session, portal_id: int, task_id: int) -> FollowUp | None:
    """The follow-up a task of the portal belongs to; the portal tells of every task it has."""
    return session.scalars(
        select(FollowUp).where(FollowUp.portal_id == portal_id, FollowUp.task_id == task_id)
    ).one_or_none()


def open_of_response(session: Session, portal_id: int, response_id: int) -> list[FollowUp]:
    """What follows from an answer and is not over, oldest first."""
    return list(
        session.scalars(
            select(FollowUp)
            .where(
                FollowUp.portal_id == portal_id,
                FollowUp.response_id == response_id,
                FollowUp.status.in_(("open", "task_done")),
            )
            .order_by(FollowUp.id)
        )
    )


def waiting_comments(session: Session, portal_id: int, response_id: int) -> list[OutboxRow]:
    """Timeline comments of an answer that have not left yet, locked until the end of the transaction."""
    return list(
        session.scalars(
            select(OutboxRow)
            .where(
                OutboxRow.portal_id == portal_id,
                OutboxRow.cause_kind == "response",
                OutboxRow.cause_id == response_id,
                OutboxRow.purpose == "comment",
                OutboxRow.status == "waiting",
                OutboxRow.sent_at.is_(None),
            )
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
    )


def drop_task_call(session: Session, portal_id: int, followup_id: int, now: datetime) -> None:
    """Take the task's call back if it has not left."""
    session.execute(
        update(OutboxRow)
        .where(
            *_task_call(portal_id, followup_id), OutboxRow.status == "waiting", OutboxRow.sent_at.is_(None)
        )
        .values(status="superseded", finished_at=now)
        .execution_options(synchronize_session=False)
    )


def revive_task_call(session: Session, portal_id: int, followup_id: int, now: datetime) -> None:
    """Let a task's call that was taken back go after all."""
    session.execute(
        update(OutboxRow)
        .where(*_task_call(portal_id, followup_id), OutboxRow.status == "superseded")
        .values(status="waiting", finished_at=None, due_at=now)
        .execution_options(synchronize_session=False)
    )


def waiting_task_call(session: Session, portal_id: int, followup_id: int) -> OutboxRow | None:
    """The task's call if it has never left, locked until the end of the transaction."""
    return session.scalars(
        select(OutboxRow)
        .where(
            *_task_call(portal_id, followup_id), OutboxRow.status == "waiting", OutboxRow.sent_at.is_(None)
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def _task_call(portal_id: int, followup_id: int) -> tuple[Any, ...]:
    return (
        OutboxRow.portal_id == portal_id,
        OutboxRow.cause_kind == "followup",
        OutboxRow.cause_id == followup_id,
        OutboxRow.purpose == "task",
    )


def open_tasks(session: Session, portal_id: int) -> list[int]:
    """Ids of the tasks in which open follow-ups live."""
    statement = (
        select(FollowUp.task_id)
        .where(FollowUp.portal_id == portal_id, FollowUp.status.in_(("open", "task_done")))
        .where(FollowUp.task_id.is_not(None))
        .order_by(FollowUp.id)
    )
    return [task_id for task_id in session.scalars(statement) if task_id is not None]

"""Surveys after a project: what started each, whom it asked, and what a waiting robot was told (product.md W16)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, Secret, UTCDateTime


class ProjectRun(Base):
    """One wish to ask a client about one deal. `key` makes it once: the deal and its stage entry, or the robot's call.

    `status`: new | asked | skipped (`reason` says why) | over. `told_at`: when the robot that waits got its answer.
    """

    __tablename__ = "project_runs"
    __table_args__ = (
        UniqueConstraint("portal_id", "key"),
        Index("ix_project_runs_portal", "portal_id", "id"),
        Index("ix_project_runs_due", "status", "due_at"),
        Index("ix_project_runs_invitation", "invitation_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(120))
    source: Mapped[str] = mapped_column(String(8))  # stage | robot | hand
    deal_id: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_by: Mapped[str] = mapped_column(String(200), default="molva")
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when it is looked at next; empty: never
    status: Mapped[str] = mapped_column(String(16), default="new")
    reason: Mapped[str] = mapped_column(String(32), default="")
    wave_id: Mapped[int | None] = mapped_column(Integer)
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    event_token: Mapped[str | None] = mapped_column(Secret)  # of a robot
    waits: Mapped[bool] = mapped_column(default=False)  # the robot waits for the answer
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

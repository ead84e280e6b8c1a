"""What must happen because of a response or of silence (product.md F)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class FollowUp(Base):
    """One follow-up; its task lives in the portal, its state here."""

    __tablename__ = "followups"
    __table_args__ = (
        UniqueConstraint("portal_id", "key"),
        Index("ix_followups_task", "portal_id", "task_id"),
        Index("ix_followups_client", "portal_id", "client_kind", "client_id"),
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

"""Colleagues whom a client proposed to ask instead; staff decide, nothing is mailed to a typed address (W12)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class Colleague(Base):
    """One proposal, made through an invitation. `contact_id`: the card that staff chose for the person."""

    __tablename__ = "colleagues"
    __table_args__ = (
        Index("ix_colleagues_invitation", "invitation_id"),
        Index("ix_colleagues_open", "portal_id", "status", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    invitation_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200))
    reach: Mapped[str] = mapped_column(String(255), default="")  # as typed; never written to
    words: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(16), default="new")  # new | asked | dismissed
    said_at: Mapped[datetime] = mapped_column(UTCDateTime)
    settled_by: Mapped[str] = mapped_column(String(200), default="")
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    contact_id: Mapped[int | None] = mapped_column(Integer)

"""What clients wrote back to a letter, found in the portal, until a person has dealt with it (product.md W18)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class Reply(Base):
    """One incoming e-mail of somebody who was asked. `proposed`: the score we read in it, for a person to confirm."""

    __tablename__ = "replies"
    __table_args__ = (
        UniqueConstraint("portal_id", "activity_id"),
        Index("ix_replies_open", "portal_id", "status", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    activity_id: Mapped[int] = mapped_column(Integer)
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    contact_id: Mapped[int | None] = mapped_column(Integer)
    client_kind: Mapped[str] = mapped_column(String(8), default="")
    client_id: Mapped[int | None] = mapped_column(Integer)
    from_address: Mapped[str] = mapped_column(String(255), default="")
    subject: Mapped[str] = mapped_column(String(300), default="")
    words: Mapped[str] = mapped_column(Text, default="")  # without the quoted letter
    kind: Mapped[str] = mapped_column(String(16), default="reply")  # reply | absence | bounce | complaint
    proposed: Mapped[int | None] = mapped_column(Integer)  # 0..10
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    status: Mapped[str] = mapped_column(
        String(16), default="new"
    )  # new | recorded | refused | opted_out | dismissed
    settled_by: Mapped[str] = mapped_column(String(200), default="")
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    response_id: Mapped[int | None] = mapped_column(Integer)

"""The direct line: one address per client under which it can write at any time, and what was written (S5)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime

LIVING = "revoked_at IS NULL"


class DirectLink(Base):
    """The address `/d/<token>` of one client; valid until somebody revokes it (product.md S6)."""

    __tablename__ = "direct_links"
    __table_args__ = (
        UniqueConstraint("token"),
        Index(
            "ux_direct_links_living", "portal_id", "client_kind", "client_id",
            unique=True, sqlite_where=text(LIVING), postgresql_where=text(LIVING),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    client_kind: Mapped[str] = mapped_column(String(8))
    client_id: Mapped[int] = mapped_column(Integer)
    token: Mapped[str] = mapped_column(String(64))  # carries no personal data
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_by: Mapped[str] = mapped_column(String(200), default="")


class DirectMessage(Base):
    """One message of the direct line. `held`: nobody has proved to be a person yet; it starts nothing (S1)."""

    __tablename__ = "direct_messages"
    __table_args__ = (Index("ix_direct_messages_link", "link_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    link_id: Mapped[int] = mapped_column(ForeignKey("direct_links.id", ondelete="CASCADE"))
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    person: Mapped[str] = mapped_column(String(200), default="")  # as typed
    back: Mapped[str] = mapped_column(String(200), default="")  # how to reach them, as typed
    words: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default="new")  # held | new | dropped
    held_reason: Mapped[str] = mapped_column(String(32), default="")
    said_at: Mapped[datetime] = mapped_column(UTCDateTime)
    follow_up_id: Mapped[int | None] = mapped_column(Integer)

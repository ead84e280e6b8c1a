"""How the letters of each sender leave: through the operator's server, an own one, or the portal's mail (W19)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, Secret, UTCDateTime


class SenderMailbox(Base):
    """The mailbox of one sender of the policy. No row: the operator's server, the policy's pace.

    Not a part of the policy, because that is kept in versions, shown and exported, and this holds a password.
    """

    __tablename__ = "sender_mailboxes"
    __table_args__ = (UniqueConstraint("portal_id", "sender_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    sender_key: Mapped[str] = mapped_column(String(64))
    way: Mapped[str] = mapped_column(String(8), default="operator")  # operator | own | portal
    smtp_url: Mapped[str | None] = mapped_column(Secret)
    shown: Mapped[str] = mapped_column(String(200), default="")  # scheme, user, host and port, for people
    per_hour: Mapped[int] = mapped_column(Integer, default=0)  # 0: as the policy has it
    per_day: Mapped[int] = mapped_column(Integer, default=0)
    dkim_selector: Mapped[str] = mapped_column(String(64), default="")
    dkim: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict
    )  # what a received test letter showed, with `at`
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    check_code: Mapped[str] = mapped_column(
        String(64), default=""
    )  # why the last log-in failed; empty: it worked
    changed_by: Mapped[str] = mapped_column(String(200), default="")
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)

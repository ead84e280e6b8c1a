"""Addresses that do not take mail, why we think so, and who said that they do again (product.md W19)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class DeadAddress(Base):
    """One address that refused for good or returned a letter; alive again once `revived_at` is set."""

    __tablename__ = "dead_addresses"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(255), primary_key=True)  # normalised
    source: Mapped[str] = mapped_column(String(16))  # smtp | bounce | staff
    code: Mapped[str] = mapped_column(String(64), default="")
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    revived_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revived_by: Mapped[str] = mapped_column(String(200), default="")

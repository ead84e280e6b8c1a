"""REST calls that wait to be made: committed with the change that caused them (product.md B4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.queue import Claimable


class OutboxRow(Claimable, Base):
    """One call. Lane: the card it writes, `deal:12`, so that writes to a card keep their order.

    `key` makes the enqueueing idempotent: the same cause queues the same call once.
    `sent_at` is set and committed before a creating call leaves; a row found with it set and no
    result asks its probe first (a retry after an unknown outcome, B4).
    """

    __tablename__ = "outbox"
    __table_args__ = (*Claimable.indexes("outbox"), UniqueConstraint("portal_id", "key"))

    key: Mapped[str] = mapped_column(String(200))
    purpose: Mapped[str] = mapped_column(String(32))  # score | comment | task | field | setup | referral | read
    method: Mapped[str] = mapped_column(String(64))
    call: Mapped[dict[str, Any]] = mapped_column(JSON)  # Call.to_json()
    cause_kind: Mapped[str] = mapped_column(String(32), default="")  # response | followup | wave | card | portal
    cause_id: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    result: Mapped[Any] = mapped_column(JSON, nullable=True)

"""Letters as finished text: what is stored is what was sent (architecture.md 2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.queue import Claimable


class LetterRow(Claimable, Base):
    """One letter to one address. Lane: the address, so that a person's letters keep their order.

    Statuses beside the queue's own: `unknown` — the process died between the hand-over to the mail
    server and the record of it; shown to people, never sent again by itself. `handed_at` is committed
    before the hand-over starts. `cancelled` — overtaken before it left.
    """

    __tablename__ = "letters"
    __table_args__ = (
        *Claimable.indexes("letters"),
        UniqueConstraint("portal_id", "key"),
        UniqueConstraint("message_id"),
        Index("ix_letters_invitation", "invitation_id"),
    )

    key: Mapped[str] = mapped_column(String(200))  # "<kind>:<invitation>"; makes queueing idempotent
    kind: Mapped[str] = mapped_column(String(32))  # announcement | invitation | reminder_1 | reminder_2 | test …
    wave_id: Mapped[int | None] = mapped_column(ForeignKey("waves.id", ondelete="SET NULL"))
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(String(8), default="")
    sender_key: Mapped[str] = mapped_column(String(64), default="")
    sender_name: Mapped[str] = mapped_column(String(200))
    sender_address: Mapped[str] = mapped_column(String(255))
    recipient_name: Mapped[str] = mapped_column(String(200), default="")
    recipient_address: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(500))
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    headers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    message_id: Mapped[str] = mapped_column(String(255))
    handed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    planned_for: Mapped[datetime | None] = mapped_column(UTCDateTime)  # later than due: it went late
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # useless afterwards: cancelled, not sent

"""Long or periodic work as rows claimed by their next date: synchronisation, reconciliation, pruning."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base
from integration.store.queue import Claimable


class ChoreRow(Claimable, Base):
    """One chore of one portal; `cursor` is where it goes on after a crash. Lane: the chore's name."""

    __tablename__ = "chores"
    __table_args__ = (*Claimable.indexes("chores"), UniqueConstraint("portal_id", "name"))

    name: Mapped[str] = mapped_column(String(64))  # setup | first_sync | reconcile | plan_wave | freeze:<wave> | prune
    cursor: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    every_seconds: Mapped[int] = mapped_column(default=0)  # 0: once

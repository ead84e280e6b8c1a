"""Sheets of a partner call centre that came back: what was read, row by row, and what became of it (product.md W9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class CallSheet(Base):
    """One uploaded sheet. `stage`: preview | applying | done | dropped; `counts`: by status of its rows."""

    __tablename__ = "call_sheets"
    __table_args__ = (Index("ix_call_sheets_wave", "portal_id", "wave_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(200), default="")
    stage: Mapped[str] = mapped_column(String(16), default="preview")
    uploaded_by: Mapped[str] = mapped_column(String(200))
    uploaded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class CallSheetRow(Base):
    """One row of a sheet: `number` as the table program counts it; `status`: new | done | same | refused."""

    __tablename__ = "call_sheet_rows"
    __table_args__ = (UniqueConstraint("sheet_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    sheet_id: Mapped[int] = mapped_column(ForeignKey("call_sheets.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    said: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # the cells as read
    status: Mapped[str] = mapped_column(String(16), default="new")
    code: Mapped[str] = mapped_column(String(32), default="")  # why it was refused

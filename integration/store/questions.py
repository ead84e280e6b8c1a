"""Extra questions beside the one of the survey: their wording by version, and what was answered (product.md W13)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class QuestionVersion(Base):
    """The wording of an extra question from a moment on; never changed afterwards. `body`: kind, texts, options."""

    __tablename__ = "question_versions"
    __table_args__ = (UniqueConstraint("portal_id", "key", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    author: Mapped[str] = mapped_column(String(200), default="")


class ExtraAnswer(Base):
    """What one respondent said to one extra question; never part of NPS. `value`: a number, or an option's code."""

    __tablename__ = "extra_answers"
    __table_args__ = (
        UniqueConstraint("response_id", "question"),
        Index("ix_extra_answers_wave", "portal_id", "wave_id", "question"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    response_id: Mapped[int] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    question: Mapped[str] = mapped_column(String(32))  # key
    version: Mapped[int] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(String(8), default="")
    value: Mapped[str] = mapped_column(String(2000))
    recorded_by: Mapped[str] = mapped_column(String(200), default="client")
    answered_at: Mapped[datetime] = mapped_column(UTCDateTime)

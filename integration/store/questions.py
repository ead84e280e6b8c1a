"""Extra questions beside the one of the survey: their wording by version, and what was answered (product.md W13)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime

MOST_EARLIER = 50  # values that an answer had before, kept with it


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
    """What one respondent said to one extra question; never part of NPS. `value`: a number, an option's code, words;
    empty: taken back. `status` `held`: not proven to be a person's, kept apart and counted nowhere (S1). `earlier`: the
    values it had before, each with version, author and time (S3)."""

    __tablename__ = "extra_answers"
    __table_args__ = (
        UniqueConstraint("response_id", "question", "status"),
        Index("ix_extra_answers_wave", "portal_id", "wave_id", "question"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    response_id: Mapped[int] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    question: Mapped[str] = mapped_column(String(32))  # key
    version: Mapped[int] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(String(8), default="")  # of the text that was shown
    status: Mapped[str] = mapped_column(String(8), default="counted")  # counted | held
    value: Mapped[str] = mapped_column(String(2000))
    recorded_by: Mapped[str] = mapped_column(String(200), default="client")
    answered_at: Mapped[datetime] = mapped_column(UTCDateTime)
    earlier: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)


def versions(session: Session, portal_id: int, keys: Collection[str] | None = None) -> list[QuestionVersion]:
    """All versions of these questions, or of every question there ever was, oldest first."""
    statement = select(QuestionVersion).where(QuestionVersion.portal_id == portal_id)
    if keys is not None:
        statement = statement.where(QuestionVersion.key.in_(sorted(keys)))
    return list(session.scalars(statement.order_by(QuestionVersion.key, QuestionVersion.version)))


def add_version(
    session: Session, portal_id: int, key: str, body: dict[str, Any], author: str, now: datetime
) -> QuestionVersion:
    """Keep a wording as the next version of its question. Whoever is second to use a number takes the next one."""
    while True:
        latest = select(func.max(QuestionVersion.version)).where(
            QuestionVersion.portal_id == portal_id, QuestionVersion.key == key
        )
        row = QuestionVersion(
            portal_id=portal_id, key=key, version=(session.scalar(latest) or 0) + 1, body=body, since=now,
            author=author[:200],
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            continue
        return row


def answers_of(session: Session, portal_id: int, responses: Collection[int]) -> list[ExtraAnswer]:
    """The extra answers that belong to these answers, held ones too, in the order they were given."""
    if not responses:
        return []
    statement = select(ExtraAnswer).where(
        ExtraAnswer.portal_id == portal_id, ExtraAnswer.response_id.in_(sorted(responses))
    )
    return list(session.scalars(statement.order_by(ExtraAnswer.id)))


def scrub(session: Session, portal_id: int, responses: Collection[int]) -> None:
    """Take the person's own words out of extra answers, with everything they were before; what was chosen on a scale
    or from a list stays, it names nobody any more. What nobody confirmed goes."""
    texts = {(row.key, row.version) for row in versions(session, portal_id) if row.body.get("kind") == "text"}
    for row in answers_of(session, portal_id, responses):
        if row.status != "counted":
            session.delete(row)
            continue
        row.earlier = []
        if (row.question, row.version) in texts:
            row.value = ""
    session.flush()

"""The agency's own wording of letters, and of a call (`call`): versions per language (product.md W5, W8, W13)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, Text, and_, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime


class LetterText(Base):
    """One version of a letter's wording in one language; the highest version counts.

    `standard`: the administrator went back to the text that Molva brings; `subject` and `body` are empty then.
    """

    __tablename__ = "letter_texts"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    letter: Mapped[str] = mapped_column(String(32), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    standard: Mapped[bool] = mapped_column(default=False)
    subject: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str] = mapped_column(String(200), default="")
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime)


def newest(session: Session, portal_id: int, letter: str = "") -> dict[tuple[str, str], LetterText]:
    """The version that counts of every letter and language somebody ever changed; of one `letter` alone if named."""
    wanted = [LetterText.portal_id == portal_id, *([LetterText.letter == letter] if letter else [])]
    latest = (
        select(LetterText.letter, LetterText.language, func.max(LetterText.version).label("version"))
        .where(*wanted)
        .group_by(LetterText.letter, LetterText.language)
        .subquery()
    )
    statement = (
        select(LetterText)
        .join(
            latest,
            and_(
                LetterText.letter == latest.c.letter,
                LetterText.language == latest.c.language,
                LetterText.version == latest.c.version,
            ),
        )
        .where(LetterText.portal_id == portal_id)
    )
    return {(row.letter, row.language): row for row in session.scalars(statement)}


def versions(
    session: Session, portal_id: int, letter: str, language: str, limit: int = 100
) -> list[LetterText]:
    """The versions of one letter in one language, newest first."""
    statement = (
        select(LetterText)
        .where(
            LetterText.portal_id == portal_id, LetterText.letter == letter, LetterText.language == language
        )
        .order_by(LetterText.version.desc())
        .limit(limit)
    )
    return list(session.scalars(statement))


def as_of(
    session: Session, portal_id: int, letter: str, language: str, moment: datetime
) -> LetterText | None:  # fmt: skip
    """The version that counted at a moment; nothing if nobody had changed a word by then."""
    statement = (
        select(LetterText)
        .where(
            LetterText.portal_id == portal_id, LetterText.letter == letter, LetterText.language == language,
            LetterText.saved_at <= moment,
        )
        .order_by(LetterText.version.desc())
        .limit(1)
    )  # fmt: skip
    return session.scalars(statement).first()


def version(session: Session, portal_id: int, letter: str, language: str, number: int) -> LetterText | None:
    """One version."""
    return session.get(LetterText, (portal_id, letter, language, number))


def add_version(
    session: Session,
    portal_id: int,
    letter: str,
    language: str,
    number: int,
    *,
    subject: str,
    body: str,
    author: str,
    now: datetime,
) -> bool:
    """Store the next version; no subject and no body: back to the standard. False: somebody else was first."""
    found = versions(session, portal_id, letter, language, 1)
    if (found[0].version if found else 0) != number - 1:
        return False
    try:
        with session.begin_nested():
            session.add(
                LetterText(
                    portal_id=portal_id, letter=letter, language=language, version=number, subject=subject,
                    body=body, standard=not subject and not body, author=author, saved_at=now,
                )
            )  # fmt: skip
    except IntegrityError:
        return False
    return True

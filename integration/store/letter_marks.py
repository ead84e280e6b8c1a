"""The mark under which a letter was given to the portal's mail, kept with it until its fate is known (W19)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from integration.store.letters import PORTAL_MARK, LetterRow

HEADER = PORTAL_MARK  # among the letter's headers, which the portal's mail cannot carry


@dataclass(frozen=True, slots=True)
class Mark:
    """An attempt: what the portal keeps of it, and when it began, UTC."""

    text: str
    at: datetime


def of(letter: LetterRow) -> Mark | None:
    """The mark of an attempt whose fate is open."""
    text = str((letter.headers or {}).get(HEADER) or "")
    _, _, seconds = text.rpartition(".")
    return Mark(text, datetime.fromtimestamp(int(seconds), UTC)) if seconds.isdigit() else None


def new(letter: LetterRow, now: datetime) -> Mark:
    """A mark nobody had before: the letter's own unguessable id and the moment of the attempt."""
    token = letter.message_id.strip("<>").partition("@")[0][:200]
    return Mark(f"{token}.{int(now.timestamp())}", now)


def keep(session: Session, letter: LetterRow, mark: Mark) -> bool:
    """Write the mark down before the attempt. False: somebody else has the letter by now."""
    return _write(session, letter, {**(letter.headers or {}), HEADER: mark.text})


def forget(session: Session, letter: LetterRow) -> bool:
    """Drop the mark: nothing went under it, or people decide. False: somebody else has the letter by now."""
    headers = {name: value for name, value in (letter.headers or {}).items() if name != HEADER}
    return _write(session, letter, headers)


def _write(session: Session, letter: LetterRow, headers: dict[str, Any]) -> bool:
    statement = (
        update(LetterRow)
        .where(
            LetterRow.portal_id == letter.portal_id,
            LetterRow.id == letter.id,
            LetterRow.status == "working",
            LetterRow.owner == letter.owner,
            LetterRow.attempts == letter.attempts,
        )
        .values(headers=headers)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1

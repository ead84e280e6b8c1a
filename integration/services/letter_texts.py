"""The agency's own words of its letters: versions, back to the standard, what a letter carries (W5, W13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.mail.render import STANDARD, standard
from integration.nps import wording
from integration.nps.intents import LetterKind
from integration.nps.policy import LANGUAGES
from integration.nps.wording import OwnText, TextProblem
from integration.services import rights
from integration.services.deps import Deps
from integration.store import letter_texts as rows
from integration.store.base import reading, transaction
from integration.store.letter_texts import LetterText


@dataclass(frozen=True, slots=True)
class Own:
    """Own words as letters use them. `id` is what letters and answers keep."""

    id: str
    text: OwnText


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a letter's words in one language. `number` 0: never changed; `saved_at` is UTC then None.

    `standard`: these are the words Molva brings.
    """

    letter: LetterKind
    language: str
    number: int
    standard: bool
    text: OwnText
    author: str = ""
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangedMeanwhile:
    """Somebody saved since the author looked; `version` is theirs."""

    version: Version


Owns = Mapping[tuple[str, str], Own]


def kind_of(letter: str) -> LetterKind | None:
    """The letter of this name if its words can be changed."""
    return next((kind for kind in wording.EDITABLE if kind == letter), None)


def in_use(session: Session, portal_id: int) -> dict[tuple[str, str], Own]:
    """Own words by letter and language; what is missing has the words that Molva brings."""
    return {
        key: Own(_name("agency", row.letter, row.language, row.version), OwnText(row.subject, row.body))
        for key, row in rows.newest(session, portal_id).items()
        if not row.standard
    }


def in_use_of(deps: Deps, portal_id: int) -> dict[tuple[str, str], Own]:
    """`in_use` in a transaction of its own."""
    with reading(deps.sessions) as session:
        return in_use(session, portal_id)


def carried(letter: LetterKind, language: str, own: Own | None) -> str:
    """The name of the words a letter carries, e.g. `agency/invitation/ru/3` or `molva/invitation/ru/1` (W13)."""
    return own.id if own else _name("molva", letter, language, STANDARD)


def newest(deps: Deps, portal_id: int) -> dict[tuple[str, str], Version]:
    """The version that counts of each letter in each language."""
    with reading(deps.sessions) as session:
        found = rows.newest(session, portal_id)
    return {
        (letter, language): _version(letter, language, found.get((letter, language)))
        for letter in wording.EDITABLE
        for language in LANGUAGES
    }


def history(deps: Deps, portal_id: int, letter: LetterKind, language: str) -> list[Version]:
    """All versions, newest first; one with number 0 if nobody ever changed a word."""
    with reading(deps.sessions) as session:
        found = rows.versions(session, portal_id, letter, language)
    return [_version(letter, language, row) for row in found] or [_version(letter, language, None)]


def save(
    deps: Deps,
    portal_id: int,
    letter: LetterKind,
    language: str,
    text: OwnText | None,
    user_id: int,
    base_version: int,
) -> int | list[TextProblem] | ChangedMeanwhile:
    """Keep a new version by an employee and give its number, or say why not; without `text`: the standard again.

    Words equal to those of the standard are the standard; words that count already make no new version.
    """
    wanted = wording.cleaned(text) if text is not None else None
    if wanted is not None and (problems := wording.problems(letter, wanted)):
        return problems
    wanted = None if wanted == standard(letter, language) else wanted
    with transaction(deps.sessions) as session:
        found = rows.versions(session, portal_id, letter, language, 1)
        current = _version(letter, language, found[0] if found else None)
        if current.number != base_version:
            return ChangedMeanwhile(current)
        if wanted == (None if current.standard else current.text):
            return current.number
        author = rights.name_of(session, portal_id, user_id)[:200]
        stored = rows.add_version(
            session, portal_id, letter, language, current.number + 1, now=deps.clock.now(), author=author,
            subject=wanted.subject if wanted else "", body=wanted.body if wanted else "",
        )  # fmt: skip
        if stored:
            return current.number + 1
    return ChangedMeanwhile(history(deps, portal_id, letter, language)[0])


def restore(
    deps: Deps,
    portal_id: int,
    letter: LetterKind,
    language: str,
    number: int,
    user_id: int,
    base_version: int,
) -> int | list[TextProblem] | ChangedMeanwhile | None:
    """Make an earlier version count again, as a new one; nothing if there is no such version."""
    with reading(deps.sessions) as session:
        row = rows.version(session, portal_id, letter, language, number)
    if row is None:
        return None
    text = None if row.standard else OwnText(row.subject, row.body)
    return save(deps, portal_id, letter, language, text, user_id, base_version)


def _version(letter: LetterKind, language: str, row: LetterText | None) -> Version:
    if row is None:
        return Version(letter, language, 0, True, standard(letter, language))
    text = standard(letter, language) if row.standard else OwnText(row.subject, row.body)
    return Version(letter, language, row.version, row.standard, text, row.author, row.saved_at)


def _name(origin: str, letter: str, language: str, number: int) -> str:
    return f"{origin}/{letter}/{language}/{number}"

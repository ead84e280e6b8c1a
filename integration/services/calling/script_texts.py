"""The agency's own words of a call, in versions, kept beside those of letters (product.md W8, W13, W20).

The newest version counts. A version that says "standard" goes back to the words that Molva brings. Answers remember
which words they followed: `agency/call/ru/3`, else `call/1/ru`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration import i18n
from integration.i18n import LANGUAGES
from integration.nps import call_wording as rules
from integration.nps.call_wording import PartProblem, Parts
from integration.services import rights
from integration.services.calling import wording
from integration.services.calling.wording import OwnScript
from integration.services.deps import Deps
from integration.store import letter_texts as rows
from integration.store.base import reading, transaction
from integration.store.letter_texts import LetterText

CALL = "call"
SUBJECT = "-"  # a call has none; the column tells words from the standard
_OWN = re.compile(r"agency/call/([a-z]{2})/(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the words in one language. `number` 0: never changed; `saved_at` is UTC, then None.

    `standard`: these are the words Molva brings.
    """

    language: str
    number: int
    standard: bool
    parts: Parts
    author: str = ""
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangedMeanwhile:
    """Somebody saved since the author looked; `version` is theirs."""

    version: Version


Kept = int | list[PartProblem] | ChangedMeanwhile


def in_use(session: Session, portal_id: int) -> dict[str, OwnScript]:
    """Own words by language; what is missing has the words that Molva brings."""
    return {
        language: OwnScript(named(language, row.version), rules.from_text(row.body))
        for (_, language), row in rows.newest(session, portal_id, CALL).items()
        if not row.standard
    }


def in_use_at(session: Session, portal_id: int, moment: datetime) -> dict[str, OwnScript]:
    """`in_use` as it was at a moment, so that what is read later than it happened agrees with `followed_at`."""
    found = {code: rows.as_of(session, portal_id, CALL, code, moment) for code in LANGUAGES}
    return {
        code: OwnScript(named(code, row.version), rules.from_text(row.body))
        for code, row in found.items()
        if row is not None and not row.standard
    }


def named(language: str, number: int) -> str:
    """The name of a version of own words."""
    return f"agency/{CALL}/{language}/{number}"


def followed(session: Session, portal_id: int, shown: str, language: str) -> str:
    """The words a call in a language followed, of those a form says it showed (`CardShown.wording`); those of today if
    it says nothing that can be true."""
    language = i18n.known(language)
    standard = wording.version(language)
    for name in shown.split()[:8]:  # a card shows one version in each language
        own = _OWN.fullmatch(name)
        if name == standard:
            return name
        if own is not None and own[1] == language:
            row = rows.version(session, portal_id, CALL, language, int(own[2]))
            if row is not None and not row.standard:
                return name
    own_now = in_use(session, portal_id).get(language)
    return own_now.version if own_now is not None else standard


def followed_at(session: Session, portal_id: int, language: str, moment: datetime) -> str:
    """The words that counted at a moment, e.g. when a call centre's sheet was taken out."""
    language = i18n.known(language)
    row = rows.as_of(session, portal_id, CALL, language, moment)
    return wording.version(language) if row is None or row.standard else named(language, row.version)


def newest(deps: Deps, portal_id: int) -> dict[str, Version]:
    """The version that counts in each language."""
    with reading(deps.sessions) as session:
        found = rows.newest(session, portal_id, CALL)
    return {language: _version(language, found.get((CALL, language))) for language in LANGUAGES}


def history(deps: Deps, portal_id: int, language: str) -> list[Version]:
    """All versions, newest first; one with number 0 if nobody ever changed a word."""
    with reading(deps.sessions) as session:
        found = rows.versions(session, portal_id, CALL, language)
    return [_version(language, row) for row in found] or [_version(language, None)]


def save(
    deps: Deps, portal_id: int, language: str, parts: Parts | None, user_id: int, base_version: int
) -> Kept:  # fmt: skip
    """Keep a new version by an employee and give its number, or say why not; without `parts`: the standard again.

    Words equal to those of the standard are the standard; words that count already make no new version.
    """
    wanted = rules.cleaned(parts) if parts is not None else None
    if wanted is not None and (problems := rules.problems(wanted)):
        return problems
    wanted = None if wanted == wording.standard(language) else wanted
    with transaction(deps.sessions) as session:
        found = rows.versions(session, portal_id, CALL, language, 1)
        current = _version(language, found[0] if found else None)
        if current.number != base_version:
            return ChangedMeanwhile(current)
        if wanted == (None if current.standard else current.parts):
            return current.number
        stored = rows.add_version(
            session, portal_id, CALL, language, current.number + 1, now=deps.clock.now(),
            author=rights.name_of(session, portal_id, user_id)[:200], subject=SUBJECT if wanted else "",
            body=rules.to_text(wanted) if wanted else "",
        )  # fmt: skip
        if stored:
            return current.number + 1
    return ChangedMeanwhile(history(deps, portal_id, language)[0])


def restore(
    deps: Deps, portal_id: int, language: str, number: int, user_id: int, base_version: int
) -> Kept | None:  # fmt: skip
    """Make an earlier version count again, as a new one; nothing if there is no such version."""
    with reading(deps.sessions) as session:
        row = rows.version(session, portal_id, CALL, language, number)
    if row is None:
        return None
    parts = None if row.standard else rules.from_text(row.body)
    return save(deps, portal_id, language, parts, user_id, base_version)


def _version(language: str, row: LetterText | None) -> Version:
    if row is None:
        return Version(language, 0, True, wording.standard(language))
    parts = wording.standard(language) if row.standard else rules.from_text(row.body)
    return Version(language, row.version, row.standard, parts, row.author, row.saved_at)

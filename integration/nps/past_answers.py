"""Reading a table of answers that another survey tool or a notebook collected (product.md T9).

A table is rows of texts, the first one the headings: our own names in three languages, and those of
Delighted's export. Every row is taken or refused alone, by its number in the file, the headings being row 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import Literal

from .errors import NpsError
from .policy_checks import looks_like_address
from .questionnaire import MAX_COMMENT, clean_text, parse_score

Code = Literal[
    "no_score", "not_a_score", "no_date", "not_a_date", "ambiguous_date", "in_future", "too_long", "not_an_id",
    "not_an_address", "nobody", "no_such_client", "ambiguous_client", "own_company", "no_such_person",
    "ambiguous_person", "of_another_client", "twice", "differs", "own_client",
]  # fmt: skip

#: Heading, folded, -> field. The last group is how Delighted calls things in its files and its API.
HEADINGS: Mapping[str, str] = {
    **dict.fromkeys(("client", "company", "company name", "title", "клиент", "компания", "клієнт", "компанія"),
                    "client"),
    **dict.fromkeys(("company id", "client id", "id компании", "id клиента", "id компанії", "id клієнта"),
                    "company_id"),
    **dict.fromkeys(("contact id", "id контакта", "id контакту"), "contact_id"),
    **dict.fromkeys(("email", "e-mail", "mail", "почта", "эл. почта", "пошта", "ел. пошта"), "email"),
    **dict.fromkeys(("name", "person", "contact", "имя", "контакт", "ім'я", "ім’я"), "name"),
    **dict.fromkeys(("score", "nps", "оценка", "балл", "оцінка", "бал"), "score"),
    **dict.fromkeys(("comment", "words", "комментарий", "отзыв", "коментар", "відгук"), "comment"),
    **dict.fromkeys(("date", "day", "answered", "answered at", "дата", "дата ответа", "дата відповіді"), "date"),
    **dict.fromkeys(("channel", "канал"), "channel"),
    **dict.fromkeys(("person email", "email address"), "email"),
    **dict.fromkeys(("person name", "full name"), "name"),
    **dict.fromkeys(("response score", "nps score"), "score"),
    **dict.fromkeys(("response comment", "answer comment"), "comment"),
    **dict.fromkeys(("created at", "response created at", "response time", "responded at", "response date",
                     "timestamp"), "date"),
    **dict.fromkeys(("survey channel", "source", "delighted source"), "channel"),
}  # fmt: skip

_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_EPOCH = re.compile(r"\d{9,11}")
_WHOLE = re.compile(r"(\d+)(?:\.0+)?")


class Unreadable(NpsError):
    """The table as a whole cannot be read: ``no_rows``, ``no_score_column``, ``no_date_column``,
    ``no_client_column``, or ``two_columns`` (two headings for one field; the message names it)."""

    code = "unreadable"


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """One row as read: who (whatever the row names; the rest is empty), what was said and when (UTC)."""

    number: int
    score: int
    comment: str
    at: datetime
    client: str = ""
    company_id: int | None = None
    contact_id: int | None = None
    email: str = ""
    name: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row is not taken; ``number`` counts the rows of the file from 1, the headings."""

    number: int
    code: Code
    detail: str = ""


def fold(text: str) -> str:
    """A name as names are compared: case and runs of blanks do not count."""
    return " ".join(text.split()).casefold()


def places_of(headings: Sequence[str], known: Mapping[str, str]) -> dict[str, int]:
    """Field -> place of its column; columns nobody knows are left out. Raises `Unreadable`."""
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        field = known.get(fold(heading.replace("_", " ").lstrip("\ufeff")))
        if field is None:
            continue
        if field in found:
            raise Unreadable(f"{headings[found[field]]}, {heading}", code="two_columns")
        found[field] = place
    return found


def columns(headings: Sequence[str]) -> dict[str, int]:
    """The columns of answers as `places_of` finds them. Raises `Unreadable`."""
    found = places_of(headings, HEADINGS)
    for field in ("score", "date"):
        if field not in found:
            raise Unreadable(code=f"no_{field}_column")
    if not found.keys() & {"client", "company_id", "contact_id", "email"}:
        raise Unreadable(code="no_client_column")
    return found


def read(
    table: Sequence[Sequence[str]], zone: tzinfo, now: datetime
) -> tuple[list[PastAnswer], list[RowProblem]]:
    """Every row that can be understood, and why the others cannot. Raises `Unreadable`.

    ``zone``: of dates without one, a day without an hour is its noon. Rows without any text are left out.
    """
    if not table:
        raise Unreadable(code="no_rows")
    places = columns(table[0])
    answers: list[PastAnswer] = []
    problems: list[RowProblem] = []
    for number, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        row = {field: cells[place].strip() if place < len(cells) else "" for field, place in places.items()}
        found = _row(number, row, zone, now)
        (answers if isinstance(found, PastAnswer) else problems).append(found)  # type: ignore[arg-type]
    if not answers and not problems:
        raise Unreadable(code="no_rows")
    return answers, problems


def _row(number: int, row: Mapping[str, str], zone: tzinfo, now: datetime) -> PastAnswer | RowProblem:
    score = _score(row.get("score", ""))
    if not isinstance(score, int):
        return RowProblem(number, score, row.get("score", "")[:40])
    at = parse_moment(row.get("date", ""), zone)
    if not isinstance(at, datetime):
        return RowProblem(number, at, row.get("date", "")[:40])
    if at > now:
        return RowProblem(number, "in_future", row["date"][:40])
    comment = clean_text(row.get("comment", ""))
    if len(comment) > MAX_COMMENT:
        return RowProblem(number, "too_long", str(len(comment)))
    return _who(number, row, PastAnswer(number, score, comment, at))


def _who(number: int, row: Mapping[str, str], said: PastAnswer) -> PastAnswer | RowProblem:
    ids: dict[str, int | None] = {}
    for field in ("company_id", "contact_id"):
        text = row.get(field, "")
        match = _WHOLE.fullmatch(text) if text.isascii() else None
        if text and (match is None or not 0 < int(match[1]) < 2**31):
            return RowProblem(number, "not_an_id", text[:40])
        ids[field] = int(match[1]) if match else None
    email = row.get("email", "")
    if email and not looks_like_address(email):
        return RowProblem(number, "not_an_address", email[:80])
    client = clean_text(row.get("client", ""))
    if not (client or email or any(ids.values())):
        return RowProblem(number, "nobody")
    return PastAnswer(
        number, said.score, said.comment, said.at, client, ids["company_id"], ids["contact_id"], email,
        clean_text(row.get("name", ""))[:400], clean_text(row.get("channel", ""))[:40],
    )  # fmt: skip


def _score(text: str) -> int | Code:
    """A whole number from 0 to 10; a spreadsheet's ``9.0`` is one too."""
    if not text:
        return "no_score"
    match = _WHOLE.fullmatch(text) if text.isascii() else None
    found = parse_score(match[1]) if match else None
    return "not_a_score" if found is None else found


def parse_moment(text: str, zone: tzinfo) -> datetime | Code:
    """A date as people and programs write it, as UTC: ISO (also ``2025-12-31 10:20:30 UTC``), ``31.12.2025 10:20``,
    seconds since 1970; with slashes only where day and month cannot be mixed up."""
    text = text.strip()
    if not text:
        return "no_date"
    if _EPOCH.fullmatch(text) and text.isascii():
        return datetime.fromtimestamp(int(text), UTC)
    if match := _DOTTED.fullmatch(text):
        day, month, year, *clock = match.groups()
        return _moment(int(year), int(month), int(day), clock, zone)
    if match := _SLASHED.fullmatch(text):
        first, second, year, *clock = match.groups()
        if int(first) <= 12 and int(second) <= 12 and first != second:
            return "ambiguous_date"
        month, day = (first, second) if int(second) > 12 else (second, first)
        return _moment(int(year), int(month), int(day), clock, zone)
    return _iso(text, zone)


def _iso(text: str, zone: tzinfo) -> datetime | Code:
    for tail in (" UTC", " GMT", " Z"):
        text = text.removesuffix(tail) + "+00:00" if text.endswith(tail) else text
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(12), zone).astimezone(UTC)
        found = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return "not_a_date"


def _moment(year: int, month: int, day: int, clock: Sequence[str | None], zone: tzinfo) -> datetime | Code:
    hour, minute, second = (int(part) if part else 0 for part in clock)
    try:
        at = datetime(year, month, day, hour if clock[0] else 12, minute, second, tzinfo=zone)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return "not_a_date"

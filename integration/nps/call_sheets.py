"""Reading what a call centre wrote into its sheet: one row a call, understood or refused alone (product.md W9).

A table is rows of texts, the first one the headings. Dates and hours stand there as the client's own clock shows them,
so a row is read in two steps: its cells (`read`), and, once the code has told whose row it is, its moment (`settled`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from . import sheet_questions
from .errors import NpsError
from .past_answers import fold
from .questionnaire import MAX_COMMENT, clean_text, parse_score
from .questions import Given
from .sheet_questions import Asking, Bad

Page = str  # people | calls, a second one of a kind with a number behind it
Code = Literal[
    "no_code", "unknown_code", "no_outcome", "unknown_outcome", "no_date", "bad_date", "no_time", "in_future",
    "too_early", "no_score", "bad_score", "score_without", "too_long", "no_call_back", "bad_call_back",
    "call_back_without", "contradicts", "differs",
]  # fmt: skip
FIELDS = ("code", "date", "time", "outcome", "score", "comment", "call_back", "caller")
FILLED = FIELDS[1:]  # what a call centre writes; a row without any of it says nothing
LONGEST_CODE, LONGEST_CALLER, LONGEST_CELL = 40, 120, 200

#: Heading, folded -> field. What stands in brackets behind a heading is for people and is left out first.
HEADINGS: Mapping[str, str] = {
    **dict.fromkeys(("code", "row code", "код", "код строки", "код рядка"), "code"),
    **dict.fromkeys(("date", "date of the call", "дата", "дата звонка", "дата дзвінка"), "date"),
    **dict.fromkeys(("time", "time of the call", "время", "время звонка", "час", "час дзвінка"), "time"),
    **dict.fromkeys(("outcome", "result", "исход", "итог", "результат", "підсумок", "наслідок"), "outcome"),
    **dict.fromkeys(("score", "оценка", "балл", "оцінка", "бал"), "score"),
    **dict.fromkeys(("comment", "words", "комментарий", "коментар", "отзыв", "відгук"), "comment"),
    **dict.fromkeys(("call back at", "call back", "перезвонить", "когда перезвонить", "передзвонити",
                     "коли передзвонити"), "call_back"),
    **dict.fromkeys(("caller", "who called", "кто звонил", "оператор", "хто дзвонив", "хто телефонував"), "caller"),
}  # fmt: skip

#: Headings by which the sheet with the people and the wording is known.
_OF_PEOPLE = frozenset(
    {"phone", "телефон", "greeting", "приветствие", "привітання", "question", "вопрос", "питання"}
)
_BRACKETS = re.compile(r"\s*\([^()]*\)\s*$")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_CLOCK = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?")
_WHOLE = re.compile(r"(\d+)(?:[.,]0+)?")
_FAR = timedelta(minutes=10)  # clocks that disagree


class NoSheet(NpsError):
    """The table as a whole is none of ours: ``no_rows``, ``no_code_column``, ``no_outcome_column``, ``no_date_column``,
    or ``two_columns`` (two headings for one field; the message names them)."""

    code = "no_sheet"


@dataclass(frozen=True, slots=True)
class Row:
    """One row with something in it. ``day``, ``hour``: as written, the client's; ``back``: naive, likewise.

    ``at``, ``call_back_at``: UTC, once ``settled``. ``problem``: why it cannot be taken, empty if it can be so far.
    ``extra``: answers to questions of the agency's own; ``bad``: those that cannot be taken, which stop no row.
    """

    page: Page
    number: int
    code: str
    outcome: str = ""
    score: int | None = None
    comment: str = ""
    caller: str = ""
    day: date | None = None
    hour: time | None = None
    back: datetime | None = None
    at: datetime | None = None
    call_back_at: datetime | None = None
    problem: str = ""
    extra: tuple[Given, ...] = ()
    bad: tuple[Bad, ...] = ()

    @property
    def call(self) -> tuple[str, datetime | None, str]:
        """What makes a call the same one: whose row, when, and what came of it."""
        return self.code, self.at, self.outcome


def code_key(text: str) -> str:
    """A row's code as it is compared: people retype it in small letters and with other dashes."""
    return "".join(one for one in text.upper() if one.isascii() and one.isalnum())[:LONGEST_CODE]


def columns(headings: Sequence[str]) -> dict[str, int]:
    """Field -> place of its column; columns nobody knows are left out. Raises `NoSheet`."""
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        name = fold(heading.replace("_", " ").lstrip("\ufeff"))
        field = HEADINGS.get(name) or HEADINGS.get(_BRACKETS.sub("", name))
        if field is None:
            continue
        if field in found:
            raise NoSheet(f"{headings[found[field]]}, {heading}", code="two_columns")
        found[field] = place
    for field in ("code", "outcome", "date"):
        if field not in found:
            raise NoSheet(code=f"no_{field}_column")
    return found


def kind_of(headings: Sequence[str]) -> Literal["people", "calls"]:
    """Whether a sheet is the one with the people, results filled in beside each, or the bare list of calls."""
    return "people" if _OF_PEOPLE.intersection(map(fold, headings)) else "calls"


def read(
    table: Sequence[Sequence[str]], page: Page, outcomes: Mapping[str, str], asking: Asking | None = None
) -> list[Row]:
    """Every row in which something was filled in, by its number in the file, the headings being row 1.

    ``outcomes``: what people call them, folded, in every language -> code; ``asking``: the questions that may have
    columns. Raises `NoSheet`.
    """
    asking = asking or Asking()
    if not table:
        raise NoSheet(code="no_rows")
    places = columns(table[0])
    asked, twice = sheet_questions.columns(table[0], asking, tuple(places.values()))
    if twice:
        raise NoSheet(twice, code="two_columns")
    rows = []
    for number, cells in enumerate(table[1:], 2):
        said = {field: cells[place].strip() if place < len(cells) else "" for field, place in places.items()}
        if not any(said.get(field) for field in FILLED) and not any(
            cells[one.place].strip() for one in asked if one.place < len(cells)
        ):
            continue
        row = _row(page, number, said, outcomes)
        extra, bad = sheet_questions.read(asked, cells, asking, answered=row.outcome == "answered")
        rows.append(replace(row, extra=extra, bad=bad))
    return rows


def settled(row: Row, zone: tzinfo, now: datetime, first: date) -> Row:
    """The row with its moments, UTC, read on the clock of ``zone``.

    ``first``: the first day of the calls; what was before it, or is yet to come, is a problem.
    """
    if row.problem or row.day is None or row.hour is None:
        return row
    at = _moment(datetime.combine(row.day, row.hour), zone)
    if at is None:
        return replace(row, problem="bad_date")
    row = replace(row, at=at)
    if at > now + _FAR:
        return replace(row, problem="in_future")
    if at.astimezone(zone).date() < first:
        return replace(row, problem="too_early")
    if row.back is not None:
        back = _moment(row.back, zone)
        if back is None or back <= at:
            return replace(row, problem="bad_call_back")
        row = replace(row, call_back_at=back)
    return row


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows, each call once: of two that say the same the second is left out; those that say different things of
    one call are all refused, since nobody can tell which is right."""
    calls: dict[tuple[str, datetime], list[Row]] = {}
    for row in rows:
        if not row.problem and row.at is not None:
            calls.setdefault((row.code, row.at), []).append(row)
    wrong = {key for key, same in calls.items() if len({_said(row) for row in same}) > 1}
    seen: set[tuple[str, datetime]] = set()
    found = []
    for row in rows:
        key = (row.code, row.at) if row.at is not None and not row.problem else None
        if key in wrong:
            row = replace(row, problem="contradicts")
        elif key is not None and key in seen:
            continue
        elif key is not None:
            seen.add(key)
        found.append(row)
    return found


def _said(row: Row) -> tuple[object, ...]:
    return (
        row.outcome,
        row.score,
        row.comment,
        row.call_back_at,
        frozenset((one.key, one.value) for one in row.extra),
    )


def _row(page: Page, number: int, said: Mapping[str, str], outcomes: Mapping[str, str]) -> Row:
    row = Row(
        page, number, code_key(said.get("code", "")), outcomes.get(fold(said.get("outcome", "")), ""),
        comment=clean_text(said.get("comment", "")), caller=clean_text(said.get("caller", ""))[:LONGEST_CALLER],
    )  # fmt: skip
    if problem := _unread(row, said):
        return replace(row, problem=problem)
    day, hour = _day(said["date"]), _hour(said.get("time", "") or _rest(said["date"]))
    if day is None or (hour is None and (said.get("time") or _rest(said["date"]))):
        return replace(row, problem="bad_date")
    if hour is None:
        return replace(row, day=day, problem="no_time")
    row = replace(row, day=day, hour=hour)
    return _with_back(_with_score(row, said.get("score", "")), said.get("call_back", ""))


def _unread(row: Row, said: Mapping[str, str]) -> Code | Literal[""]:
    if not row.code:
        return "no_code"
    if not row.outcome:
        return "unknown_outcome" if said.get("outcome") else "no_outcome"
    if len(row.comment) > MAX_COMMENT:
        return "too_long"
    return "" if said.get("date") else "no_date"


def _with_score(row: Row, text: str) -> Row:
    whole = _WHOLE.fullmatch(text)
    score = parse_score(whole[1] if whole else text)
    if text and row.outcome != "answered":
        return replace(row, problem="score_without")
    if text and score is None:
        return replace(row, problem="bad_score")
    if row.outcome == "answered" and score is None:
        return replace(row, problem="no_score")
    return replace(row, score=score)


def _with_back(row: Row, text: str) -> Row:
    if row.problem:
        return row
    if row.outcome != "call_back":
        return replace(row, problem="call_back_without") if text else row
    if not text:
        return replace(row, problem="no_call_back")
    day, hour = _day(text) or row.day, _hour(_rest(text) or text)
    if hour is None or day is None or (_day(text) is None and _CLOCK.fullmatch(text) is None):
        return replace(row, problem="bad_call_back")
    return replace(row, back=datetime.combine(day, hour))


def _day(text: str) -> date | None:
    """The day a cell begins with; of ``3/4/2026`` nobody can tell which it is."""
    for pattern, order in ((_ISO, (1, 2, 3)), (_DOTTED, (3, 2, 1)), (_SLASHED, (3, 2, 1))):
        match = pattern.match(text.strip())
        if match is None:
            continue
        year, month, day = (int(match[place]) for place in order)
        if pattern is _SLASHED and month <= 12 and day <= 12 and month != day:
            return None
        if pattern is _SLASHED and month > 12:
            month, day = day, month
        try:
            return date(year, month, day)
        except ValueError:
            return None
    return None


def _rest(text: str) -> str:
    """What stands behind the day in a cell."""
    text = text.strip()
    for pattern in (_ISO, _DOTTED, _SLASHED):
        if match := pattern.match(text):
            return text[match.end() :].strip(" \tT,")
    return ""


def _hour(text: str) -> time | None:
    match = _CLOCK.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return time(int(match[1]), int(match[2]))


def _moment(local: datetime, zone: tzinfo) -> datetime | None:
    """A clock's time as UTC; nothing for years no clock shows. An hour that summer time skips moves on by it."""
    try:
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return None

"""The months of a survey as small calendars: days off, and the days on which something happens."""

from __future__ import annotations

from calendar import Calendar
from dataclasses import dataclass
from datetime import date

from babel import dates

from integration import i18n
from integration.services.wave_preview import Preview

SHOWN = 4  # months at most; the list of days beside them has them all


@dataclass(frozen=True, slots=True)
class Day:
    """One square: nothing in it for days of the neighbouring months; `mark` the step's name."""

    number: int
    off: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month: its name, the short names of weekdays, weeks of seven squares."""

    name: str
    weekdays: tuple[str, ...]
    weeks: tuple[tuple[Day | None, ...], ...]


def months_of(found: Preview, language: str) -> list[Month]:
    """The months from the announcement to the closing."""
    shown = [step for step in found.steps if step.name not in ("drafted", "frozen")]
    marks = {step.day: step.name for step in shown}
    first, last = min(marks), max(marks)
    months = [
        (first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1) for n in range(SHOWN)
    ]
    return [
        _month(year, month, marks, found, language)
        for year, month in months
        if (year, month) <= (last.year, last.month)
    ]


def _month(year: int, month: int, marks: dict[date, str], found: Preview, language: str) -> Month:
    locale = i18n.locale(language)
    short = dates.get_day_names("short", "stand-alone", locale)
    weeks = tuple(
        tuple(
            Day(day.day, not found.calendar.is_workday(day), marks.get(day, ""))
            if day.month == month
            else None
            for day in week
        )
        for week in Calendar(0).monthdatescalendar(year, month)
    )
    name = dates.format_date(date(year, month, 1), "LLLL y", locale=locale)
    return Month(name[:1].upper() + name[1:], tuple(short[n] for n in range(7)), weeks)

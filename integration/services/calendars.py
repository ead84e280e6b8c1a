"""Working days of a portal: its own calendar settings first, a holiday library as fallback (product.md F4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any, Literal

import holidays

from integration.nps.policy import Policy
from integration.nps.workdays import SATURDAY_SUNDAY, WorkCalendar

Source = Literal["portal", "library", "weekends"]

_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_COUNTRY_OF_CURRENCY = {
    "RUB": "RU", "UAH": "UA", "BYN": "BY", "KZT": "KZ", "UZS": "UZ", "KGS": "KG", "AMD": "AM", "GEL": "GE",
    "MDL": "MD", "PLN": "PL", "GBP": "GB", "AZN": "AZ",
}  # fmt: skip
_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})(?:\.(\d{4}))?")
_YEARS = 3  # how far ahead of a year days off are worked out; a wave and its deadlines stay well inside


@dataclass(frozen=True, slots=True)
class PortalCalendar:
    """Working days with where they come from. `weekends`: no source knows this country's public holidays.

    `letters`: with the hours clients may be written to; `office`: with the hours the agency works.
    """

    letters: WorkCalendar
    office: WorkCalendar
    source: Source


def country_of(currency: str) -> str:
    """The country whose holidays are likely meant by a portal's base currency; empty where it tells nothing."""
    return _COUNTRY_OF_CURRENCY.get(currency, "")


def portal_calendar(settings: Mapping[str, Any], policy: Policy, around: date) -> PortalCalendar:
    """The calendar from the year before `around` to two years after it.

    `settings`: the answer of `calendar.settings.get` as stored, or empty. Days off in it recur each year
    ("1.01") or belong to one ("2.01.2026"). Ukraine has no public holidays under martial law and the
    library gives none: then only weekends are off and `source` says so.
    """
    years = range(around.year - 1, around.year + _YEARS)
    off = frozenset(_days(settings.get("year_holidays"), years))
    if settings.get("week_holidays") or off:
        source: Source = "portal"
        weekend = frozenset(_weekdays(settings.get("week_holidays")))
        extra = frozenset(_days(settings.get("year_workdays"), years))
    else:
        off = _library(policy.country, tuple(years))
        source = "library" if off else "weekends"
        weekend, extra = SATURDAY_SUNDAY, frozenset()
    letters = WorkCalendar(weekend, off, extra, policy.hours_from, policy.hours_to)
    return PortalCalendar(letters, _office(letters, settings), source)


@lru_cache(maxsize=64)
def _library(country: str, years: tuple[int, ...]) -> frozenset[date]:
    if not country or country not in holidays.list_supported_countries():
        return frozenset()
    return frozenset(holidays.country_holidays(country, years=years))


def _office(calendar: WorkCalendar, settings: Mapping[str, Any]) -> WorkCalendar:
    """The portal's own hours, whole ones inwards: work from 9.30 to 18.45 counts from 10 to 18."""
    start, end = (
        _hour(settings.get("work_time_start"), up=True),
        _hour(settings.get("work_time_end"), up=False),
    )
    if start is None or end is None or not 0 <= start < end <= 24:
        return calendar
    return replace(calendar, hours_from=start, hours_to=end)


def _hour(value: Any, *, up: bool) -> int | None:
    match = re.fullmatch(r"(\d{1,2})(?:[.:](\d{1,2}))?", str(value or "").strip())
    if match is None:
        return None
    rest = int((match[2] or "0").ljust(2, "0"))
    return int(match[1]) + (1 if up and rest else 0)


def _weekdays(value: Any) -> Iterable[int]:
    names = value if isinstance(value, list | tuple) else str(value or "").split(",")
    return [_WEEKDAYS[name] for item in names if (name := str(item).strip().upper()) in _WEEKDAYS]


def _days(value: Any, years: Iterable[int]) -> Iterable[date]:
    """Days written "1.01,2.01" or "2.01.2026"; what is no day (30.02) is passed over."""
    items = value if isinstance(value, list | tuple) else str(value or "").split(",")
    for item in items:
        match = _DAY.fullmatch(str(item).strip())
        if match is None:
            continue
        for year in [int(match[3])] if match[3] else years:
            try:
                yield date(year, int(match[2]), int(match[1]))
            except ValueError:
                continue


def countries() -> list[str]:
    """Countries whose public holidays the library knows, by their two letters.

    The library also knows the United Kingdom as "UK", which is no code of ISO 3166 and has no name: it is GB.
    """
    return [code for code in holidays.list_supported_countries() if len(code) == 2 and code != "UK"]

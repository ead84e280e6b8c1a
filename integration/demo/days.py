"""Days and hours of the agency, told once more from the portal's own calendar.

Not shared with the product on purpose: what the demo expects must not come from the code it checks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Moscow")
_NAMES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def local_day(moment: datetime) -> date:
    """The agency's calendar day of a moment."""
    return moment.astimezone(ZONE).date()


def months_later(day: date, months: int) -> date:
    """The same day of a later month; the month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(number, day.day))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@dataclass(frozen=True)
class Office:
    """Working days of the agency and the hours in which clients may be written to."""

    free_weekdays: frozenset[int]
    free_days: frozenset[tuple[int, int]]
    opens: int = 9
    closes: int = 18

    @classmethod
    def of(cls, calendar: dict[str, Any], hours: tuple[int, int]) -> Office:
        """From the answer of ``calendar.settings.get``; holidays are written ``1.01``."""
        days: Iterable[str] = str(calendar["year_holidays"]).split(",")
        pairs = [tuple(map(int, day.split("."))) for day in days if day]
        weekdays = frozenset(_NAMES.index(name) for name in calendar["week_holidays"])
        return cls(weekdays, frozenset((month, day) for day, month in pairs), *hours)

    def works(self, day: date) -> bool:
        return day.weekday() not in self.free_weekdays and (day.month, day.day) not in self.free_days

    def working(self, day: date) -> date:
        """This day or the next working one."""
        while not self.works(day):
            day += timedelta(days=1)
        return day

    def after(self, day: date, count: int) -> date:
        """The ``count``-th working day after this one (which is moved to a working one first)."""
        day = self.working(day)
        for _ in range(count):
            day = self.working(day + timedelta(days=1))
        return day

    def opening(self, day: date) -> datetime:
        """When the next working day from this one on begins."""
        return datetime.combine(self.working(day), time(self.opens), ZONE).astimezone(UTC)

    def allowed(self, moment: datetime) -> datetime:
        """This moment, or the next one in working hours."""
        local = moment.astimezone(ZONE)
        if self.works(local.date()) and self.opens <= local.hour < self.closes:
            return moment
        day = local.date() if local.hour < self.opens else local.date() + timedelta(days=1)
        return self.opening(day)

    def due_day(self, moment: datetime, count: int) -> date:
        """The day of a deadline that many working days after a moment."""
        return self.after(local_day(self.allowed(moment)), count)

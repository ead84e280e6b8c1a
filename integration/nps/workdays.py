"""Calendar months, working days and allowed hours in a portal's or a person's zone.

Holidays are handed in as sets of dates (the portal's calendar settings first, a holiday library as
fallback, product.md F4); moments are aware UTC datetimes, days are local calendar days.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .errors import NoWorkingDay, UnknownZone

DAY = timedelta(days=1)
SATURDAY_SUNDAY = frozenset({5, 6})
_SEARCH_DAYS = 731


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later, or that month's last day if it is shorter (product.md E3)."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name; UnknownZone for anything else."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UnknownZone(f"unknown time zone {name!r}") from error


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day of a UTC moment in a zone."""
    return moment.astimezone(zone).date()


def utc(moment: datetime) -> datetime:
    """The moment in UTC; ValueError for a naive one, which would mean a bug of the caller."""
    if moment.tzinfo is None:
        raise ValueError("a moment must be aware")
    return moment.astimezone(UTC)


def at_hour(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """``hour`` o'clock of a local day, UTC. 24 is the next midnight; a gap of summer time moves it on."""
    if hour >= 24:
        day, hour = day + DAY, hour - 24
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Working days and hours. ``weekend``: weekdays off, Monday = 0; ``extra_workdays``: worked weekends.

    ``hours_from`` ≤ allowed local time < ``hours_to``.
    """

    weekend: frozenset[int] = SATURDAY_SUNDAY
    holidays: frozenset[date] = frozenset()
    extra_workdays: frozenset[date] = frozenset()
    hours_from: int = 9
    hours_to: int = 18

    def is_workday(self, day: date) -> bool:
        """Worked weekends win over holidays, holidays over weekdays."""
        if day in self.extra_workdays:
            return True
        return day not in self.holidays and day.weekday() not in self.weekend

    def shift(self, day: date, step: int = 1) -> date:
        """The day itself if it is worked, else the next worked one (``step=-1``: the one before)."""
        for _ in range(_SEARCH_DAYS):
            if self.is_workday(day):
                return day
            day += DAY * step
        raise NoWorkingDay(f"no working day near {day}")

    def add_workdays(self, day: date, count: int) -> date:
        """The ``count``-th working day after ``day``; 0 gives the day shifted to a working one."""
        day = self.shift(day)
        for _ in range(count):
            day = self.shift(day + DAY)
        return day

    def deadline(self, now: datetime, count: int, zone: ZoneInfo) -> datetime:
        """End of hours on the ``count``-th working day after today, UTC (product.md F4).

        What comes up on a day off or after hours counts from the next working day.
        """
        start = local_day(self.next_allowed(now, zone), zone)
        return at_hour(self.add_workdays(start, count), self.hours_to, zone)

    def add_hours(self, now: datetime, hours: float, zone: ZoneInfo) -> datetime:
        """``hours`` of working time after ``now``, UTC; time outside the hours does not count."""
        left = timedelta(hours=hours)
        moment = self.next_allowed(now, zone)
        while True:
            until = at_hour(local_day(moment, zone), self.hours_to, zone)
            if left <= until - moment:
                return moment + left
            left -= until - moment
            moment = self.next_allowed(until, zone)

    def is_allowed(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether a client in this zone may be written to or called at this moment."""
        local = utc(now).astimezone(zone)
        return self.is_workday(local.date()) and self.hours_from <= local.hour < self.hours_to

    def next_allowed(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first moment from ``now`` on that is inside a working day's hours in the zone, UTC.

        Never earlier than ``now``, safe over both changes of summer time.
        """
        moment = utc(now)
        if self.is_allowed(moment, zone):
            return moment
        day = local_day(moment, zone)
        for _ in range(_SEARCH_DAYS):
            day = self.shift(day)
            start = at_hour(day, self.hours_from, zone)
            if start >= moment and self.is_allowed(start, zone):
                return start
            day += DAY
        raise NoWorkingDay(f"no allowed hour after {moment}")

    def opening(self, day: date, zone: ZoneInfo) -> datetime:
        """The first allowed moment on or after a local day, UTC."""
        return self.next_allowed(at_hour(day, self.hours_from, zone), zone)

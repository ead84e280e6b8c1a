"""The parts of a day in which a person is called, and which of them comes next (product.md W7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from .invited import InvitationFacts
from .policy import Policy
from .workdays import DAY, WorkCalendar, at_hour, local_day

PartName = Literal["morning", "midday", "afternoon"]
MIDDAY, AFTERNOON = 12, 15  # o'clock, where the parts of a day begin
_WEEK = 5  # how many working days a call may move to fall on a weekday that was tried less
_LONGEST = 800  # days of a window that are looked through; none is longer than two years


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the working day: local hours ``start`` ≤ hour < ``end``."""

    name: PartName
    start: int
    end: int


def parts_of_day(calendar: WorkCalendar) -> tuple[Part, ...]:
    """The parts of the day inside the allowed hours; those that are empty fall away."""
    edges: list[tuple[PartName, int, int]] = [
        ("morning", 0, MIDDAY), ("midday", MIDDAY, AFTERNOON), ("afternoon", AFTERNOON, 24),
    ]  # fmt: skip
    cut = [(name, max(a, calendar.hours_from), min(b, calendar.hours_to)) for name, a, b in edges]
    return tuple(Part(name, start, end) for name, start, end in cut if start < end)


def part_at(moment: datetime, zone: ZoneInfo, calendar: WorkCalendar) -> Part | None:
    """The part of the day of a moment in a zone, None outside the allowed hours."""
    hour = moment.astimezone(zone).hour
    return next((part for part in parts_of_day(calendar) if part.start <= hour < part.end), None)


Slot: TypeAlias = tuple[datetime, datetime]


class Slots:
    """The chances to call one person before ``end``."""

    def __init__(
        self,
        facts: InvitationFacts,
        policy: Policy,
        calendar: WorkCalendar,
        zone: ZoneInfo,
        end: datetime,
        letters: datetime,
    ) -> None:
        """``letters``: when letters take over from calls, though who has no address is called until ``end``."""
        self.calendar, self.zone, self.end, self.letters = calendar, zone, end, letters
        self.parts = parts_of_day(calendar)
        self.per_day = policy.attempts_per_day
        self.left = policy.max_attempts - len(facts.calls)
        self.busy = bool(facts.calls) and facts.calls[-1].outcome == "busy"
        self.by_day: Counter[date] = Counter()
        self.by_part: Counter[tuple[date | None, PartName]] = Counter()
        self.by_weekday: Counter[int] = Counter()
        for call in facts.calls:
            day, part = local_day(call.at, zone), part_at(call.at, zone, calendar)
            self.by_day[day] += 1
            self.by_weekday[day.weekday()] += 1
            if part is not None:
                self.by_part[day, part.name] += 1
                self.by_part[None, part.name] += 1

    def first(self, since: datetime) -> Slot | None:
        """The earliest chance, whatever was tried before."""
        day = next(self._days(since), None)
        return self._on(day, since)[0][1] if day is not None else None

    def best(self, since: datetime) -> Slot | None:
        """The chance that differs most from what was tried; after "busy" the earliest one."""
        if self.busy:
            return self.first(since)
        day = self._day(since)
        if day is None:
            return None
        slots = self._on(day, since)
        by_part = self.by_part
        return min(slots, key=lambda one: (by_part[day, one[0]], by_part[None, one[0]], one[1]))[1]

    def _day(self, since: datetime) -> date | None:
        """The next day, or one soon after it whose weekday was tried less, if all attempts still fit at one a day."""
        days: list[date] = []
        for day in self._days(since):
            if days and (len(days) >= self.left + _WEEK or at_hour(day, 0, self.zone) >= self.letters):
                break
            days.append(day)
        spare = min(max(0, len(days) - self.left), _WEEK - 1)
        return min(days[: spare + 1], key=lambda day: (self.by_weekday[day.weekday()], day), default=None)

    def _days(self, since: datetime) -> Iterator[date]:
        """Days on which a call may be made from ``since`` on, in order."""
        day = local_day(since, self.zone)
        for _ in range(_LONGEST):
            if at_hour(day, 0, self.zone) >= self.end:
                return
            if self.calendar.is_workday(day) and self.by_day[day] < self.per_day and self._on(day, since):
                yield day
            day += DAY

    def _on(self, day: date, since: datetime) -> list[tuple[PartName, Slot]]:
        """The parts of a day that are left from ``since`` on, in order."""
        found: list[tuple[PartName, Slot]] = []
        for part in self.parts:
            start = max(at_hour(day, part.start, self.zone), since)
            until = min(at_hour(day, part.end, self.zone), self.end)
            if start < until:
                found.append((part.name, (start, until)))
        return found

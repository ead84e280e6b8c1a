"""When the letters that wait will have left, by the pace of the mailbox and the portal's hours (product.md W19)."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .pace import Pace
from .workdays import DAY, WorkCalendar, at_hour, local_day

_FARTHEST = 400  # working days looked ahead


def last_leaves(
    letters: int, pace: Pace, now: datetime, zone: ZoneInfo, calendar: WorkCalendar
) -> datetime | None:
    """About when the last of so many letters of one mailbox leaves, UTC; None if not within a year and a half.

    An estimate for people: hours as in the portal's zone, the day's number untouched so far.
    """
    at = calendar.next_allowed(now, zone)
    if letters <= 0 or not pace.limited:
        return at
    left = letters
    for _ in range(_FARTHEST):
        day = local_day(at, zone)
        hours = (at_hour(day, calendar.hours_to, zone) - at) / timedelta(hours=1)
        room = min(
            [left, *([int(pace.per_hour * hours)] if pace.per_hour else []),
             *([pace.per_day] if pace.per_day else [])]
        )  # fmt: skip
        if room >= left:
            return at + (timedelta(hours=left / pace.per_hour) if pace.per_hour else timedelta(0))
        left -= max(0, room)
        at = calendar.opening(day + DAY, zone)
    return None

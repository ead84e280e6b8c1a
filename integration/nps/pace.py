"""How fast letters may leave through one mailbox: so many in any hour, so many in a day (product.md W19).

The hour slides: at no moment have more letters left in the sixty minutes before than an hour's number. The day is the
portal's own. When an hour's number is used up, room is waited for in portions of a twelfth of it, so that what waits is
looked at a dozen times an hour and not once for each letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .policy import Policy
from .workdays import DAY, at_hour, local_day

HOUR = timedelta(hours=1)
PORTIONS = 12  # of an hour's number


@dataclass(frozen=True, slots=True)
class Pace:
    """The two numbers of a mailbox; 0: no limit."""

    per_hour: int = 0
    per_day: int = 0

    @property
    def limited(self) -> bool:
        """Whether there is anything to count."""
        return bool(self.per_hour or self.per_day)


def pace_of(per_hour: int, per_day: int, policy: Policy) -> Pace:
    """The pace of a mailbox with its own numbers; where it has none, those of the settings count."""
    return Pace(per_hour or policy.letters_per_hour, per_day or policy.letters_per_day)


def awaited(left: int, per_hour: int) -> int | None:
    """Which letter of the last hour makes room when its hour is over; nothing if there is room now.

    ``left``: how many have left in the last hour; the answer counts from the oldest of them, which is 1.
    """
    if not per_hour or left < per_hour:
        return None
    return min(left, left - per_hour + max(1, per_hour // PORTIONS))


def day_began(now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment of the day in this zone, UTC."""
    return at_hour(local_day(now, zone), 0, zone)


def day_ends(now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment of the next day in this zone, UTC; always after ``now``."""
    day = local_day(now, zone) + DAY
    moment = at_hour(day, 0, zone)
    return moment if moment > now else at_hour(day + DAY, 0, zone)

"""How much may be asked of a portal now: arithmetic on values, without sleeping (bitrix24.md 5).

Two limits of the portal and one of the request:

* a leaky bucket per portal and source address: +1 per request, minus ``per_second`` each second, refusal
  above ``ceiling`` (here);
* accumulated execution seconds per method in ten sliding one-minute buckets, and 60 s for a whole request
  (``budget``, named here too).

Moments are aware UTC, lengths are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from integration.bitrix.budget import (
    LIMIT,
    Cost,
    Meter,
    Meters,
    Usage,
    blocked,
    choose,
    looks_at,
    measured,
    next_look,
    observed,
    room,
    skew_of,
    slowed,
    told,
)

__all__ = [
    "ENTERPRISE", "LIMIT", "STANDARD", "Bucket", "Cost", "Meter", "Meters", "Rate", "Usage", "backoff",
    "blocked", "choose", "level_at", "looks_at", "measured", "next_look", "observed", "overflown", "rate_for",
    "room", "skew_of", "slowed", "spend", "told", "wait_for",
]  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """A tariff's rate; ``reserve`` is what background work leaves below the ceiling for people."""

    per_second: float = 2.0
    ceiling: float = 50.0
    reserve: float = 10.0

    def bound(self, interactive: bool) -> float:
        """The level a request may raise the bucket to. People's requests keep one second's drain of distance,
        because the portal may drain in whole seconds."""
        return self.ceiling - max(self.per_second, 1.0 if interactive else self.reserve)


STANDARD = Rate()
ENTERPRISE = Rate(5.0, 250.0, 10.0)


def rate_for(license_family: str | None) -> Rate:
    """The rate of a tariff by ``app.info``'s ``LICENSE_FAMILY`` (bitrix24.md 2.10, 5.1)."""
    return ENTERPRISE if (license_family or "").lower() == "ent" else STANDARD


@dataclass(frozen=True)
class Bucket:
    """The level as it was at a moment."""

    level: float
    at: datetime


def level_at(bucket: Bucket, now: datetime, rate: Rate) -> float:
    """The level drained up to ``now``; a clock that went back drains nothing."""
    passed = max(0.0, (now - bucket.at).total_seconds())
    return max(0.0, bucket.level - passed * rate.per_second)


def spend(bucket: Bucket, now: datetime, rate: Rate, requests: int = 1) -> Bucket:
    """The bucket after ``requests`` more."""
    return Bucket(level_at(bucket, now, rate) + requests, max(now, bucket.at))


def wait_for(bucket: Bucket, now: datetime, rate: Rate, interactive: bool = False) -> float:
    """Seconds until one more request keeps within the bound; 0.0 when it may go now."""
    over = level_at(bucket, now, rate) + 1 - rate.bound(interactive)
    return max(0.0, over) / rate.per_second


def overflown(bucket: Bucket, now: datetime, rate: Rate) -> Bucket:
    """The bucket after a 503 ``QUERY_LIMIT_EXCEEDED``: someone else on our address filled it."""
    return Bucket(max(rate.ceiling, level_at(bucket, now, rate)), max(now, bucket.at))


def backoff(attempt: int, jitter: float = 0.5, cap: float = 3600.0) -> float:
    """Seconds before try number ``attempt`` + 1: 1, 2, 4 … up to ``cap``, spread by ±10 % with ``jitter`` in
    0..1."""
    return float(min(cap, 2.0 ** max(0, min(attempt - 1, 30))) * (0.9 + 0.2 * jitter))

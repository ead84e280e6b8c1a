"""Execution time: what a method may still use in a portal, how many calls make a batch (bitrix24.md 5.2).

``Usage`` follows the portal's ten sliding one-minute buckets of one method by what its answers tell;
``Cost`` is what a call of the method takes; ``Meter`` joins both; ``choose`` takes what fits in one batch.
Values in, values out; all of it goes to JSON and back, so that it can be kept with the lease of a portal's
queue. ``now`` is aware UTC; moments inside are seconds since the epoch by our clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

MINUTE = 60.0
WINDOW = 600.0
LIMIT = 480.0
SHARE = 0.97
BATCH_SECONDS = 45.0
BATCH_CALLS = 50
FIRST_BATCH = 10
PROBE = 0.001
_CAREFUL = 0.985
_NEAR = 0.8
_WEIGHT = 0.03
_SPREAD = 1.5
_FORGETTING = 0.01
_FEW = 10  # measured calls; fewer say little about how far one differs from the next
_DOUBT = 2.0
_UNKNOWN_READ = 0.2
_UNKNOWN_WRITE = 1.0
_READS = (".list", ".get", ".getlist", ".fields")


@dataclass(frozen=True)
class Usage:
    """Execution seconds of one method as the portal told them ``at`` a moment, when the oldest minute will
    leave its window, and a block by 429. ``limit``: what the portal allows, 480 until it says no earlier (an
    on-premise portal allows 420)."""

    seconds: float = 0.0
    at: float | None = None
    reset_at: float | None = None
    blocked_until: float | None = None
    limit: float = LIMIT


def told(usage: Usage, time: Mapping[str, Any], now: datetime, skew: float = 0.0) -> tuple[Usage, float]:
    """Folds in the ``time`` of one answer; returns the usage and the seconds this call was charged.

    ``skew``: the portal's clock minus ours, seconds (see ``skew_of``). An answer without ``operating``
    changes nothing and is taken to cost its ``duration``.
    """
    at = now.timestamp()
    duration = _number(time.get("duration")) or 0.0
    operating = _number(time.get("operating"))
    if operating is None:
        return usage, duration
    grown = operating - usage.seconds
    certain = usage.at is not None and at < _frees(usage) and 0.0 <= grown <= MINUTE
    reset = _number(time.get("operating_reset_at"))
    after = Usage(operating, at, reset - skew if reset else None, limit=usage.limit)
    return after, grown if certain else duration


def blocked(usage: Usage, until: datetime | None, now: datetime) -> Usage:
    """After a 429: nothing before ``until``, else the last known reset, and never within ten seconds
    (bitrix24.md 5.2). A portal that says no a little below the limit known so far has a lower one."""
    earliest = now.timestamp() + 10.0
    named = until.timestamp() if until else usage.reset_at or earliest
    limit = usage.seconds if _NEAR * usage.limit <= usage.seconds < usage.limit else usage.limit
    full = max(usage.seconds, limit)
    return replace(usage, seconds=full, at=now.timestamp(), blocked_until=max(named, earliest), limit=limit)


def _frees(usage: Usage) -> float:
    """When the oldest minute leaves the window, our clock; a minute after the answer when it did not say."""
    return usage.reset_at if usage.reset_at is not None else (usage.at or 0.0) + MINUTE


def room(usage: Usage, now: datetime, *, share: float = SHARE) -> float:
    """Execution seconds that may be spent now without nearing the limit; 0.0 while blocked.

    How much left the window with its oldest minute only the next answer tells, so from then on there is at
    least room for one call, which asks (``PROBE``).
    """
    at = now.timestamp()
    full = usage.limit * share
    if usage.at is None or at >= usage.at + WINDOW + MINUTE:
        return full
    if at < looks_at(usage) and (usage.blocked_until is not None or usage.seconds >= full):
        return 0.0
    return max(full - usage.seconds, PROBE)


def looks_at(usage: Usage) -> float:
    """The moment (seconds since the epoch) from which a method without room may be tried again. Very near the
    limit one minute more has to pass, since the oldest may have held next to nothing."""
    if usage.blocked_until is not None:
        return usage.blocked_until
    return _frees(usage) + (MINUTE if usage.seconds >= usage.limit * _CAREFUL else 0.0)


def skew_of(time: Mapping[str, Any], now: datetime) -> float:
    """The portal's clock minus ours by the outer ``time`` of an answer just received; 0.0 when it does not
    tell."""
    finish = _number(time.get("finish"))
    return finish - now.timestamp() if finish is not None else 0.0


@dataclass(frozen=True)
class Cost:
    """What one call of a method takes: a moving mean, a slowly forgotten worst, how many calls of the method
    one batch may hold so far (it starts small and doubles), and how many were measured."""

    mean: float
    worst: float
    cap: int
    calls: int = 0

    @classmethod
    def unknown(cls, method: str) -> Cost:
        """Before the first measurement: reads are light, writes wait for the portal's automation."""
        if method.endswith(_READS):
            return cls(_UNKNOWN_READ, _UNKNOWN_READ, BATCH_CALLS)
        return cls(_UNKNOWN_WRITE, _UNKNOWN_WRITE, FIRST_BATCH)

    @property
    def alone(self) -> bool:
        """Whether the next call has to go in a request of its own, to be measured (see ``slowed``)."""
        return self.cap == 1 and not self.calls

    def of(self, calls: int) -> float:
        """Seconds ``calls`` calls will hardly exceed: the mean of each, and the spread that is left of
        many."""
        return calls * self.mean + _SPREAD * max(0.0, self.worst - self.mean) * math.sqrt(calls)


def measured(cost: Cost, seconds: Sequence[float]) -> Cost:
    """After one batch in which calls of the method took ``seconds`` each; filling the cap by half doubles it.
    The larger the batch, the more its mean weighs against the one so far."""
    if not seconds:
        return cost
    new = len(seconds)
    weight = max(new / (cost.calls + new), min(0.3, 1.0 - (1.0 - _WEIGHT) ** new))
    mean = cost.mean + weight * (sum(seconds) / new - cost.mean)
    worst = cost.worst
    for one in seconds:
        worst = max(one, worst + _FORGETTING * (one - worst))
    cap = min(BATCH_CALLS, cost.cap * 2) if new * 2 >= cost.cap else cost.cap
    return Cost(mean, worst, cap, min(cost.calls + new, 1000))


def slowed(cost: Cost) -> Cost:
    """After a request that broke off: how slow the portal has become is not known, only that what was measured
    before counts no more. The next call goes alone and is measured, and batches grow again from there, so that
    no two requests in a row are too long (bitrix24.md 5.2)."""
    expected = max(cost.mean * 2, cost.worst)
    return Cost(expected, expected, cap=1)


@dataclass(frozen=True)
class Meter:
    """Usage and cost of one method in one portal."""

    usage: Usage
    cost: Cost

    @classmethod
    def unknown(cls, method: str) -> Meter:
        """A method not called yet."""
        return cls(Usage(), Cost.unknown(method))

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form; read back by ``from_json``."""
        return {"usage": asdict(self.usage), "cost": asdict(self.cost)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Meter:
        """The meter that ``to_json`` wrote; values of other versions are left out."""
        usage = {name: data["usage"][name] for name in _USAGE if name in data["usage"]}
        return cls(
            Usage(**usage), Cost(**{name: data["cost"][name] for name in _COST if name in data["cost"]})
        )


_LATEST = 1e11  # as in ``exchange.moment``
_USAGE = tuple(one.name for one in fields(Usage))
_COST = tuple(one.name for one in fields(Cost))
Meters = dict[str, Meter]


def observed(
    meters: Mapping[str, Meter],
    calls: Sequence[tuple[str, Mapping[str, Any]]],
    now: datetime,
    skew: float = 0.0,
) -> Meters:
    """All meters after one request: ``calls`` are its (method, inner time) in the order of execution."""
    after = dict(meters)
    seconds: dict[str, list[float]] = {}
    for method, time in calls:
        meter = after.get(method) or Meter.unknown(method)
        usage, charged = told(meter.usage, time, now, skew)
        seconds.setdefault(method, []).append(max(charged, _number(time.get("duration")) or 0.0))
        after[method] = replace(meter, usage=usage)
    for method, many in seconds.items():
        after[method] = replace(after[method], cost=measured(after[method].cost, many))
    return after


def choose(
    meters: Mapping[str, Meter],
    methods: Sequence[str],
    now: datetime,
    *,
    share: float = SHARE,
) -> list[int]:
    """Which of the waiting calls, given by their methods in order, fit in the next batch: at most 50,
    expected to end within 45 s, within each method's cap and room. Methods without room are passed over. As
    long as a method has any room, one call of it goes: the call that crosses still completes (bitrix24.md
    5.2)."""
    chosen: list[int] = []
    counts: dict[str, int] = {}
    rooms: dict[str, float] = {}
    for index, method in enumerate(methods):
        meter = meters.get(method) or Meter.unknown(method)
        if method not in rooms:
            rooms[method] = room(meter.usage, now, share=share)
        more = counts.get(method, 0) + 1
        if (
            rooms[method] <= 0.0
            or more > meter.cost.cap
            or (more > 1 and meter.cost.of(more) > rooms[method])
        ):
            continue
        if chosen and (meter.cost.alone or _expected(meters, {**counts, method: more}) > BATCH_SECONDS):
            break
        chosen.append(index)
        counts[method] = more
        if len(chosen) == BATCH_CALLS or meter.cost.alone:
            break
    return chosen


def _expected(meters: Mapping[str, Meter], counts: Mapping[str, int]) -> float:
    """Seconds a batch will hardly exceed; what was measured a few times only may take twice as long."""
    costs = [((meters.get(m) or Meter.unknown(m)).cost, n) for m, n in counts.items()]
    return sum(cost.of(n) * (_DOUBT if n > 1 and cost.calls < _FEW else 1.0) for cost, n in costs)


def next_look(meters: Mapping[str, Meter], methods: Sequence[str], now: datetime) -> datetime:
    """When ``choose`` took nothing: the earliest moment one of the methods may have room again."""
    moments = [looks_at(meters[m].usage) for m in set(methods) if m in meters]
    later = [m for m in moments if m > now.timestamp()]
    seconds = min(later) - now.timestamp() if later else 10.0
    return now + timedelta(seconds=min(max(seconds, 0.5), WINDOW))


def _number(value: Any) -> float | None:
    """Seconds, of a time or since the epoch; nothing for what cannot be any: it would be kept and counted with."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0.0 <= number < _LATEST else None

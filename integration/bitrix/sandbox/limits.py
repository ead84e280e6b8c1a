"""The two limits of the cloud: requests per second and execution time (bitrix24.md 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .clock import VirtualClock
from .settings import Operating, RateLimit

_MINUTES = 10
#: (leak per second, threshold) by tariff.
_ENTERPRISE, _OTHERS = (5.0, 250.0), (2.0, 50.0)


@dataclass
class Buckets:
    """Leaky buckets, one per source address: +1 per HTTP request, minus Y every second, refused above X."""

    clock: VirtualClock
    levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    peak: float = 0.0

    def admit(self, address: str, settings: RateLimit, family: str) -> bool:
        """Counts a request; ``False`` when it is one too many (a refused request does not fill the bucket)."""
        if not settings.on:
            return True
        leak, threshold = _ENTERPRISE if family == "ent" else _OTHERS
        leak = settings.per_second if settings.per_second is not None else leak
        threshold = settings.burst if settings.burst is not None else threshold
        now = self.clock.time()
        level, then = self.levels.get(address, (0.0, now))
        level = max(0.0, level - leak * max(0.0, now - then))
        if level + 1 > threshold:
            self.levels[address] = (level, now)
            return False
        self.levels[address] = (level + 1, now)
        self.peak = max(self.peak, level + 1)
        return True


@dataclass
class Budget:
    """Execution seconds per (application or webhook, method) in ten sliding one-minute buckets."""

    clock: VirtualClock
    spent: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    peak: float = 0.0

    def _minutes(self, key: tuple[str, str]) -> dict[int, float]:
        minutes = self.spent.setdefault(key, {})
        first = int(self.clock.time() // 60) - _MINUTES + 1
        for minute in [m for m in minutes if m < first]:
            del minutes[minute]
        return minutes

    def used(self, caller: str, method: str) -> float:
        """Seconds accumulated in the last ten minutes."""
        return sum(self._minutes((caller, method)).values())

    def blocked(self, caller: str, method: str, settings: Operating) -> bool:
        """Checked before a call: the call that crosses the limit still completes."""
        return settings.on and self.used(caller, method) >= settings.limit

    def add(self, caller: str, method: str, seconds: float) -> None:
        """Charges a finished call."""
        minutes = self._minutes((caller, method))
        minute = int(self.clock.time() // 60)
        minutes[minute] = minutes.get(minute, 0.0) + seconds
        self.peak = max(self.peak, sum(minutes.values()))

    def reset_at(self, caller: str, method: str) -> int:
        """When the oldest minute drops out, seconds since the epoch."""
        minutes = self._minutes((caller, method))
        oldest = min(minutes, default=int(self.clock.time() // 60))
        return (oldest + _MINUTES) * 60

"""The time of portals in tests: it goes on by itself, but never begins shortly before midnight."""

from __future__ import annotations

from datetime import UTC, datetime

from integration.bitrix.sandbox.clock import VirtualClock

MIDDAY = datetime(2026, 1, 12, 9, tzinfo=UTC)


def midday() -> VirtualClock:
    """Begins on a Monday, far from any change of the clocks, whatever the day of the machine is."""
    clock = VirtualClock()
    clock.advance((MIDDAY - clock.now()).total_seconds())
    return clock

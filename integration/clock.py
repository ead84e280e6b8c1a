"""Where the present moment comes from: the machine, or the machine plus an offset for the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


class OffsetClock:
    """The machine's clock moved by the seconds written in a file (`MOLVA_TEST_CLOCK`, sandbox only).

    Every process of a sandbox reads the same file at every question, so that they all live in the same
    year. A file that is being replaced keeps the last offset read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """The machine's time plus the offset."""
        try:
            self._offset = timedelta(seconds=float(self._path.read_text(encoding="ascii") or 0))
        except (OSError, ValueError):
            pass  # half-written or just replaced: the next question reads it again
        return datetime.now(UTC) + self._offset

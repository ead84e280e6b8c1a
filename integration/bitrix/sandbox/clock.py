"""The sandbox's time: real time plus an offset that other processes may move.

The offset, in seconds, is the text of a file (the one that ``MOLVA_TEST_CLOCK`` names for the product's own
processes). Reading is one ``stat`` unless the file changed; writing takes ``flock`` on ``<file>.lock`` and
replaces the file whole, so that no reader ever meets half a number.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

#: A file changed within this many seconds is read again even if its time stamp looks the same, because
#: file systems stamp in steps.
_STAMP_STEP = 0.1


class VirtualClock:
    """Real time plus the offset in ``path``; without a path the offset lives in this object."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._offset = 0.0
        self._seen: tuple[int, int, int] | None = None

    def time(self) -> float:
        """Seconds since the epoch, UTC, in virtual time."""
        return time.time() + self.offset()

    def now(self) -> datetime:
        """The same moment as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    def offset(self) -> float:
        """Seconds added to real time; a missing or unreadable file keeps the last known value."""
        if self.path is None:
            return self._offset
        try:
            stat = os.stat(self.path)
        except OSError:
            return self._offset
        mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if mark == self._seen and time.time() - stat.st_mtime > _STAMP_STEP:
            return self._offset
        self._seen = mark
        try:
            self._offset = float(self.path.read_text(encoding="ascii").strip() or 0)
        except (OSError, ValueError):
            pass
        return self._offset

    def advance(self, seconds: float) -> float:
        """Moves virtual time forward by ``seconds`` and returns the new offset."""
        if self.path is None:
            self._offset += seconds
            return self._offset
        with open(f"{self.path}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._seen = None
            value = self.offset() + seconds
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{value!r}\n")
            os.replace(name, self.path)
            self._offset = value
        return value

"""The year as a story for people, and a line that shows how far it is."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

from .days import ZONE


@dataclass
class Teller:
    """Prints dated lines; on a terminal also one line that keeps changing. Silent with ``quiet``."""

    quiet: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    begun: float = field(default_factory=time.monotonic)
    _line: bool = False

    def tell(self, moment: datetime, text: str) -> None:
        """One event of the year."""
        if self.quiet:
            return
        self._wipe()
        self.out.write(f"{moment.astimezone(ZONE):%d.%m.%Y %H:%M}  {text}\n")
        self.out.flush()

    def progress(self, moment: datetime, share: float) -> None:
        """How much of the year has passed."""
        if self.quiet or not self.out.isatty():
            return
        bar = "█" * int(30 * share) + "·" * (30 - int(30 * share))
        self.out.write(f"\r{bar} {moment.astimezone(ZONE):%d.%m.%Y}  {time.monotonic() - self.begun:4.0f} s ")
        self.out.flush()
        self._line = True

    def end(self, summary: dict[str, Any], problems: list[str]) -> None:
        """The summary in sentences."""
        if self.quiet:
            return
        self._wipe()
        self.out.write("\n")
        for name, value in summary.items():
            if name != "mismatches" and value not in ({}, []):
                self.out.write(f"  {name.replace('_', ' '):<18} {value}\n")
        verdict = (
            "Every card, comment and task is as it should be."
            if not problems
            else f"{len(problems)} mismatches:"
        )
        self.out.write(f"\n{verdict}\n" + "".join(f"  {line}\n" for line in problems))
        self.out.flush()

    def _wipe(self) -> None:
        if self._line:
            self.out.write("\r" + " " * 70 + "\r")
            self._line = False

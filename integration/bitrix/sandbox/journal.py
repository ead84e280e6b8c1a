"""What was asked of the sandbox: counters and a log without secrets."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from .agency import Json


@dataclass
class Journal:
    """``http`` counts requests to ``/rest``, ``calls`` also the commands inside batches."""

    http: int = 0
    calls: int = 0
    oauth: int = 0
    by_method: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    by_error: Counter[str] = field(default_factory=Counter)
    rows: deque[Json] = field(default_factory=lambda: deque(maxlen=20_000))
    number: int = 0

    def command(self, method: str) -> None:
        """One method executed or refused, outer or inside a batch."""
        self.calls += 1
        self.by_method[method] += 1

    def refused(self, code: str | int) -> None:
        """One refusal, of a request or of a command inside a batch."""
        if code != "":
            self.by_error[str(code)] += 1

    def request(self, row: Json) -> None:
        """One HTTP request with its outcome; ``status`` 0 is a cut connection."""
        self.http += 1
        self.number += 1
        self.by_status[str(row["status"])] += 1
        if row.get("error") is not None:
            self.refused(row["error"])
        self.rows.append({"n": self.number, **row})

    def counters(self) -> Json:
        """For the control endpoint."""
        return {
            "http": self.http,
            "calls": self.calls,
            "oauth": self.oauth,
            "by_method": dict(self.by_method),
            "by_status": dict(self.by_status),
            "by_error": dict(self.by_error),
        }

    def reset(self) -> None:
        """Counters start again; the log stays."""
        self.http = self.calls = self.oauth = 0
        for counter in (self.by_method, self.by_status, self.by_error):
            counter.clear()

"""What happened, newest last: letters, answers, writes to the portal, steps of the survey, deeds of staff."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .letters import Letter, name_of
from .people import Deed
from .words import HAPPENINGS, Said

#: How many happenings are kept; the panel shows fewer.
KEPT = 2000
#: Methods of REST whose calls are worth a line.
WRITES = {
    "crm.item.update": "cards", "crm.timeline.comment.add": "comments", "tasks.task.add": "tasks",
}  # fmt: skip


@dataclass(frozen=True)
class Happening:
    """One line. ``tone``: good, bad, mail, portal, staff or plain; ``letter``: the mail room's number, 0: none."""

    number: int
    at: datetime
    said: Said
    tone: str = "plain"
    letter: int = 0


@dataclass
class Chronicle:
    """Collects happenings from several threads. ``names``: address → person and client."""

    names: dict[str, str] = field(default_factory=dict)
    rows: list[Happening] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0
    _written: Counter[str] = field(default_factory=Counter)
    _waves: dict[int, tuple[str, bool]] = field(default_factory=dict)

    def tell(self, at: datetime, name: str, tone: str = "plain", letter: int = 0, **values: Any) -> None:
        """One line more; ``name`` as in ``words.HAPPENINGS``."""
        if name not in HAPPENINGS:
            raise LookupError(f"nothing is called {name}")
        with self._lock:
            self._number += 1
            self.rows.append(Happening(self._number, at, Said(name, values), tone, letter))
            del self.rows[:-KEPT]

    def newest(self, count: int) -> list[Happening]:
        """The last happenings, newest first."""
        with self._lock:
            return self.rows[: -count - 1 : -1]

    @property
    def number(self) -> int:
        """The number of the last happening."""
        return self._number

    def letters(self, at: datetime, fresh: Iterable[Letter]) -> None:
        """Letters that came to the mail room."""
        kinds: Counter[str] = Counter()
        last: dict[str, Letter] = {}
        for letter in fresh:
            kind = letter.kind.partition("_")[0] if letter.unsubscribe else "other"
            kinds[kind] += 1
            last[kind] = letter
            self.names.setdefault(letter.recipient, name_of(letter))
        for kind, n in sorted(kinds.items()):
            self.tell(at, f"letters_{kind}", "mail", last[kind].number, n=n)

    def deeds(self, fresh: Iterable[Deed]) -> None:
        """What clients did."""
        for deed in fresh:
            tone = "plain"
            if deed.kind in ("answered", "corrected"):
                tone = "good" if deed.score >= 9 else "bad" if deed.score <= 6 else "plain"
            words = f" — {deed.comment}" if deed.comment else ""
            who = self.names.get(deed.address, deed.address)
            self.tell(deed.at, deed.kind, tone, who=who, score=deed.score, words=words)

    def writes(self, at: datetime, by_method: dict[str, int]) -> None:
        """What Molva wrote to the portal since the last look, from the portal's own counters."""
        now = Counter({name: by_method.get(method, 0) for method, name in WRITES.items()})
        fresh = now - self._written
        self._written = now
        if fresh:
            self.tell(at, "written", "portal", **{name: fresh.get(name, 0) for name in WRITES.values()})

    def waves(self, at: datetime, rows: Iterable[dict[str, Any]]) -> None:
        """Steps of Molva's own surveys; ``rows`` as ``services.waves.overview`` gives them."""
        for row in rows:
            before = self._waves.get(row["id"], ("", False))
            found = (str(row["stage"]), bool(row["approved_by"]))
            self._waves[row["id"]] = found
            if before == found or found[0] not in _STAGES:
                continue
            if found[0] != before[0]:
                self._stage(at, row)
            if found[1] and not before[1]:
                self.tell(at, "wave_approved", "good", wave=row["name"], by=row["approved_by"])

    def _stage(self, at: datetime, row: dict[str, Any]) -> None:
        counts = row["counts"]
        result = (row.get("result") or {}).get("clients", {}).get("nps")
        nps = "—" if result is None else f"{result:.0f}"
        values = {
            "wave": row["name"],
            "eligible": counts["eligible"],
            "clients": counts["clients"],
            "nps": nps,
        }
        self.tell(at, f"wave_{row['stage']}", "good" if row["stage"] == "closed" else "plain", **values)

    def seen(self, wave_ids: Iterable[int]) -> None:
        """Surveys that came by an import: their steps are no news."""
        for number in wave_ids:
            self._waves[number] = ("closed", False)


_STAGES = frozenset(name.removeprefix("wave_") for name in HAPPENINGS if name.startswith("wave_"))

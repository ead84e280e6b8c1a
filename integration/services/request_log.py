"""The log of requests to portals and to the authorisation server, written behind them (product.md T3).

A request leaves a line in the memory of its process and goes on; a thread writes what has gathered once a second,
or as soon as there are a hundred lines, in one insert. So the log costs a request next to nothing and cannot make
it fail; SQLite's only write lock is taken once a second instead of at every request. The price: a process that is
killed takes the last second's lines with it. One that ends by itself writes them first.
"""

from __future__ import annotations

import atexit
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from integration.bitrix.report import Report
from integration.logs import log
from integration.services.deps import Clock, Deps
from integration.store import requests as rows
from integration.store.base import Sessions, reading, transaction
from integration.store.portals import Portal

By = Literal["click", "background", "event"]
F = TypeVar("F", bound=Callable[..., Any])
EVERY = 1.0  # seconds between two writes
FULL = 100  # lines that are written at once
WAITING = 5_000  # lines kept while the database cannot be written
LEAST_DAYS = 3  # what the Market asks for (bitrix24.md 15.4)
MOST = 300_000  # a portal's lines; beyond that only the last three days are kept
CEILING = (
    1_500_000  # and never more: three days of five requests a second, the highest tariff (bitrix24.md 5.1)
)
MOMENT = timedelta(microseconds=1)
CHUNK = 1_000  # lines dropped in one transaction
CHUNKS = 50  # transactions in one slice of the chore


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose wish a request is: who asked for it, the id of the page's request or of the background work
    (`services.traces`), the portal where it is known.

    `host`: the portal's address as somebody claims it; the portal is looked up by it when the line is written.
    """

    by: By = "background"
    request_id: str = ""
    portal_id: int | None = None
    host: str = ""


_caller: ContextVar[Caller] = ContextVar("molva_caller")
NOBODY = Caller()


def called(by: By = "background", request_id: str = "") -> None:
    """From here on this thread works for somebody; without arguments for nobody again."""
    _caller.set(Caller(by, request_id[:64]))


def caller() -> Caller:
    """Whose wish this thread is at."""
    return _caller.get(NOBODY)


@contextmanager
def under(request_id: str) -> Iterator[None]:
    """Requests inside the block are background work under this id."""
    mark = _caller.set(Caller("background", request_id[:64]))
    try:
        yield
    finally:
        _caller.reset(mark)


@contextmanager
def about(portal_id: int | None = None, host: str = "") -> Iterator[None]:
    """Requests inside the block concern this portal, though they go to the authorisation server."""
    before = _caller.get(NOBODY)
    mark = _caller.set(replace(before, portal_id=portal_id, host=_plain(host.lower(), 255)))
    try:
        yield
    finally:
        _caller.reset(mark)


def of_its_portal(function: F) -> F:
    """Requests of a function whose second argument is a portal, or its id, concern that portal."""

    @wraps(function)
    def inside(deps: Deps, portal: Portal | int, *more: Any, **named: Any) -> Any:
        with about(portal if isinstance(portal, int) else portal.id):
            return function(deps, portal, *more, **named)

    return cast("F", inside)


class Recorder:
    """Gathers the lines of one process and writes them. Thread-safe; raises nothing."""

    def __init__(self, sessions: Sessions, clock: Clock, *, every: float = EVERY) -> None:
        self._sessions, self._clock, self._every = sessions, clock, every
        self._lines: deque[dict[str, Any]] = deque(maxlen=WAITING)
        self._starting, self._writing = threading.Lock(), threading.Lock()
        self._some, self._many, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lost, self._broken = 0, False

    def observe(self, report: Report, portal_id: int | None = None, host: str = "") -> None:
        """Keep a line about a request that has just ended. Touches no database."""
        try:
            if len(self._lines) == WAITING:
                self._lost += 1
            self._lines.append(_line(report, self._clock.now(), _caller.get(NOBODY), portal_id, host))
            self._some.set()
            if len(self._lines) >= FULL:
                self._many.set()
            if self._thread is None or not self._thread.is_alive():  # the first line of this process
                self._start()
        except Exception:
            log(__name__).exception("requests.not_kept")

    def _start(self) -> None:
        with self._starting:
            self._over.clear()
            if self._every and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="requests", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _run(self) -> None:
        while not self._over.is_set():
            self._some.wait()
            self._many.wait(self._every)
            self._some.clear()
            self._many.clear()
            self.flush()
            if self._broken:
                self._over.wait(self._every)

    def flush(self) -> None:
        """Write what has gathered. What cannot be written now waits for the next time, up to a limit."""
        with self._writing:
            taken: list[dict[str, Any]] = []
            try:
                while self._lines:
                    taken = [self._lines.popleft() for _ in range(min(len(self._lines), FULL * 5))]
                    self._write(taken)
                    taken = []
                self._tell()
            except Exception as error:
                self._give_back(taken)
                if not self._broken:
                    log(__name__).warning("requests.wait", lines=len(self._lines), error=type(error).__name__)
                self._broken = True

    def _write(self, lines: list[dict[str, Any]]) -> None:
        hosts = {line["host"] for line in lines if line["portal_id"] is None and line["host"]}
        known: Mapping[str, int] = {}
        if hosts:
            with reading(self._sessions) as session:
                known = rows.portals_at(session, hosts)
        values = []
        for line in lines:
            host = line["host"]
            portal_id = line["portal_id"] if line["portal_id"] is not None else known.get(host)
            values.append(
                {name: one for name, one in line.items() if name != "host"} | {"portal_id": portal_id}
            )
        with transaction(self._sessions) as session:
            rows.add(session, values)

    def _give_back(self, lines: list[dict[str, Any]]) -> None:
        """Unwritten lines go where they were, as far as there is room."""
        room = WAITING - len(self._lines)
        self._lost += max(0, len(lines) - room)
        for line in reversed(lines[max(0, len(lines) - room) :]):
            self._lines.appendleft(line)
        self._some.set()

    def _tell(self) -> None:
        if self._lost:
            log(__name__).warning("requests.lost", lines=self._lost)
        self._lost, self._broken = 0, False

    def close(self) -> None:
        """Write the rest and stop; later lines start anew."""
        self._over.set()
        self._some.set()
        self._many.set()
        self.flush()
        atexit.unregister(self.close)


def _line(report: Report, now: datetime, caller: Caller, portal_id: int | None, host: str) -> dict[str, Any]:
    """The row of a request, in the widths and ranges that both databases take."""
    inner = {
        method[:100]: [one.calls, one.failed, _figure(one.seconds) or 0.0, _figure(one.slowest) or 0.0]
        for method, one in report.inner.items()
    }
    failing = next((one.code for one in report.inner.values() if one.code), "")
    told = [value for value in map(_figure, report.operating.values()) if value is not None]
    finished = _figure(report.finished)
    return {
        "portal_id": portal_id if portal_id is not None else caller.portal_id,
        "host": host or caller.host,
        "at": now - timedelta(seconds=report.seconds),
        "method": report.method[:100],
        "inner": inner,
        "seconds": report.seconds,
        "operating": max(told, default=None),
        "status": report.status,
        "code": _plain(report.code or failing),
        "failed": sum(one.failed for one in report.inner.values()),
        "sent": report.sent,
        "received": report.received,
        "by": caller.by,
        "request_id": caller.request_id,
        "skew": finished - now.timestamp() if finished is not None else None,
    }


def _figure(value: float | None) -> float | None:
    """A number from a portal, if it is one that anybody could mean."""
    return value if value is not None and math.isfinite(value) and abs(value) < 1e11 else None


def _plain(code: str, most: int = 100) -> str:
    """A portal's code, or an address somebody claims, as text that any database takes."""
    return "".join(letter for letter in code if letter.isprintable())[:most]


# --- keeping it small


def prune(deps: Deps, portal_id: int) -> bool:
    """Drop what is older than the operator keeps, in small transactions; True if there is more to drop.

    A portal with very many requests keeps the last three days, and at the very most `CEILING` lines.
    """
    now = deps.clock.now()
    before = now - timedelta(days=max(LEAST_DAYS, deps.settings.request_log_days))
    with reading(deps.sessions) as session:
        crowded = rows.nth_newest(session, portal_id, MOST)
        flooded = rows.nth_newest(session, portal_id, CEILING) if crowded is not None else None
    if crowded is not None:
        before = max(before, min(crowded + MOMENT, now - timedelta(days=LEAST_DAYS)))
    if flooded is not None:
        before = max(before, flooded + MOMENT)
    for _ in range(CHUNKS):
        with transaction(deps.sessions) as session:
            dropped = rows.drop(session, portal_id, before, CHUNK)
            strangers = rows.drop_strangers(session, now - timedelta(days=LEAST_DAYS), CHUNK)
        if max(dropped, strangers) < CHUNK:
            return False
    return True

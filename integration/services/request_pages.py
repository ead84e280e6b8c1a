"""What the settings page shows of the request log: a page of lines, the day in figures, the file (product.md T3).

Everything is read without locks, and in the same number of queries however long the log is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from statistics import median

from integration.bitrix.limits import LIMIT, Meter, level_at, room
from integration.services import pace
from integration.services.deps import Deps
from integration.store import portals
from integration.store import requests as rows
from integration.store.base import reading
from integration.store.requests import Filter as Filter
from integration.store.requests import Place as Place
from integration.store.requests import RequestRow

PAGE = 50
HOURS = 24
SAMPLE = 5_000  # requests that medians are taken of
EXPORT = 50_000  # lines in one file
STEP = 2_000
COLUMNS = (
    *("at", "method", "calls", "seconds", "operating", "status", "code", "failed_calls"),
    *("bytes_sent", "bytes_received", "by", "request_id"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `inner`: how many calls of each method a batch held; moments are UTC, times in seconds."""

    id: int
    at: datetime
    method: str
    inner: tuple[tuple[str, int], ...]
    seconds: float
    operating: float | None
    status: int
    code: str
    failed: int
    sent: int
    received: int
    by: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One page, the newest first; `older` and `newer` are the places where the neighbouring pages begin."""

    entries: tuple[Entry, ...]
    older: Place | None
    newer: Place | None


@dataclass(frozen=True, slots=True)
class MethodLine:
    """A method during the last day: how often, how often in vain, seconds of a call, share of its budget now, 0…1."""

    method: str
    count: int
    failed: int
    median: float
    slowest: float
    used: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The last day. `hours`: beginning, requests, failed ones; `complete`: whether the figures by method rest on all
    of them. `level` of `ceiling` requests stand in the portal's bucket now; `closed_until`: no request before."""

    hours: tuple[tuple[datetime, int, int], ...]
    methods: tuple[MethodLine, ...]
    count: int
    failed: int
    complete: bool
    level: float
    ceiling: float
    closed_until: datetime | None = None
    limit: float = field(default=LIMIT)


def listing(
    deps: Deps, portal_id: int, wanted: Filter, older: Place | None = None, newer: Place | None = None
) -> Listing:
    """A page of the requests that are wanted: the newest, those before `older`, or those after `newer`."""
    with reading(deps.sessions) as session:
        found = rows.page(session, portal_id, wanted, PAGE + 1, older, newer)
    more = len(found) > PAGE
    if newer is not None:
        found = found[1:] if more else found
        before, after = True, more
    else:
        found = found[:PAGE]
        before, after = more, older is not None
    first, last = (found[0], found[-1]) if found else (None, None)
    return Listing(
        tuple(_entry(row) for row in found),
        (last.at, last.id) if last and before else None,
        (first.at, first.id) if first and after else None,
    )


def _entry(row: RequestRow) -> Entry:
    inner = tuple((method, int(told[0])) for method, told in row.inner.items())
    return Entry(
        id=row.id, at=row.at, method=row.method, inner=inner, seconds=row.seconds, operating=row.operating,
        status=row.status, code=row.code, failed=row.failed, sent=row.sent, received=row.received, by=row.by,
        request_id=row.request_id,
    )  # fmt: skip


def summary(deps: Deps, portal_id: int) -> Summary:
    """The last 24 hours and the limits as they stand now."""
    now = deps.clock.now()
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    with reading(deps.sessions) as session:
        portal = portals.get(session, portal_id)
        told = rows.hourly(session, portal_id, since)
        recent = rows.recent(session, portal_id, since, SAMPLE)
        limits = pace.look(session, portal_id, now, portal.license_family if portal else "")
    hours = [since + timedelta(hours=number) for number in range(HOURS)]
    by_hour = tuple((hour, *told.get(hour, (0, 0))) for hour in hours)
    closed = limits.not_before if limits.not_before and limits.not_before > now else None
    return Summary(
        hours=by_hour, methods=_by_method(recent, limits.meters, now), count=sum(number for _, number, _ in by_hour),
        failed=sum(bad for _, _, bad in by_hour),
        complete=len(recent) < SAMPLE, level=level_at(limits.bucket, now, limits.rate), ceiling=limits.rate.ceiling,
        closed_until=closed,
    )  # fmt: skip


@dataclass(slots=True)
class _Tally:
    count: int = 0
    failed: int = 0
    slowest: float = 0.0
    times: list[float] = field(default_factory=list)  # one per request: the mean of its calls


def _by_method(recent: list[rows.Told], meters: Mapping[str, Meter], now: datetime) -> tuple[MethodLine, ...]:
    """By method: alone by our watch, inside a batch by the portal's, since nobody else can tell them apart."""
    tallies: dict[str, _Tally] = {}
    for method, inner, seconds, code in recent:
        parts = sum(told[1] for told in inner.values())  # of a batch, what failed inside of it
        own = {method: [1, bool(code) and not parts, seconds, seconds]}
        for name, (calls, failed, total, slowest) in chain(own.items(), inner.items()):
            tally = tallies.setdefault(name, _Tally())
            tally.count += int(calls)
            tally.failed += int(failed)
            tally.slowest = max(tally.slowest, slowest)
            tally.times.append(total / calls if calls else 0.0)
    lines = [
        MethodLine(name, one.count, one.failed, median(one.times), one.slowest, _used(meters.get(name), now))
        for name, one in tallies.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-(line.used or 0.0), -line.count, line.method)))


def _used(meter: Meter | None, now: datetime) -> float | None:
    """The share of a method's execution seconds that is used up now; nothing for one never measured."""
    if meter is None or meter.usage.at is None:
        return None
    full = room(Meter.unknown("").usage, now)
    return min(1.0, max(0.0, 1.0 - room(meter.usage, now) / full))


def last_hour(deps: Deps) -> dict[str, int]:
    """Requests to all portals in the last hour by what came of them: `good` and `refused`."""
    with reading(deps.sessions) as session:
        count, failed = rows.count_since(session, deps.clock.now() - timedelta(hours=1))
    return {"good": count - failed, "refused": failed}


def export(deps: Deps, portal_id: int, wanted: Filter) -> Iterator[str]:
    """The wanted requests as CSV, the newest first, moments in UTC; piece by piece, at most `EXPORT` lines."""
    yield _lines([COLUMNS])
    place: Place | None = None
    for _ in range(EXPORT // STEP):
        with reading(deps.sessions) as session:
            found = rows.page(session, portal_id, wanted, STEP, place)
        if found:
            yield _lines([_cells(_entry(row)) for row in found])
            place = (found[-1].at, found[-1].id)
        if len(found) < STEP:
            return


def _cells(entry: Entry) -> tuple[object, ...]:
    calls = " ".join(f"{method}:{count}" for method, count in entry.inner)
    operating = "" if entry.operating is None else round(entry.operating, 3)
    return (
        entry.at.isoformat(timespec="milliseconds"), entry.method, calls, round(entry.seconds, 3), operating,
        entry.status, _harmless(entry.code), entry.failed, entry.sent, entry.received, entry.by,
        _harmless(entry.request_id),
    )  # fmt: skip


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _lines(many: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(many)
    return out.getvalue()

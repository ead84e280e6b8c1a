"""Writing scores to many cards: how much of the portal's limits is used, and none overstepped (product.md B4, T4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import mean, median
from typing import Any

from sqlalchemy import func, select

from benchmarks import databases, machine, rivals
from benchmarks.portal import PortalProcess, molva, portal
from benchmarks.report import Section, Table, Target, number, percent
from integration.bitrix.limits import STANDARD, next_look
from integration.nps.intents import WriteScore
from integration.nps.people import CardKey
from integration.services import outbox, pace, writeback
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal

NAME = "writing"
SLOW = {"on": True, "min": 2.0, "max": 3.0, "advance_clock": True}
WINDOW, LIMIT = 600.0, 480.0
TICK = 1.0  # seconds between the worker's looks at the outbox
FAST_ROUNDS = 3
SHORTEST = 5.0  # virtual seconds under the limit that are worth a figure
WAVE = "UF_CRM_MOLVA_NPS_WAVE"


@dataclass(frozen=True)
class Run:
    """One client writing everything on one portal. ``share`` is of the limit that binds, in 0..1."""

    written: int
    http: int
    batches: tuple[int, ...]
    virtual: float
    share: float
    refused_503: int
    refused_429: int
    cut: int
    stopped: str = ""


def main(quick: bool) -> Section:
    """Run it; ``quick``: a fifth of the updates on the slow portal, one round on the fast one."""
    updates, rounds = 5_000, 1 if quick else FAST_ROUNDS
    with portal(updates, 200) as there, databases.sqlite() as database:
        there.settings(events={"paused": True})
        bench = Bench(there, database, updates)
        fast = [bench.fast() for _ in range(rounds)]
        there.settings(slow=SLOW)
        bench.updates = updates // 5 if quick else updates
        slow = bench.slow()
    return _section(updates, bench.updates, fast, slow)


@dataclass
class Bench:
    """The portal, Molva's database, and how many updates each client makes."""

    there: PortalProcess
    database: databases.Database
    updates: int
    waves: int = 0

    def fast(self) -> dict[str, Run]:
        """One round on the portal where the rate of requests binds."""
        return {
            "Molva": self.molva(_rate_share),
            "fast-bitrix24": self.rival(rivals.fast_update, 50, _rate_share),
            "b24pysdk": self.rival(rivals.sdk_update, 50, _rate_share),
        }

    def slow(self) -> dict[str, Run]:
        """One round on the portal where the execution budget binds."""
        return {
            "Molva": self.molva(_budget_share),
            "fast-bitrix24": self.rival(rivals.fast_update, 50, _budget_share),
            "fast-bitrix24, batches of 15": self.rival(rivals.fast_update, 15, _budget_share),
            "b24pysdk": self.rival(rivals.sdk_update, 50, _budget_share),
            "b24pysdk, batches of 15": self.rival(rivals.sdk_update, 15, _budget_share),
        }

    def molva(self, share: Callable[[dict[str, Any], float], float]) -> Run:
        """The product's queue and its drain, ticked as the worker does."""
        deps, portal_id = molva(self.database, self.there)
        wave = self._wave()
        _queue(deps, portal_id, self.updates, wave)
        self.there.ask("reset")
        began = self.there.clock.time()
        _drain(deps, self.there, portal_id)
        return self._run(wave, began, share, STANDARD.ceiling - STANDARD.reserve)

    def rival(
        self,
        way: Callable[[PortalProcess, list[dict[str, Any]], int], rivals.Done],
        batch: int,
        share: Callable[[dict[str, Any], float], float],
    ) -> Run:
        """Another client with the same fields on the same cards."""
        wave = self._wave()
        updates = [
            {**rivals.DEALS, "id": n, "fields": {**_fields(n), WAVE: wave}}
            for n in range(1, self.updates + 1)
        ]
        self.there.ask("reset")
        began = self.there.clock.time()
        done = way(self.there, updates, batch)
        return self._run(wave, began, share, STANDARD.ceiling, done.stopped)

    def _wave(self) -> str:
        self.waves += 1
        return f"wave {self.waves}"

    def _run(
        self,
        wave: str,
        began: float,
        share: Callable[[dict[str, Any], float], float],
        burst: float,
        stopped: str = "",
    ) -> Run:
        virtual = self.there.clock.time() - began
        seen = self.there.ask("seen")
        params = {"entityTypeId": 2, "select": ["id"], "filter": {WAVE: wave}, "useOriginalUfNames": "Y"}
        written = int(self.there.control("/as/1/crm.item.list", params)["total"])
        by_status = seen["by_status"]
        sizes = tuple(size for _, status, size in seen["requests"] if status == 200)
        return Run(
            written, seen["http"], sizes, virtual, share(seen, burst), by_status.get("503", 0), seen["refused"],
            by_status.get("0", 0), stopped,
        )  # fmt: skip


def _fields(number: int) -> dict[str, Any]:
    """What Molva writes, without the two lists whose ids are the portal's own."""
    return {
        "UF_CRM_MOLVA_NPS_SCORE": number % 11,
        "UF_CRM_MOLVA_NPS_DATE": "2026-01-12",
        "UF_CRM_MOLVA_NPS_COMMENT": f"Answer {number}",
    }


def _queue(deps: Deps, portal_id: int, updates: int, wave: str) -> None:
    """One answer for each deal, through the same door as a real one."""
    for start in range(1, updates + 1, 500):
        with transaction(deps.sessions) as session:
            portal_row = session.get_one(Portal, portal_id)
            for n in range(start, min(start + 500, updates + 1)):
                score = WriteScore(
                    CardKey("deal", n), n % 11, "passive", date(2026, 1, 12), f"Answer {n}", wave, "email"
                )
                writeback.perform(deps, session, portal_row, [score], Cause("response", n))


def _drain(deps: Deps, there: PortalProcess, portal_id: int) -> None:
    """The worker's tick: as long as there is work, then again at the next tick at which there may be some."""
    started = there.clock.time()
    while True:
        while outbox.drain(deps):
            pass
        wait = _until_next(deps, portal_id)
        if wait is None:
            return
        passed = there.clock.time() - started
        ticks = int((passed + wait) / TICK) + 1
        there.clock.advance(ticks * TICK - passed)


def _until_next(deps: Deps, portal_id: int) -> float | None:
    """Seconds until something may go; nothing when all is done. Less than a tick is a tick."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        open_rows = OutboxRow.status.in_(("waiting", "working"))
        due = session.scalar(
            select(func.min(OutboxRow.due_at)).where(OutboxRow.portal_id == portal_id, open_rows)
        )
    if due is None:
        return None
    with transaction(deps.sessions) as session:
        found = pace.read(session, portal_id, "", now)
    moments = [due, found.waits_until(now) or now]
    closed = found.closed(now)
    if closed:
        moments.append(next_look(found.meters, closed, now))
    return max(max(moments) - now, timedelta()).total_seconds()


# --- shares


def _rate_share(seen: dict[str, Any], burst: float) -> float:
    """From when the bucket first held ``burst`` requests: how many were answered of those the rate allowed."""
    moments: list[float] = sorted(at for at, status, _ in seen["requests"] if status == 200)
    level, then = 0.0, moments[0] if moments else 0.0
    for made, moment in enumerate(moments):
        level = max(0.0, level - STANDARD.per_second * (moment - then)) + 1
        then = moment
        if level > burst - 1 and moments[-1] - moment > SHORTEST:
            return (len(moments) - 1 - made) / (STANDARD.per_second * (moments[-1] - moment) + burst - level)
    return 0.0


def _budget_share(seen: dict[str, Any], burst: float) -> float:
    """Of the execution seconds that the budget allows in whole windows of ten minutes, how many were used."""
    charges = [(at, seconds) for at, method, seconds in seen["charges"] if method == rivals.UPDATE]
    if not charges:
        return 0.0
    first, last = charges[0][0], charges[-1][0]
    windows = int((last - first) / WINDOW)
    if not windows:
        return 0.0
    used: float = sum(seconds for at, seconds in charges if at < first + windows * WINDOW)
    return used / (windows * LIMIT)


# --- the page


def _section(updates: int, slowly: int, fast: list[dict[str, Run]], slow: dict[str, Run]) -> Section:
    section = Section(
        NAME,
        f"Writing: {number(updates)} score updates",
        "Every answer is queued through the product's own write-back and leaves by its outbox, which is looked "
        "at once a second as the worker does; SQLite. Each client updates the same deals with fields of the "
        "same kind; what a client sleeps passes on the portal's clock, real work passes as it takes. Share of "
        "the rate: requests answered from the moment the bucket is full (50; 40 for Molva, which leaves ten to "
        "people's clicks), of two a second. Share of the budget: execution seconds in whole windows of ten "
        "minutes, of 480. On the slow portal each update takes 2–3 s, and a request dies at 60 s, so fifteen "
        "to a batch are what a careful person would set by hand for the others. “In effect” "
        "counts the cards that hold the new value at the end, whatever the client was told.",
        machine=machine.describe(),
    )
    middle = {name: _middle([run[name] for run in fast]) for name in fast[0]}
    section.tables = [
        _table(f"Fast portal, medians of {len(fast)} runs by turns:", middle, "rate"),
        _table(f"Slow portal, {number(slowly)} updates:", slow, "budget"),
    ]
    ours, worst = slow["Molva"], [run["Molva"] for run in fast]
    complete = all(run.written == updates for run in worst) and ours.written == slowly
    refused = max(run.refused_503 for run in [*worst, ours])
    late = max(run.refused_429 for run in [*worst, ours])
    rate, budget = middle["Molva"].share, ours.share
    section.targets = [
        Target(
            "updates in effect, on both portals", number(updates), "all" if complete else "not all", complete
        ),
        Target("share of the rate, fast portal", "≥ 95 %", percent(rate), rate >= 0.95),
        Target("share of the budget, slow portal", "≥ 95 %", percent(budget), budget >= 0.95),
        Target("503", "0", str(refused), refused == 0),
        Target("429", "0", str(late), late == 0),
        Target("requests cut at 60 s", "0", str(ours.cut), ours.cut == 0),
    ]
    return section


def _middle(runs: list[Run]) -> Run:
    """The run with the median share; refusals are the worst of all."""
    middle = sorted(runs, key=lambda run: run.share)[len(runs) // 2]
    return Run(
        middle.written, middle.http, middle.batches, median(run.virtual for run in runs), middle.share,
        max(run.refused_503 for run in runs), max(run.refused_429 for run in runs), max(run.cut for run in runs),
        middle.stopped,
    )  # fmt: skip


def _table(caption: str, runs: dict[str, Run], limit: str) -> Table:
    head = (
        "client", "in effect", "requests", "updates a request", "virtual minutes", f"share of the {limit}", "503",
        "429", "cut at 60 s", "end",
    )  # fmt: skip
    rows = []
    for name, run in runs.items():
        size = f"{mean(run.batches):.0f} (at most {max(run.batches)})" if run.batches else "–"
        rows.append(
            (
                name, number(run.written), number(run.http), size, number(run.virtual / 60, 1),
                percent(run.share) if run.share else "–", number(run.refused_503), number(run.refused_429),
                str(run.cut), f"gave up: {run.stopped}" if run.stopped else "complete",
            )
        )  # fmt: skip
    return Table(caption, head, rows)

"""Reading all deals of a portal for the first time, beside the two other clients (product.md T3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import databases, machine, rivals
from benchmarks.portal import PortalProcess, molva, portal
from benchmarks.report import Section, Table, Target, number
from integration.services import mirror
from integration.services.deps import Deps
from integration.services.reading import reading_of

NAME = "first_sync"
SLOW = {"on": True, "min": 2.0, "max": 3.0, "advance_clock": True, "methods": [rivals.LIST]}
QUICK_SLOW = {**SLOW, "on": False}


@dataclass(frozen=True)
class Run:
    """One reading: what it needed and met. ``deals`` requests of ``http`` read deals."""

    rows: int
    http: int
    shared: int
    seconds: float
    virtual: float
    refused_503: int
    refused_429: int
    cut: int
    stopped: str = ""


def main(quick: bool) -> Section:
    """Run it; ``quick``: a tenth of the deals."""
    deals, rounds = (2_000, 1) if quick else (20_000, 5)
    with portal(deals, 400) as there, databases.sqlite() as database:
        deps, portal_id = molva(database, there)
        select = reading_of(deps, portal_id)[1].select("deal")
        ways: dict[str, Callable[[], Run]] = {
            "Molva": lambda: _molva(database, there),
            "fast-bitrix24": lambda: _rival(there, lambda: rivals.fast_list(there, select)),
            "b24pysdk": lambda: _rival(there, lambda: rivals.sdk_list(there, select)),
        }
        there.settings(events={"paused": True})
        fast = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
        there.settings(slow=SLOW)
        ways["fast-bitrix24, batches of 15"] = lambda: _rival(
            there, lambda: rivals.fast_list(there, select, 15)
        )
        slow = {name: way() for name, way in ways.items()}
    return _section(deals, fast, slow)


def _molva(database: databases.Database, there: PortalProcess) -> Run:
    """The chore as the worker runs it, from the highest ids on; only its steps about deals are taken."""
    deps, portal_id = molva(database, there)
    there.ask("reset")
    began, virtual = time.perf_counter(), there.clock.time()
    cursor = _slices(deps, there, portal_id, {}, "top")
    shared = int(there.ask("seen")["http"])
    cursor = _slices(deps, there, portal_id, {**cursor, "step": "deal"}, "deal")
    seconds, virtual = time.perf_counter() - began, there.clock.time() - virtual
    return _run(there, int(cursor["read"]["deal"]), seconds, virtual, shared)


def _slices(
    deps: Deps, there: PortalProcess, portal_id: int, cursor: dict[str, Any], step: str
) -> dict[str, Any]:
    """Slices of one step until it is over; where the chore wants to wait, virtual time passes."""
    while not cursor or cursor["step"] == step:
        outcome = mirror.first_sync(deps, portal_id, cursor)
        assert outcome.cursor is not None
        assert outcome.due_at is not None
        there.clock.advance(max(0.0, (outcome.due_at - deps.clock.now()).total_seconds()))
        cursor = outcome.cursor
    return cursor


def _rival(there: PortalProcess, way: Callable[[], rivals.Done]) -> Run:
    there.ask("reset")
    began, virtual = time.perf_counter(), there.clock.time()
    done = way()
    seconds, virtual = time.perf_counter() - began, there.clock.time() - virtual
    return _run(there, done.count, seconds, virtual, 0, done.stopped)


def _run(
    there: PortalProcess, rows: int, seconds: float, virtual: float, shared: int, stopped: str = ""
) -> Run:
    seen = there.ask("seen")
    by_status = seen["by_status"]
    return Run(
        rows, seen["http"], shared, seconds, virtual, by_status.get("503", 0), seen["refused"],
        by_status.get("0", 0), stopped,
    )  # fmt: skip


def _section(deals: int, fast: list[dict[str, Run]], slow: dict[str, Run]) -> Section:
    best = min(fast[0][name].http for name in fast[0] if name != "Molva")
    ours, least = fast[0]["Molva"], -(-deals // 2500)
    refused = max(run["Molva"].refused_503 for run in fast)
    section = Section(
        NAME,
        f"First synchronisation: {number(deals)} deals",
        "The same sandbox portal, the same fields of every deal. Molva's seconds include writing its mirror "
        "(SQLite); the others keep the rows in memory. One of Molva's requests asks for the highest ids of "
        "all kinds of cards at once; it is counted here in full. The slow portal takes 2–3 s of virtual time "
        "for each list, its execution budget is on (480 s in 10 minutes), and a request dies at 60 s; the "
        "time a client sleeps passes on the portal's clock.",
        machine=machine.describe(),
    )
    section.tables = [_fast_table(fast), _slow_table(slow)]
    whole = all(run["Molva"].rows == deals for run in fast) and slow["Molva"].rows == deals
    section.targets = [
        Target("all deals read, on both portals", number(deals), "all" if whole else "not all", whole),
        Target(
            "portal requests", f"≤ {best} (the better of the others; least possible {least})",
            f"{ours.http} ({ours.http - ours.shared} + {ours.shared} shared by all kinds)", ours.http <= best,
        ),
        Target("503 on the fast portal", "0", str(refused), refused == 0),
        Target("429 on the slow portal", "0", str(slow["Molva"].refused_429), slow["Molva"].refused_429 == 0),
    ]  # fmt: skip
    return section


def _fast_table(fast: list[dict[str, Run]]) -> Table:
    rows = []
    base = median(run["Molva"].seconds for run in fast)
    for name, one in fast[0].items():
        seconds = median(run[name].seconds for run in fast)
        refused = max(run[name].refused_503 for run in fast)
        rows.append(
            (
                name,
                number(one.rows),
                str(one.http),
                number(seconds, 2),
                number(seconds / base, 2),
                str(refused),
            )
        )
    head = ("client", "deals", "requests", "seconds", "ratio to Molva", "503")
    return Table(f"Fast portal, medians of {len(fast)} runs by turns:", head, rows)


def _slow_table(slow: dict[str, Run]) -> Table:
    rows = []
    for name, run in slow.items():
        ended = f"gave up: {run.stopped}" if run.stopped else "complete"
        rows.append(
            (
                name, number(run.rows), str(run.http), number(run.virtual / 60, 1), str(run.refused_429),
                str(run.cut), ended,
            )
        )  # fmt: skip
    head = (
        "client",
        "deals",
        "requests",
        "virtual minutes",
        "lists refused by 429",
        "requests cut at 60 s",
        "end",
    )
    return Table("Slow portal:", head, rows)

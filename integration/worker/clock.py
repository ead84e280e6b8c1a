"""The table of ticks and the loop that runs it.

A tick claims due rows and nothing else, so that any number of workers may run and a tick too many does
no harm. Schedules live here, work lives in rows (architecture.md 3).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler

from integration.logs import log
from integration.services import chores, health, inbox, letters, outbox, traces, turns, waiting, waves
from integration.services.deps import Deps
from integration.services.projects import asking

Work = Callable[[Deps], bool]

BUSY_SECONDS = 20.0  # a tick gives way after this long, so that a stop signal is heeded soon
FAST = 0.1  # seconds between looks under a movable test clock


def _always(_deps: Deps) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Tick:
    """One kind of work and how often it is looked for, in seconds.

    `work` returns whether it found any; `waits` is a cheap look that spares an idle worker the claim.
    """

    name: str
    work: Work
    every: float
    waits: Work = _always
    fast: float = FAST  # seconds between looks under a movable test clock


def table() -> tuple[Tick, ...]:
    """All ticks, in the order in which one round runs them."""
    return (
        Tick("inbox", inbox.drain, 1, waiting.inbox),
        Tick("chores", chores.run_due, 2, waiting.chores),
        Tick("projects", asking.advance_due, 10, asking.waits),
        Tick("waves", waves.advance_due, 10, waiting.waves),
        Tick("letters", letters.drain, 3, waiting.letters),
        Tick("outbox", outbox.drain, 1, waiting.outbox),
        Tick("heartbeat", _heartbeat, 10, fast=1.0),
    )


def _heartbeat(deps: Deps) -> bool:
    health.heartbeat(deps, deps.settings.worker_name)
    return False


def run_round(deps: Deps) -> bool:
    """Run every tick one time; True if any found work. Errors are raised: for tests and `--once`."""
    found = [tick.work(deps) for tick in table()]  # every tick runs, whatever the one before it found
    return any(found)


def run_once(deps: Deps, limit: int = 10_000) -> int:
    """Do what is due now, until nothing is; return the number of rounds. For cron and CI."""
    rounds = 1
    while run_round(deps) and rounds < limit:
        rounds += 1
    return rounds


def guarded(deps: Deps, tick: Tick, stopping: threading.Event) -> Callable[[], None]:
    """A tick that works until nothing is left or its time is over, and logs its failure instead of dying."""

    def run() -> None:
        until = time.monotonic() + BUSY_SECONDS
        turns.giving_way.set(stopping.is_set)
        try:
            while tick.waits(deps) and time.monotonic() < until and not stopping.is_set():
                with traces.tick(tick.name):
                    if not tick.work(deps):
                        break
        except Exception:
            log(__name__).exception("tick.failed", tick=tick.name)

    return run


def start(deps: Deps, *, fast: bool = False, stopping: threading.Event | None = None) -> BackgroundScheduler:
    """Start all ticks in threads of this process and return their scheduler.

    `fast` shortens every wait to a fraction of a second: under a movable clock a day may pass at once.
    """
    stopping = stopping or threading.Event()
    scheduler = BackgroundScheduler(timezone="UTC")
    for tick in table():
        scheduler.add_job(
            guarded(deps, tick, stopping),
            "interval",
            seconds=tick.fast if fast else tick.every,
            id=tick.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=datetime.now(UTC),  # the first look happens now, not one interval later
        )
    scheduler.start()
    return scheduler


def run(deps: Deps, *, fast: bool = False) -> None:
    """Run until SIGTERM or SIGINT; the tick under way is finished first."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    scheduler = start(deps, fast=fast, stopping=stopping)
    log(__name__).info("worker.started", worker=deps.settings.worker_name)
    stopping.wait()
    scheduler.shutdown(wait=True)
    log(__name__).info("worker.stopped", worker=deps.settings.worker_name)

"""Long and periodic work, claimed by its next date: which function does what, and one tick of it.

A chore's function gets the portal and the cursor it left behind, does one bounded slice, and says when and
from where it goes on. Adding a chore is one line in `table()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from integration.bitrix.errors import BitrixError, Retryable
from integration.logs import log
from integration.services import (
    erasure,
    layouts,
    mirror,
    reconcile,
    referral_chores,
    referral_imports,
    referral_ladder,
    referral_reminders,
    referral_tally,
    rehearsals,
    setup,
    traces,
    upkeep,
    walk,
    wave_trouble,
    waves,
)
from integration.services.calling import sheets
from integration.services.chore_types import Chore, Outcome
from integration.services.deps import Deps
from integration.services.pace import PACED
from integration.services.turns import in_turn
from integration.store import chores as chore_rows
from integration.store import queue
from integration.store.base import reading, transaction
from integration.store.chores import ChoreRow
from integration.store.portals import Portal

LEASE = timedelta(minutes=5)
ATTEMPTS = 10  # failures in a row by our own fault before people are asked
LATER = timedelta(hours=1)
ACTIVE = ("active",)


@dataclass(frozen=True, slots=True)
class Entry:
    """`statuses`: of the portal, in which the chore may run. `housekeeping`: nobody waits for it."""

    run: Chore
    statuses: tuple[str, ...] = ACTIVE
    housekeeping: bool = False


def table() -> Mapping[str, Entry]:
    """All chores by name; behind a colon a name may carry what it is about, `freeze:7`."""
    return {
        "setup": Entry(setup.run),
        "check": Entry(setup.check, housekeeping=True),
        "layout": Entry(layouts.run),
        "first_sync": Entry(mirror.first_sync),
        "reconcile": Entry(reconcile.reconcile, housekeeping=True),
        "walk": Entry(walk.walk, housekeeping=True),
        "plan_wave": Entry(waves.run_plan, housekeeping=True),
        "freeze": Entry(waves.run_freeze),
        "rehearse": Entry(rehearsals.run),
        wave_trouble.KEPT: Entry(wave_trouble.run, housekeeping=True),
        "probe": Entry(upkeep.probe, statuses=("suspended", "reauthorise")),
        "erase": Entry(erasure.erase, statuses=("uninstalled", "undecided")),
        "prune": Entry(upkeep.prune, housekeeping=True),
        "referrals": Entry(referral_chores.rebuild, housekeeping=True),
        "referral_ladder": Entry(referral_ladder.climb, housekeeping=True),
        "referral_check": Entry(referral_chores.check),
        "referral_remind": Entry(referral_reminders.remind),
        referral_tally.TALLY: Entry(referral_tally.settle),
        "referral_import": Entry(referral_imports.run),
        sheets.CHORE: Entry(sheets.run),
    }


def runnable(*, housekeeping: bool = True) -> ColumnElement[bool]:
    """Rows whose portal is in a state in which their chore may run: `active`, or what the table says."""
    entries = table()
    special = [name for name, entry in entries.items() if entry.statuses != ACTIVE]
    left_out = [name for name, entry in entries.items() if entry.housekeeping and not housekeeping]
    others = [
        ChoreRow.name.not_in([*special, *left_out]),
        *(ChoreRow.name.not_like(f"{name}:%") for name in left_out),
    ]
    clauses = [ChoreRow.portal_id.in_(_portals(ACTIVE)) & and_(*others)]
    for name in special:
        if name not in left_out:
            clauses.append((ChoreRow.name == name) & ChoreRow.portal_id.in_(_portals(entries[name].statuses)))
    return or_(*clauses)


def _portals(statuses: tuple[str, ...]) -> Select[Any]:
    return select(Portal.id).where(Portal.status.in_(statuses))


def run_due(deps: Deps) -> bool:
    """One turn for each portal with chores that are due: a slice of the one that has waited longest; True if there
    were any. No portal waits for the long slice of another (product.md P4, T5)."""

    def due() -> list[int]:
        with reading(deps.sessions) as session:
            return chore_rows.portals_with_work(session, deps.clock.now(), runnable())

    return in_turn(due, partial(_turn, deps))


def _turn(deps: Deps, portal_id: int) -> bool:
    """One slice of one chore of a portal; whether there was any."""
    with transaction(deps.sessions) as session:
        claimed = queue.claim(
            session, ChoreRow, now=deps.clock.now(), owner=deps.settings.worker_name, lease=LEASE, limit=1,
            portal_id=portal_id, where=runnable(),
        )  # fmt: skip
    with traces.work(claimed):
        for row in claimed:
            _run(deps, row)
    return bool(claimed)


def _run(deps: Deps, row: ChoreRow) -> None:
    try:
        entry = table()[row.name.partition(":")[0]]
        outcome = entry.run(deps, row.portal_id, dict(row.cursor or {}))
    except BitrixError as error:
        _wait(deps, row, error)
    except Exception:
        log(__name__).exception("chore.failed", portal=row.portal_id, chore=row.name)
        _failed(deps, row)
    else:
        _settle(deps, row, outcome)


def _settle(deps: Deps, row: ChoreRow, outcome: Outcome) -> None:
    """The slice is done: go on, come again, or end."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if outcome.due_at is not None:
            queue.retry(session, row, now, outcome.due_at, cursor=outcome.cursor or {}, attempts=0)
        elif row.every_seconds:
            queue.retry(session, row, now, _next(row, now), cursor={}, attempts=0)
        else:
            queue.done(session, row, now, cursor={})


def _next(row: ChoreRow, now: datetime) -> datetime:
    """The next date of a periodic chore: dates missed meanwhile are not made up for."""
    period = timedelta(seconds=row.every_seconds)
    following = row.due_at + period
    return following if following > now else now + period


def _wait(deps: Deps, row: ChoreRow, error: BitrixError) -> None:
    """The portal said no or not now: the same slice again later, with the same cursor."""
    now = deps.clock.now()
    if isinstance(error, Retryable):
        due = error.until if error.until is not None and error.until > now else None
        wait = timedelta(seconds=error.after) if error.after else queue.backoff(row.attempts, row.id)
        due = due or now + wait
    else:
        due = now + LATER
    attempts = max(0, row.attempts - 1) if error.code == PACED else row.attempts
    if error.code != PACED:
        log(__name__).warning("chore.waits", portal=row.portal_id, chore=row.name, code=str(error))
    with transaction(deps.sessions) as session:
        queue.retry(session, row, now, due, error=str(error), attempts=attempts)


def _failed(deps: Deps, row: ChoreRow) -> None:
    """Our own fault: again with growing delay, then left for people; periodic ones just come again."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if row.attempts < ATTEMPTS:
            queue.retry(session, row, now, now + queue.backoff(row.attempts, row.id), error="failed")
        elif row.every_seconds:
            queue.retry(session, row, now, _next(row, now), error="failed", cursor={}, attempts=0)
        else:
            log(__name__).error("chore.buried", portal=row.portal_id, chore=row.name)
            queue.bury(session, row, now, "failed")


def progress(deps: Deps, portal_id: int) -> dict[str, Any]:
    """Where the first synchronisation stands, for pages: its step and the cards read so far by kind."""
    with transaction(deps.sessions) as session:
        row = session.scalars(
            select(ChoreRow).where(ChoreRow.portal_id == portal_id, ChoreRow.name == "first_sync")
        ).one_or_none()
        if row is None:
            return {}
        place = row.cursor or {}
        return {
            "status": row.status,
            "step": place.get("step", ""),
            "read": place.get("read", {}),
            "error": row.error,
        }


__all__ = ["Chore", "Entry", "Outcome", "progress", "run_due", "runnable", "table"]

"""Is it alive, is it ready, how much waits, and when something is due next (product.md T8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, aliased

from integration.bitrix.limits import next_look
from integration.services import chores, inbox, letters_drain, outbox, pace
from integration.services.deps import Deps
from integration.store import call_yields, letter_ways, queue, schema
from integration.store import chores as chore_rows
from integration.store import inbox as inbox_rows
from integration.store import outbox as outbox_rows
from integration.store.base import reading, transaction
from integration.store.chores import ChoreRow, Heartbeat
from integration.store.inbox import InboxRow
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave

SILENT = timedelta(seconds=60)  # a worker is taken for dead after this long
TABLES: dict[str, Any] = {"inbox": InboxRow, "outbox": OutboxRow, "letters": LetterRow, "chores": ChoreRow}
LEASES = {
    "inbox": inbox.LEASE,
    "outbox": outbox.LEASE,
    "chores": chores.LEASE,
    "letters": letters_drain.LEASE,
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process can do its work; `problems` are codes: `database`, `schema`, `worker`."""

    ready: bool
    problems: tuple[str, ...] = ()


def alive() -> bool:
    """The process answers."""
    return True


def ready(deps: Deps, silent: timedelta = SILENT) -> Readiness:
    """The database can be reached, its schema is current, and a worker was alive at most `silent` ago."""
    try:
        with reading(deps.sessions) as session:
            session.execute(text("SELECT 1"))
            bind = session.get_bind()
            assert isinstance(bind, Engine)
            current = schema.current(bind) == schema.head()
            seen = chore_rows.last_beat(session) if current else None
    except SQLAlchemyError:
        return Readiness(False, ("database",))
    if not current:
        return Readiness(False, ("schema",))
    if seen is None or seen < deps.clock.now() - silent:
        return Readiness(False, ("worker",))
    return Readiness(True)


def heartbeat(deps: Deps, worker: str) -> None:
    """Note that a worker is alive."""
    with transaction(deps.sessions) as session:
        chore_rows.beat(session, worker, deps.clock.now())


def depths(deps: Deps) -> dict[str, dict[str, int]]:
    """How many rows each queue has by status, over all portals."""
    with reading(deps.sessions) as session:
        found = {name: queue.depth(session, row) for name, row in TABLES.items()}
    return found | {"ignored_events": dict(inbox.ignored)}


def portals(deps: Deps) -> dict[str, int]:
    """How many portals there are by state; one in `reauthorise` waits for its administrator to open the application."""
    with reading(deps.sessions) as session:
        found = session.execute(select(Portal.status, func.count()).group_by(Portal.status))
        return {state: count for state, count in found}  # noqa: C416 - rows are no pairs to the type checker


def calls(deps: Deps) -> dict[str, int]:
    """How many people wait for a call in all portals: `due`, `in_hand` of a caller."""
    with reading(deps.sessions) as session:
        return call_yields.depth(session, deps.clock.now())


def due_now(deps: Deps) -> int:
    """How many things could be done this moment, or are being done.

    Rows of portals that do not work now, rows held back by an older one of their lane that has a later date,
    and calls whose method has used up its execution budget do not count.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        count = _in_hand(session, now) + _claimable(session, InboxRow, now, inbox_rows.workable())
        count += _claimable(session, ChoreRow, now, chores.runnable())
        count += _claimable(session, LetterRow, now, _with_a_way(deps))
        for portal_id in outbox_rows.portals_with_work(session, now):
            found = pace.look(session, portal_id, now)
            if found.not_before is None or found.not_before <= now:
                count += outbox_rows.count_due(session, portal_id, now, found.closed(now))
        return count + _wave_steps(session, now)


def _with_a_way(deps: Deps) -> Any:
    """Letters that some server takes: without one of the operator those of other ways (product.md W19)."""
    mine = LetterRow.handed_at.is_(None)
    return mine if deps.mailer.ready else mine & ~letter_ways.by_way("operator", 0, 0)


def _active() -> Any:
    return select(Portal.id).where(Portal.status == "active")


def _in_hand(session: Session, now: datetime) -> int:
    """Rows under a valid lease whose worker shows signs of life; what a dead one left is waited for by date."""
    living = set(session.scalars(select(Heartbeat.worker).where(Heartbeat.seen_at >= now - SILENT)))
    count = 0
    for name, row in TABLES.items():
        held = select(row.owner, row.lease_until).where(row.status == "working", row.lease_until >= now)
        for owner, until in session.execute(held):
            since = until - LEASES.get(name, timedelta(minutes=5))
            count += owner in living or now - since < SILENT
    return count


def _claimable(session: Session, row: Any, now: datetime, where: Any) -> int:
    older = aliased(row)
    held = (
        select(older.id)
        .where(older.portal_id == row.portal_id, older.lane == row.lane, older.id < row.id)
        .where(older.status == "waiting", older.due_at > now)
        .exists()
    )
    lost = (row.status == "working") & (row.lease_until < now)
    due = ((row.status == "waiting") & (row.due_at <= now)) | lost
    return session.scalar(select(func.count()).select_from(row).where(due, ~held, where)) or 0


def _wave_steps(session: Session, now: datetime) -> int:
    waves = (
        select(func.count())
        .select_from(Wave)
        .where(Wave.step_due_at <= now, Wave.stage != "cancelled", Wave.portal_id.in_(_active()))
    )
    touches = (
        select(func.count())
        .select_from(Invitation)
        .where(Invitation.due_at <= now, Invitation.portal_id.in_(_active()))
    )
    return (session.scalar(waves) or 0) + (session.scalar(touches) or 0)


def next_due(deps: Deps, *, housekeeping: bool = False) -> datetime | None:
    """The earliest future moment at which something becomes due: a row, a lease's end, a wave's step, an invitation.

    `housekeeping`: also count chores nobody waits for (reconciliation, nightly walks). Nothing: no such moment.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        moments = [
            _earliest(session, InboxRow, now, inbox_rows.workable()),
            _earliest(session, ChoreRow, now, chores.runnable(housekeeping=housekeeping)),
            _earliest(session, OutboxRow, now, OutboxRow.portal_id.in_(_active())),
            *_portal_moments(session, now),
            *_wave_moments(session, now),
        ]
        moments.append(_earliest(session, LetterRow, now, _with_a_way(deps)))
        for row in TABLES.values():
            held = select(func.min(row.lease_until)).where(row.status == "working", row.lease_until >= now)
            moments.append(session.scalar(held))
    return min((moment for moment in moments if moment is not None), default=None)


def _earliest(session: Session, row: Any, now: datetime, where: Any) -> datetime | None:
    return session.scalar(
        select(func.min(row.due_at)).where(row.status == "waiting", row.due_at > now, where)
    )


def _portal_moments(session: Session, now: datetime) -> list[datetime]:
    """When portals with waiting calls take them again: after a block by hand, or a used-up execution budget."""
    moments: list[datetime] = []
    for portal_id in outbox_rows.portals_with_work(session, now):
        found = pace.look(session, portal_id, now)
        closed = found.closed(now)
        if found.not_before is not None and found.not_before > now:
            moments.append(found.not_before)
        elif closed and outbox_rows.has_waiting(session, portal_id, closed):
            moments.append(next_look(found.meters, closed, now))
    return moments


def _wave_moments(session: Session, now: datetime) -> list[datetime | None]:
    waves = select(func.min(Wave.step_due_at)).where(
        Wave.step_due_at > now, Wave.stage != "cancelled", Wave.portal_id.in_(_active())
    )
    touches = select(func.min(Invitation.due_at)).where(
        Invitation.due_at > now, Invitation.portal_id.in_(_active())
    )
    return [session.scalar(waves), session.scalar(touches)]

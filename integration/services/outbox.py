"""Calls that wait to be made: sent in sized batches under the portal's limits (product.md B4, T4).

Once in effect: a creating call is marked as sent before it leaves, and one that is found marked without a
result asks its probe first. Updates are simply made again. Nothing waits here; what may not go now gets
a later date, or stays due until the portal's limits have room.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from integration.bitrix.call import Call, found_by
from integration.bitrix.errors import BitrixError, NotFound, Retryable
from integration.bitrix.limits import choose
from integration.logs import log
from integration.services import effects, fates, pace, parting, read_back, referral_race, traces
from integration.services.access import PortalRest
from integration.services.calls_queue import REFUSED_VALUE
from integration.services.deps import BatchAnswer, Deps
from integration.services.fates import ATTEMPTS, DOUBTS, SETTLE
from integration.services.pace import Pace
from integration.services.projects import telling
from integration.services.turns import in_turn
from integration.services.unsent import resend, unfinished
from integration.store import outbox as rows
from integration.store import portals as portal_rows
from integration.store import queue
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow

LEASE = timedelta(minutes=4)  # several times the longest batch
AT_ONCE = 50
FAULTS = 8  # failures of our own before people are asked


def drain(deps: Deps) -> bool:
    """Send one batch for each portal that has calls due, several portals at a time; True if anything left."""

    def due() -> list[int]:
        with reading(deps.sessions) as session:
            return rows.portals_with_work(session, deps.clock.now())

    return in_turn(due, partial(_portal, deps))


def _portal(deps: Deps, portal_id: int) -> bool:
    """One batch of one portal, unless another worker is at it."""
    owner = deps.settings.worker_name
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None or not portal_rows.lease_outbox(session, portal_id, owner, now, LEASE):
            return False
        found = pace.read(session, portal_id, portal.license_family, now)
        ready = found.waits_until(now) is None
        claimed = _claim(session, portal_id, owner, found, now) if ready else []
    try:
        with traces.work(claimed):
            if claimed:
                _round(deps, portal_id, claimed)
        return bool(claimed)
    except Exception:
        log(__name__).exception("outbox.failed", portal=portal_id, rows=len(claimed))
        _stumbled(deps, claimed)
        return True
    finally:
        with transaction(deps.sessions) as session:
            portal_rows.release_outbox(session, portal_id, owner, now)


def _stumbled(deps: Deps, claimed: Sequence[OutboxRow]) -> None:
    """A fault of our own in a round: what it left unfinished waits, and people are asked in the end."""
    for row in claimed:
        if row.attempts < FAULTS:
            fates.put_back(deps, row, queue.backoff(row.attempts, row.id), "failed")
        else:
            fates.bury(deps, row, "failed")


def _claim(session: Any, portal_id: int, owner: str, found: Pace, now: datetime) -> list[OutboxRow]:
    """What may share the next batch and fits by the portal's measured times; the rest is given back untried."""
    claimed = queue.claim(
        session, OutboxRow, now=now, owner=owner, lease=LEASE, limit=AT_ONCE, portal_id=portal_id,
        where=rows.sendable(found.closed(now)), beside=rows.beside,
    )  # fmt: skip
    together = parting.together(claimed)
    chosen = [together[number] for number in choose(found.meters, [row.method for row in together], now)]
    rows.release(session, [row for row in claimed if row not in chosen])
    return chosen


def _round(deps: Deps, portal_id: int, claimed: Sequence[OutboxRow]) -> None:
    rest = PortalRest(deps, portal_id)
    claimed = [row for row in claimed if _readable(deps, row)]
    doubtful = [row for row in claimed if row.sent_at is not None and not row.call["repeat"]]
    fresh = [row for row in claimed if row not in doubtful]
    if doubtful:
        fresh += _probe(deps, rest, doubtful)
    fresh = _unspoiled(deps, rest, fresh)
    if fresh:
        _send(deps, rest, _marked(deps, fresh))


def _unspoiled(deps: Deps, rest: PortalRest, fresh: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Without writes that would go over what a person has entered since they were ordered (product.md B5)."""
    try:
        return referral_race.unspoiled(deps, rest, fresh)
    except BitrixError as error:
        mine = [row for row in fresh if row.purpose == referral_race.PURPOSE]
        fates.all_failed(deps, mine, error, creating_left=False)
        return [row for row in fresh if row not in mine]


def _readable(deps: Deps, row: OutboxRow) -> bool:
    """Whether the stored call can be made at all; one that cannot must not hold the others up."""
    try:
        Call.from_json(row.call)
    except (KeyError, TypeError, ValueError):
        fates.bury(deps, row, "unreadable")
        return False
    return True


def _probe(deps: Deps, rest: PortalRest, doubtful: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Ask whether these creating calls have taken effect; those that have not, and may go again."""
    calls = {str(row.id): Call.from_json(row.call) for row in doubtful}
    probes = {key: call.probe.call() for key, call in calls.items() if call.probe is not None}
    if not probes:
        return fates.undecidable(deps, doubtful)
    try:
        got = rest.batch(probes)
    except BitrixError as error:
        fates.all_failed(deps, doubtful, error, creating_left=True)
        return []
    again: list[OutboxRow] = []
    for row in doubtful:
        key, probe = str(row.id), calls[str(row.id)].probe
        failure = got.errors.get(key)
        made = found_by(probe, got.answers[key].result) if probe is not None and key in got.answers else None
        if made is not None:
            _succeed(deps, row, made, made)
        elif isinstance(failure, Retryable):
            fates.retry(deps, row, failure, in_doubt=True)
        elif key in got.answers or isinstance(failure, NotFound):
            again.append(row)  # surely not there: looked and not found, or the card itself is gone
        elif failure is None and probe is not None:
            fates.retry(deps, row, Retryable(probe.method, "not_executed", effect="none"), in_doubt=True)
        else:
            fates.undecidable(deps, [row])  # nobody could look, so sending again might make it twice
    return again


def _marked(deps: Deps, fresh: Sequence[OutboxRow]) -> list[OutboxRow]:
    """The rows to send, creating ones marked as sent in a commit of their own before they leave.

    Where looks came before and took long, a row whose lease ended is left to whoever has it now: with the card's
    next write done there, this one would come too late.
    """
    now = deps.clock.now()
    creating = [row for row in fresh if not row.call["repeat"]]
    old = [
        row
        for row in fresh
        if row.call["repeat"] and row.lease_until and row.lease_until - now < LEASE - SETTLE
    ]
    if not creating and not old:
        return list(fresh)
    with transaction(deps.sessions) as session:
        kept = rows.mark_sent(session, creating, now, LEASE)
        kept += [row for row in old if queue.renew(session, row, now, LEASE)]
    return [row for row in fresh if row in kept or row not in [*creating, *old]]


def _send(deps: Deps, rest: PortalRest, fresh: Sequence[OutboxRow]) -> None:
    if not fresh:
        return
    try:
        got = rest.batch({str(row.id): telling.call_of(deps, row) for row in fresh}, whole=True)
    except BitrixError as error:
        fates.all_failed(
            deps, fresh, error, creating_left=isinstance(error, Retryable) and error.effect == "unknown"
        )
        return
    parting.went(deps, fresh)
    got = read_back.checked(deps, rest, fresh, got)
    good = [row for row in fresh if row.call["repeat"] and _taken(row, got)]
    worked = [(row, got.answers[str(row.id)].result) for row in good]
    if not effects.succeed_all(deps, worked):
        for row, result in worked:
            _succeed(deps, row, result)
    for row in fresh:
        if row not in good:
            _verdict(deps, row, got)


def _taken(row: OutboxRow, got: BatchAnswer) -> bool:
    """Whether the call was answered well, and what it wrote is there."""
    answer = got.answers.get(str(row.id))
    return answer is not None and not effects.untaken(row, answer.result)


def _verdict(deps: Deps, row: OutboxRow, got: BatchAnswer) -> None:
    """What became of one call of a batch that was answered."""
    key = str(row.id)
    if key in got.answers:
        lost = effects.untaken(row, got.answers[key].result)
        if lost and row.attempts < DOUBTS:
            effects.order_setup(deps, row.portal_id)
            fates.put_back(deps, row, timedelta(minutes=1), f"field_ignored: {lost}")
        elif lost:
            fates.bury(deps, row, f"field_ignored: {lost}")
        else:
            _succeed(deps, row, got.answers[key].result)
        return
    error = got.errors.get(key) or Retryable(row.method, "not_answered", effect="unknown")
    if isinstance(error, BitrixError) and error.code.lower() == REFUSED_VALUE:
        effects.order_setup(deps, row.portal_id)  # somebody may have deleted a list value; it is made anew
    fates.refused(deps, row, error)


def _succeed(deps: Deps, row: OutboxRow, result: Any, made: int | None = None) -> None:
    """The call worked; if recording it fails by our own fault, the others of the batch are recorded all the same."""
    try:
        effects.succeed(deps, row, result, made)
    except Exception:
        log(__name__).exception("outbox.not_recorded", portal=row.portal_id, lane=row.lane, method=row.method)
        if row.attempts < FAULTS:
            fates.put_back(deps, row, queue.backoff(row.attempts, row.id), "not_recorded")
        else:
            fates.bury(deps, row, "not_recorded")


__all__ = ["ATTEMPTS", "FAULTS", "LEASE", "SETTLE", "drain", "resend", "unfinished"]

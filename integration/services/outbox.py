"""Calls that wait to be made: sent in sized batches under the portal's limits (product.md B4, T4).

Once in effect: a creating call is marked as sent before it leaves, and one that is found marked without a
result asks its probe first. Updates are simply made again. Nothing waits here; what may not go now gets
a later date, or stays due until the portal's limits have room.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from integration.bitrix.call import Call, found_by
from integration.bitrix.errors import AccessLost, BitrixError, NotFound, Retryable
from integration.bitrix.limits import choose
from integration.logs import log
from integration.services import effects, pace
from integration.services.access import PortalRest
from integration.services.calls_queue import MISSING, repair_fields
from integration.services.deps import BatchAnswer, Deps
from integration.services.pace import PACED, Pace
from integration.store import outbox as rows
from integration.store import portals as portal_rows
from integration.store import queue
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow

LEASE = timedelta(minutes=4)  # several times the longest batch
AT_ONCE = 50
SETTLE = timedelta(
    seconds=65
)  # a request that broke off may work in the portal for a minute (bitrix24.md 5.2)
LATER = timedelta(hours=1)
ATTEMPTS = 40  # with pauses of up to an hour: more than a day
FAULTS = 8  # failures of our own before people are asked
DOUBTS = 3  # looks at a field that does not take what is written


def drain(deps: Deps) -> bool:
    """Send one batch for each portal that has calls due; True if anything left."""
    with reading(deps.sessions) as session:
        portals = rows.portals_with_work(session, deps.clock.now())
    return sum(_portal(deps, portal_id) for portal_id in portals) > 0


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
        if claimed:
            _round(deps, portal_id, claimed)
        return bool(claimed)
    finally:
        with transaction(deps.sessions) as session:
            portal_rows.release_outbox(session, portal_id, owner, now)


def _claim(session: Any, portal_id: int, owner: str, found: Pace, now: datetime) -> list[OutboxRow]:
    """What fits in the next batch by the portal's measured times; the rest is given back untried."""
    claimed = queue.claim(
        session, OutboxRow, now=now, owner=owner, lease=LEASE, limit=AT_ONCE, portal_id=portal_id,
        where=rows.sendable(found.closed(now)),
    )  # fmt: skip
    chosen = set(choose(found.meters, [row.method for row in claimed], now))
    rows.release(session, [row for number, row in enumerate(claimed) if number not in chosen])
    return [row for number, row in enumerate(claimed) if number in chosen]


def _round(deps: Deps, portal_id: int, claimed: Sequence[OutboxRow]) -> None:
    rest = PortalRest(deps, portal_id)
    claimed = [row for row in claimed if _readable(deps, row)]
    doubtful = [row for row in claimed if row.sent_at is not None and not row.call["repeat"]]
    fresh = [row for row in claimed if row not in doubtful]
    if doubtful:
        fresh += _probe(deps, rest, doubtful)
    if fresh:
        _send(deps, rest, _marked(deps, fresh))


def _readable(deps: Deps, row: OutboxRow) -> bool:
    """Whether the stored call can be made at all; one that cannot must not hold the others up."""
    try:
        Call.from_json(row.call)
    except (KeyError, TypeError, ValueError):
        _bury(deps, row, "unreadable")
        return False
    return True


def _probe(deps: Deps, rest: PortalRest, doubtful: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Ask whether these creating calls have taken effect; those that have not, and may go again."""
    calls = {str(row.id): Call.from_json(row.call) for row in doubtful}
    probes = {key: call.probe.call() for key, call in calls.items() if call.probe is not None}
    if not probes:
        return _undecidable(deps, doubtful)
    try:
        got = rest.batch(probes)
    except BitrixError as error:
        _all_failed(deps, doubtful, error, creating_left=True)
        return []
    again: list[OutboxRow] = []
    for row in doubtful:
        key, probe = str(row.id), calls[str(row.id)].probe
        failure = got.errors.get(key)
        made = found_by(probe, got.answers[key].result) if probe is not None and key in got.answers else None
        if made is not None:
            _succeed(deps, row, made, made)
        elif isinstance(failure, Retryable):
            _retry(deps, row, failure)
        elif key in got.answers or isinstance(failure, NotFound):
            again.append(row)  # surely not there: looked and not found, or the card itself is gone
        elif failure is None and probe is not None:
            _retry(deps, row, Retryable(probe.method, "not_executed", effect="none"))
        else:
            _undecidable(deps, [row])  # nobody could look, so sending again might make it twice
    return again


def _undecidable(deps: Deps, doubtful: Sequence[OutboxRow]) -> list[OutboxRow]:
    for row in doubtful:
        _bury(deps, row, "unknown_outcome")
    return []


def _marked(deps: Deps, fresh: Sequence[OutboxRow]) -> list[OutboxRow]:
    """The rows to send, creating ones marked as sent in a commit of their own before they leave."""
    creating = [row for row in fresh if not row.call["repeat"]]
    if not creating:
        return list(fresh)
    with transaction(deps.sessions) as session:
        kept = rows.mark_sent(session, creating, deps.clock.now(), LEASE)
    return [row for row in fresh if row.call["repeat"] or row in kept]


def _send(deps: Deps, rest: PortalRest, fresh: Sequence[OutboxRow]) -> None:
    if not fresh:
        return
    try:
        got = rest.batch({str(row.id): Call.from_json(row.call) for row in fresh})
    except BitrixError as error:
        _all_failed(
            deps, fresh, error, creating_left=isinstance(error, Retryable) and error.effect == "unknown"
        )
        return
    good = [row for row in fresh if row.call["repeat"] and _taken(row, got)]
    effects.succeed_all(deps, [(row, got.answers[str(row.id)].result) for row in good])
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
            _put_back(deps, row, timedelta(minutes=1), f"field_ignored: {lost}")
        elif lost:
            _bury(deps, row, f"field_ignored: {lost}")
        else:
            _succeed(deps, row, got.answers[key].result)
        return
    error = got.errors.get(key) or Retryable(row.method, "not_answered", effect="unknown")
    if isinstance(error, Retryable):
        _retry(deps, row, error)
    elif isinstance(error, AccessLost) and error.kind != "scope":
        _put_back(deps, row, LATER, str(error), sent_at=None)
    elif isinstance(error, BitrixError):
        _bury(deps, row, _words(error))
    else:
        _bury(deps, row, "failed")


def _succeed(deps: Deps, row: OutboxRow, result: Any, made: int | None = None) -> None:
    """The call worked; if recording it fails by our own fault, the others of the batch are recorded all the same."""
    try:
        effects.succeed(deps, row, result, made)
    except Exception:
        log(__name__).exception("outbox.not_recorded", portal=row.portal_id, lane=row.lane, method=row.method)
        if row.attempts < FAULTS:
            _put_back(deps, row, queue.backoff(row.attempts, row.id), "not_recorded")
        else:
            _bury(deps, row, "not_recorded")


def _words(error: BitrixError) -> str:
    """Code and the portal's own words, for the operator."""
    return f"{error.code.lower() or 'refused'}: {str(getattr(error, 'text', ''))[:300]}".rstrip(": ")


def _all_failed(deps: Deps, many: Sequence[OutboxRow], error: BitrixError, *, creating_left: bool) -> None:
    """The request as a whole did not work: nothing is given up, and what did not leave is not in doubt."""
    if error.code == PACED:
        with transaction(deps.sessions) as session:
            rows.release(session, [row for row in many if row.sent_at is None or row.call["repeat"]])
        many = [row for row in many if row.sent_at is not None and not row.call["repeat"]]
    elif many:
        log(__name__).warning("outbox.waits", portal=many[0].portal_id, code=str(error), rows=len(many))
    for row in many:
        sent = {} if creating_left or row.call["repeat"] else {"sent_at": None}
        if isinstance(error, Retryable):
            _retry(deps, row, error, **sent)
        else:
            _put_back(deps, row, LATER, str(error), **sent)


def _retry(deps: Deps, row: OutboxRow, error: Retryable, **values: Any) -> None:
    """Again later: when the portal says, else with growing delay; a creating call not while it may still run."""
    if row.attempts >= ATTEMPTS:
        _bury(deps, row, f"gave_up: {error}")
        return
    now = deps.clock.now()
    wait = timedelta(seconds=error.after) if error.after else queue.backoff(row.attempts, row.id)
    if error.until is not None:
        wait = max(error.until - now, timedelta(seconds=1))
    if error.effect == "unknown" and not row.call["repeat"]:
        wait = max(wait, SETTLE)
    elif error.effect == "none" and not row.call["repeat"]:
        values = {"sent_at": None} | values
    _put_back(deps, row, wait, str(error), **values)


def _put_back(deps: Deps, row: OutboxRow, wait: timedelta, error: str, **values: Any) -> None:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        queue.retry(session, row, now, now + wait, error, **values)


def _bury(deps: Deps, row: OutboxRow, error: str) -> None:
    log(__name__).error("outbox.buried", portal=row.portal_id, lane=row.lane, method=row.method, error=error)
    with transaction(deps.sessions) as session:
        queue.bury(session, row, deps.clock.now(), error)


# --- for people


def unfinished(deps: Deps, portal_id: int) -> list[dict[str, Any]]:
    """Calls that are not done, those given up first; no contents, they may be personal."""
    with reading(deps.sessions) as session:
        return [
            {
                "id": row.id, "status": row.status, "purpose": row.purpose, "method": row.method, "lane": row.lane,
                "attempts": row.attempts, "error": row.error, "due_at": row.due_at, "created_at": row.created_at,
            }
            for row in rows.unfinished(session, portal_id)
        ]  # fmt: skip


def resend(deps: Deps, portal_id: int, row_id: int) -> bool:
    """Try a call that was given up again; False if it was not. One that may have worked asks its probe first."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = session.get(OutboxRow, row_id)
        portal = portal_rows.get(session, portal_id)
        if row is None or portal is None or row.portal_id != portal_id:
            return False
        if row.status == "buried" and row.error.startswith(MISSING):
            repair_fields(session, portal, now)
            session.flush()
            return row.status == "waiting"
        return queue.requeue(session, row, now)

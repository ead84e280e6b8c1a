"""The shared limiter: one bucket and one set of meters per portal, kept in the database (product.md T4).

Every request to a portal, from whichever process and with whosever token, is first admitted here and afterwards
recorded here. Background work never waits here: what may not go now is told until when, as a `Retryable` with
the code `paced`. A person's click may use the reserve; if even that is used up it waits three seconds at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import sleep
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.limits import (
    Bucket,
    Meter,
    Meters,
    Rate,
    blocked,
    choose,
    next_look,
    observed,
    overflown,
    rate_for,
    room,
    skew_of,
    slowed,
    spend,
    wait_for,
)
from integration.bitrix.paging import BATCH
from integration.services.deps import Answer, BatchAnswer, Deps
from integration.store import portals as rows
from integration.store.base import transaction
from integration.store.portals import Limits

PACED = "paced"
CROWDED = frozenset({PACED, "query_limit_exceeded"})  # codes, lower case: the bucket is full, a minute helps
SHORTEST = 0.2  # seconds; less is not worth a new claim
TOO_LONG = 30.0  # seconds; what breaks off after that was most probably too much for one request
_TOO_SLOW = frozenset({"READ_TIMEOUT", "HTTP_504"})
PATIENCE = 3.0  # seconds a person's click waits for the bucket, by the clock on the wall


@dataclass(frozen=True, slots=True)
class Pace:
    """A portal's limits at a moment."""

    rate: Rate
    bucket: Bucket
    meters: Meters
    not_before: datetime | None

    def waits_until(self, now: datetime, interactive: bool = False) -> datetime | None:
        """Until when no request may go; nothing when one may go now."""
        if self.not_before is not None and self.not_before > now:
            return self.not_before
        seconds = wait_for(self.bucket, now, self.rate, interactive)
        return now + timedelta(seconds=max(seconds, SHORTEST)) if seconds > 0 else None

    def closed(self, now: datetime) -> list[str]:
        """Methods whose execution budget is used up (bitrix24.md 5.2)."""
        return [method for method, meter in self.meters.items() if room(meter.usage, now) <= 0.0]

    def size(self, method: str, now: datetime) -> int:
        """How many calls of one method fit in a batch now; 0 while its budget is used up."""
        return len(choose(self.meters, [method] * BATCH, now))


def of(row: Limits, license_family: str, bucket: Limits | None = None) -> Pace:
    """The limits in a row; `bucket`: the row that holds the level, where it is another one."""
    meters = {method: Meter.from_json(value) for method, value in (row.budgets or {}).items()}
    held = bucket or row
    return Pace(rate_for(license_family), Bucket(held.level, held.level_at), meters, held.not_before)


def read(session: Session, portal_id: int, license_family: str, now: datetime) -> Pace:
    """The limits of a portal, locked until the transaction ends."""
    own, bucket = rows.both(session, portal_id, now)
    return of(own, license_family, bucket)


def look(session: Session, portal_id: int, now: datetime, license_family: str = "") -> Pace:
    """The limits of a portal as they are, without a lock: for a glance, not for a decision."""
    row = session.get(rows.Limits, portal_id)
    if row is None:
        return Pace(rate_for(license_family), Bucket(0.0, now), {}, None)
    return of(row, license_family, rows.level(session, portal_id))


def full(session: Session, portal_id: int, now: datetime) -> bool:
    """Whether background work finds the bucket full at this moment, by a glance."""
    portal = rows.get(session, portal_id)
    found = look(session, portal_id, now, portal.license_family if portal is not None else "")
    return wait_for(found.bucket, now, found.rate) > 0


def admit(deps: Deps, portal_id: int, license_family: str, methods: Sequence[str], interactive: bool) -> None:
    """Debit one request; raise `Retryable` with code `paced` when it may not go now.

    Background work keeps off the reserve that people's clicks use, and off methods whose execution budget is
    used up (product.md T4).
    """
    patience = PATIENCE if interactive else 0.0
    while True:
        until = _debit(deps, portal_id, license_family, methods, interactive)
        if until is None:
            return
        wait = (until - deps.clock.now()).total_seconds()
        if wait > patience or patience <= 0.0:
            raise Retryable(methods[0], PACED, effect="none", after=max(wait, 0.0), until=until)
        pause = min(max(wait, 0.05), SHORTEST)
        sleep(pause)  # real time: a person sits in front of the page
        patience -= pause


def _debit(
    deps: Deps, portal_id: int, license_family: str, methods: Sequence[str], interactive: bool
) -> datetime | None:
    """Take one request out of the bucket; the moment to ask again when there is none to be had."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        own, row = rows.both(session, portal_id, now)
        pace = of(own, license_family, row)
        until = pace.waits_until(now, interactive)
        closed = set() if interactive else {*methods} & {*pace.closed(now)}
        if until is None and closed:
            return next_look(pace.meters, sorted(closed), now)
        if until is None:
            bucket = spend(pace.bucket, now, pace.rate)
            row.level, row.level_at = bucket.level, bucket.at
        return until


def spent(session: Session, portal_id: int, license_family: str, now: datetime) -> None:
    """Debit a request that has been made already, to a portal we did not know when it was."""
    row = rows.bucket(session, portal_id, now)
    bucket = spend(Bucket(row.level, row.level_at), now, rate_for(license_family))
    row.level, row.level_at = bucket.level, bucket.at


def record(deps: Deps, portal_id: int, calls: Mapping[str, Call], got: BatchAnswer) -> None:
    """Keep what a batch's answers tell about execution time, and the refusals among them."""
    now = deps.clock.now()
    spans = [(calls[key].method, span) for key, span in _spans(got).items() if key in calls]
    with transaction(deps.sessions) as session:
        row = rows.limits(session, portal_id, now)
        meters = observed(of(row, "").meters, spans, now, skew_of(got.time, now))
        for key, error in got.errors.items():
            if (
                key in calls
                and isinstance(error, BitrixError)
                and error.code.upper() == "OPERATION_TIME_LIMIT"
            ):
                meters = _blocked(meters, calls[key].method, error, now)
        row.budgets = {method: meter.to_json() for method, meter in meters.items()}


def refuse(
    deps: Deps,
    portal_id: int,
    license_family: str,
    methods: Sequence[str],
    error: Retryable,
    took: float = 0.0,
) -> None:
    """Keep what a refused or broken request tells: a full bucket, a used-up budget, a block by hand, slowness.

    `took`: seconds until it broke off; the portal ends a request at sixty (bitrix24.md 5.2).
    """
    now = deps.clock.now()
    code = error.code.upper()
    with transaction(deps.sessions) as session:
        own, row = rows.both(session, portal_id, now)
        pace = of(own, license_family, row)
        meters = pace.meters
        if code == "QUERY_LIMIT_EXCEEDED":
            bucket = overflown(pace.bucket, now, pace.rate)
            row.level, row.level_at = bucket.level, bucket.at
        elif code == "OPERATION_TIME_LIMIT":
            for method in set(methods):
                meters = _blocked(meters, method, error, now)
        elif code in _TOO_SLOW or (error.effect == "unknown" and took >= TOO_LONG):
            meters = meters | {method: _slowed(meters, method) for method in set(methods)}
        if code == "OVERLOAD_LIMIT" or (error.after and code.startswith(("QUERY_", "HTTP_"))):
            row.not_before = now + timedelta(seconds=error.after or 3600)
        own.budgets = {method: meter.to_json() for method, meter in meters.items()}


def _slowed(meters: Meters, method: str) -> Meter:
    meter = meters.get(method) or Meter.unknown(method)
    return replace(meter, cost=slowed(meter.cost))


def _blocked(meters: Meters, method: str, error: BitrixError, now: datetime) -> Meters:
    meter = meters.get(method) or Meter.unknown(method)
    until = error.until if isinstance(error, Retryable) else None
    return {**meters, method: replace(meter, usage=blocked(meter.usage, until, now))}


def _spans(got: BatchAnswer) -> Mapping[str, Mapping[str, Any]]:
    return got.times or {key: span(answer) for key, answer in got.answers.items()}


def span(answer: Answer) -> Mapping[str, Any]:
    """An answer's time block, or one made of what the port tells of it."""
    if answer.time:
        return answer.time
    reset = answer.operating_reset_at
    return {
        "duration": answer.duration,
        "operating": answer.operating or None,
        "operating_reset_at": reset.timestamp() if reset else None,
    }

"""The shared limiter: one bucket and one set of meters per portal, kept in the database (product.md T4).

Every request to a portal, from whichever process, is first admitted here and afterwards recorded here.
Nothing sleeps: who may not go now is told until when, as a `Retryable` with the code `paced`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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
SHORTEST = 0.2  # seconds; less is not worth a new claim


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


def of(row: Limits, license_family: str) -> Pace:
    """The limits in a row."""
    meters = {method: Meter.from_json(value) for method, value in (row.budgets or {}).items()}
    return Pace(rate_for(license_family), Bucket(row.level, row.level_at), meters, row.not_before)


def read(session: Session, portal_id: int, license_family: str, now: datetime) -> Pace:
    """The limits of a portal, locked until the transaction ends."""
    return of(rows.limits(session, portal_id, now), license_family)


def look(session: Session, portal_id: int, now: datetime) -> Pace:
    """The limits of a portal as they are, without a lock: for health, not for decisions."""
    row = session.get(rows.Limits, portal_id)
    return of(row, "") if row else Pace(rate_for(""), Bucket(0.0, now), {}, None)


def admit(deps: Deps, portal_id: int, license_family: str, method: str, interactive: bool) -> None:
    """Debit one request; raise `Retryable` with code `paced` when it may not go now.

    Background work keeps off the reserve that people's clicks use (product.md T4).
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = rows.limits(session, portal_id, now)
        pace = of(row, license_family)
        until = pace.waits_until(now, interactive)
        if until is None:
            bucket = spend(pace.bucket, now, pace.rate)
            row.level, row.level_at = bucket.level, bucket.at
            return
    raise Retryable(method, PACED, effect="none", after=(until - now).total_seconds(), until=until)


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


def refuse(deps: Deps, portal_id: int, license_family: str, methods: Sequence[str], error: Retryable) -> None:
    """Keep what a refused or broken request tells: a full bucket, a used-up budget, a block by hand, slowness."""
    now = deps.clock.now()
    code = error.code.upper()
    with transaction(deps.sessions) as session:
        row = rows.limits(session, portal_id, now)
        pace = of(row, license_family)
        if code == "QUERY_LIMIT_EXCEEDED":
            bucket = overflown(pace.bucket, now, pace.rate)
            row.level, row.level_at = bucket.level, bucket.at
        elif code == "OVERLOAD_LIMIT":
            row.not_before = now + timedelta(seconds=error.after or 3600)
        elif code == "OPERATION_TIME_LIMIT":
            meters = pace.meters
            for method in set(methods):
                meters = _blocked(meters, method, error, now)
            row.budgets = {method: meter.to_json() for method, meter in meters.items()}
        elif code == "READ_TIMEOUT":
            meters = {
                method: replace(meter, cost=slowed(meter.cost)) if method in methods else meter
                for method, meter in pace.meters.items()
            }
            row.budgets = {method: meter.to_json() for method, meter in meters.items()}


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

"""What the calls of a wave brought, for its report and its console (product.md W7, W15, N6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps import call_numbers
from integration.nps.attempts import SPOKEN
from integration.nps.attempts import Yield as Yield
from integration.nps.call_numbers import PARTS, CallNumbers, Made, Tally
from integration.nps.policy import Policy
from integration.nps.workdays import at_hour, local_day, zone_named
from integration.services import policies
from integration.services.ground import calendar_for
from integration.store import call_yields as rows
from integration.store.call_yields import Waiting as Waiting
from integration.store.portals import Portal
from integration.store.reports import EVERYONE, Scope
from integration.store.waves import Wave

Json = dict[str, Any]


def of_wave(session: Session, portal_id: int, wave_id: int, scope: Scope = EVERYONE) -> list[Yield]:
    """The yield of each attempt of a wave, the first one first; empty where nobody was called."""
    return list(counted(session, portal_id, wave_id, "", scope).steps)


def counted(
    session: Session, portal_id: int, wave_id: int, zone: str, scope: Scope = EVERYONE
) -> CallNumbers:
    """Everything the calls brought; `zone` is the portal's, for people whose own is not known."""
    return call_numbers.numbers(
        Made(one.invitation_id, one.at, one.outcome, one.zone or zone, one.caller, one.caller_name, one.ended)
        for one in rows.made(session, portal_id, wave_id, scope)
    )


def to_json(found: CallNumbers) -> Json:
    """As it is kept with the result of a wave; nothing where nobody was called."""
    if not found.calls:
        return {}
    return {
        "calls": found.calls, "people": found.people.tried, "reached": found.people.reached,
        "answered": found.people.answered, "declined": found.declined,
        "yield": [{"number": one.number, **_tally(one)} for one in found.steps],
        "outcomes": dict(sorted(found.outcomes.items())),
        "parts": [{"part": part, **_tally(found.parts[part])} for part in PARTS if part in found.parts],
        "weekdays": [{"weekday": day, **_tally(one)} for day, one in sorted(found.weekdays.items())],
        "callers": [{"caller": one.key, "name": one.name, **_tally(one.done)} for one in found.callers],
        "silent": dict(sorted(found.silent.items())),
    }  # fmt: skip


def _tally(one: Tally | Yield) -> Mapping[str, int]:
    return {"tried": one.tried, "reached": one.reached, "answered": one.answered}


def waiting(session: Session, wave: Wave, scope: Scope, policy: Policy, now: datetime) -> Waiting | None:
    """Where the calls of a wave stand at this moment; None where its plan has no calls.

    Whose slot has ended is called in the next part of the same day, but not in the evening or at the weekend.
    """
    if wave.plan.get("calling") is None:
        return None
    zone = zone_named(policy.time_zone)
    since = at_hour(local_day(now, zone), 0, zone)
    found = rows.waiting(session, wave.portal_id, wave.id, scope, now, since, SPOKEN)
    if not found.overdue:
        return found
    closed = _shut(session, wave, policy, [name for name, _ in found.overdue], now)
    shut = sum(n for name, n in found.overdue if name in closed)
    return replace(found, due=found.due - shut, later=found.later + shut)


def shut_zones(session: Session, wave: Wave, now: datetime) -> tuple[str, ...]:
    """Zones of people whose slot has ended and who may not be called at this hour any more."""
    zones = rows.ended_slots(session, wave.portal_id, wave.id, now)
    if not zones:
        return ()
    policy = policies.load_version(session, wave.portal_id, wave.policy_version)
    return tuple(sorted(_shut(session, wave, policy, zones, now)))


def _shut(session: Session, wave: Wave, policy: Policy, zones: Collection[str], now: datetime) -> set[str]:
    hours = calendar_for(session.get_one(Portal, wave.portal_id), policy, now).letters
    return {name for name in zones if not hours.is_allowed(now, zone_named(name or policy.time_zone))}

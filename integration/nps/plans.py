"""The dates of one wave: each step on a working day of the portal's country (product.md W1, W2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from .intents import WaveStage
from .policy import Policy
from .workdays import WorkCalendar, add_months, zone_named

OWNER_REMINDER_DAYS = (28, 21)


@dataclass(frozen=True, slots=True)
class Plan:
    """Days in the portal's zone. ``start`` is D; ``calling`` is None when nobody is called.

    ``drafted``: the owner gets the task; ``owner_reminders``: D-28 and D-21; ``frozen_on``: from this day
    results are no longer preliminary (product.md W14).
    """

    zone: str
    drafted: date
    owner_reminders: tuple[date, ...]
    announce: date
    start: date
    calling: date | None
    mailing: date
    reminders: tuple[date, ...]
    closing: date
    frozen_on: date

    def stage_days(self) -> list[tuple[WaveStage, date]]:
        """The stages that have a day of their own, in order."""
        days: list[tuple[WaveStage, date]] = [("announced", self.announce)]
        if self.calling:
            days.append(("calling", self.calling))
        days.append(("mailing", self.mailing))
        if self.reminders:
            days.append(("reminders", self.reminders[0]))
        return [*days, ("closing", self.closing)]

    def moment(self, day: date, calendar: WorkCalendar) -> datetime:
        """When a step of this day begins for the portal: the first allowed hour, UTC."""
        return calendar.opening(day, zone_named(self.zone))

    def to_json(self) -> dict[str, Any]:
        """JSON values only; ``from_json`` gives the same plan back."""
        return {
            "zone": self.zone,
            "owner_reminders": [day.isoformat() for day in self.owner_reminders],
            "reminders": [day.isoformat() for day in self.reminders],
            "calling": self.calling.isoformat() if self.calling else None,
            **{name: getattr(self, name).isoformat() for name in _SINGLE},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan written by ``to_json``; KeyError or ValueError for anything else."""
        return cls(
            zone=data["zone"],
            owner_reminders=tuple(map(date.fromisoformat, data["owner_reminders"])),
            reminders=tuple(map(date.fromisoformat, data["reminders"])),
            calling=date.fromisoformat(data["calling"]) if data["calling"] else None,
            **{name: date.fromisoformat(data[name]) for name in _SINGLE},
        )


_SINGLE = ("drafted", "announce", "start", "mailing", "closing", "frozen_on")


def calendar_of(
    policy: Policy,
    weekend: frozenset[int] = frozenset({5, 6}),
    holidays: frozenset[date] = frozenset(),
    extra_workdays: frozenset[date] = frozenset(),
) -> WorkCalendar:
    """The portal's days off with the allowed hours of its policy."""
    return WorkCalendar(weekend, holidays, extra_workdays, policy.hours_from, policy.hours_to)


def plan(start: date, policy: Policy, calendar: WorkCalendar) -> Plan:
    """The plan of a wave whose first day for the clients is ``start`` (D), in the portal's zone.

    Every day is moved forward to a working one, and letters stay at least ``letter_gap_days`` apart also
    where days off push two steps together.
    """
    gap = timedelta(days=policy.letter_gap_days)
    start = calendar.shift(start)
    announce = calendar.shift(start - timedelta(days=policy.announce_days))
    start = calendar.shift(max(start, announce + gap))
    calling = start if policy.calling else None
    mailing = calendar.shift(start + timedelta(days=policy.calling_days)) if policy.calling else start
    reminders: list[date] = []
    last = mailing
    for days in policy.reminder_days:
        last = calendar.shift(max(mailing + timedelta(days=days), last + gap))
        reminders.append(last)
    closing = calendar.shift(last + timedelta(days=policy.closing_days))
    drafted = calendar.shift(start - timedelta(days=policy.plan_days_before))
    return Plan(
        zone=policy.time_zone,
        drafted=min(drafted, announce),
        owner_reminders=tuple(
            day
            for days in OWNER_REMINDER_DAYS
            if (day := calendar.shift(start - timedelta(days=days))) < announce
        ),
        announce=announce,
        start=start,
        calling=calling,
        mailing=mailing,
        reminders=tuple(reminders),
        closing=closing,
        frozen_on=closing + timedelta(days=policy.edit_days),
    )


def postponed(plan: Plan, since: date, until: date, calendar: WorkCalendar) -> Plan:
    """The plan of a wave paused from ``since`` until ``until``: what was still to come moves by as long."""
    by = until - since

    def move(day: date) -> date:
        return calendar.shift(day + by) if day >= since else day

    closing = move(plan.closing)
    return replace(
        plan,
        owner_reminders=tuple(map(move, plan.owner_reminders)),
        announce=move(plan.announce),
        start=move(plan.start),
        calling=move(plan.calling) if plan.calling else None,
        mailing=move(plan.mailing),
        reminders=tuple(map(move, plan.reminders)),
        closing=closing,
        frozen_on=closing + (plan.frozen_on - plan.closing),
    )


def wave_start(year: int, policy: Policy) -> date | None:
    """D of a year as configured, unshifted; 29 February falls on the 28th. None: no waves by themselves."""
    if not policy.wave_month:
        return None
    first = date(year, policy.wave_month, 1)
    days = (add_months(first, 1) - first).days
    return first.replace(day=min(policy.wave_day, days))


def wave_to_plan(today: date, policy: Policy, last_start: date | None = None) -> date | None:
    """D of the wave that must be planned by today, None if none is due yet (product.md W2).

    A year that already has a wave is left out, and so is a date too near for its announcement.
    """
    for year in (today.year, today.year + 1):
        start = wave_start(year, policy)
        if start is None or (last_start and start.year <= last_start.year):
            continue
        if today + timedelta(days=policy.announce_days) > start:
            continue
        due = start - timedelta(days=policy.plan_days_before)
        return start if due <= today else None
    return None

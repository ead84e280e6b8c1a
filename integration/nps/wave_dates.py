"""Other days for one wave, chosen by a person: what may still be moved, and to when (product.md W1, W2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from .plans import OWNER_REMINDER_DAYS, Plan
from .policy import Policy
from .workdays import WorkCalendar

FARTHEST = timedelta(days=366)  # how far ahead the end of a wave may lie


@dataclass(frozen=True, slots=True)
class Wished:
    """The days a person wants, the portal's. ``reminders``: as many as the plan has, in order."""

    announce: date
    start: date
    reminders: tuple[date, ...]
    closing: date


@dataclass(frozen=True, slots=True)
class DateProblem:
    """Why a day cannot be taken. ``step``: announce, start, reminder_1 …, closing. Codes: ``begun`` (that step has
    begun or is over), ``not_ahead``, ``too_close`` (fewer than ``days`` after the step before it), ``other_year`` (a
    wave bears its year's name), ``too_far``.
    """

    step: str
    code: str
    days: int = 0


def wished(plan: Plan) -> Wished:
    """The days a plan has now."""
    return Wished(plan.announce, plan.start, plan.reminders, plan.closing)


def steps_of(days: Wished) -> dict[str, date]:
    """The days by step, in their order."""
    reminders = {f"reminder_{number}": day for number, day in enumerate(days.reminders, 1)}
    return {"announce": days.announce, "start": days.start, **reminders, "closing": days.closing}


def movable(plan: Plan, today: date) -> list[str]:
    """The steps that have not begun: only their days can still be changed."""
    return [name for name, day in steps_of(wished(plan)).items() if day > today]


def moved(
    plan: Plan, days: Wished, today: date, policy: Policy, calendar: WorkCalendar
) -> Plan | list[DateProblem]:
    """The plan with these days, each moved on to a working day, or everything that is wrong with them.

    What is written to one person stays ``letter_gap_days`` apart, as in ``plans.plan``; days that stay as they are
    are not judged anew by themselves.
    """
    old, new = steps_of(wished(plan)), steps_of(days)
    if old.keys() != new.keys():
        raise ValueError("another number of reminders")
    free = set(movable(plan, today))
    new = {name: calendar.shift(day) if day != old[name] else day for name, day in new.items()}
    found = list(_problems(plan, old, new, free, today, policy, calendar))
    if found:
        return found
    mailing = _mailing(plan, new["start"], policy, calendar)
    reminders = tuple(new[f"reminder_{number}"] for number in range(1, len(plan.reminders) + 1))
    return replace(
        plan,
        owner_reminders=_owner_reminders(plan, new, calendar),
        announce=new["announce"], start=new["start"], mailing=mailing,
        calling=new["start"] if plan.calling else None,
        reminders=reminders, closing=new["closing"],
        frozen_on=new["closing"] + (plan.frozen_on - plan.closing),
    )  # fmt: skip


def _problems(
    plan: Plan,
    old: dict[str, date],
    new: dict[str, date],
    free: set[str],
    today: date,
    policy: Policy,
    calendar: WorkCalendar,
) -> Iterator[DateProblem]:
    before = ""
    for name, day in new.items():
        if day != old[name] and name not in free:
            yield DateProblem(name, "begun")
        elif day != old[name] and day <= today:
            yield DateProblem(name, "not_ahead")
        elif day > today + FARTHEST:
            yield DateProblem(name, "too_far")
        elif name == "start" and day.year != plan.start.year:
            yield DateProblem(name, "other_year")
        elif before and (day != old[name] or new[before] != old[before]):
            least = 1 if name == "closing" else policy.letter_gap_days
            earlier = _mailing(plan, new["start"], policy, calendar) if before == "start" else new[before]
            if (day - earlier).days < least:
                yield DateProblem(name, "too_close", least)
        before = name


def _mailing(plan: Plan, start: date, policy: Policy, calendar: WorkCalendar) -> date:
    """The day of the question: D itself, or after the calls."""
    if start == plan.start:
        return plan.mailing
    return calendar.shift(start + timedelta(days=policy.calling_days)) if plan.calling else start


def _owner_reminders(plan: Plan, new: dict[str, date], calendar: WorkCalendar) -> tuple[date, ...]:
    """The owner is reminded before D as it is now; those that were due already stay what they were."""
    if new["start"] == plan.start:
        return plan.owner_reminders
    days = (calendar.shift(new["start"] - timedelta(days=before)) for before in OWNER_REMINDER_DAYS)
    return tuple(day for day in days if day < new["announce"])


def earliest_start(today: date, policy: Policy) -> date:
    """The first D a wave can be planned for by hand: its announcement still leaves on a day of its own."""
    return today + timedelta(days=policy.announce_days + 1)


def start_problem(start: date | None, today: date, policy: Policy) -> str:
    """Why a wave cannot be planned for a day: ``no_day``, ``too_soon``, ``too_far``; empty if it can."""
    if start is None:
        return "no_day"
    if start < earliest_start(today, policy):
        return "too_soon"
    return "too_far" if start > today + FARTHEST else ""

"""The next survey's days under settings nobody has saved yet (product.md W1, W2, P7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from integration.nps.plans import Plan, plan, wave_start
from integration.nps.policy import Policy
from integration.nps.workdays import WorkCalendar, local_day, zone_named
from integration.services.calendars import Source
from integration.services.deps import Deps
from integration.services.letter_drafts import calendar_for
from integration.store import choices as rows
from integration.store import portals as portal_rows
from integration.store.base import reading


@dataclass(frozen=True, slots=True)
class Step:
    """One day of the survey. `wished`: the day by the settings alone; other than `day` where that is a day off."""

    name: str
    day: date
    wished: date

    @property
    def moved(self) -> int:
        """By how many days it was moved."""
        return (self.day - self.wished).days


@dataclass(frozen=True, slots=True)
class Preview:
    """The next survey under these settings: `plan` with its steps in order, `calendar` for a picture of the months.

    `source`: where days off come from; `taken`: the survey of that year is planned already, under its own rules;
    `today`: the agency's day it was made on.
    """

    plan: Plan
    steps: tuple[Step, ...]
    calendar: WorkCalendar
    source: Source
    taken: str
    today: date


def preview(deps: Deps, portal_id: int, policy: Policy) -> Preview | None:
    """The days of the next survey that these settings would plan; nothing if surveys are not planned by themselves.

    Raises `LookupError` for an unknown portal, `UnknownZone`, `NoWorkingDay`.
    """
    now = deps.clock.now()
    today = local_day(now, zone_named(policy.time_zone))
    start = _next_start(policy, today)
    with reading(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        waves = rows.unfinished_waves(session, portal_id)
    if portal is None:
        raise LookupError("no such portal")
    if start is None:
        return None
    found = calendar_for(portal, policy, now)
    made = plan(start, policy, found.letters)
    taken = next((wave.name for wave in waves if _year(wave.plan) == start.year), "")
    return Preview(made, _steps(made, start, policy), found.letters, found.source, taken, today)


@dataclass(frozen=True, slots=True)
class NextList:
    """The list of the next survey. `day`: the future day it is made on, nothing if there is none; `due`: that day
    has come or passed and no list is made yet."""

    day: date | None
    due: bool


def next_list(deps: Deps, portal_id: int, policy: Policy) -> NextList:
    """When the list of the next survey is made, by these settings (product.md W1, P7). Raises like `preview`."""
    found = preview(deps, portal_id, policy)
    if found is None:
        return NextList(None, False)
    if found.plan.drafted > found.today:
        return NextList(found.plan.drafted, False)
    return NextList(None, not found.taken)


def _next_start(policy: Policy, today: date) -> date | None:
    """D of the next survey that can still be announced in time."""
    for year in (today.year, today.year + 1):
        start = wave_start(year, policy)
        if start is not None and today + timedelta(days=policy.announce_days) <= start:
            return start
    return None


def _year(stored: dict[str, object]) -> int:
    text = str(stored.get("start", ""))
    return int(text[:4]) if text[:4].isdigit() else 0


def _steps(made: Plan, start: date, policy: Policy) -> tuple[Step, ...]:
    """Each day of the plan beside the day that was wished for; a day that was moved moves those that follow it."""
    steps = [
        Step("drafted", made.drafted, made.start - timedelta(days=policy.plan_days_before)),
        Step("announced", made.announce, made.start - timedelta(days=policy.announce_days)),
    ]
    if made.calling:
        steps.append(Step("calling", made.calling, start))
        steps.append(Step("mailing", made.mailing, made.start + timedelta(days=policy.calling_days)))
    else:
        steps.append(Step("mailing", made.mailing, start))
    last = made.mailing
    for days, day in zip(policy.reminder_days, made.reminders, strict=True):
        steps.append(Step("reminder", day, made.mailing + timedelta(days=days)))
        last = day
    steps.append(Step("closing", made.closing, last + timedelta(days=policy.closing_days)))
    steps.append(Step("frozen", made.frozen_on, made.frozen_on))
    return tuple(steps)

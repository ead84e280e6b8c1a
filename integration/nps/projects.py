"""Surveys after a project: whether the client of a deal may be asked now, and the days of the question (W16).

A survey after a project is patient: it never stands in the way of the yearly wave, and asks one person at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from .eligibility import Respondent, choose_respondents, hold_of
from .intents import LetterKind
from .people import ClientFacts
from .plans import Plan
from .policy import Policy
from .workdays import DAY, WorkCalendar, add_months

Source = Literal["stage", "robot", "hand"]
SkipReason = Literal[
    "off", "deal_gone", "template", "deal_lost", "moved_back", "too_late", "no_client", "in_wave",
    "asked_recently", "opted_out", "on_hold", "no_respondent", "no_channel", "no_sender", "cancelled",
]  # fmt: skip
KIND = "project"  # of the rows that hold these surveys
MANY = "many"  # too many at once: a person decides
NO_SENDER = "no_sender"  # waits until somebody can sign
CROWD = 20  # runs that stages and robots may start within an hour before a person is asked
CROWD_WITHIN = timedelta(hours=1)
PATIENCE = timedelta(
    days=14
)  # a question that could not be asked for so long is about something else by then
LETTERS: Mapping[LetterKind, LetterKind] = {
    "invitation": "project_invitation",
    "reminder": "project_reminder",
    "last_reminder": "project_reminder",
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a client is to be asked, and the deal as it stands. ``due_at``: the moment it was to be asked, UTC.

    ``came_from``: the stage the deal came from when it entered the one that started this; ``client``: None where
    the deal has none, or one that is no client of the agency; ``in_wave``: somebody of the client, or the person,
    is still to answer in a yearly wave under way.
    """

    source: Source
    due_at: datetime
    there: bool = True
    recurring: bool = False
    semantics: str = "P"
    stage_id: str = ""
    came_from: str | None = None
    client: ClientFacts | None = None
    in_wave: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this person."""

    respondent: Respondent


@dataclass(frozen=True, slots=True)
class Skip:
    """Do not ask, for this one reason."""

    reason: SkipReason


def rules(policy: Policy) -> Policy:
    """The settings by which a survey after a project runs: its own gap, reminder and end, one person, no calls."""
    return replace(
        policy,
        calling=False,
        reminder_days=(policy.project_reminder_days,),
        closing_days=policy.project_closing_days,
        min_gap_days=policy.project_gap_days,
        max_respondents=1,
    )


def own_plan(today: date, policy: Policy, calendar: WorkCalendar) -> Plan:
    """The days of one survey asked for on ``today`` (the portal's day): the letter, one reminder, the end."""
    start = calendar.shift(today)
    after = max(policy.project_reminder_days, policy.letter_gap_days)
    reminder = calendar.shift(start + timedelta(days=after))
    closing = calendar.shift(reminder + timedelta(days=policy.project_closing_days))
    return Plan(
        zone=policy.time_zone,
        drafted=start,
        owner_reminders=(),
        announce=start,
        start=start,
        calling=None,
        mailing=start,
        reminders=(reminder,),
        closing=closing,
        frozen_on=closing + timedelta(days=policy.edit_days),
    )


def month_plan(day: date, policy: Policy, calendar: WorkCalendar) -> Plan:
    """The days of all surveys of the month of ``day``: from its first day until whoever is asked last had the time."""
    first = day.replace(day=1)
    last = own_plan(add_months(first, 1) - DAY, policy, calendar)
    return replace(last, drafted=first, announce=first, start=first, mailing=first)


def month_names(day: date) -> list[str]:
    """Names of the surveys of a month, the usual first; a client that stands there already goes into the next."""
    name = f"project {day:%Y-%m}"
    return [name, *(f"{name}/{number}" for number in range(2, 32))]


def month_of(name: str) -> date | None:
    """The first day of the month of a survey's name, None for what is none of these."""
    kind, _, month = name.partition(" ")
    if kind != "project":
        return None
    try:
        return date.fromisoformat(f"{month.partition('/')[0]}-01")
    except ValueError:
        return None


def decide(occasion: Occasion, policy: Policy, today: date, now: datetime) -> Ask | Skip:
    """Whether somebody is asked now, and who; else the first reason that holds.

    ``policy``: of the portal, as it stands; ``today``: the portal's day; ``now``: UTC. The people of the client carry
    when they were asked about a project last; their gap to other letters is the machine's business.
    """
    if found := _about_the_deal(occasion, policy, now):
        return Skip(found)
    client = occasion.client
    if client is None:
        return Skip("no_client")
    if occasion.in_wave:
        return Skip("in_wave")
    own = rules(policy)
    asked = choose_respondents(client, own, today)
    if client.last_asked_on and today < client.last_asked_on + timedelta(days=own.min_gap_days):
        return Skip("asked_recently")
    if client.opted_out:
        return Skip("opted_out")
    if hold_of(client, own, today) is not None:
        return Skip("on_hold")
    if not asked.chosen:
        return Skip(_PEOPLE.get(str(asked.reason), "no_respondent"))
    return Ask(asked.chosen[0])


_PEOPLE: Mapping[str, SkipReason] = {
    "asked_recently": "asked_recently",
    "opted_out": "opted_out",
    "on_hold": "on_hold",
    "no_respondent": "no_respondent",
    "no_channel": "no_channel",
}


def _about_the_deal(occasion: Occasion, policy: Policy, now: datetime) -> SkipReason | None:
    if not policy.project_surveys:
        return "off"
    if not occasion.there:
        return "deal_gone"
    if occasion.recurring:
        return "template"
    if occasion.semantics == "F":
        return "deal_lost"
    if occasion.source != "stage":
        return None
    if occasion.came_from is not None and occasion.came_from == occasion.stage_id:
        return "moved_back"
    return "too_late" if now > occasion.due_at + PATIENCE else None

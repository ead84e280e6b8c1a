"""How far a recommendation has come: named, introduced, in talks, won, paid, one year (product.md R5).

Values in, values out. A step that was reached stays, whatever becomes of the sale: it says what happened. What was
lost is said beside it. Days are the portal's calendar days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from .people import ClientFacts, Semantics
from .policy import THANKABLE, Policy
from .relation import current_through
from .workdays import add_months

Step = Literal["named", "introduced", "in_talks", "won", "paid", "year"]
STEPS: tuple[Step, ...] = get_args(Step)
MILESTONES: tuple[Step, ...] = tuple(step for step in STEPS if step in THANKABLE)
YEAR = 12  # months
RECENT = timedelta(
    days=30
)  # what happened earlier is the past when it becomes known: nobody is sent after it


@dataclass(frozen=True, slots=True)
class Entered:
    """A row of a deal's stage history: the stage it came to, and when."""

    stage: str
    semantics: Semantics
    day: date


@dataclass(frozen=True, slots=True)
class Sale:
    """One deal of a newcomer. ``entered``: its stage history, oldest first; ``won``: the day it was first won;
    ``first``: whether the newcomer came with it; the others are later sales to the same client."""

    id: int
    created: date | None
    stage: str
    semantics: Semantics
    won: date | None = None
    entered: tuple[Entered, ...] = ()
    first: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one newcomer. ``lead_seen``: a day on which a lead of theirs was there already, ``lead_open``:
    whether one is not lost; ``client``: their deals for "still a client" (E2), None while there is no client."""

    sales: tuple[Sale, ...] = ()
    lead_seen: date | None = None
    lead_open: bool = False
    client: ClientFacts | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """How far it has come: ``steps`` with their days, ``fresh`` the new ones in order, ``sale`` the deal it goes by.

    ``lost``: nothing was won, and every deal is lost or gone.
    """

    steps: Mapping[Step, date]
    fresh: tuple[Step, ...]
    sale: int | None
    lost: bool

    @property
    def step(self) -> Step:
        """The highest step; "named" if there is none."""
        return max(self.steps, key=rank, default="named")


def rank(step: str) -> int:
    """The place of a step on the ladder, 0 for the first; -1 for no step."""
    return STEPS.index(step) if step in STEPS else -1


def reached(facts: Facts, policy: Policy, today: date) -> dict[Step, date]:
    """The steps these facts show, each with its first day; a step that was passed over has the day of the next one.

    Without stages chosen: introduced when the first card of the newcomer is there, in talks when a deal has left its
    first stage, paid when it is won (product.md R5).
    """
    found: dict[Step, date] = {}
    for sale in facts.sales:
        if sale.first:
            _put(found, "introduced", _introduced(sale, policy))
            _put(found, "in_talks", _in_talks(sale, policy))
        _put(found, "won", sale.won)
        _put(found, "paid", _entered(sale, policy.paid_stages) if policy.paid_stages else sale.won)
    if not policy.introduced_stages:
        _put(found, "introduced", facts.lead_seen)
    _put(found, "year", _year(facts.client, found.get("won"), policy, today))
    return _filled(found)


def advance(known: Mapping[Step, date], facts: Facts, policy: Policy, today: date) -> Stand:
    """The ladder after these facts. What was reached stays reached, with its day."""
    found = reached(facts, policy, today)
    steps: dict[Step, date] = {}
    above: date | None = None
    for step in reversed(STEPS):
        when = known.get(step) or found.get(step) or (above if step in MILESTONES else None)
        if when is not None:
            steps[step] = above = when
    steps = {step: steps[step] for step in STEPS if step in steps}
    fresh = tuple(step for step in STEPS if step in steps and step not in known)
    return Stand(steps, fresh, _goes_by(facts.sales), _lost(facts, steps))


def thanks_due(steps: Mapping[Step, date], wanted: Sequence[str]) -> Step | None:
    """The highest step reached for which the referrer is to be thanked: several at once are one occasion."""
    return next((step for step in reversed(MILESTONES) if step in wanted and step in steps), None)


def is_past(day: date, today: date) -> bool:
    """Whether a step is old news: told to nobody, and no task is made of it."""
    return day < today - RECENT


def _put(found: dict[Step, date], step: Step, day: date | None) -> None:
    if day is not None:
        found[step] = min(day, found.get(step, day))


def _introduced(sale: Sale, policy: Policy) -> date | None:
    if policy.introduced_stages:
        return _entered(sale, policy.introduced_stages)
    return sale.created or min((one.day for one in sale.entered), default=None)


def _in_talks(sale: Sale, policy: Policy) -> date | None:
    """The day a deal came to a chosen stage; without one, to any other than its first that is not a loss."""
    if policy.talks_stages:
        return _entered(sale, policy.talks_stages)
    first = sale.entered[0].stage if sale.entered else ""
    moves = [one.day for one in sale.entered if one.stage != first and one.semantics != "F"]
    return min(moves, default=sale.won)


def _entered(sale: Sale, stages: Sequence[str]) -> date | None:
    return min((one.day for one in sale.entered if one.stage in stages), default=None)


def _year(client: ClientFacts | None, won: date | None, policy: Policy, today: date) -> date | None:
    """A year after winning, if they were a client then; else the day on which they are seen to be one again."""
    if client is None or won is None:
        return None
    whole = add_months(won, YEAR)
    if whole > today:
        return None
    if current_through(client, policy, whole) is not None:
        return whole
    return today if current_through(client, policy, today) is not None else None


def _filled(found: Mapping[Step, date]) -> dict[Step, date]:
    """Every step up to the highest one, none later than the next: nobody is won without having been introduced."""
    steps: dict[Step, date] = {}
    above: date | None = None
    for step in reversed(MILESTONES):
        when = found.get(step, above)
        if when is not None:
            steps[step] = above = min(when, above or when)
    return {step: steps[step] for step in MILESTONES if step in steps}


def _goes_by(sales: Sequence[Sale]) -> int | None:
    """The deal a recommendation is followed by: the first one won, else the youngest open one, else the youngest."""
    mine = [sale for sale in sales if sale.first]
    won = [(sale.won, sale.id) for sale in mine if sale.won is not None]
    if won:
        return min(won)[1]
    running = [sale.id for sale in mine if sale.semantics == "P"]
    return max(running or [sale.id for sale in mine], default=None)


def _lost(facts: Facts, steps: Mapping[Step, date]) -> bool:
    if "won" in steps:
        return False
    if facts.sales:
        return all(sale.semantics == "F" for sale in facts.sales)
    return not facts.lead_open and "introduced" in steps

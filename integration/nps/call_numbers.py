"""What calls brought: yield of each attempt, when people are reached, who spoke to us and never answered (N6).

Counts only; nobody is ranked. A call counts by its local hour and weekday where the person is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import TypeVar, get_args

from .attempts import SPOKEN, Yield, yields
from .call_slots import AFTERNOON, MIDDAY, PartName
from .errors import UnknownZone
from .workdays import zone_named

DECLINED = frozenset({"refused", "never"})
FINAL = frozenset({"answered", "refused", "opted_out", "postponed", "excluded"})
Key = TypeVar("Key", bound=Hashable)

PARTS: tuple[PartName, ...] = get_args(PartName)


@dataclass(frozen=True, slots=True)
class Made:
    """One call that was made, UTC; `zone` of the person, `ended` the outcome of the person's invitation so far."""

    person: int
    at: datetime
    outcome: str
    zone: str
    caller: str = ""
    name: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls made, people or calls `reached` among them (somebody spoke to us), and answers."""

    tried: int = 0
    reached: int = 0
    answered: int = 0

    def with_call(self, outcome: str) -> Tally:
        """The same with one call more."""
        return Tally(
            self.tried + 1, self.reached + (outcome in SPOKEN), self.answered + (outcome == "answered")
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """What one caller has done; `key` as in the attempt (user:5, link:3)."""

    key: str
    name: str
    done: Tally


@dataclass(frozen=True, slots=True)
class CallNumbers:
    """What the calls of a wave brought.

    `steps`: the first, second, third … attempt; `outcomes`: calls by how they ended; `people`: persons called, reached,
    answered by phone; `declined`: persons who declined there; `silent`: persons reached by phone who have neither
    answered nor declined, by the outcome of their invitation: they were contacted, whatever became of the letters
    (AAPOR 2023, 2.3 "other").
    """

    calls: int = 0
    people: Tally = Tally()
    declined: int = 0
    steps: tuple[Yield, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[PartName, Tally] = field(default_factory=dict)
    weekdays: Mapping[int, Tally] = field(default_factory=dict)
    callers: tuple[Caller, ...] = ()
    silent: Mapping[str, int] = field(default_factory=dict)


def numbers(calls: Iterable[Made]) -> CallNumbers:
    """Of calls ordered by person, then by time. Callers come by name, never by success."""
    made = list(calls)
    people, declined, silent = Tally(), 0, dict[str, int]()
    for _, of_person in groupby(made, key=lambda one: one.person):
        theirs = list(of_person)
        said, ended = Counter(one.outcome for one in theirs), theirs[-1].ended
        spoke = bool(said.keys() & SPOKEN)
        people = Tally(people.tried + 1, people.reached + spoke, people.answered + ("answered" in said))
        declined += bool(said.keys() & DECLINED) or (ended == "refused" and said["not_now"] > 1)
        if spoke and ended and ended not in FINAL:
            silent[ended] = silent.get(ended, 0) + 1
    names = {one.caller: one.name for one in made if one.name}
    callers = (
        Caller(key, names.get(key, ""), done) for key, done in _by(made, lambda one: one.caller).items()
    )
    return CallNumbers(
        calls=len(made), people=people, declined=declined, silent=silent,
        steps=tuple(yields((one.person, place, one.outcome) for place, one in enumerate(made))),
        outcomes=Counter(one.outcome for one in made), parts=_by(made, lambda one: part_of(_local(one).hour)),
        weekdays=_by(made, lambda one: _local(one).isoweekday()),
        callers=tuple(sorted(callers, key=lambda one: (one.name.casefold(), one.key))),
    )  # fmt: skip


def _by(made: Iterable[Made], key: Callable[[Made], Key]) -> dict[Key, Tally]:
    found: dict[Key, Tally] = {}
    for one in made:
        found[key(one)] = found.get(key(one), Tally()).with_call(one.outcome)
    return found


def _local(one: Made) -> datetime:
    """The moment of a call where the person is."""
    return one.at.astimezone(_zone(one.zone))


def _zone(name: str) -> tzinfo:
    """The person's zone; UTC where its name is none."""
    try:
        return zone_named(name)
    except UnknownZone:
        return UTC


def part_of(hour: int) -> PartName:
    """The part of the day a local hour (0 to 23) belongs to."""
    if hour < MIDDAY:
        return "morning"
    return "midday" if hour < AFTERNOON else "afternoon"

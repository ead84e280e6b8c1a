"""One call to a respondent as the rules see it, and what each further attempt brought (product.md W7, N6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from .workdays import utc

CallOutcome = Literal[
    "answered",
    "refused",
    "not_now",
    "call_back",
    "no_answer",
    "busy",
    "wrong_number",
    "out_of_service",
    "asks_email",
    "never",
]
CallsOver = Literal["", "used_up", "asks_email", "wrong_number", "out_of_service", "no_phone"]

CALL_OUTCOMES: tuple[CallOutcome, ...] = get_args(CallOutcome)
# Outcomes of a call on which the person themselves spoke; at a wrong number it was somebody else.
SPOKEN: frozenset[CallOutcome] = frozenset(
    {"answered", "refused", "not_now", "call_back", "asks_email", "never"}
)
# Outcomes after which the same person is called again by itself, each after its own wait (``Policy.call_waits``).
WAITS: tuple[CallOutcome, ...] = ("no_answer", "busy", "not_now", "out_of_service")


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt that was not taken back. ``at``: its end, aware UTC; ``phone``: the number that was dialled.

    ``number`` is that of the row: taken back attempts leave gaps.
    """

    number: int
    outcome: CallOutcome
    at: datetime
    call_back_at: datetime | None = None
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Yield:
    """What the attempt of this number brought: so many people were ``tried`` once more, ``reached`` of them spoke,
    ``answered`` gave a score (product.md N6: "after the sixth attempt 2 of 31")."""

    number: int
    tried: int
    reached: int
    answered: int


def listed(calls: Sequence[Call]) -> list[str]:
    """The attempts for the detail of an outcome: "1 2026-10-05T09:12+00:00 no_answer", in order (product.md W14)."""
    return [f"{call.number} {utc(call.at).isoformat(timespec='minutes')} {call.outcome}" for call in calls]


def yields(rows: Iterable[tuple[int, int, str]]) -> list[Yield]:
    """The yield of each attempt, from 1 without a gap. ``rows``: respondent, number of the attempt, outcome; attempts
    that were taken back are left out by the caller, and then count as nobody's."""
    people: dict[int, list[tuple[int, str]]] = {}
    for person, number, outcome in rows:
        people.setdefault(person, []).append((number, outcome))
    last = max(map(len, people.values()), default=0)
    tried, reached, answered = [0] * last, [0] * last, [0] * last
    for made in people.values():
        for place, (_, outcome) in enumerate(sorted(made)):
            tried[place] += 1
            reached[place] += outcome in SPOKEN
            answered[place] += outcome == "answered"
    return [Yield(n + 1, tried[n], reached[n], answered[n]) for n in range(last)]

"""What the agency's clients say when somebody calls them; hangs on the seed and the number alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

import phonenumbers

from integration.bitrix.sandbox.story_names import words_for

from .days import ZONE, Office
from .eligible import Verdict
from .people import SCORES, Person

Manner = Literal[
    "silent", "talks", "busy", "later", "second", "refuses", "mail", "not_now", "wrong", "never", "no_service"
]
#: One round of manners, taken by people who otherwise would answer the first letter or none.
MANNERS: tuple[Manner, ...] = (
    "talks", "busy", "later", "refuses", "mail", "talks", "not_now", "silent", "never", "second", "wrong", "no_service",
)  # fmt: skip
CAN_TALK = ("prompt", "silent")
LATER = timedelta(minutes=130)
LAST_HOUR = 17


@dataclass(frozen=True)
class Reply:
    """What comes of one call. ``back``: when the person asks to be called, UTC."""

    outcome: str
    back: datetime | None = None


@dataclass
class Line:
    """A telephone with a person at its end. ``key``: by which the person is known; ``rung``: calls so far."""

    key: str
    number: str
    manner: Manner
    score: int
    comment: str
    mailed: bool
    rung: int = 0

    def says(self, now: datetime, office: Office) -> Reply:
        """The person's next reply; ``now``: aware."""
        self.rung += 1
        first = self.rung == 1
        match self.manner:
            case "talks":
                return Reply("answered")
            case "busy":
                return Reply("busy" if first else "answered")
            case "second":
                return Reply("no_answer" if first else "answered")
            case "later":
                return Reply("call_back", _later(now, office)) if first else Reply("answered")
            case "refuses":
                return Reply("refused")
            case "mail":
                return Reply("asks_email" if self.mailed else "refused")
            case "not_now" | "never":
                return Reply(self.manner)
            case "wrong":
                return Reply("wrong_number")
            case "no_service":
                return Reply("out_of_service")
        return Reply("no_answer")


def _later(now: datetime, office: Office) -> datetime:
    """In two hours and ten minutes, to the minute; late in the day: next morning."""
    there = (now + LATER).astimezone(ZONE).replace(second=0, microsecond=0)
    if there.hour < LAST_HOUR and office.allowed(there) == there:
        return there
    return office.opening(now.astimezone(ZONE).date() + timedelta(days=1)) + timedelta(minutes=17)


def lines(seed: int, verdicts: Iterable[Verdict], town: dict[str, Person]) -> dict[str, Line]:
    """Everybody on the list who has a telephone, by the number as it is dialled."""
    asked = sorted(
        (one for verdict in verdicts for one in verdict.asked if one.phone), key=lambda one: one.key
    )
    Random(f"{seed}:phones").shuffle(asked)
    found: dict[str, Line] = {}
    talking = 0
    for one in asked:
        person = town.get(one.address)
        rng = Random(f"{seed}:{one.key}")
        manner: Manner = "silent"
        if person is None or person.habit in CAN_TALK:
            manner = MANNERS[talking % len(MANNERS)]
            talking += 1
        score = rng.choice(SCORES)
        words = words_for(rng, person.language if person else "ru", score)
        found[dialled(one.phone)] = Line(one.key, one.phone, manner, score, words, bool(one.address))
    return found


def dialled(digits: str) -> str:
    """A number as telephones take it, with plus and country."""
    return phonenumbers.format_number(phonenumbers.parse(f"+{digits}"), phonenumbers.PhoneNumberFormat.E164)

"""What the answer page and the unsubscribe page are told; plain values, no texts (product.md S)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from integration.nps.people import Group
from integration.nps.questions import Question

PageStatus = Literal["open", "answered", "expired", "revoked", "opted_out", "unknown"]
AnswerStatus = Literal["counted", "needs_confirmation", "problem", "closed"]
HeldReason = Literal["", "no_script", "replay", "too_fast", "scanner"]
OptOutStatus = Literal["done", "needs_confirmation", "unknown"]
SnoozeStatus = Literal["done", "needs_confirmation", "closed"]


@dataclass(frozen=True, slots=True)
class Extra:
    """The extra questions of a page of thanks: what is asked, what was said by key, and in which language
    there is always a text (product.md W13)."""

    asked: tuple[Question, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    main: str = ""


@dataclass(frozen=True, slots=True)
class SurveyPage:
    """The answer page of one invitation. Reading it changes nothing (product.md S1).

    `status` `answered`: a counted answer exists; it may be changed while `can_edit` (until `edit_until`, UTC).
    `score` and `comment` are those of the counted answer, never of a held one. `nonce` is signed and names
    the invitation and the moment the page was served; empty where nothing can be answered any more.
    `service` and `people` are what is judged (product.md W20). `direct`: token of the client's direct line, empty if
    there is none; `colleagues`: whether somebody else may be proposed (W12). `extra`: the
    extra questions, once a counted answer stands and while it may be changed (W13).
    """

    status: PageStatus
    language: str = ""
    agency: str = ""
    service: str = ""
    people: tuple[str, ...] = ()
    first_name: str = ""
    wave: str = ""
    score: int | None = None
    group: Group | None = None
    comment: str = ""
    nonce: str = ""
    can_edit: bool = False
    edit_until: datetime | None = None
    direct: str = ""
    colleagues: bool = False
    extra: Extra = Extra()


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """What became of a posted answer.

    `counted`: it stands (also when the same answer was posted twice). `needs_confirmation`: it was kept as
    held, for `held_reason`; show the question again with nothing chosen and send `confirm` as the one-time
    value together with the score chosen there. `problem`: `problems` are codes by field, nothing was
    stored. `closed`: the page cannot be answered (any more); `page` says why.
    """

    status: AnswerStatus
    page: SurveyPage
    held_reason: HeldReason = ""
    confirm: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    comment: str = ""


class ChangedMeanwhile(Exception):
    """Somebody else changed the answer after it was looked at."""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of an answer that staff wanted to record. `closed`: it cannot be recorded (any more)."""

    status: Literal["counted", "problem", "closed"]
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """The unsubscribe page; it works for ever, also when the answer page does not (product.md S6)."""

    status: Literal["open", "done", "unknown"]
    language: str = ""
    agency: str = ""
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """What became of "never again". `needs_confirmation`: ask once more, with `confirm` as one-time value."""

    status: OptOutStatus
    language: str = ""
    agency: str = ""
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class SnoozeResult:
    """What became of "not a good moment"; `until` is when the client is asked again, UTC, `day` that day where the
    client is: None if the survey has ended by then, and no letter follows."""

    status: SnoozeStatus
    until: datetime | None = None
    confirm: str = ""
    day: date | None = None

"""Holds set by people: until when a client may be kept out, and whose word explains the card (product.md E5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

DEFAULT_DAYS = 30
LONGEST_DAYS = 366  # a year and a day: a hold postpones a question, who wants none for good opts out
LONGEST_REASON = 500

HoldProblem = Literal["missing", "past", "too_far", "no_reason", "reason_too_long"]


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold by hand. ``until``: the first day on which the client may be asked again, the portal's day."""

    id: int
    until: date
    reason: str
    who: str
    set_at: datetime
    lifted_at: datetime | None = None
    lifted_by: str = ""


@dataclass(frozen=True, slots=True)
class HoldNow:
    """The hold that counts today. ``by`` None: the date stands on the card, and nobody said why to us."""

    until: date
    by: HoldRow | None


def proposed(today: date) -> date:
    """The day offered when somebody holds a client: thirty days from ``today``, the portal's day."""
    return today + timedelta(days=DEFAULT_DAYS)


def problem_of(until: date | None, reason: str, today: date) -> HoldProblem | None:
    """What is wrong with a hold as it was entered; None if it can be set."""
    if until is None:
        return "missing"
    if until <= today:
        return "past"
    if until > today + timedelta(days=LONGEST_DAYS):
        return "too_far"
    if not reason.strip():
        return "no_reason"
    return "reason_too_long" if len(reason.strip()) > LONGEST_REASON else None


def hold_now(on_card: date | None, rows: Sequence[HoldRow], today: date) -> HoldNow | None:
    """The hold of a client today. The date on the card counts; a row explains it if it names the same day.

    People may change the date in the portal: then the card goes before what was said to us.
    """
    if on_card is None or on_card <= today:
        return None
    standing = [row for row in rows if row.lifted_at is None and row.until == on_card]
    return HoldNow(on_card, max(standing, key=lambda row: (row.set_at, row.id), default=None))


def same_again(last: HoldRow | None, on_card: date | None, until: date, reason: str, who: str) -> bool:
    """Whether a hold was set just so already: a double click, a page sent twice."""
    return (
        last is not None
        and last.lifted_at is None
        and (last.until, last.reason, last.who) == (until, reason.strip(), who)
        and on_card == until
    )

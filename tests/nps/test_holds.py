"""Holds by hand: until when, why, and whose word explains the date on the card (product.md E5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.holds import (
    DEFAULT_DAYS,
    LONGEST_DAYS,
    LONGEST_REASON,
    HoldNow,
    HoldRow,
    hold_now,
    problem_of,
    proposed,
    same_again,
)

TODAY = date(2026, 1, 12)
AT = datetime(2026, 1, 10, 9, tzinfo=UTC)


def row(number: int = 1, until: date = date(2026, 2, 1), **more: object) -> HoldRow:
    values: dict[str, object] = {"reason": "a new site", "who": "Ada (1)", "set_at": AT} | more
    return HoldRow(number, until, **values)  # type: ignore[arg-type]


def test_thirty_days_are_proposed() -> None:
    assert proposed(TODAY) == date(2026, 2, 11)
    assert DEFAULT_DAYS == 30


@pytest.mark.parametrize(
    ("until", "reason", "problem"),
    [
        (None, "why", "missing"),
        (TODAY - timedelta(days=1), "why", "past"),
        (TODAY, "why", "past"),
        (TODAY + timedelta(days=1), "why", None),
        (TODAY + timedelta(days=LONGEST_DAYS), "why", None),
        (TODAY + timedelta(days=LONGEST_DAYS + 1), "why", "too_far"),
        (TODAY + timedelta(days=5), "  \n ", "no_reason"),
        (TODAY + timedelta(days=5), "x" * LONGEST_REASON, None),
        (TODAY + timedelta(days=5), "x" * (LONGEST_REASON + 1), "reason_too_long"),
        (None, "", "missing"),
    ],
)
def test_what_is_wrong_with_a_hold_is_named_and_the_day_goes_first(
    until: date | None, reason: str, problem: str | None
) -> None:
    assert problem_of(until, reason, TODAY) == problem


@given(st.dates(), st.text(max_size=600), st.dates())
def test_a_hold_that_is_accepted_begins_tomorrow_and_ends_within_a_year(
    until: date, reason: str, today: date
) -> None:
    try:
        problem = problem_of(until, reason, today)
    except OverflowError:  # the last year of the calendar
        return
    if problem is None:
        assert 1 <= (until - today).days <= LONGEST_DAYS
        assert 0 < len(reason.strip()) <= LONGEST_REASON


LIFTED = row(2, lifted_at=AT, lifted_by="Bob")
NOW_CASES = [
    (None, [row()], None),
    (TODAY, [row(until=TODAY)], None),  # from this day on the client may be asked
    (date(2026, 2, 1), [], HoldNow(date(2026, 2, 1), None)),
    (date(2026, 2, 1), [row()], HoldNow(date(2026, 2, 1), row())),
    (date(2026, 3, 1), [row()], HoldNow(date(2026, 3, 1), None)),  # changed in the portal afterwards
    (date(2026, 2, 1), [LIFTED], HoldNow(date(2026, 2, 1), None)),
    (
        date(2026, 2, 1),
        [row(1), row(3, reason="again", set_at=AT + timedelta(days=1))],
        HoldNow(date(2026, 2, 1), row(3, reason="again", set_at=AT + timedelta(days=1))),
    ),
]


@pytest.mark.parametrize(("on_card", "rows", "found"), NOW_CASES)
def test_the_date_on_the_card_counts_and_a_row_explains_it(
    on_card: date | None, rows: list[HoldRow], found: HoldNow | None
) -> None:
    assert hold_now(on_card, rows, TODAY) == found


@pytest.mark.parametrize(
    ("last", "on_card", "reason", "who", "same"),
    [
        (None, None, "a new site", "Ada (1)", False),
        (row(), date(2026, 2, 1), " a new site ", "Ada (1)", True),
        (row(), date(2026, 2, 1), "another", "Ada (1)", False),
        (row(), date(2026, 2, 1), "a new site", "Bob (2)", False),
        (row(), None, "a new site", "Ada (1)", False),  # cleared in the portal meanwhile
        (LIFTED, date(2026, 2, 1), "a new site", "Ada (1)", False),
    ],
)
def test_only_the_very_same_hold_is_a_repetition(
    last: HoldRow | None, on_card: date | None, reason: str, who: str, same: bool
) -> None:
    assert same_again(last, on_card, date(2026, 2, 1), reason, who) is same

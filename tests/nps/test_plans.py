"""The dates of a wave (product.md W1, W2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.plans import Plan, calendar_of, plan, postponed, wave_start, wave_to_plan
from integration.nps.policy import Policy
from integration.nps.workdays import WorkCalendar

POLICY = Policy(time_zone="Europe/Moscow")
CALENDAR = calendar_of(POLICY)
NEW_YEAR = calendar_of(POLICY, holidays=frozenset(date(2027, 1, n) for n in range(1, 9)))


def test_an_ordinary_wave() -> None:
    """D on Tuesday, 10 November 2026; every step on a working day."""
    assert plan(date(2026, 11, 10), POLICY, CALENDAR) == Plan(
        zone="Europe/Moscow",
        drafted=date(2026, 9, 29),
        owner_reminders=(date(2026, 10, 13), date(2026, 10, 20)),
        announce=date(2026, 10, 27),
        start=date(2026, 11, 10),
        calling=None,
        mailing=date(2026, 11, 10),
        reminders=(date(2026, 11, 16), date(2026, 11, 19)),
        closing=date(2026, 11, 26),
        frozen_on=date(2026, 12, 10),
    )


def test_a_wave_with_calls_mails_after_them() -> None:
    """Those whom the calls did not reach are written to after ``calling_days`` (W1, W11)."""
    found = plan(date(2026, 11, 10), replace(POLICY, calling=True, calling_days=10), CALENDAR)
    assert (found.calling, found.mailing) == (date(2026, 11, 10), date(2026, 11, 20))
    assert [stage for stage, _ in found.stage_days()] == [
        "announced",
        "calling",
        "mailing",
        "reminders",
        "closing",
    ]


def test_new_year_pushes_steps_apart_not_together() -> None:
    """Reminders due on 3 and 8 January both fall into the holidays; they still lie three days apart."""
    found = plan(date(2026, 12, 30), POLICY, NEW_YEAR)
    assert found.mailing == date(2026, 12, 30)
    assert found.reminders == (date(2027, 1, 11), date(2027, 1, 14))
    assert found.closing == date(2027, 1, 21)


STARTS = st.dates(date(2024, 1, 1), date(2030, 12, 31))
POLICIES = st.builds(
    Policy,
    announce_days=st.integers(3, 30),
    calling=st.booleans(),
    calling_days=st.integers(1, 20),
    reminder_days=st.sampled_from([(), (4,), (4, 9), (3, 6, 9)]),
    closing_days=st.integers(1, 20),
    letter_gap_days=st.integers(1, 3),
    plan_days_before=st.integers(30, 60),
    time_zone=st.sampled_from(["Europe/Kyiv", "UTC", "Asia/Vladivostok"]),
)
OFF = st.frozensets(st.dates(date(2024, 1, 1), date(2031, 3, 1)), max_size=60)


@given(STARTS, POLICIES, OFF)
def test_every_step_is_on_a_working_day_and_letters_keep_their_distance(
    start: date, policy: Policy, holidays: frozenset[date]
) -> None:
    """In order, D never before the chosen day, two letters at least ``letter_gap_days`` apart."""
    calendar = WorkCalendar(holidays=holidays)
    found = plan(start, policy, calendar)
    letters = [found.announce, found.mailing, *found.reminders]
    steps = [found.drafted, found.announce, found.start, found.mailing, *found.reminders, found.closing]
    assert found.start >= start
    assert steps == sorted(steps)
    assert all(calendar.is_workday(day) for day in steps[1:])
    assert all((b - a).days >= policy.letter_gap_days for a, b in pairwise(letters))
    assert all(found.drafted <= day < found.announce for day in found.owner_reminders)
    assert found.frozen_on == found.closing + timedelta(days=policy.edit_days)


@given(STARTS, POLICIES)
def test_a_plan_survives_json(start: date, policy: Policy) -> None:
    """What is stored is what is read."""
    found = plan(start, policy, CALENDAR)
    assert Plan.from_json(found.to_json()) == found


def test_a_pause_moves_what_is_still_to_come() -> None:
    """A wave paused for two weeks after its invitations keeps those and moves reminders and closing."""
    before = plan(date(2026, 11, 10), POLICY, CALENDAR)
    after = postponed(before, date(2026, 11, 12), date(2026, 11, 26), CALENDAR)
    assert (after.announce, after.mailing) == (before.announce, before.mailing)
    assert after.reminders == (date(2026, 11, 30), date(2026, 12, 3))
    assert after.closing == date(2026, 12, 10)
    assert after.frozen_on == date(2026, 12, 24)


@pytest.mark.parametrize(
    ("month", "day", "year", "expected"),
    [
        (10, 1, 2026, "2026-10-01"),
        (2, 29, 2027, "2027-02-28"),
        (2, 29, 2028, "2028-02-29"),
        (0, 1, 2026, None),
    ],
)
def test_the_configured_day_of_a_year(month: int, day: int, year: int, expected: str | None) -> None:
    """29 February falls on the 28th of other years; month 0 plans nothing."""
    found = wave_start(year, Policy(wave_month=month, wave_day=day))
    assert found == (date.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize(
    ("today", "last", "expected"),
    [
        ("2026-08-19", None, None),  # 43 days before
        ("2026-08-20", None, "2026-10-01"),  # 42 days before
        ("2026-09-10", None, "2026-10-01"),  # slept through, still in time for the announcement
        ("2026-09-18", None, None),  # too late for this year's announcement, too early for the next
        ("2026-08-20", "2026-10-01", None),  # planned already
        ("2027-08-20", "2026-10-01", "2027-10-01"),
        ("2026-12-31", "2026-10-01", None),
    ],
)
def test_the_wave_of_the_year_is_planned_once_and_in_time(
    today: str, last: str | None, expected: str | None
) -> None:
    """On the configured day minus ``plan_days_before`` (W2)."""
    found = wave_to_plan(date.fromisoformat(today), POLICY, date.fromisoformat(last) if last else None)
    assert found == (date.fromisoformat(expected) if expected else None)

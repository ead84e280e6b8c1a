"""Calendar months, working days and allowed hours (product.md E3, W2, F4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.errors import NoWorkingDay, UnknownZone
from integration.nps.workdays import WorkCalendar, add_months, at_hour, local_day, zone_named

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
MOMENTS = st.integers(0, 16 * 365 * 24 * 60).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Moscow",
        "Europe/Kyiv",
        "America/New_York",
        "Asia/Vladivostok",
        "Asia/Kolkata",
        "Pacific/Chatham",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
    ]
).map(ZoneInfo)
CALENDARS = st.builds(
    WorkCalendar,
    weekend=st.frozensets(st.integers(0, 6), max_size=6),
    holidays=st.frozensets(DAYS, max_size=20),
    extra_workdays=st.frozensets(DAYS, max_size=5),
    hours_from=st.integers(0, 12),
    hours_to=st.integers(13, 24),
)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2025-11-30", 3, "2026-02-28"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-15", 3, "2026-04-15"),
        ("2026-12-31", 12, "2027-12-31"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-10", -12, "2025-01-10"),
        ("2026-05-05", 0, "2026-05-05"),
    ],
)
def test_months_are_calendar_months(day: str, months: int, expected: str) -> None:
    """The same day of the month counts, or the last day of a shorter month (product.md E3)."""
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


@given(DAYS, st.integers(-60, 60))
def test_months_agree_with_walking_day_by_day(day: date, months: int) -> None:
    """An independent definition: the last day of the target month that is not after the wanted number."""
    wanted = (day.year * 12 + day.month - 1) + months
    candidates = []
    first = date(wanted // 12, wanted % 12 + 1, 1)
    walked = first
    while walked.month == first.month:
        if walked.day <= day.day:
            candidates.append(walked)
        walked += timedelta(days=1)
    assert add_months(day, months) == candidates[-1]


@given(DAYS, DAYS, st.integers(0, 36))
def test_adding_months_keeps_the_order_of_days(one: date, other: date, months: int) -> None:
    """An earlier beginning never becomes old enough later."""
    early, late = sorted((one, other))
    assert add_months(early, months) <= add_months(late, months)


def test_worked_saturday_wins_over_holiday_and_weekend() -> None:
    """A day the portal declares worked is worked whatever else is said about it."""
    saturday = date(2026, 11, 14)
    calendar = WorkCalendar(holidays=frozenset({saturday}), extra_workdays=frozenset({saturday}))
    assert calendar.is_workday(saturday)
    assert not WorkCalendar().is_workday(saturday)


def test_new_year_holidays_move_a_step_to_the_first_working_day() -> None:
    """1 to 8 January off: what falls on the 3rd comes on the 9th, Friday in 2026."""
    calendar = WorkCalendar(holidays=frozenset(date(2026, 1, n) for n in range(1, 9)))
    assert calendar.shift(date(2026, 1, 3)) == date(2026, 1, 9)
    assert calendar.shift(date(2026, 1, 3), -1) == date(2025, 12, 31)


def test_a_calendar_without_working_days_is_refused_not_searched_forever() -> None:
    """Seven days off a week is an error with a name."""
    with pytest.raises(NoWorkingDay):
        WorkCalendar(weekend=frozenset(range(7))).shift(date(2026, 1, 1))


@given(CALENDARS, DAYS)
def test_a_shifted_day_is_the_nearest_worked_one(calendar: WorkCalendar, day: date) -> None:
    """Not before the day, worked, and nothing worked between."""
    shifted = calendar.shift(day)
    assert shifted >= day
    assert calendar.is_workday(shifted)
    assert not any(calendar.is_workday(day + timedelta(days=n)) for n in range((shifted - day).days))


@given(CALENDARS, DAYS, st.integers(0, 15))
def test_added_working_days_are_counted_one_by_one(calendar: WorkCalendar, day: date, count: int) -> None:
    """Between the shifted start and the end lie exactly ``count`` working days."""
    start, end = calendar.shift(day), calendar.add_workdays(day, count)
    span = [start + timedelta(days=n + 1) for n in range((end - start).days)]
    assert sum(calendar.is_workday(one) for one in span) == count
    assert calendar.is_workday(end)


@given(CALENDARS, MOMENTS, ZONES)
def test_next_allowed_is_inside_the_hours_and_never_earlier(
    calendar: WorkCalendar, now: datetime, zone: ZoneInfo
) -> None:
    """A worked day of the person's zone, inside the hours, not before now; again gives the same."""
    moment = calendar.next_allowed(now, zone)
    local = moment.astimezone(zone)
    assert moment >= now
    assert moment.utcoffset() == timedelta(0)
    assert calendar.is_workday(local.date())
    assert calendar.hours_from <= local.hour < calendar.hours_to
    assert calendar.next_allowed(moment, zone) == moment


@given(CALENDARS, MOMENTS, ZONES)
def test_no_allowed_hour_is_passed_over(calendar: WorkCalendar, now: datetime, zone: ZoneInfo) -> None:
    """Every quarter of an hour between now and the answer is forbidden (over ten days at most)."""
    moment = calendar.next_allowed(now, zone)
    step = now
    while step < min(moment, now + timedelta(days=10)):
        assert not calendar.is_allowed(step, zone)
        step += timedelta(minutes=15)


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-03-27T17:30:00Z", "Europe/Berlin", "2026-03-30T07:00:00Z"),  # Friday evening -> summer time
        ("2026-10-23T17:30:00Z", "Europe/Berlin", "2026-10-26T08:00:00Z"),  # Friday evening -> winter time
        ("2026-11-10T06:30:00Z", "Europe/Moscow", "2026-11-10T06:30:00Z"),  # 9:30, allowed
        ("2026-11-10T15:00:00Z", "Europe/Moscow", "2026-11-11T06:00:00Z"),  # 18:00 sharp is too late
        ("2026-11-10T05:59:59Z", "Europe/Moscow", "2026-11-10T06:00:00Z"),
        ("2026-11-10T23:30:00Z", "Asia/Vladivostok", "2026-11-10T23:30:00Z"),  # 9:30 of the next day there
    ],
)
def test_hours_are_those_of_the_persons_zone(now: str, zone: str, expected: str) -> None:
    """Nine to six where the person lives, also over both changes of summer time."""
    found = WorkCalendar().next_allowed(datetime.fromisoformat(now), ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("now", "count", "expected"),
    [
        ("2026-11-10T08:00:00Z", 2, "2026-11-12T15:00:00Z"),  # Tuesday 11:00 -> Thursday 18:00
        ("2026-11-13T08:00:00Z", 2, "2026-11-17T15:00:00Z"),  # Friday -> Tuesday
        ("2026-11-13T20:00:00Z", 2, "2026-11-18T15:00:00Z"),  # Friday night counts from Monday
        ("2026-11-14T08:00:00Z", 2, "2026-11-18T15:00:00Z"),  # Saturday counts from Monday
        ("2026-11-10T08:00:00Z", 0, "2026-11-10T15:00:00Z"),
    ],
)
def test_deadlines_end_with_the_hours_of_a_working_day(now: str, count: int, expected: str) -> None:
    """In Moscow, 9 to 18 (product.md F4)."""
    found = WorkCalendar().deadline(datetime.fromisoformat(now), count, ZoneInfo("Europe/Moscow"))
    assert found == datetime.fromisoformat(expected)


def test_working_hours_run_over_nights_and_weekends() -> None:
    """Four working hours after Friday 16:00 end on Monday 11:00."""
    friday = datetime(2026, 11, 13, 13, 0, tzinfo=UTC)
    assert WorkCalendar().add_hours(friday, 4, ZoneInfo("Europe/Moscow")) == datetime(
        2026, 11, 16, 8, 0, tzinfo=UTC
    )


def test_midnight_may_end_the_hours() -> None:
    """``hours_to`` 24 is the next midnight."""
    assert at_hour(date(2026, 11, 10), 24, ZoneInfo("UTC")) == datetime(2026, 11, 11, tzinfo=UTC)


def test_unknown_zones_and_naive_moments_are_errors() -> None:
    """Both would silently shift every letter otherwise."""
    with pytest.raises(UnknownZone):
        zone_named("Mars/Olympus")
    with pytest.raises(UnknownZone):
        zone_named("../../etc/passwd")
    with pytest.raises(ValueError, match="aware"):
        WorkCalendar().next_allowed(datetime(2026, 1, 1), ZoneInfo("UTC"))  # noqa: DTZ001 - the point


def test_local_day_may_differ_from_utc() -> None:
    """Half past eleven in the evening in UTC is already tomorrow in Moscow."""
    assert local_day(datetime(2026, 11, 10, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Moscow")) == date(
        2026, 11, 11
    )

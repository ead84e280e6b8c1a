"""A mailbox sends no faster than it may, and nothing waits for ever (product.md W19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration.nps.pace import HOUR, PORTIONS, Pace, awaited, day_began, day_ends, pace_of
from integration.nps.policy import Policy
from integration.nps.workdays import local_day

MOSCOW = ZoneInfo("Europe/Moscow")
ZONES = ("UTC", "Europe/Moscow", "Europe/Kyiv", "Asia/Kathmandu", "America/Santiago", "Africa/Cairo")


def test_own_numbers_win_over_those_of_the_settings() -> None:
    policy = Policy(letters_per_hour=60, letters_per_day=500)
    assert pace_of(0, 0, policy) == Pace(60, 500)
    assert pace_of(20, 0, policy) == Pace(20, 500)
    assert (pace_of(0, 0, Policy()).limited, Pace(0, 1).limited) == (False, True)


@pytest.mark.parametrize(
    ("left", "per_hour", "expected"),
    [(99, 100, None), (100, 100, 8), (130, 100, 38), (3, 3, 1), (1, 1, 1), (0, 0, None), (5000, 0, None), (12, 12, 1)],
)  # fmt: skip
def test_a_full_hour_waits_for_a_twelfth_of_it(left: int, per_hour: int, expected: int | None) -> None:
    assert awaited(left, per_hour) == expected


def test_a_day_is_the_portal_s_own() -> None:
    evening = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)  # half past one of the third in Moscow
    assert day_began(evening, MOSCOW) == datetime(2026, 3, 2, 21, tzinfo=UTC)
    assert day_ends(evening, MOSCOW) == datetime(2026, 3, 3, 21, tzinfo=UTC)


@given(
    st.integers(1_704_067_200, 1_830_297_600).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.sampled_from(ZONES),
)
def test_a_day_ends_after_now_and_begins_before_it(now: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    assert day_began(now, zone) <= now < day_ends(now, zone)
    assert local_day(day_ends(now, zone), zone) > local_day(now, zone)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(0, 90), st.integers(1, 150), st.sampled_from(ZONES),
    st.lists(st.integers(0, 1500), max_size=6),
)  # fmt: skip
def test_whoever_follows_it_never_sends_too_fast_and_comes_to_an_end(
    per_hour: int, per_day: int, letters: int, name: str, pauses: list[int]
) -> None:
    """Letters as fast as they may go, with pauses of seconds in between, over both changes of summer time."""
    zone, now = ZoneInfo(name), datetime(2026, 3, 28, 19, 0, tzinfo=UTC)
    gone: list[datetime] = []
    looked = 0
    while len(gone) < letters:
        looked += 1
        free = now
        if per_day and sum(day_began(now, zone) <= at for at in gone) >= per_day:
            free = day_ends(now, zone)
        last_hour = [at for at in gone if at > now - HOUR]
        place = awaited(len(last_hour), per_hour)
        if place is not None:
            free = max(free, last_hour[place - 1] + HOUR)
        if free > now:
            now = free
            continue
        gone.append(now)
        now += timedelta(seconds=pauses[len(gone) % len(pauses)] if pauses else 0)
    for at in gone:
        assert sum(at - HOUR < one <= at for one in gone) <= per_hour
        assert not per_day or sum(day_began(at, zone) <= one <= at for one in gone) <= per_day
    waits = looked - len(gone)
    days = (gone[-1] - gone[0]).days + 2
    assert waits <= days * 25 * (PORTIONS + 1)  # what waits is not looked at for each letter

"""A whole wave for one person, however the worker wakes (product.md W2, W11, W14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from integration.nps.plans import calendar_of, plan
from integration.nps.touches import Final, Touch, Wait, next_touch
from tests.nps.test_touches import ANNA, CALENDAR, POLICY, WAVE

GAPS = st.lists(st.integers(1, 60 * 24 * 9), min_size=5, max_size=60)


@settings(max_examples=300)
@given(
    gaps=GAPS,
    zone=st.sampled_from(["Europe/Moscow", "Asia/Vladivostok", "America/New_York", "Pacific/Apia"]),
    reminders=st.sampled_from([(), (4,), (4, 9), (3, 6, 9)]),
    snooze=st.none() | st.integers(0, 60 * 24 * 60),
    start=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    holidays=st.frozensets(st.dates(date(2026, 1, 1), date(2028, 3, 1)), max_size=40),
)
def test_however_irregularly_the_worker_looks_the_rules_hold(
    gaps: list[int],
    zone: str,
    reminders: tuple[int, ...],
    snooze: int | None,
    start: date,
    holidays: frozenset[date],
) -> None:
    """Each step once, three days apart, in allowed hours, on or after its day; and one outcome in the end.

    The worker wakes at arbitrary gaps of minutes up to nine days, as after downtimes.
    """
    policy = replace(POLICY, reminder_days=reminders)
    calendar = calendar_of(policy, holidays=holidays)
    wave = replace(WAVE, plan=plan(start, policy, calendar))
    now = wave.plan.moment(wave.plan.drafted, calendar)
    until = now + timedelta(minutes=snooze) if snooze is not None else None
    one = replace(ANNA, zone=zone, snoozed_until=until)
    for gap in [*gaps, *[60 * 24] * 120]:
        now += timedelta(minutes=gap)
        step = next_touch(one, wave, policy, now, calendar)
        names = {skip.step for skip in step.skipped}
        assert not names & (one.touches.keys() | one.skipped)
        one = replace(one, skipped=one.skipped | names)
        if isinstance(step, Touch):
            assert step.step not in one.touches
            assert calendar.is_allowed(now, ZoneInfo(zone))
            assert now >= step.planned
            one = replace(one, touches={**one.touches, step.step: now}, last_letter_at=now)
        elif isinstance(step, Wait):
            assert step.until is None or step.until > now
        else:
            assert one.outcome is None
            one = replace(one, outcome=step.outcome)
    sent = sorted(one.touches.values())
    assert all(b - a >= timedelta(days=3) for a, b in pairwise(sent))
    assert one.outcome in ("no_answer", "postponed")
    assert one.outcome == "postponed" or one.touches.keys() | one.skipped >= {"announcement", "invitation"}
    if snooze is not None and until is not None:
        assert not any(until > moment for moment in sent)


@settings(max_examples=200)
@given(
    start=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    zone=st.sampled_from(["Europe/Moscow", "Asia/Vladivostok", "America/New_York"]),
    answered_after=st.none() | st.integers(0, 5),
)
def test_a_worker_that_wakes_when_told_sends_everything_on_its_day(
    start: date, zone: str, answered_after: int | None
) -> None:
    """Waking exactly at the returned moments: nothing late, nothing skipped, never a wake-up in vain twice."""
    wave = replace(WAVE, plan=plan(start, POLICY, CALENDAR))
    one, now, wakes = replace(ANNA, zone=zone), wave.plan.moment(wave.plan.drafted, CALENDAR), 0
    while one.outcome is None:
        wakes += 1
        assert wakes < 25
        step = next_touch(one, wave, POLICY, now, CALENDAR)
        if isinstance(step, Touch):
            assert not step.late
            one = replace(one, touches={**one.touches, step.step: now}, last_letter_at=now)
            if answered_after is not None and len(one.touches) > answered_after:
                one = replace(one, answered=True)
        elif isinstance(step, Final):
            one = replace(one, outcome=step.outcome)
        else:
            assert step.until is not None
            assert not step.skipped
            now = step.until
    answered = answered_after is not None and answered_after < 4
    assert one.outcome == ("answered" if answered else "no_answer")
    assert len(one.touches) == (answered_after + 1 if answered and answered_after is not None else 4)

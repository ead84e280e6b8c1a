"""Other days for one wave: what may be moved and to when, and when the letters that wait will have left (W1, W19)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integration.nps.departures import last_leaves
from integration.nps.pace import Pace
from integration.nps.people import ClientKey
from integration.nps.plans import Plan, calendar_of, plan
from integration.nps.policy import Policy
from integration.nps.touches import InvitationFacts, WaveState, next_touch
from integration.nps.wave_dates import (
    DateProblem,
    Wished,
    earliest_start,
    movable,
    moved,
    start_problem,
    wished,
)

POLICY = Policy(
    reminder_days=(4, 9), closing_days=7, announce_days=14, letter_gap_days=3, time_zone="Europe/Moscow"
)
CALENDAR = calendar_of(POLICY)
START = date(2026, 3, 2)
PLAN = plan(START, POLICY, CALENDAR)
BEFORE, AMID = date(2026, 1, 20), date(2026, 3, 4)


def tried(days: Wished, today: date, **changes: object) -> Plan | list[DateProblem]:
    return moved(PLAN, replace(days, **changes), today, POLICY, CALENDAR)  # type: ignore[arg-type]


def test_days_that_have_not_begun_are_moved_to_working_days_and_what_follows_from_them_moves_along() -> None:
    found = tried(wished(PLAN), BEFORE, start=date(2026, 3, 7), reminders=(date(2026, 3, 12), date(2026, 3, 17)),
                  closing=date(2026, 3, 28))  # fmt: skip
    assert isinstance(found, Plan)
    assert (found.start, found.mailing) == (date(2026, 3, 9), date(2026, 3, 9)), "a Saturday becomes Monday"
    assert (found.announce, found.closing) == (PLAN.announce, date(2026, 3, 30))
    assert found.frozen_on - found.closing == PLAN.frozen_on - PLAN.closing
    assert found.owner_reminders == (date(2026, 2, 9),), "the second one would come after the announcement"
    assert tried(wished(PLAN), BEFORE) == PLAN
    assert Plan.from_json(found.to_json()) == found


@pytest.mark.parametrize(("changes", "today", "expected"), [
    ({"announce": date(2026, 2, 28)}, BEFORE, [("start", "too_close", 3)]),
    ({"announce": BEFORE}, BEFORE, [("announce", "not_ahead", 0)]),
    ({"start": date(2027, 3, 2)}, BEFORE, [("start", "too_far", 0), ("reminder_1", "too_close", 3)]),
    ({"start": date(2026, 3, 3)}, AMID, [("start", "begun", 0)]),
    ({"announce": date(2026, 2, 20)}, AMID, [("announce", "begun", 0)]),
    ({"reminders": (date(2026, 3, 10), date(2026, 3, 12))}, AMID, [("reminder_2", "too_close", 3)]),
    ({"closing": PLAN.reminders[-1]}, AMID, [("closing", "too_close", 1)]),
    ({"closing": AMID}, AMID, [("closing", "not_ahead", 0)]),
    ({"closing": date(2027, 5, 1)}, AMID, [("closing", "too_far", 0)]),
])  # fmt: skip
def test_days_that_cannot_be_are_named_with_why(
    changes: dict[str, object], today: date, expected: list[tuple[str, str, int]]
) -> None:
    found = tried(wished(PLAN), today, **changes)
    assert isinstance(found, list)
    assert [(one.step, one.code, one.days) for one in found] == expected


def test_a_wave_stays_in_its_year_and_only_what_is_ahead_can_move() -> None:
    late = plan(date(2026, 12, 14), POLICY, CALENDAR)
    found = moved(late, replace(wished(late), start=date(2027, 1, 11), reminders=(date(2027, 1, 15), date(2027, 1, 20)),
                                closing=date(2027, 1, 27)), date(2026, 11, 1), POLICY, CALENDAR)  # fmt: skip
    assert found == [DateProblem("start", "other_year")]
    assert movable(PLAN, AMID) == ["reminder_1", "reminder_2", "closing"]
    assert movable(PLAN, PLAN.closing) == []
    with pytest.raises(ValueError, match="number of reminders"):
        tried(wished(PLAN), BEFORE, reminders=())


def test_with_calls_the_letter_follows_them_and_a_plan_with_a_gap_of_its_own_is_kept() -> None:
    policy = replace(POLICY, calling=True, calling_days=7)
    made = plan(START, policy, CALENDAR)
    assert made.mailing == date(2026, 3, 9)
    found = moved(made, replace(wished(made), start=date(2026, 3, 3)), BEFORE, policy, CALENDAR)
    assert isinstance(found, Plan)
    assert (found.calling, found.mailing) == (date(2026, 3, 3), date(2026, 3, 10))
    strict = replace(POLICY, letter_gap_days=5)
    later = moved(PLAN, replace(wished(PLAN), closing=date(2026, 3, 31)), AMID, strict, CALENDAR)
    assert isinstance(later, Plan), "days that stay are not judged anew"


def test_a_reminder_moved_nearer_leaves_on_its_new_day() -> None:
    found = tried(wished(PLAN), BEFORE, reminders=(date(2026, 3, 5), date(2026, 3, 11)))
    assert isinstance(found, Plan)
    asked = datetime(2026, 3, 2, 6, tzinfo=UTC)
    facts = InvitationFacts(
        1, ClientKey("company", 2), 3, zone="Europe/Moscow", last_letter_at=asked,
        touches={"announcement": datetime(2026, 2, 16, 6, tzinfo=UTC), "invitation": asked},
    )  # fmt: skip
    state = WaveState(1, "2026", "mailing", found, approved_by="Ada")
    step = next_touch(facts, state, POLICY, datetime(2026, 3, 4, 9, tzinfo=UTC), CALENDAR)
    assert getattr(step, "until", None) == datetime(2026, 3, 5, 6, tzinfo=UTC)


def test_a_wave_by_hand_begins_no_sooner_than_its_announcement_can_leave() -> None:
    first = earliest_start(BEFORE, POLICY)
    assert first == date(2026, 2, 4)
    given = (None, date(2026, 2, 3), first, date(2027, 1, 21), date(2027, 1, 22))
    assert [start_problem(day, BEFORE, POLICY) for day in given] == ["no_day", "too_soon", "", "", "too_far"]


MOSCOW = ZoneInfo("Europe/Moscow")
NOON = datetime(2026, 3, 2, 9, tzinfo=UTC)  # Monday, noon; hours until 18:00


@pytest.mark.parametrize(("letters", "pace", "expected"), [
    (500, Pace(), NOON),
    (0, Pace(10, 10), NOON),
    (60, Pace(per_hour=20), datetime(2026, 3, 2, 12, tzinfo=UTC)),
    (150, Pace(per_hour=20), datetime(2026, 3, 3, 7, 30, tzinfo=UTC)),  # 120 today, 30 more from nine tomorrow
    (50, Pace(per_day=40), datetime(2026, 3, 3, 6, tzinfo=UTC)),
    (100, Pace(per_hour=20, per_day=40), datetime(2026, 3, 4, 7, tzinfo=UTC)),
    (100_000, Pace(per_day=1), None),
])  # fmt: skip
def test_when_the_last_letter_leaves_follows_from_pace_and_hours(
    letters: int, pace: Pace, expected: datetime | None
) -> None:
    assert last_leaves(letters, pace, NOON, MOSCOW, CALENDAR) == expected

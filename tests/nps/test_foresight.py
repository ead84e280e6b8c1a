"""What is to come for one person, worked out by the very rules that will send it, and what findings weigh (W4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from integration.nps import findings
from integration.nps.findings import CODES, ERRORS, NOTES, WARNINGS, Finding, Named
from integration.nps.foresight import foresee
from integration.nps.people import ClientKey
from integration.nps.plans import calendar_of, plan
from integration.nps.policy import Policy
from integration.nps.touches import InvitationFacts, Touch, WaveState, next_touch

POLICY = Policy(
    time_zone="Europe/Moscow",
    wave_month=3,
    wave_day=2,
    announce_days=14,
    reminder_days=(4, 9),
    closing_days=7,
)
CALENDAR = calendar_of(POLICY)
PLAN = plan(date(2026, 3, 2), POLICY, CALENDAR)
WAVE = WaveState(1, "2026", "rehearsed", PLAN)
ANNA = InvitationFacts(1, ClientKey("company", 2), 3, zone="Europe/Moscow")
NOW = datetime(2026, 1, 19, 9, tzinfo=UTC)


def coming(one: InvitationFacts, now: datetime = NOW, wave: WaveState = WAVE) -> list[tuple[str, str]]:
    course = foresee(one, wave, POLICY, now, CALENDAR)
    return [(letter.letter, letter.at.isoformat()[:16]) for letter in course.letters]


def test_the_letters_are_those_the_machine_will_send_in_each_person_s_hours() -> None:
    assert coming(ANNA) == [
        ("announcement", "2026-02-16T06:00"), ("invitation", "2026-03-02T06:00"), ("reminder", "2026-03-06T06:00"),
        ("last_reminder", "2026-03-11T06:00"),
    ]  # fmt: skip
    east = coming(replace(ANNA, zone="Asia/Vladivostok"))
    assert east[0] == ("announcement", "2026-02-15T23:00")
    assert foresee(ANNA, WAVE, POLICY, NOW, CALENDAR).end == "no_answer"
    assert WAVE.approved_by == "", "looking ahead approves nothing"
    state, one, moment, real = replace(WAVE, approved_by="x"), ANNA, NOW, []
    while moment < datetime(2026, 3, 25, tzinfo=UTC):  # the machine, hour by hour
        step = next_touch(one, state, POLICY, moment, CALENDAR)
        if isinstance(step, Touch):
            real.append((step.letter, moment.isoformat()[:16]))
            one = replace(one, touches={**one.touches, step.step: moment}, last_letter_at=moment)
        moment += timedelta(hours=1)
    assert real == coming(ANNA)


def test_what_has_happened_holds_back_or_ends_counts() -> None:
    late = foresee(ANNA, WAVE, POLICY, datetime(2026, 3, 1, 9, tzinfo=UTC), CALENDAR)
    assert late.skipped == ("announcement",)
    assert [one.letter for one in late.letters] == ["invitation", "reminder", "last_reminder"]
    held = replace(ANNA, hold_until=date(2026, 3, 5))
    assert coming(held)[0] == ("invitation", "2026-03-05T06:00")
    gone = foresee(replace(ANNA, opted_out=True), WAVE, POLICY, NOW, CALENDAR)
    assert (gone.letters, gone.end) == ((), "opted_out")
    assert coming(replace(ANNA, outcome="answered")) == []
    asked = replace(ANNA, touches={"announcement": NOW, "invitation": NOW}, last_letter_at=NOW)
    assert [letter for letter, _ in coming(asked)] == ["reminder", "last_reminder"]
    paused = replace(WAVE, stage="paused", approved_by="x")
    assert coming(ANNA, wave=paused) == []


def test_every_code_has_one_level_and_survives_being_kept() -> None:
    assert len(ERRORS) + len(WARNINGS) + len(NOTES) == len(CODES)
    one = Finding("follow_ups_open", {"must": True, "open": 2}, (Named("Ромашка", "company", 7),))
    assert (one.level, replace(one, params={"must": False}).level) == ("error", "warning")
    assert Finding.from_json(one.to_json()) == one
    mixed = [Finding("day_moved"), Finding("nameless"), Finding("no_way"), Finding("nameless")]
    assert [found.code for found in findings.ordered(mixed)] == ["no_way", "nameless", "day_moved"]


def test_a_look_counts_for_a_day_and_a_list_for_two_weeks() -> None:
    day = timedelta(days=1)
    for looked, code in (
        (None, "look_missing"), (NOW, ""), (NOW - day, ""), (NOW - day - timedelta(seconds=1), "look_is_old"),
        (NOW + day, "look_is_old"),
    ):  # fmt: skip
        assert findings.refusal(looked, NOW) == code
    assert findings.list_age(date(2026, 1, 1), date(2026, 1, 15)) is None
    old = findings.list_age(date(2026, 1, 1), date(2026, 1, 16))
    assert old is not None
    assert old.params == {"days": 15}


def test_only_days_moved_by_a_day_off_are_named_and_each_for_itself() -> None:
    assert findings.moved_days(PLAN, POLICY) == []
    off = replace(CALENDAR, holidays=frozenset({date(2026, 3, 2), date(2026, 3, 3)}))
    moved = {
        one.params["step"]: one.params["day"]
        for one in findings.moved_days(plan(date(2026, 3, 2), POLICY, off), POLICY)
    }
    assert moved["mailing"] == "2026-03-04"
    assert "closing" not in moved
    sunday = plan(date(2026, 3, 1), replace(POLICY, wave_day=1), CALENDAR)
    first = findings.moved_days(sunday, replace(POLICY, wave_day=1))[0]
    assert (first.params["step"], first.params["wished"]) == ("mailing", "2026-03-01")
    calling = replace(POLICY, calling=True, calling_days=10)
    (only,) = findings.moved_days(plan(date(2026, 3, 2), calling, CALENDAR), calling)
    assert only.params == {"step": "reminders", "wished": "2026-03-21", "day": "2026-03-23"}

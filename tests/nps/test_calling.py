"""When a respondent is called and what follows from a call (product.md W7, W11, W12, N6)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration.nps.calling import (
    Call,
    CallAt,
    CallNow,
    CallOutcome,
    Effect,
    NoCall,
    Yield,
    after_call,
    call_slot,
    listed,
    next_call,
    part_at,
    parts_of_day,
    problems_of,
    yields,
)
from integration.nps.people import ClientKey, Exclusion
from integration.nps.plans import calendar_of, plan
from integration.nps.policy import Policy
from integration.nps.touches import Final, InvitationFacts, Touch, Wait, WaveState, next_touch
from integration.nps.workdays import WorkCalendar, local_day

POLICY = Policy(time_zone="Europe/Moscow", calling=True)
CALENDAR = calendar_of(POLICY)
PLAN = plan(date(2026, 11, 2), POLICY, CALENDAR)  # announce 19.10, calls 2.11, letters 12.11, closing 30.11
WAVE = WaveState(1, "2026", "calling", PLAN, approved_by="Head")
MAILING = replace(WAVE, stage="mailing")
ANNA = InvitationFacts(
    7, ClientKey("company", 1), 11, address="anna@example.com", zone="Europe/Moscow", phone="+79160000001"
)
BARE = replace(ANNA, address="", unreachable=True)


def at(text: str, zone: str = "Europe/Moscow") -> datetime:
    """A moment of 2026 in local time, e.g. ``02.11 09:00``."""
    local = datetime.strptime(f"2026 {text}", "%Y %d.%m %H:%M")  # noqa: DTZ007 - the zone follows
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def called(one: InvitationFacts, *calls: tuple[str, str]) -> InvitationFacts:
    made = tuple(
        Call(n, cast("CallOutcome", outcome), at(when), phone=one.phone)
        for n, (when, outcome) in enumerate(calls, 1)
    )
    return replace(one, calls=made)


def ask(one: InvitationFacts, now: str, wave: WaveState = WAVE, policy: Policy = POLICY) -> object:
    return next_call(one, wave, policy, at(now), CALENDAR)


OWED = replace(ANNA, promised_at=at("02.11 14:45"))


def now_until(text: str) -> CallNow:
    return CallNow(at(text))


def slot(begin: str, until: str) -> CallAt:
    return CallAt(at(begin), at(until))


@pytest.mark.parametrize(
    ("one", "now", "expected"),
    [
        (ANNA, "02.11 09:00", now_until("02.11 12:00")),
        (ANNA, "02.11 16:30", now_until("02.11 18:00")),  # nobody has called before: any part is right
        (ANNA, "02.11 18:00", slot("03.11 09:00", "03.11 12:00")),
        (ANNA, "07.11 12:00", slot("09.11 09:00", "09.11 12:00")),  # a Saturday
        (called(ANNA, ("02.11 09:10", "no_answer")), "02.11 09:30", slot("02.11 12:10", "02.11 15:00")),
        (called(ANNA, ("02.11 09:10", "busy")), "02.11 09:11", slot("02.11 09:30", "02.11 12:00")),
        (called(ANNA, ("02.11 09:10", "out_of_service")), "02.11 11:00", slot("03.11 12:00", "03.11 15:00")),
        # Two a day of theirs; then the part that was not tried, and whoever misses it calls in any.
        (
            called(ANNA, ("02.11 09:10", "no_answer"), ("02.11 12:20", "no_answer")),
            "02.11 16:00",
            slot("03.11 15:00", "03.11 18:00"),
        ),
        (
            called(ANNA, ("02.11 09:10", "no_answer"), ("02.11 12:20", "no_answer")),
            "04.11 10:00",
            now_until("04.11 12:00"),
        ),
        (called(ANNA, ("03.11 10:00", "not_now")), "03.11 11:00", slot("10.11 12:00", "10.11 15:00")),
        (called(ANNA, ("06.11 10:00", "not_now")), "06.11 11:00", NoCall("too_late")),  # letters come before
        (called(BARE, ("06.11 10:00", "not_now")), "06.11 11:00", slot("13.11 12:00", "13.11 15:00")),
        (replace(ANNA, snoozed_until=at("04.11 13:30")), "02.11 10:00", slot("04.11 13:30", "04.11 15:00")),
        (replace(ANNA, hold_until=date(2026, 11, 5)), "02.11 10:00", slot("05.11 09:00", "05.11 12:00")),
        (replace(ANNA, zone="Asia/Vladivostok"), "02.11 10:00", now_until("02.11 11:00")),
        (replace(ANNA, zone="Asia/Vladivostok"), "02.11 11:30", slot("03.11 02:00", "03.11 05:00")),
        # A call-back to the minute, beyond two a day, and late rather than never.
        (OWED, "02.11 10:00", CallAt(at("02.11 14:45"), at("02.11 18:00"), True)),
        (OWED, "02.11 15:10", CallNow(at("02.11 18:00"), True)),
        (OWED, "02.11 19:00", CallAt(at("03.11 09:00"), at("03.11 18:00"), True)),
        (
            replace(
                called(ANNA, ("02.11 09:10", "no_answer"), ("02.11 13:00", "call_back")),
                promised_at=at("02.11 16:00"),
            ),
            "02.11 16:00",
            CallNow(at("02.11 18:00"), True),
        ),
    ],
)  # fmt: skip
def test_the_next_call_is_where_the_waits_the_day_and_the_parts_put_it(
    one: InvitationFacts, now: str, expected: object
) -> None:
    """Hours of the person, waits by outcome, two a day, parts in turn, promises first (W7)."""
    assert ask(one, now) == expected


@pytest.mark.parametrize(
    ("one", "wave", "why"),
    [
        (replace(ANNA, outcome="no_answer"), WAVE, "over"),
        (replace(ANNA, answered=True), WAVE, "answered"),
        (replace(ANNA, refused=True), WAVE, "refused"),
        (replace(ANNA, opted_out=True, promised_at=at("02.11 10:00")), WAVE, "opted_out"),
        (replace(ANNA, excluded=Exclusion("Head", "asked")), WAVE, "excluded"),
        (replace(ANNA, trouble="trouble_stage"), WAVE, "trouble"),
        (replace(ANNA, gone_at=at("01.11 09:00")), WAVE, "gone"),
        (replace(ANNA, revoked=True), WAVE, "revoked"),
        (replace(ANNA, phone=""), WAVE, "no_phone"),
        (replace(ANNA, same_number=True), WAVE, "no_phone"),
        (replace(ANNA, calls_over="wrong_number"), WAVE, "wrong_number"),
        (ANNA, replace(WAVE, approved_by=""), "not_running"),
        (ANNA, replace(WAVE, stage="paused"), "not_running"),
        (ANNA, replace(WAVE, stage="announced"), "not_yet"),
        (ANNA, replace(WAVE, stage="closing"), "too_late"),
        (ANNA, replace(WAVE, plan=replace(PLAN, calling=None)), "off"),
        (ANNA, MAILING, "mailing"),
        (called(ANNA, *[("02.11 09:10", "no_answer")] * 12), WAVE, "used_up"),
    ],
)
def test_nobody_is_called_who_must_not_be(one: InvitationFacts, wave: WaveState, why: str) -> None:
    """Each state that forbids a call has its own word, whatever the hour."""
    assert ask(one, "02.11 10:00", wave) == NoCall(why)


def test_when_letters_ask_only_promises_and_people_without_an_address_are_called() -> None:
    """In mailing and reminders the rest is left alone; what was promised is honoured, used up or not (W7, W11)."""
    used = called(ANNA, *[("02.11 09:10", "no_answer")] * 12)
    promised = replace(used, promised_at=at("13.11 10:00"))
    assert ask(promised, "13.11 10:00", MAILING) == CallNow(at("13.11 18:00"), True)
    assert ask(promised, "30.11 10:00", MAILING) == NoCall("too_late")
    assert ask(BARE, "13.11 10:00", MAILING) == now_until("13.11 12:00")
    assert call_slot(CallNow(at("13.11 12:00")), at("13.11 10:00")) == (at("13.11 10:00"), at("13.11 12:00"))
    assert call_slot(NoCall("mailing"), at("13.11 10:00")) == (None, None)


def test_people_of_the_east_are_called_until_their_own_letter_leaves() -> None:
    """In Vladivostok letters leave seven hours before those of Moscow: no call after that, and none in Kaliningrad
    once the stage has passed."""
    east, west = replace(ANNA, zone="Asia/Vladivostok"), replace(ANNA, zone="Europe/Kaliningrad")
    assert ask(east, "12.11 02:00") == NoCall("too_late")
    assert ask(east, "11.11 03:00") == now_until("11.11 05:00")
    assert ask(west, "12.11 09:00") == NoCall("too_late")
    assert ask(west, "11.11 18:30") == now_until("11.11 19:00")


def test_twelve_unanswered_calls_fit_in_eight_working_days_over_all_parts_and_weekdays() -> None:
    """A caller who calls whenever the desk says so: four attempts in each part, every weekday, then it is over (W7)."""
    one, now = ANNA, at("02.11 09:00")
    while not isinstance(found := next_call(one, WAVE, POLICY, now, CALENDAR), NoCall):
        now = found.at if isinstance(found, CallAt) else now + timedelta(minutes=2)
        if isinstance(found, CallNow):
            one = replace(one, calls=(*one.calls, Call(len(one.calls) + 1, "no_answer", now)))
    zone = ZoneInfo(one.zone)
    days = Counter(local_day(call.at, zone) for call in one.calls)
    parts = Counter(part.name for call in one.calls if (part := part_at(call.at, zone, CALENDAR)))
    assert found == NoCall("used_up")
    assert len(one.calls) == 12
    assert len(days) == 8
    assert max(days.values()) == 2
    assert parts == {"morning": 4, "midday": 4, "afternoon": 4}
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}


def test_where_there_is_time_calls_move_to_weekdays_that_were_tried_less() -> None:
    """Three attempts in many days: one a day, each on another weekday."""
    policy = replace(POLICY, max_attempts=3)
    one = called(ANNA, ("02.11 09:10", "no_answer"))
    assert ask(one, "02.11 10:00", policy=policy) == slot("03.11 12:00", "03.11 15:00")
    assert ask(one, "03.11 16:00", policy=policy) == now_until("03.11 18:00")  # that chance was missed


@pytest.mark.parametrize(
    ("hours", "names"),
    [
        ((9, 18), ["morning", "midday", "afternoon"]),
        ((9, 12), ["morning"]),
        ((13, 15), ["midday"]),
        ((10, 13), ["morning", "midday"]),
        ((0, 24), ["morning", "midday", "afternoon"]),
    ],
)
def test_parts_of_the_day_lie_inside_the_hours(hours: tuple[int, int], names: list[str]) -> None:
    """Empty ones fall away, and together they are exactly the allowed hours."""
    parts = parts_of_day(WorkCalendar(hours_from=hours[0], hours_to=hours[1]))
    assert [part.name for part in parts] == names
    assert [hour for part in parts for hour in range(part.start, part.end)] == list(range(*hours))


@pytest.mark.parametrize(
    ("outcome", "one", "expected"),
    [
        ("answered", ANNA, Effect(ends="answered")),
        ("refused", ANNA, Effect(ends="refused")),
        ("never", ANNA, Effect(ends="opted_out", opt_out=True)),
        ("asks_email", ANNA, Effect("asks_email", mail_now=True)),
        ("wrong_number", ANNA, Effect("wrong_number")),
        ("call_back", ANNA, Effect(promised_at=at("03.11 10:00"))),
        ("not_now", ANNA, Effect()),
        ("not_now", called(ANNA, ("01.11 10:00", "not_now"), ("01.11 10:00", "no_answer")), Effect(ends="refused")),
        ("out_of_service", called(ANNA, ("01.11 10:00", "no_answer")), Effect()),
        ("out_of_service", called(ANNA, ("01.11 10:00", "out_of_service")), Effect("out_of_service")),
        (
            "out_of_service",
            replace(called(ANNA, ("01.11 10:00", "out_of_service")), phone="+79160000002"),  # another number since
            Effect(),
        ),
        ("no_answer", called(ANNA, *[("01.11 10:00", "no_answer")] * 10), Effect()),
        ("no_answer", called(ANNA, *[("01.11 10:00", "no_answer")] * 11), Effect("used_up")),
        # A promise to come outlives the last attempt; one that was due is honoured, whatever came of it.
        (
            "busy",
            replace(called(ANNA, *[("01.11 10:00", "no_answer")] * 11), promised_at=at("03.11 10:00")),
            Effect(promised_at=at("03.11 10:00")),
        ),
        ("no_answer", replace(ANNA, promised_at=at("02.11 09:55")), Effect()),
        ("call_back", called(ANNA, *[("01.11 10:00", "no_answer")] * 12), Effect(promised_at=at("03.11 10:00"))),
    ],
)  # fmt: skip
def test_what_follows_from_a_call(outcome: CallOutcome, one: InvitationFacts, expected: Effect) -> None:
    """Ends, letters, promises and the end of calls (W7, W11, W12)."""
    assert after_call(outcome, one, POLICY, at("02.11 10:00"), call_back_at=at("03.11 10:00")) == expected


@pytest.mark.parametrize(
    ("outcome", "given", "codes"),
    [
        ("answered", {"score_given": True}, ()),
        ("answered", {}, ("score_missing",)),
        ("refused", {"score_given": True}, ("score_unasked",)),
        ("asks_email", {"has_address": False}, ("no_address",)),
        ("asks_email", {}, ()),
        ("laughed", {}, ("unknown_outcome",)),
        ("call_back", {}, ("call_back_missing",)),
        ("call_back", {"call_back_at": at("02.11 09:59")}, ("call_back_past",)),
        ("call_back", {"call_back_at": at("02.11 20:00")}, ("call_back_outside_hours",)),
        ("call_back", {"call_back_at": at("07.11 12:00")}, ("call_back_outside_hours",)),
        ("call_back", {"call_back_at": at("30.11 12:00")}, ("call_back_after_closing",)),
        ("call_back", {"call_back_at": at("02.11 10:01")}, ()),
    ],
)
def test_what_cannot_be_written_down_says_why(
    outcome: str, given: dict[str, Any], codes: tuple[str, ...]
) -> None:
    """Codes for the caller's page; nothing is guessed."""
    values: dict[str, Any] = {"has_address": True, "score_given": False, "call_back_at": None, **given}
    found = problems_of(outcome, facts=ANNA, wave=WAVE, now=at("02.11 10:00"), calendar=CALENDAR, **values)
    assert found == codes


def test_the_yield_counts_the_attempts_of_each_person_without_gaps() -> None:
    """An attempt taken back leaves a gap in the numbers, not in the yield (N6)."""
    rows = [
        (1, 1, "no_answer"), (1, 3, "answered"), (2, 1, "refused"), (3, 2, "wrong_number"), (3, 4, "busy"),
        (3, 5, "no_answer"),
    ]  # fmt: skip
    assert yields(rows) == [Yield(1, 3, 1, 0), Yield(2, 2, 1, 1), Yield(3, 1, 0, 0)]
    assert yields([]) == []
    assert listed((Call(2, "busy", at("02.11 09:10")),)) == ["2 2026-11-02T06:10+00:00 busy"]


# --- letters


def letter(one: InvitationFacts, now: str, wave: WaveState = WAVE) -> object:
    return next_touch(one, wave, POLICY, at(now), CALENDAR)


ANNOUNCED = replace(ANNA, touches={"announcement": at("19.10 09:00")}, last_letter_at=at("19.10 09:00"))


@pytest.mark.parametrize(
    ("one", "now", "wave", "expected"),
    [
        (ANNOUNCED, "02.11 09:00", WAVE, Wait(at("12.11 09:00"))),
        (ANNOUNCED, "12.11 09:00", MAILING, Touch("invitation", "invitation", at("12.11 09:00"), False)),
        # Asked for on the phone: at once, or with the next allowed hour; reminders count from it.
        (
            replace(ANNOUNCED, calls_over="asks_email", mail_from=at("03.11 10:07")), "03.11 10:07", WAVE,
            Touch("invitation", "invitation", at("03.11 10:07"), False),
        ),
        (replace(ANNOUNCED, mail_from=at("03.11 18:30")), "03.11 18:30", WAVE, Wait(at("04.11 09:00"))),
        (
            replace(
                ANNOUNCED, mail_from=at("03.11 10:07"), last_letter_at=at("03.11 10:07"),
                touches={**ANNOUNCED.touches, "invitation": at("03.11 10:07")},
            ), "03.11 10:08", WAVE, Wait(at("09.11 09:00")),  # four days later is a Saturday
        ),
        # Called in the time of reminders, and asked for the letter once more: the next one comes now.
        (
            replace(
                ANNOUNCED, mail_from=at("17.11 10:00"), last_letter_at=at("12.11 09:00"),
                skipped=frozenset({"reminder_1"}), touches={**ANNOUNCED.touches, "invitation": at("12.11 09:00")},
            ), "17.11 10:00", MAILING, Touch("reminder_2", "last_reminder", at("17.11 10:00"), False),
        ),
        # In hand, or promised: the letter waits for the caller, an hour more at most and not past the day.
        (replace(ANNOUNCED, in_hand_until=at("12.11 09:04")), "12.11 09:00", MAILING, Wait(at("12.11 09:04"))),
        (replace(ANNOUNCED, promised_at=at("12.11 11:00")), "12.11 09:00", MAILING, Wait(at("12.11 12:00"))),
        (replace(ANNOUNCED, promised_at=at("12.11 17:30")), "12.11 09:00", MAILING, Wait(at("13.11 09:00"))),
        # "Not now" to a caller holds letters back as long as calls.
        (called(ANNOUNCED, ("11.11 10:00", "not_now")), "12.11 09:00", MAILING, Wait(at("18.11 10:00"))),
        (called(ANNOUNCED, ("27.11 10:00", "not_now")), "30.11 09:00", MAILING,
         Final("postponed", {"touches": ["announcement"], "attempts": ["1 2026-11-27T07:00+00:00 not_now"]})),
        # People without an address: no letter, called until the end, unreachable with the attempts listed.
        (BARE, "19.10 09:00", replace(WAVE, stage="announced"), Wait(at("30.11 09:00"))),
        (BARE, "12.11 09:00", MAILING, Wait(at("30.11 09:00"))),
        (replace(BARE, phone=""), "02.11 09:00", WAVE, Final("unreachable", {"touches": []})),
        (
            replace(called(BARE, ("02.11 10:00", "wrong_number")), calls_over="wrong_number"), "02.11 10:00", WAVE,
            Final("unreachable", {
                "touches": [], "attempts": ["1 2026-11-02T07:00+00:00 wrong_number"], "calls_over": "wrong_number",
            }),
        ),
        (
            called(BARE, ("02.11 10:00", "no_answer")), "30.11 09:00", MAILING,
            Final("unreachable", {"touches": [], "attempts": ["1 2026-11-02T07:00+00:00 no_answer"]}),
        ),
        # A dead address does not end who can still be called.
        (replace(ANNOUNCED, unreachable=True), "02.11 10:00", WAVE, Wait(at("30.11 09:00"))),
        (replace(ANNOUNCED, unreachable=True), "02.11 10:00", replace(WAVE, plan=replace(PLAN, calling=None)),
         Final("unreachable", {"touches": ["announcement"]})),
    ],
)  # fmt: skip
def test_letters_and_calls_do_not_get_in_each_other_s_way(
    one: InvitationFacts, now: str, wave: WaveState, expected: object
) -> None:
    """Who is not reached goes to the mailing by itself; who is being called is not written to meanwhile (W7, W11)."""
    found = letter(one, now, wave)
    assert replace(found, skipped=()) == expected  # type: ignore[type-var]


# --- properties

ZONES = st.sampled_from(
    ["Europe/Kyiv", "Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"]
)
OUTCOMES: st.SearchStrategy[CallOutcome] = st.sampled_from(
    [
        "no_answer",
        "no_answer",
        "no_answer",
        "busy",
        "busy",
        "call_back",
        "call_back",
        "out_of_service",
        "not_now",
    ]
)


@settings(max_examples=250)
@given(
    zone=ZONES,
    start=st.sampled_from([date(2026, 3, 19), date(2026, 10, 19), date(2026, 3, 2), date(2026, 12, 21)]),
    hours=st.sampled_from([(9, 18), (0, 24), (1, 4), (10, 13), (13, 15)]),
    weekend=st.sampled_from([frozenset({5, 6}), frozenset()]),
    holidays=st.frozensets(st.dates(date(2026, 3, 1), date(2026, 11, 30)), max_size=10),
    per_day=st.integers(1, 3),
    most=st.integers(3, 14),
    bare=st.booleans(),
    steps=st.lists(
        st.tuples(OUTCOMES, st.integers(1, 60 * 30), st.integers(1, 60 * 24 * 6)), min_size=8, max_size=30
    ),
)
def test_however_callers_work_the_rules_of_calls_hold(
    zone: str,
    start: date,
    hours: tuple[int, int],
    weekend: frozenset[int],
    holidays: frozenset[date],
    per_day: int,
    most: int,
    bare: bool,
    steps: list[tuple[CallOutcome, int, int]],
) -> None:
    """Only in allowed hours of the person's zone, over both changes of summer time too; never more than so many on a
    day or in all, save for what was promised; every answer of the rule is a step forward; waits are kept."""
    policy = replace(
        POLICY,
        hours_from=hours[0],
        hours_to=hours[1],
        attempts_per_day=per_day,
        max_attempts=most,
        time_zone="UTC",
    )
    calendar = calendar_of(policy, weekend, holidays)
    wave = replace(WAVE, plan=plan(start, policy, calendar))
    one = replace(BARE if bare else ANNA, zone=zone)
    tz, now, honoured = ZoneInfo(zone), wave.plan.moment(wave.plan.start, calendar), 0
    for outcome, pause, ahead in steps:
        found = next_call(one, wave, policy, now, calendar)
        if isinstance(found, CallAt):
            assert now < found.at < found.until
            assert next_call(one, wave, policy, found.at, calendar) == CallNow(found.until, found.promised)
            now = found.at
            found = next_call(one, wave, policy, now, calendar)
        if isinstance(found, NoCall):
            break
        assert isinstance(found, CallNow)
        assert now < found.until
        for moment in (now, found.until - timedelta(microseconds=1)):
            assert calendar.is_allowed(moment, tz)
            assert local_day(moment, tz) == local_day(now, tz)
        honoured += found.promised
        if not found.promised:
            assert one.promised_at is None
            assert len(one.calls) < most
            assert sum(local_day(call.at, tz) == local_day(now, tz) for call in one.calls) < per_day
            if one.calls:
                last = one.calls[-1]
                assert now >= last.at + policy.wait_after(last.outcome)
        back = calendar.next_allowed(now + timedelta(minutes=ahead), tz) if outcome == "call_back" else None
        if back is not None and problems_of(
            outcome, has_address=True, score_given=False, call_back_at=back, facts=one, wave=wave, now=now,
            calendar=calendar,
        ):  # fmt: skip
            outcome, back = "no_answer", None
        effect = after_call(outcome, one, policy, now, call_back_at=back)
        if effect.ends:
            break
        one = replace(
            one, calls=(*one.calls, Call(len(one.calls) + 1, outcome, now, back, one.phone)),
            calls_over=effect.calls_over, promised_at=effect.promised_at,
        )  # fmt: skip
        again = next_call(one, wave, policy, now, calendar)
        assert isinstance(again, NoCall) or (isinstance(again, CallAt) and again.at > now)
        now += timedelta(minutes=pause)
    promises = sum(call.outcome == "call_back" for call in one.calls)
    assert honoured <= promises
    assert len(one.calls) <= most + promises


@settings(max_examples=100)
@given(zone=ZONES, start=st.dates(date(2026, 1, 5), date(2026, 12, 20)), minutes=st.integers(1, 6))
def test_whoever_follows_the_desk_reaches_every_part_evenly(zone: str, start: date, minutes: int) -> None:
    """Without days off, with calls of a few minutes: at most one attempt between the most and the least tried part
    after every attempt, and never the same part twice on one day."""
    policy = replace(POLICY, time_zone=zone, calling_days=14)
    calendar = calendar_of(policy, frozenset())
    wave = replace(WAVE, plan=plan(start, policy, calendar))
    one, tz = replace(ANNA, zone=zone), ZoneInfo(zone)
    now = wave.plan.moment(wave.plan.start, calendar)
    while not isinstance(found := next_call(one, wave, policy, now, calendar), NoCall):
        now = found.at if isinstance(found, CallAt) else now + timedelta(minutes=minutes)
        if isinstance(found, CallNow):
            one = replace(one, calls=(*one.calls, Call(len(one.calls) + 1, "no_answer", now)))
            made = [(local_day(call.at, tz), part_at(call.at, tz, calendar)) for call in one.calls]
            counts = Counter(part.name for _, part in made if part)
            tried = [counts[part.name] for part in parts_of_day(calendar)]
            assert len(set(made)) == len(made)
            assert max(tried) - min(tried) <= 1
    assert found == NoCall("used_up")

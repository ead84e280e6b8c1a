"""The wave itself: stages, owner tasks, closing (product.md W1 to W3, W14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integration.nps.intents import (
    CloseWave,
    CreateOwnerTask,
    MoveStage,
    RecordOutcome,
    SendLetter,
    SkipStep,
    WaveStage,
)
from integration.nps.people import ClientKey
from integration.nps.plans import calendar_of, plan
from integration.nps.policy import Policy
from integration.nps.waves import (
    InvitationFacts,
    WaveState,
    advance,
    advance_wave,
    approval_problems,
    close_early,
    next_look,
    readiness,
    without_outcome,
)

POLICY = Policy(time_zone="Europe/Moscow")
CALENDAR = calendar_of(POLICY)
PLAN = plan(date(2026, 11, 10), POLICY, CALENDAR)  # announce 27.10, D 10.11, 16.11, 19.11, closing 26.11
DRAFT = WaveState(1, "2026", "draft", PLAN)
WAVE = replace(DRAFT, stage="rehearsed", approved_by="Head")


def at(text: str) -> datetime:
    """A moment written in Moscow time, e.g. ``10.11 09:00``, of 2026."""
    local = datetime.strptime(f"2026 {text}", "%Y %d.%m %H:%M")  # noqa: DTZ007 - the zone follows
    return local.replace(tzinfo=ZoneInfo("Europe/Moscow")).astimezone(UTC)


def invitations(count: int) -> list[InvitationFacts]:
    return [
        InvitationFacts(n, ClientKey("company", n), n, address=f"c{n}@example.com", zone="Europe/Moscow")
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("stage", "now", "to"),
    [
        ("rehearsed", "27.10 09:00", "announced"),
        ("announced", "10.11 09:00", "mailing"),
        ("mailing", "16.11 09:00", "reminders"),
        ("reminders", "26.11 09:00", "closing"),
    ],
)
def test_each_stage_begins_on_its_day(stage: WaveStage, now: str, to: WaveStage) -> None:
    """At the first allowed hour of the portal; a minute before nothing moves (W1)."""
    wave = replace(WAVE, stage=stage)
    assert advance_wave(wave, 5, at(now), CALENDAR) == [MoveStage(1, to)]
    assert advance_wave(wave, 5, at(now) - timedelta(minutes=1), CALENDAR) == []
    assert advance_wave(replace(WAVE, stage=to), 5, at(now), CALENDAR) == []


def test_calling_has_its_place_in_the_machine() -> None:
    """With calls switched on they come first (W1)."""
    policy = replace(POLICY, calling=True)
    wave = replace(WAVE, stage="announced", plan=plan(date(2026, 11, 10), policy, CALENDAR))
    assert advance_wave(wave, 5, at("10.11 09:00"), CALENDAR) == [MoveStage(1, "calling")]


def test_stages_slept_through_are_named() -> None:
    """A week of downtime over D: one move, late, with what was overtaken (W2)."""
    wave = replace(WAVE, stage="announced")
    assert advance_wave(wave, 5, at("17.11 12:00"), CALENDAR) == [
        MoveStage(1, "reminders", late=True, skipped=("mailing",))
    ]


def test_an_unapproved_wave_never_moves() -> None:
    """It only tells its owner: when planned, at D-28 and at D-21, each once, overtaken ones never (W2)."""

    def tasks(now: str, *done: str) -> list[object]:
        return list(advance_wave(replace(DRAFT, owner_tasks=frozenset(done)), 5, at(now), CALENDAR))

    announce = at("27.10 09:00")
    assert tasks("28.09 12:00") == []
    assert tasks("29.09 09:00") == [CreateOwnerTask(1, "plan_wave", announce)]
    assert tasks("30.09 09:00", "plan_wave") == []
    assert tasks("13.10 09:00", "plan_wave") == [CreateOwnerTask(1, "approve_wave_28", announce)]
    assert tasks("22.10 09:00", "plan_wave") == [CreateOwnerTask(1, "approve_wave_21", announce, late=True)]
    assert tasks("30.12 09:00", "plan_wave", "approve_wave_21") == []


def test_an_approved_wave_reminds_nobody() -> None:
    """Its owner has done what was to be done."""
    assert advance_wave(WAVE, 5, at("13.10 09:00"), CALENDAR) == []


@pytest.mark.parametrize("stage", ["paused", "cancelled", "closed"])
def test_a_wave_that_does_not_run_does_nothing(stage: WaveStage) -> None:
    """Until a person changes it (W1)."""
    wave = replace(WAVE, stage=stage)
    assert advance_wave(wave, 0, at("30.11 12:00"), CALENDAR) == []
    assert next_look(wave, at("01.10 12:00"), CALENDAR) is None


def test_a_wave_closes_when_nobody_lacks_an_outcome() -> None:
    """Not before, and its results stay preliminary for ``edit_days`` (W14)."""
    assert advance_wave(replace(WAVE, stage="mailing"), 0, at("12.11 09:00"), CALENDAR) == []
    closing = replace(WAVE, stage="closing")
    assert advance_wave(closing, 1, at("26.11 09:00"), CALENDAR) == []
    assert advance_wave(closing, 0, at("26.11 09:00"), CALENDAR) == [CloseWave(1, date(2026, 12, 10))]
    assert advance_wave(closing, 0, at("27.11 09:00"), CALENDAR) == [
        CloseWave(1, date(2026, 12, 10), late=True)
    ]


def test_the_next_moment_to_look_at_a_wave() -> None:
    """So that it can be stored: owner tasks while unapproved, stages after."""
    assert next_look(DRAFT, at("01.09 12:00"), CALENDAR) == at("29.09 09:00")
    assert next_look(DRAFT, at("20.10 12:00"), CALENDAR) is None
    assert next_look(WAVE, at("27.10 09:00"), CALENDAR) == at("10.11 09:00")
    assert next_look(replace(WAVE, stage="closing"), at("26.11 09:00"), CALENDAR) is None


def test_a_whole_small_wave() -> None:
    """Three clients, one answers after the invitation: nine letters in all... and three outcomes, closed."""
    wave, people, sent, now = WAVE, invitations(3), [], at("26.10 09:00")
    for _ in range(24 * 40):
        now += timedelta(hours=1)
        for intent in advance(wave, people, now, POLICY, CALENDAR):
            if isinstance(intent, MoveStage):
                wave = replace(wave, stage=intent.to)
            elif isinstance(intent, CloseWave):
                wave = replace(wave, stage="closed")
            elif isinstance(intent, SendLetter):
                sent.append((intent.step, intent.contact_id))
                people = [_sent(one, intent, now) for one in people]
            elif isinstance(intent, RecordOutcome):
                people = [
                    replace(one, outcome=intent.outcome) if one.id == intent.invitation_id else one
                    for one in people
                ]
            else:
                pytest.fail(f"unexpected: {intent}")
    assert wave.stage == "closed"
    assert [one.outcome for one in people] == ["answered", "no_answer", "no_answer"]
    assert sorted(sent) == sorted(
        [(step, n) for step in ("announcement", "invitation") for n in (1, 2, 3)]
        + [(step, n) for step in ("reminder_1", "reminder_2") for n in (2, 3)]
    )


def _sent(one: InvitationFacts, letter: SendLetter, now: datetime) -> InvitationFacts:
    if one.id != letter.invitation_id:
        return one
    answered = one.id == 1 and letter.step == "invitation"
    return replace(one, touches={**one.touches, letter.step: now}, last_letter_at=now, answered=answered)


def test_advance_names_overtaken_letters_too() -> None:
    """They are intents like any other, so that they are written down."""
    intents = advance(replace(WAVE, stage="mailing"), invitations(1), at("11.11 12:00"), POLICY, CALENDAR)
    assert intents[0] == SkipStep(1, "announcement", "overtaken")
    assert isinstance(intents[1], SendLetter)
    assert intents[1].late


def test_a_wave_is_approved_only_after_its_rehearsal_and_before_its_day() -> None:
    """A late approval loses the announcement, an approval after D needs a new plan (W2, W4)."""
    rehearsed = replace(DRAFT, stage="rehearsed")
    assert approval_problems(rehearsed, at("20.10 12:00")) == []
    assert approval_problems(rehearsed, at("10.11 12:00")) == []
    assert approval_problems(rehearsed, at("11.11 12:00")) == ["plan_is_past"]
    assert approval_problems(DRAFT, at("20.10 12:00")) == ["wrong_stage"]
    assert approval_problems(WAVE, at("20.10 12:00")) == ["already_approved"]


@pytest.mark.parametrize(
    ("setting", "open_cases", "letters", "before", "expected"),
    [
        ("warn", 0, 1, 1, ("ok", [])),
        ("warn", 2, 1, 1, ("warn", ["follow_ups_open"])),
        ("refuse", 2, 0, 1, ("refuse", ["follow_ups_open", "no_we_did_letter"])),
        ("refuse", 0, 0, 0, ("ok", [])),
    ],
)
def test_asking_again_without_having_acted(
    setting: str, open_cases: int, letters: int, before: int, expected: object
) -> None:
    """Warns or refuses, as set; the first wave has nothing to answer for (W3)."""
    policy = replace(POLICY, readiness=setting)  # type: ignore[arg-type]
    assert readiness(policy, open_cases, letters, before) == expected


def test_closing_early_gives_everybody_an_outcome() -> None:
    """Who answered keeps that; the others say by whom and why (W14)."""
    people = invitations(3)
    people[0] = replace(people[0], answered=True)
    people[1] = replace(people[1], outcome="refused")
    assert without_outcome(people) == [1, 3]
    assert [(one.invitation_id, one.outcome) for one in close_early(people, "Head", "merger")] == [
        (1, "answered"),
        (3, "closed_early"),
    ]

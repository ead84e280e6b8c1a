"""What happens next to one invitation (product.md W2, W11, W12, W14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integration.nps.intents import SkipStep, WaveStage
from integration.nps.people import ClientKey, Exclusion
from integration.nps.plans import calendar_of, plan
from integration.nps.policy import Policy
from integration.nps.touches import (
    Final,
    InvitationFacts,
    Touch,
    Wait,
    WaveState,
    comes_back,
    next_touch,
)
from integration.nps.waves import letter_of

POLICY = Policy(time_zone="Europe/Moscow")
CALENDAR = calendar_of(POLICY)
PLAN = plan(date(2026, 11, 10), POLICY, CALENDAR)  # announce 27.10, D 10.11, 16.11, 19.11, closing 26.11
WAVE = WaveState(1, "2026", "rehearsed", PLAN, approved_by="Head")
ANNA = InvitationFacts(
    7,
    ClientKey("company", 1),
    11,
    address="anna@example.com",
    zone="Europe/Moscow",
    language="ru",
    sender="msk",
)


def at(text: str) -> datetime:
    """A moment written in Moscow time, e.g. ``10.11 09:00``, of 2026."""
    local = datetime.strptime(f"2026 {text}", "%Y %d.%m %H:%M")  # noqa: DTZ007 - the zone follows
    return local.replace(tzinfo=ZoneInfo("Europe/Moscow")).astimezone(UTC)


def ask(invitation: InvitationFacts, now: str, wave: WaveState = WAVE, policy: Policy = POLICY) -> object:
    return next_touch(invitation, wave, policy, at(now), CALENDAR)


def after(**touches: str) -> InvitationFacts:
    moments = {step: at(text) for step, text in touches.items()}
    return replace(ANNA, touches=moments, last_letter_at=max(moments.values()))


ANNOUNCED = after(announcement="27.10 09:00")
INVITED = after(announcement="27.10 09:00", invitation="10.11 09:00")
REMINDED = after(announcement="27.10 09:00", invitation="10.11 09:00", reminder_1="16.11 09:00")
ALL = after(
    announcement="27.10 09:00", invitation="10.11 09:00", reminder_1="16.11 09:00", reminder_2="19.11 09:00"
)


@pytest.mark.parametrize(
    ("invitation", "now", "step", "letter"),
    [
        (ANNA, "27.10 09:00", "announcement", "announcement"),
        (ANNOUNCED, "10.11 09:00", "invitation", "invitation"),
        (INVITED, "16.11 09:00", "reminder_1", "reminder"),
        (REMINDED, "19.11 09:00", "reminder_2", "last_reminder"),
    ],
)
def test_a_letter_leaves_on_its_day(invitation: InvitationFacts, now: str, step: str, letter: str) -> None:
    """Announcement, invitation, two reminders to the silent (W5, W11), none of them late."""
    assert ask(invitation, now) == Touch(step, letter, at(now), late=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("invitation", "now", "until"),
    [
        (ANNA, "01.10 12:00", "27.10 09:00"),
        (ANNA, "27.10 08:59", "27.10 09:00"),
        (ANNOUNCED, "28.10 12:00", "10.11 09:00"),
        (INVITED, "10.11 09:05", "16.11 09:00"),
        (REMINDED, "16.11 10:00", "19.11 09:00"),
        (ALL, "19.11 09:01", "26.11 09:00"),
    ],
)
def test_between_two_letters_the_moment_to_look_again_is_known(
    invitation: InvitationFacts, now: str, until: str
) -> None:
    """So that it can be stored and nobody is ever scanned."""
    assert ask(invitation, now) == Wait(at(until))


@pytest.mark.parametrize(
    "wave",
    [
        replace(WAVE, approved_by=""),
        replace(WAVE, stage="paused", paused_from="mailing"),
    ],
)
def test_nothing_is_sent_unapproved_or_paused(wave: WaveState) -> None:
    """Whatever the date, until a person approves or resumes (W2)."""
    for invitation, now in ((ANNA, "27.10 09:00"), (ANNOUNCED, "10.11 09:00"), (INVITED, "30.11 09:00")):
        assert ask(invitation, now, wave) == Wait(None)


def test_letters_leave_in_the_hours_of_the_persons_zone() -> None:
    """Nine o'clock in Vladivostok is two in the morning in Moscow; evenings wait for the next morning."""
    far = replace(ANNA, zone="Asia/Vladivostok")
    assert isinstance(ask(far, "27.10 02:00"), Touch)
    assert ask(far, "26.10 23:00") == Wait(at("27.10 02:00"))
    assert ask(far, "27.10 12:00") == Wait(at("28.10 02:00"))
    assert ask(ANNA, "27.10 18:00") == Wait(at("28.10 09:00"))
    assert ask(ANNA, "31.10 12:00") == Wait(at("02.11 09:00"))


def test_what_was_due_during_downtime_is_sent_once_and_late() -> None:
    """A week without a worker from D on: the invitation leaves late, reminders count from it (W2)."""
    assert ask(ANNOUNCED, "17.11 11:00") == Touch("invitation", "invitation", at("10.11 09:00"), late=True)
    late = after(announcement="27.10 09:00", invitation="17.11 11:00")
    assert ask(late, "17.11 11:01") == Wait(at("23.11 09:00"))
    reminded = after(announcement="27.10 09:00", invitation="17.11 11:00", reminder_1="23.11 09:00")
    step = ask(reminded, "26.11 08:00")
    assert isinstance(step, Wait)
    assert step.until == at("26.11 09:00")


def test_later_on_its_day_is_not_late() -> None:
    """A letter that leaves at eleven on the day planned for nine is on time (W2)."""
    assert ask(ANNOUNCED, "10.11 11:00") == Touch("invitation", "invitation", at("10.11 09:00"), late=False)
    assert ask(ANNOUNCED, "11.11 09:00") == Touch("invitation", "invitation", at("10.11 09:00"), late=True)


def test_an_overtaken_announcement_is_skipped_and_named() -> None:
    """It would push the invitation back; two letters within three days are not sent (W2)."""
    step = ask(ANNA, "09.11 12:00")
    assert isinstance(step, Wait)
    assert step.until == at("10.11 09:00")
    assert [(skip.step, skip.why) for skip in step.skipped] == [("announcement", "overtaken")]
    on_time = ask(ANNA, "06.11 12:00")
    assert isinstance(on_time, Touch)
    assert (on_time.step, on_time.late) == ("announcement", True)
    invited = ask(ANNA, "12.11 12:00")
    assert isinstance(invited, Touch)
    assert (invited.step, invited.late, [skip.step for skip in invited.skipped]) == (
        "invitation",
        True,
        ["announcement"],
    )


def test_a_person_gets_at_most_one_letter_in_three_days() -> None:
    """Also counting letters from outside this wave (W2)."""
    busy = replace(ANNOUNCED, last_letter_at=at("08.11 15:00"))
    assert ask(busy, "10.11 09:00") == Wait(at("11.11 15:00"))
    step = ask(busy, "11.11 15:00")
    assert isinstance(step, Touch)
    assert not step.late


def test_not_now_postpones_and_asks_once_more() -> None:
    """A "not now" of the invitation skips the first reminder; one of the last letter brings one more (W12)."""
    snoozed = replace(INVITED, snoozed_until=at("24.11 12:00"))
    assert ask(snoozed, "16.11 09:00") == Wait(at("19.11 09:00"), (SkipStep(7, "reminder_1", "overtaken"),))
    assert ask(replace(snoozed, skipped=frozenset({"reminder_1"})), "19.11 09:00") == Wait(at("24.11 12:00"))
    assert ask(replace(snoozed, skipped=frozenset({"reminder_1"})), "24.11 12:00") == Touch(
        "reminder_2", "last_reminder", at("24.11 12:00"), late=False
    )
    later = replace(ALL, snoozed_until=at("24.11 12:00"))
    assert ask(later, "20.11 12:00") == Wait(at("24.11 12:00"))
    assert ask(later, "24.11 12:00") == Touch("after_snooze", "reminder", at("24.11 12:00"), late=False)
    asked = replace(later, touches={**later.touches, "after_snooze": at("24.11 12:00")})
    assert ask(asked, "24.11 12:01") == Wait(at("26.11 09:00"))


def test_a_not_now_near_the_end_promises_no_further_letter() -> None:
    """Nobody is told of a day on which nothing comes: closing begins at 9 on the 26th (W12)."""
    closing = WAVE.plan.moment(WAVE.plan.closing, CALENDAR)
    for said, again in (
        ("24.11 12:00", "24.11 12:00"), ("24.11 23:00", "25.11 09:00"), ("25.11 23:00", None),
        ("26.11 09:00", None), ("04.12 12:00", None),
    ):  # fmt: skip
        found = comes_back(at(said), WAVE.plan, INVITED.zone, CALENDAR)
        assert found == (at(again) if again else None), said
        assert found is None or found < closing


def test_while_a_rule_holds_the_client_nothing_is_sent_and_it_is_looked_at_daily() -> None:
    """It comes back by itself; past the end it is postponed; whoever has answered has answered (E5, W14)."""
    held = replace(ANNOUNCED, trouble="trouble_stage")
    assert ask(held, "10.11 09:00") == Wait(at("11.11 09:00"))
    assert ask(held, "10.11 20:00") == Wait(at("11.11 09:00"))
    assert ask(held, "25.11 12:00") == Wait(at("26.11 09:00"))
    over = ask(held, "26.11 09:00")
    assert isinstance(over, Final)
    assert over.outcome == "postponed"
    assert ask(replace(held, answered=True), "12.11 12:00") == Final("answered")
    free = ask(replace(held, trouble=""), "12.11 12:00")
    assert isinstance(free, Touch)
    assert (free.step, free.late) == ("invitation", True)


def test_a_card_that_is_gone_gets_nothing_and_after_a_day_is_out() -> None:
    """A merged card is first seen as deleted, so a day is left for the other one to be seen (E7)."""
    gone = replace(ANNOUNCED, gone_at=at("10.11 08:00"))
    out = Final("excluded", {"who": "molva", "why": "card_gone"})
    assert ask(gone, "10.11 09:00") == Wait(at("11.11 08:00"))
    assert ask(gone, "11.11 08:00") == out
    assert ask(replace(gone, gone_at=at("26.11 08:30")), "26.11 09:00") == out
    assert ask(replace(gone, gone_at=at("26.11 08:30")), "26.11 08:40") == Wait(at("26.11 09:00"))
    assert ask(replace(gone, answered=True), "12.11 12:00") == Final("answered")
    assert ask(replace(gone, opted_out=True), "12.11 12:00") == Final("opted_out")


def test_a_hold_past_the_end_is_postponed() -> None:
    """So is a "not now" that lasts longer than the wave (E5, W14)."""
    held = replace(ANNOUNCED, hold_until=date(2026, 12, 24))
    step = ask(held, "10.11 09:00")
    assert isinstance(step, Wait)
    assert step.until == at("26.11 09:00")
    lifted = ask(replace(held, hold_until=None), "12.11 12:00")
    assert isinstance(lifted, Touch)
    assert lifted.step == "invitation"
    final = ask(held, "26.11 09:00")
    assert isinstance(final, Final)
    assert final.outcome == "postponed"
    snoozed = ask(replace(INVITED, snoozed_until=at("26.11 12:00")), "26.11 09:00")
    assert isinstance(snoozed, Final)
    assert snoozed.outcome == "postponed"
    over = ask(replace(ALL, hold_until=date(2026, 11, 20)), "26.11 09:00")
    assert isinstance(over, Final)
    assert over.outcome == "no_answer"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"answered": True}, "answered"),
        ({"answered": True, "opted_out": True}, "answered"),
        ({"excluded": Exclusion("Head", "in court")}, "excluded"),
        ({"opted_out": True}, "opted_out"),
        ({"refused": True}, "refused"),
        ({"unreachable": True}, "unreachable"),
    ],
)
def test_what_settles_an_invitation_at_any_time(changes: dict[str, object], outcome: str) -> None:
    """An answer goes before what came after it; no letter follows (W14)."""
    settled = replace(INVITED, **changes)  # type: ignore[arg-type]
    for now in ("11.11 03:00", "16.11 09:00", "30.11 12:00"):
        step = ask(settled, now)
        assert isinstance(step, Final)
        assert step.outcome == outcome
        assert ask(replace(settled, outcome=step.outcome), now) == Wait(None)


def test_silence_ends_with_every_planned_touch_done_or_named() -> None:
    """``no_answer`` lists what was sent, what was skipped, and that an unproven answer lies there (W14)."""
    final = ask(replace(ALL, held=True), "26.11 09:00")
    assert final == Final(
        "no_answer", {"touches": ["announcement", "invitation", "reminder_1", "reminder_2"], "held": True}
    )
    short = ask(INVITED, "02.12 12:00")
    assert isinstance(short, Final)
    assert short.detail["skipped"] == ["reminder_1", "reminder_2"]
    assert [skip.step for skip in short.skipped] == ["reminder_1", "reminder_2"]


@pytest.mark.parametrize("stage", ["cancelled", "closed"])
def test_a_wave_ended_by_a_person_says_by_whom_and_why(stage: WaveStage) -> None:
    """Outcome ``closed_early`` (W14)."""
    wave = replace(WAVE, stage=stage, ended_by="Head", why="merger")
    assert ask(INVITED, "12.11 12:00", wave) == Final("closed_early", {"who": "Head", "why": "merger"})


def test_a_held_answer_counts_as_silence() -> None:
    """Until a person confirms it, reminders go on (S1)."""
    assert isinstance(ask(replace(INVITED, held=True), "16.11 09:00"), Touch)


def test_the_letter_carries_what_the_invitation_knows() -> None:
    """Address, language, sender and step; lateness is kept."""
    step = ask(ANNOUNCED, "17.11 11:00")
    assert isinstance(step, Touch)
    letter = letter_of(ANNOUNCED, step)
    assert (letter.letter, letter.step, letter.late) == ("invitation", "invitation", True)
    assert (letter.address, letter.language, letter.sender) == ("anna@example.com", "ru", "msk")
    assert (letter.invitation_id, letter.contact_id) == (7, 11)

"""What people do on the console of a survey and take back: refusals, exclusions, holds, dates, tasks (W, E5, E7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from integration.bitrix.call import Call
from integration.nps.plans import Plan
from integration.nps.wave_dates import wished
from integration.services import (
    chores,
    effects,
    wave_acts,
    wave_dates,
    wave_page,
    wave_refusals,
    waves,
)
from integration.services.wave_acts import DatesRefused
from integration.services.waves import WaveError
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Company
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.report_world import viewer
from tests.services.wave_world import HEAD, MANAGER, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
SOM = "Пётр Сом"


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def quick(one_engine: Engine, clock: HandClock) -> World:
    """One database, for details."""
    return make_world(make_sessions(one_engine), clock)


def line(world: World, client: int) -> int:
    return world.lines()[("company", client)].id


def test_a_refusal_ends_a_person_takes_letters_back_and_can_be_undone(world: World) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.approved()
    world.until(msk(3, 2))
    world.clock.moment = msk(3, 6)
    waves.advance_due(world.deps)  # the reminders wait to leave
    refused, other = world.invitations()[200], world.invitations()[300]
    refuse = (world.deps, world.portal_id, wave_id, refused.id, SOM)
    with pytest.raises(ValueError, match="who took it"):
        wave_refusals.refuse(*refuse, " ")
    assert wave_refusals.refuse(*refuse, "некогда") is True
    assert wave_refusals.refuse(*refuse, "некогда") is False, "twice is once"
    assert wave_refusals.refuse(world.deps, world.portal_id, wave_id + 1, other.id, SOM, "x") is False
    row = world.invitations()[200]
    assert (row.outcome, row.due_at) == ("refused", None)
    assert row.outcome_detail == {
        "who": SOM, "why": "некогда", "touches": ["announcement", "invitation", "reminder_1"],
    }  # fmt: skip
    states = {letter.invitation_id: letter.status for letter in world.letters(kind="reminder")}
    assert states == {refused.id: "cancelled", other.id: "waiting"}
    assert [(e.what, e.who, e.detail) for e in world.events()][-1] == ("refused", SOM, "company:2: некогда")

    undo = (world.deps, world.portal_id, wave_id, refused.id, SOM)
    assert wave_refusals.take_back(*undo) is True
    assert wave_refusals.take_back(*undo) is False
    assert {letter.status for letter in world.letters(kind="reminder")} == {"waiting"}
    world.tick()
    assert {letter.status for letter in world.letters(kind="reminder")} == {"done"}, (
        "it leaves after all, once"
    )
    assert len(world.letters(kind="reminder")) == 2

    world.answer(300, 9)
    assert wave_refusals.refuse(world.deps, world.portal_id, wave_id, other.id, SOM, "нет") is False, (
        "answered"
    )
    wave_refusals.refuse(*refuse, "и правда нет")
    world.until(datetime(2026, 4, 1, tzinfo=UTC))
    assert world.wave().stage == "closed"
    assert {i.outcome for i in world.rows(Invitation)} == {"answered", "refused"}
    assert wave_refusals.take_back(*undo) is False, "over"


def test_the_last_refusal_while_closing_closes_the_wave_and_an_unapproved_one_takes_none(
    quick: World,
) -> None:
    quick.client(2)
    wave_id = quick.planned()
    waves.rehearse(quick.deps, quick.portal_id, wave_id, SOM)
    number = quick.invitations()[200].id
    assert wave_refusals.refuse(quick.deps, quick.portal_id, wave_id, number, SOM, "нет") is False
    waves.approve(quick.deps, quick.portal_id, wave_id, SOM)
    quick.until(msk(3, 17))
    quick.set(Wave, wave_id, stage="closing", step_due_at=None)
    assert wave_refusals.refuse(quick.deps, quick.portal_id, wave_id, number, SOM, "нет") is True
    quick.tick()
    assert quick.wave().stage == "closed"


def test_who_was_taken_out_by_mistake_is_back_with_the_letters_that_waited(world: World) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.approved()
    world.until(msk(3, 2))
    world.clock.moment = msk(3, 6)
    waves.advance_due(world.deps)
    who = viewer(world)
    taken = {"lines": [line(world, 2)], "why": "спор"}
    assert wave_acts.act(world.deps, who, wave_id, "exclude", taken) == "excluded"
    assert world.reasons() == {2: "excluded_by_hand", 3: ""}
    world.tick()
    assert wave_acts.act(world.deps, who, wave_id, "include", taken) == "included"
    assert wave_acts.act(world.deps, who, wave_id, "include", taken) == "nothing", "twice is once"
    world.tick()
    assert world.reasons() == {2: "", 3: ""}
    assert counts(world) == {"reminder": {"done": 2}, "invitation": {"done": 2}, "announcement": {"done": 2}}
    assert [e.what for e in world.events()][-2:] == ["excluded", "included"]


def left(row: LetterRow) -> date:
    assert row.sent_at is not None
    return row.sent_at.astimezone(MOSCOW).date()


def counts(world: World) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in world.letters():
        found.setdefault(row.kind, {}).setdefault(row.status, 0)
        found[row.kind][row.status] += 1
    return found


def test_whoever_was_left_out_before_the_people_were_read_comes_back_with_a_new_list(quick: World) -> None:
    quick.client(2)
    quick.client(3, manager=MANAGER)
    wave_id = quick.planned()
    waves.rehearse(quick.deps, quick.portal_id, wave_id, SOM)
    who = viewer(quick)
    out = {"lines": [line(quick, 2)], "why": "спор"}
    wave_acts.act(quick.deps, who, wave_id, "exclude", out)
    waves.freeze(quick.deps, quick.portal_id, wave_id)
    assert quick.reasons() == {2: "excluded_by_hand", 3: ""}, "a new list keeps it (E7)"
    out = {"lines": [line(quick, 2)]}
    assert wave_acts.act(quick.deps, who, wave_id, "include", out) == "included_anew"
    while chores.run_due(quick.deps):
        pass
    assert quick.reasons() == {2: "", 3: ""}
    assert set(quick.invitations()) == {200, 300}
    wave_acts.act(quick.deps, who, wave_id, "exclude", {"lines": [line(quick, 2)], "why": "спор"})
    waves.freeze(quick.deps, quick.portal_id, wave_id)
    waves.rehearse(quick.deps, quick.portal_id, wave_id, SOM)
    waves.approve(quick.deps, quick.portal_id, wave_id, SOM)
    with pytest.raises(WaveError, match="not_invited"):
        wave_acts.act(quick.deps, who, wave_id, "include", {"lines": [line(quick, 2)]})
    quick.set(WaveClient, line(quick, 2), reason_detail="molva: card_gone")
    with pytest.raises(WaveError, match="by_machine"):
        wave_acts.act(quick.deps, who, wave_id, "include", {"lines": [line(quick, 2)]})


def test_holding_several_clients_at_once_is_kept_with_the_survey_and_lifted_again(quick: World) -> None:
    quick.client(2)
    quick.client(3)
    wave_id = quick.approved()
    who, lines = viewer(quick), [line(quick, 2), line(quick, 3)]
    until = date(2026, 3, 10)
    for form, code in (
        ({"lines": lines, "why": "аудит"}, "hold_missing"), ({"lines": lines, "until": until}, "no_reason"),
        ({"lines": lines, "why": "x", "until": date(2026, 1, 1)}, "hold_past"), ({"why": "x"}, "nobody_chosen"),
        ({"lines": [99_999], "why": "x", "until": until}, "nobody_chosen"),
    ):  # fmt: skip
        with pytest.raises(WaveError, match=code):
            wave_acts.act(quick.deps, who, wave_id, "hold", form)
    held = {"lines": lines, "why": "аудит", "until": until}
    assert wave_acts.act(quick.deps, who, wave_id, "hold", held) == "held"
    assert [row.hold_until for row in quick.rows(Company, own=False)] == [until, until]
    page = wave_page.read(quick.deps, who, wave_id)
    assert page is not None
    assert [one.hold_until for one in page.lines] == [until, until]
    assert wave_acts.act(quick.deps, who, wave_id, "lift", {"lines": lines[:1]}) == "lifted"
    assert [row.hold_until for row in quick.rows(Company, own=False)] == [None, until]
    assert [(e.what, e.detail) for e in quick.events()][-3:] == [
        ("held", "company:2: 2026-03-10 аудит"), ("held", "company:3: 2026-03-10 аудит"), ("lifted", "company:2"),
    ]  # fmt: skip
    quick.until(msk(3, 3))
    assert {row.contact_id for row in quick.rows(Invitation) if "invitation" in row.touches} == {200}
    with transaction(quick.deps.sessions) as session:
        session.delete(session.get_one(Company, (quick.portal_id, 3)))
    assert wave_acts.act(quick.deps, who, wave_id, "hold", {**held, "lines": lines}) == "held_some"
    with pytest.raises(WaveError, match="card_gone"):
        wave_acts.act(quick.deps, who, wave_id, "lift", {"lines": lines[1:]})


def test_the_dates_of_a_survey_under_way_move_and_everybody_follows(world: World) -> None:
    world.client(2)
    wave_id = world.approved()
    who = viewer(world)
    world.until(msk(2, 20))
    with pytest.raises(DatesRefused) as refused:
        wave_acts.act(
            world.deps, who, wave_id, "move", {"announce": date(2026, 2, 25), "closing": date(2026, 3, 11)}
        )
    assert [(one.step, one.code) for one in refused.value.problems] == [
        ("announce", "begun"),
        ("closing", "too_close"),
    ]
    form = {
        "start": date(2026, 3, 3),
        "reminders": [date(2026, 3, 6), date(2026, 3, 16)],
        "closing": date(2026, 3, 26),
    }
    assert wave_acts.act(world.deps, who, wave_id, "move", form) == "moved"
    assert wave_acts.act(world.deps, who, wave_id, "move", form) == "moved"
    moved = [e.detail for e in world.events() if e.what == "moved"]
    assert moved == [
        "start 2026-03-02 2026-03-03; reminder_2 2026-03-11 2026-03-16; closing 2026-03-18 2026-03-26"
    ]  # fmt: skip
    world.until(datetime(2026, 5, 1, tzinfo=UTC))
    days = {row.key.partition(":")[0]: left(row) for row in world.letters()}
    assert days == {
        "announcement": date(2026, 2, 16), "invitation": date(2026, 3, 3), "reminder_1": date(2026, 3, 6),
        "reminder_2": date(2026, 3, 16),
    }  # fmt: skip
    closed = [e.at.astimezone(MOSCOW).date() for e in world.events() if e.what == "closed"]
    assert closed == [date(2026, 3, 26)]
    with pytest.raises(WaveError, match="is_over"):
        wave_acts.act(world.deps, who, wave_id, "move", form)


def test_dates_by_hand_outlive_a_new_list_and_other_rules(quick: World) -> None:
    quick.client(2)
    wave_id = quick.planned()
    who = viewer(quick)
    wave_acts.act(quick.deps, who, wave_id, "move", {"announce": date(2026, 2, 18)})
    quick.policy(announce_days=21, reminder_days=[5])
    waves.rehearse(quick.deps, quick.portal_id, wave_id, SOM)
    assert (quick.wave().plan["announce"], len(quick.wave().plan["reminders"])) == ("2026-02-18", 2)
    days = wished(Plan.from_json(quick.wave().plan))
    with pytest.raises(WaveError, match="changed_meanwhile"):
        wave_dates.move(quick.deps, quick.portal_id, wave_id, replace(days, reminders=()), SOM)
    waves.approve(quick.deps, quick.portal_id, wave_id, SOM)
    quick.until(msk(2, 19))
    assert {left(row) for row in quick.letters()} == {date(2026, 2, 18)}
    waves.pause(quick.deps, quick.portal_id, wave_id, SOM, "")
    with pytest.raises(WaveError, match="paused_first"):
        wave_acts.act(quick.deps, who, wave_id, "move", {"start": date(2026, 3, 3)})


def test_closing_early_keeps_who_and_why(quick: World) -> None:
    quick.client(2)
    wave_id = quick.approved()
    quick.until(msk(3, 3))
    who = viewer(quick)
    with pytest.raises(WaveError, match="no_reason"):
        wave_acts.act(quick.deps, who, wave_id, "close", {})
    assert wave_acts.act(quick.deps, who, wave_id, "close", {"why": "хватит"}) == "closed"
    row = quick.wave()
    assert (row.stage, row.closed_why, row.closed_by) == ("closed", "хватит", f"{SOM} ({HEAD})")
    assert quick.invitations()[200].outcome == "closed_early"
    with pytest.raises(WaveError, match="not_running"):
        wave_acts.act(quick.deps, who, wave_id, "close", {"why": "x"})


def test_the_owner_s_tasks_are_ticked_off_when_nothing_is_left_to_do(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    world.until(msk(2, 3))  # two of the three tasks are due by now
    first, second = world.outbox(purpose="wave_task")
    assert (first.status, second.status) == ("superseded", "waiting"), (
        "the newer one takes the older one's place"
    )
    made(world, second, 901)
    assert world.outbox(purpose="wave_task_done") == [], "it is still to be done"
    waves.rehearse(world.deps, world.portal_id, wave_id, SOM)
    waves.approve(world.deps, world.portal_id, wave_id, SOM)
    (done,) = world.outbox(purpose="wave_task_done")
    assert Call.from_json(done.call).params == {"taskId": 901, "fields": {"STATUS": 5}}
    with transaction(world.deps.sessions) as session:  # one that was on its way when the survey was approved
        session.add(OutboxRow(
            portal_id=world.portal_id, lane=f"wave:{wave_id}", key="late", purpose="wave_task", method="tasks.task.add",
            call={**first.call}, cause_kind="wave", cause_id=wave_id, status="working", due_at=world.clock.now(),
            created_at=world.clock.now(), owner="w1", attempts=1,
        ))  # fmt: skip
    made(world, world.outbox(key="late")[0], 902)
    assert [Call.from_json(row.call).params["taskId"] for row in world.outbox(purpose="wave_task_done")] == [
        901,
        902,
    ]
    waves.cancel(world.deps, world.portal_id, wave_id, SOM, "нет")
    assert len(world.outbox(purpose="wave_task_done")) == 2, "once each"


def made(world: World, row: OutboxRow, number: int) -> None:
    """The portal has made the task of a call."""
    if row.status != "working":
        world.set(OutboxRow, row.id, status="working", owner="w1", attempts=1)
    row = world.outbox(key=row.key)[0]
    effects.succeed(world.deps, row, {"task": {"id": str(number)}})

"""A yearly wave from its draft to its frozen result, driven by the machine (product.md W1, W2, W11, W14)."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.bitrix.call import Call
from integration.services import letters, waves
from integration.store.base import Sessions
from integration.store.portals import Portal
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.wave_world import HEAD, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
AFTER = datetime(2026, 5, 1, tzinfo=UTC)


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def days_of(world: World) -> dict[str, Counter[date]]:
    found: dict[str, Counter[date]] = {}
    for row in world.letters(status="done"):
        assert row.sent_at is not None
        found.setdefault(row.key.partition(":")[0], Counter())[row.sent_at.astimezone(MOSCOW).date()] += 1
    return found


def test_the_wave_is_drafted_once_on_its_day_and_its_owner_gets_tasks(world: World) -> None:
    world.clock.moment = msk(1, 16)
    assert not waves.plan_due(world.deps)
    world.clock.moment = msk(1, 19, 10)
    assert waves.plan_due(world.deps)
    assert not waves.plan_due(world.deps)
    wave = world.wave()
    assert (wave.name, wave.stage) == ("2026", "draft")
    assert [wave.plan[name] for name in ("announce", "start", "closing")] == [
        "2026-02-16",
        "2026-03-02",
        "2026-03-18",
    ]
    world.tick()
    world.until(msk(2, 10))
    tasks = [Call.from_json(row.call) for row in world.outbox(purpose="wave_task")]
    assert [task.params["fields"]["RESPONSIBLE_ID"] for task in tasks] == [HEAD] * 3
    assert [task.params["fields"]["XML_ID"].split(":")[2] for task in tasks] == [
        "plan_wave",
        "approve_wave_28",
        "approve_wave_21",
    ]
    assert all(not task.repeat and task.probe is not None for task in tasks)


def test_a_portal_that_is_not_synchronised_or_not_active_gets_no_wave(world: World) -> None:
    world.clock.moment = msk(1, 19, 10)
    for changes in ({"status": "suspended"}, {"status": "active", "synced_at": None}):
        world.set(Portal, world.portal_id, **changes)
        assert not waves.plan_due(world.deps)


def test_nothing_leaves_a_wave_that_nobody_approved(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    waves.rehearse(world.deps, world.portal_id, wave_id)
    world.until(AFTER)
    assert world.letters() == []
    assert world.wave().stage == "rehearsed"


def test_a_whole_wave_asks_the_silent_again_and_leaves_the_others_alone(world: World) -> None:
    for number in (2, 3, 4, 5):
        world.client(number)
    world.approved()
    world.until(msk(3, 2, 12))
    assert days_of(world) == {
        "announcement": Counter({date(2026, 2, 16): 4}), "invitation": Counter({date(2026, 3, 2): 4}),
    }  # fmt: skip
    assert world.wave().stage == "mailing"
    world.answer(200, 10)
    world.until(msk(3, 8))
    world.answer(300, 3, comment="долго")
    world.until(msk(3, 18, 8))
    assert days_of(world)["reminder_1"] == Counter({date(2026, 3, 6): 3})
    assert days_of(world)["reminder_2"] == Counter({date(2026, 3, 11): 2})
    assert {row.sender_address for row in world.letters(kind="announcement")} == {"som@agency.example.com"}
    assert {row.sender_address for row in world.letters(kind="invitation")} == {"lis@agency.example.com"}
    assert [row.kind for row in world.letters(invitation_id=world.invitations()[500].id)] == [
        "announcement", "invitation", "reminder", "last_reminder",
    ]  # fmt: skip
    world.until(msk(3, 18, 12))
    wave = world.wave()
    assert wave.stage == "closed"
    assert {n: row.outcome for n, row in world.invitations().items()} == {
        200: "answered", 300: "answered", 400: "no_answer", 500: "no_answer",
    }  # fmt: skip
    assert world.invitations()[500].outcome_detail["touches"] == [
        "announcement",
        "invitation",
        "reminder_1",
        "reminder_2",
    ]
    assert (wave.result["clients"]["n"], wave.result["clients"]["nps"], wave.result["clients"]["base"]) == (
        2,
        0.0,
        4,
    )
    assert wave.result["outcomes"] == {"answered": 2, "no_answer": 2}
    assert wave.result_frozen_at is None
    world.answer(400, 9)
    world.until(AFTER)
    wave = world.wave()
    assert wave.result_frozen_at is not None
    assert wave.result_frozen_at.astimezone(MOSCOW).date() == date(2026, 4, 1)
    assert wave.result["answers"]["n"] == 3
    assert [e.what for e in world.events() if e.what.startswith("stage:")] == [
        "stage:announced", "stage:mailing", "stage:reminders", "stage:closing",
    ]  # fmt: skip


def test_the_personal_link_stands_in_the_card_while_the_wave_runs(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(AFTER)
    written = [Call.from_json(row.call).params for row in world.outbox(purpose="field")]
    token = world.invitations()[200].token
    assert [(p["entityTypeId"], p["id"], p["fields"]) for p in written] == [
        (3, 200, {"UF_CRM_MOLVA_SURVEY_URL": f"https://molva.example/s/{token}?via=link"}),
        (3, 200, {"UF_CRM_MOLVA_SURVEY_URL": ""}),
    ]
    assert {row.lane for row in world.outbox(purpose="field")} == {"contact:200"}


def test_everybody_is_written_to_inside_their_own_allowed_hours(world: World) -> None:
    world.client(2)
    world.client(3)
    world.approved()
    world.set(Invitation, world.invitations()[300].id, time_zone="Asia/Vladivostok")
    world.until(msk(3, 18))
    for row in world.letters(status="done"):
        zone = ZoneInfo("Asia/Vladivostok") if row.recipient_address.startswith("p300") else MOSCOW
        assert row.sent_at is not None
        local = row.sent_at.astimezone(zone)
        assert 9 <= local.hour < 18
        assert local.weekday() < 5
        assert local.date() not in (date(2026, 2, 23), date(2026, 3, 8))
    assert len(world.letters(status="done")) == 8


def test_a_week_of_downtime_is_made_up_for_once_late_and_marked(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(msk(2, 27))
    world.clock.moment = msk(3, 9, 3)
    world.tick()
    assert days_of(world).keys() == {"announcement"}  # not at night
    world.until(msk(3, 18, 8))
    keys = days_of(world)
    assert keys["invitation"] == Counter({date(2026, 3, 9): 1})
    letter = world.letters(kind="invitation")[0]
    assert letter.planned_for is not None
    assert letter.planned_for.astimezone(MOSCOW).date() == date(2026, 3, 2)
    assert "late for" in world.events()[-1].detail or any("late for" in e.detail for e in world.events())
    sent = sorted(row.sent_at for row in world.letters(status="done") if row.sent_at)
    assert all(after - before >= timedelta(days=3) for before, after in itertools.pairwise(sent))


def test_a_failure_in_the_middle_of_a_chunk_sends_nobody_anything_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill: the transaction is gone, the next run does it all once."""
    for number in range(2, 12):
        world.client(number)
    world.approved()
    genuine, calls = letters.letter_row, 0

    def fragile(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls % 7 == 0:
            raise RuntimeError("killed")
        return genuine(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("integration.services.waves_slice.letters.letter_row", fragile)
    monkeypatch.setattr("integration.services.waves_advance.CHUNK", 4)
    world.clock.moment = msk(2, 16, 10)
    failures = 0
    for _ in range(40):
        try:
            world.tick()
            break
        except RuntimeError:
            failures += 1
    assert failures > 0
    assert days_of(world) == {"announcement": Counter({date(2026, 2, 16): 10})}


def test_one_person_whose_letter_cannot_be_made_stops_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine get theirs at once, the tenth when the fault is gone; the trail names it, the failure is raised."""
    for number in range(2, 12):
        world.client(number)
    world.approved()
    genuine, broken = letters.letter_row, [True]

    def fragile(deps: Any, draft: Any, now: datetime) -> Any:
        if broken[0] and draft.recipient_address.startswith("p500@"):
            raise ValueError("nobody thought of this")
        return genuine(deps, draft, now)

    monkeypatch.setattr("integration.services.waves_slice.letters.letter_row", fragile)
    monkeypatch.setattr("integration.services.waves_advance.CHUNK", 4)
    world.clock.moment = msk(2, 16, 10)
    with pytest.raises(ValueError, match="nobody thought"):
        waves.advance_due(world.deps)
    world.tick()
    assert days_of(world) == {"announcement": Counter({date(2026, 2, 16): 9})}
    told = [one.detail for one in world.events() if one.what == "letter_problem"]
    assert [one.partition(" ")[0] for one in told] == ["ValueError"]
    broken[0] = False
    world.clock.moment = msk(2, 16, 12)
    world.tick()
    assert days_of(world) == {"announcement": Counter({date(2026, 2, 16): 10})}


def test_two_workers_at_once_send_each_letter_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration.services.waves_advance.CHUNK", 3)
    for number in range(2, 22):
        world.client(number)
    world.approved()
    world.clock.moment = msk(2, 16, 10)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                waves.advance_due(world.deps)
                letters.drain(world.deps, limit=5)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    world.tick()
    assert Counter(letter.recipient_address for letter in world.post.sent) == Counter(
        f"p{number}00@client.example.com" for number in range(2, 22)
    )
    assert [e.what for e in world.events()].count("stage:announced") == 1

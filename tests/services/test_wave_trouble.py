"""Rules that keep a client out: at the list, and while a survey runs; whoever is held comes back by itself (E5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.bitrix.errors import Refused, Retryable
from integration.services import changes, chores, wave_trouble, waves
from integration.services.waves_freeze import freeze
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Deal
from integration.store.followups import FollowUp
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.wave_world import SERVICE, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
AFTER = datetime(2026, 5, 1, tzinfo=UTC)
TROUBLE = f"C{SERVICE}:TROUBLE"


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock, policy={"trouble_stages": [TROUBLE]})


@pytest.fixture
def one(one_engine: Any, clock: HandClock) -> World:
    """The same on one kind of database, for details."""
    return make_world(make_sessions(one_engine), clock, policy={"trouble_stages": [TROUBLE]})


def stage(world: World, deal: int, to: str) -> None:
    """A deal is seen in another stage, as after its event."""
    world.set(Deal, (world.portal_id, deal), stage_id=to)
    with transaction(world.deps.sessions) as session:
        changes.changed(world.deps, session, world.portal_id, "deal", deal)


def task(number: int, *links: str, key: str = "") -> dict[str, Any]:
    return {"id": str(number), "title": "Срочно", "status": "2", "ufCrmTask": list(links), "xmlId": key}


def followup(world: World, client: int, kind: str, wave: int | None = None) -> FollowUp:
    row = FollowUp(
        portal_id=world.portal_id, key=f"{client}:{kind}:{wave}", kind=kind, client_kind="company", client_id=client,
        owner_id=5, deadline=world.clock.now(), opened_at=world.clock.now(), wave_id=wave,
    )  # fmt: skip
    with transaction(world.deps.sessions) as session:
        session.add(row)
    return row


def days_of(world: World, kind: str = "invitation") -> dict[int, str]:
    who = {row.id: contact for contact, row in world.invitations().items()}
    return {
        who[row.invitation_id]: f"{row.sent_at.astimezone(MOSCOW):%d.%m %H}"
        for row in world.letters(kind=kind, status="done")
    }


def test_a_deal_that_gets_into_trouble_during_the_survey_holds_its_client_until_it_is_over(
    world: World,
) -> None:
    for number in (2, 3, 4):
        world.client(number)
    world.approved()
    world.until(msk(2, 20))
    stage(world, 20, TROUBLE)
    stage(world, 30, TROUBLE)
    world.until(msk(3, 4, 15))
    assert days_of(world) == {400: "02.03 09"}
    stage(world, 20, f"C{SERVICE}:NEW")
    world.until(AFTER)
    assert days_of(world) == {400: "02.03 09", 200: "04.03 15"}
    assert {n: row.outcome for n, row in world.invitations().items()} == {
        200: "no_answer", 300: "postponed", 400: "no_answer",
    }  # fmt: skip
    assert world.wave().result["outcomes"] == {"no_answer": 2, "postponed": 1}


def test_a_letter_that_waits_to_leave_waits_for_the_end_of_the_trouble(one: World) -> None:
    one.client(2)
    one.approved()
    one.until(msk(3, 1, 20))
    one.post.ready = False
    one.until(msk(3, 2, 10))
    stage(one, 20, TROUBLE)
    one.post.ready = True
    one.until(msk(3, 3, 16))
    assert days_of(one) == {}
    stage(one, 20, f"C{SERVICE}:NEW")
    one.until(msk(3, 4, 12))
    assert days_of(one) == {200: "04.03 09"}


def test_an_overdue_critical_task_of_somebody_else_keeps_its_client_off_the_list(world: World) -> None:
    """On the client's own card, its deal or its contact; our own tasks hold nobody; pages are read to the end."""
    for number in (2, 3, 4, 5):
        world.client(number)
    others = [task(n, "CO_999") for n in range(1, 51)]
    world.contacts.tasks = [
        *others, task(60, "D_20"), task(61, "C_300"), task(62, "CO_4"), task(63, "CO_5", key="molva:2025:x"),
    ]  # fmt: skip
    wave_id = world.planned()
    freeze(world.deps, world.portal_id, wave_id)
    assert world.reasons() == {2: "on_hold", 3: "on_hold", 4: "on_hold", 5: ""}
    assert world.lines()["company", 4].reason_detail == "why=critical_task; until=None"


def test_a_portal_that_does_not_show_its_tasks_stops_no_list_and_one_that_is_busy_is_asked_later(
    one: World,
) -> None:
    one.client(2)
    one.contacts.tasks = [task(60, "CO_2")]
    wave_id = one.planned()
    one.contacts.refuse_tasks = Retryable("tasks.task.list", "busy", effect="none")
    with pytest.raises(Retryable):
        freeze(one.deps, one.portal_id, wave_id)
    one.contacts.refuse_tasks = Refused("tasks.task.list", "ACCESS_DENIED")
    freeze(one.deps, one.portal_id, wave_id)
    assert one.reasons() == {2: ""}
    one.contacts.refuse_tasks = None
    one.policy(critical_tasks=False)
    freeze(one.deps, one.portal_id, wave_id)
    assert one.reasons() == {2: ""}


def test_while_a_survey_runs_critical_tasks_are_looked_at_daily_and_hold_whoever_they_concern(
    world: World,
) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.approved()
    assert [row.name for row in world.rows(ChoreRow) if row.name.startswith("critical")] == [
        f"critical:{wave_id}"
    ]
    world.until(msk(3, 1, 12))
    world.contacts.tasks = [task(60, "CO_2")]
    cursor = {"wave": wave_id}
    again = wave_trouble.run(world.deps, world.portal_id, cursor)
    assert (again.due_at, again.cursor) == (world.clock.now() + timedelta(days=1), cursor)
    world.until(msk(3, 3, 12))
    assert days_of(world) == {300: "02.03 09"}
    world.contacts.tasks = []
    wave_trouble.run(world.deps, world.portal_id, cursor)
    world.until(msk(3, 3, 13))
    assert days_of(world) == {300: "02.03 09", 200: "03.03 12"}
    waves.cancel(world.deps, world.portal_id, wave_id, "Пётр Сом", "хватит")
    assert wave_trouble.run(world.deps, world.portal_id, cursor).due_at is None
    assert "critical" in chores.table()


def test_only_an_open_case_of_trouble_from_an_earlier_survey_holds_a_client(world: World) -> None:
    """Thanks that are due to a promoter, cases that are closed, and what this survey itself brings hold nobody."""
    for number in range(2, 8):
        world.client(number)
    world.clock.moment = datetime(2026, 1, 18, 9, tzinfo=UTC)
    with transaction(world.deps.sessions) as session:
        earlier = Wave(portal_id=world.portal_id, name="2025", stage="closed", origin="import", policy_version=1,
                       plan={}, planned_at=world.clock.now())  # fmt: skip
        session.add(earlier)
        session.flush()
        before = earlier.id
    followup(world, 2, "detractor_meeting", before)
    followup(world, 3, "promoter_thanks", before)
    followup(world, 4, "direct_line")
    closed = followup(world, 5, "passive_call", before)
    world.set(FollowUp, closed.id, status="closed")
    wave_id = world.approved()
    assert world.reasons() == {2: "on_hold", 3: "", 4: "on_hold", 5: "", 6: "", 7: ""}
    world.until(msk(2, 20))
    followup(world, 6, "detractor_meeting", wave_id)
    said = followup(world, 7, "direct_line")
    world.until(msk(3, 3, 12))
    assert set(days_of(world)) == {300, 500, 600}
    world.set(FollowUp, said.id, status="closed")
    world.until(msk(3, 4, 12))
    assert days_of(world)[700] == "04.03 09"

"""What the settings offer to choose from, and the days of the next survey under settings nobody has saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from integration.nps.policy import Policy
from integration.services import choices, policies, wave_preview
from integration.store.base import Sessions, reading
from integration.store.clients import Company
from integration.store.portals import Portal, Staff
from tests.conftest import HandClock
from tests.services.wave_world import DIRECTOR, HEAD, SERVICE, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def desk(world: World) -> choices.Desk:
    return choices.desk(world.deps, world.portal_id)


def test_people_stages_and_branches_come_from_the_mirror(world: World) -> None:
    world.client(2, city="Тверь")
    world.client(3, city="Казань")
    world.client(4, city="Казань")
    world.client(5, city="Ялта", deleted_at=world.clock.now())
    world.set(Company, (world.portal_id, 1), city="Своя")
    found = desk(world).choices
    assert [(one.name, one.department, one.heads, one.complete) for one in found.staff] == [
        ("Иван Петров", "Клиенты", False, True),
        ("Ольга Лис", "Клиенты", True, True),
        ("Пётр Сом", "Агентство", True, True),
    ]  # fmt: skip
    assert [(one.number, one.name, [s.stage_id for s in one.working]) for one in found.pipelines] == [
        (0, "Продажи", ["NEW", "TROUBLE"]), (SERVICE, "Сопровождение", ["C9:NEW", "C9:TROUBLE"]),
    ]  # fmt: skip
    assert found.cities == (("Казань", 2), ("Тверь", 1))


def test_who_has_left_stands_last_and_whoever_lacks_something_may_not_sign_as_is(world: World) -> None:
    world.set(Staff, (world.portal_id, DIRECTOR), active=False)
    world.set(Staff, (world.portal_id, HEAD), phone="")
    found = desk(world).choices
    assert [(one.user_id, one.active, one.complete) for one in found.staff] == [
        (6, True, True), (HEAD, True, False), (DIRECTOR, False, True),
    ]  # fmt: skip
    assert found.employee(99) is None


def test_what_the_portal_has_no_more_is_named_by_its_number(world: World) -> None:
    found = desk(world).choices
    assert (found.pipeline_name(SERVICE), found.pipeline_name(77)) == ("Сопровождение", "#77")
    assert (found.stage_name("C9:NEW"), found.stage_name("C77:X")) == ("NEW", "C77:X")


def test_sources_on_cards_are_counted_over_all_kinds(world: World) -> None:
    code = choices.SOURCE_FIELD
    items = {"items": {"client": 70, "own_1": 71}}
    world.set(
        Portal, world.portal_id, fields={"company": {code: items}, "deal": {code: {"items": {"client": 5}}}}
    )
    for number, value in ((2, "70"), (3, 71), (4, None), (5, "999")):
        world.client(number, referral={code: value} if value else {})
    assert choices.sources_in_use(world.deps, world.portal_id) == {"client": 1, "own_1": 1}
    assert choices.sources_in_use(world.deps, 99) == {}


def stored(world: World) -> Policy:
    with reading(world.deps.sessions) as session:
        return policies.load(session, world.portal_id)[0]


def looked_at(world: World, **changes: Any) -> wave_preview.Preview:
    found = wave_preview.preview(world.deps, world.portal_id, replace(stored(world), **changes))
    assert found is not None
    return found


def test_the_days_are_those_that_planning_will_give(world: World) -> None:
    before = looked_at(world)
    world.planned()
    assert world.wave().plan == before.plan.to_json()
    assert (before.source, before.taken, looked_at(world).taken) == ("portal", "", "2026")


def test_a_day_off_is_named_beside_the_day_it_moved_to(world: World) -> None:
    """23 February and 8 March are days off in this portal; the 7th and 8th a weekend."""
    found = looked_at(world, wave_day=8, announce_days=13)
    days = {step.name: (step.wished, step.day, step.moved) for step in found.steps}
    assert days["mailing"] == (date(2026, 3, 8), date(2026, 3, 9), 1)
    assert days["announced"] == (date(2026, 2, 24), date(2026, 2, 24), 0)
    assert not found.calendar.is_workday(date(2026, 2, 23))


@pytest.mark.parametrize(
    ("today", "start"),
    [(datetime(2026, 2, 16, 9, tzinfo=UTC), 2026), (datetime(2026, 2, 17, 9, tzinfo=UTC), 2027)],
)
def test_a_survey_that_cannot_be_announced_in_time_is_next_year_s(
    world: World, today: datetime, start: int
) -> None:
    world.clock.moment = today
    assert looked_at(world).plan.start.year == start


def test_without_a_month_there_is_no_next_survey(world: World) -> None:
    assert wave_preview.preview(world.deps, world.portal_id, Policy()) is not None
    assert wave_preview.preview(world.deps, world.portal_id, Policy(wave_month=0)) is None
    found = wave_preview.next_list(world.deps, world.portal_id, Policy(wave_month=0))
    assert found == wave_preview.NextList(None, False)
    found = wave_preview.next_list(world.deps, world.portal_id, stored(world))
    assert found == wave_preview.NextList(date(2026, 1, 19), False)
    with pytest.raises(LookupError):
        wave_preview.preview(world.deps, 99, Policy())

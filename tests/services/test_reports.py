"""The numbers of the main page: right by hand, only of clients the viewer may see, cheap however many there are."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from integration.nps.rights import Rights
from integration.nps.statistics import Counts, Interval, adjusted
from integration.services import main_page, reports
from integration.services.report_types import Overview
from integration.store.base import Sessions, reading, transaction
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock, a_portal
from tests.services.report_world import Client, Told, busy, scores, tell, viewer
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world

BOSS = Rights("head", HEAD)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def overview(world: World, rights: Rights = BOSS) -> Overview:
    with reading(world.deps.sessions) as session:
        return reports.overview(session, session.get_one(Portal, world.portal_id), rights, world.clock.now())


def test_clients_are_the_unit_and_the_rule_of_the_wave_makes_one_score_of_several(world: World) -> None:
    """The worst of those who decide, else the worst of all (product.md N1); silence and held answers count nothing."""
    tell(world, "2026", [
        Client(1, (("decides", 9), ("daily", 2), ("decides", 10))),
        Client(2, (("daily", 7), ("", 5))),
        Client(3, (("", 10), ("", None))),
        Client(4, (("", None),)),
        Client(5, (("", 0),), held=True),
        *scores([8, 10, 10], 10),
        Client(20, reason="too_new"),
        Client(21, reason="excluded_by_hand"),
    ])  # fmt: skip
    found = overview(world).figures
    assert found is not None
    head, rests = found.headline, found.coverage
    assert head.scores == (0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 3)
    assert (head.n, head.base) == (6, 8)
    assert head.nps == pytest.approx(100 * (4 - 1) / 6)
    assert (rests.listed, rests.asked, rests.answered, rests.excluded) == (10, 8, 6, 1)
    assert (rests.people, rests.people_answered) == (12, 9)
    assert rests.revenue_share == pytest.approx(6 / 8)


@pytest.mark.parametrize(("rule", "score"), [("equal", 6), ("weighted", 7), ("worst_decision_maker", 8)])
def test_each_wave_is_counted_by_the_rules_it_was_frozen_with(world: World, rule: str, score: int) -> None:
    """8 from who decides, 7 and 4 from others: 6.3 when all are alike, 6.8 by the weights, 8 for the decider."""
    world.policy(account_rule=rule, min_group=1)
    told = tell(world, "2026", [Client(1, (("decides", 8), ("daily", 7), ("other", 4)))], policy_version=2)
    world.policy(account_rule="equal" if rule != "equal" else "weighted")
    found = overview(world).figures
    assert told.wave
    assert found is not None
    assert found.headline.scores.index(1) == score


def test_a_wave_without_answers_yet_leaves_the_last_one_s_numbers_in_place(world: World) -> None:
    tell(world, "2025", scores([10] * 6), stage="closed", start=date(2025, 1, 6))
    tell(world, "2026", scores([None] * 6), stage="announced")
    found = overview(world)
    assert found.wave is not None
    assert found.figures is not None
    assert (found.wave.name, found.figures.wave.name) == ("2026", "2025")
    assert [point.name for point in found.history] == ["2025"]


def test_the_change_is_judged_by_the_clients_who_answered_both_times(world: World) -> None:
    tell(world, "2025", scores([0, 0, 0, 8, 8, 9, 9, 10, 5, None]), stage="closed", start=date(2025, 1, 6))
    tell(world, "2026", scores([9, 9, 8, 9, 8, 10, 6, 10, None, 10]))
    found = overview(world).figures
    assert found is not None
    assert found.moved is not None
    assert (found.since, found.moved.both, found.moved.rose, found.moved.fell) == ("2025", 8, 4, 1)
    assert found.moved.before == pytest.approx(100 * (3 - 4) / 9)
    assert found.moved.chance


def test_imported_waves_belong_to_the_years_and_have_no_dates(world: World) -> None:
    tell(world, "2024", scores([9] * 5 + [3] * 5), stage="closed", start=date(2024, 1, 8), origin="import")
    found = overview(world)
    assert found.wave is not None
    assert found.figures is not None
    assert (found.wave.imported, found.wave.days, found.wave.frozen) == (True, (), True)
    assert [(p.name, p.imported, p.nps, p.n) for p in found.history] == [("2024", True, 0.0, 10)]


def test_an_imported_wave_claims_nothing_about_who_was_asked(world: World) -> None:
    """Everybody on its list has answered; that makes its index no more certain (product.md N2, N3)."""
    told = tell(
        world, "2024", scores([9] * 9 + [3] * 6), stage="closed", start=date(2024, 1, 8), origin="import"
    )
    kept = {"n": 15, "detractors": 6, "passives": 0, "promoters": 9, "nps": 20.0, "base": 15,
            "interval": [20.0, 20.0], "limits": [20.0, 20.0]}  # fmt: skip
    world.set(Wave, told.wave, result={"clients": kept}, result_frozen_at=world.clock.now())
    wide = adjusted(Counts(6, 0, 9)).interval
    found = overview(world)
    assert found.figures is not None
    assert found.figures.final == (20.0, wide, None)
    assert (found.figures.headline.interval, found.figures.headline.limits) == (wide, None)
    assert (found.figures.coverage.known, found.figures.coverage.revenue_share) == (False, None)
    tell(world, "2026", scores([9] * 8))
    assert [point.interval for point in overview(world).history] == [wide, Interval(100.0, 100.0)]


def test_a_share_of_revenue_needs_the_revenue_of_half_of_those_asked(world: World) -> None:
    """A client taken off the list after the answer is no longer asked: its revenue is in neither number."""
    told = tell(world, "2026", [
        *scores([9, 9, 9, 9], 1, revenue=0), *scores([9, None], 10, revenue=300), Client(12, (("", 9),), revenue=200),
    ])  # fmt: skip

    def share() -> float | None:
        found = overview(world).figures
        assert found is not None
        return found.coverage.revenue_share

    assert share() is None  # known for three of seven
    world.set(WaveClient, told.lines[4], yearly_revenue=400)
    assert share() == pytest.approx(900 / 1200)
    world.set(WaveClient, told.lines[12], reason="excluded_by_hand")
    assert share() == pytest.approx(700 / 1000)


def test_who_waits_for_confirmation_or_asked_for_later_is_not_silent(world: World) -> None:
    told = tell(world, "2026", [*scores([9, None, None, None]), Client(5, (("", 9),), held=True)])
    soon = world.clock.now() + timedelta(days=3)
    for client in (2, 5):
        world.set(Invitation, told.invitations[client][0], snoozed_until=soon)
    world.set(Invitation, told.invitations[3][0], snoozed_until=world.clock.now() - timedelta(days=3))
    found = overview(world).funnel
    assert (found.people, found.held, found.later, found.silent) == (5, 1, 1, 2)


def test_a_frozen_result_stands_beside_later_corrections(world: World) -> None:
    told = tell(world, "2025", scores([10] * 5 + [0] * 5), stage="closed", start=date(2025, 1, 6))
    kept = {"n": 10, "detractors": 4, "passives": 1, "promoters": 5, "nps": 10.0, "base": 10,
            "interval": [10.0, 10.0], "limits": [10.0, 10.0]}  # fmt: skip
    world.set(Wave, told.wave, result={"clients": kept}, result_frozen_at=world.clock.now())
    found = overview(world).figures
    assert found is not None
    assert found.final is not None
    assert (found.final[0], found.headline.nps, found.corrected) == (10.0, 0.0, True)
    mine = overview(world, Rights("manager", MANAGER, people=frozenset({MANAGER}))).figures
    assert mine is not None
    assert mine.final is None  # the frozen number is that of everybody


def three_managers(world: World) -> Told:
    return tell(world, "2026", [
        *scores([9, 9, 9, 9, 9, 0, None], 1, manager=MANAGER, city="Казань"),
        *scores([0, 0, 0, 0, 0, 0], 20, manager=77, city=" КАЗАНЬ"),
        *scores([10, 10], 40, manager=88, city="Тверь"),
        Client(60, manager=88, city="Тверь", reason="too_new"),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("rights", "answers", "asked", "listed"),
    [
        (BOSS, 14, 15, 16),
        (Rights("director", 5, cities=frozenset({"казань"}), people=frozenset({5})), 12, 13, 13),
        (Rights("director", 5, people=frozenset({5, 88})), 2, 2, 3),
        (Rights("manager", MANAGER, people=frozenset({MANAGER})), 6, 7, 7),
        (Rights("manager", 99, people=frozenset({99})), 0, 0, 0),
        (Rights("caller", MANAGER), 0, 0, 0),
    ],
)
def test_everybody_gets_the_numbers_of_their_own_clients_only(
    world: World, rights: Rights, answers: int, asked: int, listed: int
) -> None:
    three_managers(world)
    found = overview(world, rights)
    assert (found.figures.headline.n if found.figures else 0) == answers
    assert found.standing.get("", 0) == asked
    assert sum(found.standing.values()) == listed
    assert found.funnel.outcomes.get("answered", 0) == answers
    assert sum(point.n for point in found.history) == answers


def test_below_the_smallest_group_a_director_sees_how_many_and_no_index(world: World) -> None:
    three_managers(world)
    found = overview(world, Rights("director", 5, people=frozenset({88}))).figures
    assert found is not None
    assert (found.headline.n, found.headline.nps, found.headline.interval) == (2, None, None)


def test_another_portal_s_survey_is_in_no_number(world: World, sessions: Sessions) -> None:
    three_managers(world)
    with transaction(sessions) as session:
        other = a_portal(member_id="other")
        session.add(other)
        session.flush()
        mine, world.portal_id = world.portal_id, other.id
    tell(world, "2026", scores([0] * 40))
    world.portal_id = mine
    found = overview(world).figures
    assert found is not None
    assert found.headline.n == 14


def test_the_next_survey_is_named_with_its_days_until_one_is_planned(world: World) -> None:
    found = overview(world)
    assert (found.wave, found.figures, found.history) == (None, None, ())
    assert found.ahead is not None
    assert (found.ahead.announce, found.ahead.start) == (date(2026, 2, 16), date(2026, 3, 2))
    world.planned()
    assert overview(world).ahead is None
    world.policy(wave_month=0)
    with transaction(world.deps.sessions) as session:
        session.delete(session.get_one(Wave, world.wave().id))
    assert overview(world).ahead is None


def test_a_survey_under_way_goes_before_the_draft_of_the_next(world: World) -> None:
    tell(world, "2026", scores([10] * 5), stage="closing")
    tell(world, "2027", [], stage="draft", start=date(2027, 1, 11))
    found = overview(world).wave
    assert found is not None
    assert found.name == "2026"


def count_queries(world: World, user_id: int) -> int:
    said: list[str] = []
    engine = world.deps.sessions.kw["bind"]

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        main_page.read(world.deps, viewer(world, user_id))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return sum(statement.lstrip().upper().startswith("SELECT") for statement in said)


@pytest.mark.parametrize("user_id", [HEAD, DIRECTOR, MANAGER])
def test_the_page_takes_as_many_queries_for_three_hundred_clients_as_for_three(
    world: World, user_id: int
) -> None:
    busy(world)
    few = count_queries(world, user_id)
    with transaction(world.deps.sessions) as session:
        for wave in reports.rows.waves(session, world.portal_id):
            wave.planned_at -= timedelta(days=3)
    tell(world, "2023", scores([9, 3, None] * 100), stage="closed", start=date(2023, 1, 9))
    tell(world, "2022", scores([9, 3, None] * 100), stage="closed", start=date(2022, 1, 10))
    more = count_queries(world, user_id)
    assert few <= more <= few + 4  # two for each further year, none for a client
    assert more < 40

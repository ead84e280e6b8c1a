"""What the pages about surveys show: the filter, letters on their way, one client, all surveys (W15, W19, E4, P2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event

from integration.services import (
    wave_acts,
    wave_line,
    wave_page,
    waves,
    waves_list,
)
from integration.services.wave_page import Filter
from integration.services.waves import WaveError
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Contact
from integration.store.letters import LetterRow
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave
from tests.conftest import HandClock
from tests.services.report_world import viewer
from tests.services.wave_world import DIRECTOR, MANAGER, World, make_world

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


def test_the_filter_finds_by_name_branch_manager_outcome_language_and_letters(world: World) -> None:
    world.client(2, title="ООО Ромашка")
    world.client(3, title="100%_Лес", city="казань ", manager=DIRECTOR)
    world.client(4, title="Берег", city="Пермь", manager=99)
    world.client(5, since=date(2026, 1, 5), city="Пермь")
    wave_id = world.approved()
    world.until(msk(3, 2))
    world.answer(200, 9)
    world.set(Invitation, world.invitations()[400].id, language="uk")
    lis = world.letters(invitation_id=world.invitations()[300].id)[0]
    world.set(LetterRow, lis.id, planned_for=world.clock.now() - timedelta(days=15))
    who = viewer(world)

    def found(**chosen: Any) -> list[int]:
        page = wave_page.read(world.deps, who, wave_id, Filter(**chosen))
        assert page is not None
        assert page.found == len(page.lines)
        return sorted(one.row.client_id for one in page.lines)

    cases: list[tuple[dict[str, str], list[int]]] = [
        ({}, [2, 3, 4, 5]), ({"q": "ромашка"}, [2]), ({"q": "РОМАШКА ооо"}, [2]), ({"q": "%_"}, [3]),
        ({"q": "ле_"}, []),
        ({"q": "коваль-400"}, [4]), ({"branch": "КАЗАНЬ"}, [2, 3]), ({"branch": "Пермь", "standing": "asked"}, [4]),
        ({"branch": "-"}, []), ({"manager": str(DIRECTOR)}, [3]), ({"manager": "-"}, []),
        ({"standing": "answered"}, [2]),
        ({"outcome": "answered"}, [2]), ({"outcome": "refused"}, []), ({"language": "uk"}, [4]),
        ({"letters": "sent"}, [2, 3, 4]),
        ({"letters": "late"}, [3]), ({"letters": "bounced"}, []), ({"standing": "too_new", "q": "клиент"}, [5]),
        ({"branch": "нигде"}, []), ({"manager": "12345"}, []),
    ]  # fmt: skip
    for chosen, expected in cases:
        assert found(**chosen) == expected, chosen
    page = wave_page.read(world.deps, who, wave_id)
    assert page is not None
    assert page.choices.branches == (("Казань", 2), ("Пермь", 2))
    assert [(user, clients) for user, _, clients in page.choices.managers] == [
        (99, 1),
        (MANAGER, 2),
        (DIRECTOR, 1),
    ]
    assert (page.watch.letters["sent"], page.watch.letters["late"], page.watch.due) == (6, 1, 0)


def test_letters_that_wait_say_when_the_last_of_them_leaves(quick: World) -> None:
    for number in range(2, 6):
        quick.client(number)
    wave_id = quick.approved()
    quick.policy(letters_per_hour=2)
    quick.until(msk(2, 15))
    quick.clock.moment = msk(2, 16)
    waves.advance_due(quick.deps)
    seen = wave_page.watch(quick.deps, viewer(quick), wave_id)
    assert seen is not None
    assert (seen.letters["waiting"], seen.due, seen.ends) == (4, 4, msk(2, 16, 11))
    assert wave_page.watch(quick.deps, viewer(quick), 999) is None


def test_one_line_tells_everything_of_a_client_and_only_to_who_sees_it(world: World) -> None:
    world.client(2, people=2, manager=MANAGER)
    world.set(Contact, (world.portal_id, 201), role="daily")
    world.client(3, manager=99, city="Пермь")
    world.client(4, since=date(2026, 1, 5))
    wave_id = world.approved()
    world.until(msk(3, 7))
    world.answer(200, 3, comment="долго")
    who = viewer(world)
    wave_acts.act(
        world.deps,
        who,
        wave_id,
        "hold",
        {"lines": [line(world, 2)], "until": date(2026, 4, 1), "why": "аудит"},
    )
    page = wave_line.read(world.deps, who, wave_id, line(world, 2))
    assert page is not None
    assert (page.deal, page.manager, page.line.since, page.seen, page.own) == (
        "Сделка 20", "Иван Петров", date(2024, 5, 1), True, False,
    )  # fmt: skip
    told = [
        (p.asked.invitation.contact_id, p.score, p.comment, [one.kind for one in p.letters])
        for p in page.people
    ]
    assert told == [
        (200, 3, "долго", ["announcement", "invitation", "reminder"]),
        (201, None, "", ["announcement", "invitation", "reminder"]),
    ]  # fmt: skip
    assert page.hold is not None
    assert page.hold.by is not None
    assert [one.what for one in page.trail] == ["held"]
    assert {"letter", "listed", "hold"} <= {one.code for one in page.events}
    assert page.people[0].letters[0].planned_for is not None
    out = wave_line.read(world.deps, who, wave_id, line(world, 4))
    assert out is not None
    assert (out.line.reason, out.people) == ("too_new", ())
    assert wave_line.read(world.deps, who, wave_id, 99_999) is None
    assert wave_line.read(world.deps, who, wave_id + 1, line(world, 2)) is None
    manager = viewer(world, MANAGER)
    assert wave_line.read(world.deps, manager, wave_id, line(world, 2)) is not None
    assert wave_line.read(world.deps, manager, wave_id, line(world, 3)) is None, "somebody else's client"
    world.policy(wave_owner=MANAGER)
    owner = wave_line.read(world.deps, manager, wave_id, line(world, 3))
    assert owner is not None
    assert (owner.seen, owner.may_run) == (False, True), (
        "runs the survey, and reads no scores of others' clients"
    )
    with pytest.raises(WaveError, match="own_client"):
        wave_acts.act(
            world.deps, manager, wave_id, "refuse", {"invitation": world.invitations()[201].id, "why": "x"}
        )
    with pytest.raises(PermissionError):
        wave_acts.act(
            world.deps, manager, wave_id, "refuse", {"invitation": world.invitations()[300].id, "why": "x"}
        )


def test_neither_page_asks_more_of_the_database_for_more_clients(quick: World) -> None:
    quick.client(2)
    asked: list[str] = []
    engine = quick.deps.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))

    def queries(wave_id: int) -> tuple[int, int, int]:
        found = []
        for read in (
            lambda: wave_page.read(quick.deps, viewer(quick), wave_id, Filter(q="кл", letters="sent")),
            lambda: wave_line.read(quick.deps, viewer(quick), wave_id, line(quick, 2)),
            lambda: waves_list.read(quick.deps, viewer(quick)),
        ):
            line_id = line(quick, 2)
            assert line_id
            asked.clear()
            assert read() is not None
            found.append(len(asked))
        return found[0], found[1], found[2]

    wave_id = quick.approved()
    quick.until(msk(3, 2))
    few = queries(wave_id)
    waves.cancel(quick.deps, quick.portal_id, wave_id, SOM, "x")
    with transaction(quick.deps.sessions) as session:
        session.delete(session.get_one(Wave, wave_id))
    for number in range(3, 40):
        quick.client(number, people=2)
    again = quick.approved()
    quick.until(msk(3, 2))
    assert queries(again) == few
    assert max(few) < 60


def test_surveys_are_listed_with_what_they_rest_on_and_planned_by_hand(world: World) -> None:
    who, manager = viewer(world), viewer(world, MANAGER)
    empty = waves_list.read(world.deps, who)
    assert (empty.rows, empty.ahead is not None) == ((), True)
    with pytest.raises(PermissionError):
        waves_list.plan(world.deps, manager, date(2026, 6, 1))
    world.clock.moment = datetime(2026, 1, 19, 9, tzinfo=UTC)
    for day, code in (
        (None, "no_day"),
        (date(2026, 1, 25), "too_soon: 2026-02-03"),
        (date(2028, 1, 1), "too_far"),
    ):
        with pytest.raises(WaveError, match=code):
            waves_list.plan(world.deps, who, day)
    wave_id = waves_list.plan(world.deps, who, date(2026, 6, 6))
    assert world.wave().plan["start"] == "2026-06-08", "a Saturday becomes Monday"
    with pytest.raises(WaveError, match="year_taken"):
        waves_list.plan(world.deps, who, date(2026, 7, 1))
    assert waves.plan_portal(world.deps, world.portal_id) is None, "the year has its survey"
    for number in range(2, 8):
        world.client(number, manager=MANAGER if number < 5 else 99, city="" if number > 4 else "Казань")
    world.policy(min_group=3)
    waves.rehearse(world.deps, world.portal_id, wave_id, SOM)
    waves.approve(world.deps, world.portal_id, wave_id, SOM)
    world.until(datetime(2026, 6, 9, 9, tzinfo=UTC))
    for number in (2, 3, 5):
        world.answer(number * 100, 10)
    (row,) = waves_list.read(world.deps, who).rows
    assert (row.listed, row.headline.n, row.headline.base, row.headline.nps) == (6, 3, 6, 100.0)
    (row,) = waves_list.read(world.deps, manager).rows
    assert (row.listed, row.headline.n, row.headline.nps) == (3, 2, None), "own clients, and too few of them"
    world.set(Portal, world.portal_id, synced_at=None)
    with pytest.raises(WaveError, match="not_read_yet"):
        waves_list.plan(world.deps, who, date(2027, 1, 11))

"""The report of a wave: right by hand, whole for the head, one's own clients for everybody else (N, W14, P2)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event

from integration.cli import common
from integration.cli.main import cli
from integration.nps.rights import Rights
from integration.services import wave_report, wave_result, workbooks
from integration.services.wave_report import Report
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent
from tests.conftest import HandClock, a_portal
from tests.services.report_world import Client, Told, scores, tell, viewer
from tests.services.wave_world import HEAD, MANAGER, World, make_world
from tests.services.yearly_world import answered, closed, corrected, posted, two_years


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def one(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


def report(world: World, told: Told, user: int = HEAD, *, administrator: bool = False) -> Report:
    found = wave_report.read(world.deps, viewer(world, user, administrator=administrator), told.wave)
    assert found is not None
    return found


def numbers(world: World, told: Told) -> dict[str, Any]:
    with reading(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal_id)
        return wave_result.numbers(session, portal, session.get_one(Wave, told.wave))


def kept(world: World, told: Told) -> dict[str, Any]:
    with reading(world.deps.sessions) as session:
        return dict(session.get_one(Wave, told.wave).result)


def test_a_small_wave_by_hand(world: World) -> None:
    """Seven clients: accounts, channels of clients and of answers, letters, what is said off the list, places."""
    told = tell(world, "2026", [
        Client(1, (("decides", 9), ("daily", 2)), channel="phone"),
        Client(2, (("daily", 7), ("", 5)), city=" КАЗАНЬ "),
        Client(3, (("", 10),), manager=77, city="Тверь", revenue=300_000),
        Client(4, (("", None),), manager=77, city="Тверь"),
        Client(5, (("", 0),), held=True),
        Client(6, (("", 8),), channel="phone"),
        Client(7, (("", None),)),
        Client(20, reason="too_new"),
        Client(21, reason="excluded_by_hand"),
    ])  # fmt: skip
    now = world.clock.now()
    posted(world, told, (1, 2, 3, 4, 5, 7), "announcement", now - timedelta(days=14))
    posted(world, told, (1, 2, 3, 4, 5), "invitation", now)
    posted(world, told, (7,), "invitation", now, "buried")
    posted(world, told, (3, 4), "reminder", now + timedelta(days=4), "unknown")
    posted(world, told, (2,), "reminder", now + timedelta(days=4), "cancelled")
    answered(world, told, {1: now + timedelta(days=1), 3: now + timedelta(days=5)})
    world.set(Invitation, told.invitations[4][0], outcome="refused")
    world.set(Invitation, told.invitations[7][0], outcome="opted_out")
    world.set(WaveClient, told.lines[6], eligible=False, reason="excluded_by_hand")
    found = numbers(world, told)
    assert found["clients"]["scores"] == [0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1]
    assert (found["clients"]["n"], found["clients"]["base"], found["clients"]["nps"]) == (4, 7, 25.0)
    assert found["clients"]["limits"] == pytest.approx([100 * (2 - 1 - 3) / 7, 100 * (2 - 1 + 3) / 7])
    assert found["answers"]["n"] == 6
    assert {name: kept["n"] for name, kept in found["by_channel"].items()} == {"email": 3, "phone": 3}
    assert {name: kept["n"] for name, kept in found["channels"].items()} == {"email": 2, "phone": 2}
    assert found["coverage"] == {
        "clients": 9, "eligible": 6, "contacts": 9, "excluded": 2, "revenue": "1100000.00",
        "eligible_revenue": "800000.00", "answered_revenue": "500000.00", "priced": 6, "answered_off_list": 1,
    }  # fmt: skip
    assert found["funnel"] == {
        "listed": 9, "eligible": 6, "people": 9, "announced": 8, "asked": 7, "answered": 6,
        "answered_by": {"email": 3, "phone": 3}, "refused": 1, "opted_out": 1, "reminded": 2, "after_reminder": 1,
        "called": 0, "reached": 0, "declined": 0, "unreached": 0,
    }  # fmt: skip
    assert found["outcomes"] == {"": 1, "answered": 6, "refused": 1, "opted_out": 1}
    assert found["rates"] == {"rr1": 6 / 8, "coop1": 6 / 8, "ref1": 2 / 8, "con1": 1.0}
    assert found["inside"] == {"several": 2, "split": 1}
    assert found["branches"] == [
        {"key": "Казань", "asked": 5, "detractors": 1, "passives": 1, "promoters": 1},
        {"key": "Тверь", "asked": 2, "detractors": 0, "passives": 0, "promoters": 1},
    ]
    assert [(row["key"], row["asked"], row["promoters"]) for row in found["managers"]] == [
        (MANAGER, 5, 1),
        (77, 2, 1),
    ]
    assert found["change"] == {}


def test_two_years_are_compared_and_the_comparison_is_frozen_with_the_result(world: World) -> None:
    before, now = two_years(world, frozen=True)
    found, stored = report(world, now), kept(world, now)
    assert (found.standing, found.shown, found.anew) == ("frozen", stored, ())
    change = stored["change"]
    assert (change["since"], change["since_id"], change["imported"]) == ("2025", before.wave, False)
    assert change["before"]["n"] == kept(world, before)["clients"]["n"] == 55
    assert sum(map(sum, change["table"])) == change["paired"]["n"] == 50
    assert (change["paired"]["rose"], change["paired"]["fell"], change["verdict"]) == (18, 7, "unclear")
    assert change["mix"]["warning"]
    corrected(world, now.responses[5][0], 9, world.clock.now() + timedelta(days=40))
    after = report(world, now)
    assert after.shown == stored
    assert after.live["clients"]["promoters"] == stored["clients"]["promoters"] + 1
    assert (after.corrected, [(one.before, one.score, one.client_id) for one in after.corrections]) == (
        True,
        [(4, 9, 5)],
    )


def test_a_result_of_an_older_molva_is_shown_with_what_it_lacks_counted_today(one: World) -> None:
    told = tell(one, "2026", scores([10] * 5 + [0] * 5), stage="closed")
    old = {
        "rule": "worst_decision_maker",
        "clients": {"n": 10, "detractors": 4, "passives": 1, "promoters": 5, "nps": 10.0, "base": 10,
                    "interval": [10.0, 10.0], "limits": [10.0, 10.0], "interval_large": [-40.0, 50.0]},
        "answers": {"n": 10, "detractors": 4, "passives": 1, "promoters": 5, "nps": 10.0},
        "by_channel": {}, "outcomes": {"answered": 10}, "rates": {"rr1": 1.0, "coop1": 1.0, "ref1": 0.0, "con1": 1.0},
        "coverage": {"clients": 10, "eligible": 10, "contacts": 10, "excluded": 0, "revenue": "0.00",
                     "eligible_revenue": "0.00", "answered_off_list": 0},
    }  # fmt: skip
    one.set(Wave, told.wave, result=old, result_frozen_at=one.clock.now())
    found = report(one, told)
    assert (found.shown["clients"]["nps"], found.live["clients"]["nps"], found.corrected) == (10.0, 0.0, True)
    assert set(found.anew) == {"channels", "funnel", "inside", "branches", "managers", "change"}
    one.set(Wave, told.wave, result={"clients": {"n": 3}})
    assert report(one, told).shown["clients"]["n"] == 10
    one.set(Wave, told.wave, result={})
    assert report(one, told).shown["clients"]["n"] == 10


def test_everybody_gets_the_numbers_of_their_own_clients_and_never_the_frozen_ones(one: World) -> None:
    _, now = two_years(one, after=True)
    whole, mine = report(one, now), report(one, now, MANAGER)
    assert (mine.everyone, mine.corrected, mine.shown) == (False, False, mine.live)
    assert [row["key"] for row in mine.shown["managers"]] == [MANAGER]
    assert (mine.shown["coverage"]["clients"], mine.shown["funnel"]["people"]) == (24, 17)
    assert {one.manager_id for one in mine.split} == {MANAGER}
    of_mine = next(row for row in whole.live["managers"] if row["key"] == MANAGER)
    assert mine.shown["clients"]["n"] == sum(
        of_mine[name] for name in ("detractors", "passives", "promoters")
    )
    assert mine.shown["change"]["before"]["n"] < whole.shown["change"]["before"]["n"]
    assert mine.corrections == ()
    nobody = report(one, now, 404)
    assert (nobody.sees_none, nobody.shown["clients"]["n"], nobody.shown["outcomes"]) == (True, 0, {})
    one.policy(wave_owner=88, head_user_id=HEAD)
    owner = report(one, now, 88)
    assert (owner.rights.may_run_waves, owner.everyone) == (True, False)


def test_another_portal_s_survey_is_none_of_ours(one: World) -> None:
    _, now = two_years(one)
    with transaction(one.deps.sessions) as session:
        other = a_portal(member_id="other")
        session.add(other)
        session.flush()
        number = other.id
    who = replace(viewer(one, administrator=True), portal_id=number)
    assert wave_report.read(one.deps, who, now.wave) is None
    assert wave_report.numbers_of(one.deps, number, now.wave) is None
    assert wave_report.read(one.deps, viewer(one), 10**6) is None


def test_the_wave_before_is_the_last_one_with_answers(one: World) -> None:
    """Cancelled, planned and unanswered ones are passed over; an imported one has no channels to compare."""
    tell(
        one, "2023", scores([9] * 6, manager=MANAGER), stage="closed", start=date(2023, 1, 9), origin="import"
    )
    tell(one, "2024", scores([0] * 6), stage="cancelled", start=date(2024, 1, 8))
    tell(one, "2025", scores([None] * 6), stage="closed", start=date(2025, 1, 6))
    now = tell(one, "2026", scores([10] * 6 + [0] * 2))
    tell(one, "2027", scores([0] * 6), stage="draft", start=date(2027, 1, 11))
    change = numbers(one, now)["change"]
    assert (change["since"], change["imported"], "mix" in change, "channels_before" in change) == (
        "2023",
        True,
        False,
        False,
    )
    assert (change["basis"], change["paired"]["n"], change["verdict"]) == ("paired", 6, "unclear")


@pytest.mark.parametrize(
    ("stage", "origin", "standing"),
    [
        ("draft", "molva", "planned"), ("rehearsed", "molva", "planned"), ("announced", "molva", "running"),
        ("paused", "molva", "running"), ("closing", "molva", "running"), ("closed", "molva", "preliminary"),
        ("cancelled", "molva", "cancelled"), ("closed", "import", "imported"),
    ],
)  # fmt: skip
def test_it_says_how_final_it_is(one: World, stage: str, origin: str, standing: str) -> None:
    told = tell(
        one, "2026", scores([9, 3] if stage == "closed" else [None, None]), stage=stage, origin=origin
    )
    found = report(one, told)
    assert (found.standing, found.frozen_at) == (standing, None)
    assert (found.shown["funnel"] == {}) == (origin == "import")


def test_an_empty_portal_s_survey_has_a_report(one: World) -> None:
    told = tell(one, "2026", [], stage="announced")
    found = report(one, told)
    assert found.shown["clients"] == {
        "n": 0, "detractors": 0, "passives": 0, "promoters": 0, "nps": None, "scores": [0] * 11,
    }  # fmt: skip
    assert found.shown["rates"] == dict.fromkeys(("rr1", "coop1", "ref1", "con1"))
    closed(one, told, one.clock.now(), frozen=True)
    assert report(one, told).standing == "frozen"


def test_rights_of_a_program_see_everything(one: World) -> None:
    _, now = two_years(one, after=True)
    found = wave_report.numbers_of(one.deps, one.portal_id, now.wave)
    assert found is not None
    assert (found["name"], found["standing"], found["result"]) == ("2026", "frozen", kept(one, now))
    assert found["since"]["promoters"] == found["result"]["clients"]["promoters"] + 1
    assert Rights("administrator", 0).sees_all


def count_queries(world: World, told: Told) -> int:
    said: list[str] = []
    engine = world.deps.sessions.kw["bind"]

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        report(world, told)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(said)


def test_it_takes_as_many_queries_for_three_hundred_clients_as_for_three(one: World) -> None:
    few = tell(one, "2025", scores([9, 8, 3]), stage="closed", start=date(2025, 1, 6))
    small = count_queries(one, few)
    many = tell(one, "2024", scores([9, 8, 3] * 100, 500), stage="closed", start=date(2024, 1, 8))
    assert count_queries(one, many) <= small


def test_the_command_shows_the_result_and_writes_the_file(
    one: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, now = two_years(one, frozen=True)
    monkeypatch.setattr(common, "application", lambda: SimpleNamespace(deps=one.deps))

    def molva(*arguments: Any) -> Result:
        return CliRunner().invoke(
            cli, ["wave", "report", *map(str, arguments), "--portal", str(one.portal_id), "--who", "Анна"]
        )

    shown = molva(now.wave)
    assert shown.exit_code == 0, shown.output
    for line in (
        "Wave 2026 is over, the result is final.", "NPS 34.5, with 95 % certainty between",
        "Clients: 55 of 60 answered: 31 promoters, 12 passives, 12 detractors",
        "reminded 21, answered after it 14", "Since 2025: +10.9 points; paired difference between -8.3 and +52.3",
        "this may be chance", "35 % of the clients answered by another channel",
    ):  # fmt: skip
        assert line in shown.stdout, line
    assert json.loads(molva(now.wave, "--json").stdout)["result"] == kept(one, now)
    file = tmp_path / "wave.xlsx"
    assert molva(now.wave, "--xlsx", file).exit_code == 0
    book = openpyxl.load_workbook(file)
    assert [sheet.title for sheet in book][:2] == ["Итог", "Клиенты"]
    assert book["Клиенты"].max_row == 61
    last = one.rows(WaveEvent)[-1]
    assert (last.what, last.who, last.detail) == ("exported", "Анна", "xlsx")
    for wrong in ((999,), (999, "--xlsx", file), (now.wave, "--xlsx", tmp_path / "no" / "where.xlsx")):
        failed = molva(*wrong)
        assert (failed.exit_code, failed.stderr.startswith("molva: ")) == (1, True)
    monkeypatch.setattr(workbooks, "available", lambda: False)
    assert "molva[xlsx]" in molva(now.wave, "--xlsx", file).stderr

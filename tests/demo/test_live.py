"""The walk-around demo's story, its past, and the thread that moves the clock."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from integration.bitrix.sandbox.story_names import CALM, TRICKY
from integration.demo import past_friends
from integration.demo.chronicle import Chronicle
from integration.demo.conductor import Conductor
from integration.demo.days import ZONE
from integration.demo.live import names
from integration.demo.live_story import AGENCY, FREEZE, OPENING, PERSONAS, autumn
from integration.demo.past_file import YEARS, write
from integration.demo.processes import StuckError
from integration.demo.words import HAPPENINGS
from integration.demo.year import Year
from integration.nps import referral_import
from integration.nps.past_answers import read
from integration.nps.referral_import import Rules
from integration.services.past_answers import table_of

SEEDS = (1, 2, 7)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_needs_molva_comes_after_its_installation_and_everything_in_order(seed: int) -> None:
    story = autumn(seed, 24)
    assert all(act.at < OPENING for act in (*story.plain, *story.ours))
    assert "UF_CRM_MOLVA" not in str([act.params for act in story.plain])
    assert [act.at for act in story.plain] == sorted(act.at for act in story.plain)
    assert len(story.plain) + len(story.ours) == len([act for act in story.story.acts if act.at < OPENING])
    assert all(deed.act.at > OPENING and deed.said.name in HAPPENINGS for deed in story.deeds)
    own = [row["title"] for row in story.story.agency.companies if row.get("isMyCompany") == "Y"]
    assert set(own) == {AGENCY}
    users = {int(row["ID"]) for row in story.story.agency.users}
    assert set(PERSONAS.values()) <= users
    assert FREEZE - OPENING.date() == timedelta(days=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_past_is_three_files_any_agency_could_have_and_keeps_nobody_out_this_year(
    seed: int, tmp_path: Path
) -> None:
    story = autumn(seed, 60).story
    files = write(story, tmp_path / "past")
    assert list(files) == [str(year) for year in YEARS]
    known = {str(row["id"]) for row in story.agency.companies}
    total = 0
    for year, path in files.items():
        table = table_of(path.name, path.read_bytes())
        answers, problems = read(table, ZONE, OPENING)
        assert problems == []
        total += len(answers)
        assert all(str(answer.at.year) == year for answer in answers)
        assert all(answer.at.date() < FREEZE - timedelta(days=300) for answer in answers)
        assert {row[0] for row in table[1:]} <= known | {""}
    assert total > 50
    again = write(story, tmp_path / "again")
    assert [path.read_bytes() for path in again.values()] == [path.read_bytes() for path in files.values()]


@pytest.mark.parametrize("seed", SEEDS)
def test_past_recommendations_are_a_table_without_circles_and_give_the_tree_some_depth(
    seed: int, tmp_path: Path
) -> None:
    story = autumn(seed, 60).story
    file = tmp_path / "past" / "friends.csv"
    count = past_friends.write(story, file)
    rules = Rules(ZONE, OPENING.date(), "", {}, frozenset())
    rows, problems = referral_import.read(table_of(file.name, file.read_bytes()), rules)
    assert (len(rows), problems) == (count, [])
    brought = {row.client: row.referrer for row in rows}
    assert len(brought) == count >= 6
    assert any(referrer in brought for referrer in brought.values())
    for newcomer in brought:
        chain = [newcomer]
        while chain[-1] in brought:
            chain.append(brought[chain[-1]])
            assert len(chain) == len(set(chain))


def test_no_client_one_meets_there_is_called_like_an_attack() -> None:
    story = autumn(1, 60).story
    said = [str(row["title"]) for row in (*story.agency.companies, *story.agency.deals)]
    assert set(CALM) < {label for _, label in TRICKY}
    assert [title for title in said if re.search(r"[<>{}=\[;]", title)] == []
    assert set(CALM.values()) <= set(said)


@pytest.mark.parametrize("seed", SEEDS)
def test_served_clients_pay_every_year_and_whoever_leaves_has_stopped(seed: int) -> None:
    story = autumn(seed, 60).story
    paid = [deal for deal in story.agency.deals if str(deal["title"]).startswith("Продление")]
    by_year = Counter(str(deal["closedate"])[:4] for deal in paid)
    assert {"2024", "2025", "2026"} <= by_year.keys()
    assert all(
        str(deal["closedate"]) < str(OPENING.date()) and 150_000 < deal["opportunity"] < 3_000_000
        for deal in paid
    )
    kinds = {story.kinds[f"company:{deal['companyId']}"] for deal in paid if deal["companyId"]}
    assert not kinds & {"leaving", "not_current"}


def test_readers_are_called_by_person_and_client() -> None:
    found = names(autumn(1, 24).story)
    assert all("@" in address and name for address, name in found.items())
    assert any("(" in name for name in found.values())


# --- the chronicle


def test_only_news_are_told() -> None:
    told = Chronicle()
    at = datetime(2026, 9, 8, tzinfo=UTC)
    told.writes(at, {"crm.item.update": 3})
    told.writes(at, {"crm.item.update": 3})
    told.writes(at, {"crm.item.update": 4, "tasks.task.add": 1})
    assert [dict(row.said.values) for row in told.newest(9)][::-1] == [
        {"cards": 3, "comments": 0, "tasks": 0}, {"cards": 1, "comments": 0, "tasks": 1},
    ]  # fmt: skip
    row = {
        "id": 1,
        "name": "2026",
        "stage": "draft",
        "approved_by": "",
        "counts": {"eligible": 0, "clients": 0},
    }
    told.waves(at, [row])
    told.waves(at, [row])
    told.waves(at, [row | {"stage": "rehearsed", "approved_by": "Роман"}])
    assert [entry.said.name for entry in told.newest(3)] == ["wave_approved", "wave_rehearsed", "wave_draft"]
    with pytest.raises(LookupError):
        told.tell(at, "nothing of the kind")


# --- the conductor


@dataclass
class FakeWorld:
    moment: datetime = OPENING

    def now(self) -> datetime:
        return self.moment


@dataclass
class FakeAgenda:
    def pop_due(self, now: datetime) -> list[tuple[str, Callable[[], None]]]:
        return []


@dataclass
class FakeYear:
    """Goes on by an hour a step; `failing`: raises instead of arriving."""

    world: FakeWorld = field(default_factory=FakeWorld)
    agenda: FakeAgenda = field(default_factory=FakeAgenda)
    watch: Callable[[datetime], None] = lambda _: None
    failing: bool = False
    running: int = 0
    most: int = 0
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def read_mail(self) -> None: ...

    def run(self, until: datetime) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            while self.world.moment < until:
                self.open.wait(120)
                time.sleep(0.002)
                self.watch(self.world.moment)
                if self.failing:
                    raise StuckError("Molva does not come to rest")
                self.world.moment = min(until, self.world.moment + timedelta(hours=1))
        finally:
            self.running -= 1


@pytest.fixture
def year() -> FakeYear:
    return FakeYear()


@pytest.fixture
def trouble() -> list[str]:
    return []


@pytest.fixture
def conductor(year: FakeYear, trouble: list[str]) -> Iterator[Conductor]:
    made = Conductor(cast("Year", year), lambda: None, trouble.append)
    made.start()
    yield made
    made.close()
    assert made._thread is not None
    assert not made._thread.is_alive()


def rest(conductor: Conductor) -> None:
    deadline = time.monotonic() + 60
    while conductor.state.busy:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_move_arrives_and_no_second_one_starts_meanwhile(conductor: Conductor, year: FakeYear) -> None:
    until = OPENING + timedelta(days=5)
    year.open.clear()
    assert conductor.move(until)
    assert not conductor.move(until + timedelta(days=1))
    assert not conductor.play("fast")
    state = conductor.state
    assert (state.busy, state.until) == (True, until)
    year.open.set()
    rest(conductor)
    assert (year.world.moment, year.most) == (until, 1)
    assert conductor.state.share == 0.0


def test_a_move_can_be_stopped_and_another_one_started(conductor: Conductor, year: FakeYear) -> None:
    assert conductor.move(OPENING + timedelta(days=3650))
    while year.world.moment == OPENING:
        time.sleep(0.005)
    conductor.stop()
    rest(conductor)
    stood = year.world.moment
    assert OPENING < stood < OPENING + timedelta(days=3650)
    assert conductor.move(stood + timedelta(hours=1))
    rest(conductor)
    assert year.world.moment == stood + timedelta(hours=1)


def test_playing_goes_on_until_it_is_stopped(conductor: Conductor, year: FakeYear) -> None:
    assert conductor.play("slow")
    assert conductor.play("fast")
    deadline = time.monotonic() + 60
    while year.world.moment < OPENING + timedelta(days=2):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not conductor.move(OPENING + timedelta(days=9))
    conductor.stop()
    rest(conductor)
    assert not conductor.state.playing


def test_trouble_is_told_and_the_next_move_is_possible(
    conductor: Conductor, year: FakeYear, trouble: list[str]
) -> None:
    year.failing = True
    assert conductor.move(OPENING + timedelta(days=1))
    rest(conductor)
    assert trouble == ["Molva does not come to rest"], "told before the next move is possible"
    year.failing = False
    assert conductor.move(OPENING + timedelta(days=1))
    rest(conductor)
    assert year.world.moment == OPENING + timedelta(days=1)


def test_a_job_is_done_by_the_same_thread_before_time_passes(conductor: Conductor, year: FakeYear) -> None:
    done: list[Any] = []
    gate = threading.Event()
    conductor.job(
        "Getting the agency ready", lambda: done.append((gate.wait(120), threading.current_thread().name))
    )
    assert conductor.state.about == "Getting the agency ready"
    assert not conductor.move(OPENING + timedelta(days=1))
    gate.set()
    rest(conductor)
    assert done == [(True, "conductor")]
    assert year.world.moment == OPENING


def test_the_opening_is_a_working_tuesday() -> None:
    assert OPENING.date() == date(2026, 9, 8)
    assert OPENING.weekday() == 1

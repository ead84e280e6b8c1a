"""Extra questions inside the portal: on the report, in the files, on a client's line and in the card's tab (N11)."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, select

from integration.services import frames
from integration.store.base import make_sessions, transaction
from integration.store.questions import ExtraAnswer
from integration.store.responses import Response
from integration.store.waves import WaveClient
from tests.conftest import HandClock
from tests.services import tab_world
from tests.services.report_world import scores, tell, viewer
from tests.services.wave_world import HEAD, MANAGER, World, make_world
from tests.web.conftest import inside, make_app
from tests.web.test_report_page import ask, book, column, said

SPEED = {"key": "speed", "kind": "scale_5", "texts": {"en": "Speed?", "ru": "Скорость?"}, "on": True}
WHAT = {
    "key": "what", "kind": "choice", "texts": {"ru": "Что важнее?"}, "on": True,
    "options": [{"code": "o1", "texts": {"ru": "=Цена()"}}, {"code": "o2", "texts": {"ru": "Сроки"}}],
}  # fmt: skip
WORDS = {"key": "words", "kind": "text", "texts": {"ru": "Что ещё?"}, "on": True}


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


def answer(world: World, wave: int, values: dict[str, list[Any]], version: int = 1) -> None:
    """The people of a survey answer besides, one after the other."""
    with transaction(world.deps.sessions) as session:
        found = session.scalars(select(Response).where(Response.wave_id == wave).order_by(Response.id)).all()
        for key, given in values.items():
            for response, value in zip(found, given, strict=False):
                session.add(
                    ExtraAnswer(
                        portal_id=response.portal_id, wave_id=wave, response_id=response.id, question=key,
                        version=version, language="ru", value=str(value), answered_at=world.clock.now(),
                    )
                )  # fmt: skip


def test_the_report_and_the_files_tell_them_apart_from_nps(world: World) -> None:
    """Figures with interval and change from the smallest group on; words and options are escaped and no formula."""
    world.policy(extra_questions=[SPEED, WHAT, WORDS])
    then = tell(world, "2025", scores([9] * 8), stage="closed", start=date(2025, 1, 6))
    now = tell(world, "2026", scores([9] * 6 + [3] * 2))
    plain = said(world, now)
    assert "Extra questions" not in plain.replace('<option value="questions">Extra questions', "")
    answer(world, then.wave, {"speed": [2, 2, 3, 2, 3, 2]})
    answer(
        world, now.wave, {"speed": [4, 5, 4, 5, 4], "what": ["o1"] * 4, "words": ["<b>Отчёты</b>", "=1+1"]}
    )
    page = said(world, now)
    for words in (
        "Speed?", "<b>4.4</b>", "95 % between 3.7 and 5.0", "+2.1 since 2025", "The wording is the same as in 2025.",
        "&lt;b&gt;Отчёты&lt;/b&gt;", "4 answers", "They are no part of the NPS.",
    ):  # fmt: skip
        assert words in page, words
    assert "=Цена()" not in page, "four answers are too few to be shown"
    assert said(world, now, user=MANAGER).count("<b>4.4</b>") <= 1
    found = book(world, now)
    numbers, extra = found["Extra questions"], found["Extra answers"]
    assert column(numbers, "Mean")[0] == pytest.approx(4.4)
    assert column(numbers, "Change")[0] == pytest.approx(4.4 - 14 / 6)
    assert column(numbers, "Wording")[0] == "same"
    assert [row[2:5] for row in numbers[1:7]] == [
        (None, 5, 5),
        ("1", 0, 5),
        ("2", 0, 5),
        ("3", 0, 5),
        ("4", 3, 5),
        ("5", 2, 5),
    ]
    assert sorted(column(extra, "Answer")).count("4/5") == 3
    assert "=Цена()" in column(extra, "Answer")
    csv = ask(world, now, "export", format="csv", sheet="extra").text
    assert "Отчёты" in csv
    assert "\n=1+1" not in csv


def test_a_client_s_line_and_tab_show_them_beside_the_answer(one_engine: Engine, clock: HandClock) -> None:
    """What was said stands with the wording it answered; held ones are marked; staff write and correct them."""
    world = tab_world.tab_world(make_sessions(one_engine), clock)
    tab_world.history(world)
    world.policy(extra_questions=[SPEED, WHAT], language="ru")
    client = make_app(world.deps).test_client()
    who = tab_world.viewer(world, tab_world.HEAD, ("company", 12))
    response = next(row for row in world.rows(Response) if row.wave_id == world.wave_id)
    body = inside(client, world, who, "/app/card/company/12").text
    assert 'name="q-speed"' in body
    fixed = {"do": "correct", "response": response.id, "seen": response.revision, "reason": "told me later",
             "score": response.score, "comment": response.comment}  # fmt: skip
    wrong = inside(client, world, who, "/app/card/company/12", **fixed, **{"q-speed": "7", "v-speed": "0"})
    assert wrong.status_code == 422
    assert "Please choose one of the answers." in wrong.text
    done = inside(client, world, who, "/app/card/company/12", **fixed, **{"q-speed": "4", "q-what": "o2"})
    assert done.status_code == 200
    assert [(row.question, row.value, row.version) for row in world.rows(ExtraAnswer)] == [
        ("speed", "4", 1), ("what", "o2", 1),
    ]  # fmt: skip
    with transaction(world.deps.sessions) as session:
        session.add(
            ExtraAnswer(portal_id=world.portal.id, wave_id=world.wave_id, response_id=response.id, question="speed",
                        version=1, status="held", value="1", answered_at=clock.now())
        )  # fmt: skip
    body = " ".join(inside(client, world, who, "/app/card/company/12").text.split())
    for words in ("Speed?", "4/5", "Что важнее?", "Сроки", "1/5", ">held<"):
        assert words in body, words
    line = next(row for row in world.rows(WaveClient) if row.wave_id == world.wave_id)
    page = inside(client, world, who, f"/app/wave/{world.wave_id}/client/{line.id}").text
    assert "4/5" in page
    assert "Сроки" in page


def projects(world: World, path: str = "", user: int = HEAD, language: str = "en", **fields: Any) -> str:
    """The page of surveys after projects, or a table of its file."""
    session = frames.seal(world.deps, viewer(world, user, language=language))
    made = (
        make_app(world.deps).test_client().post(f"/app/projects{path}", data={"session": session, **fields})
    )
    assert made.status_code == 200
    return made.text if path else " ".join(made.text.split())


def test_after_projects_they_stand_apart_with_their_change_from_period_to_period(world: World) -> None:
    """Figures of the whole and of each month or year, nothing below the smallest group; the yearly survey's answers
    stand elsewhere; a manager sees those of own clients alone, in the files too."""
    world.policy(extra_questions=[SPEED, WHAT, WORDS], project_surveys=True)
    yearly = tell(world, "2026", scores([9] * 6))
    assert "Extra questions" not in projects(world)
    months = [
        tell(world, f"project 2026-{month:02}", scores([9] * 6), kind="project", start=date(2026, month, 2))
        for month in (7, 8, 9)
    ]
    answer(world, yearly.wave, {"speed": [1] * 6})
    for month, given in zip(months, ([2, 2, 3, 2, 3, 2], [5], [4, 5, 4, 5, 4, 5]), strict=True):
        answer(world, month.wave, {"speed": given})
    answer(world, months[2].wave, {"what": ["o1"] * 4 + ["o2"] * 2, "words": ["<b>Отчёты</b>", "=1+1"]})
    page = projects(world)
    for words in (
        "Speed?", "13 answers", "<b>3.5</b>", "September 2026: +2.2 against July 2026, 95 % between",
        "the answers of the yearly survey are not among them", "&lt;b&gt;Отчёты&lt;/b&gt;", "67 %", "Period by period",
    ):  # fmt: skip
        assert words in page, words
    assert "August 2026:" not in page
    assert "against August" not in page, "one answer is not compared with"
    assert "Period by period" not in projects(world, by="year").partition("=Цена()")[0]
    assert "Отчёты" not in projects(world, user=404)
    figures = projects(world, "/file", kind="csv", sheet="questions")
    lines = [line.split(",") for line in figures.splitlines()]
    assert {line[0] for line in lines if line[-1] == "same"} == {"September 2026"}
    extra = projects(world, "/file", kind="csv", sheet="extra")
    assert len(extra.splitlines()) == 1 + 13 + 6 + 2
    assert "\n=1+1" not in extra
    assert "Отчёты" not in (projects(world, "/file", kind="csv", user=404))
    session = frames.seal(world.deps, viewer(world, HEAD, language="en"))
    client = make_app(world.deps).test_client()
    got = client.post("/app/projects/file", data={"session": session, "kind": "xlsx"})
    found = openpyxl.load_workbook(io.BytesIO(got.data))
    assert found.sheetnames == ["After projects", "Extra questions", "Extra answers"]
    assert [row[9] for row in found["Extra questions"].values][1] == pytest.approx(46 / 13)
    nothing = {"session": frames.seal(world.deps, viewer(world, 404)), "kind": "csv", "sheet": "extra"}
    assert client.post("/app/projects/file", data=nothing).status_code == 404

"""The settings of extra questions: shown, kept in every language, refused at the field (product.md W13)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from integration.nps.questions import Question
from integration.services import policies
from integration.store.base import Sessions, reading
from integration.store.questions import QuestionVersion
from tests.conftest import HandClock
from tests.web.settings_world import Desk, form_of, make_desk, problem_at, words_of


@pytest.fixture
def desk(sessions: Sessions, clock: HandClock) -> Desk:
    return make_desk(sessions, clock)


def asked(desk: Desk) -> tuple[Question, ...]:
    with reading(desk.world.deps.sessions) as session:
        return policies.load(session, desk.world.portal_id)[0].extra_questions


def versions(desk: Desk) -> list[tuple[str, int]]:
    with reading(desk.world.deps.sessions) as session:
        statement = select(QuestionVersion.key, QuestionVersion.version).order_by(
            QuestionVersion.key, QuestionVersion.version
        )
        return [(key, number) for key, number in session.execute(statement)]


def act(desk: Desk, page: Any, do: str, **changes: Any) -> Any:
    """Press a button of the form as it is shown."""
    return desk.post("questions", {**form_of(page), **changes}, do=do)


def test_questions_are_made_changed_moved_and_removed(desk: Desk) -> None:
    """From the empty state to a list of options and back: nothing counts before it is saved, a changed text is a new
    version, and a key or an option's code never gets a second meaning."""
    page = desk.post("questions")
    assert "No extra questions yet" in words_of(page)
    page = act(desk, page, "add:speed")
    page = act(desk, page, "add")
    assert asked(desk) == ()
    page = act(
        desk, page, "option:1",
        **{"questions-1-kind": "choice", "questions-1-on": "1", "questions-1-text-ru": "Что важнее?",
           "questions-1-option-0-ru": "Цена", "questions-1-option-1-ru": "Сроки"},
    )  # fmt: skip
    assert "questions-1-option-3-ru" in form_of(page)
    page = act(desk, page, "save")
    assert page.status_code == 200, words_of(page)
    speed, what = asked(desk)
    assert (speed.key, speed.kind, speed.on) == ("speed", "scale_5", True)
    assert (what.key, [(one.code, one.texts["ru"]) for one in what.options]) == (
        "q1", [("o1", "Цена"), ("o2", "Сроки")],
    )  # fmt: skip
    assert versions(desk) == [("q1", 1), ("speed", 1)]

    page = act(desk, act(desk, page, "up:1"), "save")
    assert [one.key for one in asked(desk)] == ["q1", "speed"]
    page = act(desk, page, "save", **{"questions-0-text-ru": "Что для вас важнее?"})
    assert versions(desk) == [("q1", 1), ("q1", 2), ("speed", 1)]
    assert "Что важнее?" in words_of(desk.post("history"))

    page = act(desk, page, "save", **{"questions-0-option-0-ru": "", "questions-0-option-2-ru": "Команда"})
    assert [one.code for one in asked(desk)[0].options] == ["o2", "o3"]
    page = act(desk, page, "save", **{"questions-0-gone": "1"})
    assert [one.key for one in asked(desk)] == ["speed"]
    form = {
        **form_of(act(desk, page, "add")),
        "questions-1-text-ru": "Ещё вопрос?",
        "questions-1-kind": "text",
    }
    del form["questions-1-on"]
    desk.post("questions", form, do="save")
    assert [(one.key, one.on) for one in asked(desk)] == [("speed", True), ("q2", False)]


def test_what_cannot_be_asked_is_told_at_its_field(desk: Desk) -> None:
    """Each mistake stands at the row it was made in, and nothing is saved."""
    page = act(desk, act(desk, desk.post("questions"), "add"), "add:goals")
    wrong = act(desk, page, "save", **{"questions-0-text-en": "Only English", "questions-0-kind": "choice"})
    assert wrong.status_code == 422
    assert asked(desk) == ()
    assert "main language" in problem_at(wrong, "questions-0-text-ru")
    assert "2 to 7" in words_of(wrong)
    long = act(desk, page, "save", **{"questions-0-text-ru": "ы" * 201})
    assert "200" in problem_at(long, "questions-0-text-ru")
    page = desk.post("questions")
    for _ in range(5):
        page = act(desk, page, "add")
    many = act(
        desk, page, "save", **{f"questions-{number}-text-ru": f"Вопрос {number}?" for number in range(5)}
    )
    assert many.status_code == 422
    assert "4 questions at most" in words_of(many)


def test_the_preview_is_what_a_client_sees(desk: Desk) -> None:
    """Beside the form stand the questions in each language, with what is missing told as a hint."""
    page = act(desk, act(desk, desk.post("questions"), "add"), "look",
               **{"questions-0-text-ru": "Как скорость?", "questions-0-on": "1"})  # fmt: skip
    text = words_of(page)
    assert "As clients see it" in text
    assert "5 — отлично" in text
    assert "has no text in this language yet" in text

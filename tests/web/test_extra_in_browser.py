"""Extra questions in a real browser: a client on a phone, without a script, and the administrator who writes them
(product.md W13, S1-S3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from integration.nps.questions import Option, Question
from integration.store.questions import ExtraAnswer
from tests.browser import weight
from tests.services.survey_world import World
from tests.services.test_questions import asks
from tests.web.conftest import Eyes
from tests.web.test_answer_in_browser import check, counted, visit

pytestmark = pytest.mark.browser

Open = Callable[..., Eyes]
SPEED = Question("speed", "scale_5", {"en": "Speed?", "ru": "Как вам скорость нашей работы?"})
GOALS = Question("goals", "scale_10", {"ru": "Насколько хорошо мы понимаем ваши задачи?", "en": "Goals?"})
WHAT = Question(
    "what", "choice", {"ru": "Что для вас важнее всего?", "en": "What matters?"},
    tuple(
        Option(f"o{n}", {"ru": text, "en": text})
        for n, text in enumerate(("Цена", "Сроки", "Понятные-отчёты-без-единого-пробела-" * 2), 1)
    ),
)  # fmt: skip
WORDS = Question("words", "text", {"ru": "Что ещё нам стоит знать?", "en": "What else?"})


def said(world: World, status: str = "counted") -> dict[str, str]:
    return {row.question: row.value for row in world.rows(ExtraAnswer, status=status) if row.value}


def answered(page: Page, world: World, score: int) -> None:
    """The score of the letter, confirmed."""
    page.get_by_role("button", name="Отправить ответ").click()
    expect(page.locator(".mark")).to_have_text(str(score))
    world.clock.advance(seconds=5)


def test_a_client_on_a_phone_adds_two_answers_and_corrects_one(
    site: str, shown_world: World, eyes: Open
) -> None:
    """After the score, two more answers by thumb; one is corrected later; the third stays open. The page stays light,
    and nothing of it moves the score."""
    asks(shown_world, SPEED, WHAT, WORDS)
    seen = eyes(375)
    page = visit(seen, site, shown_world, "?score=9")
    expect(page.locator("#more")).to_have_count(0)
    answered(page, shown_world, 9)
    expect(page.get_by_role("heading", name="Ещё 3 коротких вопроса — если хотите")).to_be_visible()
    group = page.get_by_role("group", name="Как вам скорость нашей работы?")
    group.get_by_role("radio", name="4").check(force=True)
    page.get_by_role("radio", name="Сроки").check(force=True)
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.get_by_text("Спасибо, это мы тоже записали.")).to_be_visible()
    assert said(shown_world) == {"speed": "4", "what": "o2"}
    expect(page.locator(".given .said")).to_contain_text("4/5")
    shown_world.clock.advance(days=2)
    assert weight(eyes(375).page, f"{site}/s/{shown_world.token}") <= 30 * 1024
    page = visit(seen, site, shown_world)
    group.get_by_role("radio", name="2").check(force=True)
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.locator(".given .said")).to_contain_text("2/5")
    assert said(shown_world) == {"speed": "2", "what": "o2"}
    assert counted(shown_world) == (9, "")
    assert seen.errors == []


def test_extra_answers_without_a_mouse_and_in_another_language(
    site: str, shown_world: World, eyes: Open
) -> None:
    """By keyboard alone; a change of the language keeps what was chosen and sends nothing."""
    asks(shown_world, SPEED, WORDS)
    shown_world.human(7, "Хорошо")
    seen = eyes()
    page = visit(seen, site, shown_world)
    page.locator("#more input[type=radio]").first.focus()
    page.keyboard.press("Space")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.type("Отчёты")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("group", name="Speed?").get_by_role("radio", name="3")).to_be_checked()
    expect(page.get_by_label("What else?")).to_have_value("Отчёты")
    assert said(shown_world) == {}
    shown_world.clock.advance(seconds=5)
    page.get_by_label("What else?").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thank you, we have noted that too.")).to_be_visible()
    assert said(shown_world) == {"speed": "3", "words": "Отчёты"}
    expect(page.get_by_text("Change what you said besides")).to_be_visible()
    assert seen.errors == []


def test_extra_answers_without_a_script_count_after_one_more_step(
    site: str, shown_world: World, eyes: Open
) -> None:
    """Held until the box is ticked; a scanner that submits the form changes nothing."""
    asks(shown_world, SPEED, WHAT)
    shown_world.human(6)
    seen = eyes(320, script=False)
    page = visit(seen, site, shown_world)
    page.get_by_role("group", name="Как вам скорость нашей работы?").get_by_role("radio", name="5").check(
        force=True
    )
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.get_by_role("heading", name="Ещё один шаг")).to_be_visible()
    assert (said(shown_world), said(shown_world, "held")) == ({}, {"speed": "5"})
    shown_world.clock.advance(seconds=5)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_text("Спасибо, это мы тоже записали.")).to_be_visible()
    assert (said(shown_world), said(shown_world, "held")) == ({"speed": "5"}, {})


@pytest.mark.parametrize(("width", "dark"), [(320, True), (1280, False)])
def test_every_kind_of_question_is_accessible_and_fits(
    site: str, shown_world: World, eyes: Open, width: int, dark: bool
) -> None:
    asks(shown_world, SPEED, GOALS, WHAT, WORDS)
    shown_world.human(3, "Долго")
    page = visit(eyes(width, dark=dark), site, shown_world)
    check(page, "asked")
    page.locator("#q-words").fill("Длинные-слова-без-единого-пробела-" * 6)
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.locator(".given .said")).to_be_visible()
    check(page, "said")
    page.goto(f"{site}/s/{shown_world.token}")
    shown_world.clock.advance(seconds=5)
    page.evaluate("document.querySelector('#more input[type=radio]').checked = true")
    page.evaluate("document.getElementById('more').submit()")
    expect(page.get_by_role("heading", name="Ещё один шаг")).to_be_visible()
    check(page, "more")

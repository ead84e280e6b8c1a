"""The settings as an administrator sees them: live parts, saving, a clash, narrow and dark (product.md P1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine

from integration.nps.questions import from_json as question_from
from integration.services import policies
from integration.store.base import make_sessions
from tests.browser import hasty, until, until_here
from tests.conftest import HandClock
from tests.web.conftest import Eyes, served
from tests.web.settings_world import Desk, make_desk

pytestmark = pytest.mark.browser

SECTIONS = ("senders", "clients", "wave", "questions", "followups", "referrals", "history")


QUESTIONS = [
    {"key": "speed", "kind": "scale_5", "texts": {"ru": "Как вам скорость нашей работы?"}, "on": True},
    {
        "key": "what", "kind": "choice", "texts": {"ru": "Что важнее всего? " * 8}, "on": False,
        "options": [{"code": f"o{n}", "texts": {"ru": f"{n} Длинный-ответ-без-пробела-" * 2}} for n in range(3)],
    },
]  # fmt: skip


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    made = make_desk(make_sessions(one_engine), clock, language="ru")
    made.app.config["BX24_SCRIPT_URL"] = ""
    for number in range(2, 9):
        made.world.client(number, title="Очень длинное название клиента " * 3, city="Набережные Челны")
    made.world.client(9, since=date(2026, 1, 2))
    made.world.policy(director_by_city={"Набережные Челны": 5}, callers=[6], extra_questions=QUESTIONS)
    return made


@pytest.fixture
def site(desk: Desk) -> Iterator[str]:
    yield from served(desk.app)


def enter(eyes: Eyes, site: str, desk: Desk, section: str, *, whole: bool = True) -> Page:
    """Come to a section as the portal's page leads there: by a form that carries the session.

    Not `whole` is as soon as something can be read, before the scripts."""
    page = eyes.page
    page.set_content(
        f'<form method="post" action="{site}/app/settings/{section}"><input name="session" value="{desk.session()}">'
        "<button>in</button></form>"
    )
    page.click("button")
    page.wait_for_selector("main h1")
    if whole:
        page.wait_for_load_state()
    return page


def wide_enough(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_every_section_fits_and_is_accessible(eyes: Callable[..., Eyes], site: str, desk: Desk) -> None:
    seen = eyes()
    for section in SECTIONS:
        page = enter(seen, site, desk, section)
        for width, dark in ((1280, False), (375, True), (320, False)):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
            assert wide_enough(page), (section, width)
            found = Axe().run(page)
            assert found.violations_count == 0, (section, width, found.generate_report())
    assert seen.errors == []


def test_the_count_follows_the_fields_and_is_saved(eyes: Callable[..., Eyes], site: str, desk: Desk) -> None:
    """Live count, what would change, undo, save, and the answer in words."""
    seen = eyes()
    page = enter(seen, site, desk, "clients")
    expect(page.locator(".count-panel .value")).to_have_text("7")
    page.fill("#f-min_age_months", "0")
    expect(page.locator(".count-panel .value")).to_have_text("8")
    expect(page.locator("#live .changes")).to_contain_text("Работает с нами не меньше")
    expect(page.locator("#unsaved")).to_be_visible()
    page.click("[data-undo]")
    expect(page.locator(".count-panel .value")).to_have_text("7")
    expect(page.locator("#unsaved")).to_be_hidden()
    page.fill("#f-min_age_months", "0")
    expect(page.locator(".count-panel .value")).to_have_text("8")
    page.click(".bar-save .primary")
    expect(page.locator(".notice.good")).to_contain_text("Сохранено.")
    assert desk.policy()[0].min_age_months == 0
    assert seen.errors == []


def test_the_calendar_follows_the_fields_and_a_mistake_is_shown_at_its_field(
    eyes: Callable[..., Eyes], site: str, desk: Desk
) -> None:
    seen = eyes()
    page = enter(seen, site, desk, "wave")
    expect(page.locator(".days .mailing time")).to_contain_text("2 марта 2026")
    page.fill("#f-wave_day", "8")
    expect(page.locator(".days .mailing")).to_contain_text("9 марта 2026")
    page.fill("#f-announce_days", "1")
    expect(page.locator("#live .danger")).to_contain_text("Анонс слишком близко")
    page.click(".bar-save .primary")
    expect(page.locator(".notice.danger")).to_be_focused()
    expect(page.locator("#f-announce_days-problem")).to_be_visible()
    expect(page.locator("#f-wave_day")).to_have_value("8")
    assert Axe().run(page).violations_count == 0
    assert [line for line in seen.errors if "422" not in line] == []


def test_rows_are_added_on_the_spot_and_a_chosen_person_s_card_fills_them(
    eyes: Callable[..., Eyes], site: str, desk: Desk
) -> None:
    seen = eyes()
    page = enter(seen, site, desk, "senders")
    page.click("[data-add]")
    page.select_option("#f-senders-2-person", "6")
    expect(page.locator("#f-senders-2-email")).to_have_value("user6@agency.example.com")
    city = page.locator("#f-senders-2 [data-city]:visible").last
    name = city.get_attribute("data-city") or ""
    city.click()
    expect(page.locator("#f-senders-2-cities")).to_have_value(name)
    expect(page.locator(f'[data-city="{name}"]:visible')).to_have_count(0)
    page.fill("#f-senders-2-cities", "Набережные Челны")
    expect(page.locator(f'#f-senders-2 [data-city="{name}"]')).to_be_visible()
    expect(page.locator("#live .changes")).to_contain_text("Иван Петров")
    page.click(".bar-save .primary")
    expect(page.locator(".notice.good")).to_contain_text("Иван Петров")
    assert dict(desk.policy()[0].sender_by_city) == {"Набережные Челны": "user-6"}
    assert seen.errors == []


def test_two_administrators_at_once_choose(eyes: Callable[..., Eyes], site: str, desk: Desk) -> None:
    seen = eyes()
    page = enter(seen, site, desk, "clients")
    policies.save(
        desk.world.deps, desk.world.portal_id, {"min_gap_days": 200}, "Ольга Лис (5)", desk.policy()[1]
    )
    page.fill("#f-min_gap_days", "250")
    expect(page.locator("#live [data-changed]")).to_be_visible()
    page.click(".bar-save .primary")
    expect(page.locator(".clash")).to_contain_text("Ольга Лис")
    expect(page.locator("#f-min_gap_days")).to_have_value("250")
    assert Axe().run(page).violations_count == 0
    page.check('.clash input[value="mine"]')
    page.click(".bar-save .primary")
    expect(page.locator(".notice.good")).to_be_visible()
    assert desk.policy()[0].min_gap_days == 250
    assert [line for line in seen.errors if "409" not in line] == []


def test_what_was_typed_before_the_scripts_came_is_heard(
    eyes: Callable[..., Eyes], site: str, desk: Desk
) -> None:
    """On a slow line people type first; the live part, the undo and the question on leaving know of it."""
    seen = eyes()
    waiting: list[Route] = []
    seen.page.route("**/kit.js*", lambda route: waiting.append(route))
    with hasty():
        page = enter(seen, site, desk, "followups", whole=False)
        page.fill("#f-detractor_days", "1")
        until(page, "document.readyState !== 'loading'")
        assert page.locator("#live [data-changed]").count() == 0
        until_here(page, lambda: waiting, "the request for the script")
        waiting[0].continue_()
    expect(page.locator("#live [data-changed]")).to_be_visible()
    expect(page.locator("#unsaved")).to_be_visible()
    assert seen.errors == []


def test_leaving_with_unsaved_changes_is_asked_about(
    eyes: Callable[..., Eyes], site: str, desk: Desk
) -> None:
    seen = eyes()
    page = enter(seen, site, desk, "followups")
    page.fill("#f-detractor_days", "1")
    expect(page.locator("#live [data-changed]")).to_be_visible()
    page.click(".menu button:has-text('История изменений')")
    page.click("#ask [data-no]")
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator("#f-detractor_days")).to_have_value("1")
    page.click(".menu button:has-text('История изменений')")
    page.click("#ask [data-yes]")
    expect(page.locator("h1")).to_have_text("История изменений")
    assert seen.errors == []


def test_without_script_everything_works_by_buttons(eyes: Callable[..., Eyes], site: str, desk: Desk) -> None:
    seen = eyes(script=False)
    page = enter(seen, site, desk, "clients")
    page.fill("#f-min_age_months", "0")
    page.click("button[value=look]")
    expect(page.locator(".count-panel .value")).to_have_text("8")
    page.click(".bar-save .primary")
    expect(page.locator(".notice.good")).to_contain_text("Сохранено.")
    assert desk.policy()[0].min_age_months == 0


@pytest.mark.parametrize("width", [1280, 375])
def test_questions_are_written_by_keyboard_alone(
    eyes: Callable[..., Eyes], site: str, desk: Desk, width: int
) -> None:
    """Added, worded, moved and saved without the mouse; the preview follows what is typed."""
    seen = eyes(width)
    page = enter(seen, site, desk, "questions")
    page.get_by_role("button", name="Как вам работается с нашей командой?").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#f-questions-2")
    page.focus("#f-questions-2-text-ru")
    page.keyboard.press("Control+a")
    page.keyboard.type("Как вам наша команда?")
    expect(page.locator("#live .client-view")).to_contain_text("Как вам наша команда?")
    expect(page.locator("#live .changes")).to_contain_text("Как вам наша команда?")
    page.get_by_role("button", name="Задать вопрос 3 раньше").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#f-questions-1-text-ru")).to_have_value("Как вам наша команда?")
    page.locator(".bar-save .primary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("Как вам наша команда?")
    asked = desk.policy()[0].extra_questions
    assert [one.key for one in asked] == ["speed", "team", "what"]
    assert asked[2].options == question_from(QUESTIONS[1]).options
    assert seen.errors == []

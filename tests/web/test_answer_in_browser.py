"""The answer page in a real browser: mouse, keyboard, no script, small screens, axe (product.md S1, S2)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from integration.store.clients import Company, OptOut
from integration.store.waves import Invitation
from tests.browser import weight
from tests.services.survey_world import World
from tests.web.conftest import Eyes

pytestmark = pytest.mark.browser

Open = Callable[..., Eyes]
LONG = "Рекламно-производственное агентство полного цикла «Александрийский маяк, сыновья и партнёры»"


def counted(world: World) -> tuple[int, str] | None:
    response = world.response()
    return (
        (response.score, response.comment) if response is not None and response.status == "counted" else None
    )


def visit(seen: Eyes, site: str, world: World, query: str = "") -> Page:
    """Open the answer page; five seconds pass before anything is touched."""
    seen.page.goto(f"{site}/s/{world.token}{query}")
    world.clock.advance(seconds=5)
    return seen.page


def test_a_person_confirms_the_score_of_the_letter_with_one_click(
    site: str, shown_world: World, eyes: Open
) -> None:
    seen = eyes()
    page = visit(seen, site, shown_world, "?score=9")
    expect(page.get_by_role("radio", name="9")).to_be_checked()
    page.get_by_role("button", name="Отправить ответ").click()
    expect(page.get_by_role("heading", name="Спасибо!")).to_be_visible()
    assert counted(shown_world) == (9, "")
    assert seen.errors == []


def test_the_page_can_be_answered_by_keyboard_alone(site: str, shown_world: World, eyes: Open) -> None:
    seen = eyes()
    page = visit(seen, site, shown_world)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "radio":
            break
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="8")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("Всё вовремя")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "submit"
    page.keyboard.press("Enter")
    expect(page.locator("blockquote")).to_have_text("Всё вовремя")
    assert counted(shown_world) == (8, "Всё вовремя")
    assert seen.errors == []


def test_without_a_script_the_answer_counts_after_one_more_step(
    site: str, shown_world: World, eyes: Open
) -> None:
    seen = eyes(script=False)
    page = visit(seen, site, shown_world, "?score=3")
    page.get_by_label("Почему вы поставили такую оценку?").fill("Долго")
    page.get_by_role("button", name="Отправить ответ").click()
    expect(page.get_by_role("heading", name="Пожалуйста, выберите оценку ещё раз")).to_be_visible()
    expect(page.locator("input[type=radio]:checked")).to_have_count(0)
    assert counted(shown_world) is None
    shown_world.clock.advance(seconds=5)
    page.get_by_role("radio", name="3").check(force=True)
    page.get_by_role("button", name="Подтвердить мой ответ").click()
    expect(page.get_by_role("heading", name="Спасибо за откровенность")).to_be_visible()
    assert counted(shown_world) == (3, "Долго")


def test_a_scanner_that_runs_scripts_but_touches_nothing_answers_nothing(
    site: str, shown_world: World, eyes: Open
) -> None:
    page = visit(eyes(), site, shown_world, "?score=0")
    page.evaluate(
        """() => {
          const button = document.querySelector('button[type=submit]');
          ['pointerdown', 'pointerup', 'click', 'keydown'].forEach(
            (name) => button.dispatchEvent(new Event(name, {bubbles: true})));
          document.getElementById('answer').submit();
        }"""
    )
    expect(page.get_by_role("heading", name="Пожалуйста, выберите оценку ещё раз")).to_be_visible()
    assert counted(shown_world) is None


def test_sending_without_a_score_says_so_on_the_spot(site: str, shown_world: World, eyes: Open) -> None:
    seen = eyes()
    page = visit(seen, site, shown_world)
    page.get_by_role("button", name="Отправить ответ").click()
    expect(page.get_by_role("alert").filter(has_text="Выберите число от 0 до 10.")).to_be_visible()
    assert page.evaluate("document.activeElement.value") == "0"
    page.get_by_role("radio", name="7").check(force=True)
    page.get_by_role("button", name="Отправить ответ").click()
    expect(page.get_by_role("heading", name="Спасибо за ответ!")).to_be_visible()
    assert counted(shown_world) == (7, "")
    assert seen.errors == []


def test_changing_the_language_keeps_score_and_words(site: str, shown_world: World, eyes: Open) -> None:
    seen = eyes()
    page = visit(seen, site, shown_world, "?score=6")
    page.locator("#comment").fill("Не закончил мысль")
    page.get_by_role("link", name="Українська").click()
    expect(page.get_by_role("button", name="Надіслати відповідь")).to_be_visible()
    expect(page.locator("#comment")).to_have_value("Не закончил мысль")
    expect(page.get_by_role("radio", name="6")).to_be_checked()
    assert counted(shown_world) is None
    shown_world.clock.advance(seconds=5)
    page.get_by_role("button", name="Надіслати відповідь").click()
    expect(page.get_by_role("heading", name="Дякуємо за відвертість")).to_be_visible()
    assert counted(shown_world) == (6, "Не закончил мысль")


def test_an_answer_can_be_changed_on_the_page_of_thanks(site: str, shown_world: World, eyes: Open) -> None:
    shown_world.human(9, "Хорошо")
    seen = eyes()
    page = visit(seen, site, shown_world)
    page.get_by_text("Изменить мой ответ").click()
    page.get_by_role("radio", name="4").check(force=True)
    page.locator("#comment").fill("Передумал")
    page.get_by_role("button", name="Сохранить изменения").click()
    expect(page.locator(".mark")).to_have_text("4")
    assert counted(shown_world) == (4, "Передумал")
    assert seen.errors == []


def test_never_again_takes_one_click_of_a_person(site: str, shown_world: World, eyes: Open) -> None:
    seen = eyes()
    page = visit(seen, site, shown_world)
    page.get_by_role("link", name="Больше никогда не спрашивать").click()
    never = page.get_by_role("button", name="Больше никогда не спрашивать")
    expect(never).to_be_visible()
    shown_world.clock.advance(seconds=5)
    never.click()
    expect(page.get_by_role("heading", name="Готово: больше мы вас не спросим")).to_be_visible()
    assert len(shown_world.rows_by_portal(OptOut)) == 1
    assert seen.errors == []


def test_not_a_good_moment_takes_one_click_of_a_person(site: str, shown_world: World, eyes: Open) -> None:
    seen = eyes()
    page = visit(seen, site, shown_world)
    page.get_by_role("link", name="Сейчас неудобно, спросите позже").click()
    later = page.get_by_role("button", name="Спросить меня позже")
    expect(later).to_be_visible()
    shown_world.clock.advance(seconds=5)
    later.click()
    expect(page.get_by_role("heading", name="Хорошо, вернёмся позже")).to_be_visible()
    assert shown_world.invitation().snoozed_until is not None
    assert seen.errors == []


def test_the_whole_page_weighs_at_most_30_kb_and_asks_nobody_else(
    site: str, shown_world: World, eyes: Open
) -> None:
    seen = eyes()
    heavy = weight(seen.page, f"{site}/s/{shown_world.token}?score=9")
    assert {urlsplit(address).netloc for address in seen.requests} == {urlsplit(site).netloc}
    assert len(seen.requests) >= 4, "page, two style sheets, script"
    assert heavy <= 30 * 1024


def states(world: World) -> dict[str, str]:
    """Address by state; the world is changed on the way."""
    return {"open": f"/s/{world.token}", "chosen": f"/s/{world.token}?score=9", "later": f"/s/{world.token}/later",
            "never": f"/u/{world.token}", "unknown": "/s/nobody", "no page": "/nowhere"}  # fmt: skip


def check(page: Page, where: str) -> None:
    """axe finds nothing, nothing is wider than the screen, targets are large enough (WCAG 2.2)."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], where
    small = page.evaluate(
        """() => [...document.querySelectorAll('a, button, summary, textarea, .score, .check label')]
          .map((e) => [e.textContent.trim(), e.getBoundingClientRect()])
          .filter(([, r]) => r.width > 0 && (r.width < 24 || r.height < 24)).map(([text]) => text)"""
    )
    assert small == [], where


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True), (320, False)])
def test_every_state_is_accessible_and_fits(
    site: str, shown_world: World, eyes: Open, width: int, dark: bool
) -> None:
    world = shown_world
    world.set(Invitation, world.invitation().id, name="Константин-Максимилиан Преображенский-Задунайский")
    seen = eyes(width, dark=dark)
    for where, address in states(world).items():
        seen.page.goto(site + address)
        check(seen.page, where)
    seen.page.goto(f"{site}/s/{world.token}")
    world.clock.advance(seconds=5)
    seen.page.evaluate("document.querySelector('input[value=\"2\"]').checked = true")
    seen.page.evaluate("document.getElementById('answer').submit()")
    expect(seen.page.get_by_role("heading", name="Пожалуйста, выберите оценку ещё раз")).to_be_visible()
    check(seen.page, "confirm")
    for score in (2, 7, 10):
        world.human(score, "Длинные-слова-без-единого-пробела-" * 6)
        seen.page.goto(f"{site}/s/{world.token}?score={score - 1}")
        expect(seen.page.locator(".mark")).to_have_text(str(score))
        check(seen.page, f"thanks {score}")


def test_scores_are_44_pixels_high_and_wide_on_a_phone(site: str, shown_world: World, eyes: Open) -> None:
    page = visit(eyes(375), site, shown_world)
    boxes = [box.bounding_box() for box in page.locator(".score").all()]
    assert len(boxes) == 11
    assert all(box is not None and box["width"] >= 44 and box["height"] >= 44 for box in boxes)


def test_focus_is_visible_on_a_score(site: str, shown_world: World, eyes: Open) -> None:
    page = visit(eyes(), site, shown_world)
    page.get_by_role("radio", name="5").focus()
    page.keyboard.press("ArrowRight")
    style = page.evaluate("getComputedStyle(document.querySelector('input:focus + span')).outlineStyle")
    assert style == "solid"


def test_a_long_agency_name_stays_inside_the_page(site: str, shown_world: World, eyes: Open) -> None:
    shown_world.set(Company, (shown_world.portal.id, 1), title=LONG)
    seen = eyes(320)
    page = visit(seen, site, shown_world)
    expect(page.locator(".agency")).to_have_text(LONG)
    check(page, "long name")

"""The main page and the page of a survey in a real browser: any width, light and dark, accessible, quiet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, Response, request
from playwright.sync_api import Page, expect

from integration.services import frames
from integration.services.frames import Viewer
from integration.store.portals import Portal
from tests.services.report_world import MARKUP
from tests.services.wave_world import World
from tests.web import main_states
from tests.web.conftest import Eyes, make_app, served
from tests.web.main_states import year

__all__ = ["year"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BX24 = "window.BX24 = {init: cb => cb(), fitWindow: () => 0, getAuth: () => false, refreshAuth: cb => cb(false)};"
LOOKS = [(1280, False), (375, True)]


def _app(world: World) -> Flask:
    """The pages, a frame script, and a page that posts the way into them as a portal does."""
    app = make_app(world.deps)
    held: dict[str, Viewer] = {}
    app.extensions["probe"] = held

    @app.get("/probe/bx24.js")
    def script() -> Response:
        return Response(BX24, mimetype="text/javascript")

    @app.get("/probe")
    def door() -> Response:
        session = escape(frames.seal(world.deps, held["who"]))
        to = escape(request.args["to"])
        return Response(
            '<!doctype html><title>door</title><link rel="icon" href="/assets/icon.svg">'
            f'<form method="post" action="{to}">'
            f'<input type="hidden" name="session" value="{session}"><button>in</button></form>',
            mimetype="text/html",
        )

    return app


def serve(app: Flask) -> Iterator[str]:
    """Its origin, with the frame script at an address of its own."""
    for site in served(app):
        app.config["BX24_SCRIPT_URL"] = f"{site}/probe/bx24.js"
        yield site


def enter(eyes: Eyes, site: str, to: str) -> Page:
    eyes.page.goto(f"{site}/probe?to={to}")
    with eyes.page.expect_navigation(url=f"**{to}"):
        eyes.page.get_by_role("button").click()
    return eyes.page


def accessible(page: Page) -> None:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def _path(world: World, name: str) -> str:
    return f"/app/wave/{world.wave().id}" if name.startswith("wave ") else "/app/main"


STATES = [*main_states.MAIN, *(f"wave {name}" for name in main_states.WAVE)]


@pytest.mark.parametrize("name", STATES)
def test_every_state_fits_is_accessible_and_quiet(year: World, eyes: Callable[..., Eyes], name: str) -> None:
    """1280 px light, 375 px dark, down to 320: no sideways scrolling, axe without findings, nothing in the console."""
    states = main_states.WAVE if name.startswith("wave ") else main_states.MAIN
    app = _app(year)
    app.extensions["probe"]["who"] = states[name.removeprefix("wave ")](year)
    serving = serve(app)
    site, seen = next(serving), eyes()
    page = enter(seen, site, _path(year, name))
    for width, dark in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        fits(page)
        accessible(page)
        page.set_viewport_size({"width": 320, "height": 640})
        fits(page)
    assert seen.errors == []
    assert all(address.startswith(site) for address in seen.requests)
    next(serving, None)


def test_names_with_markup_run_nothing(year: World, eyes: Callable[..., Eyes]) -> None:
    app = _app(year)
    app.extensions["probe"]["who"] = main_states.full(year)
    serving = serve(app)
    seen = eyes()
    page = enter(seen, next(serving), "/app/main")
    expect(page.get_by_role("link", name=MARKUP)).to_be_visible()
    expect(page.locator("main b b, main script")).to_have_count(0)
    assert seen.errors == []
    next(serving, None)


@pytest.mark.parametrize("script", [True, False])
def test_a_survey_is_found_looked_through_and_approved_by_keyboard_and_without_script(
    year: World, eyes: Callable[..., Eyes], script: bool
) -> None:
    """From the row on the main page to the approval; with script a question is asked first."""
    app = _app(year)
    app.extensions["probe"]["who"] = main_states.planned(year)
    serving = serve(app)
    seen = eyes(script=script)
    page = enter(seen, next(serving), "/app/main")
    page.get_by_role("button", name="Посмотреть и одобрить").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Опрос 2026")
    page.get_by_role("button", name="Посмотреть репетицию").press("Enter")
    expect(page.get_by_role("heading", name="Письма на живых данных")).to_be_visible()
    expect(page.locator(".letter-envelope")).to_contain_text("кому: Анна")
    page.get_by_role("button", name=re.compile("^Одобрить")).press("Enter")
    if script:
        expect(page.get_by_role("dialog")).to_be_visible()
        page.get_by_role("dialog").get_by_role("button", name="Да").press("Enter")
    expect(page.get_by_text("Опрос одобрен.", exact=True)).to_be_visible()
    assert year.wave().approved_by == "Пётр Сом (1)"
    assert seen.errors == []
    next(serving, None)


def test_the_first_reading_turns_into_the_main_page_by_itself(year: World, eyes: Callable[..., Eyes]) -> None:
    app = _app(year)
    app.extensions["probe"]["who"] = main_states.reading(year)
    serving = serve(app)
    seen = eyes()
    page = enter(seen, next(serving), "/app/main")
    expect(page.get_by_role("heading", name="Читаем ваших клиентов и сделки")).to_be_visible()
    year.set(Portal, year.portal_id, synced_at=year.clock.now())
    expect(page.get_by_role("heading", name="Что решить сегодня")).to_be_visible()
    assert seen.errors == []
    next(serving, None)


def test_clients_are_ticked_and_taken_out_in_the_list(year: World, eyes: Callable[..., Eyes]) -> None:
    app = _app(year)
    app.extensions["probe"]["who"] = main_states.planned(year)
    serving = serve(app)
    seen = eyes(375)
    page = enter(seen, next(serving), f"/app/wave/{year.wave().id}")
    page.get_by_role("checkbox", name="Выбрать: Клиент 5").check()
    page.get_by_label("Причина").fill("спор об оплате")
    page.get_by_role("button", name="Исключить", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Да").click()
    expect(page.get_by_text("Исключено из списка.", exact=True)).to_be_visible()
    expect(page.get_by_text("Пётр Сом (1): спор об оплате")).to_be_visible()
    assert year.lines()[("company", 5)].reason == "excluded_by_hand"
    assert seen.errors == []
    next(serving, None)

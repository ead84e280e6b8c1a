"""A caller of a call centre in a browser: on a telephone, with and without script, revoked (product.md W9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from integration.services import frames
from integration.services.calling import partners
from integration.services.frames import Viewer
from integration.store.base import make_sessions
from integration.store.call_links import CallView
from integration.store.responses import Response
from tests.browser import until
from tests.conftest import HandClock
from tests.services import report_world
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk
from tests.web.conftest import Eyes, make_app, served

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
BX24 = """window.BX24 = {init: (cb) => setTimeout(cb, 0), fitWindow: () => {}, scrollParentWindow: () => {},
  getAuth: () => ({access_token: 'fresh'}), refreshAuth: (cb) => cb({access_token: 'fresh'})};"""


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Iterator[tuple[Desk, str]]:
    """Three clients to call, and the pages served."""
    made = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})
    server = served(make_app(made.deps))
    yield made, next(server)
    next(server, None)


def _link(desk: Desk, language: str, name: str = "Олена") -> str:
    made = partners.make(
        desk.deps, desk.world.portal_id, desk.wave_id, name=name, language=language, who="Boss (1)"
    )
    return f"/calls/{made.token}"


def _readable(page: Page) -> None:
    assert not page.evaluate(WIDE), "a horizontal scroll bar"
    found = Axe().run(page, options=RULES).response["violations"]
    assert found == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def _on(page: Page, client: str) -> None:
    expect(page.locator("#desk-client")).to_have_text(client)
    until(page, "!document.querySelector('.desk-part.loading')")


def test_a_partner_caller_on_a_telephone_calls_records_an_answer_and_is_revoked(
    desk: tuple[Desk, str], eyes: Callable[..., Eyes]
) -> None:
    """In the link's language, at 320 px, for readers; once revoked nothing is recorded and the words stay readable."""
    world, site = desk
    seen = eyes(320)
    page = seen.page
    page.goto(site + _link(world, "uk"))
    until(page, "!!document.querySelector('#desk.keys .desk-part:not(.loading)')")
    assert page.locator("html").get_attribute("lang") == "uk"
    expect(page.get_by_text("Олена, це посилання лише ваше")).to_be_visible()
    _readable(page)
    page.get_by_role("button", name="Наступний клієнт").click()
    _on(page, "Client 11")
    _readable(page)
    assert page.locator("a.phone").get_attribute("href") == "tel:+74951001100"
    assert page.locator("[data-phone]").count() == 0  # no telephony of a portal outside the portal
    assert page.locator(".desk-script [lang=ru] .ask").first.inner_text() != ""
    assert "client.example.com" not in page.locator("body").inner_text().replace("p…@client.example.com", "")
    page.locator("label.pick", has_text="9").first.click()
    page.fill("#desk-comment", "Усе добре")
    page.locator(".desk-save button").click()
    _on(page, "Client 12")
    (answer,) = world.world.rows(Response)
    assert (answer.score, answer.comment, answer.recorded_by) == (9, "Усе добре", "Олена")
    people = [row.invitation_id for row in world.world.rows(CallView) if row.what == "client"]
    assert people == [world.ids[1100], world.ids[1200]]
    page.locator("label.pick", has_text="3").first.click()
    page.fill("#desk-comment", "Дуже повільно")
    partners.revoke(world.deps, world.world.portal_id, world.wave_id, 1, who="Boss (1)")
    seen.errors.clear()
    page.locator(".desk-save button").click()
    expect(page.get_by_role("heading", name="Це посилання більше не діє")).to_be_visible()
    expect(page.get_by_text("Дуже повільно")).to_be_visible()
    _readable(page)
    assert [error for error in seen.errors if "410" not in error] == []
    assert len(world.world.rows(Response)) == 1
    assert len(world.attempts()) == 1


def test_the_desk_of_a_link_works_without_script_and_by_keyboard(
    desk: tuple[Desk, str], eyes: Callable[..., Eyes]
) -> None:
    """Every button posts a form; letters do the same with script."""
    world, site = desk
    plain = eyes(375, script=False).page
    plain.goto(site + _link(world, "en", "Ann"))
    plain.click("button:has-text('Next client')")
    expect(plain.locator("#desk-client")).to_have_text("Client 11")
    plain.click("button:has-text('No answer')")
    expect(plain.locator("#desk-client")).to_have_text("Client 12")
    page = eyes(1280, dark=True).page
    page.goto(site + _link(world, "ru", "Ира"))
    until(page, "!!document.querySelector('#desk.keys .desk-part:not(.loading)')")
    page.keyboard.press("n")
    _on(page, "Client 13")
    _readable(page)
    page.keyboard.press("w")
    page.keyboard.press("Enter")
    expect(page.locator("#desk-client")).to_have_count(0)
    assert [(one.outcome, one.caller_name, one.source) for one in world.attempts()] == [
        ("no_answer", "Ann", "partner"), ("busy", "Ира", "partner"),
    ]  # fmt: skip


def _inside(seen: Eyes, desk: Desk, site: str) -> Page:
    who: Viewer = report_world.viewer(desk.world, 1, administrator=True, language="ru")
    page, path = seen.page, f"/app/wave/{desk.wave_id}/partners"
    page.route(
        "**/api.bitrix24.com/**", lambda route: route.fulfill(body=BX24, content_type="text/javascript")
    )
    session = escape(frames.seal(desk.deps, who))
    page.set_content(
        f'<form method="post" action="{site}{path}"><input name="session" value="{session}"><button>go</button></form>'
    )
    page.click("button")
    page.wait_for_url(f"**{path}")
    return page


def test_an_administrator_makes_a_link_and_brings_a_sheet_back(
    desk: tuple[Desk, str], eyes: Callable[..., Eyes], tmp_path: Path
) -> None:
    """The address is there to be copied, once; a sheet is taken out, filled in, previewed and taken in."""
    world, site = desk
    seen = eyes(1280)
    page = _inside(seen, world, site)
    page.fill("#f-name", "Ольга")
    page.click("button:has-text('Сделать ссылку')")
    address = page.locator("#made-url")
    expect(address).to_be_focused()
    assert "/calls/" in address.input_value()
    _readable(page)
    with page.expect_download() as coming:
        page.click("button:has-text('Выгрузить (XLSX)')")
    file = tmp_path / coming.value.suggested_filename
    coming.value.save_as(file)
    book: Any = openpyxl.load_workbook(file)
    people, calls = book.worksheets[0], book.worksheets[1]
    heads = [cell.value for cell in people[1]]
    at = world.clock.moment
    for name, value in (("Дата", at.date()), ("Время (по часам клиента)", "10:00"), ("Итог", "Занято")):
        people.cell(2, heads.index(name) + 1, value)
    calls.append([people.cell(3, 1).value, at.date(), "10:00", "Поставил оценку", 10, "Отлично"])
    book.save(file)
    page.set_input_files("#f-file", file)
    page.click("button:has-text('Просмотреть файл')")
    expect(page.get_by_role("button", name="Внести 2 звонка")).to_be_visible()
    assert world.attempts() == []
    _readable(page)
    page.get_by_role("button", name="Внести 2 звонка").click()
    expect(page.locator(".stats")).to_contain_text("Внесены")
    assert sorted(one.outcome for one in world.attempts()) == ["answered", "busy"]
    assert seen.errors == []

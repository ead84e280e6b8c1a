"""The direct line and "ask my colleague" in a real browser: keyboard, no script, small screens, axe (S2, S5, W12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from integration.nps.people import ClientKey
from integration.services import direct_line
from integration.store.base import transaction
from integration.store.clients import Company
from integration.store.colleagues import Colleague
from integration.store.direct_lines import DirectMessage
from tests.browser import weight
from tests.services.survey_world import World
from tests.web.conftest import Eyes
from tests.web.test_answer_in_browser import LONG, check

pytestmark = pytest.mark.browser

Open = Callable[..., Eyes]


def line(site: str, world: World) -> str:
    """The client's direct line."""
    with transaction(world.deps.sessions) as session:
        client = ClientKey("company", 12)
        url = direct_line.link_of(world.deps, session, world.portal.id, client, world.clock.now())
    return site + url.removeprefix(world.deps.settings.public_url)


def visit(seen: Eyes, world: World, address: str) -> Page:
    seen.page.goto(address)
    world.clock.advance(seconds=5)
    return seen.page


def test_both_pages_work_by_keyboard_alone(site: str, shown_world: World, eyes: Open) -> None:
    """From the answer page by its links; nothing is held, nothing goes wrong, both weigh at most 30 KB."""
    world, seen = shown_world, eyes()
    address = line(site, world)
    page = visit(seen, world, f"{site}/s/{world.token}")
    page.get_by_role("link", name="Спросите лучше моего коллегу").press("Enter")
    expect(page.get_by_role("heading", name="Кого спросить вместо вас?")).to_be_visible()
    world.clock.advance(seconds=5)
    page.get_by_label("Имя коллеги").press_sequentially("Борис")
    page.keyboard.press("Tab")
    page.keyboard.type("boris@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Спасибо")).to_be_visible()
    assert [(row.name, row.reach) for row in world.rows(Colleague)] == [("Борис", "boris@example.com")]
    page.get_by_role("link", name="Написать руководителю агентства напрямую").press("Enter")
    expect(page.get_by_role("heading", name="Кому: Ada Head")).to_be_visible()
    world.clock.advance(seconds=5)
    page.get_by_label("Ваше сообщение").press_sequentially("Позвоните")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Спасибо")).to_be_visible()
    (row,) = world.rows(DirectMessage)
    assert (row.words, row.status) == ("Позвоните", "new")
    assert seen.errors == []
    for light in (address, f"{site}/s/{world.token}/colleague"):
        assert weight(eyes().page, light) <= 30 * 1024


def test_both_pages_work_without_a_script(site: str, shown_world: World, eyes: Open) -> None:
    world = shown_world
    page = visit(eyes(script=False), world, line(site, world))
    page.get_by_label("Ваше сообщение").fill("Позвоните\nмне")
    page.get_by_role("button", name="Отправить").click()
    check_box = page.get_by_role("checkbox", name="Я человек")
    expect(check_box).to_be_visible()
    world.clock.advance(seconds=5)
    check_box.check()
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("heading", name="Спасибо")).to_be_visible()
    assert [(row.words, row.status) for row in world.rows(DirectMessage)] == [("Позвоните\nмне", "new")]
    visit_again = visit(eyes(script=False), world, f"{site}/s/{world.token}/colleague")
    visit_again.get_by_label("Имя коллеги").fill("Борис")
    visit_again.get_by_label("Как его найти").fill("+7 900")
    visit_again.get_by_role("button", name="Отправить").click()
    expect(visit_again.get_by_role("checkbox")).to_be_visible()
    world.clock.advance(seconds=5)
    visit_again.get_by_role("checkbox").check()
    visit_again.get_by_role("button", name="Отправить").click()
    expect(visit_again.get_by_role("heading", name="Спасибо")).to_be_visible()
    assert [row.name for row in world.rows(Colleague)] == ["Борис"]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (320, True)])
def test_every_state_is_accessible_and_fits(
    site: str, shown_world: World, eyes: Open, width: int, dark: bool
) -> None:
    world = shown_world
    world.set(Company, (world.portal.id, 1), title=LONG)
    address = line(site, world)
    seen = eyes(width, dark=dark, script=True)
    mine = f"{site}/s/{world.token}/colleague"
    for where in (address, f"{address}?sent=1", mine, f"{mine}?sent=1", f"{site}/d/nobody"):
        seen.page.goto(where)
        check(seen.page, where)
    for where, name in ((address, "words"), (mine, "name")):
        seen.page.goto(where)
        seen.page.evaluate("document.querySelectorAll('[required]').forEach((e) => e.required = false)")
        seen.page.evaluate("document.getElementById('answer').submit()")
        expect(seen.page.locator(f"#{name}-problem")).to_be_visible()
        check(seen.page, f"{where}, nothing typed")
        seen.page.locator(f"#{name}").fill("Длинные-слова-без-единого-пробела-" * 5)
        if name == "name":
            seen.page.locator("#reach").fill("+7")
        seen.page.evaluate("document.getElementById('answer').submit()")
        expect(seen.page.get_by_role("checkbox")).to_be_visible()
        check(seen.page, f"{where}, once more")

"""The tab as people see and use it: widths, schemes, keyboard, readers, the portal that is told (product.md P1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from integration.store.base import make_sessions
from integration.store.clients import Company, Contact
from integration.store.holds import Hold
from integration.store.responses import Response
from integration.store.waves import Invitation
from tests.browser import until
from tests.conftest import HandClock
from tests.services.survey_world import HEAD, MANAGER, World
from tests.services.tab_world import MARKUP, a_task, held, history, sealed, tab_world, viewer
from tests.web.conftest import make_app, served

pytestmark = pytest.mark.browser

LONG = "Общество с ограниченной ответственностью «Северо-Западная производственно-логистическая компания»"
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
SCRIPT = """
window.told = [];
window.BX24 = {
  init: (cb) => setTimeout(cb, 0), fitWindow: () => {}, getAuth: () => false, refreshAuth: () => {},
  openPath: (path) => window.told.push(path), placement: {call: (name) => window.told.push(name)},
};
"""


@pytest.fixture
def tab(one_engine: Any, clock: HandClock) -> Iterator[World]:
    made = tab_world(make_sessions(one_engine), clock, language="ru")
    site = served(make_app(made.deps))
    made.extra["site"] = next(site)
    yield made
    next(site, None)


def full(world: World) -> None:
    """A client of many words, with something of everything."""
    history(world, comment="Отвечают быстро.\n" + "Отчёт ждали две недели. " * 12, name=LONG)
    held(world)
    a_task(world, deadline=world.clock.now() - timedelta(hours=1))
    world.set(Company, (world.portal.id, 12), scores={"UF_CRM_MOLVA_NPS_SCORE": 10})
    world.set(Contact, (world.portal.id, 8), opted_out=True, last_name="Константинопольская-Преображенская")
    world.set(Invitation, world.invitation(7).id, name="Анастасия Константинопольская-Преображенская")


def show(
    page: Page, world: World, user: int = HEAD, card: tuple[str, int] = ("company", 12), **more: Any
) -> None:
    """Post the session as the page's own forms do; the portal's script is a stand-in that notes what it is told."""
    page.route("**/api.bitrix24.com/**", lambda route: _script(route))
    who = viewer(world, user, card=card, language=more.pop("language", "ru"), **more)
    address = f"{world.extra['site']}/app/card/{card[0]}/{card[1]}"
    page.goto(f"{world.extra['site']}/app/card/{card[0]}/{card[1]}")
    page.evaluate(
        """([address, session]) => {
          const form = document.createElement('form');
          form.method = 'post'; form.action = address;
          const field = document.createElement('input');
          field.name = 'session'; field.value = session; form.append(field);
          document.body.append(form); form.submit();
        }""",
        [address, sealed(world, who)],
    )  # fmt: skip
    page.wait_for_selector(".card-top")


def _script(route: Route) -> None:
    route.fulfill(body=SCRIPT, content_type="text/javascript")


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


STATES: dict[str, Any] = {"full": full, "never answered": lambda world: None}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_every_width_and_readers_find_nothing_wrong(
    tab: World, eyes: Any, state: str, dark: bool
) -> None:
    STATES[state](tab)
    for width in (1280, 375, 320):
        seen = eyes(width, dark=dark)
        show(seen.page, tab, administrator=True)
        for opened in (False, True):
            if opened:
                unfold(seen.page)
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(seen.page, options=RULES)
            assert found.violations_count == 0, found.generate_report()
        assert seen.errors == []
        seen.context.close()


def test_a_lead_without_a_client_and_an_own_manager_look_right_too(tab: World, eyes: Any) -> None:
    full(tab)
    for user, card in (
        (HEAD, ("lead", 99)),
        (MANAGER, ("company", 12)),
        (HEAD, ("contact", 7)),
        (HEAD, ("deal", 351)),
    ):
        seen = eyes(375)
        show(seen.page, tab, user, card)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 375
        found = Axe().run(seen.page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert seen.errors == []
        seen.context.close()


def test_a_hold_by_keyboard_alone_and_the_portal_is_told(tab: World, eyes: Any) -> None:
    seen = eyes(1280)
    show(seen.page, tab)
    summary = seen.page.locator("summary", has_text="Поставить на паузу")
    summary.focus()
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#f-until")).to_have_value("2026-02-11")
    reason = seen.page.locator("#f-reason")
    reason.focus()
    seen.page.keyboard.type(MARKUP)
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#notices")).to_contain_text("Сохранено. До этого дня клиента не спросим.")
    expect(seen.page.locator(".held-until")).to_have_text("11 февраля 2026")
    until(seen.page, "window.told.includes('reloadData')")
    assert [row.reason for row in tab.rows(Hold)] == [MARKUP]
    assert seen.errors == []


def test_a_score_is_corrected_with_the_keys_of_a_radio_group(tab: World, eyes: Any) -> None:
    full(tab)
    seen = eyes(375)
    show(seen.page, tab)
    seen.page.locator("summary", has_text="Исправить").first.click()
    marks = seen.page.locator(".said .mark input")
    marks.nth(3).focus()
    seen.page.keyboard.press("ArrowRight")
    expect(marks.nth(4)).to_be_checked()
    seen.page.get_by_label("Почему исправляете").first.fill("Ослышались")
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#notices")).to_contain_text("Ответ исправлен")
    assert sorted(row.score for row in tab.rows(Response) if row.wave_id == tab.wave_id) == [4, 9]
    assert seen.errors == []


def test_what_cannot_be_undone_is_asked_first_and_never_without_a_yes(tab: World, eyes: Any) -> None:
    seen = eyes(1280)
    show(seen.page, tab)
    seen.page.locator("summary", has_text="Больше не спрашивать").first.click()
    press = seen.page.get_by_role("button", name="Больше не спрашивать").first
    press.click()
    expect(seen.page.locator("#ask")).to_be_visible()
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator("#ask")).to_be_hidden()
    assert tab.invitation(7).outcome == ""
    press.click()
    seen.page.locator("#ask [data-yes]").click()
    expect(seen.page.locator("#notices")).to_contain_text("Этого человека больше не спросим")
    assert tab.invitation(7).outcome == "opted_out"


def test_links_open_the_portals_cards(tab: World, eyes: Any) -> None:
    full(tab)
    seen = eyes(1280)
    show(seen.page, tab)
    seen.page.get_by_role("link", name="Old Friends").click()
    seen.page.get_by_role("link", name="Встреча с клиентом").first.click()
    until(seen.page, "window.told.filter((path) => path.includes('/')).length === 2")
    assert [path for path in seen.page.evaluate("window.told") if "/" in path] == [
        "/crm/company/details/57/", "/company/personal/user/0/tasks/task/view/77/",
    ]  # fmt: skip


def test_everything_works_without_our_script(tab: World, eyes: Any) -> None:
    """The session goes with every form; a click on "not a person" needs no dialog to be harmless to repeat."""
    full(tab)
    seen = eyes(375, script=False)
    who = viewer(tab, HEAD, language="ru")
    address = f"{tab.extra['site']}/app/card/company/12"
    answer = seen.context.request.post(address, form={"session": sealed(tab, who)})
    body = answer.text().replace(
        "defer></script>", 'defer></script><base href="' + tab.extra["site"] + '/">', 1
    )
    seen.page.route(
        address,
        lambda route: (
            route.fulfill(body=body, content_type="text/html")
            if route.request.method == "GET"
            else route.continue_()
        ),
    )
    seen.page.goto(address)
    seen.page.get_by_role("button", name="Не учитывать").click()
    expect(seen.page.locator("#notices")).to_contain_text("Ответ не учтён")
    assert "rejected" in {row.status for row in tab.rows(Response)}

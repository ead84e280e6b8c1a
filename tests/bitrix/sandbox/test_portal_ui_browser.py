"""The portal's pages in a real browser: no errors, readable for all, usable on a phone, up to date by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.bitrix.sandbox.portal_ui_world import ADMIN, APP, DISMISSED, MANAGER, World, furnished, installed

pytestmark = pytest.mark.browser
PAGES = (
    "/crm/lead/", "/crm/deal/", "/crm/company/", "/crm/contact/", "/crm/lead/details/1/", "/crm/deal/details/1/",
    "/crm/company/details/1/", "/crm/contact/details/1/", "/crm/deal/details/0/", "/crm/company/details/1/?edit=1",
    "/company/personal/user/6/tasks/", "/company/personal/user/6/tasks/task/view/1/", "/company/",
    "/company/personal/user/6/", "/marketplace/", f"/marketplace/app/{APP}/", "/notifications/", "/desk/0/",
    "/automation/",
)  # fmt: skip
AXE = (
    "/crm/company/details/1/", "/crm/deal/?q=10", "/company/personal/user/6/tasks/task/view/1/",
    "/crm/deal/details/1/?edit=1", "/company/", "/marketplace/", "/company/personal/user/6/tasks/",
    "/devops/edit/application/", "/automation/",
)  # fmt: skip
SEVERE = ("critical", "serious", "moderate")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with furnished() as made:
        installed(made)
        link = {"title": "Почта", "url": made.tiny.url("/mail")}
        made.box.control("/ui", {"links": [link], "panel": made.tiny.url("/panel")})
        app = made.box.portal.state.apps[APP]
        app.triggers["low"], app.robots["ask"] = "Low", {"HANDLER": made.tiny.url("/robot"), "NAME": "Ask"}
        stage = made.row(2, 1)["stageId"]
        rules = [{"stage": stage, "code": "ask"}]
        made.box.control("/settings", {"automation": rules, "trigger_moves": {"low": stage}}, "PUT")
        row = {"CODE": "low", "OWNER_TYPE_ID": 2, "OWNER_ID": 1, "at": made.box.portal.state.now()}
        made.box.portal.state.trigger_log.append(row)
        yield made


@contextmanager
def opened(
    browser: Browser, world: World, user: int, width: int = 1280, scheme: str = "light"
) -> Iterator[Page]:
    """A page of an employee; at the end nothing may have gone wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_cookies([{"name": "portal_viewer", "value": str(user), "url": world.box.portal_url}])
    page = context.new_page()
    wrong: list[str] = []
    page.on(
        "console", lambda m: wrong.append(f"{page.url}: {m.text}") if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda e: wrong.append(f"{page.url}: {e}"))
    yield page
    context.close()
    assert wrong == []


def _go(page: Page, world: World, path: str) -> None:
    page.goto(world.box.portal_url + path)
    if path.startswith("/marketplace/app/"):
        expect(page.frame_locator("iframe.appframe").locator("#auth")).not_to_have_text("…")


@pytest.mark.parametrize(("user", "width"), [(ADMIN, 1280), (MANAGER, 375)])
def test_every_page_is_clean_wide_and_narrow(browser: Browser, world: World, user: int, width: int) -> None:
    """No console error, nothing wider than the screen at 1280 and 375 px."""
    with opened(browser, world, user, width) as page:
        for path in PAGES:
            _go(page, world, path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            expect(page.locator("h1")).to_have_count(1)


def test_a_dismissed_one_may_only_look_as_somebody_else(browser: Browser, world: World) -> None:
    context = browser.new_context()
    context.add_cookies([{"name": "portal_viewer", "value": str(DISMISSED), "url": world.box.portal_url}])
    page = context.new_page()
    page.goto(world.box.portal_url + "/crm/company/")
    expect(page.locator("h1")).to_have_text("Вы не сотрудник этого портала")
    expect(page.locator("nav")).to_have_count(0)
    page.get_by_role("button", name="Менеджер").click()
    expect(page.locator("h1")).to_have_text("Сделки")
    context.close()


def test_axe_finds_nothing_serious(browser: Browser, world: World) -> None:
    """Both colour schemes; lists with a few rows are enough, what stands in frames is not the portal's."""
    found = []
    for scheme, paths in (("light", AXE), ("dark", AXE[:3])):
        with opened(browser, world, ADMIN, scheme=scheme) as page:
            for path in paths:
                _go(page, world, path)
                for row in Axe().run(page).response["violations"]:
                    if row["impact"] in SEVERE:
                        found.append((path, row["id"], [node["target"] for node in row["nodes"]][:3]))
    assert found == []


def test_lists_and_cards_show_what_others_write(browser: Browser, world: World) -> None:
    """A comment and a score arrive on an open page within seconds; what is being typed stays."""
    with opened(browser, world, MANAGER) as page:
        _go(page, world, "/crm/company/details/5/")
        page.locator("#say").fill("ещё не отправлено")
        fields = {
            "entityTypeId": 4,
            "id": 5,
            "fields": {"UF_CRM_TINY_NPS_SCORE": 2},
            "useOriginalUfNames": "Y",
        }
        world.act("crm.item.update", fields)
        comment = {"ENTITY_ID": 5, "ENTITY_TYPE": "company", "COMMENT": "[B]Пришло само[/B]"}
        world.act("crm.timeline.comment.add", {"fields": comment})
        expect(page.locator(".timeline li b", has_text="Пришло само")).to_be_visible()
        expect(page.locator(".head .score")).to_have_text("Оценка NPS: 2")
        expect(page.locator("#say")).to_have_value("ещё не отправлено")


def test_the_switch_shows_the_portal_as_somebody_else(browser: Browser, world: World) -> None:
    with opened(browser, world, ADMIN) as page:
        _go(page, world, "/crm/deal/")
        page.locator(".who summary").click()
        page.get_by_role("button", name="Менеджер").click()
        expect(page.locator(".who-name")).to_contain_text("Кирилл Озёрный")
        page.locator(".who summary").click()
        page.keyboard.press("Escape")
        expect(page.locator(".who")).not_to_have_attribute("open", "")


def test_a_card_opens_over_the_list_and_closes_by_escape(browser: Browser, world: World) -> None:
    with opened(browser, world, ADMIN) as page:
        _go(page, world, "/crm/company/?sort=id")
        page.get_by_role("rowheader").first.get_by_role("link").click()
        inside = page.frame_locator("dialog.slider iframe")
        expect(inside.locator("h1")).to_be_visible()
        expect(inside.locator("nav.side")).to_have_count(0)
        inside.locator("#say").click()
        page.keyboard.press("Escape")
        expect(page.locator("dialog.slider")).to_have_count(0)


def test_a_card_is_made_and_changed_with_the_keyboard_s_help(browser: Browser, world: World) -> None:
    """The client is found while typing; the stage moves by a click."""
    with opened(browser, world, ADMIN) as page:
        title = world.row(4, 2)["title"]
        _go(page, world, "/crm/deal/details/0/?category=2")
        page.get_by_label("Название").fill("Новая сделка по телефону")
        page.get_by_role("combobox", name="Компания").press_sequentially(title[:5])
        option = page.locator('#l-companyId option[value$="[CO_2]"]')
        expect(option).to_have_count(1)
        page.get_by_role("combobox", name="Компания").fill(str(option.get_attribute("value")))
        page.get_by_role("button", name="Сохранить").click()
        expect(page.locator("h1")).to_have_text("Новая сделка по телефону")
        expect(page.locator("[data-field=companyId]")).to_contain_text(title[:10])
        page.locator(".stages button", has_text="В работе").click()
        expect(page.locator(".stages .now")).to_have_text("В работе")
        expect(page.locator(".timeline")).to_contain_text("Стадия: В работе")


def test_links_and_the_panel_of_the_demo_stand_in_frames(browser: Browser, world: World) -> None:
    with opened(browser, world, ADMIN) as page:
        _go(page, world, "/desk/0/")
        expect(page.frame_locator(".linkframe").locator("#place")).to_have_text("mail")
        expect(page.locator(".dock iframe")).to_be_hidden()
        page.locator(".dock button").click()
        expect(page.frame_locator(".dock iframe").locator("#place")).to_have_text("panel")
        page.reload()
        expect(page.locator(".dock iframe")).to_be_visible()


def test_a_task_is_ticked_in_its_page(browser: Browser, world: World) -> None:
    with opened(browser, world, MANAGER) as page:
        _go(page, world, "/company/personal/user/6/tasks/task/view/1/")
        page.get_by_label("Что выяснили").click()
        expect(page.locator("[data-live=lists] h2 small")).to_have_text("1 / 3")
        page.get_by_label("Результат").fill("Договорились")
        page.get_by_role("button", name="Сохранить результат").click()
        expect(page.locator("[data-live=results]")).to_contain_text("Договорились")
        page.get_by_role("button", name="Завершить").click()
        expect(page.get_by_role("button", name="Возобновить")).to_be_visible()

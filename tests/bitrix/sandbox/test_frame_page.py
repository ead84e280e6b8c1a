"""Applications in frames of the portal's pages, in a real browser, with the portal's own frame script
(bitrix24.md 2.3, 9.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.agencies import small_agency
from tests.bitrix.sandbox.conftest import CLIENT_ID, Receiver, register
from tests.bitrix.sandbox.portal_ui_world import APP, World, furnished, installed
from tests.browser import until, until_here

pytestmark = pytest.mark.browser
_PAGE = """<!doctype html><title>app</title><p id="who">…</p>
<script src="{script}"></script>
<script>
BX24.init(function () {{
  BX24.callMethod('profile', {{}}, function (answer) {{
    document.getElementById('who').textContent = answer.data().NAME + ' ' + BX24.getLang();
    {finish}
  }});
}});
</script>"""


def test_the_installer_finishes_from_its_frame(box: Sandbox, receiver: Receiver, browser: Browser) -> None:
    """The installer's page calls a method and installFinish; the portal then shows the application."""
    register(box, install_url=receiver.url("/install"), app_url=receiver.url("/app"), title="Molva")
    box.portal.state.apps[CLIENT_ID].state = "added"
    box.portal.state.apps[CLIENT_ID].installed_by = 1
    script = f"{box.portal_url}/bx24.js"
    receiver.page = _PAGE.format(
        script=script, finish="if (location.pathname === '/install') BX24.installFinish();"
    )
    with browser.new_page() as page:
        page.goto(f"{box.portal_url}/frame/{CLIENT_ID}?user=1&lang=en")
        expect(page.frame_locator("iframe").locator("#who")).to_have_text("Anna en")
        until_here(page, lambda: receiver.on("/app"), "the application")
    assert box.portal.state.apps[CLIENT_ID].state == "installed"
    assert receiver.on("/install")[0]["AUTH_ID"]
    assert receiver.on("/app")[0]["PLACEMENT"] == "DEFAULT"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with furnished(small_agency()) as made:
        installed(made)
        yield made


@contextmanager
def shown(browser: Browser, world: World, path: str, user: int = 1) -> Iterator[Page]:
    """A page of the portal; nothing may go wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "portal_viewer", "value": str(user), "url": world.box.portal_url}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.goto(world.box.portal_url + path)
    yield page
    context.close()
    assert wrong == []


def framed(page: Page) -> Frame:
    """The application's frame, once its script is initialised."""
    expect(page.frame_locator("iframe.appframe").first.locator("#auth")).not_to_have_text("…")
    return next(frame for frame in page.frames if frame.name.startswith("app|"))


def tab(page: Page) -> Frame:
    """The tab in the card, opened by a click."""
    page.get_by_role("tab", name="Tab").click()
    return framed(page)


def test_a_tab_opens_only_when_asked_for_with_its_card_in_the_options(browser: Browser, world: World) -> None:
    """bitrix24.md 2.3, 9.2: a POST with the fields of a frame; no token in the frame's address."""
    before = len(world.tiny.posts)
    with shown(browser, world, "/crm/deal/details/10/", user=6) as page:
        assert page.locator("[data-opened], iframe.appframe").count() == 0
        assert len(world.tiny.posts) == before
        frame = tab(page)
        query, form = world.tiny.last("/tab")
        assert set(query) == {"DOMAIN", "PROTOCOL", "LANG", "APP_SID"}
        assert form["PLACEMENT"] == "CRM_DEAL_DETAIL_TAB"
        assert json.loads(form["PLACEMENT_OPTIONS"]) == {"ID": "10", "URI": "/crm/deal/details/10/"}
        assert world.box.portal.tokens.by_access[form["AUTH_ID"]].user_id == 6
        assert form["AUTH_ID"] not in frame.url + frame.name + page.content()
        info = frame.evaluate("BX24.placement.info()")
        assert info == {"placement": "CRM_DEAL_DETAIL_TAB", "options": json.loads(form["PLACEMENT_OPTIONS"])}
        page.get_by_role("tab", name="General").click()
        tab(page)
        assert len([1 for where, _, _ in world.tiny.posts[before:] if where == "/tab"]) == 1


def test_tokens_are_given_renewed_and_over_in_virtual_time(browser: Browser, world: World) -> None:
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        expect(frame.locator("#auth")).to_have_text(f"{world.box.domain} 70 true en true")
        first = frame.evaluate("BX24.getAuth()")
        assert first["member_id"] == world.box.portal.state.info.member_id
        assert set(first) == {"access_token", "refresh_token", "expires_in", "domain", "member_id"}
        world.box.control("/clock/advance", {"seconds": 7200})
        until(frame, "BX24.getAuth() === false")
        second = frame.evaluate("new Promise((done) => BX24.refreshAuth(done))")
        assert second["access_token"] != first["access_token"]
        pair = world.box.portal.tokens.by_access[second["access_token"]]
        assert (pair.user_id, pair.app.client_id) == (1, APP)
        assert frame.evaluate("BX24.getAuth().access_token") == second["access_token"]


def test_methods_are_called_as_the_viewer_even_with_an_old_token(browser: Browser, world: World) -> None:
    with shown(browser, world, f"/marketplace/app/{APP}/", user=6) as page:
        frame = framed(page)
        world.box.control("/tokens/expire", {})
        name = frame.evaluate(
            "new Promise((d) => BX24.callMethod('profile', {}, (a) => d([a.data().NAME, a.error()])))"
        )
        assert name == ["Boris", False]
        wrong = """new Promise((done) => BX24.callMethod('crm.item.get', {entityTypeId: 2, id: 999},
            (answer) => done(String(answer.error()))))"""
        assert frame.evaluate(wrong).startswith("NOT_FOUND")
        batch = """new Promise((done) => BX24.callBatch({
            one: ['crm.item.get', {entityTypeId: 2, id: 10}],
            two: {method: 'crm.item.list', params: {entityTypeId: 2, filter: {companyId: 3}, select: ['id']}},
            bad: ['no.such.method', {}]
        }, (r) => done([r.one.data().item.title, r.two.data().items.length, r.two.total(), String(r.bad.error())])))"""
        title, rows, total, error = frame.evaluate(batch)
        assert (title, rows, total) == ("Site", 3, 3)
        assert error.startswith("ERROR_METHOD_NOT_FOUND")
        assert frame.evaluate("BX24.isAdmin()") is False
        assert frame.evaluate("BX24.getDomain()") == world.box.domain


def test_the_frame_grows_with_its_page_and_the_title_is_the_application_s(
    browser: Browser, world: World
) -> None:
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        frame.evaluate(
            "{ const e = document.createElement('div'); e.style.height = '3000px'; document.body.append(e); }"
        )
        size = frame.evaluate("new Promise((done) => BX24.fitWindow(done))")
        assert size["height"] >= 3000
        assert page.locator("iframe.appframe").bounding_box()["height"] == size["height"]  # type: ignore[index]
        until(frame, "document.documentElement.scrollHeight <= window.innerHeight")
        frame.evaluate("new Promise((done) => BX24.resizeWindow(600, 700, done))")
        assert page.locator("iframe.appframe").bounding_box()["height"] == 700  # type: ignore[index]
        frame.evaluate("new Promise((done) => BX24.setTitle('Мой <b>заголовок</b>', done))")
        expect(page.locator("h1")).to_have_text("Мой <b>заголовок</b>")


def test_the_script_survives_a_step_inside_the_frame(browser: Browser, world: World) -> None:
    """A form inside the frame leads to an address without any of the portal's parameters."""
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        with page.expect_response(lambda r: r.url.endswith("/inner")):
            frame.evaluate(
                "{ const f = document.createElement('form'); f.method = 'post'; f.action = '/inner';"
                " document.body.append(f); f.submit(); }"
            )
        expect(page.frame_locator("iframe.appframe").locator("#place")).to_have_text("inner")
        assert framed(page).evaluate("BX24.getAuth().domain") == world.box.domain


def test_cards_open_in_a_slider_and_other_paths_do_not(browser: Browser, world: World) -> None:
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        refused = frame.evaluate("new Promise((done) => BX24.openPath('/settings/', done))")
        assert refused == {"result": "error", "errorCode": "PATH_NOT_AVAILABLE"}
        frame.evaluate(
            "{ window.closed_ = null; BX24.openPath('/crm/company/details/3/', (a) => { window.closed_ = a; }); }"
        )
        expect(page.frame_locator("dialog.slider iframe").locator("h1")).to_have_text("ACME")
        assert frame.evaluate("window.closed_") is None
        page.locator(".slider-close").click()
        expect(page.locator("dialog.slider")).to_have_count(0)
        until(frame, "window.closed_ && window.closed_.result === 'close'")


def test_a_number_is_dialled_by_the_portal_and_the_page_stays(browser: Browser, world: World) -> None:
    """`im.phoneTo` answers nothing; the portal says whom it calls, and a second call takes the place of the first."""
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        assert frame.evaluate("BX24.im.phoneTo('+74951001100') === undefined")
        expect(page.locator(".calling")).to_contain_text("+74951001100")
        frame.evaluate("BX24.im.phoneTo('8 (495) 711-22-33')")
        expect(page.locator(".calling")).to_contain_text("711-22-33")
        assert framed(page).locator("#place").count() == 1


def test_the_application_opens_itself_with_parameters_and_closes_itself(
    browser: Browser, world: World
) -> None:
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        frame.evaluate(
            "{ window.back_ = 0; const params = {view: 'settings', bx24_width: 600};"
            " BX24.openApplication(params, () => { window.back_ = 1; }); }"
        )
        slider = page.frame_locator("dialog.slider iframe").frame_locator("iframe.appframe")
        expect(slider.locator("#options")).to_contain_text('"view": "settings"')
        expect(slider.locator("#auth")).not_to_have_text("…")
        assert page.locator("dialog.slider").bounding_box()["width"] == 600  # type: ignore[index]
        inner = [one for one in page.frames if one.name.startswith("app|")][-1]
        assert inner.evaluate("BX24.placement.info().options")["view"] == "settings"
        inner.evaluate("{ BX24.closeApplication(); }")
        expect(page.locator("dialog.slider")).to_have_count(0)
        until(frame, "window.back_ === 1")


def test_the_card_shows_what_the_tab_wrote_after_reload_data(browser: Browser, world: World) -> None:
    with shown(browser, world, "/crm/company/details/3/") as page:
        frame = tab(page)
        assert frame.evaluate("new Promise((done) => BX24.placement.getInterface(done))")["command"] == [
            "reloadData"
        ]
        frame.evaluate("""new Promise((done) => BX24.callMethod('crm.item.update',
            {entityTypeId: 4, id: 3, fields: {title: 'ACME & Sons'}},
            () => BX24.placement.call('reloadData', {}, done)))""")
        expect(page.locator("h1")).to_have_text("ACME & Sons")
        assert frame.evaluate("BX24.placement.call('noSuchCommand', {}) === undefined") is True


def test_an_employee_is_chosen_in_the_portal_s_dialog(browser: Browser, world: World) -> None:
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        frame.evaluate("{ BX24.selectUser('Кто?', (user) => { window.user_ = user; }); }")
        page.get_by_role("dialog", name="Кто?").get_by_role("button", name="Clara").click()
        until(frame, "window.user_ && window.user_.id === '8'")


def test_a_stranger_s_messages_are_not_answered(browser: Browser, world: World) -> None:
    """The page answers its frames of the right origin alone; the frame listens to the portal alone."""
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        frame = framed(page)
        sid = frame.name.split("|")[3]
        heard = page.evaluate(
            """(sid) => new Promise((done) => {
                 const other = document.createElement('iframe');
                 document.body.append(other);
                 other.contentWindow.addEventListener('message', (e) => done(e.data));
                 const script = other.contentDocument.createElement('p');
                 other.contentWindow.parent.postMessage({bx24: 1, sid: sid, id: 1, command: 'refreshAuth'}, '*');
                 window.postMessage({bx24: 1, sid: sid, id: 1, command: 'setTitle', params: {title: 'forged'}}, '*');
                 setTimeout(() => done('silence'), 700);
               })""",
            sid,
        )
        assert heard == "silence"
        assert page.title().startswith("Tiny")
        frame.evaluate("window.postMessage({bx24: 1, event: 'clock', offset: 1e9}, '*')")
        page.wait_for_timeout(200)
        assert frame.evaluate("BX24.getAuth() !== false") is True


def test_a_newcomer_installs_and_removes_by_clicking(browser: Browser, world: World) -> None:
    """The shelf, the installer in a frame, installFinish, the menu; then the removal's own question."""
    app = world.box.portal.state.apps[APP]
    world.box.control(f"/apps/{APP}/uninstall", {"clean": 0})
    with shown(browser, world, "/marketplace/") as page:
        page.get_by_role("button", name="Install").click()
        frame = framed(page)
        expect(frame.locator("#place")).to_have_text("install")
        frame.evaluate("{ BX24.install(() => BX24.installFinish()); }")
        expect(page.frame_locator("iframe.appframe").locator("#place")).to_have_text("main")
        expect(page.locator("nav.side").get_by_role("link", name="Tiny")).to_be_visible()
        assert app.state == "installed"
        page.goto(world.box.portal_url + "/marketplace/")
        page.get_by_role("button", name="Remove").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Erase").check()
        dialog.get_by_role("button", name="Cancel").click()
        assert app.state == "installed"
        page.get_by_role("button", name="Remove").click()
        dialog.get_by_role("button", name="Remove").click()
        expect(page.get_by_role("button", name="Install")).to_be_visible()
    assert app.state == "removed"
    installed(world)


def test_the_portal_calls_a_number_for_an_application(browser: Browser, world: World) -> None:
    """``BX24.im.phoneTo``: the portal's own telephony, here a line that says whom it calls; text stays text."""
    with shown(browser, world, f"/marketplace/app/{APP}/") as page:
        framed(page).evaluate("BX24.im.phoneTo('+7 916 123-45-67 <b>x</b>')")
        expect(page.get_by_role("status").last).to_have_text("The portal calls: +7 916 123-45-67 <b>x</b>")

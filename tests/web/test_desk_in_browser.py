"""A caller at the desk in a browser: by keyboard alone, on a telephone, without script, with everything that breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import escape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine

from integration.services import frames
from integration.services.calling.types import Caller
from integration.store.base import make_sessions
from integration.store.outbox import OutboxRow
from integration.store.waves import Invitation, WaveClient
from tests.browser import PATIENCE, until
from tests.conftest import HandClock
from tests.services.calling.desk_world import ADA, BEN, Desk
from tests.web.conftest import Eyes, make_app, served
from tests.web.test_desk import make, person

pytestmark = pytest.mark.browser

LONG = "Общество с ограниченной ответственностью «Северо-Западная производственно-логистическая компания»"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
BX24 = """
window.told = [];
window.BX24 = {
  init: (cb) => setTimeout(cb, 0), fitWindow: () => {}, scrollParentWindow: () => {},
  getAuth: () => ({access_token: 'fresh'}), refreshAuth: (cb) => cb({access_token: 'fresh'}),
  im: {phoneTo: (number) => window.told.push(number)},
};
"""


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Iterator[tuple[Desk, str]]:
    """Four clients to call, and the pages of their portal served."""
    made = make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1, 14: 1})
    server = served(make_app(made.deps))
    yield made, next(server)
    next(server, None)


def enter(seen: Eyes, desk: Desk, site: str, user: int = ADA, **fields: str) -> Page:
    """Post the session as the portal's frame leads to the desk; the portal's script is a stand-in."""
    page, who = seen.page, person(desk, user, language=fields.pop("lang", "ru"))
    page.route("**/api.bitrix24.com/**", _script)
    page.add_init_script(COUNTED)
    sent = {"session": frames.seal(desk.deps, who), **fields}
    inputs = "".join(f'<input name="{name}" value="{escape(value)}">' for name, value in sent.items())
    page.set_content(f'<form method="post" action="{site}/app/desk">{inputs}<button>go</button></form>')
    page.click("button")
    page.wait_for_url("**/app/desk")
    return page


def _script(route: Route) -> None:
    route.fulfill(body=BX24, content_type="text/javascript")


def ready(page: Page, client: str = "") -> None:
    """The desk's script has run, and this client is shown."""
    until(page, "!!document.querySelector('#desk.keys .desk-part:not(.loading)')")
    if client:
        expect(page.locator("#desk-client")).to_have_text(client)
        until(page, "!document.querySelector('.desk-part.loading')")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


#: Every request a page makes, and whether its answer has come; signs of life, which go by real seconds, apart.
COUNTED = """
if (window.flying === undefined) {
  const real = window.fetch;
  window.sent = window.alive = window.flying = 0;
  window.fetch = (url, options) => {
    if (options.body && options.body.get("do") === "keep") window.alive += 1; else window.sent += 1;
    window.flying += 1;
    return real(url, options).finally(() => { window.flying -= 1; });
  };
}
"""


def calm(page: Page, kind: str = "sent") -> int:
    """How many requests the page has made, once all of them are answered."""
    until(page, "window.flying === 0")
    return int(page.evaluate(f"window.{kind}"))


def outcomes(desk: Desk) -> list[str]:
    return [one.outcome for one in desk.attempts()]


def test_a_caller_works_by_keyboard_alone(desk: tuple[Desk, str], eyes: Callable[..., Eyes]) -> None:
    """Next, dial, score, words, save, nobody there, call back, undo, keys, give back: no mouse, one post for each."""
    world, site = desk
    seen = eyes(1280)
    page = enter(seen, world, site)
    ready(page)
    expect(page.get_by_role("button", name="Следующий клиент")).to_be_focused()
    press(page, "n")
    ready(page, "Client 11")
    expect(page.locator("a.phone")).to_be_focused()
    expect(page.locator("#desk-said")).to_contain_text("Client 11")
    press(page, "b")
    until(page, "window.told.length === 1")
    assert page.evaluate("window.told") == ["+74951001100"]
    press(page, "1", "-", "9", "Enter")
    expect(page.locator("#desk-comment")).to_be_focused()
    page.keyboard.type("q 10 раз n ? Escape нет")
    before = calm(page)
    press(page, "Control+Enter")
    ready(page, "Client 12")
    assert calm(page) == before + 1, "saving and the next client are one request"
    expect(page.locator("#desk-said")).to_contain_text("Сохранено. Client 11")
    expect(page.locator("a.phone")).to_be_focused()
    press(page, "q")
    expect(page.locator(".armed")).to_be_focused()
    expect(page.locator("#desk-said")).to_contain_text("Не отвечает: Enter — сохранить")
    assert outcomes(world) == ["answered"], "a letter alone saves nothing"
    world.world.set(OutboxRow, world.world.outbox()[0].id, status="done", sent_at=world.clock.now())
    press(page, "c")
    page.keyboard.type("Начало")
    press(page, "Escape", "u")
    expect(page.locator("#desk-amend-score")).to_be_focused()
    expect(page.locator("#desk-amend-comment")).to_have_value("q 10 раз n ? Escape нет")
    press(page, "8", "Control+Enter")
    expect(page.locator("#desk-said")).to_contain_text("Исправлено. Client 11 · Person 1100 · 8 из 10")
    expect(page.locator("#desk-comment")).to_have_value("Начало")
    page.locator("#desk-comment").fill("")
    press(page, "Escape", "q", "Enter")
    ready(page, "Client 13")
    press(page, "j", "Enter")
    ready(page, "Client 14")
    press(page, "8", "c")
    page.keyboard.type("Половина")
    press(page, "Escape", "u")
    until(page, "document.querySelector('.notice.good') !== null && !document.querySelector('.loading')")
    assert [one.undone_at is None for one in world.attempts()] == [True, True, False]
    expect(page.locator("#desk-comment")).to_have_value("Половина")
    expect(page.locator("input[name=score]:checked")).to_have_value("8")
    press(page, "?")
    expect(page.locator("#desk-keys")).to_be_visible()
    press(page, "7", "q", "Escape")
    expect(page.locator("#desk-keys")).to_be_hidden()
    expect(page.locator("input[name=score]:checked")).to_have_value("8")
    press(page, "Delete", "Control+Enter")
    expect(page.locator("#said")).to_contain_text("Выберите оценку или итог звонка.")
    press(page, "Escape")
    expect(page.locator("#ask")).to_be_visible()
    press(page, "Enter")
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator("#desk-comment")).to_have_value("Половина")
    press(page, "Escape", "Shift+Tab", "Enter")
    expect(page.locator(".desk-idle")).to_be_visible()
    expect(page.locator("#desk-said")).to_contain_text("снова в списке")
    assert world.leases() == []
    (response,) = [one for one in world.attempts() if one.outcome == "answered"]
    assert response.caller == f"user:{ADA}"
    assert [error for error in seen.errors if "409" not in error and "422" not in error] == []


def test_the_desk_fits_every_screen_and_reader(desk: tuple[Desk, str], eyes: Callable[..., Eyes]) -> None:
    """Clean for axe with problems shown, light and dark; never a side scroll from 320 up; targets a finger meets."""
    world, site = desk
    lines = {row.client_id: row.id for row in world.world.rows(WaveClient)}
    world.world.set(WaveClient, lines[11], name=LONG)
    world.world.set(Invitation, world.ids[1100], name="Анастасия Константинопольская-Преображенская")
    for width, dark, language in ((1280, True, "en"), (375, False, "ru"), (320, True, "uk")):
        seen = eyes(width, dark=dark)
        page = enter(seen, world, site, lang=language)
        ready(page)
        for step in ("idle", "card", "problem"):
            if step == "card":
                page.locator("button[value=take]").click()
                ready(page, LONG)
            if step == "problem":
                page.locator("textarea[name=comment]").fill("<b>x</b> " + "долго" * 40)
                page.locator("#desk-when").fill("2026-03-01T10:00")
                page.locator(".desk-when button").click()
                expect(page.locator(".desk-form .notice.danger")).to_be_focused()
                ready(page)
            if step == "problem":  # the others are looked at with every page
                found = Axe().run(page, options=RULES)
                assert found.violations_count == 0, (width, step, found.generate_report())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, step)
        if width < 400:
            small = page.evaluate(
                """[...document.querySelectorAll('#desk button, #desk .pick, #desk a.phone, #desk textarea')]
                   .map(one => [one.textContent.trim(), one.getBoundingClientRect()])
                   .filter(([, box]) => box.width && (box.height < 40 || box.width < 40)).map(([text]) => text)"""
            )
            assert [text for text in small if "?" not in text] == []
        page.locator("[data-back]").click()
        page.locator("#ask [data-yes]").click()
        expect(page.locator(".desk-idle")).to_be_visible()
        assert [error for error in seen.errors if "422" not in error] == []


def test_an_answer_outlives_its_session(
    desk: tuple[Desk, str], eyes: Callable[..., Eyes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of an hour ends while the client talks: the answer is saved all the same, under a new session; where
    the portal vouches for nobody, every word stays on the page."""
    world, site = desk
    page = enter(eyes(375), world, site)
    ready(page)
    press(page, "n")
    ready(page, "Client 11")
    press(page, "9", "c")
    page.keyboard.type("Говорили долго")
    world.clock.advance(minutes=16)

    def nobody(deps: Any, session: str, token: str) -> Any:
        raise frames.FrameRefused("other_person")

    monkeypatch.setattr(frames, "renew", nobody)
    press(page, "Control+Enter")
    expect(page.locator("#said")).to_contain_text("Скопируйте")
    expect(page.locator("#desk-comment")).to_have_value("Говорили долго")
    assert outcomes(world) == []
    monkeypatch.setattr(frames, "renew", lambda deps, session, token: person(world, language="ru"))
    press(page, "Control+Enter")
    ready(page, "Client 12")
    assert outcomes(world) == ["answered"]


def test_a_broken_connection_and_a_fault_lose_nothing(
    desk: tuple[Desk, str], eyes: Callable[..., Eyes]
) -> None:
    """Saved, but the answer did not come: posting again records nothing twice; what was typed stays until then."""
    world, site = desk
    page = enter(eyes(), world, site)
    ready(page)
    press(page, "n")
    ready(page, "Client 11")
    press(page, "7", "c")
    page.keyboard.type("Слышно плохо")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/app/desk", lose)
    press(page, "Control+Enter")
    expect(page.locator("#said")).to_contain_text("Нет связи")
    page.unroute("**/app/desk")
    page.route("**/app/desk", lambda route: route.fulfill(status=500, body="x"))
    press(page, "Control+Enter")
    expect(page.locator("#said")).to_contain_text("Сейчас не получилось")
    expect(page.locator("#desk-comment")).to_have_value("Слышно плохо")
    page.unroute("**/app/desk")
    press(page, "Control+Enter")
    expect(page.locator(".desk-part > .notice.info")).to_contain_text("Это уже было сохранено")
    assert outcomes(world) == ["answered"]


def test_a_client_lives_as_long_as_the_page(desk: tuple[Desk, str], eyes: Callable[..., Eyes]) -> None:
    """Signs of life keep the client; a closed page gives it back; one who went elsewhere is told of; after half an hour
    without a touch nobody sits there any more; news come to an idle page by themselves."""
    world, site = desk
    seen = eyes()
    seen.page.clock.install(time=0)
    seen.page.clock.pause_at(1000)
    page = enter(seen, world, site)
    ready(page)
    press(page, "n")
    ready(page, "Client 11")
    start = world.leases()[0].until
    world.clock.advance(minutes=4)
    page.clock.run_for(31_000)
    assert wait(lambda: world.leases()[0].until > start + timedelta(minutes=3))
    world.clock.advance(minutes=6)
    other = Caller(world.world.portal_id, f"user:{BEN}", "Ben", user_id=BEN)
    assert world.take(other) == "taken"
    page.clock.run_for(31_000)
    expect(page.locator("#desk-lost")).to_be_visible()
    until(page, "document.querySelector('#desk-lost').textContent.includes('больше не закреплён')")
    press(page, "Escape")
    expect(page.locator(".desk-idle")).to_be_visible()
    press(page, "n")
    ready(page, "Client 12")
    mine = [one for one in world.leases() if one.holder == f"user:{ADA}"]
    assert len(mine) == 1
    quiet = calm(page, "alive")
    page.clock.run_for(31 * 60_000)
    assert 0 < calm(page, "alive") - quiet <= 61, "half an hour of signs of life, then none"
    again = calm(page, "alive")
    page.clock.run_for(5 * 60_000)
    assert calm(page, "alive") == again
    page.goto("about:blank")
    assert wait(lambda: all(one.holder != f"user:{ADA}" for one in world.leases()))
    for contact in (1200, 1300, 1400):
        world.set(contact, outcome="answered")
    page = enter(seen, world, site)
    ready(page)
    expect(page.locator(".desk-idle")).to_contain_text("Все клиенты сейчас у коллег")
    world.set(1300, outcome="")
    page.clock.run_for(61_000)
    expect(page.locator(".desk-idle")).to_contain_text("Ждёт 1 человек")


def wait(true: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether something comes true on the server's side, asked until it does."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_without_script_the_same_form_does_it(desk: tuple[Desk, str], eyes: Callable[..., Eyes]) -> None:
    """Enter in the score saves the answer, a click each outcome; nothing is shown that would not work."""
    world, site = desk
    seen = eyes(375, script=False)
    page = enter(seen, world, site)
    page.click("button[value=take]")
    expect(page.locator("#desk-client")).to_have_text("Client 11")
    expect(page.locator("[data-phone]")).to_be_hidden()
    page.locator("input[name=score][value='10']").check(force=True)
    page.locator("#desk-comment").fill("Без скриптов")
    page.locator("input[name=score][value='10']").press("Enter")
    expect(page.locator("#desk-client")).to_have_text("Client 12")
    page.click("button[value='save:no_answer']")
    expect(page.locator("#desk-client")).to_have_text("Client 13")
    page.click("button[value=give]")
    expect(page.locator(".desk-idle")).to_be_visible()
    assert outcomes(world) == ["answered", "no_answer"]

"""The net under all pages inside the portal: quiet, light, fitting, readable, translated, in every theme and language.

What a page does is tested with the page. Here each page and state of the table in `shown` is looked at: both widths
and themes, and every language (product.md P1, P3, P6).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from babel.messages.catalog import Message
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, Route, expect

from integration import web
from integration.locales import collect
from integration.services import frames
from integration.services.frames import Viewer
from integration.store.base import make_sessions
from tests.services import report_world
from tests.web import main_states
from tests.web.conftest import served
from tests.web.settings_world import make_desk
from tests.web.shown import PAGES, PARTS, SCRIPT, Place, Shown, place

KILOBYTE = 1024
HEAVIEST = 150 * KILOBYTE
#: Some tenths of a second on a quiet machine; ten thousand rows must not be felt.
SLOWEST = 10.0
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
#: Language, width, dark; the other width is tried on the page that is open.
LOOKS = (("ru", 1280, False), ("uk", 375, True), ("en", 1280, True))
#: Widths and whether dark, in which readers' rules are run on the first look's page: they hang on no language.
READERS = ((1280, False), (375, True))
BX24 = """window.BX24 = {init: cb => setTimeout(cb, 0), fitWindow: () => 0, getAuth: () => window.grant || false,
  refreshAuth: cb => cb(false), installFinish: () => 0, placement: {call: () => 0}, scrollParentWindow: () => 0};"""
FORM = """([action, fields]) => { const form = document.createElement('form'); form.method = 'post';
  form.action = action; for (const [name, value] of Object.entries(fields)) {
  const field = document.createElement('input'); field.type = 'hidden'; field.name = name; field.value = value;
  form.append(field); } document.body.append(form); form.submit(); }"""
WEIGHT = """performance.getEntries().filter(one => ['navigation', 'resource'].includes(one.entryType))
  .filter(one => new URL(one.name).origin === location.origin).reduce((sum, one) => sum + one.decodedBodySize, 0)"""
#: Names of cards are data, other languages than the page's are letters.
TEXTS = """() => { const found = new Set();
  const add = text => { const one = text.replace(/\\s+/g, ' ').trim(); if (one) found.add(one); };
  add(document.title);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('script, style, a[data-open], [lang]:not(html)'))
    add(walk.currentNode.data);
  for (const one of document.querySelectorAll('[aria-label], [placeholder], [title], [alt], [data-confirm]'))
    for (const name of ['aria-label', 'placeholder', 'title', 'alt', 'data-confirm']) add(one.getAttribute(name) || '');
  return [...found]; }"""
STOPS = """() => { const named = new Set(); return [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')].filter(one => {
  if (one.disabled || one.tabIndex < 0 || !one.checkVisibility({visibilityProperty: true})) return false;
  if (one.closest('[inert], dialog:not([open])')) return false;
  if (one.type !== 'radio') return true;
  const group = (one.form && one.form.id) + one.name; if (named.has(group)) return false; named.add(group); return true;
  }).length; }"""
FOCUS = """() => { const one = document.activeElement, seen = node => { const style = getComputedStyle(node);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'; };
  window.stops = window.stops || new Map(); const times = (window.stops.get(one) || 0) + 1, same = one === window.last;
  const inside = same && one.type === 'date' && times < 6, known = times > 1 && !inside;
  window.stops.set(one, times); window.last = one;
  const near = [one, one.nextElementSibling, one.parentElement, one.closest('label')].filter(Boolean);
  return {end: one === document.body || known, inside, seen: near.some(seen), what: one.outerHTML.slice(0, 120)}; }"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass
class Window:
    """One window that is led from page to page, and everything that went wrong in it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.route("**/bx24.js", _script)
        self.page.route("https://api.bitrix24.com/**", _script)
        self.page.on("pageerror", self._broken)
        self.page.on("console", self._said)
        self.page.on("request", self._asked)
        self.page.on("requestfailed", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _broken(self, error: Error) -> None:
        self.errors.append(str(error))

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # the next page came before an answer
            self.errors.append(f"failed: {request.url} {request.failure}")

    def light(self, width: int, dark: bool) -> None:
        """This width, in the theme."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")

    def show(self, there: Place, shown: Shown, language: str, width: int, dark: bool) -> Response:
        """Come to a page as the portal leads there: by a form. Gives the answer's head."""
        self.light(width, dark)
        self.page.goto("about:blank")
        self.errors.clear()
        self.requests.clear()
        path, fields = there.post(shown, language)
        with self.page.expect_navigation(url=f"{there.site}{path}") as coming:
            self.page.evaluate(FORM, [there.site + path, fields])
        assert coming.value is not None
        return coming.value


def _script(route: Route) -> None:
    route.fulfill(body=BX24, content_type="text/javascript")


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Window]:
    context = browser.new_context()
    made = Window(context.new_page())
    made.listen()
    yield made
    context.close()


@pytest.fixture(scope="module")
def places(
    sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Place]]:
    """The worlds of the table, each made when its first page is looked at."""
    made: dict[str, Place] = {}
    with ExitStack() as stack:

        def of(name: str) -> Place:
            if name not in made:
                file = tmp_path_factory.mktemp("world") / "molva.db"
                file.write_bytes(sqlite_template.read_bytes())
                made[name] = stack.enter_context(place(name, f"sqlite:///{file}"))
                made[name].app.config["BX24_SCRIPT_URL"] = SCRIPT
            return made[name]

        yield of


def _english() -> Callable[[str, str], bool]:
    """Whether a text on a page of a language is an English message that has another text in that language."""
    exact: dict[str, set[str]] = {}
    shapes: dict[str, list[re.Pattern[str]]] = {}
    for language in ("ru", "uk"):
        exact[language], shapes[language] = set(), []
        for entry in collect.read(language):
            for message in _differing(entry):
                if "{" not in message:
                    exact[language].add(message)
                elif len(re.findall("[A-Za-z]", re.sub(r"\{\w+\}", "", message))) > 3:
                    shape = re.sub(r"\\\{\w+\\\}", ".+", re.escape(message))
                    shapes[language].append(re.compile(shape))

    def english(language: str, words: str) -> bool:
        if not re.search("[A-Za-z]{2}", words):
            return False
        return words in exact[language] or any(shape.fullmatch(words) for shape in shapes[language])

    return english


def _differing(entry: Message) -> list[str]:
    ids = [entry.id] if isinstance(entry.id, str) else list(entry.id)
    texts = [entry.string] if isinstance(entry.string, str) else list(entry.string or ())
    return [one for one in ids if one and one not in texts]


ENGLISH = _english()
NAMES = {"Site"}  # of cards in the worlds shown, which happen to be messages too


def test_every_address_has_a_row_in_the_table() -> None:
    """A new page that nobody looks at fails here: give it a row in `shown.PAGES`, a part of a page one in `PARTS`."""
    app = Flask("integration.web", static_folder=None)
    web.register(app)
    found = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.rule.startswith(("/app/", "/app", "/bitrix/"))
    }
    addresses = app.url_map.bind("molva.example")
    looked_at = set()
    for shown in PAGES:
        if shown.path != "/app/broken":
            looked_at.add(addresses.match(shown.path.format(wave=1, line=1), "POST")[0])
    assert looked_at | PARTS == found
    assert len({shown.name for shown in PAGES}) == len(PAGES)


@pytest.mark.parametrize("shown", PAGES, ids=lambda one: one.name)
def test_a_page_is_quiet_light_readable_and_translated(
    places: Callable[[str], Place], window: Window, shown: Shown
) -> None:
    there = places(shown.world)
    for language, width, dark in LOOKS:
        began = time.process_time()
        answer = window.show(there, shown, language, width, dark)
        assert answer.status == shown.status
        assert time.process_time() - began < SLOWEST
        page = window.page
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1
        _fits(page, width)
        if language != "en":
            left = [
                words for words in page.evaluate(TEXTS) if ENGLISH(language, words) and words not in NAMES
            ]
            assert left == [], "English words on the page"
        assert page.evaluate(WEIGHT) <= HEAVIEST
        if language == LOOKS[0][0]:
            for seen, night in READERS:
                window.light(seen, night)
                _readable(page, seen)
        assert {url for url in window.requests if not url.startswith(f"{there.site}/")} <= {SCRIPT}
        assert [said for said in window.errors if not _of_the_status(said, shown.status)] == []


def _of_the_status(said: str, status: int) -> bool:
    """Chromium itself says so of any page that is refused."""
    return status >= 400 and said.startswith("Failed to load resource") and f"status of {status}" in said


def _readable(page: Page, width: int) -> None:
    """As the portal shows it: its frame is as high as the page, so that no bar covers anything."""
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def _fits(page: Page, width: int) -> None:
    """Nothing is wider than the window, at this width and at the other one."""
    for tried in (width, 375 if width == 1280 else 1280):
        page.set_viewport_size({"width": tried, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= tried, tried
    page.set_viewport_size({"width": width, "height": 800})


@pytest.mark.parametrize(
    "name",
    [
        "main, busy",
        "survey to approve",
        "first run: senders",
        "settings: clients",
        "settings: outbox",
        "tab: company",
    ],
)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    places: Callable[[str], Place], window: Window, name: str
) -> None:
    shown = next(one for one in PAGES if one.name == name)
    window.show(places(shown.world), shown, "ru", 1280, False)
    stops = window.page.evaluate(STOPS)
    assert stops > 3
    reached = 0
    while True:
        window.page.keyboard.press("Tab")
        now = window.page.evaluate(FOCUS)
        if now["end"]:
            break
        if now["inside"]:  # day, month and year of a date are places of one field
            continue
        assert now["seen"], f"no mark of the focus: {now['what']}"
        reached += 1
    assert reached == stops


def test_what_was_typed_outlives_a_session_that_ran_out(
    one_engine: Any, clock: Any, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an hour over the settings: the page asks the portal again who this is, and saves."""
    desk = make_desk(make_sessions(one_engine), clock)
    main_states.full(desk.world)
    who: Viewer = report_world.viewer(desk.world, administrator=True)
    desk.app.config["BX24_SCRIPT_URL"] = SCRIPT
    monkeypatch.setattr(frames, "renew", lambda deps, session, token: report_world.viewer(
        desk.world, administrator=token == "a fresh one"))  # fmt: skip
    for site in served(desk.app):
        there = Place(
            site,
            desk.app,
            lambda shown, language: (shown.path, {"session": frames.seal(desk.world.deps, who)}),
        )
        window.page.add_init_script("window.grant = {access_token: 'a fresh one'};")
        window.show(there, Shown("", "", "/app/settings/clients"), "ru", 1280, False)
        window.page.fill("#f-min_gap_days", "222")
        clock.advance(minutes=30)
        window.page.click(".bar-save .primary")
        expect(window.page.locator(".notice.good")).to_be_visible()
        expect(window.page.locator("#f-min_gap_days")).to_have_value("222")
    assert desk.policy()[0].min_gap_days == 222

"""A whole day at the call desk: two hundred clients, by keyboard alone, and every row is what was typed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from random import Random
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine

from integration.nps.call_results import EARLY
from integration.services import frames
from integration.store.base import make_sessions
from integration.store.responses import Response
from tests.browser import PATIENCE, until
from tests.conftest import HandClock
from tests.services.calling.desk_world import ADA, Desk
from tests.web.conftest import Eyes, eyes, make_app, served
from tests.web.test_desk import make, person
from tests.web.test_desk_in_browser import BX24, press, ready

__all__ = ["eyes"]

pytestmark = [pytest.mark.browser, pytest.mark.journey]

CLIENTS = range(11, 211)
TALK = timedelta(seconds=75)
MOST = 320  # calls; more would be a circle
ZONE = ZoneInfo("Europe/Moscow")
#: What people say to the first call, by chance; nobody is called again in vain.
SAYS = (
    *["answered"] * 11, "no_answer", "no_answer", "no_answer", "busy", "hour", "typed", "out_of_service",
    "wrong_number", "not_now", "asks_email", "refused", "never",
)  # fmt: skip
LETTERS = {
    "no_answer": "q", "busy": "w", "out_of_service": "e", "wrong_number": "r", "not_now": "s", "asks_email": "d",
    "refused": "f", "never": "g",
}  # fmt: skip
#: Everything a pointer could do, heard before anybody else hears it.
NO_POINTER = """
window.pointed = [];
const KINDS = ["pointerdown", "pointermove", "mousedown", "mousemove", "mouseup", "wheel", "touchstart"];
for (const kind of KINDS)
  window.addEventListener(kind, (event) => { if (event.isTrusted) window.pointed.push(kind); }, true);
"""
#: The next client is shown, or nobody: the part of the page was exchanged.
SHOWN = """async ([before, patience]) => {
  const end = performance.now() + patience;
  for (;;) {
    const part = document.querySelector(".desk-part:not(.loading)");
    if (part && (part.dataset.key || "") !== before)
      return [part.dataset.key || "", (document.getElementById("desk-client") || {textContent: ""}).textContent];
    if (performance.now() > end) return null;
    await new Promise((go) => setTimeout(go, 5));
  }
}"""


@dataclass
class Typed:
    """One call as it was typed. `number`: the client's; `back`: when to call again, UTC."""

    number: int
    outcome: str
    score: int | None = None
    comment: str = ""
    note: str = ""
    back: datetime | None = None


@dataclass
class Day:
    """A caller at the keyboard, and what they typed."""

    desk: Desk
    page: Page
    typed: list[Typed] = field(default_factory=list)
    promised: dict[int, datetime] = field(default_factory=dict)
    late: timedelta = timedelta(0)
    key: str = ""
    number: int = 0

    def next(self) -> None:
        """Wait until the page shows somebody else."""
        found = self.page.evaluate(SHOWN, [self.key, PATIENCE * 1000])
        assert found is not None, f"nobody else came after {self.typed[-1:]}"
        self.key = found[0]
        self.number = int(found[1].removeprefix("Client ")) if self.key else 0

    def call(self) -> None:
        """Talk with the client in hand, type what was said, save."""
        now = self.desk.clock.now()
        if promise := self.promised.pop(self.number, None):
            assert now >= promise - EARLY, "before the minute they asked for"
            self.late = max(self.late, now - promise)
        self.desk.clock.moment = now + TALK
        before = sum(one.number == self.number for one in self.typed)
        rng = Random(f"{self.number}:{before}")
        says = "answered" if before else rng.choice(SAYS)
        one = Typed(self.number, "call_back" if says in ("hour", "typed") else says)
        match says:
            case "answered":
                self._answer(one, rng)
            case "hour":
                one.back = _in_an_hour(now)
                press(self.page, "j", "Enter")
            case "typed":
                self._moment(one)
            case _:
                self._letter(one, rng)
        self.typed.append(one)
        if one.back:
            self.promised[self.number] = one.back
        self.next()

    def _answer(self, one: Typed, rng: Random) -> None:
        one.score = rng.randint(0, 10)
        press(self.page, "-" if one.score == 10 else str(one.score))
        if rng.random() < 0.3:
            one.comment = f"Ответ {one.number}, 9 q Z?"
            press(self.page, "Enter")
            self.page.keyboard.type(one.comment)
        press(self.page, "Control+Enter")

    def _moment(self, one: Typed) -> None:
        """A moment of their own choice, in a field for date and time, on their clock."""
        one.back = (self.desk.clock.now() + timedelta(hours=2)).replace(minute=40, second=0, microsecond=0)
        there = one.back.astimezone(ZONE)
        press(self.page, "a")
        self.page.keyboard.type(f"{there:%m%d%Y}")
        press(self.page, "Tab")
        self.page.keyboard.type(f"{there:%I%M%p}")
        press(self.page, "Enter")

    def _letter(self, one: Typed, rng: Random) -> None:
        if rng.random() < 0.3:
            one.note = f"Секретарь, доб. {one.number}"
            press(self.page, "z")
            self.page.keyboard.type(one.note)
            press(self.page, "Escape")
        press(self.page, LETTERS[one.outcome], "Enter")
        if one.outcome == "never":  # asked once more: for good
            until(self.page, "document.getElementById('ask').open")
            press(self.page, "Shift+Tab", "Enter")


def _in_an_hour(moment: datetime) -> datetime:
    """What the page offers by one key: up to the next five minutes."""
    later = moment + timedelta(hours=1)
    return later + (datetime.min.replace(tzinfo=later.tzinfo) - later) % timedelta(minutes=5)


@pytest.fixture
def day(
    one_engine: Engine, clock: HandClock, eyes: Callable[..., Eyes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Day, Eyes]]:
    """Two hundred clients, the desk on the screen, opened without a pointer; the portal vouches for the caller anew."""
    desk = make(make_sessions(one_engine), clock, people=dict.fromkeys(CLIENTS, 1))
    monkeypatch.setattr(frames, "renew", lambda deps, session, token: person(desk, language="ru"))
    server = served(make_app(desk.deps))
    seen, site = eyes(), next(server)
    page = seen.page
    page.route(
        "**/api.bitrix24.com/**", lambda route: route.fulfill(body=BX24, content_type="text/javascript")
    )
    page.add_init_script(NO_POINTER)
    session = escape(frames.seal(desk.deps, person(desk, ADA, language="ru")))
    page.set_content(
        f'<form method="post" action="{site}/app/desk"><input type="hidden" name="session" value="{session}">'
        "<button autofocus>go</button></form>"
    )
    page.focus("button")
    press(page, "Enter")
    page.wait_for_url("**/app/desk")
    ready(page)
    yield Day(desk, page), seen
    next(server, None)


@pytest.mark.timeout(400)
def test_two_hundred_clients_are_called_without_a_mouse(
    day: tuple[Day, Eyes], record_property: Callable[[str, object], None]
) -> None:
    """Answers, refusals, nobody there, call-backs to the minute: saved, and the next one, by one request each."""
    caller, seen = day
    seen.requests.clear()
    begun = time.monotonic()
    press(caller.page, "n")
    caller.next()
    while caller.key and len({one.number for one in caller.typed}) < len(CLIENTS):
        assert len(caller.typed) < MOST
        caller.call()
    seconds = time.monotonic() - begun
    calls = len(caller.typed)
    posts = [url.rpartition("/")[2] for url in seen.requests]
    renewed = posts.count("session")
    record_property("seconds for each call", round(seconds / calls, 3))
    record_property("requests for each call", round(len(posts) / calls, 2))
    print(
        f"{calls} calls, {seconds / calls:.3f} s, {len(posts) / calls:.2f} requests each, {renewed} renewals"
    )
    assert {one.number for one in caller.typed} == set(CLIENTS), "everybody was given out"
    assert caller.page.evaluate("window.pointed") == []
    assert [error for error in seen.errors if "401" not in error] == []
    signs_of_life = int(seconds / 30) + 1
    # A sign of life may be refused in the same moment as an answer, and waits for the same renewal.
    refused = len(seen.errors)
    assert renewed <= refused <= renewed + signs_of_life, (
        "an ended session is renewed, nothing is typed twice"
    )
    assert len(posts) <= calls + 2 + 2 * (refused + signs_of_life), "one request for each client"
    assert caller.late <= 2 * TALK, (
        "who asked for a minute is called in that minute, or after the call under way"
    )
    _rows_are_what_was_typed(caller)
    _page_says_it(caller)


def _rows_are_what_was_typed(caller: Day) -> None:
    desk = caller.desk
    contacts = {number: contact // 100 for contact, number in desk.ids.items()}
    said = {row.invitation_id: (row.score, row.comment) for row in desk.world.rows(Response)}
    made = []
    for row in sorted(desk.attempts(), key=lambda row: row.id):
        one = Typed(contacts[row.invitation_id], row.outcome, note=row.note, back=row.call_back_at)
        if row.outcome == "answered":
            one.score, one.comment = said[row.invitation_id]
        made.append(one)
    assert made == caller.typed
    assert len(said) == sum(one.outcome == "answered" for one in caller.typed)


def _page_says_it(caller: Day) -> None:
    """The caller's own tally counts the same."""
    until(caller.page, "!document.querySelector('.desk-part.loading')")
    counted = caller.page.locator(".desk-tally dd").all_inner_texts()
    assert str(len(caller.typed)) in counted
    assert str(sum(one.outcome == "answered" for one in caller.typed)) in counted

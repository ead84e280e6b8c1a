"""The walk-around demo in a real browser: its processes, its panel, its portal, as a newcomer uses them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import BrowserContext, FrameLocator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
CLIENT_ID = "local.molva.demo"
#: Seconds for anything the demo does by itself: a week of it on a machine that has other things to do.
PATIENCE = 120.0
SLOW = PATIENCE * 1000


@dataclass
class Demo:
    """A running ``molva demo``. ``told``: its addresses, by name: portal, panel, mail, molva."""

    process: subprocess.Popen[str]
    told: dict[str, Any]

    def live(self) -> str:
        """The changing parts of the panel, in English."""
        return requests.get(f"{self.told['panel']}/live", headers={"Accept-Language": "en"}, timeout=60).text

    def post(self, path: str, **fields: str) -> None:
        """Presses a button of the panel as its page does."""
        page = requests.get(self.told["panel"], timeout=60).text
        found = re.search(r'name="token" value="(\w+)"', page)
        assert found is not None
        head = {"X-Requested-With": "fetch"}
        body = {"token": found[1], **fields}
        answer = requests.post(self.told["panel"] + path, data=body, headers=head, timeout=60)
        assert answer.status_code == 204, (path, answer.status_code)

    def until(self, there: Callable[[str], bool], about: str, seconds: float = PATIENCE) -> str:
        """Waits until the panel shows something; gives what it shows. Fails after so many seconds."""
        deadline = time.monotonic() + seconds
        while not there(shown := self.live()):
            assert time.monotonic() < deadline, f"{about} did not come:\n{shown}"
            assert self.process.poll() is None, "the demo has ended"
            time.sleep(0.25)
        assert "It does not go on" not in shown, shown
        return shown

    def rest(self, seconds: float = PATIENCE) -> str:
        """Waits until nothing moves and nothing is being prepared."""
        return self.until(
            lambda shown: 'data-busy="1"' not in shown and "Getting the agency ready" not in shown,
            "rest",
            seconds,
        )

    def go(self, do: str) -> str:
        """Moves the clock: hour, day, week, next; gives the panel afterwards."""
        self.rest()
        self.post("/clock", do=do)
        return self.rest()

    def letters(self, words: str) -> str:
        """The mail room's list of letters with these words or to this name, newest first."""
        return requests.get(self.told["mail"], params={"q": words}, timeout=60).text


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    """Start ``molva demo`` in a folder; it has gone at the end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    env |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "integration", "demo", "--port", "0", *arguments]
    said = folder / "demo.err"
    with open(said, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        told = next((json.loads(line) for line in process.stdout if line.startswith("{")), None)
        assert told is not None, said.read_text(encoding="utf-8")
        yield Demo(process, told)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(150)
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Visitor:
    """Somebody in front of the portal: one page, and who is looking through it."""

    demo: Demo
    page: Page

    def look_as(self, user: int) -> None:
        """The portal shows itself as to this employee from now on."""
        cookie = {"name": "portal_viewer", "value": str(user), "url": self.demo.told["portal"]}
        self.page.context.add_cookies([cookie])  # type: ignore[list-item]

    def go(self, path: str) -> None:
        self.page.goto(self.demo.told["portal"] + path)

    @property
    def app(self) -> FrameLocator:
        """Molva in its frame of the page that is open."""
        return self.page.frame_locator("iframe.appframe:visible")

    def heading(self, text: str | re.Pattern[str]) -> None:
        """Wait until Molva's page has this heading."""
        expect(self.app.locator("h1")).to_have_text(text, timeout=SLOW)

    def open_molva(self) -> None:
        """Molva's page by the portal's menu."""
        self.go("/crm/deal/")
        self.page.locator("nav.side").get_by_role("link", name="Molva", exact=True).click()
        expect(self.app.locator("h1")).to_be_visible(timeout=SLOW)

    def open_tab(self, path: str) -> None:
        """A card of the portal, then its tab of Molva."""
        self.go(path)
        self.page.get_by_role("tab", name="Molva").click()
        expect(self.app.locator("h1")).to_be_visible(timeout=SLOW)

    def press(self, name: str | re.Pattern[str], *, sure: bool = False) -> None:
        """A button of Molva's page; `sure`: the question that follows is answered by yes."""
        self.app.get_by_role("button", name=name, exact=isinstance(name, str)).first.click(timeout=SLOW)
        if sure:
            self.app.locator("#ask [data-yes]").click()

    def jump(self, path: str) -> None:
        """Another page of Molva in the same frame, as its menu posts; waits for it."""
        self.app.locator("#nav").evaluate(
            "(form, path) => { document.body.dataset.left = '1'; form.action = path; form.submit(); }", path
        )
        expect(self.app.locator("body:not([data-left]) h1")).to_be_visible(timeout=SLOW)


def visitor(demo: Demo, context: BrowserContext) -> Visitor:
    """A new window in front of the portal."""
    context.set_default_timeout(60_000)
    return Visitor(demo, context.new_page())


def install(who: Visitor) -> None:
    """By clicking among the developer's applications; the installer comes in its frame."""
    who.go("/marketplace/")
    who.page.get_by_role("button", name="Установить").click()
    expect(who.page.locator("iframe.appframe")).to_be_visible(timeout=SLOW)

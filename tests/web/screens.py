"""``make screens``: docs/screens anew, from the live demo with its people, in a real browser.

The demo is installed by clicking, lives to the first reminder of its survey, and is looked at from all sides. The
story is the same each time; only what hangs on real seconds (minutes in some times of day) differs.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from integration.bitrix.sandbox.story_staff import ADMIN, CALLER, HEAD, MANAGERS_A
from tests.browser import chromium
from tests.journeys.tour import CLIENT_ID, SLOW, Demo, Visitor, demo, install, visitor
from tests.web.pictures import small

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
MOST = 3 * 1024 * 1024
SECTIONS = (
    "senders", "clients", "wave", "letters", "followups", "referrals", "setup", "outbox", "privacy", "history",
)  # fmt: skip


@dataclass
class Studio:
    """A demo, a browser, and an empty page to make pictures small on."""

    demo: Demo
    browser: Browser
    easel: Page
    folder: Path
    only: frozenset[str] = frozenset()

    @contextmanager
    def sitter(self, width: int = 1280, *, dark: bool = False, user: int = ADMIN) -> Iterator[Visitor]:
        """A new window: how wide, in which colours, who looks."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 860 if width > 600 else 780}, locale="ru-RU", reduced_motion="reduce",
            color_scheme="dark" if dark else "light", timezone_id="Europe/Moscow",
        )  # fmt: skip
        made = visitor(self.demo, context)
        made.look_as(user)
        yield made
        context.close()

    def shoot(self, page: Page, name: str, most: int = 1150) -> None:
        """One file: the page from its top, at most so high; nothing if others alone are wanted."""
        if self.only and name not in self.only:
            return
        page.evaluate("document.querySelector('.dock:not(.keep)')?.remove(); document.activeElement?.blur()")
        page.mouse.move(0, 0)
        page.wait_for_load_state("networkidle")
        usual = page.viewport_size
        assert usual is not None
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": usual["width"], "height": max(usual["height"], min(height, most))})
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(400)  # the portal fits its frame to the page by itself
        size = small(self.easel, page.screenshot(), self.folder / f"{name}.png")
        page.set_viewport_size(usual)
        sys.stdout.write(f"{name} {size // 1024} KB\n")
        sys.stdout.flush()


def _first_run(studio: Studio) -> None:
    with studio.sitter() as who:
        who.go("/marketplace/")
        studio.shoot(who.page, "portal-applications")
        install(who)
        expect(who.app.locator("#install li[data-state=done]").first).to_be_visible(timeout=SLOW)
        studio.shoot(who.page, "installer")
        begin = who.app.get_by_role("button", name="Начать", exact=True)
        expect(begin).to_be_visible(timeout=SLOW)
        studio.shoot(who.page, "main-first-day")
        begin.click()
        for number, name in enumerate(("senders", "clients", "calendar"), 1):
            expect(who.app.locator("[aria-current=step] .nr")).to_have_text(str(number), timeout=SLOW)
            studio.shoot(who.page, f"first-run-{number}-{name}")
            who.press("Сохранить и дальше")
        expect(who.app.locator("[aria-current=step] .nr")).to_have_text("4", timeout=SLOW)
        who.app.locator(".start-send button[value=test]").click()
        expect(who.app.locator("#fate")).to_contain_text("@", timeout=SLOW)
        studio.shoot(who.page, "first-run-4-letter")
        who.app.locator("button[value=finish]").click()
        expect(who.app.locator(".start-end")).to_be_visible(timeout=SLOW)


def _survey(studio: Studio) -> None:
    """Settings of the agency, three past surveys, approval by the head, then up to the first reminder."""
    for job in ("settings", "past"):
        studio.demo.post(f"/do/{job}")
        studio.demo.rest()
    with studio.sitter(user=HEAD) as who:
        who.open_molva()
        who.press("Опрос")
        who.press("Составить список и провести репетицию")
        approve = who.app.get_by_role("button", name=re.compile("^Одобрить"))
        expect(approve).to_be_visible(timeout=SLOW)
        studio.shoot(who.page, "survey-approval", 1300)
        survey = _survey_page(who)
        who.jump(f"{survey}/rehearsal")
        studio.shoot(who.page, "rehearsal", 1300)
        who.jump(survey)
        who.press(re.compile("^Одобрить"), sure=True)
        expect(who.app.locator("#notices .good")).to_be_visible(timeout=SLOW)
    for _ in range(2):  # the announcement, the calls
        studio.demo.go("next")
    _calls(studio)
    for _ in range(2):  # the letters, the reminder
        studio.demo.go("next")
    studio.demo.go("day")


def _survey_page(who: Visitor) -> str:
    """The address of the survey that is open in the frame."""
    found = re.search(r"/app/wave/\d+", " ".join(frame.url for frame in who.page.frames))
    assert found is not None
    return found[0]


def _calls(studio: Studio) -> None:
    """The first morning of the calls: the desk, a link for a call centre, and what its caller sees on a telephone."""
    with studio.sitter(user=HEAD) as who, studio.sitter(375, dark=True) as phone:
        who.open_molva()
        who.press("Опрос")
        expect(who.app.locator("#list")).to_be_visible(timeout=SLOW)
        survey = _survey_page(who)
        who.jump(f"{survey}/partners")
        who.app.locator("input[name=name]").fill("Ольга Зорина")
        who.app.locator("form:has(input[name=name]) button[type=submit]").first.click()
        address = who.app.locator("#made-url")
        expect(address).to_be_visible(timeout=SLOW)
        phone.page.goto(address.input_value())
        phone.page.locator("button[value=take]").click()
        expect(phone.page.locator("#desk-client")).to_be_visible(timeout=SLOW)
        studio.shoot(phone.page, "call-centre-375-dark", 1500)
        phone.page.locator("[data-back]").click()
        expect(phone.page.locator(".desk-idle")).to_be_visible(timeout=SLOW)
        who.jump(f"{survey}/partners")
        studio.shoot(who.page, "call-centre", 1300)
    with studio.sitter(user=CALLER) as who:
        who.open_molva()
        who.app.locator("button[value=take]").click()
        expect(who.app.locator("#desk-client")).to_be_visible(timeout=SLOW)
        studio.shoot(who.page, "desk", 1300)
        who.app.locator("[data-back]").click()
        expect(who.app.locator(".desk-idle")).to_be_visible(timeout=SLOW)


def _client(studio: Studio) -> str:
    """A client who wrote something a director must act on: the card, from the main page."""
    with studio.sitter() as who:
        who.open_molva()
        link = who.app.locator(".todo li.task", has=who.app.locator(".words")).locator("a[data-open]").first
        return re.sub("^https?://[^/]+", "", link.get_attribute("href") or "")


def _molva(studio: Studio, card: str) -> None:
    with studio.sitter() as who:
        who.open_molva()
        studio.shoot(who.page, "main", 1500)
        who.press("Опрос")
        expect(who.app.locator("#list")).to_be_visible(timeout=SLOW)
        studio.shoot(who.page, "survey", 1500)
        who.jump(f"{_survey_page(who)}/report")
        studio.shoot(who.page, "report", 1500)
        for section in SECTIONS:
            who.jump(f"/app/settings/{section}")
            studio.shoot(who.page, f"settings-{section}")
        who.jump("/app/settings/letters/invitation/ru")
        studio.shoot(who.page, "settings-letter")
        for view in ("", "/clients", "/tree", "/thanks"):
            who.jump(f"/app/referrals{view}")
            studio.shoot(who.page, f"referrals{view.replace('/', '-')}", 1500)
        who.open_tab(card)
        studio.shoot(who.page, "tab", 1300)
    with studio.sitter(user=MANAGERS_A[0]) as who:
        who.open_molva()
        studio.shoot(who.page, "main-manager")


def _portal(studio: Studio, card: str) -> None:
    with studio.sitter() as who:
        who.go("/crm/company/")
        studio.shoot(who.page, "portal-companies", 860)
        who.go("/crm/deal/")
        studio.shoot(who.page, "portal-deals", 860)
        who.go(card)
        studio.shoot(who.page, "portal-card")
        who.go(f"/company/personal/user/{HEAD}/tasks/")
        studio.shoot(who.page, "portal-tasks", 860)


def _silent(page: Page, mail: str) -> str:
    """Open the newest letter whose reader has not answered yet; its answer page, where a score is asked for at once."""
    for place in range(20):
        page.goto(f"{mail}?q=")
        page.locator(".list li", has=page.locator(".badge")).nth(place).click()
        expect(page.frame_locator("iframe").locator("body")).not_to_be_empty()
        address = page.locator(".answer a").get_attribute("href") or ""
        answer = page.request.get(address).text()
        if 'name="score"' in answer.partition("<details")[0]:
            return address
    raise LookupError("everybody has answered")


def _outside(studio: Studio) -> None:
    """What a client sees, and the demo's own pages."""
    told = studio.demo.told
    with studio.sitter() as who, studio.sitter(375) as phone:
        who.page.goto(f"{told['mail']}?lang=ru")
        studio.shoot(who.page, "mail-room", 860)
        address = _silent(who.page, told["mail"])
        studio.shoot(who.page, "letter", 1300)
        for page, shot in ((who.page, "answer"), (phone.page, "answer-375")):
            page.goto(address)
            studio.shoot(page, shot, 1000)
        who.page.goto(f"{told['panel']}?lang=ru")
        studio.shoot(who.page, "panel", 860)


def _elsewhere(studio: Studio, card: str) -> None:
    """Phones, dark colours, other languages."""
    number = card.rstrip("/").rsplit("/", 1)[-1]
    place = f"placement=CRM_COMPANY_DETAIL_TAB&ID={number}"
    for width, dark, name, query in (
        (375, False, "main-375", "lang=ru"), (375, True, "tab-375-dark", f"lang=ru&{place}"),
        (1280, True, "main-dark", ""), (1280, True, "tab-dark", ""),
        (1280, False, "main-en", "lang=en"), (1280, False, "tab-uk", f"lang=ua&{place}"),
    ):  # fmt: skip
        with studio.sitter(width, dark=dark) as who:
            if query:
                who.go(f"/frame/{CLIENT_ID}?user={ADMIN}&{query}")
                expect(who.page.frame_locator("iframe").locator("h1")).to_be_visible(timeout=SLOW)
            elif name == "main-dark":
                who.open_molva()
            else:
                who.open_tab(card)
            studio.shoot(who.page, name, 1300)


def main(only: Sequence[str] = ()) -> int:
    """Exit status 0, or 1 if the pictures have become too heavy for a repository; `only`: those of these names alone,
    the others stay as they are (the story is lived all the same)."""
    path = chromium()
    if path is None:
        sys.stderr.write("make screens needs a Chromium: install one or name it in CHROMIUM\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in () if only else FOLDER.glob("*.png"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory(prefix="molva-screens-") as folder,
        demo(Path(folder), "--bare") as running,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        studio = Studio(running, browser, browser.new_page(), FOLDER, frozenset(only))
        _first_run(studio)
        _survey(studio)
        card = _client(studio)
        _molva(studio, card)
        _portal(studio, card)
        _outside(studio)
        _elsewhere(studio, card)
        browser.close()
    weight = sum(one.stat().st_size for one in FOLDER.glob("*.png"))
    sys.stdout.write(f"{weight // 1024} KB in {FOLDER.name}\n")
    return 0 if weight <= MOST else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

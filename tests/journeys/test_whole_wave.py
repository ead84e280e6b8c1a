"""A whole survey as its owner lives it, by clicking in a browser: planned, rehearsed, watched, closed, read (W, E7).

Molva's pages are served as they are; the portal and the mail server answer from memory, and the clock is moved by hand,
so that seven weeks pass in a minute. The same with live processes and a portal's own pages is in `test_story`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import Engine

from integration import i18n
from integration.demo.browser import BROWSER
from integration.services import chores, frames
from integration.store.base import make_sessions
from integration.store.portals import Portal
from integration.store.waves import Invitation
from tests.browser import leave
from tests.conftest import HandClock
from tests.services.report_world import beat, viewer
from tests.services.wave_world import HEAD, MANAGER, SENDERS, World, make_world
from tests.web.conftest import make_app, served

t = partial(i18n.text, "ru")
MOSCOW = ZoneInfo("Europe/Moscow")
BX24 = """window.BX24 = {init: cb => setTimeout(cb, 0), fitWindow: () => 0, getAuth: () => false,
  scrollParentWindow: () => 0};"""
FORM = """([action, session]) => { const form = document.createElement('form');
  form.method = 'post'; form.action = action;
  const field = document.createElement('input'); field.type = 'hidden'; field.name = 'session'; field.value = session;
  form.append(field); document.body.append(form); form.submit(); }"""


@dataclass
class Owner:
    """The owner's window, the agency behind it, and what went wrong."""

    world: World
    site: str
    page: Page
    wrong: list[str]

    def enter(self, path: str, user: int = HEAD) -> None:
        """Come to a page as the portal leads there: proven at this moment."""
        who = viewer(self.world, user, administrator=user == HEAD)
        session = frames.seal(
            self.world.deps, replace(who, proved_at=self.world.clock.now().replace(microsecond=0))
        )
        leave(self.page)
        with self.page.expect_navigation(url=f"{self.site}{path}"):
            self.page.evaluate(FORM, [self.site + path, session])
        expect(self.page.locator("h1")).to_be_visible()

    def press(self, name: str | re.Pattern[str], *, sure: bool = False, within: str = "main") -> None:
        """A button; `sure`: the question that follows is answered by yes."""
        self.page.locator(within).get_by_role("button", name=name, exact=isinstance(name, str)).first.click()
        if sure:
            self.page.locator("#ask [data-yes]").click()

    def unfold(self, name: str) -> None:
        self.page.locator("summary", has_text=name).click()

    def told(self, *words: str) -> None:
        """What the notice at the top says."""
        for one in words:
            expect(self.page.locator("#notices")).to_contain_text(one)

    def sees(self, *words: str) -> None:
        for one in words:
            expect(self.page.locator("main")).to_contain_text(one)

    def until(self, month: int, day: int, hour: int = 10) -> None:
        """Days go by with no page open; the worker does what is due."""
        leave(self.page)
        self.world.until(datetime(2026, month, day, hour, tzinfo=MOSCOW))
        beat(self.world)

    def worker(self) -> None:
        while chores.run_due(self.world.deps):
            pass

    @property
    def wave(self) -> str:
        return f"/app/wave/{self.world.wave().id}"

    def row(self, client: str) -> str:
        return f"tr:has-text('{client}')"


@pytest.fixture
def owner(one_engine: Engine, clock: HandClock, browser: Browser) -> Iterator[Owner]:
    world = make_world(make_sessions(one_engine), clock)
    clock.moment = datetime(2026, 1, 12, 9, tzinfo=UTC)
    for number in range(2, 14):
        world.client(number, title=f"Клиент {number:02}", city="Казань" if number < 8 else "Пермь")
    world.client(20, title="Новенький", since=date(2026, 1, 5))
    world.policy(min_group=3, senders=[], default_sender="", head_sender="")
    world.set(Portal, world.portal_id, first_run_at=clock.now())
    beat(world)
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="ru-RU", reduced_motion="reduce", user_agent=BROWSER
    )
    context.set_default_timeout(60_000)
    for site in served(make_app(world.deps)):
        yield _at_the_window(world, site, context)
    context.close()


def _at_the_window(world: World, site: str, context: BrowserContext) -> Owner:
    def script(route: Route) -> None:
        route.fulfill(body=BX24, content_type="text/javascript")

    wrong: list[str] = []
    context.route("**/bx24.js", script)
    context.route("https://api.bitrix24.com/**", script)
    context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    return Owner(world, site, context.new_page(), wrong)


@pytest.mark.journey
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_owner_leads_a_survey_from_its_plan_to_its_report(owner: Owner) -> None:
    _planned(owner)
    _rehearsed_and_put_right(owner)
    _approved(owner)
    _watched(owner)
    _some_are_left_alone(owner)
    _paused_and_resumed(owner)
    _clients_answer(owner)
    _somebody_refuses(owner)
    _closed_and_read(owner)
    assert [said for said in owner.wrong if "status of 422" not in said] == []


def _planned(owner: Owner) -> None:
    """There is no survey yet; a day too near is refused, another one is taken, and one of its dates is moved."""
    owner.enter("/app/waves")
    owner.sees(t("No survey yet"))
    owner.page.fill("#f-start", "2026-01-20")
    owner.page.locator("#f-start").evaluate("one => one.removeAttribute('min')")
    owner.press(t("Plan it"))
    owner.told(t("Nothing has been planned."))
    owner.page.fill("#f-start", "2026-03-02")
    owner.press(t("Plan it"))
    owner.told(t("The survey is planned."))
    owner.press("2026")
    expect(owner.page.locator("h1")).to_have_text(t("Survey {wave}", wave="2026"))
    owner.unfold(t("Change the dates"))
    owner.page.fill("#day-announce", "2026-02-18")
    owner.press(t("Change the dates"), sure=True)
    owner.told(t("The dates are changed."))
    assert owner.world.wave().plan["announce"] == "2026-02-18"


def _rehearsed_and_put_right(owner: Owner) -> None:
    """The rehearsal shows that nobody signs; the owner names somebody in the settings and rehearses anew."""
    owner.press(t("Make the list and rehearse"))
    owner.sees(t("The list is being made"))
    owner.worker()
    owner.sees(t("It cannot be approved yet."))
    owner.press(t("Look through the rehearsal"))
    owner.sees("Казань", "Пермь")
    owner.enter("/app/settings/senders")
    owner.press(t("Add a person"))
    for field in ("name", "position", "email", "phone"):
        owner.page.fill(f"[name=senders-0-{field}]", str(SENDERS[1][field]))
    owner.page.locator("[name=default][value='0']").check()
    owner.page.locator("[name=head][value='0']").check()
    owner.press(t("Save"), within=".bar-save")
    owner.sees(t("Saved."))
    owner.enter(owner.wave)
    owner.press(t("Rehearse anew"))
    owner.sees(t("The list is being made"))
    owner.worker()
    owner.enter(owner.wave)
    expect(owner.page.locator("[aria-labelledby=rehearsal]")).not_to_contain_text(
        t("It cannot be approved yet.")
    )


def _approved(owner: Owner) -> None:
    owner.press(re.compile("^" + t("Approve: announce on {day}", day="")), sure=True)
    owner.told(t("The survey is approved."))
    assert owner.world.letters() == []


def _watched(owner: Owner) -> None:
    """The announcement has left; who is not asked is a click away, and the filter stays in the address."""
    owner.until(2, 18, 12)
    owner.enter(owner.wave)
    expect(owner.page.locator("[aria-labelledby=letters]")).to_contain_text("12")
    owner.press(re.compile(t("a client for too short a time")), within="[aria-labelledby=out]")
    expect(owner.page).to_have_url(re.compile(r"\?standing=too_new$"))
    expect(owner.page.locator("[aria-labelledby=list] tbody tr")).to_have_count(1)
    owner.sees("Новенький")
    owner.press(t("Show everybody"))
    expect(owner.page).to_have_url(f"{owner.site}{owner.wave}")
    owner.page.select_option("#f-branch", label="Пермь (6)")
    owner.page.fill("#f-q", "клиент 1")
    owner.press(t("Show"), within=".filter")
    expect(owner.page.locator("[aria-labelledby=list] tbody tr")).to_have_count(4)
    expect(owner.page).to_have_url(re.compile("branch="))


def _some_are_left_alone(owner: Owner) -> None:
    """One is taken out and put back, another one taken out for good; one is held; the filter has stayed."""
    owner.page.locator(owner.row("Клиент 10")).get_by_role("checkbox").check()
    owner.press(t("Take out"), sure=True)
    owner.told(t("Please say why: it is kept with the survey."))
    owner.page.fill("#why-out", "идёт спор о договоре")
    owner.press(t("Take out"), sure=True)
    owner.told(t("Taken off the list."))
    assert "branch=" in owner.page.url, "an act keeps what is chosen"
    owner.press(t("Put back"), within=owner.row("Клиент 10"))
    owner.told(t("Back on the list."))
    owner.page.locator(owner.row("Клиент 11")).get_by_role("checkbox").check()
    owner.page.fill("#why-out", "расстались")
    owner.press(t("Take out"), sure=True)
    owner.told(t("Taken off the list."))
    owner.page.locator(owner.row("Клиент 12")).get_by_role("checkbox").check()
    owner.page.fill("#why-out", "аудит до апреля")
    owner.page.fill("#until", "2026-04-06")
    owner.press(t("Put on hold"))
    owner.told(t("On hold."))
    owner.enter(f"{owner.wave}?standing=excluded_by_hand")
    owner.sees("Клиент 11", "расстались")


def _paused_and_resumed(owner: Owner) -> None:
    owner.page.fill("#why-pause", "сбой на сайте")
    owner.press(t("Pause"))
    owner.told(t("The survey is paused."))
    owner.until(3, 3)
    assert {row.kind for row in owner.world.letters()} == {"announcement"}
    owner.world.clock.advance(hours=1)
    owner.enter(owner.wave)
    owner.press(t("Resume"))
    owner.told(t("The survey goes on."))
    plan = owner.world.wave().plan
    assert date.fromisoformat(plan["mailing"]) >= date(2026, 3, 13), "moved by as long as it stood still"


def _clients_answer(owner: Owner) -> None:
    """Three clients open their links and answer; one of them badly. The owner reads it on the client's own page."""
    mailing = datetime.fromisoformat(owner.world.wave().plan["mailing"]).date()
    owner.until(mailing.month, mailing.day, 12)
    asked = {row.contact_id: row for row in owner.world.rows(Invitation) if "invitation" in row.touches}
    assert set(asked) == {number * 100 for number in range(2, 14) if number not in (11, 12)}
    for contact, score, words in (
        (200, 9, "Отчёты приходят вовремя, спасибо"),
        (300, 10, ""),
        (400, 3, "Отчёт ждали две недели"),
    ):
        _answer(owner, asked[contact], score, words)
    owner.enter(f"{owner.wave}?standing=answered")
    expect(owner.page.locator("[aria-labelledby=list] tbody tr")).to_have_count(3)
    owner.press(t("Details"), within=owner.row("Клиент 04"))
    owner.sees("Отчёт ждали две недели", "p400@client.example.com", "Сделка 40")
    owner.enter(f"{owner.wave}/client/{owner.world.lines()[('company', 4)].id}", MANAGER)
    owner.sees("Отчёт ждали две недели")
    expect(owner.page.locator("[name=do]")).to_have_count(0)


def _answer(owner: Owner, row: Invitation, score: int, words: str) -> None:
    page = owner.page.context.new_page()
    page.goto(f"{owner.site}/s/{row.token}")
    owner.world.clock.advance(seconds=5)
    page.locator("label.score", has=page.locator(f"input[value='{score}']")).click()
    page.fill("#comment", words)
    page.locator("#answer button.primary").click()
    expect(page.locator("h1").first).to_contain_text("пасибо")
    page.close()


def _somebody_refuses(owner: Owner) -> None:
    """A client says on the phone that it has no time: no reminder reaches it. A slip of the mouse is undone."""
    for client in (5, 6):
        owner.enter(f"{owner.wave}/client/{owner.world.lines()[('company', client)].id}")
        owner.unfold(t("The person does not want to answer"))
        owner.page.fill(f"#why-refuse-{owner.world.invitations()[client * 100].id}", "нет времени")
        owner.press(t("Write it down"))
        owner.told(t("The refusal is written down."))
    owner.press(t("Undo: ask the person after all"))
    owner.told(t("The refusal is undone."))
    reminder = datetime.fromisoformat(owner.world.wave().plan["reminders"][0]).date()
    owner.until(reminder.month, reminder.day, 12)
    reminded = {row.recipient_address for row in owner.world.letters(kind="reminder", status="done")}
    silent = {number * 100 for number in (6, 7, 8, 9, 10, 13)}
    assert reminded == {f"p{contact}@client.example.com" for contact in silent}


def _closed_and_read(owner: Owner) -> None:
    """The owner has heard enough: closes early with a reason, reads the report, and finds every step in the trail."""
    owner.world.clock.advance(seconds=timedelta(hours=1).total_seconds())
    owner.enter(owner.wave)
    owner.unfold(t("Close it early"))
    owner.page.fill("#why-close", "ответов хватает")
    owner.press(t("Close the survey"), sure=True)
    owner.told(t("The survey is closed."))
    outcomes = sorted(row.outcome for row in owner.world.rows(Invitation))
    assert outcomes.count("answered") == 3
    assert outcomes.count("refused") == 1
    assert outcomes.count("excluded") == 1
    assert outcomes.count("closed_early") == 7
    owner.press(t("Report"), within=".head")
    owner.sees("33")
    owner.enter(f"{owner.wave}/trail")
    for words in (
        "ответов хватает",
        "сбой на сайте",
        "расстались",
        "нет времени",
        t("refusal undone"),
        t("dates changed"),
    ):
        owner.sees(words)
    owner.enter("/app/waves")
    owner.sees("2026", t("over"))

"""From a portal without Molva to a client's answer on its card: by clicking, in a browser, against live processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from integration import i18n
from integration.bitrix.sandbox.story_staff import ADMIN, MANAGERS_A, MANAGERS_B, users
from integration.demo.browser import BROWSER
from tests.journeys.tour import SLOW, Demo, Visitor, demo, install, visitor

t = partial(i18n.text, "ru")
MANAGERS = {
    f"{one['NAME']} {one['LAST_NAME']}": int(one["ID"])
    for one in users()
    if int(one["ID"]) in (*MANAGERS_A, *MANAGERS_B)
}
WORDS = "Отчёт ждали две недели <b>и звонили сами</b>"
SCORE = "3"


@dataclass(frozen=True)
class Client:
    """Whom the story is about: card and name, the person who is asked, the account manager's number."""

    card: str
    name: str
    person: str
    manager: int


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Demo]:
    with demo(tmp_path, "--bare", "--clients", "24", "--seed", "2") as running:
        yield running


@pytest.fixture
def who(bare: Demo, browser: Browser) -> Iterator[Visitor]:
    """A window in front of the portal in which nothing may go wrong."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="ru-RU", reduced_motion="reduce", user_agent=BROWSER
    )
    made = visitor(bare, context)
    wrong: list[str] = []
    context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    made.look_as(ADMIN)
    yield made
    context.close()
    assert [said for said in wrong if "status of 403" not in said] == []


@pytest.mark.journey
@pytest.mark.browser
@pytest.mark.timeout(900)
def test_from_the_installation_to_the_answer_on_the_card(who: Visitor) -> None:
    _a_manager_came_too_early(who)
    _four_steps(who)
    who.open_tab("/crm/company/details/2/")
    expect(who.app.locator("#main")).to_contain_text(t("Do not ask before"))
    _approved(who)
    _letters_leave(who)
    client = _asked(who)
    _answered(who, client)
    _on_the_card(who, client)
    _the_manager_reads(who, client)
    who.look_as(ADMIN)
    who.open_molva()
    expect(who.app.locator(".todo")).to_contain_text(client.name)
    expect(who.app.locator(".todo")).to_contain_text(WORDS)


def _a_manager_came_too_early(who: Visitor) -> None:
    """The administrator has added Molva and was interrupted; a manager who opens it gets the portal's clear words."""
    who.look_as(MANAGERS_A[0])
    who.go("/marketplace/")
    expect(who.page.locator(".product")).to_contain_text("Установить может администратор")
    expect(who.page.get_by_role("button", name="Установить")).to_have_count(0)
    who.look_as(ADMIN)
    who.page.route("**/bitrix/install*", lambda route: route.fulfill(status=204))
    install(who)
    who.page.unroute("**/bitrix/install*")
    who.look_as(MANAGERS_A[0])
    who.go("/crm/deal/")
    who.page.locator("nav.side").get_by_role("link", name="Molva", exact=True).click()
    expect(who.page.locator("h1")).to_have_text("Приложение ещё не установлено до конца")
    who.look_as(ADMIN)
    who.go("/marketplace/")
    who.page.get_by_role("link", name="Продолжить установку").click()


def _four_steps(who: Visitor) -> None:
    """What Molva proposes is taken as it stands; the test letter lies in the mail room."""
    who.app.get_by_role("button", name=t("Begin")).click(timeout=SLOW)
    for step in ("1", "2", "3"):
        expect(who.app.locator("[aria-current=step] .nr")).to_have_text(step, timeout=SLOW)
        who.press(t("Save and go on"))
    expect(who.app.locator("[aria-current=step] .nr")).to_have_text("4", timeout=SLOW)
    own = who.app.locator("#f-address").input_value()
    who.press(t("Send a test letter"))
    expect(who.app.locator("#fate .good, #fate.good").first).to_contain_text(own, timeout=SLOW)
    assert own in who.demo.letters("Роман Воеводин")
    who.press(t("Finish"))
    who.heading(t("Molva is set up"))


def _approved(who: Visitor) -> None:
    """The list is made, looked through and approved on the survey's page."""
    who.demo.post("/switch/alone", on="0")
    who.open_molva()
    who.press(t("Survey"))
    who.heading(t("Survey {wave}", wave="2026"))
    who.press(t("Make the list and rehearse"))
    approve = re.compile("^" + t("Approve: announce on {day}", day=""))
    expect(who.app.get_by_role("button", name=approve)).to_be_visible(timeout=SLOW)
    who.press(approve, sure=True)
    expect(who.app.locator("#notices")).to_contain_text(t("The survey is approved."), timeout=SLOW)


def _letters_leave(who: Visitor) -> None:
    """Two presses of the panel, docked into the portal: the announcement, then the question."""
    who.go("/crm/company/")
    who.page.get_by_role("button", name="Пульт демо").click()
    panel = who.page.frame_locator("aside iframe")
    for stage in ("announced", "mailing"):
        who.demo.rest()
        panel.get_by_role("button", name="К следующему событию опроса").click(timeout=SLOW)
        who.demo.until(partial(_says, f">{stage}<"), stage)
    who.demo.rest()


def _says(words: str, shown: str) -> bool:
    return words in shown


def _asked(who: Visitor) -> Client:
    """Somebody who was asked and is silent so far, by the survey's page."""
    silent = t("silent so far")
    who.open_molva()
    who.press(t("Survey"))
    who.heading(t("Survey {wave}", wave="2026"))
    expect(who.app.locator("table tr").filter(has_text=silent).first).to_be_visible(timeout=SLOW)
    seen, found = [], ""
    for row in who.app.locator("table tr").filter(has_text=silent).all():
        link, manager = row.locator("a[data-open]"), row.locator("td").nth(2).inner_text().strip()
        person = row.locator(".one", has_text=silent).first.inner_text().replace(silent, "").strip()
        seen.append((person, manager))
        found = who.demo.letters(person)
        if manager in MANAGERS and "badge good" in found and f'"who">{person}<' in found:
            return Client(link.get_attribute("href") or "", link.inner_text(), person, MANAGERS[manager])
    pytest.fail(f"nobody was asked: {seen}\n{found}")


def _answered(who: Visitor, client: Client) -> None:
    """The client opens the letter in the mail room and answers on the page it leads to."""
    page = who.page
    page.goto(f"{who.demo.told['mail']}?lang=ru&q={client.person}")
    page.locator(".list li", has=page.locator(".badge")).filter(has_text=client.person).first.click()
    letter = page.frame_locator("iframe")
    expect(letter.locator("body")).to_contain_text(client.person.split()[0])
    with page.context.expect_page() as coming:
        page.get_by_role("link", name="Открыть страницу ответа").click()
    answer: Page = coming.value
    answer.wait_for_timeout(2500)  # within two seconds, or as a headless browser, nobody counts as a person
    answer.locator("label.score", has=answer.locator(f"input[value='{SCORE}']")).click()
    answer.fill("#comment", WORDS)
    answer.locator("#answer button.primary").click()
    expect(answer.locator("h1").first).to_contain_text("пасибо", timeout=SLOW)
    answer.close()


def _on_the_card(who: Visitor, client: Client) -> None:
    """Score, words and a task stand in the portal's own card, which brings itself up to date."""
    who.go(re.sub("^https?://[^/]+", "", client.card))
    expect(who.page.locator("h1")).to_have_text(client.name)
    expect(who.page.locator(".head .score")).to_contain_text(SCORE, timeout=SLOW)
    expect(who.page.locator(".timeline")).to_contain_text(WORDS, timeout=SLOW)
    expect(who.page.locator("[data-live=tasks] li")).not_to_have_count(0, timeout=SLOW)


def _the_manager_reads(who: Visitor, client: Client) -> None:
    """The account manager sees the answer in the tab and cannot touch the score of an own client."""
    who.look_as(client.manager)
    who.open_tab(re.sub("^https?://[^/]+", "", client.card))
    expect(who.app.locator(".hero")).to_contain_text(t("Detractor"))
    expect(who.app.locator(".hero .score").first).to_contain_text(SCORE)
    expect(who.app.locator("#main")).to_contain_text(WORDS)
    expect(who.app.locator(".own-note").first).to_be_visible()
    expect(who.app.locator("[name=do][value=correct]")).to_have_count(0)

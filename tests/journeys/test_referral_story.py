"""A recommendation from the first word to the thanks, by clicking in the portal: a browser against live processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from integration import i18n
from integration.bitrix.sandbox.story_staff import ADMIN, MANAGERS_A, users
from integration.demo.browser import BROWSER
from integration.demo.live_story import autumn
from tests.journeys.tour import PATIENCE, SLOW, Demo, Visitor, demo, visitor

t = partial(i18n.text, "ru")
SEED, CLIENTS = 2, 24
SELLER, MANAGER = MANAGERS_A[0], MANAGERS_A[1]
MANAGER_NAME = next(f"{one['NAME']} {one['LAST_NAME']}" for one in users() if int(one["ID"]) == MANAGER)
SOURCE = "По рекомендации"  # the portal's own
AMOUNT = 321_000


@dataclass(frozen=True)
class Sale:
    """A deal with a new company: addresses of both cards, the company's name."""

    deal: str
    company: str
    name: str


@dataclass(frozen=True)
class Year:
    """What `/app/referrals` says of the year: clients and revenue by recommendation, and of all."""

    came: int
    clients: int
    earned: int
    revenue: int


@pytest.fixture
def lived_in(tmp_path: Path) -> Iterator[Demo]:
    with demo(tmp_path, "--clients", str(CLIENTS), "--seed", str(SEED)) as running:
        yield running


@pytest.fixture
def who(lived_in: Demo, browser: Browser) -> Iterator[Visitor]:
    """A window in front of the portal in which nothing may go wrong."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="ru-RU", reduced_motion="reduce", user_agent=BROWSER
    )
    made = visitor(lived_in, context)
    wrong: list[str] = []
    context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    lived_in.rest(4 * PATIENCE)  # three old surveys are brought in, each by a process of its own
    lived_in.post("/switch/alone", on="0")
    yield made
    context.close()
    assert wrong == []


def _friend() -> tuple[int, str]:
    """A client of the manager who recommends us: number and name of its card."""
    rows = autumn(SEED, CLIENTS).story.agency.companies
    found = [(int(row["id"]), str(row["title"])) for row in rows if row["assignedById"] == MANAGER]
    return found[-2]


@pytest.mark.journey
@pytest.mark.browser
@pytest.mark.timeout(900)
def test_from_by_recommendation_to_the_thanks(who: Visitor) -> None:
    number, friend = _friend()
    card = f"/crm/company/details/{number}/"
    who.look_as(SELLER)
    sale, other = (_sold(who, name, amount) for name, amount in (("Верфь «Парус»", AMOUNT), ("Лавка", 5_000)))
    _reminded_once(who, sale)
    _named(who, sale, friend, width=1280)
    _named(who, other, friend, width=375)
    before = _year(who)
    who.look_as(SELLER)
    _won(who, sale, friend)
    task = _to_thank(who, sale, card)
    _on_both_cards(who, sale, card, friend)
    _in_the_trees(who, sale, card, friend)
    after = _year(who)
    assert after == Year(before.came + 1, before.clients + 1, before.earned + AMOUNT, before.revenue + AMOUNT)
    _thanked(who, sale, card, task)


def _sold(who: Visitor, name: str, amount: int) -> Sale:
    """A new company and its deal from the source "by recommendation", entered in the portal's own forms."""
    company = _entered(who, "/crm/company/details/0/", title=name)
    number = re.findall(r"\d+", company)[-1]
    deal = _entered(
        who, f"/crm/deal/details/0/?category=0&company={number}", title=f"Сайт: {name}", opportunity=str(amount),
        sourceId=SOURCE,
    )  # fmt: skip
    return Sale(deal, company, name)


def _entered(who: Visitor, path: str, **fields: str) -> str:
    """The address of a card made with these fields."""
    who.go(path)
    for name, value in fields.items():
        field = who.page.locator(f"[name='f.{name}']")
        if name == "sourceId":
            field.select_option(label=value)
        else:
            field.fill(value)
    who.page.locator("button[value=save]").click()
    expect(who.page.locator("h1")).to_have_text(fields["title"], timeout=SLOW)
    return re.sub("^https?://[^/]+", "", who.page.url)


def _reminders(who: Visitor) -> Locator:
    return who.page.locator(".timeline .entry.todo", has_text=t("Who recommended us to this client?"))


def _reminded_once(who: Visitor, sale: Sale) -> None:
    """Not at once; after a working hour one to-do in the card; and never a second one."""
    who.go(sale.deal)
    expect(_reminders(who)).to_have_count(0)
    who.demo.go("hour")
    who.demo.go("hour")
    who.go(sale.deal)
    expect(_reminders(who)).to_have_count(1, timeout=SLOW)
    who.demo.go("day")
    who.go(sale.deal)
    expect(_reminders(who)).to_have_count(1)


def _named(who: Visitor, sale: Sale, friend: str, *, width: int) -> None:
    """Two clicks in the tab: the search by name, and the one who is found; without a scroll bar on a phone."""
    who.page.set_viewport_size({"width": width, "height": 900})
    who.open_tab(sale.deal)
    expect(who.app.locator("#main")).to_contain_text(
        t("This client came by recommendation, but nobody is named yet.")
    )
    who.app.get_by_label(t("Name, phone or e-mail")).fill(friend[:8])
    candidate = who.app.locator("#found .candidate", has_text=friend)
    expect(candidate).to_have_count(1, timeout=SLOW)
    assert _fits(who.page)
    candidate.click()
    expect(who.app.locator(".brought-by")).to_contain_text(friend, timeout=SLOW)
    assert _fits(who.page)
    who.page.set_viewport_size({"width": 1280, "height": 900})


def _fits(page: Page) -> bool:
    inside = next(frame for frame in page.frames if "/app/card/" in frame.url or "/placement/" in frame.url)
    return bool(
        inside.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    )


def _won(who: Visitor, sale: Sale, friend: str) -> None:
    """The card has the name and its to-do is done; the seller closes the deal."""
    who.go(sale.deal)
    expect(who.page.locator("[data-field$=_REFERRER]")).to_contain_text(friend, timeout=SLOW)
    expect(_reminders(who)).to_have_class(re.compile("done"), timeout=SLOW)
    who.page.locator("button[name=stage][value=WON]").click()
    expect(who.page.locator("button[name=stage][value=WON]")).to_have_attribute("aria-current", "step")


def _to_thank(who: Visitor, sale: Sale, card: str) -> str:
    """One task for the friend's manager, shown by both cards; its address."""
    who.look_as(MANAGER)
    for path in (sale.company, card):
        who.go(path)
        task = who.page.locator("[data-live=tasks] a", has_text=sale.name)
        expect(task).to_have_count(1, timeout=SLOW)
    assert MANAGER_NAME in who.page.locator("[data-live=tasks] li", has_text=sale.name).inner_text()
    return str(task.get_attribute("href"))


def _on_both_cards(who: Visitor, sale: Sale, card: str, friend: str) -> None:
    """The newcomer's card has source, name and day; the friend's tells what came of it."""
    who.go(sale.company)
    for code, words in (("SOURCE", t("Client")), ("REFERRER", friend), ("REFERRAL_DATE", "2026")):
        expect(who.page.locator(f"[data-field$=_{code}]")).to_contain_text(words, timeout=SLOW)
    who.go(card)
    told = who.page.locator(".timeline .entry.comment", has_text=sale.name)
    expect(told).to_contain_text([t("Has become a client")], timeout=SLOW)


def _in_the_trees(who: Visitor, sale: Sale, card: str, friend: str) -> None:
    """The friend's tab names whom they brought and what came of it; the page of trees says what it is worth."""
    line = who.app.locator(".came-line", has_text=sale.name)
    for _ in range(int(PATIENCE)):  # the tab shows what was so when it was opened
        who.open_tab(card)
        if t("Paid") in line.inner_text():
            break
        who.page.wait_for_timeout(1000)
    expect(line).to_contain_text(t("Paid"))
    who.open_tab(sale.company)
    expect(who.app.locator(".brought-by")).to_contain_text(friend)
    who.look_as(ADMIN)
    who.open_molva()
    who.jump(f"/app/referrals/tree?root={_root(card)}")
    expect(who.app.locator(".tree .node", has_text=sale.name)).to_contain_text(re.compile(_spaced(AMOUNT)))


def _root(card: str) -> str:
    kind, number = re.findall(r"/crm/(\w+)/details/(\d+)/", card)[0]
    return f"{kind}:{number}"


def _spaced(amount: int) -> str:
    """The amount as people write it, whatever the space."""
    return r"\s".join(f"{amount:,}".split(","))


def _year(who: Visitor) -> Year:
    """The year's share as the administrator sees it."""
    who.look_as(ADMIN)
    who.open_molva()
    who.jump("/app/referrals")
    figures = who.app.locator(".key-figure")
    expect(figures.first).to_be_visible()
    (came, clients), (earned, revenue) = (
        _first_two(figures.nth(place).locator(".hint").first) for place in (0, 1)
    )
    return Year(came, clients, earned, revenue)


def _first_two(said: Locator) -> tuple[int, int]:
    """The part and the whole that a line of a figure begins with."""
    found = [int(re.sub(r"\D", "", part)) for part in re.findall(r"\d[\d\s]*", said.inner_text())]
    return found[0], found[1]


def _thanked(who: Visitor, sale: Sale, card: str, task: str) -> None:
    """The task is completed in the portal: nobody is to be thanked any more, and the friend's tab says so."""
    waiting = who.app.locator(".rows .entry", has_text=sale.name)
    who.look_as(MANAGER)
    who.open_molva()
    who.jump("/app/referrals/thanks")
    expect(waiting).to_have_count(1)
    who.go(task)
    who.page.locator("button[value=complete]").click()
    expect(who.page.locator("button[value=renew]")).to_be_visible()
    who.demo.go("hour")
    who.open_tab(card)
    expect(who.app.locator(".came-line", has_text=sale.name).locator(".thanked")).to_be_visible()
    who.open_molva()
    who.jump("/app/referrals/thanks")
    expect(waiting).to_have_count(0)

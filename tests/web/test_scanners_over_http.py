"""Mail scanners play against the served pages with the links of a letter that really left (product.md S1, RFC 8058).

They follow every link by GET and HEAD, post every form as it stands, run the pages' scripts in a real browser without
a person, and repeat what a person posted. Nothing of it counts, overwrites a person or unsubscribes anybody; what they
left is seen as held, or as flagged beside the person's answer, on the page of the survey and in the tab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from playwright.sync_api import Page
from sqlalchemy import Engine, select

from integration.nps.people import CardKey
from integration.services import card, wave_page
from integration.services.frames import with_card
from integration.services.wave_page import Filter
from integration.store.base import Base, Sessions, make_sessions, reading
from integration.store.clients import OptOut
from integration.store.colleagues import Colleague
from integration.store.direct_lines import DirectMessage
from integration.store.followups import FollowUp
from integration.store.responses import Response, ResponseRevision
from tests.browser import until
from tests.conftest import HandClock
from tests.services.report_world import viewer
from tests.services.survey_world import BROWSER
from tests.services.wave_world import DIRECTOR, World, make_world
from tests.web.conftest import Eyes, make_app, served

AGENTS = (
    BROWSER, "Mozilla/5.0 (compatible; ProofPoint URL Defense)", "python-requests/2.32", "",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131 Safari/537.36",
)  # fmt: skip
PERSON, CLIENT = 700, 7
LINK = re.compile(r"https://molva\.example[^\s<>\"')]*")


class Forms(HTMLParser):
    """The forms of a page as served: address, and the fields as a machine would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        loose = given.get("type") in ("radio", "checkbox") and "checked" not in given
        if tag in ("input", "textarea") and self.found and "name" in given and not loose:
            self.found[-1][1][given["name"]] = given.get("value", "")


class Mail:
    """A client with a letter on the way, and the pages it points to, served."""

    def __init__(self, sessions: Sessions, clock: HandClock) -> None:
        self.world: World = make_world(sessions, clock, policy={"direct_line": True, "offer_colleague": True})
        self.world.client(CLIENT)
        self.wave_id = self.world.approved()
        self.world.until(datetime(2026, 3, 3, 12, tzinfo=UTC))
        self.letter = self.world.post.sent[-1]
        self.server = served(make_app(self.world.deps))
        self.site = next(self.server)

    def close(self) -> None:
        for _ in self.server:
            pass

    @property
    def links(self) -> list[str]:
        """Every address in the letter: its text, its HTML, its headers."""
        whole = " ".join([self.letter.body_text, self.letter.body_html, *self.letter.headers.values()])
        found = {one.rstrip(".,;").replace("&amp;", "&") for one in LINK.findall(whole)}
        return sorted(self.here(one) for one in found)

    def here(self, url: str) -> str:
        return url.replace("https://molva.example", self.site)

    @property
    def page(self) -> str:
        return self.here(f"https://molva.example/s/{self.world.invitations()[PERSON].token}")

    def response(self) -> Response | None:
        return next(iter(self.world.rows(Response)), None)

    def rows(self) -> dict[str, list[str]]:
        with reading(self.world.deps.sessions) as session:
            return {
                t.name: sorted(map(repr, session.execute(select(t)))) for t in Base.metadata.sorted_tables
            }

    def effects(self) -> dict[str, Any]:
        """Everything that must not come of a machine."""
        invitation = self.world.invitations()[PERSON]
        with reading(self.world.deps.sessions) as session:
            never = len(session.scalars(select(OptOut)).all())
        return {
            "outcome": invitation.outcome, "later": invitation.snoozed_until, "never": never,
            "cards": [row.purpose for row in self.world.outbox() if row.purpose in ("score", "comment", "task")],
            "tasks": len(self.world.rows(FollowUp)), "colleagues": len(self.world.rows(Colleague)),
            "messages": sorted({row.status for row in self.world.rows(DirectMessage)} - {"held"}),
        }  # fmt: skip

    def console(self, standing: str = "") -> wave_page.WavePage:
        found = wave_page.read(self.world.deps, viewer(self.world), self.wave_id, Filter(standing=standing))
        assert found is not None
        return found

    def tab(self) -> Any:
        who = with_card(viewer(self.world, DIRECTOR, administrator=True), "company", CLIENT)
        return card.view(self.world.deps, who, *CardKey("company", CLIENT))

    # --- a person

    def human(self, score: int, comment: str = "") -> dict[str, Any]:
        """What a person's browser sends; the recorded requests come back."""
        form = self.form_of(requests.get(self.page, timeout=30).text)
        self.world.clock.advance(seconds=5)
        touch = {"nonce": form["nonce"], "type": "pointerdown", "trusted": "true", "purpose": "answer"}
        proof = requests.post(
            f"{self.page}/proof", touch, headers={"User-Agent": BROWSER}, timeout=30
        ).json()["proof"]
        sent = {**form, "proof": proof, "score": str(score), "comment": comment}
        answer = requests.post(
            self.page, sent, headers={"User-Agent": BROWSER}, timeout=30, allow_redirects=False
        )
        assert answer.status_code == 303
        return {"touch": touch, "sent": sent}

    @staticmethod
    def form_of(page: str) -> dict[str, str]:
        return Forms(page).found[0][1]


NOTHING: dict[str, Any] = {
    "outcome": "", "later": None, "never": 0, "cards": [], "tasks": 0, "colleagues": 0, "messages": [],
}  # fmt: skip


@pytest.fixture
def mail(sessions: Sessions, clock: HandClock) -> Iterator[Mail]:
    made = Mail(sessions, clock)
    yield made
    made.close()


@pytest.fixture
def one_mail(one_engine: Engine, clock: HandClock) -> Iterator[Mail]:
    made = Mail(make_sessions(one_engine), clock)
    yield made
    made.close()


def crawl(mail: Mail, agent: str, **headers: str) -> list[str]:
    """Open every link of the letter and of the pages behind it, by GET and HEAD; the pages come back."""
    waiting, seen, pages = (
        [*mail.links, f"{mail.page}?score=0", f"{mail.page}/later"],
        set[str](),
        list[str](),
    )
    while waiting:
        url = re.sub(r"lang=\w\w&?", "", waiting.pop()).rstrip("?&")
        if url in seen or not url.startswith(mail.site) or "/static/" in url:
            continue
        seen.add(url)
        for method in ("HEAD", "GET"):
            answer = requests.request(method, url, headers={"User-Agent": agent, **headers}, timeout=30)
            assert answer.status_code in (200, 405), (method, url, answer.status_code)
        pages.append(answer.url + "\n" + answer.text)
        waiting += [urljoin(answer.url, link) for link in Forms(answer.text).links]
    paths = {urlsplit(url).path.split("/")[1] for url in seen}
    assert {"s", "u", "d"} <= paths, "the letter has its links"
    return pages


def post_as_served(mail: Mail, pages: list[str], agent: str, depth: int = 3) -> None:
    """Post every form as it stands, and those of the pages that come back."""
    for page in pages:
        url, _, text = page.partition("\n")
        for action, fields in Forms(text).found:
            mail.world.clock.advance(seconds=5)
            target = urljoin(url, action)
            answer = requests.post(target, fields, headers={"User-Agent": agent}, timeout=30)
            assert answer.status_code < 500
            if depth > 1:
                post_as_served(mail, [answer.url + "\n" + answer.text], agent, depth - 1)


def test_following_every_link_changes_no_row(one_mail: Mail) -> None:
    """GET and HEAD of whatever the letter and the pages behind it point to, from any program and address (S1)."""
    mail = one_mail
    before = mail.rows()
    for number, agent in enumerate(AGENTS[:2]):
        crawl(mail, agent, **{"X-Forwarded-For": f"203.0.113.{number}"})
    assert mail.rows() == before


def test_posting_the_forms_as_they_stand_counts_nothing_and_is_seen_as_held(one_mail: Mail) -> None:
    """Also with the score of the letter preselected, and through the steps of confirmation (S1)."""
    mail = one_mail
    for agent in (BROWSER, AGENTS[1]):
        post_as_served(mail, crawl(mail, agent), agent)
    assert mail.effects() == NOTHING
    response = mail.response()
    assert response is not None
    assert (response.status, bool(response.held_reason)) == ("held", True)
    assert [one.response.id for one in mail.console().held] == [response.id]
    assert mail.console().lines[0].people[0][0].held
    [said] = mail.tab().years[0].said
    assert (said.status, said.held_reason) == ("held", response.held_reason)
    assert "held" in {event.code for event in mail.tab().events}
    mail.human(9, "Это уже я")
    assert mail.effects()["outcome"] == "answered"


def test_what_is_repeated_after_a_person_leaves_the_person_s_answer(mail: Mail) -> None:
    """Byte for byte, from other addresses and programs, with the spent value, with another score, at once from many
    threads: the answer stands, what came is a flagged version (S1)."""
    first = mail.human(9, "Спасибо")
    effects, count = mail.effects(), len(mail.world.outbox())
    tries = [first["sent"], {**first["sent"], "score": "0"}, {**first["sent"], "score": "0", "proof": ""}]

    def again(number: int) -> int:
        headers = {"User-Agent": AGENTS[number % len(AGENTS)], "X-Forwarded-For": f"198.51.100.{number}"}
        requests.post(f"{mail.page}/proof", first["touch"], headers=headers, timeout=30)
        return requests.post(mail.page, tries[number % 3], headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(again, range(24))) == {200}
    response = mail.response()
    assert response is not None
    assert (response.score, response.comment, response.status) == (9, "Спасибо", "counted")
    assert (mail.effects(), len(mail.world.outbox())) == (effects, count)
    flags = [row.flag for row in mail.world.rows(ResponseRevision) if row.status == "held"]
    assert flags
    assert set(flags) == {"after_human"}
    assert [one.row.client_id for one in mail.console("flagged").lines] == [CLIENT]
    assert mail.console().lines[0].people[0][0].flagged
    assert [event.facts["flag"] for event in mail.tab().events if event.code == "held"] == flags
    mail.human(10, "Теперь десять")
    assert mail.console("flagged").lines == (), "the person's own last word settles it"


def test_a_confirmation_is_worth_its_one_use(one_mail: Mail) -> None:
    """Whoever answers without a script confirms once; the same confirmation again, or with another score, is held."""
    mail = one_mail
    form = mail.form_of(requests.get(mail.page, timeout=30).text)
    agent = {"User-Agent": BROWSER}
    confirm = mail.form_of(requests.post(mail.page, {**form, "score": "8"}, headers=agent, timeout=30).text)
    assert mail.effects() == NOTHING
    mail.world.clock.advance(seconds=5)
    chosen = {**confirm, "score": "8"}
    assert mail.form_of(requests.post(mail.page, confirm, headers=agent, timeout=30).text)["proof"] == ""
    assert requests.post(mail.page, chosen, headers=agent, timeout=30).url.startswith(mail.page)
    assert mail.effects()["outcome"] == "answered"
    with ThreadPoolExecutor(4) as pool:
        for score in "0123":
            pool.submit(requests.post, mail.page, {**confirm, "score": score}, headers=agent, timeout=30)
    response = mail.response()
    assert response is not None
    assert (response.status, response.score) == ("counted", 8)


def test_unsubscribing_takes_the_mail_provider_s_word_or_a_person(one_mail: Mail) -> None:
    """`POST /u/` without RFC 8058's field only asks, from whomever; with it, it acts, from whomever: the standard
    leaves no way to tell a provider from a scanner that sends the very same field (docs/security.md)."""
    mail = one_mail
    url = mail.page.replace("/s/", "/u/")
    bodies: list[dict[str, str]] = [
        {},
        {"List-Unsubscribe": "yes"},
        {"sure": "1"},
        {"proof": "guess", "sure": "on"},
    ]
    for number, agent in enumerate(AGENTS):
        for body in bodies:
            headers = {"User-Agent": agent, "X-Forwarded-For": f"192.0.2.{number}"}
            answer = requests.post(url, body, headers=headers, timeout=30)
            assert answer.status_code == 200
            post_as_served(mail, [answer.url + "\n" + answer.text], agent, depth=2)
    assert mail.effects() == NOTHING
    with ThreadPoolExecutor(4) as pool:
        one_click = {"List-Unsubscribe": "One-Click"}
        sent = [
            pool.submit(requests.post, url, one_click, headers={"User-Agent": AGENTS[1]}, timeout=30)
            for _ in "1234"
        ]
    assert {one.result().status_code for one in sent} == {200}
    assert (mail.effects()["outcome"], mail.effects()["never"]) == ("opted_out", 1)


#: What a scanner's browser does with a page: everything but touching it.
MACHINE = """() => {
  document.querySelectorAll('input[type=radio], input[type=checkbox]').forEach((box) => { box.checked = true; });
  document.querySelectorAll('textarea, input[type=text]').forEach((line) => { line.value = 'filled in'; });
  const button = document.querySelector('form#answer button, form#more button');
  for (const [kind, name] of [[PointerEvent, 'pointerdown'], [MouseEvent, 'mousedown'], [MouseEvent, 'click'],
                              [KeyboardEvent, 'keydown'], [TouchEvent, 'touchstart']])
    document.body.dispatchEvent(new kind(name, {bubbles: true, key: 'Enter'}));
  if (button) button.click();
}"""


@pytest.mark.browser
def test_a_browser_without_a_person_answers_nothing(one_mail: Mail, eyes: Callable[..., Eyes]) -> None:
    """Scripts run, forms are filled in and sent by script, confirmations too: held at most (S1)."""
    mail = one_mail
    token = mail.page.rpartition("/")[2]
    direct = next(link for link in mail.links if "/d/" in link)
    targets = [mail.page, f"{mail.page}?score=9", f"{mail.page}/later", f"{mail.site}/u/{token}",
               f"{mail.page}/colleague", direct]  # fmt: skip
    for target in targets:
        page: Page = eyes().page
        page.goto(target)
        for _ in range(3):
            mail.world.clock.advance(seconds=5)
            if page.locator("form#answer, form#more").count() == 0:
                break
            page.evaluate("() => { window.stale = true; }")
            page.evaluate(MACHINE)
            until(page, "!window.stale && document.readyState === 'complete'")
        assert mail.effects() == NOTHING, target
    response = mail.response()
    assert response is not None
    assert response.status == "held"


@pytest.mark.browser
def test_a_person_passes_the_step_of_confirmation_with_a_script(
    one_mail: Mail, eyes: Callable[..., Eyes]
) -> None:
    """Too quick at first, then by keyboard alone: the value that was put aside is there for a real key (S1, S2)."""
    mail, page = one_mail, eyes().page
    page.goto(mail.page + "?score=9")
    page.get_by_role("button").last.click()
    page.wait_for_selector("[data-once]", state="attached")
    assert page.evaluate("document.querySelector('[data-once]').value") == ""
    mail.world.clock.advance(seconds=5)
    page.locator("input[type=radio]").first.focus()
    for key in ("Space", *["ArrowRight"] * 7, "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(".mark")
    response = mail.response()
    assert response is not None
    assert (response.status, response.score, response.held_reason) == ("counted", 7, "")

"""The panel and the mail room: what they show, what they order, and that nobody else can order anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect

from integration.bitrix.sandbox.httpd import Server
from integration.demo import words
from integration.demo.letters import letter_of
from integration.demo.live import Live
from integration.demo.mail_pages import framed, matches, owners
from integration.demo.on_the_phone import HEARD, SCORED, SCORED_ONLY
from integration.demo.panel import STAGES, create_panel
from integration.demo.switches import SWITCHES
from tests.browser import until_here

from .stand_in import NOW, SURVEY, TALK, FakeWorld, StandIn, letter, put_letters

FETCH = {"X-Requested-With": "fetch"}


@pytest.fixture
def demo(tmp_path: Path) -> StandIn:
    return StandIn(FakeWorld(tmp_path / "mail"))


@pytest.fixture
def client(demo: StandIn) -> FlaskClient:
    return create_panel(cast("Live", demo)).test_client()


def order(client: FlaskClient, demo: StandIn, path: str, **fields: str) -> int:
    return client.post(path, data=fields | {"token": demo.token}, headers=FETCH).status_code


def test_the_panel_shows_time_survey_and_news_newest_first(client: FlaskClient, demo: StandIn) -> None:
    demo.life.rows = [SURVEY]
    demo.chronicle.tell(NOW, "opened")
    demo.chronicle.tell(NOW, "answered", who="<b>Анна</b>", score=9, words=" — Ок")
    text = client.get("/", headers={"Accept-Language": "ru"}).text
    assert "вторник, 8 сентября 2026, 09:00" in text
    assert "ответили 5 из 14" in text
    assert text.index("&lt;b&gt;Анна&lt;/b&gt;: 9 — Ок") < text.index("Портал агентства открыт.")
    assert "<b>Анна" not in text


def test_who_sits_at_the_desk_reads_what_the_client_says(client: FlaskClient, demo: StandIn) -> None:
    """Nothing about calls outside of them; then the way to the desk; then the client's own words."""
    demo.life.rows = [SURVEY]
    russian = {"Accept-Language": "ru"}
    assert "На линии" not in client.get("/live", headers=russian).text
    demo.life.rows = [SURVEY | {"stage": "calling"}]
    assert "возьмите клиента" in client.get("/live", headers=russian).text
    demo.life.talks = [TALK]
    for path in ("/", "/live", "/?docked=1"):
        text = client.get(path, headers=russian).text
        assert "«9. Всё &lt;i&gt;быстро&lt;/i&gt;»" in text
        assert "Запишите итог в «Звонках»: Майя Звонарёва" in text
    demo.life.talks = [replace(TALK, heard=text, back=NOW) for text in HEARD.values()]
    assert "Перезвоните, пожалуйста: 8 сент., 09:00" in client.get("/live", headers=russian).text


@pytest.mark.parametrize(
    ("do", "until"),
    [
        ("hour", timedelta(hours=1)),
        ("day", timedelta(days=1)),
        ("week", timedelta(days=7)),
        ("next", timedelta(days=9)),
    ],
)
def test_each_button_moves_the_clock_by_what_it_says(
    client: FlaskClient, demo: StandIn, do: str, until: timedelta
) -> None:
    assert order(client, demo, "/clock", do=do) == 204
    assert demo.conductor.orders == [NOW + until]


def test_play_stop_and_a_second_move_while_one_is_under_way(client: FlaskClient, demo: StandIn) -> None:
    assert order(client, demo, "/clock", do="play", speed="fast") == 204
    assert order(client, demo, "/clock", do="play", speed="warp") == 204
    assert order(client, demo, "/clock", do="stop") == 204
    assert demo.conductor.orders == ["fast", "even", "stop"]
    demo.conductor.free = False
    assert order(client, demo, "/clock", do="day") == 409
    assert order(client, demo, "/clock", do="jump") == 400


def test_switches_turn_faults_and_the_agency_s_own_will(client: FlaskClient, demo: StandIn) -> None:
    assert order(client, demo, "/switch/down", on="1") == 204
    assert demo.switches.names == {"down"}
    assert order(client, demo, "/switch/down", on="0") == 204
    assert order(client, demo, "/switch/alone", on="0") == 204
    assert (demo.switches.names, demo.life.alone) == (set(), False)
    assert order(client, demo, "/switch/unknown", on="1") == 404


def test_orders_without_the_page_s_token_are_refused(client: FlaskClient, demo: StandIn) -> None:
    for path in ("/clock", "/switch/down", "/do/past"):
        assert client.post(path, data={"do": "day", "on": "1"}).status_code == 403
        assert client.post(path, data={"do": "day", "on": "1", "token": "guess"}).status_code == 403
    assert demo.conductor.orders == []


def test_jobs_are_handed_over_and_unknown_ones_refused(client: FlaskClient, demo: StandIn) -> None:
    assert order(client, demo, "/do/past") == 204
    assert demo.conductor.orders == [demo.life.bring_past]
    assert order(client, demo, "/do/anything") == 404


def test_a_form_without_a_script_leads_back_to_the_panel(client: FlaskClient, demo: StandIn) -> None:
    answer = client.post("/clock", data={"do": "day", "token": demo.token, "docked": "1"})
    assert (answer.status_code, answer.location) == (303, "/?docked=1")


def test_only_the_portal_may_frame_the_panel_and_nothing_foreign_runs(
    client: FlaskClient, demo: StandIn
) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {demo.portal_url}" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_letters_are_listed_newest_first_by_mailbox_by_word_and_by_page(
    client: FlaskClient, demo: StandIn
) -> None:
    put_letters(demo.world.mail, 40)
    text = client.get("/mail").text
    assert text.index("Письмо 40:") < text.index("Письмо 39:")
    assert "Письмо 10:" not in text
    assert "Письмо 10:" in client.get("/mail?page=2").text
    assert "Письмо 10:" in client.get("/mail?page=99").text
    box = client.get("/mail?box=p3@client.example.com").text
    assert ("Письмо 38:" in box, "Письмо 39:" in box) == (True, False)
    found = client.get("/mail?q=номер17").text
    assert ("Письмо 17:" in found, "Письмо 18:" in found) == (True, False)
    assert "Ничего не нашлось" in client.get("/mail?q=нет-такого", headers={"Accept-Language": "ru"}).text
    assert "<script>alert" not in text


def test_letters_that_come_later_are_seen_at_the_next_look(client: FlaskClient, demo: StandIn) -> None:
    assert "Писем ещё нет" in client.get("/mail", headers={"Accept-Language": "ru"}).text
    put_letters(demo.world.mail, 1)
    assert "Письмо 1:" in client.get("/mail").text


def test_a_letter_is_shown_in_a_sandbox_that_runs_and_loads_nothing(
    client: FlaskClient, demo: StandIn
) -> None:
    put_letters(demo.world.mail, 3)
    page = client.get("/mail/3").text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert 'href="http://127.0.0.1:9/s/tok-1"' in page
    body = client.get("/mail/3/body")
    policy = body.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert '<base target="_blank">' in body.text
    assert client.get("/mail/9").status_code == client.get("/mail/9/body").status_code == 404


def test_mailboxes_are_counted_and_named_by_their_letters() -> None:
    letters = [letter_of(letter(number)) for number in range(1, 8)]
    assert [(owner.address, owner.count) for owner in owners(letters)] == [
        ("p0@client.example.com", 1), ("p1@client.example.com", 2), ("p2@client.example.com", 2),
        ("p3@client.example.com", 1), ("p4@client.example.com", 1),
    ]  # fmt: skip
    assert matches(letters[0], "ПИСЬМО номер1")
    assert not matches(letters[0], "письмо номер2")


def test_links_of_a_letter_open_in_new_tabs_wherever_its_head_is() -> None:
    assert framed("<p>x") == '<base target="_blank"><p>x'
    assert framed("<HEAD><title>") == '<HEAD><base target="_blank"><title>'


def test_every_word_of_the_pages_and_of_the_news_has_all_three_languages() -> None:
    shown = {switch.text for switch in SWITCHES} | {word for word, _ in STAGES.values()}
    shown |= {*HEARD.values(), SCORED, SCORED_ONLY}
    shown |= {
        "planning",
        "announcement",
        "letters",
        "calls",
        "reminder",
        "closing",
        "final result",
        "approval",
    }
    folder = Path(words.__file__).parent / "templates" / "demo"
    import re

    for path in folder.glob("*.html"):
        found = re.findall(r"""\bt\((?:"([^"]+)"|'((?:\\'|[^'])+)')""", path.read_text(encoding="utf-8"))
        shown |= {(double or single) for double, single in found}
    assert shown - set(words.PAGES) == set()
    for name, said in (words.HAPPENINGS | words.WRITTEN).items():
        assert set(said) == set(words.LANGUAGES), name
        places = {language: set(re.findall(r"{(\w+)}", text)) for language, text in said.items()}
        assert places["ru"] == places["en"] == places["uk"], name
    for text, (russian, ukrainian) in words.PAGES.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", ukrainian)), text
        assert not set("ыэёъ") & set(ukrainian.lower()), text
        assert not set("іїєґ") & set(russian.lower()), text


@pytest.mark.parametrize(
    ("language", "text"),
    [("ru", "карточки 3, задачи 1"), ("uk", "картки 3, завдання 1"), ("en", "cards 3, tasks 1")],
)
def test_writes_name_only_what_was_written(language: str, text: str) -> None:
    said = words.Said("written", {"cards": 3, "comments": 0, "tasks": 1})
    assert text in words.sentence(language, said)


def test_starting_over_is_ordered_with_the_pages_token_and_says_when_it_comes_back(
    client: FlaskClient, demo: StandIn
) -> None:
    assert client.post("/again", data={"token": "x"}).status_code == 403
    assert not demo.over
    assert order(client, demo, "/again") == 204
    plain = client.post("/again", data={"token": demo.token}, headers={"Accept-Language": "uk"})
    assert (plain.status_code, plain.headers["Refresh"]) == (202, "25; url=/")
    assert "Починаємо спочатку" in plain.text
    assert demo.over


# --- in the browser


@pytest.fixture
def served(demo: StandIn) -> Iterator[str]:
    server = Server("127.0.0.1", 0, create_panel(cast("Live", demo)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


def opened(browser: Browser, url: str, width: int, scheme: Any = "light") -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="ru-RU")
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: told.append(f"{request.url} {request.failure}"))
    page.goto(url)
    return page, told


#: The letter's own script is stopped by the frame's sandbox, and the browser says so.
STOPPED = "Blocked script execution in"


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("path", ["/", "/?docked=1", "/mail", "/mail?q=zzz", "/mail/3"])
def test_the_pages_are_accessible_and_fit_any_width(
    browser: Browser, demo: StandIn, served: str, path: str, width: int, scheme: str
) -> None:
    put_letters(demo.world.mail, 40)
    demo.life.rows = [SURVEY]
    demo.switches.names = {"down"}
    demo.life.talks = [TALK]
    demo.chronicle.tell(NOW, "letters_question", "mail", 3, n=12)
    demo.chronicle.tell(NOW, "answered", "bad", who="Длинное-имя-" * 12, score=2, words="")
    page, told = opened(browser, f"{served}{path}", width, scheme)
    if path == "/mail/3":
        frame = page.frames[1]
        frame.wait_for_load_state()
        assert frame.title() == "x"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert [line for line in told if not line.startswith(STOPPED)] == []
    page.close()


@pytest.mark.browser
def test_pressing_a_button_orders_a_move_and_the_page_follows_by_itself(
    browser: Browser, demo: StandIn, served: str
) -> None:
    page, told = opened(browser, served, 1280)
    page.get_by_role("button", name="+1 день").click()
    demo.chronicle.tell(NOW, "won", "staff", who="Пекарня")
    page.get_by_text("Сделка выиграна: Пекарня.").wait_for()
    until_here(
        page, lambda: demo.conductor.orders, "the order"
    )  # the page may have been brought up to date before
    assert demo.conductor.orders == [NOW + timedelta(days=1)]
    toggle = page.get_by_role("switch", name="Агентство действует само")
    toggle.click()
    expect(toggle).to_have_attribute("aria-checked", "false")
    assert demo.life.alone is False
    assert told == []
    page.close()

"""The log of requests on the settings page: the day in figures, filters, pages, the file (product.md T3)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import event
from werkzeug.test import TestResponse

from integration.services import frames, request_pages
from integration.services.frames import Viewer
from integration.services.request_pages import Filter
from integration.store.base import transaction
from integration.store.requests import RequestRow
from tests.conftest import a_portal
from tests.services.survey_world import World
from tests.web import request_world
from tests.web.conftest import Eyes, a_viewer, inside, served

PATH = "/app/settings/requests"
FILE = f"{PATH}/export"


@dataclass
class Log:
    """An administrator at the page, in a portal of Moscow whose people speak English."""

    world: World
    client: FlaskClient

    @property
    def portal_id(self) -> int:
        return self.world.portal.id

    def post(self, path: str, viewer: Viewer | None = None, **fields: str) -> TestResponse:
        return inside(self.client, self.world, viewer or a_viewer(self.world), path, **fields)

    def html(self, status: int = 200, **fields: str) -> str:
        answer = self.post(PATH, **fields)
        assert answer.status_code == status
        return unescape(answer.get_data(as_text=True))

    def busy(self) -> int:
        return request_world.busy_day(self.world.deps, self.portal_id)

    def put(self, **values: Any) -> None:
        """A line that began so many `ago` seconds ago."""
        at = self.world.clock.now() - timedelta(seconds=values.pop("ago", 0))
        row = {
            "portal_id": self.portal_id,
            "method": "m",
            "seconds": 0.1,
            "status": 200,
            "by": "click",
            "inner": {},
        }
        with transaction(self.world.deps.sessions) as session:
            session.add(RequestRow(at=at, **(row | values)))


@pytest.fixture
def log(one_world: World, one_client: FlaskClient) -> Log:
    return Log(one_world, one_client)


def methods(html: str) -> list[str]:
    """What the lines of the page are about, the latest first."""
    return re.findall(r'<td class="what"><code>(.*?)</code>', html)


def rows(answer: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer)))


def test_the_log_is_shown_searched_and_saved(log: Log) -> None:
    """What was asked, what came of it in words, how long; the same filter holds on every page and in the file."""
    assert "No requests yet" in log.html()
    many = log.busy()
    html = log.html()
    assert len(methods(html)) == request_pages.PAGE
    assert "Last 24 hours" in html
    assert "crm.item.update × 38, crm.timeline.comment.add × 10, tasks.task.add × 2" in html
    assert "2 of 50 refused" in html
    assert "Too many requests at once; Molva slows down" in html
    assert re.search(r"65\.0 s</span>", html)
    assert "eight minutes" in html
    assert "Kept for 7 days." in html
    raw = log.post(PATH).get_data(as_text=True)
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)" in raw
    refused = methods(log.html(errors="1"))
    assert refused == ["crm.item.get", "batch", "tasks.task.add", "crm.item.update", "batch"]
    assert methods(log.html(method="crm.timeline.comment.add")) == ["batch"]
    assert methods(log.html(slower="21,4")) == ["batch", "batch"]
    named = log.html(request="nobody-")
    assert "No such request" in named
    assert 'value="nobody-"' in named
    assert "No such request" in log.html(method="crm.nothing")
    older = re.search(r'name="older" value="([^"]+)"', html)
    assert older
    second = log.html(older=older[1])
    assert 'name="newer"' in second
    assert len(methods(second)) == request_pages.PAGE
    everything = log.post(FILE)
    assert everything.mimetype == "text/csv"
    assert re.search(
        r'attachment; filename="requests-\d{4}-\d\d-\d\d-\d{4}\.csv"',
        everything.headers["Content-Disposition"],
    )
    assert len(rows(everything.get_data(as_text=True))) == many
    saved = rows(log.post(FILE, errors="1").get_data(as_text=True))
    assert [row["method"] for row in saved] == refused
    assert saved[-1]["calls"] == "crm.item.update:38 crm.timeline.comment.add:10 tasks.task.add:2"


def test_from_and_until_are_moments_of_the_portal_s_zone(log: Log) -> None:
    """What is no moment is said at its field, and nothing is left out because of it."""
    now = log.world.clock.now()
    moscow = (now + timedelta(hours=3)).replace(tzinfo=None)
    for minutes in (10, 40, 70):
        log.put(ago=60 * minutes, method=f"m.{minutes}")
    span = {"since": (moscow - timedelta(minutes=60)).isoformat(timespec="minutes"),
            "until": (moscow - timedelta(minutes=30)).isoformat(timespec="minutes")}  # fmt: skip
    assert methods(log.html(**span)) == ["m.40"]
    for name, value, words in (("since", "yesterday", "A day and a time"), ("slower", "-1", "A number of seconds"),
                               ("until", "0001-01-01T00:00", "A day and a time")):  # fmt: skip
        html = log.html(status=422, **{name: value})
        assert words in html
        assert len(methods(html)) == 3
        assert log.post(FILE, **{name: value}).status_code == 422


def test_the_page_costs_the_same_however_long_the_log_is(log: Log) -> None:
    engine = log.world.deps.sessions.kw["bind"]

    def queries() -> int:
        seen: list[str] = []
        listen = lambda *given: seen.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        log.html()
        event.remove(engine, "before_cursor_execute", listen)
        return len(seen)

    few = queries()
    now = log.world.clock.now()
    with transaction(log.world.deps.sessions) as session:
        session.add_all(
            RequestRow(portal_id=log.portal_id, at=now - timedelta(seconds=number), method=f"m{number % 40}",
                       seconds=0.1, status=200, by="click", inner={})
            for number in range(6_000)
        )  # fmt: skip
    assert queries() == few <= 20
    assert "Figures of the latest 5,000 requests." in log.html()


def test_nobody_but_administrators_of_this_portal_see_it(log: Log) -> None:
    """A manager is refused; another portal's administrator finds an empty log."""
    log.busy()
    manager = replace(a_viewer(log.world), user_id=6, administrator=False)
    with transaction(log.world.deps.sessions) as session:
        other = a_portal(member_id="other", domain="other.example")
        session.add(other)
        session.flush()
        number = other.id
    stranger = replace(a_viewer(log.world), portal_id=number, origin="https://other.example")
    for path in (PATH, FILE):
        assert log.post(path, viewer=manager).status_code == 403
        assert "crm.item" not in log.post(path, viewer=stranger).get_data(as_text=True)


def test_a_spreadsheet_takes_nothing_in_the_file_for_a_formula(log: Log) -> None:
    log.put(status=400, code="=1+1", request_id="@x")
    saved = rows("".join(request_pages.export(log.world.deps, log.portal_id, Filter())))
    assert (saved[0]["code"], saved[0]["request_id"]) == ("'=1+1", "'@x")


def show(window: Page, site: str, log: Log, language: str) -> None:
    """Post to the page as the portal's frame does."""
    session = frames.seal(log.world.deps, a_viewer(log.world, language=language))
    window.route(
        "https://api.bitrix24.com/**", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    window.goto(f"{site}/app/parts")
    with window.expect_navigation():
        window.evaluate(
            """([path, session]) => { const form = document.createElement('form'); form.method = 'post';
            form.action = path; const input = document.createElement('input'); input.name = 'session';
            input.value = session; form.append(input); document.body.append(form); form.submit(); }""",
            [PATH, session],
        )


@pytest.mark.browser
def test_the_log_in_a_browser(log: Log, eyes: Callable[..., Eyes]) -> None:
    """Filtering, leafing and saving more than once; no question about unsaved changes; small screens and the dark."""
    log.busy()
    for site in served(log.client.application):
        look = eyes(320, dark=True)
        show(look.page, site, log, "uk")
        assert look.page.evaluate("document.documentElement.scrollWidth") <= 320
        report = Axe().run(
            look.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
        )
        assert report.violations_count == 0, report.generate_report()
        look = eyes()
        show(look.page, site, log, "en")
        for _ in range(2):
            with look.page.expect_download() as saved:
                look.page.get_by_role("button", name="Save as a file").click()
            assert saved.value.suggested_filename.endswith(".csv")
        look.page.get_by_label("Only what was refused").check(force=True)
        with look.page.expect_navigation():
            look.page.get_by_role("button", name="Show", exact=True).click()
        expect(look.page.locator(".log tr:not(.day) .what")).to_have_count(5)
        look.page.get_by_label("Longer than, seconds").fill("3")
        with look.page.expect_navigation():
            look.page.get_by_role("button", name="Show everything").click()
        with look.page.expect_navigation():
            look.page.get_by_role("button", name="Earlier").click()
        with look.page.expect_navigation():
            look.page.get_by_role("button", name="Later").click()
        assert look.errors == []

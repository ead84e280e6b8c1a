"""An agency whose administrator opens the letters' pages and the first run: world, session, application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import select
from werkzeug.test import TestResponse

from integration.bitrix.call import Call
from integration.services import frames, health
from integration.services.deps import Answer, BatchAnswer
from integration.services.frames import Viewer
from integration.store.base import Sessions, transaction
from integration.store.clients import Company
from integration.store.portals import Portal
from tests.browser import leave
from tests.conftest import HandClock
from tests.services.wave_world import HEAD, World, make_world
from tests.web.conftest import Eyes, make_app

MARKUP = "<b>x</b> & “Sons” <script>alert(1)</script>"


FIELDS = {
    "UF_CRM_START": {"title": "Начало работ", "type": "date", "isMultiple": False},
    "UF_CRM_NOTE": {"title": "Заметка", "type": "string", "isMultiple": False},
}


class Cards:
    """The portal, as far as the settings ask it: the fields of its cards and its sources."""

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Cards:
        return self

    def call(self, call: Call) -> Answer:
        raise AssertionError(f"{call.method} is not asked by these pages")

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        cards: dict[str, Any] = {kind: {"fields": FIELDS} for kind in ("deal", "company", "contact")}
        results = {**cards, "sources": []}
        return BatchAnswer({key: Answer(results[key]) for key in calls}, {})


@dataclass
class Inside:
    """The pages as one person of a portal sees them."""

    world: World
    app: Flask
    client: FlaskClient
    user_id: int = HEAD
    administrator: bool = True
    language: str = "ru"

    def session(self, portal_id: int | None = None) -> str:
        with transaction(self.world.deps.sessions) as session:
            portal = session.get_one(Portal, portal_id or self.world.portal_id)
            language = {"uk": "ua"}.get(self.language, self.language)
            who: Viewer = frames.viewer(
                portal, self.user_id, self.administrator, language, self.world.clock.now()
            )
        return frames.seal(self.world.deps, who)

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self.client.post(path, data={"session": self.session(), **fields})

    def html(self, path: str, status: int = 200, **fields: Any) -> str:
        answer = self.post(path, **fields)
        assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
        return answer.get_data(as_text=True)


def make_inside(sessions: Sessions, clock: HandClock, *, language: str = "ru", **policy: Any) -> Inside:
    """A head who is administrator, three clients, one of them with markup in its name, a worker that runs."""
    world = make_world(sessions, clock, policy=policy)
    for number, title in ((2, "Ромашка"), (3, "ООО «Вектор»"), (4, MARKUP)):
        world.client(number, title=title)
    world.deps = replace(world.deps, rest=Cards())
    health.heartbeat(world.deps, "w1")
    app = make_app(world.deps)
    return Inside(world, app, app.test_client(), language=language)


def titles(inside: Inside) -> list[str]:
    """The clients' names as stored."""
    with transaction(inside.world.deps.sessions) as session:
        return list(session.scalars(select(Company.title).where(~Company.own)))


def opened(page: Page, inside: Inside, site: str, path: str) -> None:
    """What the portal's frame does: post the session to the page."""
    leave(page)
    page.set_content(
        f'<form method="post" action="{site}{path}"><input name="session" value="{inside.session()}"></form>'
    )
    with page.expect_navigation(url=site + path):
        page.evaluate("document.forms[0].submit()")
    page.wait_for_load_state("networkidle")


def faultless(eyes: Eyes) -> None:
    """axe finds nothing, nothing is wider than the window, the console is quiet."""
    expect(eyes.page.locator(".loading, .stale")).to_have_count(0)
    found = Axe().run(eyes.page)
    assert found.violations_count == 0, found.generate_report()
    assert eyes.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert eyes.errors == []

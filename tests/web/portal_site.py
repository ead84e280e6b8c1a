"""Molva as it runs, put together whole, and a sandbox portal it can be installed in, both over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from sqlalchemy import select

from integration import app as composition
from integration.bitrix.sandbox.server import Sandbox
from integration.config import Config
from integration.services import health, setup
from integration.services.deps import Deps
from integration.store.base import reading
from integration.store.portals import Portal
from tests.web.conftest import served

CLIENT_ID, SECRET = "local.molva", "not-a-secret"
KEY = "a-key-for-tests-of-at-least-32-characters"


@dataclass
class PortalSite:
    """Molva as it runs, installed nowhere yet, and the portal it can be installed in."""

    url: str
    deps: Deps
    box: Sandbox
    app: Any

    def frame(self, user: int = 1, placement: str = "DEFAULT", **options: Any) -> tuple[dict[str, str], ...]:
        """Query and form fields of a frame as the portal would post it."""
        body = {"user_id": user, "placement": placement, "dry": True, "lang": "en", **options}
        opened = self.box.control(f"/apps/{CLIENT_ID}/open", body)
        return dict(parse_qsl(urlsplit(opened["url"]).query)), dict(opened["fields"])

    def post(
        self, path: str, *, user: int = 1, placement: str = "DEFAULT", **changes: str
    ) -> requests.Response:
        """Post a frame's fields as the portal does, some of them changed."""
        query, form = self.frame(user, placement)
        for name, value in changes.items():
            (query if name in query else form)[name] = value
        return requests.post(self.url + path, params=query, data=form, timeout=30)

    def token(self, user: int = 1) -> str:
        """A fresh access token of a person, as the frame's script would give it."""
        return self.frame(user)[1]["AUTH_ID"]

    def portals(self) -> list[Portal]:
        """All portals we know."""
        with reading(self.deps.sessions) as session:
            return list(session.scalars(select(Portal)))

    def set_up(self) -> int:
        """What the worker does for a new portal."""
        (portal,) = self.portals()
        setup.setup(self.deps, portal.id)
        health.heartbeat(self.deps, "test")
        return portal.id

    def installed(self) -> int:
        """Install for the first administrator and set up; gives the portal's id."""
        self.post("/bitrix/install")
        return self.set_up()


@contextmanager
def portal_site(box: Sandbox, database_url: str, clock: Path | None = None) -> Iterator[PortalSite]:
    """The whole application on a database, its keys known to the sandbox portal. `clock`: the file both go by."""
    config = Config(
        secret_keys=(KEY,), public_url="http://127.0.0.1", database_url=database_url, client_id=CLIENT_ID,
        client_secret=SECRET, oauth_origins=(box.oauth_url,), script_url=f"{box.portal_url}/bx24.js", allow_http=True,
        test_clock=clock,
    )  # fmt: skip
    application = composition.build(config)
    app = composition.create_app(application)
    server = served(app)
    url = next(server)
    try:
        urls = {"install_url": f"{url}/bitrix/install", "app_url": f"{url}/bitrix/app"}
        box.control("/apps", {"client_id": CLIENT_ID, "client_secret": SECRET, "ui": True, **urls})
        box.portal.state.apps[CLIENT_ID].state = "added"
        yield PortalSite(url, application.deps, box, app)
    finally:
        next(server, None)
        close = getattr(application.deps.rest, "close", None)
        if close:
            close()
        application.engine.dispose()


def session_of(body: str) -> str:
    """The signed value a page carries."""
    found = re.search(r'data-session="([^"]+)"', body)
    assert found, "the page carries no session"
    return unescape(found.group(1))

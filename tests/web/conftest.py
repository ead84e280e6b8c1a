"""The web application on a real database, and a Chromium that looks at it over real HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request
from sqlalchemy import Engine
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import TestResponse

from integration import web
from integration.services import frames
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.store.base import Sessions, make_sessions
from tests.browser import PATIENCE
from tests.conftest import HandClock
from tests.services.survey_world import BROWSER, World, make_world
from webhooks import unsubscribe


def make_app(deps: Deps) -> Flask:
    """The pages on given dependencies, put together as `integration.app` does it."""
    app = Flask("integration.web", static_folder=None)
    app.extensions["molva"] = deps
    web.register(app)
    app.register_blueprint(unsubscribe.blueprint)
    return app


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    """One client who is asked, on both databases in turn."""
    return make_world(sessions, clock)


@pytest.fixture
def client(world: World) -> FlaskClient:
    app = make_app(world.deps)
    made = app.test_client()
    made.environ_base["HTTP_USER_AGENT"] = BROWSER
    return made


def a_viewer(world: World, **changes: Any) -> Viewer:
    """An administrator of the world's portal, proven this moment; `user_id`, `administrator`… as changed."""
    values: dict[str, Any] = {
        "portal_id": world.portal.id, "user_id": 1, "administrator": True, "language": "en",
        "origin": "https://portal.example", "proved_at": world.clock.now().replace(microsecond=0),
    }  # fmt: skip
    return Viewer(**(values | changes))


def inside(client: FlaskClient, world: World, who: Viewer, path: str, **fields: Any) -> TestResponse:
    """Post to a page inside the portal as a form of its pages does: with the session in the body."""
    return client.post(path, data={"session": frames.seal(world.deps, who), **fields})


@pytest.fixture
def one_world(one_engine: Engine, clock: HandClock) -> World:
    """One client on one database, for what does not depend on the database."""
    return make_world(make_sessions(one_engine), clock)


@pytest.fixture
def one_client(one_world: World) -> FlaskClient:
    return make_app(one_world.deps).test_client()


@pytest.fixture
def shown_world(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock, language="ru")


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        logging.getLogger("tests.web").debug(message, *args)


def served(app: Flask) -> Iterator[str]:
    """Serve an application on a free port of the loopback; gives its origin."""
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


@pytest.fixture
def site(shown_world: World) -> Iterator[str]:
    """The answer pages of `shown_world`, served."""
    yield from served(make_app(shown_world.deps))


@dataclass
class Eyes:
    """A page with everything that went wrong or went out while it was looked at."""

    page: Page
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # the next page came before an answer
            self.errors.append(f"failed: {request.url} {request.failure}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location.get('url')})")


@pytest.fixture
def eyes(browser: Browser) -> Iterator[Callable[..., Eyes]]:
    """Open a new window: `eyes(width=320, dark=True, script=False)`."""
    contexts: list[BrowserContext] = []

    def look(width: int = 1280, *, dark: bool = False, script: bool = True, agent: str = BROWSER) -> Eyes:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            user_agent=agent,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        seen = Eyes(context.new_page(), context)
        seen.listen()
        return seen

    yield look
    for context in contexts:
        context.close()

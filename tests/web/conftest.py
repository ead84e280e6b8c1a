"""The web application on a real database, and a Chromium that looks at it over real HTTP."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from sqlalchemy import Engine
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from integration import web
from integration.services.deps import Deps
from integration.store.base import Sessions, make_engine, make_sessions
from tests.conftest import HandClock
from tests.services.survey_world import BROWSER, World, make_world
from webhooks import unsubscribe

NO_CHROMIUM = "need a Chromium: install one or name it in CHROMIUM"
LEFT_OUT = pytest.StashKey[int]()
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


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


@pytest.fixture
def one_engine(sqlite_url: str) -> Iterator[Engine]:
    """The browser's tests need one database, not each."""
    made = make_engine(sqlite_url)
    yield made
    made.dispose()


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


def chromium() -> str | None:
    """The Chromium of this machine: `CHROMIUM`, else the first of the usual names on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a Chromium browser tests are left out and counted in one line, but never in CI (interface.md 1)."""
    if in_ci() or chromium() is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    items[:] = [item for item in items if not item.get_closest_marker("browser")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[LEFT_OUT] = len(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Said by the process that prints, also when others run the tests."""
    if not in_ci() and chromium() is None:
        count = config.stash.get(LEFT_OUT, "all")
        terminalreporter.write_line(f"SKIPPED [{count}] browser tests: {NO_CHROMIUM}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session; a missing one is a failure here, see above for where it is not."""
    path = chromium()
    if path is None:
        pytest.fail(f"browser tests {NO_CHROMIUM}", pytrace=False)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ],
        )
        yield made
        made.close()


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
        self.page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))

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
        context.set_default_timeout(15_000)
        contexts.append(context)
        seen = Eyes(context.new_page(), context)
        seen.listen()
        return seen

    yield look
    for context in contexts:
        context.close()

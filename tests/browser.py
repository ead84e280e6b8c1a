"""The Chromium of this machine: one for the whole run of a process, found or left out in one place."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Frame, Page, sync_playwright

NO_CHROMIUM = "need a Chromium: install one or name it in CHROMIUM"
LEFT_OUT = pytest.StashKey[int]()
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str | None:
    """The Chromium of this machine: `CHROMIUM`, else the first of the usual names on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def until(page: Page | Frame, condition: str, seconds: float = 15) -> None:
    """Wait until a JavaScript expression is true; fail with the expression after so many seconds.

    Playwright's own `wait_for_function` evaluates strings inside the page from its second look on, which our
    content security policy rightly refuses.
    """
    end = time.monotonic() + seconds
    while not _true(page, condition):
        if time.monotonic() > end:
            pytest.fail(f"never true: {condition}")
        page.wait_for_timeout(50)


def _true(page: Page | Frame, condition: str) -> bool:
    try:
        return bool(page.evaluate(condition))
    except Error as error:  # asked in the moment between two pages
        if "context was destroyed" not in str(error):
            raise
        return False


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

"""The Chromium of this machine: one for the whole run of a process, found or left out in one place."""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    Error,
    Frame,
    Keyboard,
    Locator,
    Page,
    Response,
    expect,
    sync_playwright,
)

NO_CHROMIUM = "need a Chromium: install one or name it in CHROMIUM"
LEFT_OUT = pytest.StashKey[int]()
#: Seconds until something that does not come is given up, on a machine that has other things to do.
PATIENCE = 60.0
expect.set_options(timeout=PATIENCE * 1000)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str | None:
    """The Chromium of this machine: `CHROMIUM`, else the first of the usual names on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def until(page: Page | Frame, condition: str, seconds: float = PATIENCE) -> None:
    """Wait until a JavaScript expression is true; fail with the expression after so many seconds.

    Playwright's own `wait_for_function` evaluates strings inside the page from its second look on, which our
    content security policy rightly refuses.
    """
    end = time.monotonic() + seconds
    while not _true(page, condition):
        if time.monotonic() > end:
            pytest.fail(f"never true: {condition}")
        page.wait_for_timeout(50)


def until_here(page: Page, true: Callable[[], Any], about: str) -> None:
    """Wait until something is true on our side, while the page's events are heard; fail with `about`."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"did not come: {about}")
        page.wait_for_timeout(50)


def _true(page: Page | Frame, condition: str) -> bool:
    try:
        return bool(page.evaluate(condition))
    except Error as error:  # asked in the moment between two pages
        if "context was destroyed" not in str(error):
            raise
        return False


#: What a person does with a page, and what a test reads off it at once instead of waiting with `expect`.
DEEDS = (
    "blur", "bounding_box", "check", "clear", "click", "count", "dblclick", "dispatch_event", "evaluate", "fill",
    "focus", "get_attribute", "hover", "inner_html", "inner_text", "input_value", "is_checked", "is_visible",
    "press", "press_sequentially", "screenshot", "select_option", "set_checked", "set_input_files", "text_content",
    "type", "uncheck",
)  # fmt: skip
_hasty: list[bool] = []
#: Of these, what looks at the page as it is now; every other one waits for its element.
AT_ONCE = frozenset({"count", "is_visible", "screenshot"})


def whole(page: Page) -> None:
    """Wait until the page and all its frames have loaded, so that their deferred scripts have run."""
    for frame in page.frames:
        try:
            frame.wait_for_load_state()
        except Error:
            if not frame.is_detached():
                raise


@contextmanager
def hasty() -> Iterator[None]:
    """For deeds on a page that has not loaded yet."""
    _hasty.append(True)
    try:
        yield
    finally:
        _hasty.pop()


def _patient(deed: Callable[..., Any]) -> Callable[..., Any]:
    """The deed, done once its element is there and the page that it stands in has loaded.

    Playwright acts as soon as an element can be seen; on a loaded machine that is often before the page's scripts
    have run, and a click that comes there goes another way than the one under test. The element is waited for first:
    it may be one of the page that is only on its way.
    """

    @functools.wraps(deed)
    def wait(where: Page | Frame | Locator, *args: Any, **named: Any) -> Any:
        if not _hasty:
            _there(where, deed.__name__, args, named.get("timeout"))
            whole(where if isinstance(where, Page) else where.page)
        return deed(where, *args, **named)

    return wait


def _there(where: Page | Frame | Locator, deed: str, args: tuple[Any, ...], timeout: float | None) -> None:
    """Wait until the element of a deed is in the page."""
    if isinstance(where, Locator):
        element = where
    elif args and deed != "evaluate":
        element = where.locator(args[0])
    else:
        return
    if deed not in AT_ONCE:
        element.first.wait_for(state="attached", timeout=timeout)


def _keys(of: Callable[[Page], Keyboard]) -> property:
    """The keyboard, given once the page has loaded: keys go wherever the focus is and wait for nothing."""

    def wait(page: Page) -> Keyboard:
        if not _hasty:
            whole(page)
        return of(page)

    return property(wait)


def _lasting(make: Callable[..., Any]) -> Callable[..., Any]:
    """New windows and pages are as patient as everything else here."""

    @functools.wraps(make)
    def patient(browser: Browser, **named: Any) -> Any:
        made = make(browser, **named)
        made.set_default_timeout(PATIENCE * 1000)
        return made

    return patient


def leave(page: Page) -> None:
    """Go away from whatever is open, also from a page that at this moment moves on to another one by itself."""
    for _ in range(9):
        try:
            page.goto("about:blank")
        except Error as error:
            if "interrupted by another navigation" not in str(error):
                raise
        else:
            return
    pytest.fail("the page never stayed away")


def weight(page: Page, address: str) -> int:
    """Open an address; bytes of everything that comes: bodies as they are, and headers."""
    came: list[Response] = []
    page.on("response", lambda one: came.append(one))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    heads = (len(one["name"]) + len(one["value"]) + 4 for each in came for one in each.headers_array())
    return sum(len(each.body()) for each in came) + sum(heads)


def _only_violations(run: Callable[..., Any]) -> Callable[..., Any]:
    """The check of accessibility as it is by default, also with options: it reports what is wrong, completely.

    Writing down every element with which all is well takes five times as long as the check. Frames are not looked
    into: those of our pages show letters, in which no script may run.
    """

    def check(axe: Axe, page: Page, context: Any = None, options: dict[str, Any] | None = None) -> Any:
        if page.evaluate("'axe' in window"):  # from the look before, at another width or in another theme
            axe.axe_script = "0"
        return run(axe, page, context, {"resultTypes": ["violations"], "iframes": False, **(options or {})})

    return check


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a Chromium browser tests are left out and counted in one line, but never in CI (interface.md 1).

    Journeys come first, the longest one at the head, then other files that take their time: what is short fills the
    gaps at the end of a run, when a file is done by one worker while the others have nothing left."""
    longest: dict[Path, float] = {}
    for item in items:
        if item.get_closest_marker("slow"):
            longest.setdefault(item.path, 0.5)
        if item.get_closest_marker("journey"):
            marker = item.get_closest_marker("timeout")
            longest[item.path] = max(longest.get(item.path, 1.0), marker.args[0] if marker else 1.0)
    items.sort(key=lambda item: -longest.get(item.path, 0.0))
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
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        for kind in (Page, Frame, Locator):
            for name in (name for name in DEEDS if hasattr(kind, name)):
                patch.setattr(kind, name, _patient(getattr(kind, name)))
        patch.setattr(Page, "keyboard", _keys(Page.keyboard.fget))
        for name in ("new_context", "new_page"):
            patch.setattr(Browser, name, _lasting(getattr(Browser, name)))
        patch.setattr(Axe, "run", _only_violations(Axe.run))
        made = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ],
            timeout=2 * PATIENCE * 1000,
        )
        yield made
        made.close()

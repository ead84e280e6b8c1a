"""A client's browser: opens a page, reads its form, runs what the page's script would do, submits.

Also what is no person: a mail scanner that follows every link and posts forms as it finds them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

TIMEOUT = 90.0
#: Seconds for which a person presses "reload" when nobody answers.
PATIENCE = 120.0
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SCANNER = "Mozilla/5.0 (compatible; MailGate-Scanner/4.1)"
#: A scanner that calls itself a browser: only what it does tells it from a person.
QUIET_SCANNER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


@dataclass
class Form:
    """One form of a page: where it goes and what it would send as it stands."""

    action: str = ""
    method: str = "get"
    prove: str = ""
    purpose: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    boxes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A page as it came. ``status``: of the last answer after redirects."""

    url: str
    status: int
    text: str
    forms: tuple[Form, ...]

    @property
    def form(self) -> Form:
        """The page's one form; raises ``LookupError`` where there is none."""
        if not self.forms:
            raise LookupError(f"no form at {self.url} (status {self.status}): {words(self.text)[:300]}")
        return self.forms[0]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._open = False
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            form = Form(given.get("action", ""), given.get("method", "get").lower())
            form.prove, form.purpose = given.get("data-prove", ""), given.get("data-purpose", "")
            self.forms.append(form)
            self._open = True
        elif self._open and tag == "input":
            self._input(self.forms[-1], given, any(name == "checked" for name, _ in attrs))
        elif self._open and tag == "textarea":
            self._area = given.get("name", "")
            self.forms[-1].fields[self._area] = ""

    def _input(self, form: Form, given: Mapping[str, str], checked: bool) -> None:
        name, value, kind = given.get("name", ""), given.get("value", ""), given.get("type", "text")
        if not name or kind in ("submit", "button"):
            return
        if kind == "radio":
            form.choices.setdefault(name, []).append(value)
        elif kind == "checkbox":
            form.boxes[name] = value
        if kind not in ("radio", "checkbox") or checked:
            form.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            # a browser drops the first line break of a text area
            self.forms[-1].fields[self._area] = self.forms[-1].fields[self._area].removeprefix("\n")
            self._area = ""
        elif tag == "form":
            self._open = False


def read_forms(text: str) -> tuple[Form, ...]:
    """The forms of a page."""
    parser = _Forms()
    parser.feed(text)
    return tuple(parser.forms)


def words(text: str) -> str:
    """A page without its tags, for messages."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def patiently(ask: Callable[[], requests.Response]) -> requests.Response:
    """What a person does when the page does not come: tries again for a while. Raises the last failure."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except (
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
        ):  # before, or amid the answer
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Browser:
    """Keeps connections and cookies as a browser does."""

    def __init__(self, agent: str = BROWSER) -> None:
        self._session = requests.Session()
        self._session.headers["User-Agent"] = agent

    def open(self, url: str) -> Page:
        """GET, redirects followed."""
        return _page(patiently(lambda: self._session.get(url, timeout=TIMEOUT)))

    def glance(self, url: str) -> int:
        """HEAD; the status."""
        return patiently(lambda: self._session.head(url, timeout=TIMEOUT, allow_redirects=True)).status_code

    def touch(self, page: Page, form: Form, kind: str = "pointerdown") -> str:
        """What the page's script does at a person's gesture: fetches the one-time value ("" if refused)."""
        body = {
            "nonce": form.fields.get("nonce", ""),
            "purpose": form.purpose,
            "trusted": "true",
            "type": kind,
        }
        answer = patiently(
            lambda: self._session.post(urljoin(page.url, form.prove), data=body, timeout=TIMEOUT)
        )
        value: Any = answer.json().get("proof") if answer.ok else ""
        return str(value or "")

    def submit(self, page: Page, form: Form, **changes: str) -> Page:
        """Posts the form with the changes, redirects followed."""
        return self.post(urljoin(page.url, form.action) if form.action else page.url, form.fields | changes)

    def post(self, url: str, body: Mapping[str, str]) -> Page:
        """A bare POST, redirects followed."""
        return _page(patiently(lambda: self._session.post(url, data=dict(body), timeout=TIMEOUT)))


def _page(response: requests.Response) -> Page:
    return Page(response.url, response.status_code, response.text, read_forms(response.text))

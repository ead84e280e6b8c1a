"""Licence, privacy policy, support: for anybody, in three languages, in the operator's name (product.md P6, T7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from integration import web
from integration.bitrix.scopes import SCOPES
from integration.i18n import text
from integration.nps.policy import Policy
from integration.web.legal import PAGES
from integration.web.proxied import Proxied
from integration.web.settings.privacy import KEPT
from tests.web.conftest import served

LANGUAGES = ("ru", "uk", "en")
OPERATOR = {
    "name": "Example & Sons <Ltd>", "hours": "Mon to Fri, 10 to 19, within a day",
    "contacts": ("help@example.com", "+1 (555) 0100-22", "https://example.com/help"),
}  # fmt: skip


def make(**operator: object) -> Flask:
    app = Flask("integration.web", static_folder=None)
    if operator:
        app.config["OPERATOR"] = operator
    web.register(app)
    return app


@pytest.fixture
def client() -> FlaskClient:
    return make(**OPERATOR).test_client()


def test_every_page_is_there_for_anybody_in_three_languages(client: FlaskClient) -> None:
    for name, title in PAGES.items():
        shown = {language: client.get(f"/legal/{name}?lang={language}") for language in LANGUAGES}
        for language, answer in shown.items():
            assert (answer.status_code, answer.mimetype) == (200, "text/html")
            assert f"<h1>{text(language, title)}</h1>" in answer.text
            assert f'<html lang="{language}">' in answer.text
            assert "Content-Disposition" not in answer.headers, "to be read, not to be downloaded"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert "Molva" in answer.text
        asked = client.get(f"/legal/{name}", headers={"Accept-Language": "uk, en;q=0.5"})
        assert asked.text == shown["uk"].text
        assert client.head(f"/legal/{name}").status_code == 200
        assert client.post(f"/legal/{name}").status_code == 405
    assert client.get("/legal/nothing").status_code == client.get("/legal/_mit").status_code == 404


def test_the_operator_is_named_with_every_way_to_reach_them(client: FlaskClient) -> None:
    for name in PAGES:
        body = client.get(f"/legal/{name}?lang=en").text
        assert "Example &amp; Sons &lt;Ltd&gt;" in body
        assert "<Ltd>" not in body
        for link in ("mailto:help@example.com", "tel:+1555010022", "https://example.com/help"):
            assert f'href="{link}"' in body
        assert OPERATOR["hours"] in body
        assert "has not said yet" not in body


def test_an_operator_who_has_not_said_who_they_are_is_told_how() -> None:
    for client in (make().test_client(), make(name="", contacts=("a@b.example",), hours="").test_client()):
        for name in PAGES:
            body = client.get(f"/legal/{name}?lang=en").text
            assert "MOLVA_OPERATOR_NAME" in body
            assert ": ." not in body


def test_the_privacy_policy_says_what_the_settings_say(client: FlaskClient) -> None:
    """What is kept, why, and every right with its reason: the very rows of the settings and of the set-up."""
    for language in LANGUAGES:
        body = client.get(f"/legal/privacy?lang={language}").text.replace("&#39;", "'")
        for what, why, _ in KEPT:
            assert text(language, what) in body
            assert text(language, why) in body
        for scope in SCOPES:
            assert f"<dt>{scope.code}</dt><dd>{text(language, scope.reason)}</dd>" in body
        assert str(Policy().retention_months) in body


def test_the_licence_of_the_program_stands_there_word_for_word(client: FlaskClient) -> None:
    body = client.get("/legal/licence?lang=ru").text
    shown = re.sub(r"<[^>]+>", " ", body.split('class="verbatim">')[1].split("</div>")[0])
    known = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")
    assert shown.replace("&#34;", '"').split() == known.split()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    yield from served(make(**OPERATOR))


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("ru", 1280, "light"), ("uk", 320, "dark"), ("en", 375, "light")]
)
def test_the_pages_are_readable_at_any_width_and_load_nothing_foreign(
    browser: Browser, site: str, language: str, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith(site) else wrong.append(asked.url))
    for name in PAGES:
        page.goto(f"{site}/legal/{name}?lang={language}")
        found = Axe().run(
            page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
        )
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    context.close()
    assert wrong == []


def test_only_a_proxy_on_this_machine_is_believed_who_asks() -> None:
    """Behind nginx the log names who asked; from elsewhere nobody can borrow an address (product.md T8)."""
    seen: list[str] = []

    def asks(environ: dict[str, str], start: object) -> list[bytes]:
        seen.append(f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']}")
        return []

    told = {
        "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9",
        "HTTP_X_FORWARDED_PROTO": "https",
        "wsgi.url_scheme": "http",
    }
    for address in ("127.0.0.1", "::1", "198.51.100.7", "", "unix:"):
        Proxied(asks)({**told, "REMOTE_ADDR": address}, print)  # type: ignore[arg-type]
    Proxied(asks)({"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http"}, print)  # type: ignore[arg-type]
    assert seen == [
        "203.0.113.9 https", "203.0.113.9 https", "198.51.100.7 http", " http", "unix: http", "127.0.0.1 http",
    ]  # fmt: skip

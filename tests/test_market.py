"""`docs/market-checklist.md` says what is so, and what the Market asks for is there (bitrix24.md 15.4)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound

from integration import web
from integration.app import build, create_app
from integration.bitrix import manifest, tabs
from integration.bitrix.sandbox.portal import METHODS
from integration.bitrix.sandbox.story import tell
from integration.bitrix.scopes import CODES, SCOPES
from integration.config import Config
from integration.locales import collect
from integration.services import checklist
from integration.web import parts
from tests.bitrix.sandbox.test_every_called_method_is_checked import called_methods

ROOT = Path(__file__).resolve().parents[1]
CHECKLIST = (ROOT / "docs/market-checklist.md").read_text(encoding="utf-8")
TEMPLATES = ROOT / "integration/web/templates"
STATES = {"met", "yours", "no"}
#: Nobody has these: example domains (RFC 2606), numbers set aside or impossible.
INVENTED_HOSTS = re.compile(r"(?:[\w-]+\.)*(?:example\.(?:com|net|org)|[\w-]+\.example)")
INVENTED_PHONES = re.compile(r"\+(?:7 900 000-00-\d\d|44 7700 900\d{3}|380 00 000 \d{4})")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Requirement, state, how, tested by, of every table of requirements."""
    for line in CHECKLIST.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if (
            line.startswith("|")
            and len(cells) == 4
            and cells[0] != "requirement"
            and not cells[0].startswith("--")
        ):
            yield cells[0], cells[1], cells[2], cells[3]


@cache
def names_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_requirement_that_code_can_meet_is_met_and_names_its_test() -> None:
    found = list(rows())
    assert len(found) > 60
    for requirement, state, _, tested in found:
        assert state in STATES, requirement
        assert (state == "met") == bool(tested), requirement
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", CHECKLIST)
    assert len(named) > 60
    assert [f"{file}::{test}" for file, test in named if test not in names_of(file)] == []


def test_every_right_is_used_by_a_method_and_every_method_has_its_right() -> None:
    """None is missing, none is there for later (market/preparing-to-publish/common-requirements.md 1 C)."""
    wanted = {
        name: set(METHODS[name].scopes)
        for name in called_methods()
        if name in METHODS and METHODS[name].scopes
    }
    assert [name for name, any_of in wanted.items() if not any_of & set(CODES)] == []
    assert [code for code in CODES if not any(code in any_of for any_of in wanted.values())] == []
    assert "user" not in CODES


def test_the_lists_of_rights_and_places_are_those_of_the_code() -> None:
    """README, check-list, set-up check-list and manifest: one source (`bitrix.scopes`, `bitrix.tabs`)."""
    rights, places = (
        CHECKLIST.split("## Places in the portal")[0],
        CHECKLIST.split("## Places in the portal")[1],
    )
    assert tuple(re.findall(r"^\| `(\w+)` \|", rights, re.MULTILINE)) == CODES
    listed = set(re.findall(r"^\| `(CRM_\w+)` \|", places, re.MULTILINE))
    assert listed == {tabs.code_of(entity) for entity in tabs.ENTITIES}
    assert all(scope.reason for scope in SCOPES)
    needed = {"user_basic" if name == "user" else name for name in checklist.NEEDED}
    assert needed <= set(CODES)
    assert not needed & {scope.code for scope in SCOPES if scope.optional}
    assert any(name.startswith("ONTASK") for name in manifest.EVENTS) <= ("task" in CODES)


def the_app(url: str) -> Flask:
    config = Config(secret_keys=("k" * 32,), public_url="https://molva.example.com", database_url=url)
    return create_app(build(config))


def test_every_address_that_a_portal_is_given_answers_head_and_get(sqlite_url: str) -> None:
    """`HEAD` must give 200, 301 or 302, or the console says "incorrect URL" (market/preparing-to-publish/faq.md)."""
    client = the_app(sqlite_url).test_client()
    handlers = ["/bitrix/install", "/bitrix/app", "/bitrix/events", "/bitrix/robot"]
    handlers += [tabs.handler_of("", entity) for entity in tabs.ENTITIES]
    handlers += [f"/legal/{name}" for name in ("licence", "privacy", "support")]
    for path in handlers:
        assert (client.head(path).status_code, client.get(path).status_code) == (200, 200), path
        assert client.head(path).data == b"", path


def _named() -> Iterator[tuple[str, str]]:
    """Addresses of ours named in templates and code, with what holds them; a hole in one stands for anything."""
    for path in [*TEMPLATES.rglob("*.html"), *(ROOT / "integration/web").rglob("*.py")]:
        if path.name == "errors.py":  # beginnings of addresses, not addresses
            continue
        text = (
            re.sub(r"#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            if path.suffix == ".py"
            else ""
        )
        text = text or path.read_text(encoding="utf-8")
        for found in re.findall(
            r"[\"'](/(?:app|bitrix|legal|s|u)/[^\"'\s<>]*(?:{{[^}]*}}[^\"'\s<>]*)*)[\"']", text
        ):
            yield path.name, re.sub(r"{{.*?}}|{[^}]*}|%d|%s", "1", found.split("?")[0])


def test_no_page_leads_to_or_loads_what_is_not_there(sqlite_url: str) -> None:
    """Every address in templates and code is answered, every file exists, none leads out of Molva and the portal."""
    addresses = the_app(sqlite_url).url_map.bind("molva.example.com")
    dead, seen = [], 0
    for name, path in _named():
        seen += 1
        for tried in (path, f"{path}senders", f"{path}senders/1", f"{path}letters/invitation/en"):
            try:
                addresses.match(tried, "POST")
            except MethodNotAllowed:
                break
            except NotFound:
                continue
            break
        else:
            dead.append((name, path))
    assert seen > 40
    assert dead == []
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html"))
    files = set(re.findall(r"asset\([\"']([\w.]+)[\"']", text))
    assert [name for name in files if not (ROOT / "integration/web/static" / name).is_file()] == []
    assert re.findall(r"(?:href|src|action)=\"(?:https?:)?//[^\"]*", text) == []


def test_all_data_shown_before_there_are_real_ones_are_invented() -> None:
    """The gallery is the only sample data of the product; the story fills the sandbox and the pictures."""
    gallery = repr(parts.SAMPLE)
    story = tell(1, 60).agency.to_json()
    for text in (gallery, story):
        hosts = re.findall(r"@([\w.-]+)", text) + re.findall(r"https?://([\w.-]+)", text)
        assert [host for host in hosts if not INVENTED_HOSTS.fullmatch(host)] == []
        phones = re.findall(r"\+\d[\d ()-]{7,}\d", text)
        assert [phone for phone in phones if not INVENTED_PHONES.fullmatch(phone)] == []
    assert len(re.findall("@", story)) > 50


@pytest.mark.parametrize(("language", "name"), [("ru", "Битрикс24"), ("uk", "Бітрікс24"), ("en", "Bitrix24")])
def test_bitrix24_is_called_by_its_name(language: str, name: str) -> None:
    """In one word, in the letters of the language (market/preparing-to-publish/common-requirements.md 1 B 6)."""
    wrong = re.compile(r"bitrix|битрикс|бітрікс|\bb24\b|\bб24\b", re.IGNORECASE)
    texts = []
    for entry in collect.read(language):
        strings = [entry.string] if isinstance(entry.string, str) else list(entry.string or ())
        texts += [text.replace(name, "") for text in strings if text]
    assert [text for text in texts if wrong.search(text)] == []


def test_the_icon_is_what_the_card_takes() -> None:
    """Square, 250 to 650 pixels, without transparency: read from the head of the PNG file (RFC 2083 4.1.1)."""
    head = (ROOT / "docs/market/icon.png").read_bytes()[:26]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, colours = int.from_bytes(head[16:20]), int.from_bytes(head[20:24]), head[25]
    assert width == height
    assert 250 <= width <= 650
    assert colours == 2, "colours without an alpha channel"


def test_the_pages_of_the_card_are_linked_where_people_install_and_set_up() -> None:
    app = Flask("integration.web", static_folder=None)
    web.register(app)
    for template in ("frame/install.html", "app/settings/layout.html"):
        assert 'include "legal/_links.html"' in (TEMPLATES / template).read_text(encoding="utf-8"), template

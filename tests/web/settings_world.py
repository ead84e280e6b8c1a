"""The settings pages on an agency with clients, and a portal that tells its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from integration.bitrix.call import Call
from integration.bitrix.errors import Retryable
from integration.nps.policy import Policy
from integration.services import frames, policies
from integration.services.deps import Answer, BatchAnswer
from integration.services.frames import Viewer
from integration.store.base import Sessions, reading
from tests.conftest import HandClock
from tests.services import wave_world
from tests.services.wave_world import World
from tests.web.conftest import make_app

UF: dict[str, dict[str, Any]] = {
    "deal": {
        "title": {"type": "string", "title": "Название"},
        "UF_CRM_START": {"type": "date", "title": "Начало работ", "isMultiple": False},
        "UF_CRM_END": {"type": "datetime", "title": "Окончание договора", "isMultiple": False},
        "UF_CRM_MANY": {"type": "date", "title": "Этапы", "isMultiple": True},
        "UF_CRM_NOTE": {"type": "string", "title": "Заметка"},
        "UF_CRM_MOLVA_NPS_DATE": {"type": "date", "title": "NPS: дата ответа"},
    },
    "company": {
        "UF_CRM_SINCE": {"type": "date", "title": "Клиент с"},
        "UF_CRM_CITY": {"type": "string", "title": "Город"},
        "UF_CRM_BRANCH": {"type": "enumeration", "title": "Филиал"},
        "UF_CRM_MANAGER": {"type": "employee", "title": "Аккаунт"},
        "UF_CRM_REVENUE": {"type": "money", "title": "Выручка"},
    },
    "contact": {"UF_CRM_ZONE": {"type": "string", "title": "Часовой пояс"}},
}
KINDS = {2: "deal", 3: "contact", 4: "company"}


@dataclass
class PortalOfFields:
    """The portal as the settings see it: fields of the cards and sources, unless it is silent."""

    silent: bool = False
    requests: int = 0

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> PortalOfFields:
        return self

    def call(self, call: Call) -> Answer:
        raise AssertionError(f"{call.method} is not needed for the settings")

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        self.requests += 1
        if self.silent:
            raise Retryable("batch", "unreachable", effect="none")
        return BatchAnswer({key: Answer(self._result(call)) for key, call in calls.items()}, {})

    def _result(self, call: Call) -> Any:
        if call.method == "crm.status.list":
            return [
                {"STATUS_ID": "WEB", "NAME": "Сайт"},
                {"STATUS_ID": "RECOMMENDATION", "NAME": "По рекомендации"},
            ]
        assert call.method == "crm.item.fields"
        return {"fields": UF[KINDS[call.params["entityTypeId"]]]}


@dataclass
class Desk:
    """An administrator at the settings."""

    world: World
    rest: PortalOfFields
    app: Flask
    client: FlaskClient
    language: str = "en"
    user: int = wave_world.HEAD
    administrator: bool = True
    portal_id: int = 0

    def session(self) -> str:
        who = Viewer(
            portal_id=self.portal_id or self.world.portal_id, user_id=self.user, administrator=self.administrator,
            language=self.language, origin="https://portal.example", proved_at=self.world.clock.now(),
        )  # fmt: skip
        return frames.seal(self.world.deps, who)

    def post(self, section: str, data: Mapping[str, Any] | None = None, **more: Any) -> TestResponse:
        """Post to a section; values may be lists."""
        fields = MultiDict[str, Any]({"session": self.session()})
        for name, value in {**(data or {}), **more}.items():
            for one in value if isinstance(value, list) else [value]:
                fields.add(name, one)
        return self.client.post(f"/app/settings/{section}", data=fields)

    def policy(self) -> tuple[Policy, int]:
        with reading(self.world.deps.sessions) as session:
            return policies.load(session, self.world.portal_id)


def make_desk(sessions: Sessions, clock: HandClock, **changes: Any) -> Desk:
    """The settings of a portal whose people, stages and fields are known."""
    world = wave_world.make_world(sessions, clock)
    rest = PortalOfFields()
    world.deps = replace(world.deps, rest=rest)
    app = make_app(world.deps)
    return Desk(world, rest, app, app.test_client(), **changes)


class _Fields(HTMLParser):
    """The fields of the form `sheet` as a browser would send them, without the buttons."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self.inside = self.template = False
        self._select = self._area = ""
        self._options: list[tuple[str, bool]] = []
        self._words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        name = about.get("name") or ""
        if tag == "form":
            self.inside = about.get("id") == "sheet"
        elif tag == "template":
            self.template = True
        elif not self.inside or self.template:
            return
        elif (
            tag == "input" and name and (about.get("type") not in ("checkbox", "radio") or "checked" in about)
        ):
            self.found.append((name, about.get("value") or ""))
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((about.get("value") or "", "selected" in about))
        elif tag == "textarea":
            self._area, self._words = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "template":
            self.template = False
        elif tag == "select" and self._select:
            chosen = [value for value, on in self._options if on] or [self._options[0][0]]
            self.found.append((self._select, chosen[0]))
            self._select = ""
        elif tag == "textarea" and self._area:
            self.found.append((self._area, self._words.removeprefix("\n")))
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._words += data


def form_of(answer: TestResponse) -> dict[str, Any]:
    """What the page's form holds; a name with several values is a list."""
    reader = _Fields()
    reader.feed(answer.text)
    found: dict[str, Any] = {}
    for name, value in reader.found:
        if name in found:
            found[name] = [*found[name], value] if isinstance(found[name], list) else [found[name], value]
        else:
            found[name] = value
    found.pop("session", None)
    return found


def words_of(answer: TestResponse) -> str:
    """What stands on the page, without tags, spaces made one."""
    text = re.sub(r"(?s)<(script|style|template).*?</\1>", " ", answer.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def problem_at(answer: TestResponse, field: str) -> str:
    """The words of the problem at a field; empty if there is none."""
    match = re.search(rf'(?s)id="f-{re.escape(field)}-problem">.*?<span>(.*?)</span>', answer.text)
    match = match or re.search(
        rf'(?s)class="problem-line" id="f-{re.escape(field)}">.*?</svg>(.*?)</p>', answer.text
    )
    return unescape(match[1]).strip() if match else ""

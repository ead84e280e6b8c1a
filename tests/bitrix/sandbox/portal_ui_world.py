"""A portal with things to look at: the story's agency, fields of scores, tasks, comments, and a tiny application
that lives in frames."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from flask import Flask, request

from integration.bitrix.sandbox.agency import Agency
from integration.bitrix.sandbox.httpd import Server
from integration.bitrix.sandbox.rest import as_employee
from integration.bitrix.sandbox.server import Sandbox, running
from integration.bitrix.sandbox.story import tell
from tests.clocks import midday

ADMIN, DIRECTOR, MANAGER, CALLER, DISMISSED = 1, 3, 6, 15, 14
APP = "local.tiny"
GROUPS = ("promoter", "passive", "detractor")
_LABELS = {
    "SCORE": ("integer", {"ru": "Оценка NPS", "en": "NPS score", "uk": "Оцінка NPS"}),
    "GROUP": ("enumeration", {"ru": "Группа", "en": "Group", "uk": "Група"}),
}
PAGE = """<!doctype html><html lang="ru"><head><meta charset="utf-8"><title>Tiny</title>
<script src="{portal}/bx24.js"></script></head><body><h1 id="place">{place}</h1><p id="options">{options}</p>
<p id="auth">…</p><p id="out"></p><script src="/tiny.js"></script></body></html>"""
SCRIPT = """
const out = (text) => { document.getElementById('out').textContent = text; };
BX24.init(function () {
  const auth = BX24.getAuth();
  document.getElementById('auth').textContent = auth ? [auth.domain, auth.access_token.length,
    auth.expires_in instanceof Date && auth.expires_in > new Date(), BX24.getLang(), BX24.isAdmin()].join(' ') : 'none';
});
"""


@dataclass
class Tiny:
    """The application's server; ``posts``: (path, query, form) of each opening."""

    server: Server
    portal: str = ""
    posts: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"

    def last(self, path: str) -> tuple[dict[str, str], dict[str, str]]:
        """Query and form of the last opening of a page."""
        return next((query, form) for where, query, form in reversed(self.posts) if where == path)


@contextmanager
def tiny_app() -> Iterator[Tiny]:
    """A small application whose pages stand in frames of the portal."""
    app = Flask("tiny", static_folder=None)
    holder: list[Tiny] = []

    @app.route("/<path:where>", methods=["GET", "POST"])
    def page(where: str) -> Any:
        if where == "tiny.js":
            return SCRIPT, {"Content-Type": "text/javascript"}
        tiny = holder[0]
        tiny.posts.append((f"/{where}", request.args.to_dict(), request.form.to_dict()))
        options = request.form.get("PLACEMENT_OPTIONS", "").replace("<", "&lt;")
        return PAGE.format(portal=tiny.portal, place=where, options=options)

    holder.append(Tiny(Server("127.0.0.1", 0, app)))
    thread = threading.Thread(
        target=holder[0].server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield holder[0]
    holder[0].server.shutdown()
    holder[0].server.server_close()


@dataclass
class World:
    """A running portal with its tiny application."""

    box: Sandbox
    tiny: Tiny

    def act(self, method: str, params: dict[str, Any], user: int = ADMIN) -> Any:
        """What an employee does; must succeed."""
        answer = as_employee(self.box.portal, user, method, params)
        assert "error" not in answer, answer
        return answer["result"]

    def get(self, path: str, user: int = ADMIN, **headers: str) -> requests.Response:
        return requests.get(
            self.box.portal_url + path, cookies={"portal_viewer": str(user)}, headers=headers, timeout=30,
            allow_redirects=False,
        )  # fmt: skip

    def post(self, path: str, data: Any, user: int = ADMIN, origin: str | None = None) -> requests.Response:
        headers = {"Origin": self.box.portal_url if origin is None else origin}
        return requests.post(
            self.box.portal_url + path, data=data, cookies={"portal_viewer": str(user)}, headers=headers, timeout=30,
            allow_redirects=False,
        )  # fmt: skip

    def row(self, kind: int, number: int) -> dict[str, Any]:
        return self.box.portal.state.items[kind].rows[number]


def _scored(world: World) -> None:
    """Fields of scores on cards, some values, a comment with markup, a task with a checklist."""
    items = [{"VALUE": name, "XML_ID": name} for name in GROUPS]
    for entity in ("deal", "company", "contact"):
        for name, (type_, label) in _LABELS.items():
            fields: dict[str, Any] = {"FIELD_NAME": f"UF_CRM_TINY_NPS_{name}", "USER_TYPE_ID": type_}
            fields |= {"EDIT_FORM_LABEL": label, "LIST": items if type_ == "enumeration" else None}
            world.act(f"crm.{entity}.userfield.add", {"fields": fields})
    state = world.box.portal.state
    for number, score in ((1, 9), (2, 3), (3, 7), (4, 10)):
        group = GROUPS[0 if score > 8 else 1 if score > 6 else 2]
        row = next(r for r in state.fields_of("CRM_COMPANY") if r["FIELD_NAME"] == "UF_CRM_TINY_NPS_GROUP")
        item = next(one["ID"] for one in row["LIST"] if one["XML_ID"] == group)
        fields = {"UF_CRM_TINY_NPS_SCORE": score, "UF_CRM_TINY_NPS_GROUP": item}
        for kind in (4,):
            params = {"entityTypeId": kind, "id": number, "fields": fields, "useOriginalUfNames": "Y"}
            world.act("crm.item.update", params)
        world.act("crm.item.update", {
            "entityTypeId": 2, "id": number, "useOriginalUfNames": "Y",
            "fields": {"UF_CRM_TINY_NPS_SCORE": score},
        })  # fmt: skip


def furnish(world: World) -> None:
    """Things that happen in every portal."""
    _scored(world)
    words = (
        "[B]Оценка 3[/B]\n«Отвечают медленно» & <b>теги</b> <script>alert(1)</script> "
        "[URL=javascript:alert(1)]нет[/URL] [URL=/crm/company/details/1/]да[/URL] 🙂"
    )
    for kind in ("deal", "company"):
        world.act(
            "crm.timeline.comment.add", {"fields": {"ENTITY_ID": 1, "ENTITY_TYPE": kind, "COMMENT": words}}
        )
    task = world.act("tasks.task.add", {"fields": {
        "TITLE": "Встреча: оценка 3 <i>важно</i>", "RESPONSIBLE_ID": MANAGER, "CREATED_BY": DIRECTOR,
        "DESCRIPTION": "[B]Клиент:[/B] [URL=/crm/company/details/1/]карточка[/URL]", "AUDITORS": [2],
        "DEADLINE": "2099-01-01T18:00:00+03:00", "UF_CRM_TASK": ["CO_1", "D_1"], "TAGS": ["NPS"],
        "SE_PARAMETER": [{"CODE": 3, "VALUE": "Y"}],
    }})["task"]  # fmt: skip
    root = world.act(
        "task.checklistitem.add", {"TASKID": task["id"], "FIELDS": {"TITLE": "Чек-лист", "PARENT_ID": 0}}
    )
    for line in ("Договориться о встрече", "Что выяснили", "Что решили"):
        world.act(
            "task.checklistitem.add", {"TASKID": task["id"], "FIELDS": {"TITLE": line, "PARENT_ID": root}}
        )


@contextmanager
def furnished(agency: Agency | None = None) -> Iterator[World]:
    """The world on loopback."""
    with running(agency or tell(1, 60).agency, midday()) as box, tiny_app() as tiny:
        world = World(box, tiny)
        tiny.portal = box.portal_url
        if agency is None:
            furnish(world)
        box.control("/apps", {
            "client_id": APP, "install_url": tiny.url("/install"), "app_url": tiny.url("/main"), "title": "Tiny",
        })  # fmt: skip
        yield world


def installed(world: World) -> None:
    """The application is installed, with a tab in every card."""
    portal = world.box.portal
    portal.state.apps[APP].state = "installed"
    for kind in ("LEAD", "DEAL", "COMPANY", "CONTACT"):
        portal.state.placements.append({
            "client_id": APP, "placement": f"CRM_{kind}_DETAIL_TAB", "userId": 0, "title": "Tab <b>NPS</b>",
            "handler": world.tiny.url("/tab"), "options": [], "description": "",
            "langAll": {"ru": {"TITLE": "Вкладка"}},
        })  # fmt: skip

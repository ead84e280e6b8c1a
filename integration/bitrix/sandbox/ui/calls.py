"""What the portal's own script asks of its server: frames and their tokens, changes, searches."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.exceptions import BadRequest

from ..agency import Json
from ..errors import ConnectionCut
from ..faults import RawAnswer
from ..forms import as_map
from ..install import finish_install, frame
from ..items import may_read
from ..rest import Request, handle, method_name
from ..schema import KIND_BY_NAME
from ..state import App
from ..tokens import Pair
from ..values import to_int
from .apps import blocked, unfinished
from .cells import card_title
from .lists import finder
from .shell import origin_of
from .visit import COOKIE, Desk, Opened, Visit, visit

_SHOWN = 12


def call_pages(views: Blueprint, desk: Desk) -> None:
    """``/ui-api/…``."""

    @views.get("/ui-api/changes")
    def changes() -> Response:
        return jsonify(version=desk.version(), offset=round(desk.portal.clock.offset(), 3))

    @views.post("/ui-api/view-as")
    def view_as() -> Any:
        user, back = to_int(request.form.get("user")), request.form.get("back", "/")
        safe = back.startswith("/") and not back.startswith(("//", "/\\"))
        answer = redirect(back if safe else "/", 303)
        if user in desk.state.users:
            answer.set_cookie(COOKIE, str(user), httponly=True, samesite="Lax", path="/")
        return answer

    @views.get("/ui-api/find")
    def find() -> Response:
        kinds = [name for name in request.args.get("kinds", "").split(",") if name in KIND_BY_NAME]
        return jsonify(_found(visit(), kinds, request.args.get("q", "").strip()[:100]))

    @views.get("/ui-api/users")
    def users() -> Response:
        who = visit()
        rows = sorted(who.state.users.values(), key=lambda u: who.name(u["ID"]).lower())
        return jsonify([
            {"id": str(u["ID"]), "name": who.name(u["ID"]), "photo": "", "sub": False, "sup": False,
             "position": str(u.get("WORK_POSITION") or ""), "url": f"/company/personal/user/{u['ID']}/"}
            for u in rows if u.get("ACTIVE", True)
        ])  # fmt: skip

    _frames(views, desk)


def _found(who: Visit, kinds: list[str], text: str) -> list[Json]:
    rows: list[Json] = []
    with who.state.lock:
        for name in kinds:
            kind = KIND_BY_NAME[name]
            test, table = finder(who, kind, text), who.state.items[kind.id]
            for number in table.walk(down=True):
                row = table.rows[number]
                if len(rows) < _SHOWN and may_read(who.state, row, who.user_id) and test(row):
                    rows.append({"code": f"{kind.abbr}_{number}", "title": card_title(who.state, kind, row)})
    return rows


def _frames(views: Blueprint, desk: Desk) -> None:
    @views.post("/ui-api/frame/open")
    def opened() -> Any:
        data = as_map(request.get_json(silent=True))
        app = desk.state.apps.get(str(data.get("app")))
        if app is None or app.state in ("absent", "removed"):
            return jsonify(error=visit().t("There is no such application"))
        user = to_int(data.get("user")) or visit().user_id
        who = Visit(desk, user)
        if not who.employee or blocked(who, app):
            return jsonify(error=unfinished(who))
        try:
            return jsonify(open_frame(desk, app, user, data))
        except LookupError:
            return jsonify(error=who.t("The application is not here any more"))

    _in_frames(views, desk)


def _in_frames(views: Blueprint, desk: Desk) -> None:
    @views.post("/ui-api/frame/renew")
    def renew() -> Any:
        shown = _opened(desk)
        if not Visit(desk, shown.user_id).employee or shown.app.state not in ("added", "installed"):
            return jsonify(auth=None)
        shown.pair = desk.portal.tokens.issue(shown.app, shown.user_id)
        return jsonify(auth=auth_of(desk, shown.pair))

    @views.post("/ui-api/frame/finish")
    def finish() -> Any:
        shown = _opened(desk)
        done = shown.app.state == "added" and desk.state.is_admin(shown.user_id)
        if done:
            finish_install(desk.portal, shown.app)
        return jsonify(result=done)

    @views.post("/ui-api/frame/call")
    def call() -> Any:
        shown, data = _opened(desk), as_map(request.get_json(silent=True))
        params = as_map(data.get("params")) | {"auth": shown.pair.access}
        asked = Request(method_name(str(data.get("method"))), params, "browser")
        try:
            _, body = handle(desk.portal, asked)
        except (RawAnswer, ConnectionCut):
            body = {"error": "INTERNAL_SERVER_ERROR", "error_description": "no answer"}
        return jsonify(body)


def _opened(desk: Desk) -> Opened:
    data = as_map(request.get_json(silent=True))
    found = desk.opened.get(str(data.get("sid")))
    if found is None:
        raise BadRequest("unknown frame")
    return found


def auth_of(desk: Desk, pair: Pair) -> Json:
    """Tokens for ``BX24.getAuth``; ``expires`` in milliseconds of virtual time."""
    state = desk.state
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "expires": int(pair.expires * 1000),
        "domain": state.origin.domain,
        "member_id": state.info.member_id,
    }


def open_frame(desk: Desk, app: App, user: int, data: Json) -> Json:
    """Everything the page needs to post an application into a frame and to talk to it. Raises
    ``LookupError`` for a placement that is not bound any more."""
    placement = str(data.get("placement") or "DEFAULT")
    options = as_map(data.get("options"))
    language = str(data.get("lang") or "") or None
    shown = frame(desk.portal, app, user, placement, options, language, str(data.get("handler") or ""))
    if shown.pair is None:
        raise LookupError(placement)
    desk.opened[shown.sid] = Opened(app, user, placement, options, shown.pair)
    while len(desk.opened) > 2000:
        del desk.opened[next(iter(desk.opened))]
    first = (app.client_id, user) not in desk.seen
    desk.seen.add((app.client_id, user))
    origin = desk.state.origin
    return {
        "url": shown.url, "fields": shown.fields, "sid": shown.sid, "origin": origin_of(shown.url),
        "app": app.client_id, "placement": placement, "options": json.loads(json.dumps(options)),
        "auth": auth_of(desk, shown.pair), "admin": desk.state.is_admin(user), "first": first,
        "installer": app.state == "added", "lang": language or desk.state.info.language,
        "domain": origin.domain, "title": app.title,
    }  # fmt: skip

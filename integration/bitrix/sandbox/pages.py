"""Addresses outside the menu: the frame's script, and a page that opens an application as a given user."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, render_template, request

from .ui import Desk
from .ui.shell import guarded, vocabulary
from .ui.visit import Visit
from .values import to_int

SCRIPT = Path(__file__).with_name("ui") / "static" / "bx24.js"


def pages_blueprint(desk: Desk) -> Blueprint:
    """``/bx24.js`` and ``/frame/<client_id>?user=1[&placement=…][&lang=en][&ID=5]``: the same frame as in
    the portal's pages, in the name of ``user`` whoever looks."""
    views = Blueprint("pages", __name__)
    views.context_processor(vocabulary)

    @views.get("/bx24.js")
    def script() -> Response:
        return Response(SCRIPT.read_text(encoding="utf-8"), mimetype="text/javascript")

    @views.get("/frame/<client_id>")
    def opened(client_id: str) -> Response:
        app = desk.state.apps[client_id]
        options = {k: v for k, v in request.args.items() if k not in ("user", "placement", "lang")}
        user = to_int(request.args.get("user")) or 1
        page = render_template(
            "portal/frame.html", app=app, who=Visit(desk, user), user=user, options=json.dumps(options),
            placement=request.args.get("placement", "DEFAULT"), language=request.args.get("lang", ""),
            version=desk.version(), offset=desk.portal.clock.offset(),
        )  # fmt: skip
        return guarded(desk, Response(page, mimetype="text/html"))

    return views

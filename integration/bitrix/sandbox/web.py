"""HTTP of the sandbox: the portal's application and the authorisation server's."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, redirect, request

from . import oauth
from .agency import Json
from .control import control_blueprint
from .errors import ConnectionCut
from .faults import RawAnswer
from .forms import decode, decode_pairs
from .httpd import CUT_HEADER
from .pages import pages_blueprint
from .portal import Portal
from .rest import Request, handle
from .ui import Desk, ui_blueprint
from .values import to_int

log = logging.getLogger(__name__)


def create_sandbox(portal: Portal, control_token: str, ready: Callable[[], Json]) -> Flask:
    """The portal: ``/rest``, control, pages for a browser."""
    app = Flask(__name__, static_folder=None)
    desk = Desk(portal)
    app.register_blueprint(control_blueprint(portal, control_token, ready, desk))
    app.register_blueprint(pages_blueprint(desk))
    app.register_blueprint(ui_blueprint(desk))

    @app.route("/rest/<int:user>/<code>/<path:method>", methods=["GET", "POST"])
    def webhook(user: int, code: str, method: str) -> Response:
        return _answer(portal, method, (user, code))

    @app.route("/rest/<path:method>", methods=["GET", "POST"])
    def rest(method: str) -> Response:
        return _answer(portal, method, None)

    @app.route("/oauth/token/", methods=["GET", "POST"])
    def proxied_token() -> Response:
        return _json(*oauth.token(portal, parameters()))

    @app.get("/oauth/authorize/")
    def authorize() -> Any:
        return _authorize(portal)

    return app


def create_oauth_server(portal: Portal) -> Flask:
    """The authorisation server: ``/oauth/token/`` and ``/rest/app.info``."""
    app = Flask("sandbox-oauth", static_folder=None)

    @app.route("/oauth/token/", methods=["GET", "POST"])
    def token() -> Response:
        return _guarded(portal, "oauth.token", lambda: oauth.token(portal, parameters()))

    @app.route("/rest/<path:method>", methods=["GET", "POST"])
    def rest(method: str) -> Response:
        return _guarded(portal, "oauth.app.info", lambda: oauth.rest(portal, method, parameters()))

    return app


def parameters() -> Json:
    """Query and body, whatever the encoding; the body wins."""
    params = decode(request.query_string.decode("utf-8", "replace"))
    kind = (request.mimetype or "").lower()
    if kind == "multipart/form-data":
        pairs = [(key, value) for key, values in request.form.lists() for value in values]
        return params | decode_pairs(pairs)
    body = request.get_data()
    if not body:
        return params
    if kind == "application/json":
        try:
            data = json.loads(body)
        except ValueError:
            return params
        return params | data if isinstance(data, dict) else params
    return params | decode(body.decode("utf-8", "replace"))


def _answer(portal: Portal, method: str, webhook: tuple[int, str] | None) -> Response:
    params = parameters()
    moved = portal.state.settings.moved_to
    if moved and request.host != moved:
        return Response(
            status=302, headers={"Location": f"{request.scheme}://{moved}{request.full_path.rstrip('?')}"}
        )
    try:
        status, body = handle(portal, Request(method, params, request.remote_addr or "", webhook))
    except RawAnswer as raw:
        return Response(raw.args[1], status=raw.args[0], mimetype="text/html")
    except ConnectionCut as cut:
        return _cut(cut)
    return _json(status, body)


def _guarded(portal: Portal, name: str, serve: Callable[[], tuple[int, Json]]) -> Response:
    """Serves the authorisation server's answer with the faults ordered for ``oauth.token`` or
    ``oauth.app.info`` (only those that name it)."""
    from .errors import RestError
    from .faults import SLOW, strike

    with portal.state.lock:
        named = any(order.method == name for order in portal.faults.orders)
        fault = portal.faults.take([name]) if named else None
    try:
        if fault and fault.kind == SLOW:
            time.sleep(fault.seconds)
        if fault and fault.before:
            strike(fault)
        status, body = serve()
        if fault:
            strike(fault)
        return _json(status, body)
    except RestError as error:
        return _json(error.status, error.body())
    except RawAnswer as raw:
        return Response(raw.args[1], status=raw.args[0], mimetype="text/html")
    except ConnectionCut as cut:
        return _cut(cut)


def _authorize(portal: Portal) -> Any:
    """The full flow's first step for user 1; on failure the portal shows a page, it does not redirect."""
    app = portal.state.apps.get(request.args.get("client_id", ""))
    if app is None or app.state == "removed":
        return "Application not found", 404
    code = portal.tokens.issue_code(app, to_int(request.args.get("user")) or 1)
    origin = portal.state.origin
    query = f"code={code}&state={request.args.get('state', '')}&domain={origin.domain}"
    query += f"&member_id={portal.state.info.member_id}&scope={'%2C'.join(app.scope)}"
    return redirect(f"{app.app_url}?{query}&server_domain={origin.oauth.split('://', 1)[1]}", 302)


def _json(status: int, body: Json) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status=status, mimetype="application/json")


def _cut(cut: ConnectionCut) -> Response:
    """Ends the connection without an answer."""
    log.info("connection cut: %s", cut)
    return Response(b"", status=504, headers={CUT_HEADER: cut.how})

"""``/_sandbox/…``: the hand that tests and the demo hold the portal by. Guarded by the control token."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from .agency import Agency, Json
from .dump import dump
from .errors import RestError
from .install import (
    add_webhook,
    finish_install,
    frame,
    install,
    post_frame,
    publish,
    register,
    uninstall,
    update_app,
)
from .portal import Portal
from .rest import as_employee
from .state import App
from .ui import Desk
from .values import to_int

HEADER = "X-Sandbox-Token"


def control_blueprint(portal: Portal, token: str, ready: Callable[[], Json], desk: Desk) -> Blueprint:
    """All control endpoints under ``/_sandbox``; ``desk`` is what people see in a browser."""
    views = Blueprint("control", __name__, url_prefix="/_sandbox")

    @views.before_request
    def guard() -> Any:
        given = request.headers.get(HEADER, "")
        return None if hmac.compare_digest(given, token) else (jsonify(error="control token"), 403)

    @views.errorhandler(ValueError)
    @views.errorhandler(TypeError)
    @views.errorhandler(LookupError)
    def wrong(error: Exception) -> Any:
        return jsonify(error=f"{type(error).__name__}: {error}"), 400

    @views.errorhandler(RestError)
    def refused(error: RestError) -> Any:
        return jsonify(error.body()), 400

    views.get("/ready")(lambda: jsonify(ready()))
    _data(views, portal)
    _apps(views, portal)
    _app_life(views, portal)
    _switches(views, portal)
    _watch(views, portal)
    _events(views, portal)
    _browser(views, desk)
    return views


def _body() -> Json:
    data = request.get_json(silent=True)
    return data if isinstance(data, dict) else {}


def _data(views: Blueprint, portal: Portal) -> None:
    @views.post("/load")
    def load() -> Response:
        agency = Agency.from_plain(request.get_json())
        portal.load(agency)
        return jsonify(
            deals=len(agency.deals), companies=len(agency.companies), contacts=len(agency.contacts)
        )

    @views.post("/as/<int:user_id>/<path:method>")
    def employee(user_id: int, method: str) -> Response:
        return jsonify(as_employee(portal, user_id, method, _body()))

    @views.post("/acts")
    def acts() -> Response:
        rows = request.get_json()
        return jsonify(
            [as_employee(portal, to_int(r["user_id"]), r["method"], r.get("params") or {}) for r in rows]
        )

    @views.get("/dump")
    def everything() -> Response:
        with portal.state.lock:
            return jsonify(dump(portal.state))


def _app(portal: Portal, client_id: str) -> App:
    app = portal.state.apps.get(client_id)
    if app is None:
        raise LookupError(f"no application {client_id}")
    return app


def _apps(views: Blueprint, portal: Portal) -> None:
    @views.post("/apps")
    def add() -> Response:
        app = register(portal, _body())
        return jsonify(client_id=app.client_id, id=app.id, application_token=app.application_token)

    @views.post("/market")
    def put_up() -> Response:
        app = publish(portal, _body())
        return jsonify(client_id=app.client_id, id=app.id)

    @views.get("/apps/<client_id>")
    def look(client_id: str) -> Response:
        app = _app(portal, client_id)
        return jsonify(
            id=app.id, state=app.state, version=app.version, application_token=app.application_token
        )

    @views.post("/apps/<client_id>/install")
    def put_in(client_id: str) -> Response:
        data = _body()
        finish = data.get("finish", True)
        user = to_int(data.get("user_id"), 1) or 1
        return jsonify(install(portal, _app(portal, client_id), user, finish, data.get("lang")))

    @views.post("/apps/<client_id>/finish")
    def finish(client_id: str) -> Response:
        finish_install(portal, _app(portal, client_id))
        return jsonify(installed=_app(portal, client_id).state == "installed")

    @views.post("/apps/<client_id>/open")
    def opened(client_id: str) -> Response:
        data = _body()
        place = str(data.get("placement") or "DEFAULT")
        user = to_int(data.get("user_id"), 1) or 1
        shown = frame(portal, _app(portal, client_id), user, place, data.get("options"), data.get("lang"))
        answer: Json = {"url": shown.url, "fields": shown.fields}
        return jsonify(answer if data.get("dry") else answer | post_frame(shown))


def _app_life(views: Blueprint, portal: Portal) -> None:
    @views.post("/apps/<client_id>/uninstall")
    def put_out(client_id: str) -> Response:
        return jsonify(delivered=uninstall(portal, _app(portal, client_id), to_int(_body().get("clean"))))

    @views.post("/apps/<client_id>/update")
    def renew(client_id: str) -> Response:
        app = _app(portal, client_id)
        version = to_int(_body().get("version")) or app.version + 1
        return jsonify(delivered=update_app(portal, app, version), version=app.version)

    @views.post("/webhooks")
    def webhook() -> Response:
        data = _body()
        return jsonify(url=add_webhook(portal, to_int(data.get("user_id")) or 1, data.get("scope")))

    @views.post("/apps/<client_id>/tokens")
    def tokens(client_id: str) -> Response:
        from .oauth import token_answer

        app = _app(portal, client_id)
        if app.state == "absent":
            app.state = "installed"
        return jsonify(token_answer(portal, portal.tokens.issue(app, to_int(_body().get("user_id")) or 1)))


def _switches(views: Blueprint, portal: Portal) -> None:
    @views.route("/settings", methods=["GET", "PUT", "POST"])
    def settings() -> Response:
        if request.method != "GET":
            data = _body()
            portal.state.settings.update(data)
            if "seed" in data:
                portal.state.random.seed(data["seed"])
        return jsonify(portal.state.settings.plain())

    @views.route("/faults", methods=["GET", "POST", "DELETE"])
    def faults() -> Response:
        if request.method == "DELETE":
            portal.faults.orders.clear()
        if request.method == "POST":
            data = request.get_json()
            for order in data if isinstance(data, list) else [data]:
                portal.faults.add(order)
        return jsonify(orders=[vars(order) for order in portal.faults.orders], met=portal.faults.met)

    @views.get("/clock")
    def clock() -> Response:
        return jsonify(now=portal.clock.now().isoformat(), offset=portal.clock.offset())

    @views.post("/clock/advance")
    def advance() -> Response:
        portal.clock.advance(float(_body()["seconds"]))
        return clock()

    @views.post("/tokens/expire")
    def expire() -> Response:
        with portal.state.lock:
            portal.tokens.expire(bool(_body().get("refresh")))
        return jsonify(ok=True)


def _watch(views: Blueprint, portal: Portal) -> None:
    @views.get("/counters")
    def counters() -> Response:
        peaks = {"bucket_peak": portal.buckets.peak, "operating_peak": portal.budget.peak}
        return jsonify(portal.journal.counters() | peaks)

    @views.post("/counters/reset")
    def reset() -> Response:
        with portal.state.lock:
            portal.journal.reset()
            portal.buckets.peak = portal.budget.peak = 0.0
        return jsonify(ok=True)

    @views.get("/requests")
    def requests_made() -> Response:
        since = to_int(request.args.get("since"))
        with portal.state.lock:
            return jsonify([row for row in portal.journal.rows if row["n"] > since])


def _events(views: Blueprint, portal: Portal) -> None:
    queue = portal.queue

    @views.get("/events")
    def events() -> Response:
        return jsonify(pending=len(queue.waiting), delivered=[vars(row) for row in list(queue.done)])

    @views.post("/events/flush")
    def flush() -> Response:
        return jsonify(pending=queue.flush(float(_body().get("timeout", 60))))

    @views.post("/events/send")
    def send() -> Response:
        data = _body()
        app = _app(portal, str(data["client_id"]))
        event = str(data["event"]).upper()
        auth = queue.auth_block(app, event, to_int(data.get("user_id")))
        if "application_token" in data:
            auth["application_token"] = data["application_token"]
        urls = (
            [data["url"]]
            if data.get("url")
            else [
                r["handler"]
                for r in portal.state.bindings
                if r["client_id"] == app.client_id and r["event"] == event
            ]
        )
        for url in urls:
            queue.put(app, event, url, data.get("data") or {}, 0, 0, auth)
        return jsonify(sent=len(urls))


def _browser(views: Blueprint, desk: Desk) -> None:
    @views.route("/ui", methods=["GET", "POST"])
    def browser() -> Response:
        if request.method == "POST":
            desk.arrange(_body())
        return jsonify(links=desk.links, panel=desk.panel, personas=desk.roles())

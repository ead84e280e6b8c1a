"""Pages of applications: the developer's shelf, installing, removing, the page with the frame."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, redirect, request

from ..agency import Json
from ..install import begin_install, uninstall
from ..state import App
from .cards import tab_title
from .formats import moment
from .shell import missing, page, refused
from .visit import Visit, visit


def app_pages(views: Blueprint) -> None:
    """``/marketplace/…``, the demo's own entries, notices."""

    @views.get("/marketplace/")
    def market() -> Response:
        return page("portal/market.html", current="market", apps=list(visit().state.apps.values()))

    @views.post("/marketplace/<client_id>/install")
    def put_in(client_id: str) -> Any:
        who = visit()
        app = who.state.apps.get(client_id)
        if app is None:
            return missing()
        if not who.admin:
            return refused(who.t("Only an administrator may do this"))
        if app.state in ("absent", "removed"):
            begin_install(who.desk.portal, app, who.user_id)
        return redirect(f"/marketplace/app/{client_id}/" if app.ui else "/marketplace/", 303)

    @views.post("/marketplace/<client_id>/remove")
    def put_out(client_id: str) -> Any:
        who = visit()
        app = who.state.apps.get(client_id)
        if app is None:
            return missing()
        if not who.admin:
            return refused(who.t("Only an administrator may do this"))
        if app.state in ("added", "installed"):
            uninstall(who.desk.portal, app, 1 if request.form.get("clean") == "1" else 0)
        return redirect("/marketplace/", 303)

    _app_frames(views)
    _others(views)


def _app_frames(views: Blueprint) -> None:
    @views.get("/marketplace/app/<client_id>/")
    def application(client_id: str) -> Response:
        return _framed(client_id, "DEFAULT", f"app/{client_id}", _options())

    @views.get("/marketplace/view/<client_id>/")
    def by_link(client_id: str) -> Response:
        rows = visit().state.placements
        bound = any(r["client_id"] == client_id and r["placement"] == "REST_APP_URI" for r in rows)
        return _framed(client_id, "REST_APP_URI" if bound else "DEFAULT", f"app/{client_id}", _options())

    @views.get("/marketplace/place/<client_id>/<int:number>/")
    def place(client_id: str, number: int) -> Response:
        rows = visit().state.placements
        if number >= len(rows) or (rows[number]["client_id"], rows[number]["placement"]) != (
            client_id,
            "LEFT_MENU",
        ):
            return missing()
        row = rows[number]
        return _framed(client_id, "LEFT_MENU", f"place/{client_id}/{number}", {}, row)


def _options() -> Json:
    """Parameters for the application: ``options`` as JSON, or ``params[name]=value``."""
    try:
        found = json.loads(request.args.get("options") or "{}")
    except ValueError:
        found = {}
    found = found if isinstance(found, dict) else {}
    for name, value in request.args.items():
        if name.startswith("params[") and name.endswith("]"):
            found[name[7:-1]] = value
    return found


def _framed(client_id: str, placement: str, current: str, options: Json, row: Json | None = None) -> Response:
    who = visit()
    app = who.state.apps.get(client_id)
    if app is None or app.state in ("absent", "removed"):
        return missing()
    if blocked(who, app):
        return page("portal/message.html", 403, current=current, heading=unfinished(who), line="")
    title = tab_title(who, row) if row else app.title
    return page(
        "portal/app.html", current=current, app=app, title=title, placement=placement,
        handler=row["handler"] if row else "", options=json.dumps(options), user=0, language="",
    )  # fmt: skip


def blocked(who: Visit, app: App) -> bool:
    """Ordinary users do not see an application before its installation is finished (2.2)."""
    return app.state == "added" and not who.admin


def unfinished(who: Visit) -> str:
    """What they see instead."""
    return who.t("The application is not fully installed yet")


def _others(views: Blueprint) -> None:
    @views.get("/desk/<int:number>/")
    def entry(number: int) -> Response:
        who = visit()
        if number >= len(who.desk.links):
            return missing()
        return page("portal/link.html", current=f"desk/{number}", link=who.desk.links[number])

    @views.get("/notifications/")
    def bell() -> Response:
        who = visit()
        zone, now = who.state.zone_now(), who.state.now()
        mine = [row for row in who.state.notifications if row["USER_ID"] == who.user_id]
        rows = [
            (row, moment(row["at"], zone, who.language, now), who.name(row["AUTHOR_ID"]))
            for row in reversed(mine)
        ]
        return page("portal/notices.html", current="notices", rows=rows)

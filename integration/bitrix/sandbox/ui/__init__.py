"""The sandbox portal in a browser: menu, lists, cards, tasks, people, applications in frames.

Own look, no resources from elsewhere. Of the placements an application may bind, the tabs of cards and the left
menu are shown; the others are kept and answered by REST and by the control only. Every page acts as the employee
chosen under "view as", by the same code as REST, so that events fire and rights hold.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from .apps import app_pages
from .automation import automation_pages
from .calls import call_pages
from .cards import card_pages
from .developer import developer_pages
from .shell import guarded, missing, outside, same_origin, vocabulary
from .visit import Desk, enter
from .work import work_pages

__all__ = ["Desk", "ui_blueprint"]
_OPEN = frozenset({"ui.static", "ui.view_as", "ui.changes"})


def ui_blueprint(desk: Desk) -> Blueprint:
    """All pages for people."""
    views = Blueprint(
        "ui", __name__, template_folder="templates", static_folder="static", static_url_path="/ui"
    )
    views.context_processor(vocabulary)
    views.after_request(lambda answer: guarded(desk, answer))

    @views.before_request
    def guard() -> Any:
        if request.method == "POST" and not same_origin():
            return Response("This form does not come from the portal's own page", 403, mimetype="text/plain")
        moved = desk.state.settings.moved_to
        if request.method == "GET" and not moved and request.host != desk.state.origin.domain:
            return redirect(f"{desk.state.origin.portal}{request.full_path.rstrip('?')}", 302)
        who = enter(desk)
        return None if who.employee or request.endpoint in _OPEN else outside()

    @views.get("/")
    @views.get("/crm/")
    def home() -> Any:
        return redirect("/crm/deal/", 302)

    @views.get("/crm/<path:rest>")
    @views.get("/company/<path:rest>")
    @views.get("/marketplace/<path:rest>")
    def nowhere(rest: str) -> Response:
        return missing()

    card_pages(views)
    work_pages(views)
    app_pages(views)
    developer_pages(views)
    automation_pages(views)
    call_pages(views, desk)
    return views

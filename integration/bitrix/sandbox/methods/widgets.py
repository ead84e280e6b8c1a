"""``placement.*`` (bitrix24.md 9.1): several bindings in one place, errors with HTTP 200."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..agency import Json
from ..errors import RestError
from ..forms import as_map
from ..portal import Context, method
from ..state import App
from ..values import to_int

_CARDS = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE")
CODES = frozenset(
    [
        f"CRM_{kind}_{place}"
        for kind in _CARDS
        for place in (
            "DETAIL_TAB",
            "DETAIL_TOOLBAR",
            "DETAIL_ACTIVITY",
            "LIST_MENU",
            "LIST_TOOLBAR",
            "ACTIVITY_TIMELINE_MENU",
        )
    ]
    + [
        "CRM_ANALYTICS_MENU",
        "CRM_ANALYTICS_TOOLBAR",
        "LEFT_MENU",
        "CALL_CARD",
        "REST_APP_URI",
        "PAGE_BACKGROUND_WORKER",
    ]
    + [
        "TASK_VIEW_TAB",
        "TASK_VIEW_SIDEBAR",
        "TASK_VIEW_TOP_PANEL",
        "USER_PROFILE_MENU",
        "USER_PROFILE_TOOLBAR",
    ]
)
_SINGLE = frozenset({"REST_APP_URI", "PAGE_BACKGROUND_WORKER"})


def _app(ctx: Context) -> App:
    if ctx.app is None:
        raise RestError("WRONG_AUTH_TYPE", "Current authorization type is denied for this method", 403)
    return ctx.app


def _code(params: Json, status: int) -> str:
    code = params.get("PLACEMENT")
    if not code:
        raise RestError(
            "ERROR_ARGUMENT", "Argument 'PLACEMENT' is null or empty", status, argument="PLACEMENT"
        )
    return str(code).upper()


@method("placement.bind", "placement", context="type", admin=True)
def placement_bind(ctx: Context, params: Json) -> bool:
    """Registers a handler; a repeat makes a second tab."""
    app, code, handler = _app(ctx), _code(params, 200), str(params.get("HANDLER") or "")
    if not handler:
        raise RestError("ERROR_ARGUMENT", "Argument 'HANDLER' is null or empty", 200, argument="HANDLER")
    if code not in CODES:
        raise RestError("ERROR_PLACEMENT_NOT_FOUND", "Placement not found", 400)
    if urlsplit(handler).scheme not in ("http", "https"):
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported protocol", 400)
    options = as_map(params.get("OPTIONS"))
    if code == "PAGE_BACKGROUND_WORKER" and not options.get("errorHandlerUrl"):
        raise RestError("EMPTY_ERROR_HANDLER_URL", "Error handler URL is empty", 200)
    if code not in ("PAGE_BACKGROUND_WORKER",) and to_int(params.get("USER_ID")):
        raise RestError("ERROR_PLACEMENT_USER_MODE", "User mode is not available", 200)
    mine = [
        row for row in ctx.state.placements if row["client_id"] == app.client_id and row["placement"] == code
    ]
    if code in _SINGLE and mine:
        raise RestError("ERROR_PLACEMENT_MAX_COUNT", "Placement max count", 200)
    title = str(params.get("TITLE") or "")
    ctx.state.placements.append(
        {
            "client_id": app.client_id,
            "placement": code,
            "userId": 0,
            "handler": handler,
            "options": options or [],
            "title": title,
            "description": str(params.get("DESCRIPTION") or ""),
            "langAll": as_map(params.get("LANG_ALL")) or [],
        }
    )
    return True


@method("placement.get", "placement", context="type", admin=True)
def placement_get(ctx: Context, params: Json) -> list[Json]:
    """Bindings of this application."""
    app = _app(ctx)
    return [
        {k: v for k, v in row.items() if k != "client_id"}
        for row in ctx.state.placements
        if row["client_id"] == app.client_id
    ]


@method("placement.unbind", "placement", context="type", admin=True)
def placement_unbind(ctx: Context, params: Json) -> Json:
    """Takes bindings away; the count is twice the number of those removed (addenda of bitrix24.md)."""
    app, code, handler = _app(ctx), _code(params, 400), params.get("HANDLER")

    def meant(row: Json) -> bool:
        same = row["client_id"] == app.client_id and row["placement"] == code
        return same and (not handler or row["handler"] == handler)

    gone = [row for row in ctx.state.placements if meant(row)]
    ctx.state.placements[:] = [row for row in ctx.state.placements if not meant(row)]
    return {"count": 2 * len(gone)}


@method("placement.list", "placement", context="type")
def placement_list(ctx: Context, params: Json) -> list[str]:
    """Codes that this portal has."""
    return sorted(CODES)

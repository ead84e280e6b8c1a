"""``event.*`` and ``events`` (bitrix24.md 6.3)."""

from __future__ import annotations

from ..agency import Json
from ..errors import RestError
from ..events import CODES
from ..portal import Context, method
from ..state import App
from ..values import to_int


def _app(ctx: Context) -> App:
    if ctx.app is None:
        raise RestError("WRONG_AUTH_TYPE", "Current authorization type is denied for this method", 403)
    return ctx.app


def _denied(text: str) -> RestError:
    return RestError("ACCESS_DENIED", f"Access denied! {text} requires administrator access rights", 403)


@method("event.bind", context="type")
def event_bind(ctx: Context, params: Json) -> bool:
    """Binds a handler; the same pair twice is an error."""
    app = _app(ctx)
    event = str(params.get("event") or "").upper()
    if event not in CODES:
        raise RestError("ERROR_EVENT_NOT_FOUND", "Event not found")
    type_ = str(params.get("event_type") or "online").lower()
    auth_type = to_int(params.get("auth_type"))
    if type_ == "offline" and not ctx.admin:
        raise _denied("Offline events binding")
    if auth_type and auth_type != ctx.user_id and not ctx.admin:
        raise _denied("Event binding with AUTH_TYPE")
    if not ctx.admin:
        auth_type = ctx.user_id
    handler = str(params.get("handler") or "")
    if type_ == "online" and not handler.startswith(("http://", "https://")):
        raise RestError("ERROR_WRONG_HANDLER_URL", "Handler URL is wrong")
    row: Json = {
        "client_id": app.client_id,
        "event": event,
        "handler": handler,
        "auth_type": auth_type,
        "event_type": type_,
        "connector": params.get("auth_connector"),
    }
    if any({k: v for k, v in known.items() if k != "id"} == row for known in ctx.state.bindings):
        raise RestError("ERROR_EVENT_BINDING_EXISTS", "Unable to set event handler: Handler already binded")
    ctx.state.bindings.append(row | {"id": ctx.state.serial()})
    return True


@method("event.get", context="type")
def event_get(ctx: Context, params: Json) -> list[Json]:
    """Bindings of this application; a non-administrator sees his own."""
    app = _app(ctx)
    return [
        {
            "event": row["event"],
            "handler": row["handler"],
            "auth_type": str(row["auth_type"]),
            "offline": int(row["event_type"] == "offline"),
        }
        for row in ctx.state.bindings
        if row["client_id"] == app.client_id and (ctx.admin or row["auth_type"] == ctx.user_id)
    ]


@method("event.unbind", context="type")
def event_unbind(ctx: Context, params: Json) -> Json:
    """Takes bindings away; the answer counts them."""
    app = _app(ctx)
    type_ = str(params.get("event_type") or "online").lower()
    auth_type = params.get("auth_type")
    if type_ == "offline" and not ctx.admin:
        raise _denied("Offline events unbinding")
    event, handler = str(params.get("event") or "").upper(), str(params.get("handler") or "")

    def meant(row: Json) -> bool:
        same = row["client_id"] == app.client_id and row["event"] == event and row["event_type"] == type_
        fits = auth_type is None or row["auth_type"] == to_int(auth_type)
        return same and fits and (type_ == "offline" or row["handler"] == handler)

    gone = [row for row in ctx.state.bindings if meant(row)]
    ctx.state.bindings[:] = [row for row in ctx.state.bindings if not meant(row)]
    return {"count": len(gone)}


@method("events")
def events(ctx: Context, params: Json) -> list[str]:
    """Codes of the events this portal has."""
    scope = str(params.get("SCOPE") or "").lower()
    if scope:
        prefix = {"crm": "ONCRM", "task": "ONTASK", "user": "ONUSER"}.get(scope, "?")
        return sorted(code for code in CODES if code.startswith(prefix))
    return sorted(CODES)


@method("event.test", context="type")
def event_test(ctx: Context, params: Json) -> int:
    """Fires ``ONAPPTEST`` with the parameters."""
    _app(ctx)
    ctx.fire("ONAPPTEST", {"QUERY": params})
    return 1

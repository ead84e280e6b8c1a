"""Robots of applications: registering them, and returning values to one that waits (bitrix24.md 14.2)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from ..agency import Json
from ..errors import RestError, access_denied
from ..forms import as_map
from ..portal import Context, method
from ..robots import answered
from ..state import App

_CODE = re.compile(r"[a-zA-Z0-9.\-_]+")
_KEY = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
_FIELDS = (
    "HANDLER", "AUTH_USER_ID", "USE_SUBSCRIPTION", "NAME", "DESCRIPTION", "PROPERTIES", "RETURN_PROPERTIES",
    "DOCUMENT_TYPE", "FILTER", "USE_PLACEMENT", "PLACEMENT_HANDLER",
)  # fmt: skip


def _wrong(text: str) -> RestError:
    return RestError("ERROR_ACTIVITY_VALIDATION_FAILURE", text)


def _code(params: Json) -> str:
    code = str(params.get("CODE") or "")
    if not code:
        raise _wrong("Empty activity code!")
    if not _CODE.fullmatch(code):
        raise _wrong("Wrong activity code!")
    return code


def _app(ctx: Context) -> App:
    if ctx.app is None:
        raise access_denied("Application context required")
    return ctx.app


def _handler(app: App, value: Any) -> None:
    parts = urlsplit(str(value or ""))
    if parts.scheme not in ("http", "https"):
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol")
    own = urlsplit(app.app_url or app.install_url).hostname
    if not parts.hostname or (own and parts.hostname != own):
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")


def _checked(app: App, fields: Json) -> Json:
    """The fields of a robot that are given, or the refusal of the first that is wrong."""
    if "HANDLER" in fields:
        _handler(app, fields["HANDLER"])
    for name in ("PROPERTIES", "RETURN_PROPERTIES"):
        if fields.get(name) not in (None, "", [], {}):
            _properties(fields[name])
    about = fields.get("FILTER")
    if about not in (None, "", []) and not (isinstance(about, dict) and set(about) <= {"INCLUDE", "EXCLUDE"}):
        raise _wrong("Wrong activity FILTER!")
    kind = fields.get("DOCUMENT_TYPE")
    if kind not in (None, "") and not (isinstance(kind, list) and len(kind) == 3):
        raise _wrong("Wrong activity DOCUMENT_TYPE!")
    return {name: fields[name] for name in _FIELDS if name in fields}


def _properties(given: Any) -> None:
    if not isinstance(given, dict):
        raise _wrong("Wrong properties array!")
    for key, about in given.items():
        if not _KEY.fullmatch(str(key)):
            raise _wrong(f"Wrong property key {key}!")
        if not as_map(about).get("Name"):
            raise _wrong(f"Empty property NAME {key}!")


@method("bizproc.robot.add", "bizproc", context="denied", admin=True)
def robot_add(ctx: Context, params: Json) -> bool:
    """Registers a robot; the same code again is refused."""
    app = _app(ctx)
    if not params:
        raise _wrong("Empty data!")
    code = _code(params)
    if not params.get("NAME"):
        raise _wrong("Empty activity NAME!")
    fields = _checked(app, {"HANDLER": ""} | params)
    if code in app.robots:
        raise RestError("ERROR_ACTIVITY_ALREADY_INSTALLED", "Activity or Automation rule already installed!")
    app.robots[code] = fields
    return True


@method("bizproc.robot.update", "bizproc", context="denied", admin=True)
def robot_update(ctx: Context, params: Json) -> bool:
    """Changes fields of a robot."""
    app, code = _app(ctx), _code(params)
    if code not in app.robots:
        raise RestError("ERROR_ACTIVITY_NOT_FOUND", "Activity or Automation Rule not found!")
    fields = _checked(app, as_map(params.get("FIELDS")))
    if not fields:
        raise _wrong("No fields to update")
    app.robots[code] = app.robots[code] | fields
    return True


@method("bizproc.robot.list", "bizproc", context="denied", admin=True)
def robot_list(ctx: Context, params: Json) -> list[str]:
    """Codes of this application's robots, and nothing else of them."""
    return list(_app(ctx).robots)


@method("bizproc.robot.delete", "bizproc", context="denied", admin=True)
def robot_delete(ctx: Context, params: Json) -> bool:
    """Forgets a robot; where it stands on a stage it does nothing any more."""
    app, code = _app(ctx), _code(params)
    if app.robots.pop(code, None) is None:
        raise RestError("ERROR_ACTIVITY_NOT_FOUND", "Activity or Robot not found!")
    return True


@method("bizproc.event.send", "bizproc", context="denied")
def event_send(ctx: Context, params: Json) -> bool:
    """Values for a robot that waits; names of parameters are read in either case, as on the platform."""
    given = {str(key).upper(): value for key, value in params.items()}
    values = as_map(given.get("RETURN_VALUES"))
    message = str(given.get("LOG_MESSAGE") or "")
    answered(ctx.state, ctx.queue, _app(ctx), str(given.get("EVENT_TOKEN") or ""), values, message)
    return True

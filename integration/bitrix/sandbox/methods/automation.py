"""Triggers of the application (bitrix24.md 14.1)."""

from __future__ import annotations

import re

from ..agency import DEAL, LEAD, Json
from ..errors import empty_code
from ..items import update
from ..portal import Context, method
from ..schema import KINDS
from ..values import to_int

_CODE = re.compile(r"[a-z0-9.\-_]+")


def _code(params: Json) -> str:
    code = str(params.get("CODE") or "")
    if not code:
        raise empty_code("Empty trigger code!")
    if not _CODE.fullmatch(code):
        raise empty_code("Wrong trigger code!")
    return code


def _triggers(ctx: Context) -> dict[str, str]:
    return ctx.app.triggers if ctx.app else {}


@method("crm.automation.trigger.add", "crm", context="denied", admin=True)
def trigger_add(ctx: Context, params: Json) -> bool:
    """Registers a trigger; the same code only renames it."""
    code = _code(params)
    if not params.get("NAME"):
        raise empty_code("Empty trigger name!")
    _triggers(ctx)[code] = str(params["NAME"])
    return True


@method("crm.automation.trigger.list", "crm", context="denied", admin=True)
def trigger_list(ctx: Context, params: Json) -> list[Json]:
    """Triggers of this application."""
    return [{"NAME": name, "CODE": code} for code, name in _triggers(ctx).items()]


@method("crm.automation.trigger.delete", "crm", context="denied", admin=True)
def trigger_delete(ctx: Context, params: Json) -> bool:
    """Forgets a trigger."""
    if _triggers(ctx).pop(_code(params), None) is None:
        raise empty_code(f"Trigger with code {params['CODE']} is not registered.")
    return True


@method("crm.automation.trigger.execute", "crm", context="denied", admin=True)
def trigger_execute(ctx: Context, params: Json) -> bool:
    """Fires a trigger; a stage changes only where the customer hung it on one (``trigger_moves``), and then
    a robot does it."""
    code = _code(params)
    if code not in _triggers(ctx):
        raise empty_code(f"Trigger with code {code} is not registered.")
    kind_id, owner = to_int(params.get("OWNER_TYPE_ID")), to_int(params.get("OWNER_ID"))
    if kind_id not in (LEAD, DEAL):
        raise empty_code("Incorrect parameter OWNER_TYPE_ID.")
    if owner <= 0:
        raise empty_code("Incorrect parameter OWNER_ID.")
    ctx.state.trigger_log.append(
        {"CODE": code, "OWNER_TYPE_ID": kind_id, "OWNER_ID": owner, "at": ctx.state.now()}
    )
    stage = ctx.state.settings.trigger_moves.get(code)
    row = ctx.state.items[kind_id].get(owner)
    if stage and row:
        update(ctx.state, ctx.queue, KINDS[kind_id], row, {"stageId": stage}, 0)
    return True

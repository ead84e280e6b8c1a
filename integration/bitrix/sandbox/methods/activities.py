"""To-dos and the list of activities (bitrix24.md 10.3)."""

from __future__ import annotations

from typing import Any

from ..agency import Json
from ..errors import RestError, empty_code
from ..forms import as_list
from ..items import find
from ..portal import Answer, Context, method
from ..schema import KINDS
from ..state import State
from ..values import to_int
from .rows import rows_page, selected

_TYPES = {"ID": "integer", "OWNER_ID": "integer", "OWNER_TYPE_ID": "integer", "TYPE_ID": "integer",
          "PROVIDER_ID": "string", "PROVIDER_TYPE_ID": "string", "SUBJECT": "string", "COMPLETED": "string",
          "STATUS": "integer", "RESPONSIBLE_ID": "integer", "DEADLINE": "datetime", "CREATED": "datetime",
          "LAST_UPDATED": "datetime", "AUTHOR_ID": "integer", "ASSOCIATED_ENTITY_ID": "integer",
          "DIRECTION": "integer", "ORIGINATOR_ID": "string", "ORIGIN_ID": "string",
          "START_TIME": "datetime"}  # fmt: skip
_MOMENTS = ("CREATED", "LAST_UPDATED", "START_TIME", "END_TIME", "DEADLINE")


def add_activity(state: State, owner: tuple[int, int], data: Json, user_id: int) -> Json:
    """One record of a card's planned or done work; ``owner`` is (kind, id)."""
    now = state.now()
    row: Json = {
        "ID": state.activities.next_id(),
        "OWNER_ID": owner[1],
        "OWNER_TYPE_ID": owner[0],
        "TYPE_ID": 6,
        "PROVIDER_ID": "CRM_TODO",
        "PROVIDER_TYPE_ID": "TODO",
        "SUBJECT": "",
        "DESCRIPTION": "",
        "DESCRIPTION_TYPE": "1",
        "COMPLETED": "N",
        "STATUS": 1,
        "RESPONSIBLE_ID": user_id,
        "PRIORITY": "2",
        "DIRECTION": 2,
        "CREATED": now,
        "LAST_UPDATED": now,
        "START_TIME": now,
        "END_TIME": now,
        "DEADLINE": None,
        "AUTHOR_ID": user_id,
        "EDITOR_ID": user_id,
        "ASSOCIATED_ENTITY_ID": 0,
        "SETTINGS": [],
        "PROVIDER_PARAMS": [],
        "ORIGINATOR_ID": None,
        "ORIGIN_ID": None,
        "COMMUNICATIONS": [],
    } | data
    return state.activities.insert(row["ID"], row)


def show(state: State, row: Json) -> Json:
    """Numbers as strings, moments with the server's offset; whom it was said to stands in ``COMMUNICATIONS``, which
    only lists give, and only when it is selected."""
    zone = state.zone_now()
    shown = {
        k: str(v) if isinstance(v, int) and k not in _MOMENTS else v
        for k, v in row.items()
        if k != "COMMUNICATIONS"
    }
    return shown | {name: zone.moment(row[name]) for name in _MOMENTS}


@method("crm.activity.todo.add", "crm")
def todo_add(ctx: Context, params: Json) -> Any:
    """A universal to-do with a deadline."""
    for name in ("ownerTypeId", "ownerId", "deadline"):
        if not params.get(name):
            raise RestError("100", f"Could not find value for parameter {{{name}}}")
    kind = KINDS.get(to_int(params["ownerTypeId"]))
    if kind is None or ctx.state.items[kind.id].get(to_int(params["ownerId"])) is None:
        raise RestError("OWNER_NOT_FOUND", "Owner was not found")
    row = find(ctx.state, kind, params["ownerId"], ctx.user_id)
    try:
        deadline = ctx.state.zone.epoch(params["deadline"])
    except ValueError as error:
        raise RestError("WRONG_DATETIME_FORMAT", "Incorrect datetime format") from error
    responsible = to_int(params.get("responsibleId")) or ctx.user_id
    data = {
        "SUBJECT": str(params.get("title") or ""),
        "DESCRIPTION": str(params.get("description") or ""),
        "RESPONSIBLE_ID": responsible,
        "DEADLINE": deadline,
        "END_TIME": deadline,
    }
    made = add_activity(ctx.state, (kind.id, row["id"]), data, ctx.user_id)
    ctx.fire("ONCRMACTIVITYADD", {"FIELDS": {"ID": str(made["ID"])}})
    return {"id": made["ID"]}


@method("crm.activity.list", "crm")
def activity_list(ctx: Context, params: Json) -> Answer:
    """Activities of all cards."""
    found = rows_page(ctx.state.activities, _TYPES, params, ctx.state.zone, strict=False)
    names = [str(name) for name in as_list(params.get("select", params.get("SELECT")))]
    rows = []
    for row in found.rows:
        more = {"COMMUNICATIONS": row["COMMUNICATIONS"]} if "COMMUNICATIONS" in names else {}
        rows.append(selected(show(ctx.state, row), params) | more)
    return Answer(rows, found.total, found.next)


@method("crm.activity.get", "crm")
def activity_get(ctx: Context, params: Json) -> Json:
    """One activity."""
    row = ctx.state.activities.get(to_int(params.get("id", params.get("ID"))))
    if row is None:
        raise empty_code("Activity is not found.")
    return show(ctx.state, row)


@method("crm.activity.update", "crm")
def activity_update(ctx: Context, params: Json) -> bool:
    """Changes the named fields of one activity; a done one is shown as such in the card."""
    row = ctx.state.activities.get(to_int(params.get("id", params.get("ID"))))
    if row is None:
        raise empty_code("Activity is not found.")
    given = params.get("fields")
    fields: Json = given if isinstance(given, dict) else {}
    changes: Json = {name: str(fields[name]) for name in ("SUBJECT", "DESCRIPTION") if name in fields}
    if "RESPONSIBLE_ID" in fields:
        changes["RESPONSIBLE_ID"] = to_int(fields["RESPONSIBLE_ID"])
    if "COMPLETED" in fields:
        done = str(fields["COMPLETED"]) == "Y"
        changes |= {"COMPLETED": "Y" if done else "N", "STATUS": 2 if done else 1}
    ctx.state.activities.change(row["ID"], changes | {"LAST_UPDATED": ctx.state.now()})
    ctx.fire("ONCRMACTIVITYUPDATE", {"FIELDS": {"ID": str(row["ID"])}})
    return True

"""Timeline comments and log records (bitrix24.md 10.1, 10.2)."""

from __future__ import annotations

from typing import Any

from ..agency import Json
from ..errors import RestError, access_denied, empty_code, invalid_arg, missing_parameter, not_found
from ..forms import as_map
from ..items import find, may_read
from ..portal import Answer, Context, method
from ..schema import KIND_BY_NAME, KINDS
from ..values import to_int
from .rows import rows_page, selected

_TYPES = {"ID": "integer", "ENTITY_ID": "integer", "ENTITY_TYPE": "string", "CREATED": "datetime",
          "COMMENT": "string", "AUTHOR_ID": "integer"}  # fmt: skip


def _fields(params: Json) -> Json:
    fields = params.get("fields")
    if not isinstance(fields, (dict, list)):
        raise missing_parameter("fields")
    return as_map(fields)


def _owner(ctx: Context, kind_name: Any, owner_id: Any) -> Json:
    kind = KIND_BY_NAME.get(str(kind_name or "").upper())
    row = ctx.state.items[kind.id].get(to_int(owner_id)) if kind else None
    if row is None:
        raise RestError("OWNER_NOT_FOUND", "Owner was not found")
    if not may_read(ctx.state, row, ctx.user_id):
        raise access_denied()
    return row


@method("crm.timeline.comment.add", "crm")
def comment_add(ctx: Context, params: Json) -> int:
    """A comment in the name of the token's owner; the answer is its number."""
    fields = _fields(params)
    for name in ("ENTITY_ID", "ENTITY_TYPE"):
        if not fields.get(name):
            raise RestError("100", f"Could not find value for parameter {{fields[{name}]}}")
    _owner(ctx, fields["ENTITY_TYPE"], fields["ENTITY_ID"])
    text = str(fields.get("COMMENT") or "")
    if not text.strip() and not fields.get("FILES"):
        raise invalid_arg("Empty comment message")
    table = ctx.state.comments
    row: Json = {
        "ID": table.next_id(),
        "ENTITY_ID": to_int(fields["ENTITY_ID"]),
        "ENTITY_TYPE": str(fields["ENTITY_TYPE"]).lower(),
        "CREATED": ctx.state.now(),
        "COMMENT": text,
        "AUTHOR_ID": to_int(fields.get("AUTHOR_ID")) if ctx.trusted else ctx.user_id,
    }
    row["AUTHOR_ID"] = row["AUTHOR_ID"] or ctx.user_id
    table.insert(row["ID"], row)
    ctx.fire("ONCRMTIMELINECOMMENTADD", {"ID": row["ID"]})
    return int(row["ID"])


def _show(ctx: Context, row: Json) -> Json:
    shown: Json = {key: str(value) for key, value in row.items()}
    return shown | {"CREATED": ctx.state.zone_now().moment(row["CREATED"]), "FILES": {}}


@method("crm.timeline.comment.list", "crm")
def comment_list(ctx: Context, params: Json) -> Answer:
    """Comments of one card; both keys of the filter are needed."""
    where = as_map(params.get("filter"))
    if not where.get("ENTITY_ID") or not where.get("ENTITY_TYPE"):
        raise empty_code("ENTITY_ID and ENTITY_TYPE are required in filter.")
    try:
        _owner(ctx, where["ENTITY_TYPE"], where["ENTITY_ID"])
    except RestError as error:
        raise empty_code("Access denied.") from error
    data = params | {"filter": where | {"ENTITY_TYPE": str(where["ENTITY_TYPE"]).lower()}}
    found = rows_page(ctx.state.comments, _TYPES, data, ctx.state.zone, strict=False)
    return Answer([selected(_show(ctx, row), params) for row in found.rows], found.total, found.next)


def _comment(ctx: Context, params: Json, missing: RestError) -> Json:
    number = to_int(params.get("id", params.get("ID")))
    if number <= 0:
        raise missing
    row = ctx.state.comments.get(number)
    if row is None:
        raise empty_code("Not found.") if missing.code == "" else not_found("Not found.")
    return row


@method("crm.timeline.comment.get", "crm")
def comment_get(ctx: Context, params: Json) -> Json:
    """One comment."""
    return _show(ctx, _comment(ctx, params, empty_code("ID is not defined or invalid.")))


@method("crm.timeline.comment.update", "crm")
def comment_update(ctx: Context, params: Json) -> bool:
    """Changes the text."""
    fields = _fields(params)
    row = _comment(ctx, params, missing_parameter("id"))
    text = str(fields.get("COMMENT") or "")
    if not text.strip():
        raise invalid_arg("Empty comment message")
    ctx.state.comments.change(row["ID"], {"COMMENT": text})
    ctx.fire("ONCRMTIMELINECOMMENTUPDATE", {"ID": row["ID"]})
    return True


@method("crm.timeline.comment.delete", "crm")
def comment_delete(ctx: Context, params: Json) -> bool:
    """Removes a comment."""
    row = _comment(ctx, params, missing_parameter("id"))
    ctx.state.comments.remove(row["ID"])
    ctx.fire("ONCRMTIMELINECOMMENTDELETE", {"ID": row["ID"]})
    return True


@method("crm.timeline.logmessage.add", "crm")
def log_message_add(ctx: Context, params: Json) -> Json:
    """A log record, the least intrusive way to note a score."""
    fields = _fields(params)
    for name in ("entityTypeId", "entityId", "title", "text", "iconCode"):
        if not fields.get(name):
            raise RestError("100", f"Could not find value for parameter {{{name}}}")
    kind = KINDS.get(to_int(fields["entityTypeId"]))
    if kind is None or ctx.state.items[kind.id].get(to_int(fields["entityId"])) is None:
        raise RestError("OWNER_NOT_FOUND", "Owner was not found")
    find(ctx.state, kind, fields["entityId"], ctx.user_id)
    table = ctx.state.log_messages
    row: Json = {
        "id": table.next_id(),
        "entityTypeId": kind.id,
        "entityId": to_int(fields["entityId"]),
        "created": ctx.state.zone_now().moment(ctx.state.now()),
        "authorId": ctx.user_id,
        "title": str(fields["title"]),
        "text": str(fields["text"]),
        "iconCode": str(fields["iconCode"]),
    }
    table.insert(row["id"], row)
    return {"logMessage": {k: v for k, v in row.items() if k not in ("entityTypeId", "entityId")}}

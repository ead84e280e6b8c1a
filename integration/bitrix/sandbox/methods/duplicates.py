"""Duplicates: the search by phone or e-mail, and merging (bitrix24.md 7.12)."""

from __future__ import annotations

from ..agency import COMPANY, CONTACT, LEAD, Json
from ..errors import RestError
from ..fates import merge
from ..forms import as_list
from ..multifields import normal_phone
from ..portal import Context, method
from ..schema import KIND_BY_NAME, KINDS
from ..values import to_int

_MAX_VALUES = 20


@method("crm.duplicate.findbycomm", "crm")
def find_by_comm(ctx: Context, params: Json) -> object:
    """Ids by kind of the cards that hold one of the values; the last digits of a phone are enough."""
    type_ = str(params.get("type") or "").upper()
    if not type_:
        raise RestError("Communication type is not defined", "Parameter 'type' is required.")
    if type_ not in ("PHONE", "EMAIL"):
        text = f"Communication type '{type_}' is not supported in current context"
        raise RestError(text, "Parameter 'type' is wrong.")
    values = [str(value) for value in as_list(params.get("values"))][:_MAX_VALUES]
    if not values:
        raise RestError("Communication values is not defined", "Parameter 'values' is required.")
    wanted = str(params.get("entity_type") or "").upper()
    found: Json = {}
    total = 0
    for kind_id in (LEAD, CONTACT, COMPANY):
        kind = KINDS[kind_id]
        if (wanted and wanted != kind.name) or total >= _MAX_VALUES:
            continue
        ids = [
            row["id"]
            for row in ctx.state.items[kind_id].rows.values()
            if any(_same(entry, type_, value) for entry in row.get("fm") or [] for value in values)
        ]
        if ids:
            found[kind.name] = sorted(ids)[:_MAX_VALUES]
            total += len(found[kind.name])
    return found or []


def _same(entry: Json, type_: str, value: str) -> bool:
    if entry["typeId"] != type_:
        return False
    if type_ == "EMAIL":
        return str(entry["value"]).lower() == value.lower()
    have, want = normal_phone(entry["value"]), normal_phone(value)
    return bool(want) and have[-10:] == want[-10:]


@method("crm.entity.mergebatch", "crm")
def merge_batch(ctx: Context, params: Json) -> Json:
    """Merges cards into the first one."""
    given = params.get("params") if isinstance(params.get("params"), dict) else params
    data: Json = dict(given or {})
    number = to_int(data.get("entityTypeId"))
    if not number:
        raise RestError(0, "The parameter entityTypeId is required.")
    kind = KINDS.get(number)
    if kind is None or kind.name not in KIND_BY_NAME:
        raise RestError(0, f"Entity type {number} is not supported")
    ids = [to_int(one) for one in as_list(data.get("entityIds"))]
    if not ids:
        raise RestError(0, "The parameter entityIds does not contains valid elements.")
    if len(ids) < 2:
        raise RestError(0, "The parameter entityIds must contains at least two elements.")
    if any(one not in ctx.state.items[kind.id] for one in ids):
        raise RestError(0, "Owner was not found")
    if ctx.state.rights(ctx.user_id) != "all":
        raise RestError(0, "Access denied", 403)
    return {"STATUS": "SUCCESS", "ENTITY_IDS": merge(ctx.state, ctx.queue, kind, ids, ctx.user_id)}

"""The old ``crm.deal.*``, ``crm.lead.*``, ``crm.contact.*``, ``crm.company.*`` (bitrix24.md 7.2): names in
capitals, values as strings, errors with an empty code."""

from __future__ import annotations

from typing import Any

from ..agency import DEAL, Json
from ..errors import RestError, empty_code
from ..fates import delete
from ..filters import Group, UnknownField, only_known, parse
from ..forms import as_list, as_map
from ..items import create, find, update
from ..lists import Query, lenient_order, page, start_of
from ..portal import Answer, Context, method
from ..schema import KINDS, Kind
from ..values import to_int
from ..views import ItemView
from .crm_item import reader


class _ClassicView(ItemView):
    """Speaks the names of the old methods in filters and orders."""

    def rows_name(self, name: str) -> str:
        return self.kind.by_classic.get(name, name if name in self.user else f"?{name}")


def _row(ctx: Context, kind: Kind, params: Json) -> Json:
    number = to_int(params.get("id", params.get("ID")))
    if number <= 0:
        raise empty_code("ID is not defined or invalid")
    try:
        return find(ctx.state, kind, number, ctx.user_id)
    except RestError as error:
        raise empty_code("Not found" if error.code == "NOT_FOUND" else "Access denied.") from error


def _array(params: Json, name: str) -> Json:
    value = params.get(name, params.get(name.upper(), {}))
    if not isinstance(value, (dict, list)):
        raise empty_code(f"Parameter '{name}' must be array.")
    return as_map(value)


def _filter(view: _ClassicView, data: Json) -> Group:
    try:
        return parse(
            only_known(data, lambda name: view.type_of(view.rows_name(name)) is not None), view.normal
        )
    except (UnknownField, ValueError) as error:
        raise empty_code("Failed to get list. General error.") from error


def _list(ctx: Context, kind: Kind, params: Json) -> Answer:
    view = _ClassicView(ctx.state, kind)
    where = _filter(view, _array(params, "filter"))
    order = lenient_order(_array(params, "order"), view.known)
    found = page(ctx.state.items[kind.id], Query(where, order, start_of(params), reader(ctx)), view.getter)
    select = {str(name) for name in as_list(params.get("select", params.get("SELECT")))} or {"*"}
    rows = [view.classic(row, select | {"ID"}) for row in found.rows]
    return Answer(rows, found.total, found.next)


def _fields_in(kind: Kind, fields: Json, known: _ClassicView) -> Json:
    found: Json = {}
    for name, value in fields.items():
        if name in ("PHONE", "EMAIL", "WEB", "IM", "LINK"):
            found.setdefault("fm", []).extend(_multifield(name, entry) for entry in as_list(value))
        else:
            found[known.rows_name(name)] = value
    if kind.id == DEAL and "CONTACT_IDS" in fields:
        found["contactIds"] = as_list(fields["CONTACT_IDS"])
    return found


def _multifield(type_id: str, entry: Any) -> Json:
    data = as_map(entry)
    plain = {"typeId": type_id, "valueType": data.get("VALUE_TYPE") or "WORK", "value": data.get("VALUE")}
    return plain | ({"id": data["ID"]} if data.get("ID") else {})


def _add(ctx: Context, kind: Kind, params: Json) -> int:
    fields = _fields_in(kind, _array(params, "fields"), _ClassicView(ctx.state, kind))
    try:
        return int(create(ctx.state, ctx.queue, kind, fields, ctx.user_id)["id"])
    except RestError as error:
        raise empty_code(error.text) from error


def _update(ctx: Context, kind: Kind, params: Json) -> bool:
    row = _row(ctx, kind, params)
    fields = _fields_in(kind, _array(params, "fields"), _ClassicView(ctx.state, kind))
    fields.pop("categoryId", None)
    if "stageId" in fields and kind.id == DEAL:
        known = {stage["STATUS_ID"] for stage in ctx.state.category_stages(row.get("categoryId") or 0)}
        if fields["stageId"] not in known:  # a stage of another pipeline is ignored in silence
            del fields["stageId"]
    try:
        update(ctx.state, ctx.queue, kind, row, fields, ctx.user_id)
    except RestError as error:
        raise empty_code(error.text) from error
    return True


def _get(ctx: Context, kind: Kind, params: Json) -> Json:
    row = _row(ctx, kind, params)
    shown = _ClassicView(ctx.state, kind).classic(row)
    if "fm" in kind.fields:
        for entry in row.get("fm") or []:
            value = {"ID": str(entry["id"]), "VALUE_TYPE": entry["valueType"], "VALUE": entry["value"]}
            shown.setdefault(entry["typeId"], []).append(value | {"TYPE_ID": entry["typeId"]})
    return shown


def _delete(ctx: Context, kind: Kind, params: Json) -> bool:
    delete(ctx.state, ctx.queue, kind, _row(ctx, kind, params), ctx.user_id)
    return True


def _register(kind: Kind) -> None:
    base = f"crm.{kind.code}"
    method(f"{base}.list", "crm")(lambda ctx, params: _list(ctx, kind, params))
    method(f"{base}.get", "crm")(lambda ctx, params: _get(ctx, kind, params))
    method(f"{base}.add", "crm")(lambda ctx, params: _add(ctx, kind, params))
    method(f"{base}.update", "crm")(lambda ctx, params: _update(ctx, kind, params))
    method(f"{base}.delete", "crm")(lambda ctx, params: _delete(ctx, kind, params))


for _kind in KINDS.values():
    _register(_kind)

"""``crm.<entity>.userfield.*`` (bitrix24.md 8.1–8.3)."""

from __future__ import annotations

from typing import Any

from ..agency import Json
from ..errors import RestError, empty_code
from ..fields import LABELS, add_field, drop_values, update_field
from ..filters import compiled, parse
from ..forms import as_map
from ..lists import lenient_order
from ..portal import Answer, Context, method
from ..schema import KINDS, Kind
from ..values import to_int

_NUMBERS = frozenset({"ID", "SORT"})


def _array(params: Json, name: str) -> Json:
    value = params.get(name, {})
    if not isinstance(value, (dict, list)):
        raise empty_code(f"Parameter '{name}' must be array.")
    return as_map(value)


def _admin(ctx: Context) -> None:
    if not ctx.admin:
        raise empty_code("Access denied.")


def _found(ctx: Context, kind: Kind, params: Json) -> Json:
    number = to_int(params.get("id", params.get("ID")))
    if number <= 0:
        raise empty_code("ID is not defined or invalid.")
    row = ctx.state.user_fields.get(number)
    if row is None:
        raise RestError("ERROR_NOT_FOUND", f"The entity with ID '{number}' is not found.")
    if row["ENTITY_ID"] != kind.uf_entity:
        raise empty_code("Access denied.")
    return row


def _fire(ctx: Context, kind: Kind, verb: str, row: Json) -> None:
    data = {"ID": str(row["ID"]), "ENTITY_ID": row["ENTITY_ID"], "FIELD_NAME": row["FIELD_NAME"]}
    ctx.fire(f"ONCRM{kind.name}USERFIELD{verb}", {"FIELDS": data})


def _show(row: Json, lang: str | None) -> Json:
    """Numbers as strings; labels only in the asked language."""
    shown = {k: v for k, v in row.items() if k not in LABELS}
    shown |= {"ID": str(row["ID"]), "SORT": str(row["SORT"])}
    if lang:
        for label in LABELS:
            shown[label] = _label(row[label], lang)
    return shown


def _label(value: Any, lang: str) -> str | None:
    if isinstance(value, dict):
        found = value.get(lang)
        return None if found is None else str(found)
    return None if value is None else str(value)


def _list(ctx: Context, kind: Kind, params: Json) -> Answer:
    where, order = _array(params, "filter"), _array(params, "order")
    lang = where.pop("LANG", None)
    where = {key: value for key, value in where.items() if not key.endswith("_LABEL")}
    test = compiled(parse(where, _normal), lambda name: lambda row: row.get(name))
    rows = [row for row in ctx.state.fields_of(kind.uf_entity) if test is None or test(row)]
    for name, down in reversed(lenient_order(order, lambda name: name)):
        rows.sort(
            key=lambda row: (str(row.get(name)) if name not in _NUMBERS else "", to_int(row.get(name))),
            reverse=down,
        )
    return Answer([_show(row, str(lang) if lang else None) for row in rows], len(rows))


def _normal(name: str, value: Any) -> tuple[str, Any]:
    return name, to_int(value) if name in _NUMBERS else value


def _get(ctx: Context, kind: Kind, params: Json) -> Json:
    row = _found(ctx, kind, params)
    shown = _show(row, None)
    for label in LABELS:
        shown[label] = row[label]
    return shown


def _add(ctx: Context, kind: Kind, params: Json) -> int:
    _admin(ctx)
    row = add_field(ctx.state, kind.uf_entity, _array(params, "fields"))
    _fire(ctx, kind, "ADD", row)
    return int(row["ID"])


def _update(ctx: Context, kind: Kind, params: Json) -> bool:
    _admin(ctx)
    row, fields = _found(ctx, kind, params), _array(params, "fields")
    update_field(ctx.state, row, fields)
    _fire(ctx, kind, "UPDATE", row)
    if "LIST" in fields:
        _fire(ctx, kind, "SETENUMVALUES", row)
    return True


def _delete(ctx: Context, kind: Kind, params: Json) -> bool:
    _admin(ctx)
    row = _found(ctx, kind, params)
    ctx.state.user_fields.remove(row["ID"])
    drop_values(ctx.state, kind, row["FIELD_NAME"])
    _fire(ctx, kind, "DELETE", row)
    return True


def _register(kind: Kind) -> None:
    base = f"crm.{kind.code}.userfield"
    method(f"{base}.list", "crm")(lambda ctx, params: _list(ctx, kind, params))
    method(f"{base}.get", "crm")(lambda ctx, params: _get(ctx, kind, params))
    method(f"{base}.add", "crm")(lambda ctx, params: _add(ctx, kind, params))
    method(f"{base}.update", "crm")(lambda ctx, params: _update(ctx, kind, params))
    method(f"{base}.delete", "crm")(lambda ctx, params: _delete(ctx, kind, params))


for _kind in KINDS.values():
    _register(_kind)

"""``crm.item.*`` (bitrix24.md 7.2–7.5)."""

from __future__ import annotations

from typing import Any

from ..agency import Json
from ..errors import RestError, invalid_arg, missing_parameter, not_found
from ..fates import delete
from ..filters import Test, UnknownField, parse
from ..forms import as_list, as_map
from ..items import create, find, kind_of, may_read, update
from ..lists import Page, Query, page, parse_order, start_of
from ..portal import Answer, Context, method
from ..values import to_bool
from ..views import ItemView, describe


def _view(ctx: Context, params: Json) -> ItemView:
    return ItemView(ctx.state, kind_of(params), to_bool(params.get("useOriginalUfNames")) == "Y")


@method("crm.item.get", "crm")
def item_get(ctx: Context, params: Json) -> Any:
    """One card."""
    view = _view(ctx, params)
    row = find(ctx.state, view.kind, params.get("id"), ctx.user_id)
    return {"item": view.item(row) | {"entityTypeId": view.kind.id}}


@method("crm.item.list", "crm")
def item_list(ctx: Context, params: Json) -> Answer:
    """A page of cards the user may read."""
    view = _view(ctx, params)
    found = run_list(ctx, view, params)
    names = view.select_names(as_list(params.get("select")))
    items = [view.item(row, names) for row in found.rows]
    return Answer({"items": items}, found.total, found.next)


def run_list(ctx: Context, view: ItemView, params: Json) -> Page:
    """Filter, order and page; raises ``INVALID_ARG_VALUE`` with the documented texts."""
    try:
        where = parse(params.get("filter"), view.normal)
    except UnknownField as error:
        raise invalid_arg(f"Invalid filter: field '{error.args[0]}' is not allowed in filter") from error
    except (TypeError, ValueError) as error:
        raise invalid_arg("Invalid filter: field has invalid value") from error
    try:
        order = parse_order(params.get("order"), view.known)
    except UnknownField as error:
        raise invalid_arg(f"Invalid order: field '{error.args[0]}' is not allowed in order") from error
    except ValueError as error:
        direction, name = error.args
        text = f"allowed sort directions are `ASC, DESC`. But got '{direction}' for field '{name}'"
        raise invalid_arg(f"Invalid order: {text}") from error
    query = Query(where, order, start_of(params), reader(ctx))
    return page(ctx.state.items[view.kind.id], query, view.getter)


def reader(ctx: Context) -> Test | None:
    """The test of the user's read rights; ``None`` when he may read everything."""
    if ctx.state.rights(ctx.user_id) == "all":
        return None
    return lambda row: may_read(ctx.state, row, ctx.user_id)


def _fields(params: Json) -> Json:
    fields = params.get("fields")
    if not isinstance(fields, (dict, list)):
        raise missing_parameter("fields")
    return as_map(fields)


@method("crm.item.add", "crm")
def item_add(ctx: Context, params: Json) -> Any:
    """A new card; the answer is the whole card."""
    view = _view(ctx, params)
    row = create(ctx.state, ctx.queue, view.kind, view.fields_in(_fields(params)), ctx.user_id)
    return {"item": view.item(row) | {"entityTypeId": view.kind.id}}


@method("crm.item.update", "crm")
def item_update(ctx: Context, params: Json) -> Any:
    """Only the passed fields change; equal values are not saved."""
    view = _view(ctx, params)
    row = find(ctx.state, view.kind, params.get("id"), ctx.user_id)
    update(ctx.state, ctx.queue, view.kind, row, view.fields_in(_fields(params)), ctx.user_id)
    return {"item": view.item(row) | {"entityTypeId": view.kind.id}}


@method("crm.item.delete", "crm")
def item_delete(ctx: Context, params: Json) -> Any:
    """The answer of success is an empty list."""
    kind = kind_of(params)
    try:
        row = find(ctx.state, kind, params.get("id"), ctx.user_id)
    except RestError as error:
        raise not_found("Item not found") if error.code == "NOT_FOUND" else error from error
    delete(ctx.state, ctx.queue, kind, row, ctx.user_id)
    return []


@method("crm.item.fields", "crm")
def item_fields(ctx: Context, params: Json) -> Any:
    """Fields of a kind with types, lists and ``upperName``."""
    return {"fields": describe(_view(ctx, params))}

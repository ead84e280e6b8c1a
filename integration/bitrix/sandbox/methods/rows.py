"""Lists of plain rows (dictionaries, history, requisites, tasks …) with the same filters and paging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..agency import Json
from ..errors import invalid_arg
from ..filters import UnknownField, only_known, parse
from ..forms import as_list
from ..lists import PAGE, Page, Query, page, parse_order, start_of
from ..tables import Table
from ..values import Zone
from ..views import filter_value

#: Types of a list's fields by name.
Types = dict[str, str]


def rows_page(
    table: Table,
    types: Types,
    params: Json,
    zone: Zone,
    strict: bool = True,
    id_field: str = "ID",
    size: int = PAGE,
) -> Page:
    """A page of a table whose rows have typed fields. ``strict`` refuses unknown names with
    ``INVALID_ARG_VALUE``, else they are ignored."""

    def known(name: str) -> str:
        if name not in types:
            raise UnknownField(name)
        return name

    def normal(name: str, value: Any) -> tuple[str, Any]:
        return known(name), filter_value(types[name], value, zone)

    data = params.get("filter", params.get("FILTER"))
    try:
        where = parse(data if strict else only_known(data, types.__contains__), normal)
        order = parse_order(params.get("order", params.get("ORDER")), known)
    except UnknownField as error:
        raise invalid_arg(f"Invalid filter: field '{error.args[0]}' is not allowed in filter") from error
    except (TypeError, ValueError) as error:
        raise invalid_arg("Invalid filter: field has invalid value") from error
    return page(table, Query(where, order, start_of(params), size=size), getter, id_field)


def getter(name: str) -> Callable[[Json], Any]:
    """Plain access to a row's field."""
    return lambda row: row.get(name)


def selected(row: Json, params: Json) -> Json:
    """Only the asked fields; everything for an empty list or ``*``."""
    names = [str(name) for name in as_list(params.get("select", params.get("SELECT")))]
    if not names or "*" in names:
        return row
    return {name: row[name] for name in names if name in row}

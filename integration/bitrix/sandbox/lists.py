"""Pages of list methods: 50 rows, ``start``, ``total``, ``next`` (bitrix24.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .filters import Getter, Group, Hints, Test, UnknownField, compiled, hints
from .forms import as_map
from .tables import Row, Table
from .values import to_int

PAGE = 50


@dataclass(frozen=True)
class Page:
    """Rows of one page; ``total`` is 0 and ``next`` absent when counting was switched off (start -1)."""

    rows: list[Row]
    total: int
    next: int | None


@dataclass(frozen=True)
class Query:
    """One list call: filter, order (field, down) pairs, start; ``keep`` is the reader's rights."""

    where: Group
    order: tuple[tuple[str, bool], ...] = ()
    start: int = 0
    keep: Test | None = None
    size: int = PAGE


def parse_order(data: Any, known: Callable[[str], str]) -> tuple[tuple[str, bool], ...]:
    """``{"id": "DESC"}`` → ``(("id", True),)``. ``known`` maps names and raises for unknown ones; a wrong
    direction raises ``ValueError`` with (direction, field)."""
    order = []
    for name, direction in as_map(data).items():
        text = str(direction or "ASC").upper().split(",")[0]
        field = known(name)
        if text not in ("ASC", "DESC"):
            raise ValueError(direction, name)
        order.append((field, text == "DESC"))
    return tuple(order)


def lenient_order(data: Any, known: Callable[[str], str]) -> tuple[tuple[str, bool], ...]:
    """The same for the old methods: what is wrong in an order is ignored."""
    kept: list[tuple[str, bool]] = []
    for name, direction in as_map(data).items():
        try:
            kept += parse_order({name: direction}, known)
        except (UnknownField, ValueError):
            continue
    return tuple(kept)


def start_of(params: dict[str, Any], name: str = "start") -> int:
    """The ``start`` parameter: -1 (no counting) or an offset; it may come in capitals."""
    raw = params.get(name, params.get(name.upper(), 0))
    return max(to_int(raw), -1)


def page(table: Table, query: Query, getter: Callable[[str], Getter], id_field: str = "id") -> Page:
    """Runs the query. Sorted by id and without counting it reads only as far as the page needs."""
    found = hints(query.where, id_field, table.index, table.touched)
    test = _both(_test_of(query.where, found, getter, id_field), query.keep)
    by_id = not query.order or query.order[0][0] == id_field
    down = bool(query.order) and query.order[0][1]
    ids = _candidates(table, found, down if by_id else False)
    if by_id:
        return _by_id(table, ids, test, query, bounded=found == Hints())
    rows = [table.rows[i] for i in ids if test is None or test(table.rows[i])]
    for name, backward in reversed(query.order):
        get = getter(name)
        rows.sort(key=lambda row: _sort_key(get(row)), reverse=backward)
    return _cut(rows, query)


def _by_id(table: Table, ids: Iterable[int], test: Test | None, query: Query, bounded: bool) -> Page:
    rows = (table.rows[i] for i in ids if test is None or test(table.rows[i]))
    if query.start < 0:
        return Page(list(islice(rows, query.size)), 0, None)
    if test is None and bounded:
        chosen = list(islice(rows, query.start, query.start + query.size))
        return _page_of(chosen, len(table), query)
    return _cut(list(rows), query)


def _cut(rows: list[Row], query: Query) -> Page:
    if query.start < 0:
        return Page(rows[: query.size], 0, None)
    return _page_of(rows[query.start : query.start + query.size], len(rows), query)


def _page_of(rows: list[Row], total: int, query: Query) -> Page:
    end = query.start + len(rows)
    return Page(rows, total, end if rows and end < total else None)


def _candidates(table: Table, found: Hints, down: bool) -> Iterator[int]:
    sets: list[Iterable[int]] = []
    if found.ids is not None:
        sets.append(found.ids & table.rows.keys())
    for name, values in found.equal:
        sets.append(set().union(*(table.equal(name, value) for value in values)))
    if not sets and found.since is not None:
        sets.append(table.touched_since(found.since))
    if not sets:
        return table.walk(found.low, found.high, down)
    smallest = min(sets, key=lambda ids: len(ids))  # type: ignore[arg-type]
    low = -1 if found.low is None else found.low
    return iter(
        sorted((i for i in smallest if i > low and (found.high is None or i < found.high)), reverse=down)
    )


def _test_of(where: Group, found: Hints, getter: Callable[[str], Getter], id_field: str) -> Test | None:
    """Conditions on ids that the bounds answer exactly need no second look."""
    if where.logic == "AND":
        exact = (">", ">=", "<", "<=")
        parts = tuple(
            p for p in where.parts if isinstance(p, Group) or p.field != id_field or p.op not in exact
        )
        where = Group("AND", parts)
    return compiled(where, getter)


def _both(first: Test | None, second: Test | None) -> Test | None:
    if first is None or second is None:
        return first or second
    return lambda row: first(row) and second(row)


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None or value == []:
        return (0, 0)
    if isinstance(value, str):
        return (2, value.lower())
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))

"""Filters of list methods: prefix operators, nested groups, and what an index can answer (bitrix24.md 4.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from .forms import as_list, as_map

#: Longest first, so that ``>=`` is not read as ``>``.
_OPERATORS = ("!=%", "!%=", "!@", "!=", "!%", ">=", "<=", "=%", "%=", "!", "@", ">", "<", "%", "=")
_SPLIT = re.compile("|".join(re.escape(op) for op in _OPERATORS))
_SAME = {
    "=%": "like",
    "%=": "like",
    "!=%": "!like",
    "!%=": "!like",
    "": "=",
    "!": "!=",
    "@": "in",
    "!@": "!in",
    "%": "has",
    "!%": "!has",
}

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {">": gt, ">=": ge, "<": lt, "<=": le}

Row = dict[str, Any]
Test = Callable[[Row], bool]
Getter = Callable[[Row], Any]


@dataclass(frozen=True)
class Condition:
    """``field op value``; ``value`` is normalised to what rows hold (a list for the set operators)."""

    field: str
    op: str
    value: Any


@dataclass(frozen=True)
class Group:
    """Conditions joined by "AND" or "OR"."""

    logic: str
    parts: tuple[Condition | Group, ...]


class UnknownField(Exception):
    """A filter or order names a field that cannot be used there; ``args[0]`` is the name as given."""


def split_operator(key: str) -> tuple[str, str]:
    """``">=closedate"`` → ``(">=", "closedate")``."""
    match = _SPLIT.match(key)
    op = match.group(0) if match else ""
    return _SAME.get(op, op), key[len(op) :]


def parse(data: Any, normal: Callable[[str, Any], tuple[str, Any]]) -> Group:
    """Reads a filter. ``normal(field, value)`` gives the row's name of the field and the value as rows hold
    it, and raises :class:`UnknownField` for a field that cannot be filtered."""
    items = as_map(data)
    logic = "OR" if str(items.pop("logic", items.pop("LOGIC", "AND"))).upper() == "OR" else "AND"
    parts: list[Condition | Group] = []
    for key, value in items.items():
        if key.isdigit() and isinstance(value, (dict, list)):
            parts.append(parse(value, normal))
        else:
            parts.append(_condition(key, value, normal))
    return Group(logic, tuple(parts))


def only_known(data: Any, known: Callable[[str], bool]) -> Row:
    """A filter without the conditions on unknown fields, at every depth: the old methods ignore them."""
    kept: Row = {}
    for key, value in as_map(data).items():
        if key.isdigit():
            if isinstance(value, (dict, list)):
                kept[key] = only_known(value, known)
        elif key.upper() == "LOGIC" or known(split_operator(key)[1]):
            kept[key] = value
    return kept


def _condition(key: str, value: Any, normal: Callable[[str, Any], tuple[str, Any]]) -> Condition:
    op, field = split_operator(key)
    if op in ("=", "!=") and isinstance(value, (list, dict)):
        op = "in" if op == "=" else "!in"
    if op in ("in", "!in"):
        pairs = [normal(field, item) for item in as_list(value)]
        name = pairs[0][0] if pairs else normal(field, None)[0]
        return Condition(name, op, [item for _, item in pairs])
    name, plain = normal(field, value)
    if op in ("like", "!like", "has", "!has"):
        return Condition(name, op, _pattern(str(value), whole=op.endswith("like")))
    return Condition(name, op, plain)


def _pattern(text: str, whole: bool) -> re.Pattern[str]:
    if whole:
        return re.compile(".*".join(re.escape(part) for part in text.split("%")), re.IGNORECASE | re.DOTALL)
    return re.compile(".*" + re.escape(text) + ".*", re.IGNORECASE | re.DOTALL)


def compiled(group: Group, getter: Callable[[str], Getter]) -> Test | None:
    """The filter as one test of a row; ``None`` when everything passes."""
    tests = [
        compiled(part, getter) if isinstance(part, Group) else _test(part, getter(part.field))
        for part in group.parts
    ]
    real = [test for test in tests if test is not None]
    if not real:
        return None
    if len(real) == 1:
        return real[0]
    if group.logic == "OR":
        return lambda row: any(test(row) for test in real)
    return lambda row: all(test(row) for test in real)


def _test(condition: Condition, get: Getter) -> Test:
    value, op = condition.value, condition.op
    negated = op.startswith("!")
    inner = _positive(op.lstrip("!"), value)

    def test(row: Row) -> bool:
        found = get(row)
        if isinstance(found, list):
            hit = any(inner(item) for item in found) or (not found and inner(None))
        else:
            hit = inner(found)
        return hit != negated

    return test


def _positive(op: str, value: Any) -> Callable[[Any], bool]:
    if op in ("has", "like"):
        return lambda found: found is not None and value.fullmatch(str(found)) is not None
    if op == "in":
        wanted = {_blank(item) for item in value}
        return lambda found: _blank(found) in wanted
    if op == "=":
        plain = _blank(value)
        return lambda found: bool(_blank(found) == plain)
    return lambda found: _ordered(op, found, value)


def _blank(value: Any) -> Any:
    """Null, "" and 0 stand for "no value" alike (bitrix24.md 4.7); an array stands for its text."""
    if isinstance(value, (list, dict)):
        return str(value)
    return None if value in ("", 0) and value is not False else value


def _ordered(op: str, found: Any, value: Any) -> bool:
    if found is None or value is None or isinstance(found, str) != isinstance(value, str):
        if value is None or value == "":
            return bool(found) if op in (">", ">=") else op == "<=" and not found
        return False
    try:
        return bool(_COMPARE[op](found, value))
    except TypeError:  # an array where a scalar belongs
        return False


@dataclass(frozen=True)
class Hints:
    """What the joined (AND) conditions say about ids: open bounds and sets to choose from."""

    low: int | None = None
    high: int | None = None
    ids: frozenset[int] | None = None
    equal: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    since: int | None = None


def hints(group: Group, id_field: str, indexed: Iterable[str], touched: str | None) -> Hints:
    """Reads bounds, id sets and indexed equalities from the top-level conditions of an AND filter."""
    if group.logic == "OR":
        return Hints()
    low: int | None = None
    high: int | None = None
    ids: frozenset[int] | None = None
    since: int | None = None
    equal: list[tuple[str, tuple[Any, ...]]] = []
    known = set(indexed)
    for part in group.parts:
        if isinstance(part, Group):
            continue
        if part.field == id_field:
            low, high, ids = _id_bounds(part, low, high, ids)
        elif part.field in known and part.op in ("=", "in"):
            wanted = tuple(part.value) if part.op == "in" else (part.value,)
            if all(_blank(item) is not None for item in wanted):
                equal.append((part.field, wanted))
        elif part.field == touched and part.op in (">", ">=") and isinstance(part.value, int):
            since = max(since or 0, part.value)
    return Hints(low, high, ids, tuple(equal), since)


def _id_bounds(
    part: Condition, low: int | None, high: int | None, ids: frozenset[int] | None
) -> tuple[int | None, int | None, frozenset[int] | None]:
    value = part.value
    if part.op in (">", ">="):
        bound = int(value or 0) - (part.op == ">=")
        return (bound if low is None else max(low, bound)), high, ids
    if part.op in ("<", "<="):
        bound = int(value or 0) + (part.op == "<=")
        return low, (bound if high is None else min(high, bound)), ids
    if part.op in ("=", "in"):
        wanted = frozenset(int(item or 0) for item in (value if part.op == "in" else [value]))
        return low, high, wanted if ids is None else ids & wanted
    return low, high, ids

"""Nested form keys as PHP has them: ``data[FIELDS][ID]=5`` and the like, read and written (bitrix24.md 4.1, 6.2).

What is read comes from strangers: numbers, lengths and depth are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MAX_PAIRS = 1000
MAX_DEPTH = 8
MAX_KEY = 256
MAX_VALUE = 65_536
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_INNER = re.compile(r"\[([^\[\]]*)\]")


class ProtocolError(ValueError):
    """A payload that cannot be what it claims to be; the text names the fault, never the content."""


def unflatten(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """``data[FIELDS][ID]=5`` and the like as nested dicts; maps keyed 0..n-1 become lists, ``key[]`` appends,
    and of equal keys the last wins, as in PHP. ProtocolError when too many, too long, too deep or
    contradictory."""
    root: dict[str, Any] = {}
    for count, (key, value) in enumerate(pairs, 1):
        if count > MAX_PAIRS:
            raise ProtocolError("too many fields")
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise ProtocolError("a field is too long")
        _put(root, _path(key), value)
    return {key: _listed(value) for key, value in root.items()}


def _path(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise ProtocolError("a field name is malformed")
    path = [match.group(1), *_INNER.findall(match.group(2))]
    if len(path) > MAX_DEPTH:
        raise ProtocolError("fields are nested too deep")
    return path


def _put(root: dict[str, Any], path: list[str], value: str) -> None:
    node = root
    for index, part in enumerate(path):
        name = part or str(_next_index(node))
        if index == len(path) - 1:
            if isinstance(node.get(name), dict):
                raise ProtocolError("a field is both a value and a group")
            node[name] = value
            return
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise ProtocolError("a field is both a value and a group")
        node = child


def _next_index(node: dict[str, Any]) -> int:
    """The number behind the highest; "01" is a name and no number, as in PHP."""
    return max((int(key) for key in node if _NUMBER.fullmatch(key)), default=-1) + 1


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(one) for key, one in value.items()}
    if inner and set(inner) == {str(i) for i in range(len(inner))}:
        return [inner[str(i)] for i in range(len(inner))]
    return inner


def flatten(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nested parameters as PHP form pairs: None is empty, booleans are 1 and 0, an empty list is
    ``key[]``, an empty map is left out (bitrix24.md 4.1)."""
    pairs: list[tuple[str, str]] = []
    for key, value in params.items():
        _flatten(str(key), value, pairs)
    return pairs


def _flatten(name: str, value: Any, pairs: list[tuple[str, str]]) -> None:
    if isinstance(value, Mapping):
        inner: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, (list, tuple)):
        inner = enumerate(value)
    else:
        pairs.append((name, _scalar(value)))
        return
    if not value and not isinstance(value, Mapping):
        pairs.append((f"{name}[]", ""))
    for key, one in inner:
        _flatten(f"{name}[{key}]", one, pairs)


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else str(value)

"""References between the commands of a batch, resolved here where the commands go in several requests
(bitrix24.md 4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integration.bitrix.call import Ref

_STEP = re.compile(r"\[([^\[\]]*)\]")


class Unresolved(LookupError):
    """What a reference leads to is not there."""


def keys_in(value: Any) -> set[str]:
    """The keys of the commands that the references somewhere in ``value`` lead to."""
    return {_STEP.findall(ref)[0] for ref in _refs(value)}


def resolved(value: Any, results: Mapping[str, Any]) -> Any:
    """``value`` with every reference into ``results`` (by command key) replaced by what it leads to; other
    references stay. ``Unresolved`` when it leads nowhere: a command behind a short page would list anything
    (bitrix24.md 19)."""
    if isinstance(value, Mapping):
        return {key: resolved(one, results) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(one, results) for one in value]
    if isinstance(value, Ref):
        key, *path = _STEP.findall(value)
        return _at(results[key], path) if key in results else value
    return value


def _at(value: Any, path: list[str]) -> Any:
    for step in path:
        try:
            value = value[_place(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unresolved(step) from None
    if value is None:
        raise Unresolved("null")
    return value


def _place(step: str) -> int:
    """A place in a list; there is none before the first."""
    if not step.isascii() or not step.isdigit():
        raise ValueError(step)
    return int(step)


def _refs(value: Any) -> Iterator[Ref]:
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _refs(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _refs(one)

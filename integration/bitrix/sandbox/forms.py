"""PHP-style form bodies: the sandbox's own reading of ``a[b][]=1`` (bitrix24.md 4.1, 6.1).

Written apart from ``integration.bitrix.protocol`` on purpose: two independent readings of the same wire
format must agree, or one of them is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def split_key(key: str) -> list[str]:
    """``a[b][]`` → ``["a", "b", ""]``; brackets that do not close stay part of the name, as in PHP."""
    start = key.find("[")
    if start <= 0:
        return [key]
    name, rest, parts = key[:start], key[start:], []
    position = 0
    while match := _BRACKETS.match(rest, position):
        parts.append(match.group(1))
        position = match.end()
    return [name, *parts] if parts else [key]


def decode(text: str) -> dict[str, Any]:
    """A query string or form body as PHP would fill ``$_POST``; values are strings."""
    return decode_pairs(parse_qsl(text, keep_blank_values=True))


def decode_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Pairs already percent-decoded; maps with the keys 0…n-1 become lists."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        path = split_key(key)
        here = root
        for place, part in enumerate(path):
            name = part if part or place == 0 else _next_index(here)
            if place == len(path) - 1:
                here[name] = value
                break
            below = here.get(name)
            if not isinstance(below, dict):
                below = here[name] = {}
            here = below
    return {key: php_array(value) for key, value in root.items()}


def _next_index(array: Mapping[str, Any]) -> str:
    canonical = (int(key) for key in array if re.fullmatch("0|[1-9][0-9]{0,17}", key))
    return str(1 + max(canonical, default=-1))


def php_array(value: Any, *, deep: bool = True) -> Any:
    """What PHP's JSON encoder makes of an array: a list for the keys 0…n-1 (also when empty), else an
    object."""
    if not isinstance(value, dict):
        return value
    inner = {k: php_array(v) for k, v in value.items()} if deep else value
    if all(str(key) == str(place) for place, key in enumerate(inner)):
        return list(inner.values())
    return inner


def encode(data: Mapping[str, Any]) -> str:
    """Nested data as a form body with percent-encoded brackets, the way the queue server sends events."""
    return "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in flatten(data))


def flatten(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nested data as (bracketed key, string) pairs."""
    pairs: list[tuple[str, str]] = []
    for key, value in data.items():
        _flatten_into(pairs, str(key), value)
    return pairs


def _flatten_into(pairs: list[tuple[str, str]], name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _flatten_into(pairs, f"{name}[{key}]", item)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            _flatten_into(pairs, f"{name}[{place}]", item)
    else:
        pairs.append((name, php_string(value)))


def php_string(value: Any) -> str:
    """How PHP prints a scalar: true is "1", false and null are ""."""
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def as_list(value: Any) -> list[Any]:
    """A PHP array or a scalar as a list; ``None`` and "" are empty."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    return [] if value in (None, "") else [value]


def as_map(value: Any) -> dict[str, Any]:
    """A PHP array as a map with string keys; anything that is no array is empty."""
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return {str(place): item for place, item in enumerate(value)}
    return {}

"""A policy to JSON and back, so that older and newer versions can read each other's rows.

Unknown keys are ignored, missing ones take their default, a value of a wrong type keeps the default and
is reported as a ``PolicyProblem``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from . import questions
from .policy import AccountRule, Policy, PolicyProblem, Readiness, Sender

_CHOICES: dict[str, tuple[str, ...]] = {
    "readiness": get_args(Readiness),
    "account_rule": get_args(AccountRule),
    "since_field_on": ("deal", "company"),
}
_RENAMED = {"rating": "publication"}  # codes of referral sources, as older rows have them
_SOURCES = ("referral_sources", "recommending_sources")
_HINTS = get_type_hints(Policy)
_DEFAULT = Policy()


def to_json(policy: Policy) -> dict[str, Any]:
    """JSON values only; ``from_json`` gives the same policy back."""
    return {field.name: _plain(getattr(policy, field.name)) for field in dataclasses.fields(policy)}


def from_json(data: Mapping[str, Any]) -> tuple[Policy, list[PolicyProblem]]:
    """The policy of a stored row, and what in it could not be read. Checks between fields: ``problems()``."""
    values: dict[str, Any] = {}
    wrong: list[PolicyProblem] = []
    for field in dataclasses.fields(Policy):
        if field.name not in data:
            continue
        try:
            values[field.name] = _read(field.name, data[field.name])
        except (TypeError, ValueError, KeyError):
            wrong.append(PolicyProblem(field.name, "wrong_value"))
    return Policy(**values), wrong


def _plain(value: Any) -> Any:
    if isinstance(value, Sender):
        return dataclasses.asdict(value)
    if isinstance(value, questions.Question):
        return questions.to_json(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _read(name: str, value: Any) -> Any:
    if name == "senders":
        return tuple(_sender(item) for item in _list(value))
    if name == "extra_questions":
        return tuple(questions.from_json(item) for item in _list(value))
    default = getattr(_DEFAULT, name)
    if isinstance(default, tuple):
        number = "int" in str(_HINTS[name])
        items = [_integer(item) if number else _text(item) for item in _list(value)]
        return tuple(_RENAMED.get(str(item), item) for item in items) if name in _SOURCES else tuple(items)
    if isinstance(default, Mapping):
        return _mapping(name, value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise TypeError(name)
        return value
    if isinstance(default, int):
        return _integer(value)
    if default is None:
        return None if value is None else _integer(value)
    return _chosen(name, _text(value))


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(name)
    read = _text if name in ("sender_by_city", "referral_source_names") else _integer
    return {_text(key): read(item) for key, item in value.items()}


def _sender(value: Any) -> Sender:
    if not isinstance(value, Mapping):
        raise TypeError("sender")
    texts = {name: _text(value.get(name, "")) for name in ("key", "name", "position", "email", "phone")}
    user = value.get("user_id")
    return Sender(user_id=None if user is None else _integer(user), **texts)


def _chosen(name: str, value: str) -> str:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(name)
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError("not a list")
    return list(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not an integer")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value

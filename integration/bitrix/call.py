"""One REST call as a value, and the look-up that tells whether a creating call already took effect.

Pure data: both go to JSON and back, so that they can lie in a queue (product.md B4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Params = dict[str, Any]


class Ref(str):
    """A ``$result[…]`` reference to an earlier command of the same batch (bitrix24.md 4.4).

    Marked by type so that a client's words that merely look like one are never expanded by the portal.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Probe:
    """A read whose rows show whether a creating call worked: among the rows under ``many_path`` of the
    result (empty: the result itself) the first whose ``field`` equals ``equals``, or contains it when
    ``contains`` is set (texts the portal may reformat)."""

    method: str
    params: Params
    field: str
    equals: str
    many_path: str = ""
    contains: bool = False

    def call(self) -> Call:
        """The probe as a call, repeatable."""
        return Call(self.method, self.params)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form; read back by ``from_json``."""
        return {
            "method": self.method,
            "params": self.params,
            "field": self.field,
            "equals": self.equals,
            "many_path": self.many_path,
            "contains": self.contains,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Probe:
        """The probe that ``to_json`` wrote. KeyError or TypeError on anything else."""
        return cls(**data)


@dataclass(frozen=True)
class Call:
    """One method with JSON-able parameters. ``repeat`` is False for a creating call, which then brings a
    ``probe``: it must not be sent again after an unknown outcome before the probe has looked."""

    method: str
    params: Params = field(default_factory=dict)
    repeat: bool = True
    probe: Probe | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form; read back by ``from_json``."""
        return {
            "method": self.method,
            "params": self.params,
            "repeat": self.repeat,
            "probe": None if self.probe is None else self.probe.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Call:
        """The call that ``to_json`` wrote. KeyError or TypeError on anything else."""
        probe = data.get("probe")
        return cls(
            method=data["method"],
            params=data["params"],
            repeat=data["repeat"],
            probe=None if probe is None else Probe.from_json(probe),
        )


def at_path(result: Any, path: str) -> Any:
    """What lies under a dotted ``path`` of a result, or None; an empty path is the result itself."""
    value = result
    for key in filter(None, path.split(".")):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def rows_at(result: Any, path: str = "") -> list[dict[str, Any]]:
    """The rows of a list answer; maps keyed by number and empty PHP arrays are read too (bitrix24.md 4.4)."""
    value = at_path(result, path)
    many = list(value.values()) if isinstance(value, dict) else value
    return [row for row in many if isinstance(row, dict)] if isinstance(many, list) else []


def found_by(probe: Probe, result: Any) -> int | None:
    """The id of what the creating call had made, None when the probe's answer does not show it."""
    for row in rows_at(result, probe.many_path):
        value = str(row.get(probe.field) or "")
        if value == probe.equals or (probe.contains and probe.equals in value):
            try:
                return int(row.get("id") or row.get("ID") or 0) or None
            except (TypeError, ValueError):
                return None
    return None


def created_id(result: Any) -> int | None:
    """The id in the answer of a creating call, whatever its shape: a number, ``{"id"}``, ``{"task": {"id"}}``
    (bitrix24.md 10.1, 11.1). None when there is none."""
    value = result
    for _ in range(3):
        if isinstance(value, dict):
            value = next((value[key] for key in ("id", "ID", "task", "item") if key in value), None)
    try:
        return int(value) if value is not None and not isinstance(value, (dict, list, bool)) else None
    except (TypeError, ValueError):
        return None

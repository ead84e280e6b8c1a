"""The agency's staff at work in the portal: the acts of the story, and what they owe the wave."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from integration.bitrix.sandbox.story_year import Act

from .portal import Control, Json, PortalError
from .world import World

KINDS = ("lead", "deal", "company", "contact")


@dataclass
class Staff:
    """Does acts. ``known``: names of the story → ids in the portal."""

    control: Control
    known: dict[str, int] = field(default_factory=dict)
    _enums: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def do(self, act: Act) -> None:
        """One act. Raises ``PortalError`` if the portal refused it."""
        answer = self.control.act(act.user, act.method, self._filled(act.params))
        for name, path in act.keep.items():
            self.known[name] = int(_at(answer, path))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith("#"):
            kind, code, xml = value[1:].split(":")
            return self.enum(kind, code)[xml]
        head, mark, name = value.partition("@")
        if mark and name in self.known and head in ("", "CO_", "C_"):
            return f"{head}{self.known[name]}" if head else self.known[name]
        return value

    def enum(self, kind: str, code: str) -> dict[str, str]:
        """XML_ID → item id of an enumeration on a kind of card."""
        if (kind, code) not in self._enums:
            rows = self.control.act(1, f"crm.{kind}.userfield.list", {"filter": {"FIELD_NAME": code}})
            found = {item["XML_ID"]: str(item["ID"]) for row in rows for item in row.get("LIST") or ()}
            if not found:
                raise PortalError(f"there is no list {code} on {kind} cards")
            self._enums[kind, code] = found
        return self._enums[kind, code]


def _at(answer: Any, path: str) -> Any:
    for step in path.split("."):
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def waves(world: World) -> list[Json]:
    """The portal's waves as ``molva wave list`` shows them."""
    found: list[Json] = json.loads(world.molva("wave", "list", "--json"))
    return found


def doubtful_letters(world: World) -> list[Json]:
    """Letters that may or may not have gone."""
    rows: list[Json] = json.loads(world.molva("letters", "list", "--json"))
    return [row for row in rows if row.get("status") == "unknown"]

"""Kinds of cards and the bindings between them, as the portal writes them (bitrix24.md 7.1)."""

from __future__ import annotations

from typing import Any, Literal

Entity = Literal["lead", "deal", "contact", "company"]
ENTITY_TYPES: dict[str, int] = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
_PREFIXES: dict[str, str] = {"lead": "L", "deal": "D", "contact": "C", "company": "CO"}
_ENTITIES: dict[str, Entity] = {"L": "lead", "D": "deal", "C": "contact", "CO": "company"}


def crm_link(entity: Entity, id: int) -> str:
    """The stored form of a binding: ``crm_link("company", 5) == "CO_5"`` (bitrix24.md 7.1)."""
    return f"{_PREFIXES[entity]}_{id}"


def parse_link(value: Any, single_target: Entity | None = None) -> tuple[Entity, int] | None:
    """Reads a stored binding. With exactly one allowed target the portal may store the bare id:
    ``single_target`` names it (bitrix24.md 8.4). None for anything that names no lead, deal, contact or
    company."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    if value is None or isinstance(value, (bool, dict, float)):
        return None
    prefix, _, number = str(value).strip().rpartition("_")
    entity = _ENTITIES.get(prefix.upper()) if prefix else single_target
    if entity is None or not (number.isascii() and number.isdigit()) or len(number) > 18 or int(number) == 0:
        return None
    return entity, int(number)


def parse_links(value: Any, single_target: Entity | None = None) -> list[tuple[Entity, int]]:
    """Reads a multiple binding (or a single one); unreadable entries are left out."""
    many = value if isinstance(value, (list, tuple)) else [value]
    return [link for one in many if (link := parse_link(one, single_target)) is not None]

"""What a look at a portal has found, as plain facts that can be stored and shown later (product.md B1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import layouts, manifest, tabs
from integration.bitrix.call import rows_at
from integration.bitrix.links import Entity
from integration.bitrix.tabs import FoundTabs
from integration.store import checks

ENTITIES: tuple[Entity, ...] = ("lead", "deal", "company", "contact")


def facts(
    wanted: manifest.Wanted,
    found: tuple[Sequence[Mapping[str, Any]], Mapping[Entity, Sequence[dict[str, Any]]], FoundTabs],
) -> dict[str, Any]:
    """Events, tabs, fields and list values, each with what is missing or wrong."""
    events, fields, seen_tabs = found
    bound = {
        str(row.get("event", "")).upper() for row in events if str(row.get("handler", "")) == wanted.handler
    }
    missing = [event for event in wanted.events if event not in bound]
    return {
        "events": {"wanted": len(wanted.events), "missing": missing},
        "tabs": {e: tabs.state(wanted.base, e, seen_tabs) for e in ENTITIES} if wanted.base else {},
        "tabs_problem": seen_tabs.problem if wanted.base else "",
        "fields": {e: _fields(wanted, e, fields.get(e, ())) for e in ENTITIES},
        "items": {e: _items(wanted, e, fields.get(e, ())) for e in ENTITIES},
    }


def layout(result: Any, codes: Sequence[str]) -> dict[str, Any]:
    """How many of our fields of a kind a layout shows. `stored`: whether the portal has one of its own at all."""
    sections = layouts.read(result)
    there = set(layouts.names(sections))
    return {
        "stored": bool(sections),
        "of": len(codes),
        "shown": sum(code in there for code in codes),
        "section": any(one.get("name") == layouts.NAME for one in sections),
    }


def keep(session: Session, portal_id: int, found: Mapping[str, Any], now: datetime) -> None:
    """Store what was found now; topics that were not looked at stay as they were."""
    row = checks.locked(session, portal_id)
    row.found = {**(row.found or {}), **found}
    row.checked_at = now


def _fields(wanted: manifest.Wanted, entity: Entity, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    usable = manifest.FieldMap.of({entity: rows}, wanted.fields)
    specs = [spec for spec in wanted.fields if entity in spec.on]
    there = {str(row.get("FIELD_NAME", "")).upper(): row for row in rows}
    return {
        "wanted": len(specs),
        "missing": [spec.code for spec in specs if spec.code not in there],
        "wrong": [spec.code for spec in specs if spec.code in there and not usable.has(entity, spec.code)],
    }


def _items(wanted: manifest.Wanted, entity: Entity, rows: Sequence[dict[str, Any]]) -> list[str]:
    there = {str(row.get("FIELD_NAME", "")).upper(): row for row in rows}
    return [
        f"{spec.code}={value}"
        for spec in wanted.fields
        if entity in spec.on and spec.values and rows_at(there.get(spec.code, {}).get("LIST"))
        for value in manifest.missing_items(spec, there[spec.code])
    ]

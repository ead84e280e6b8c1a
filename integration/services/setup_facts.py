"""What a look at a portal has found, as plain facts that can be stored and shown later (product.md B1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import layouts, manifest, sources, tabs
from integration.bitrix.call import Call, rows_at
from integration.bitrix.links import Entity
from integration.store import checks

ENTITIES: tuple[Entity, ...] = ("lead", "deal", "company", "contact")


def facts(wanted: manifest.Wanted, found: manifest.Found) -> dict[str, Any]:
    """Events, tabs, fields, list values and the source, each with what is missing or wrong; what a repair would add."""
    events, fields, seen_tabs, seen_sources = found
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
        "source": _source(wanted, seen_sources),
        "plan": [name_of(call) for call in manifest.plan(replace(wanted, add_source=True), *found).calls],
    }


def name_of(call: Call) -> str:
    """What a planned call is about, for people: `deal.MOLVA_NPS_DATE`, `deal.list`, an event, a tab, `source.CODE`."""
    fields = call.params.get("fields") or {}
    if call.method == "crm.status.add":
        return f"source.{fields.get('STATUS_ID')}"
    named = call.params.get("event") or call.params.get("PLACEMENT") or fields.get("FIELD_NAME")
    if named and call.method.endswith("userfield.add"):
        return f"{call.method.split('.')[1]}.{named}"
    if call.method.endswith("userfield.update"):
        return f"{call.method.split('.')[1]}.list"
    return str(named or call.params.get("id") or call.method)


def _source(wanted: manifest.Wanted, found: sources.FoundSources) -> dict[str, Any]:
    names = (wanted.labels.get(manifest.SOURCE) or {}).values()
    state = sources.state(wanted.source, names, found)
    alike = sources.alike(names, found) if state == "alike" else ""
    return {"code": wanted.source, "state": state, "alike": alike}


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


def given_up(known: Mapping[str, Any] | None, code: str) -> bool:
    """Whether the source of this code was there before: if it is missing, somebody has deleted it (product.md B5)."""
    return code in ((known or {}).get("source") or {}).get("seen", ())


def keep(session: Session, portal_id: int, found: Mapping[str, Any], now: datetime) -> None:
    """Store what was found now; topics that were not looked at stay as they were."""
    row = checks.locked(session, portal_id)
    before = ((row.found or {}).get("source") or {}).get("seen", [])
    if (source := dict(found.get("source") or {})) and source.get("code"):
        there = [source["code"]] if source["state"] == "ok" else []
        found = {**found, "source": source | {"seen": list(dict.fromkeys([*before, *there]))}}
    elif before:
        found = {**found, "source": source | {"seen": before}}
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

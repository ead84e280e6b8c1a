"""Custom triggers of the application: what is registered, what should be, and firing one (bitrix24.md 14.1).

A trigger is a name and a code; where it stands and what it moves is the customer's own automation. It carries no
data, and its success says nothing about a stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration.bitrix.call import Call, rows_at
from integration.bitrix.links import ENTITY_TYPES

ANSWER = "molva-answer"
OF_GROUP: Mapping[str, str] = {
    "promoter": "molva-promoter",
    "passive": "molva-passive",
    "detractor": "molva-detractor",
}
CODES: tuple[str, ...] = (ANSWER, *OF_GROUP.values())


def trigger_list() -> Call:
    """The triggers of this application; administrators only, webhooks never."""
    return Call("crm.automation.trigger.list")


def trigger_add(code: str, name: str) -> Call:
    """Registers a trigger; the same code again only renames it, so it may be repeated. ``name`` has one language."""
    return Call("crm.automation.trigger.add", {"CODE": code, "NAME": name})


def trigger_execute(code: str, deal_id: int) -> Call:
    """Fires a trigger on a deal. What it has started cannot be looked up, so after an unknown outcome it is not made
    again by itself: there is no probe."""
    params = {"CODE": code, "OWNER_TYPE_ID": ENTITY_TYPES["deal"], "OWNER_ID": deal_id}
    return Call("crm.automation.trigger.execute", params, repeat=False)


def registered(result: Any) -> dict[str, str]:
    """Our triggers by code, with the names the portal shows, from the answer of ``trigger_list``."""
    rows = {str(row.get("CODE") or ""): str(row.get("NAME") or "") for row in rows_at(result)}
    return {code: name for code, name in rows.items() if code in CODES}


def plan(names: Mapping[str, str], found: Mapping[str, str]) -> list[Call]:
    """The calls after which every trigger is there by its name; none when they are."""
    return [trigger_add(code, name) for code, name in names.items() if found.get(code) != name]

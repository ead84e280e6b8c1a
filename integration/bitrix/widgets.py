"""Builders of the calls about tabs in cards and about what a card shows (bitrix24.md 8.5, 9.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integration.bitrix.call import Call, Probe
from integration.bitrix.links import ENTITY_TYPES, Entity

_PART_OF: dict[Entity, str] = {"deal": "dealCategoryId", "lead": "leadCustomerType"}


def placement_list() -> Call:
    """The codes of the places that this portal has."""
    return Call("placement.list")


def placement_get() -> Call:
    """The bindings of this application."""
    return Call("placement.get")


def placement_bind(code: str, handler: str, title: str, texts: Mapping[str, Mapping[str, str]]) -> Call:
    """Puts a tab into a card. ``texts``: TITLE and DESCRIPTION by the portal's language codes.

    A repeat makes a second tab, so plan against ``placement_get``; errors may come with HTTP 200.
    """
    params = {
        "PLACEMENT": code,
        "HANDLER": handler,
        "TITLE": title,
        "LANG_ALL": {language: dict(one) for language, one in texts.items()},
    }
    probe = Probe("placement.get", {}, "handler", handler)
    return Call("placement.bind", params, repeat=False, probe=probe)


def placement_unbind(code: str, handler: str) -> Call:
    """Takes all bindings of this very handler away; the answer's count is not their number."""
    return Call("placement.unbind", {"PLACEMENT": code, "HANDLER": handler})


def layout_get(entity: Entity, part: int = 0) -> Call:
    """The common layout of a kind of card. ``part``: the pipeline of deals, the kind of leads (1, 2)."""
    return Call("crm.item.details.configuration.get", _layout(entity, part))


def layout_set(entity: Entity, part: int, sections: Sequence[Mapping[str, Any]]) -> Call:
    """Replaces the common layout whole. People's own views stay as they are: no forcing (bitrix24.md 8.5)."""
    data = [dict(section) for section in sections]
    return Call("crm.item.details.configuration.set", {**_layout(entity, part), "data": data})


def _layout(entity: Entity, part: int) -> dict[str, Any]:
    params: dict[str, Any] = {"entityTypeId": ENTITY_TYPES[entity], "scope": "C"}
    if entity in _PART_OF:
        params["extras"] = {_PART_OF[entity]: part}
    return params

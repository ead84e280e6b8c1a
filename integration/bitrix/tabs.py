"""The tab of ours in the cards: what is bound, what should be, and the calls in between (bitrix24.md 9.1).

Several bindings in one place are several tabs, and a repeated binding may be a second one, so everything
is compared first. ``placement.get`` shows only the bindings of this application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from integration.bitrix.call import Call
from integration.bitrix.links import Entity
from integration.bitrix.widgets import placement_bind, placement_unbind

ENTITIES: tuple[Entity, ...] = ("lead", "deal", "contact", "company")
PATH = "/bitrix/placement/"
TabState = Literal["ok", "missing", "elsewhere", "double", "not_offered", "unknown"]


@dataclass(frozen=True)
class FoundTabs:
    """``bound``: rows of ``placement.get``; ``offered``: codes of ``placement.list``. ``problem``: the
    portal's code where it did not say, and then nothing is known."""

    bound: tuple[Mapping[str, Any], ...] = ()
    offered: frozenset[str] = frozenset()
    problem: str = ""


def code_of(entity: Entity) -> str:
    """The portal's name of the place."""
    return f"CRM_{entity.upper()}_DETAIL_TAB"


def handler_of(base: str, entity: Entity) -> str:
    """The address that the tab opens; ``base`` is Molva's public address."""
    return f"{base.rstrip('/')}{PATH}{code_of(entity).lower()}"


def state(base: str, entity: Entity, found: FoundTabs) -> TabState:
    """How the tab of one kind of card stands."""
    if found.problem:
        return "unknown"
    handlers = _ours(entity, found)
    if not handlers and code_of(entity) not in found.offered:
        return "not_offered"
    if handlers.count(handler_of(base, entity)) > 1:
        return "double"
    if any(one != handler_of(base, entity) for one in handlers):
        return "elsewhere"
    return "ok" if handlers else "missing"


def plan(base: str, title: str, texts: Mapping[str, Mapping[str, str]], found: FoundTabs) -> list[Call]:
    """The calls after which each card has our tab once, at this address; cut anywhere they may be made anew.

    A binding of ours to another address is taken away; one that is there twice is taken away and made again,
    because the portal removes all bindings of a handler together. Other handlers are not touched.
    """
    calls: list[Call] = []
    if found.problem:
        return calls
    for entity in ENTITIES:
        code, wanted, handlers = code_of(entity), handler_of(base, entity), _ours(entity, found)
        right = handlers.count(wanted)
        calls += [placement_unbind(code, one) for one in dict.fromkeys(handlers) if one != wanted]
        if right > 1:
            calls.append(placement_unbind(code, wanted))
        if right != 1 and code in found.offered:
            calls.append(placement_bind(code, wanted, title, texts))
    return calls


def _ours(entity: Entity, found: FoundTabs) -> list[str]:
    """Handlers bound in this place that have the path of our tab, at whatever host."""
    handlers = [
        str(row.get("handler") or "")
        for row in found.bound
        if str(row.get("placement") or "").upper() == code_of(entity)
    ]
    return [one for one in handlers if urlsplit(one).path.lower().endswith(PATH + code_of(entity).lower())]


def codes(result: Any) -> frozenset[str]:
    """The codes of ``placement.list``."""
    many: Sequence[Any] = list(result.values()) if isinstance(result, dict) else result or []
    return frozenset(str(one).upper() for one in many)

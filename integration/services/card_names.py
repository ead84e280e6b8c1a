"""Names in the tab that the role does not tell and the portal does, which shows this person the cards (P2, R7).

A seller who has just chosen whoever recommended a client is to read who it was, and a manager whom to thank for.
Money stays with those who see the client by role.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from integration.bitrix.call import Call, rows_at
from integration.bitrix.calls import item_list
from integration.bitrix.errors import BitrixError
from integration.logs import log
from integration.nps.people import CardKey, CardKind
from integration.services import viewer_token
from integration.services.card_types import Brought, Came, CardView
from integration.services.deps import Deps
from integration.services.frames import Viewer

MOST = 50  # cards of a kind: one page of a list


def told(deps: Deps, who: Viewer, seen: CardView) -> CardView:
    """The tab with these names; one request with the person's own token, none where nothing is missing.

    A portal that does not answer leaves the numbers of the cards.
    """
    names = _asked(deps, who, _missing(seen))
    if not names:
        return seen
    came = _came(seen.came, names) if seen.came else None
    return replace(seen, came=came, brought=_brought(seen.brought, names) if seen.brought else None)


def _missing(seen: CardView) -> list[CardKey]:
    found: list[CardKey] = []
    if seen.came:
        pairs = ((seen.came.named, seen.came.name), (seen.came.client, seen.came.client_name))
        found += [key for key, name in pairs if key is not None and not name]
    lines = seen.brought.lines if seen.brought else ()
    return found + [
        one.newcomer.key for one in lines if not (one.newcomer.seen or one.newcomer.name or one.newcomer.gone)
    ]


def _came(came: Came, names: Mapping[CardKey, str]) -> Came:
    name = came.name or (names.get(came.named, "") if came.named else "")
    return replace(
        came, name=name, client_name=came.client_name or (names.get(came.client, "") if came.client else "")
    )


def _brought(brought: Brought, names: Mapping[CardKey, str]) -> Brought:
    lines = tuple(
        replace(one, newcomer=replace(one.newcomer, name=names[one.newcomer.key]))
        if one.newcomer.key in names
        else one
        for one in brought.lines
    )
    return replace(brought, lines=lines)


def _asked(deps: Deps, who: Viewer, keys: Iterable[CardKey]) -> dict[CardKey, str]:
    """What these cards are called, of those that the portal shows to this person."""
    wanted: dict[CardKind, list[int]] = {}
    for key in dict.fromkeys(keys):
        wanted.setdefault(key.kind, []).append(key.id)
    rest = viewer_token.rest_of(deps, who) if wanted else None
    if rest is None:
        return {}
    calls: dict[str, Call] = {
        kind: item_list(kind, ["*"], filter={"@id": numbers[:MOST]})
        for kind, numbers in sorted(wanted.items())
    }
    try:
        got = rest.batch(calls)
    except BitrixError as error:
        log(__name__).info("card.names_failed", portal=who.portal_id, code=error.code)
        return {}
    found: dict[CardKey, str] = {}
    for kind, answer in got.answers.items():
        for item in rows_at(answer.result, "items"):
            if name := _name(kind, item):
                found[CardKey(kind, int(item["id"]))] = name  # type: ignore[arg-type]
    return found


def _name(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "contact":
        return " ".join(part for key in ("name", "lastName") if (part := str(item.get(key) or "").strip()))
    return str(item.get("title") or "").strip()

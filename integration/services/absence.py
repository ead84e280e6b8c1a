"""Whether cards that a list does not show are gone, or only hidden from the service user (product.md T3).

A list leaves out what its user may not read, without a word (bitrix24.md 12.2), so an absence alone proves nothing,
of one card as little as of thousands. An administrator is shown everything; for anybody else each card is asked
for by itself: what is gone is not found, what is hidden is denied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError, NotFound, Refused, Retryable
from integration.bitrix.paging import BATCH, PAGE
from integration.services.access import PortalRest


@dataclass(frozen=True, slots=True)
class Absent:
    """`gone`: not in the portal any more; `hidden`: there, but the service user may not read them; `unclear`: the
    portal stumbles over this very card, and nobody can tell."""

    gone: list[int]
    hidden: list[int]
    unclear: dict[int, BitrixError] = field(default_factory=dict)


def proven(rest: PortalRest, kind: Any, ids: Sequence[int]) -> Absent:
    """Which of these cards, that a list of theirs has just left out, are gone. Raises `BitrixError`.

    One short request where the token is an administrator's.
    """
    if not ids:
        return Absent([], [])
    if _sees_all(rest.call(calls.profile()).result):
        return Absent(list(ids), [])
    return each(rest, kind, ids)


def each(rest: PortalRest, kind: Any, ids: Sequence[int]) -> Absent:
    """The same by asking for each, fifty in a request. Raises `BitrixError` where the portal cannot be asked now."""
    found = Absent([], [])
    for start in range(0, len(ids), BATCH):
        got = rest.batch({str(card): calls.item_get(kind, card) for card in ids[start : start + BATCH]})
        for key, error in got.errors.items():
            if isinstance(error, NotFound):
                found.gone.append(int(key))
            elif isinstance(error, Refused):
                found.hidden.append(int(key))
            elif isinstance(error, Retryable) and error.effect == "unknown":  # a fault of this call, no limit
                found.unclear[int(key)] = error
            else:
                raise error
    return Absent(sorted(found.gone), sorted(found.hidden), found.unclear)


def listed_again(rest: PortalRest, kind: Any, ids: Sequence[int]) -> tuple[list[int], bool]:
    """Those of up to 2,450 cards that a second list leaves out as well, and whether an administrator asked."""
    parts = {f"p{start}": list(ids[start : start + PAGE]) for start in range(0, len(ids), PAGE)}
    batch = {key: calls.item_list(kind, ["id"], filter={"@id": part}) for key, part in parts.items()}
    got = rest.batch({"who": calls.profile(), **batch})
    for error in got.errors.values():
        raise error
    there = {int(row["id"]) for key in parts for row in calls.rows_at(got.answers[key].result, "items")}
    return [card for card in ids if card not in there], _sees_all(got.answers["who"].result)


def _sees_all(profile: Any) -> bool:
    """Whether the portal calls the token's user an administrator, who is shown every card."""
    return isinstance(profile, dict) and profile.get("ADMIN") in (True, "Y", "true", "1")

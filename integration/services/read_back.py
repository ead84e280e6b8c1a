"""The first write of each of our fields is read back from the card: what a portal ignores it ignores without a word.

A field that does not exist takes nothing and no error tells (bitrix24.md pitfall 29); the answer to the write
shows the card as it was handed in, not as it was stored. So a field counts as proven, on its kind of card in
this portal, when a value of ours was found there by a read of its own; that is kept with the portal's fields,
and later writes cost nothing. A field that was deleted and made anew has another id and is proven anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.links import parse_link
from integration.bitrix.records import uf_day, uf_enum, uf_flag, uf_int
from integration.logs import log
from integration.services.access import PortalRest
from integration.services.deps import BatchAnswer, Deps
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow

UPDATE = "crm.item.update"
_KIND_OF: dict[int, Any] = {number: kind for kind, number in calls.ENTITY_TYPES.items()}
Unproven = dict[tuple[str, int], dict[str, tuple[str, Any]]]  # kind and id of a card -> code -> type, value


def checked(deps: Deps, rest: PortalRest, sent: Sequence[OutboxRow], got: BatchAnswer) -> BatchAnswer:
    """The answers of a batch of writes, those that wrote a field for the first time as a read of the card shows them.

    One request more for each such batch. A write whose read did not work has no answer, so that it is
    made and read again later.
    """
    worked = [row for row in sent if row.method == UPDATE and str(row.id) in got.answers]
    wanted = _unproven(deps, rest.portal_id, worked) if worked else {}
    if not wanted:
        return got
    try:
        seen = rest.batch({_key(card): _get(card) for card in wanted})
    except BitrixError as error:
        seen = BatchAnswer({}, {_key(card): error for card in wanted})
    _keep(deps, rest.portal_id, wanted, seen)
    answers, errors = dict(got.answers), dict(got.errors)
    for row in worked:
        card = _card_of(row)
        if card not in wanted:
            continue
        if _key(card) in seen.answers:
            answers[str(row.id)] = replace(answers[str(row.id)], result=seen.answers[_key(card)].result)
        elif isinstance(failed := seen.errors.get(_key(card)), Retryable):
            del answers[str(row.id)]
            errors[str(row.id)] = failed
    return replace(got, answers=answers, errors=errors)


def _key(card: tuple[str, int]) -> str:
    return f"{card[0]}{card[1]}"


def _get(card: tuple[str, int]) -> Call:
    kind: Any = card[0]
    return calls.item_get(kind, card[1])


def _card_of(row: OutboxRow) -> tuple[str, int]:
    params = row.call["params"]
    return str(_KIND_OF.get(params.get("entityTypeId"), "")), int(params.get("id") or 0)


def _unproven(deps: Deps, portal_id: int, worked: Sequence[OutboxRow]) -> Unproven:
    """One card for each field that was written with a value and has never been found on this kind of card."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        known: Mapping[str, Any] = (portal.fields if portal is not None else None) or {}
    found: Unproven = {}
    chosen: set[tuple[str, str]] = set()
    for row in worked:
        kind, number = _card_of(row)
        ours = known.get(kind) or {}
        for code, value in row.call["params"]["fields"].items():
            new = code in ours and not ours[code].get("proven") and (kind, code) not in chosen
            if new and says_something(value):
                chosen.add((kind, code))
                found.setdefault((kind, number), {})[code] = str(ours[code].get("type")), value
    return found


def _keep(deps: Deps, portal_id: int, wanted: Unproven, seen: BatchAnswer) -> None:
    """Note the fields whose values have arrived."""
    arrived = {
        (card[0], code)
        for card, fields in wanted.items()
        if _key(card) in seen.answers
        for code, (kind, value) in fields.items()
        if _same(kind, value, _item(seen.answers[_key(card)].result).get(code))
    }
    missed = [
        f"{card[0]}.{code}"
        for card, many in wanted.items()
        for code in many
        if (card[0], code) not in arrived
    ]
    if missed:
        log(__name__).warning("fields.not_proven", portal=portal_id, fields=missed)
    if not arrived:
        return
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None:
            return
        portal.fields = {
            kind: {
                code: {**about, "proven": True} if (kind, code) in arrived else about
                for code, about in codes.items()
            }
            for kind, codes in (portal.fields or {}).items()
        }


def _item(result: Any) -> Mapping[str, Any]:
    item = result.get("item") if isinstance(result, dict) else None
    return item if isinstance(item, dict) else {}


def says_something(value: Any) -> bool:
    """Whether a value can be told from an empty field."""
    return value is not False and value not in (None, "", "N", [], {})


def _same(kind: str, written: Any, read: Any) -> bool:
    """Whether what was read is what was written; texts may come back trimmed or escaped, so there any text will do."""
    if not says_something(read):
        return False
    match kind:
        case "boolean":
            return uf_flag(read) == uf_flag(written)
        case "date":
            return uf_day(read) == uf_day(written)
        case "enumeration":
            return uf_enum(read) == uf_enum(written)
        case "integer":
            return uf_int(read) == uf_int(written)
        case "crm":
            link = parse_link(written)
            return link is not None and (parse_link(read) == link or str(read) == str(link[1]))
        case _:
            return True

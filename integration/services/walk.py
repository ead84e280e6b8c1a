"""The nightly walk over all cards: what neither events nor dates of change can show (product.md T3).

Deletions and merges leave no card to ask, a merged client is replaced on its deals without a change of their
date, a deleted field takes its values along, an address belongs to no card. So once a night every card is
listed, 2,500 in a request as in the first synchronisation, and compared with the mirror.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from integration.bitrix import calls
from integration.bitrix.errors import Refused
from integration.bitrix.limits import next_look
from integration.bitrix.paging import BATCH, PAGE, Pages, chained_pages
from integration.logs import log
from integration.services import absence, changes, directory, mirror, pace, states
from integration.services.access import PortalRest
from integration.services.cards import TABLES, Reading, rows_of
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.projects import entries
from integration.services.reading import histories, joined, keep_gone, reading_of
from integration.services.reconcile import check_tasks, keep_fresh
from integration.store import mirror as rows
from integration.store import portals as portal_rows
from integration.store.base import reading as reading_transaction
from integration.store.base import transaction

FEWEST = 0.5  # of the mirrored cards a walk must find; where more are missing, each is asked for
MOST = 500  # cards asked for one by one in a slice
AGAIN = (BATCH - 1) * PAGE  # cards listed once more in one request
LIST = "crm.item.list"


def walk(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `walk`: one slice over the cards of one kind; then cities, then staff, pipelines and our open tasks.

    What the mirror has and the portal has not is marked as deleted, what stands otherwise in the portal is
    taken over. Cards that are there and hidden, because the service user's rights have shrunk, stay as they are,
    and people are told.
    """
    portal, reading = reading_of(deps, portal_id)
    now = deps.clock.now()
    if portal.synced_at is None:
        return Outcome()
    place = cursor or {"kind": reading.kinds[0], "after": 0}
    if place["kind"] == "rest":
        people = directory.read(PortalRest(deps, portal_id))
        with transaction(deps.sessions) as session:
            directory.save(session, portal_id, people)
        check_tasks(deps, portal_id)
        return Outcome()
    if place["kind"] == "cities":
        return _cities(deps, reading, place, now)
    if place["kind"] not in reading.kinds:
        return Outcome(now, _next(reading, place))  # leads were switched off meanwhile
    with transaction(deps.sessions) as session:
        found = pace.read(session, portal_id, "", now)
        known = rows.count(session, portal_id, TABLES[place["kind"]], int(place["after"]))
    size = min(BATCH, known // PAGE + 1, found.size(LIST, now))
    if not size:
        return Outcome(next_look(found.meters, [LIST], now), place)
    pages = _pages(PortalRest(deps, portal_id), reading, place, size)
    place = _compare(deps, reading, place, pages, now)
    if place["asked"]:
        return Outcome(now, place)  # more is missing than can be asked for at once
    after = max((int(row["id"]) for row in pages.rows if row.get("id")), default=0)
    if not pages.exhausted:
        return Outcome(now, {**place, "after": after})
    _note_rights(deps, portal_id, place["kind"], bool(place["hidden"]))
    return Outcome(now, _next(reading, place))


def _cities(deps: Deps, reading: Reading, place: dict[str, Any], now: datetime) -> Outcome:
    """Cities of 2,500 companies; where they may not be read, the rest of the walk goes on without them."""
    try:
        after, due = mirror.cities(deps, reading.portal_id, reading, int(place["after"]))
    except Refused as error:
        log(__name__).warning("walk.no_cities", portal=reading.portal_id, code=error.code)
        after, due = None, None
    return Outcome(due or now, _next(reading, place) if after is None else {**place, "after": after})


def _next(reading: Reading, place: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [*reading.kinds, "cities", "rest"]
    following = kinds.index(place["kind"]) + 1 if place["kind"] in kinds else kinds.index("cities")
    return {"kind": kinds[following], "after": 0}


def _pages(rest: PortalRest, reading: Reading, place: Mapping[str, Any], size: int) -> Pages:
    kind = place["kind"]
    select = reading.select(kind)
    got = rest.batch(
        chained_pages(lambda ref: calls.item_list(kind, select, after_id=ref), int(place["after"]), size)
    )
    return joined(got)


def _compare(
    deps: Deps, reading: Reading, place: Mapping[str, Any], pages: Pages, now: datetime
) -> dict[str, Any]:
    """Mark what is gone, take over what differs, and read the history of deals never seen before.

    The place in which `asked` is the last missing card that was asked for, 0 if all were, and `hidden` tells whether
    any was denied.
    """
    kind = str(place["kind"])
    there = {int(row["id"]) for row in pages.rows if row.get("id")}
    after, upto = int(place["after"]), None if pages.exhausted else max(there, default=int(place["after"]))
    with reading_transaction(deps.sessions) as session:
        mirrored = rows.living(session, reading.portal_id, TABLES[kind], after, upto)
        new = there - mirrored if kind == "deal" else set()
        unseen = sorted(new - rows.stored(session, reading.portal_id, TABLES[kind], new).keys())
    few = len(there & mirrored) < FEWEST * len(mirrored)
    missing = [card for card in sorted(mirrored - there) if card > int(place.get("asked") or 0)]
    hidden, asked = _mark(deps, reading, kind, missing, few, now)
    moves = histories(PortalRest(deps, reading.portal_id), reading.portal_id, unseen) if unseen else []
    with transaction(deps.sessions) as session:
        rows.put_moves(session, reading.portal_id, moves)
        entries.entered(session, reading.portal_id, moves)
    keep_fresh(deps, reading, kind, rows_of(reading, kind, pages.rows), now)
    return {**place, "hidden": bool(place.get("hidden")) or hidden, "asked": asked}


def _mark(
    deps: Deps, reading: Reading, kind: str, missing: Sequence[int], few: bool, now: datetime
) -> tuple[bool, int]:
    """Mark those as gone that are; whether any is only hidden, and the last one asked for if that were not all.

    A card may have been made while the lists were on their way, so they are listed once more. Where the service
    user is no administrator, or so `few` are left that the lists themselves are in doubt, each is asked for.
    """
    if not missing:
        return False, 0
    rest = PortalRest(deps, reading.portal_id)
    gone: list[int] = []
    hidden, asked = False, 0
    for start in range(0, len(missing), AGAIN):
        absent, sees_all = absence.listed_again(rest, kind, missing[start : start + AGAIN])
        if sees_all and not few:
            gone += absent
            continue
        found = absence.each(rest, kind, absent[:MOST])
        gone += found.gone
        hidden = hidden or bool(found.hidden)
        if found.unclear:  # looked at again next night; nothing else waits for them
            log(__name__).warning(
                "walk.unclear", portal=reading.portal_id, kind=kind, cards=len(found.unclear)
            )
        if len(absent) > MOST or len(missing) > start + AGAIN:
            asked = absent[:MOST][-1] if absent else missing[start : start + AGAIN][-1]
            break
    with transaction(deps.sessions) as session:
        marked = keep_gone(session, reading, kind, gone, now)
        for card in marked:
            changes.gone(deps, session, reading.portal_id, kind, card)
    log(__name__).info("mirror.deleted", portal=reading.portal_id, kind=kind, cards=len(marked))
    return hidden, asked


def _note_rights(deps: Deps, portal_id: int, kind: str, hidden: bool) -> None:
    """Tell people that the service user sees less than before, or that it sees all again."""
    with reading_transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
    told = portal.problem if portal is not None else ""
    if hidden:
        states.note(deps, portal_id, f"rights:{kind}")
    elif told == f"rights:{kind}":
        states.note(deps, portal_id, "")

"""The mirror: first synchronisation, refreshing single cards, making good what events did not tell (product.md T2, T3).

The long ones are chores that go on from a cursor: each slice is one request of up to 50 lists of 50 cards,
inside the portal's limits, and its rows are committed before the cursor moves on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from integration.bitrix import calls
from integration.bitrix.call import Call, Ref, rows_at
from integration.bitrix.limits import next_look
from integration.bitrix.paging import BATCH, PAGE, Pages, chained_pages
from integration.logs import log
from integration.services import pace
from integration.services.access import PortalRest
from integration.services.cards import TABLES, Reading, rows_of
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.projects import entries
from integration.services.reading import (
    MOST,
    MOVES,
    Look,
    joined,
    keep,
    look,
    moves_of,
    read_cities,
    reading_of,
)
from integration.store import chores as chore_rows
from integration.store import mirror as rows
from integration.store import portals as portal_rows
from integration.store.base import transaction

WAIT_FOR_SETUP = timedelta(seconds=3)
STEPS = ("top", "company", "contact", "deal", "lead", "history", "cities", "finish")
HISTORY = "crm.stagehistory.list"
LIST = "crm.item.list"


def refresh(deps: Deps, portal_id: int, kind: str, ids: Sequence[int]) -> Look:
    """Read these cards now and put them into the mirror; raises `BitrixError` when the portal does not answer."""
    _, reading = reading_of(deps, portal_id)
    rest = PortalRest(deps, portal_id)
    found = Look()
    for start in range(0, len(ids), MOST):
        found = look(rest, reading, {kind: ids[start : start + MOST]})
        with transaction(deps.sessions) as session:
            keep(session, reading, found, deps.clock.now())
    return found


# --- first synchronisation


def first_sync(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `first_sync`: one slice. The cursor names the step and the last id read in it."""
    portal, reading = reading_of(deps, portal_id)
    now = deps.clock.now()
    if portal.setup_at is None:
        return Outcome(now + WAIT_FOR_SETUP, cursor)  # our fields must be there before cards are read
    place = cursor or {"step": "top", "after": 0, "tops": {}, "started": now.isoformat(), "read": {}}
    match place["step"]:
        case "top":
            place = _tops(PortalRest(deps, portal_id), reading, place)
        case "finish":
            return _finish(deps, portal_id, reading, place)
        case "cities":
            place, due = _cities(deps, portal_id, reading, place)
            return Outcome(due or now, place)
        case _:
            place, due = _slice(deps, portal_id, reading, place)
            return Outcome(due or now, place)
    return Outcome(now, place)


def _tops(rest: PortalRest, reading: Reading, place: dict[str, Any]) -> dict[str, Any]:
    """The highest ids there are, so that the last page needs no empty page behind it to be known as the last."""
    batch: dict[str, Call] = {kind: _highest(calls.item_list(kind, ["id"]), "id") for kind in reading.kinds}
    batch["history"] = _highest(calls.stage_history("deal", select=["ID"]), "ID")
    got = rest.batch(batch)
    for error in got.errors.values():
        raise error
    tops = {}
    for key, answer in got.answers.items():
        ids = [int(row.get("id") or row.get("ID") or 0) for row in rows_at(answer.result, "items")]
        tops[key] = max(ids, default=0)
    return {**place, "tops": tops, "step": "company", "after": 0}


def _highest(call: Call, field: str) -> Call:
    params = {key: value for key, value in call.params.items() if key != "filter"}
    return replace(call, params={**params, "order": {field: "DESC"}})


def _slice(
    deps: Deps, portal_id: int, reading: Reading, place: dict[str, Any]
) -> tuple[dict[str, Any], datetime | None]:
    """One request of chained lists of the step's kind; the moment to go on if there is no room now."""
    step, after, top = str(place["step"]), int(place["after"]), int(place["tops"].get(place["step"], 0))
    if after >= top:
        return _next(place), None
    method = HISTORY if step == "history" else LIST
    size, due = _room(deps, portal_id, method, -(-(top - after) // PAGE))
    if not size:
        return place, due
    pages = _read_pages(PortalRest(deps, portal_id), reading, step, after, size)
    with transaction(deps.sessions) as session:
        if step == "history":
            moves = moves_of(portal_id, pages.rows)
            rows.put_moves(session, portal_id, moves)
            entries.entered(session, portal_id, moves)
        else:
            cards = rows_of(reading, step, pages.rows)
            rows.put_cards(session, TABLES[step], cards, keep_city=not reading.city)
    last = max((int(row.get("id") or row.get("ID") or 0) for row in pages.rows), default=after)
    read = {**place.get("read", {}), step: place.get("read", {}).get(step, 0) + len(pages.rows)}
    place = {**place, "after": last, "read": read}
    return (_next(place) if pages.exhausted or last >= top else place), None


def _room(deps: Deps, portal_id: int, method: str, pages: int) -> tuple[int, datetime | None]:
    """How many lists the method's execution budget lets through now, else when to look again (product.md T4)."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = pace.read(session, portal_id, "", now)
    size = min(BATCH, pages, found.size(method, now))
    return size, None if size else next_look(found.meters, [method], now)


def _read_pages(rest: PortalRest, reading: Reading, step: str, after: int, size: int) -> Pages:
    got = rest.batch(_chain(reading, step, after, size))
    return joined(got)


def _chain(reading: Reading, step: str, after: int, size: int) -> dict[str, Call]:
    if step == "history":
        return chained_pages(_history_page, after, size, "[items][49][ID]")
    return chained_pages(partial(_card_page, reading, step), after, size)


def _history_page(after: int | Ref) -> Call:
    return calls.stage_history("deal", after_id=after, select=MOVES)


def _card_page(reading: Reading, kind: Any, after: int | Ref) -> Call:
    return calls.item_list(kind, reading.select(kind), after_id=after)


def _next(place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "step": STEPS[STEPS.index(str(place["step"])) + 1], "after": 0}


def _cities(
    deps: Deps, portal_id: int, reading: Reading, place: dict[str, Any]
) -> tuple[dict[str, Any], datetime | None]:
    after, due = cities(deps, portal_id, reading, int(place["after"]))
    return (_next(place) if after is None else {**place, "after": after}), due


def cities(deps: Deps, portal_id: int, reading: Reading, after: int) -> tuple[int | None, datetime | None]:
    """Cities of up to 2,500 companies behind `after` in one request, 50 companies a list (bitrix24.md 7.11).

    The last company read, nothing at the end; and the moment to go on if there is no room now.
    """
    if reading.city:
        return None, None
    size, due = _room(deps, portal_id, "crm.address.list", BATCH)
    if not size:
        return after, due
    with transaction(deps.sessions) as session:
        ids = rows.companies_after(session, portal_id, after, size * PAGE)
    if not ids:
        return None, None
    parts = {f"a{start}": ids[start : start + PAGE] for start in range(0, len(ids), PAGE)}
    found = dict.fromkeys(ids, "") | read_cities(PortalRest(deps, portal_id), parts)
    with transaction(deps.sessions) as session:
        rows.put_cities(session, portal_id, found)
    return (ids[-1] if len(ids) == size * PAGE else None), None


def _finish(deps: Deps, portal_id: int, reading: Reading, place: dict[str, Any]) -> Outcome:
    """Changes since the beginning are reconciled from now on; a repeated synchronisation looks for deletions."""
    now = deps.clock.now()
    started = datetime.fromisoformat(str(place["started"]))
    with transaction(deps.sessions) as session:
        portal = portal_rows.locked(session, portal_id)
        if portal is None:
            return Outcome()
        again = portal.synced_at is not None
        portal.synced_at = now
        for kind in reading.kinds:
            rows.set_watermark(session, portal_id, kind, started)
        rows.set_history_mark(session, portal_id, int(place["tops"].get("history", 0)), now)
        chore_rows.hasten(
            session, portal_id, ("reconcile", "plan_wave", "referrals", *(("walk",) if again else ())), now
        )
    log(__name__).info("portal.synchronised", portal=portal_id, **place.get("read", {}))
    return Outcome()

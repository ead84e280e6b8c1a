"""What events did not tell: changes since a watermark, and a nightly walk over all ids (product.md T2, T3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.bitrix.limits import next_look
from integration.bitrix.paging import BATCH, Pages, chained_pages
from integration.logs import log
from integration.services import directory, followups, pace, states
from integration.services.access import PortalRest
from integration.services.cards import TABLES, Reading, rows_of
from integration.services.changes import changed_all
from integration.services.chore_types import Outcome
from integration.services.deps import BatchAnswer, Deps
from integration.services.reading import MOST, MOVES, chain, joined, keep, look, moves_of, reading_of
from integration.store import followups as followup_rows
from integration.store import mirror as rows
from integration.store import portals as portal_rows
from integration.store.base import reading as reading_transaction
from integration.store.base import transaction

OVERLAP = timedelta(minutes=5)
DEPTH = 10  # chained lists per kind of card in one request
FEWEST = 0.5  # of the mirrored cards a walk must find, else the token's rights have shrunk
STEP = 50  # cards in one transaction
SMALL = 20  # cards; below that a share says nothing


def reconcile(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `reconcile`: one request, more as long as lists come full.

    Reads what was changed since the watermark of each kind, a little overlapping, and the stage history
    behind the last row known. Cards the mirror already has in this state are passed over (product.md B6).
    """
    portal, reading = reading_of(deps, portal_id)
    now = deps.clock.now()
    if portal.synced_at is None:
        return Outcome()
    with reading_transaction(deps.sessions) as session:
        marks = rows.watermarks(session, portal_id)
        move = rows.last_move(session, portal_id)
    place = cursor or {
        "after": dict.fromkeys(reading.kinds, 0),
        "since": _since(marks, reading, now),
        "seen": {},
    }
    batch = _moves(move)
    for kind in place["after"]:
        batch |= _changed(reading, kind, place)
    got = PortalRest(deps, portal_id).batch(batch)
    place, more = _take(deps, reading, got, place, now)
    if portal.kind == "webhook":
        check_tasks(deps, portal_id)
    if more:
        return Outcome(now, place)
    with transaction(deps.sessions) as session:
        for kind, seen in place["seen"].items():
            rows.set_watermark(session, portal_id, kind, datetime.fromisoformat(seen))
    return Outcome()


def _since(marks: Mapping[str, datetime | None], reading: Reading, now: datetime) -> dict[str, str]:
    return {
        kind: ((marks.get(kind) or now) - OVERLAP).isoformat(timespec="seconds") for kind in reading.kinds
    }


def _moves(after: int) -> dict[str, Call]:
    return chain(
        "history",
        lambda ref: calls.stage_history("deal", after_id=ref, select=MOVES),
        after,
        DEPTH,
        "[items][49][ID]",
    )


def _changed(reading: Reading, kind: Any, place: Mapping[str, Any]) -> dict[str, Call]:
    since = {">=updatedTime": place["since"][kind]}
    select = reading.select(kind)
    return chain(
        kind,
        lambda ref: calls.item_list(kind, select, filter=since, after_id=ref),
        int(place["after"][kind]),
        DEPTH,
    )


def _take(
    deps: Deps, reading: Reading, got: BatchAnswer, place: dict[str, Any], now: datetime
) -> tuple[dict[str, Any], bool]:
    """Keep what came; the place to go on from, and whether to go on at once."""
    after, seen = dict(place["after"]), dict(place["seen"])
    history = joined(got, "history")
    for kind in list(after):
        pages = joined(got, kind)
        cards = rows_of(reading, kind, pages.rows)
        _keep_fresh(deps, reading, kind, cards)
        moments = [card["updated_at"] for card in cards if card["updated_at"] is not None]
        if moments:
            seen[kind] = max([max(moments).isoformat(), *([seen[kind]] if kind in seen else [])])
        if pages.exhausted:
            after.pop(kind)
        else:
            after[kind] = max(card["id"] for card in cards)
    with transaction(deps.sessions) as session:
        rows.put_moves(session, reading.portal_id, moves_of(reading.portal_id, history.rows))
    return {**place, "after": after, "seen": seen}, bool(after) or not history.exhausted


def _keep_fresh(deps: Deps, reading: Reading, kind: str, cards: Sequence[dict[str, Any]]) -> None:
    """Put cards into the mirror that it does not have in this state, each with its consequences."""
    with reading_transaction(deps.sessions) as session:
        wanted = set(_unknown(session, reading, kind, cards))
    fresh = [card for card in cards if card["id"] in wanted]
    for start in range(0, len(fresh), STEP):
        part = fresh[start : start + STEP]
        with transaction(deps.sessions) as session:
            rows.put_cards(session, TABLES[kind], part, keep_city=not reading.city)
            changed_all(deps, session, reading.portal_id, kind, [card["id"] for card in part])
    if fresh:
        log(__name__).info("mirror.reconciled", portal=reading.portal_id, kind=kind, cards=len(fresh))


def _unknown(session: Session, reading: Reading, kind: str, cards: Sequence[dict[str, Any]]) -> list[int]:
    """Ids of those cards that the mirror does not have in this state yet."""
    known = rows.known(session, reading.portal_id, TABLES[kind], [card["id"] for card in cards])
    return [
        card["id"]
        for card in cards
        if card["id"] not in known or known[card["id"]][1] or known[card["id"]][0] != card["updated_at"]
    ]


# --- the nightly walk


def walk(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `walk`: one slice over the ids of one kind; then staff and pipelines, then our open tasks.

    What the mirror has and the portal has not is marked as deleted, what the portal has and the mirror has
    not is read. If suddenly most cards are missing, the service user's rights have shrunk: nothing is marked.
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
    with transaction(deps.sessions) as session:
        found = pace.read(session, portal_id, "", now)
    size = min(BATCH, found.size("crm.item.list", now))
    if not size:
        return Outcome(next_look(found.meters, ["crm.item.list"], now), place)
    pages = _ids(PortalRest(deps, portal_id), place, size)
    missing = _compare(deps, reading, place, pages, now)
    for start in range(0, len(missing), MOST):
        _read_missing(deps, reading, place["kind"], missing[start : start + MOST])
    return Outcome(now, _onwards(reading, place, pages))


def _ids(rest: PortalRest, place: Mapping[str, Any], size: int) -> Pages:
    kind = place["kind"]
    got = rest.batch(
        chained_pages(lambda ref: calls.item_list(kind, ["id"], after_id=ref), int(place["after"]), size)
    )
    return joined(got)


def _compare(
    deps: Deps, reading: Reading, place: Mapping[str, Any], pages: Pages, now: datetime
) -> list[int]:
    """Mark what is gone; the ids that the mirror lacks."""
    there = {int(row["id"]) for row in pages.rows if row.get("id")}
    model, after = TABLES[place["kind"]], int(place["after"])
    upto = None if pages.exhausted else max(there, default=after)
    shrunk = False
    with transaction(deps.sessions) as session:
        mirrored = rows.living(session, reading.portal_id, model, after, upto)
        gone = mirrored - there
        shrunk = len(mirrored) > SMALL and len(there & mirrored) < FEWEST * len(mirrored)
        if not shrunk:
            rows.mark_deleted(session, reading.portal_id, model, gone, now)
    _note_rights(deps, reading.portal_id, place["kind"], shrunk)
    if gone and not shrunk:
        log(__name__).info("mirror.deleted", portal=reading.portal_id, kind=place["kind"], cards=len(gone))
    return sorted(there - mirrored)


def _note_rights(deps: Deps, portal_id: int, kind: str, shrunk: bool) -> None:
    """Tell people that the service user sees less than before, or that it sees all again."""
    with reading_transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
    told = portal.problem if portal is not None else ""
    if shrunk:
        states.note(deps, portal_id, f"rights:{kind}")
    elif told == f"rights:{kind}":
        states.note(deps, portal_id, "")


def _read_missing(deps: Deps, reading: Reading, kind: str, ids: Sequence[int]) -> None:
    found = look(PortalRest(deps, reading.portal_id), reading, {kind: ids})
    with transaction(deps.sessions) as session:
        keep(session, reading, found, deps.clock.now())
        changed_all(
            deps, session, reading.portal_id, kind, [card["id"] for card in found.cards.get(kind, ())]
        )


def _onwards(reading: Reading, place: Mapping[str, Any], pages: Pages) -> dict[str, Any]:
    if not pages.exhausted:
        return {**place, "after": max(int(row["id"]) for row in pages.rows)}
    kinds = [*reading.kinds, "rest"]
    return {"kind": kinds[kinds.index(place["kind"]) + 1], "after": 0}


def check_tasks(deps: Deps, portal_id: int) -> None:
    """Look at the tasks of all open follow-ups: their events may have been lost."""
    with reading_transaction(deps.sessions) as session:
        ids = followup_rows.open_tasks(session, portal_id)
    _, reading = reading_of(deps, portal_id)
    for start in range(0, len(ids), MOST):
        found = look(PortalRest(deps, portal_id), reading, {"task": ids[start : start + MOST]})
        with transaction(deps.sessions) as session:
            for task_id, task in found.tasks.items():
                followups.task_changed(session, portal_id, task_id, task, deps.clock.now())


__all__ = ["check_tasks", "reconcile", "walk"]

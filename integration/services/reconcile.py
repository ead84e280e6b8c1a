"""What events did not tell: changes since a watermark, read every ten minutes (product.md T2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.logs import log
from integration.services import heirs, replies, tasks
from integration.services.access import PortalRest
from integration.services.cards import TABLES, Reading, rows_of
from integration.services.changes import changed_all
from integration.services.chore_types import Outcome
from integration.services.deps import BatchAnswer, Deps
from integration.services.projects import entries
from integration.services.reading import (
    MOST,
    chain,
    history_after,
    joined,
    keep_links,
    links_of,
    look,
    moves_of,
    reading_of,
)
from integration.store import card_moves
from integration.store import mirror as rows
from integration.store.base import reading as reading_transaction
from integration.store.base import transaction

OVERLAP = timedelta(minutes=5)
FIRST = (
    2  # chained lists per kind of card in the first request: mostly there is little, and each list costs time
)
DEPTH = 10  # and in further ones, where there is much
STEP = 10  # cards in one transaction: others want to write, too


def reconcile(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `reconcile`: one request, more as long as lists come full.

    Reads what was changed since the watermark of each kind, a little overlapping, and the stage history
    behind its mark. Cards that the mirror already has like this are passed over (product.md B6).
    """
    portal, reading = reading_of(deps, portal_id)
    now = deps.clock.now()
    if portal.synced_at is None:
        return Outcome()
    with reading_transaction(deps.sessions) as session:
        marks = rows.watermarks(session, portal_id)
        mark = rows.history_mark(session, portal_id)
        mark = rows.last_move(session, portal_id) if mark is None else mark
    place = cursor or {
        "after": dict.fromkeys(reading.kinds, 0),
        "since": _since(marks, reading, now),
        "seen": {},
    }
    depth = DEPTH if cursor else FIRST
    batch = history_after(mark, depth)
    for kind in place["after"]:
        batch |= _changed(reading, kind, place, depth)
    got = PortalRest(deps, portal_id).batch(batch)
    place, more = _take(deps, reading, got, place, now)
    if portal.kind == "webhook":
        check_tasks(deps, portal_id)
    if not cursor:
        replies.catch_up(deps, portal_id)
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


def _changed(reading: Reading, kind: Any, place: Mapping[str, Any], depth: int) -> dict[str, Call]:
    since = {">=updatedTime": place["since"][kind]}
    select = reading.select(kind)
    return chain(
        kind,
        lambda ref: calls.item_list(kind, select, filter=since, after_id=ref),
        int(place["after"][kind]),
        depth,
    )


def _take(
    deps: Deps, reading: Reading, got: BatchAnswer, place: dict[str, Any], now: datetime
) -> tuple[dict[str, Any], bool]:
    """Keep what came; the place to go on from, and whether to go on at once."""
    after, seen = dict(place["after"]), dict(place["seen"])
    history = joined(got, "history")
    with transaction(deps.sessions) as session:
        moves = moves_of(reading.portal_id, history.rows)
        rows.put_moves(session, reading.portal_id, moves)
        entries.entered(session, reading.portal_id, moves)
        read = [int(row.get("ID") or 0) for row in history.rows]
        if read:
            rows.set_history_mark(session, reading.portal_id, max(read), now)
    for kind in list(after):
        pages = joined(got, kind)
        cards = rows_of(reading, kind, pages.rows)
        keep_fresh(deps, reading, kind, cards, now)
        if kind == "company":
            with transaction(deps.sessions) as session:
                keep_links(session, reading.portal_id, links_of(pages.rows), now)
        moments = [card["updated_at"] for card in cards if card["updated_at"] is not None]
        if moments:
            seen[kind] = max([max(moments).isoformat(), *([seen[kind]] if kind in seen else [])])
        if pages.exhausted:
            after.pop(kind)
        else:
            after[kind] = max(int(row["id"]) for row in pages.rows)
    return {**place, "after": after, "seen": seen}, bool(after) or not history.exhausted


def keep_fresh(
    deps: Deps, reading: Reading, kind: str, cards: Sequence[dict[str, Any]], asked: datetime
) -> None:
    """Put those cards into the mirror that it has otherwise, with their consequences. `asked`: before they were read.

    The date of the last change alone would not do: a card may change twice in a second, and our own write
    brings a newer date to a card of which a person's change has not been heard.
    """
    model, kept = TABLES[kind], rows.kept(TABLES[kind], keep_city=not reading.city)
    for start in range(0, len(cards), STEP):
        part = cards[start : start + STEP]
        with transaction(deps.sessions) as session:
            known = rows.stored(session, reading.portal_id, model, [card["id"] for card in part])
            fresh = [card for card in part if _differs(known.get(card["id"]), card, kept, asked)]
            left = card_moves.note(session, reading.portal_id, kind, fresh, asked)
            rows.put_cards(session, model, fresh, keep_city=not reading.city)
            heirs.settle(session, reading.portal_id, left, asked)
            changed_all(deps, session, reading.portal_id, kind, [card["id"] for card in fresh])
        if fresh:
            log(__name__).info("mirror.reconciled", portal=reading.portal_id, kind=kind, cards=len(fresh))


def _differs(known: Any, card: Mapping[str, Any], kept: Sequence[str], asked: datetime) -> bool:
    """Whether the mirror lacks this state of a card and has no younger one."""
    if known is None:
        return True
    younger = known["updated_at"] and card["updated_at"] and known["updated_at"] > card["updated_at"]
    gone_since = known["deleted_at"] is not None and known["deleted_at"] > asked
    if younger or gone_since:
        return False
    return any(known[name] != value for name, value in card.items() if name not in kept)


def check_tasks(deps: Deps, portal_id: int) -> None:
    """Look at the tasks of all open follow-ups and thanks: their events may have been lost."""
    with reading_transaction(deps.sessions) as session:
        ids = tasks.open_ones(session, portal_id)
    _, reading = reading_of(deps, portal_id)
    for start in range(0, len(ids), MOST):
        found = look(PortalRest(deps, portal_id), reading, {"task": ids[start : start + MOST]})
        with transaction(deps.sessions) as session:
            for task_id, task in found.tasks.items():
                tasks.changed(session, portal_id, task_id, task, deps.clock.now())


__all__ = ["check_tasks", "keep_fresh", "reconcile"]

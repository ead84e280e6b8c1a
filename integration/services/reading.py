"""Reading cards from a portal and putting them into the mirror: one request for what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import Call, Ref, rows_at
from integration.bitrix.errors import NotFound
from integration.bitrix.paging import Pages, chained_pages, unchain
from integration.bitrix.records import Address, StageMove, Task, read_all
from integration.services import policies
from integration.services.access import PortalRest
from integration.services.cards import TABLES, Reading, rows_of
from integration.services.deps import BatchAnswer, Deps
from integration.store import mirror as rows
from integration.store import portals as portal_rows
from integration.store.base import reading as reading_transaction
from integration.store.portals import Portal

MOVES = ["ID", "OWNER_ID", "TYPE_ID", "CATEGORY_ID", "STAGE_ID", "STAGE_SEMANTIC_ID", "CREATED_TIME"]
MOST = 40  # cards of one look: their lists, addresses and histories fit into one request
_RANK = {1: 0, 6: 1, 4: 2}  # a physical address tells the city best, then the legal, then the registered one


@dataclass(slots=True)
class Look:
    """What one look at cards and tasks brought. `gone`: asked for and not there any more."""

    cards: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gone: dict[str, list[int]] = field(default_factory=dict)
    moves: list[dict[str, Any]] = field(default_factory=list)
    cities: dict[int, str] = field(default_factory=dict)
    tasks: dict[int, Task | None] = field(default_factory=dict)
    failed: dict[tuple[str, int], Exception] = field(default_factory=dict)


def reading_of(deps: Deps, portal_id: int) -> tuple[Portal, Reading]:
    """The portal and how its cards are read; raises `LookupError` for an unknown portal."""
    with reading_transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None:
            raise LookupError("no such portal")
        return portal, Reading.of(portal, policies.load(session, portal_id)[0])


def look(rest: PortalRest, reading: Reading, wanted: Mapping[str, Sequence[int]]) -> Look:
    """Read up to 40 cards and tasks (`wanted`: kind -> ids) with their links in one request.

    Raises `BitrixError` when the request failed; what failed for one card alone is in `failed`.
    """
    got = rest.batch(_calls(reading, wanted))
    results = {key: answer.result for key, answer in got.answers.items()}
    found = Look()
    for kind, ids in wanted.items():
        if kind == "task":
            _tasks(found, ids, results, got.errors)
            continue
        error = got.errors.get(kind)
        if kind not in results:
            found.failed |= {(kind, card): error or RuntimeError("not answered") for card in ids}
            continue
        found.cards[kind] = rows_of(reading, kind, rows_at(results[kind], "items"))
        there = {row["id"] for row in found.cards[kind]}
        found.gone[kind] = [card for card in ids if card not in there]
    found.moves = moves_of(
        reading.portal_id,
        (row for key in results if key.startswith("h") for row in rows_at(results[key], "items")),
    )
    if "cities" in results:
        asked = dict.fromkeys(wanted.get("company", ()), "")
        found.cities = asked | cities_of(rows_at(results["cities"]))
    return found


def _calls(reading: Reading, wanted: Mapping[str, Sequence[int]]) -> dict[str, Call]:
    batch: dict[str, Call] = {}
    for kind in reading.kinds:
        ids = list(wanted.get(kind, ()))
        if ids:
            batch[kind] = calls.item_list(kind, reading.select(kind), filter={"@id": ids})
    for deal in wanted.get("deal", ()):
        batch[f"h{deal}"] = calls.stage_history("deal", filter={"OWNER_ID": deal}, select=MOVES)
    if wanted.get("company") and not reading.city:
        batch["cities"] = calls.address_list("company", list(wanted["company"]))
    for task in wanted.get("task", ()):
        batch[f"t{task}"] = calls.task_get(task)
    return batch


def _tasks(
    found: Look, ids: Sequence[int], results: Mapping[str, Any], errors: Mapping[str, Exception]
) -> None:
    for task in ids:
        error = errors.get(f"t{task}")
        if f"t{task}" in results:
            records, _ = read_all(Task.read, [results[f"t{task}"]])
            found.tasks[task] = records[0] if records else None
        elif isinstance(error, NotFound):
            found.tasks[task] = None
        else:
            found.failed["task", task] = error or RuntimeError("not answered")


def moves_of(portal_id: int, items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the stage history, as the mirror keeps them."""
    records, _ = read_all(StageMove.read, items)
    found = {
        move.id: {
            "portal_id": portal_id, "id": move.id, "deal_id": move.owner_id, "category_id": move.category_id,
            "stage_id": move.stage_id[:64], "semantics": move.semantics, "moved_at": move.moved_at,
        }
        for move in records
        if move.owner_id is not None and move.moved_at is not None
    }  # fmt: skip
    return [found[number] for number in sorted(found)]


def cities_of(items: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """The city of each client among rows of `crm.address.list`: of its best address."""
    records, _ = read_all(Address.read, items)
    best: dict[int, tuple[int, str]] = {}
    for address in records:
        rank = _RANK.get(address.type_id, 9)
        if address.city and (address.client_id not in best or rank < best[address.client_id][0]):
            best[address.client_id] = (rank, address.city)
    return {client: city for client, (_, city) in best.items()}


def keep(session: Session, reading: Reading, found: Look, now: datetime) -> None:
    """Put what a look brought into the mirror; cards that are gone are marked, not forgotten."""
    for kind, cards in found.cards.items():
        rows.put_cards(session, TABLES[kind], cards, keep_city=not reading.city)
    for kind, ids in found.gone.items():
        rows.mark_deleted(session, reading.portal_id, TABLES[kind], ids, now)
    rows.put_moves(session, reading.portal_id, found.moves)
    rows.put_cities(session, reading.portal_id, found.cities)


def chain(
    prefix: str,
    make_call: Callable[[int | Ref], Call],
    after: int,
    size: int,
    id_path: str = "[items][49][id]",
) -> dict[str, Call]:
    """A chain of lists whose keys, and the references between them, begin with `prefix`: one batch may hold several."""

    def page(start: int | Ref) -> Call:
        named = Ref(start.replace("$result[p", f"$result[{prefix}p", 1)) if isinstance(start, Ref) else start
        return make_call(named)

    return {f"{prefix}{key}": call for key, call in chained_pages(page, after, size, id_path).items()}


def joined(got: BatchAnswer, prefix: str = "") -> Pages:
    """The pages of one chain of lists, of which a batch may hold several with keys of different prefixes."""
    results = {key.removeprefix(prefix): a.result for key, a in got.answers.items() if key.startswith(prefix)}
    errors = {key.removeprefix(prefix): error for key, error in got.errors.items() if key.startswith(prefix)}
    return unchain(results, errors, path="items")

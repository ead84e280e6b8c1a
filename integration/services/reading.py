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
from integration.bitrix.paging import BATCH, PAGE, Pages, chained_pages, unchain
from integration.bitrix.records import Address, StageMove, Task, read_all
from integration.nps.people import ClientKey
from integration.services import absence, heirs, policies
from integration.services.access import PortalRest
from integration.services.cards import TABLES, Reading, rows_of
from integration.services.deps import BatchAnswer, Deps
from integration.services.projects import entries
from integration.store import card_moves
from integration.store import inbox as inbox_rows
from integration.store import mirror as rows
from integration.store import portals as portal_rows
from integration.store.base import reading as reading_transaction
from integration.store.portals import Portal

MOVES = ["ID", "OWNER_ID", "TYPE_ID", "CATEGORY_ID", "STAGE_ID", "STAGE_SEMANTIC_ID", "CREATED_TIME"]
MOST = (
    50  # cards and tasks of one look: a list of each kind, their addresses, what is new of the stage history
)
TAIL = 4  # lists of the stage history in one look
AGAIN = 50  # rows of the stage history read once more: numbers are given out before rows can be seen
NEIGHBOUR = "LOOK"  # the name under which a card waits in the inbox because of another card
_RANK = {1: 0, 6: 1, 4: 2}  # a physical address tells the city best, then the legal, then the registered one


@dataclass(slots=True)
class Look:
    """What one look at cards and tasks brought. `gone`: asked for and not there any more; what is there and hidden
    from the service user is in neither and stays as it is mirrored.

    `links`: contacts of the companies looked at; `mark`: up to where the stage history is known without a gap.
    """

    cards: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gone: dict[str, list[int]] = field(default_factory=dict)
    links: dict[int, list[int]] = field(default_factory=dict)
    moves: list[dict[str, Any]] = field(default_factory=list)
    mark: int | None = None
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


def look(
    rest: PortalRest, reading: Reading, wanted: Mapping[str, Sequence[int]], after: int | None = None
) -> Look:
    """Read up to 50 cards and tasks (`wanted`: kind -> ids) with their links, in one request unless tasks abound.

    `after`: up to where the stage history is known; its continuation is read along. None: the whole history
    of each deal. Raises `BitrixError` when the request failed; what failed for one card alone is in `failed`.
    """
    results, errors = _ask(rest, _calls(reading, wanted, after))
    found = Look()
    for kind, ids in wanted.items():
        if kind == "task":
            _tasks(found, ids, results, errors)
            continue
        if kind not in results:
            error = errors.get(kind)
            found.failed |= {(kind, card): error or RuntimeError("not answered") for card in ids}
            continue
        items = rows_at(results[kind], "items")
        found.cards[kind] = rows_of(reading, kind, items)
        there = {row["id"] for row in found.cards[kind]}
        absent = [card for card in ids if card not in there]
        missing = absence.proven(rest, kind, absent)
        found.gone[kind] = missing.gone
        found.failed |= {(kind, card): error for card, error in missing.unclear.items()}
        found.links |= links_of(items) if kind == "company" else {}
    _histories(found, reading, results, errors, after)
    if "cities" in results:
        asked = dict.fromkeys(wanted.get("company", ()), "")
        rows = rows_at(results["cities"])
        cities = cities_of(rows) if len(rows) < PAGE else read_cities(rest, {"a": list(asked)})
        found.cities = asked | cities
    return found


def _ask(rest: PortalRest, batch: Mapping[str, Call]) -> tuple[dict[str, Any], dict[str, Exception]]:
    results: dict[str, Any] = {}
    errors: dict[str, Exception] = {}
    items = list(batch.items())
    for start in range(0, len(items), BATCH):
        got = rest.batch(dict(items[start : start + BATCH]))
        results |= {key: answer.result for key, answer in got.answers.items()}
        errors |= dict(got.errors)
    return results, errors


def _calls(reading: Reading, wanted: Mapping[str, Sequence[int]], after: int | None) -> dict[str, Call]:
    batch: dict[str, Call] = {}
    for kind in reading.kinds:
        ids = list(wanted.get(kind, ()))
        if ids:
            batch[kind] = calls.item_list(kind, reading.select(kind), filter={"@id": ids})
    if wanted.get("company") and not reading.city:
        batch["cities"] = calls.address_list("company", list(wanted["company"]))
    if wanted.get("deal") and after is not None:
        batch |= history_after(after, TAIL)
    elif wanted.get("deal"):
        batch |= {f"h{deal}": _history_of(deal) for deal in wanted["deal"]}
    return batch | {f"t{task}": calls.task_get(task) for task in wanted.get("task", ())}


def _history_of(deal: int) -> Call:
    return calls.stage_history("deal", filter={"OWNER_ID": deal}, select=MOVES)


def history_after(mark: int, size: int) -> dict[str, Call]:
    """The stage history behind `mark`, a little overlapping, as a chain of `size` lists with the prefix `history`."""
    return chain(
        "history",
        lambda ref: calls.stage_history("deal", after_id=ref, select=MOVES),
        max(0, mark - AGAIN),
        size,
        "[items][49][ID]",
    )


def histories(rest: PortalRest, portal_id: int, deals: Sequence[int]) -> list[dict[str, Any]]:
    """The whole stage history of these deals, for those that the mirror has never seen; 50 deals a request."""
    results, errors = _ask(rest, {f"h{deal}": _history_of(deal) for deal in deals})
    for error in errors.values():
        raise error
    return moves_of(portal_id, (row for one in results.values() for row in rows_at(one, "items")))


def _histories(
    found: Look,
    reading: Reading,
    results: Mapping[str, Any],
    errors: Mapping[str, Exception],
    after: int | None,
) -> None:
    """What came of the stage history. If its continuation failed, reconciliation goes on from the same place."""
    items = [
        row
        for key, result in results.items()
        if key[0] == "h" and key[1:].isdigit()
        for row in rows_at(result, "items")
    ]
    if after is not None and "historyp0" in results:
        pages = unchain(
            {
                key.removeprefix("history"): value
                for key, value in results.items()
                if key.startswith("history")
            },
            errors,
            path="items",
        )
        items += pages.rows
        found.mark = max([after, *(int(row.get("ID") or 0) for row in pages.rows)])
    found.moves = moves_of(reading.portal_id, items)


def links_of(items: Iterable[Mapping[str, Any]]) -> dict[int, list[int]]:
    """The contacts that companies name as theirs; companies that do not say are left out."""
    return {
        int(item["id"]): [int(one) for one in item["contactIds"] if one]
        for item in items
        if item.get("id") and isinstance(item.get("contactIds"), list)
    }


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


def read_cities(rest: PortalRest, parts: Mapping[str, list[int]]) -> dict[int, str]:
    """Cities of these companies, of those that have one; a list that comes full is read on by offset."""
    items: list[dict[str, Any]] = []
    offsets = dict.fromkeys(parts, 0)
    while offsets:
        got = rest.batch(
            {key: calls.address_list("company", parts[key], start) for key, start in offsets.items()}
        )
        for error in got.errors.values():
            raise error
        pages = {key: rows_at(answer.result) for key, answer in got.answers.items()}
        items += [row for page in pages.values() for row in page]
        offsets = {key: offsets[key] + PAGE for key, page in pages.items() if len(page) >= PAGE}
    return cities_of(items)


def keep(session: Session, reading: Reading, found: Look, now: datetime) -> None:
    """Put what a look brought into the mirror; cards that are gone are marked, not forgotten."""
    left: list[ClientKey] = []
    for kind, cards in found.cards.items():
        left += card_moves.note(session, reading.portal_id, kind, cards, now)
        rows.put_cards(session, TABLES[kind], cards, keep_city=not reading.city)
    heirs.settle(session, reading.portal_id, left, now)
    for kind, ids in found.gone.items():
        keep_gone(session, reading, kind, ids, now)
    keep_links(session, reading.portal_id, found.links, now)
    rows.put_moves(session, reading.portal_id, found.moves)
    entries.entered(session, reading.portal_id, found.moves)
    if found.mark is not None:
        rows.set_history_mark(session, reading.portal_id, found.mark, now)
    rows.put_cities(session, reading.portal_id, found.cities)


def keep_gone(session: Session, reading: Reading, kind: str, ids: Sequence[int], now: datetime) -> list[int]:
    """Mark cards as gone and order a look at those that name them; the ids that were not marked before.

    A deleted client is taken off its deals, a merged one replaced by the other, and no event tells so
    (bitrix24.md 7.12).
    """
    fresh = rows.mark_deleted(session, reading.portal_id, TABLES[kind], ids, now)
    if fresh and kind in ("company", "contact"):
        for owner, number in rows.named_by(session, reading.portal_id, TABLES[kind], fresh):
            inbox_rows.store(session, reading.portal_id, now, NEIGHBOUR, owner, number)
        heirs.settle(session, reading.portal_id, [ClientKey.parse(f"{kind}:{card}") for card in fresh], now)
    return fresh


def keep_links(session: Session, portal_id: int, links: Mapping[int, Sequence[int]], now: datetime) -> None:
    """Order a look at contacts that were put into a company, or out of it, on the company's card: they get no event."""
    if links:
        for contact in rows.linked_otherwise(session, portal_id, links):
            inbox_rows.store(session, portal_id, now, NEIGHBOUR, "contact", contact)


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

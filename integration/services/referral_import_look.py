"""Which cards the rows of a list mean, and what would come of each: nothing is written to any card (product.md R4).

The mirror gives names; e-mails and phones, which are not mirrored, are asked of the portal for the rows at hand,
compared and forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import rows_at
from integration.bitrix.records import uf_day
from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_guards import Addresses
from integration.nps.referral_matching import Line, Match, clashes
from integration.services import referrals
from integration.services.access import PortalRest
from integration.services.calls_queue import Cause
from integration.services.deps import Deps
from integration.services.referral_chores import read_addresses
from integration.services.referral_import_names import Book, addresses, asked, book_of, match
from integration.services.referral_import_weigh import Placed, Verdict, weigh
from integration.services.referral_place import place_of
from integration.store import referral_imports as rows
from integration.store import referrals as referral_rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal
from integration.store.referral_import_rows import ReferralImportRow

SLICE = 200  # rows looked at in one go
_PEOPLE = 4  # contacts of a newcomer that are looked at
_JUDGED = ("again", "twice", "cycle")
_KEPT = ("client", "late", "source")


def look(deps: Deps, portal_id: int, import_id: int) -> bool:
    """Look at the next rows of a list; whether there are more. Raises `BitrixError`: the portal does not answer."""
    with reading(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id)
        waiting = rows.rows_of(session, portal_id, import_id, ["new"], limit=SLICE)
        book = book_of(session, portal_id) if waiting else None
    if made is None or book is None:
        return settle(deps, portal_id, import_id)
    rest = PortalRest(deps, portal_id, interactive=len(waiting) == 1)
    book.addresses = addresses(rest, asked(waiting, book.domain))
    with reading(deps.sessions) as session:
        work = _work(deps, session, portal_id, import_id)
        placed = [_place(work, row, book) for row in waiting]
    known = _read_addresses(rest, [key for one in placed for key in one.compared])
    undated = [one.client for row, one in zip(waiting, placed, strict=True) if row.day is None and one.client]
    dated = _made(rest, undated)
    with reading(deps.sessions) as session:
        work = _work(deps, session, portal_id, import_id)
        verdicts = [
            weigh(work, made, row, one, known, dated) for row, one in zip(waiting, placed, strict=True)
        ]
    return _store(deps, portal_id, import_id, waiting, verdicts)


def _work(deps: Deps, session: Session, portal_id: int, import_id: int) -> referrals.Work:
    portal = session.get_one(Portal, portal_id)
    return referrals.Work.of(deps, session, portal, Cause("import", import_id))


def _store(
    deps: Deps, portal_id: int, import_id: int, seen: Sequence[ReferralImportRow], verdicts: Sequence[Verdict]
) -> bool:
    """Keep the verdicts of rows that say what they said when they were looked at."""
    said = {row.number: _said(row) for row in seen}
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id, held=True)
        if made is None or made.stage != "looking":
            return False
        fresh = {row.number: row for row in rows.rows_of(session, portal_id, import_id, ["new"])}
        for verdict in verdicts:
            row = fresh.get(verdict.number)
            if row is not None and _said(row) == said[verdict.number]:
                for name, value in verdict.values.items():
                    setattr(row, name, value)
    return True


def _said(row: ReferralImportRow) -> tuple[Any, ...]:
    return (
        row.client,
        row.client_kind,
        row.client_id,
        row.referrer,
        row.referrer_kind,
        row.referrer_id,
        row.replace,
    )


def settle(deps: Deps, portal_id: int, import_id: int) -> bool:
    """All rows are looked at: those that stand in each other's way are said so, and people may decide."""
    with transaction(deps.sessions) as session:
        made = rows.get(session, portal_id, import_id, held=True)
        if made is None or made.stage != "looking":
            return False
        many = rows.rows_of(session, portal_id, import_id)
        ready = [
            row for row in many if row.status == "ready" or (row.code in _JUDGED and "client" in row.detail)
        ]
        found = clashes(map(_as_line, ready), rows.brought_by(session, portal_id))
        for row in ready:
            clash = found.get(row.number)
            kept: dict[str, Any] = {name: row.detail[name] for name in _KEPT if name in row.detail}
            if clash is None:
                row.status, row.code, row.detail = "ready", "late" if "late" in kept else "", kept
                continue
            row.status, row.code = ("same" if clash.code == "again" else "bad"), clash.code
            row.detail = kept | {"other": clash.other, "chain": [str(key) for key in clash.chain]}
        made.stage, made.moved_at = "preview", deps.clock.now()
    return False


def _as_line(row: ReferralImportRow) -> Line:
    client = row.detail.get("client", "")
    newcomer = referral_rows.key_of(row.newcomer_kind, row.newcomer_id)
    source = str(row.detail.get("source", ""))
    return Line(
        row.number, newcomer, ClientKey.parse(client) if client else None, source, row.day or date.max
    )


def _place(work: referrals.Work, row: ReferralImportRow, book: Book) -> Placed:
    client = referral_rows.key_of(row.client_kind, row.client_id) if row.client_id else None
    if client is None:
        found = match(row.client, book)
        if found.card is None:
            return Placed(values=_choose("client", found))
        client = found.card
    if work.book.row(client) is None:
        return Placed(values=_choose("client", Match("unknown")))
    if client.kind == "company" and (firm := work.book.company(client.id)) is not None and firm.own:
        return Placed(values={"status": "bad", "code": "own_client", "detail": {}})
    if not row.referrer and not row.referrer_id:
        return Placed(client)
    key = referral_rows.key_of(row.referrer_kind, row.referrer_id) if row.referrer_id else None
    if key is None:
        found = match(row.referrer, book)
        if found.card is None:
            return Placed(client, values=_choose("referrer", found))
        key = found.card
    if key.kind not in ("company", "contact"):
        return Placed(client, values=_choose("referrer", _behind(work, key)) | {"code": "wrong_kind"})
    if work.book.row(key) is None:
        return Placed(client, values=_choose("referrer", Match("unknown")))
    return Placed(client, ClientKey(key.kind, key.id), own=_own(work, client))


def _choose(side: str, found: Match) -> dict[str, Any]:
    choices = [f"{card.kind}:{card.id}" for card in found.choices]
    return {"status": "choose", "code": found.status, "detail": {"side": side, "choices": choices}}


def _behind(work: referrals.Work, card: CardKey) -> Match:
    """Clients behind a deal or lead that a list names as the referrer."""
    row = work.book.row(card)
    found = [CardKey("company", row.company_id)] if row is not None and row.company_id else []
    found += [CardKey("contact", row.contact_id)] if row is not None and row.contact_id else []
    return Match("similar", None, tuple(found))


def _own(work: referrals.Work, client: CardKey) -> tuple[CardKey, ...]:
    """The newcomer's cards whose addresses are compared with the referrer's."""
    place = place_of(work.book, client)
    if place is None:
        return ()
    own = [key for key in place.whole.cards if key.kind != "deal"]
    firms = {key.id for key in own if key.kind == "company"}
    if firms:
        _, people = referral_rows.relatives(work.session, work.portal.id, firms, set())
        own += [CardKey("contact", one) for one in sorted(people)[:_PEOPLE]]
    return tuple(dict.fromkeys(own))


def _read_addresses(rest: PortalRest, keys: Sequence[CardKey]) -> dict[CardKey, Addresses]:
    """`read_addresses` for any number of cards."""
    found: dict[CardKey, Addresses] = {}
    many = list(dict.fromkeys(keys))
    for start in range(0, len(many), 20 * calls.PAGE):
        found |= read_addresses(rest, many[start : start + 20 * calls.PAGE])
    return found


def _made(rest: PortalRest, keys: Sequence[CardKey]) -> dict[CardKey, date]:
    """The days on which leads were made: the mirror does not keep them."""
    ids = sorted({key.id for key in keys if key.kind == "lead"})
    parts = [ids[start : start + calls.PAGE] for start in range(0, len(ids), calls.PAGE)]
    batch = {
        str(number): calls.item_list("lead", ["id", "createdTime"], filter={"@id": part})
        for number, part in enumerate(parts)
    }
    found: dict[CardKey, date] = {}
    for answer in (rest.batch(batch).answers if batch else {}).values():
        for item in rows_at(answer.result, "items"):
            day = uf_day(item.get("createdTime"))
            if day is not None:
                found[CardKey("lead", int(item["id"]))] = day
    return found

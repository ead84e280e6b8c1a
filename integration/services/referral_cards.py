"""The referral fields of cards as they will stand once our writes have arrived, and whose entry each is (B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.links import crm_link, parse_link
from integration.bitrix.records import uf_day, uf_enum
from integration.nps.attribution import ReferralCard
from integration.nps.card_book import Book
from integration.nps.newcomers import Arrival, still_linked
from integration.nps.people import CardKey, ClientKey
from integration.services.calls_queue import PLACE, lane_of
from integration.services.cards import REFERRAL, item_code
from integration.store import card_moves
from integration.store import referrals as rows
from integration.store.portals import Portal
from integration.store.referral_rows import ReferralClaim, ReferralMark

SOURCE, REFERRER, DAY = REFERRAL
_NAMES = {"source": SOURCE, "referrer": REFERRER, "day": DAY}


@dataclass(frozen=True, slots=True)
class Fields:
    """What a card says in our words: source code, the link of the referrer, ISO day, the portal's own source.

    `readable` False: a value of the list that is not known here. `under_way`: a write of ours has not arrived.
    """

    source: str = ""
    referrer: str = ""
    day: str = ""
    source_id: str = ""
    readable: bool = True
    under_way: bool = False

    @property
    def client(self) -> ClientKey | None:
        """The referrer as a client; nothing for none, or a card of another kind."""
        link = parse_link(self.referrer)
        return rows.client_key(link[0], link[1]) if link and link[0] in ("company", "contact") else None


def fields_of(portal: Portal, kind: str, stored: Mapping[str, Any], source_id: str = "") -> Fields:
    """The fields as stored, or as a write of ours holds them."""
    raw = stored.get(SOURCE)
    placed = raw.get(PLACE) if isinstance(raw, dict) else None
    source = str(placed) if placed else item_code(portal.fields or {}, kind, SOURCE, raw)
    link = parse_link(stored.get(REFERRER))
    day = uf_day(stored.get(DAY))
    return Fields(
        source=source,
        referrer=crm_link(*link) if link else "",
        day=day.isoformat() if day else "",
        source_id=source_id,
        readable=bool(source) or not uf_enum(raw),
    )


def present(session: Session, portal: Portal, keys: Sequence[CardKey]) -> dict[CardKey, Fields]:
    """The fields of cards that exist and have our fields, writes of ours under way included."""
    waiting: dict[str, list[Mapping[str, Any]]] = {}
    for write in rows.writes(session, portal.id, [lane_of(key) for key in keys]):
        waiting.setdefault(write.lane, []).append(write.call["params"]["fields"])
    marks = rows.marks(session, portal.id, [key for key in keys if lane_of(key) in waiting])
    found: dict[CardKey, Fields] = {}
    for key in keys:
        row = rows.card(session, portal.id, key.kind, key.id)
        if row is None or SOURCE not in (portal.fields or {}).get(key.kind, {}):
            continue
        raw, source_id = dict(row.referral or {}), str(getattr(row, "source_id", "") or "")
        writes = waiting.get(lane_of(key), [])
        mark, stands = marks.get(key), fields_of(portal, key.kind, raw, source_id)
        if mark is not None and any(overtaken(stands, fields, mark.wrote) for fields in writes):
            writes = []  # a person was faster: what is on its way does not leave (`referral_race`)
        for fields in writes:
            raw |= fields
            source_id = str(fields.get("sourceId", source_id))
        found[key] = replace(fields_of(portal, key.kind, raw, source_id), under_way=bool(writes))
    return found


def overtaken(stands: Fields, write: Mapping[str, Any], wrote: Mapping[str, Any]) -> bool:
    """Whether a field that a write of ours would fill holds something that was not there when it was ordered."""
    was = wrote.get("was") or {}
    codes = {**_NAMES, "source_id": "sourceId"}
    return any(
        code in write and name in was and getattr(stands, name) not in was[name]
        for name, code in codes.items()
    )


@dataclass(frozen=True, slots=True)
class Known:
    """The cards of one arrival for the rules. `withdrawn`: on the newcomer's own card a person emptied our entry."""

    cards: tuple[ReferralCard, ...]
    present: Mapping[CardKey, Fields]
    marks: Mapping[CardKey, ReferralMark]
    claims: Mapping[CardKey, ReferralClaim]
    withdrawn: bool


def read(session: Session, portal: Portal, whole: Arrival, book: Book) -> Known:
    """Everything known about the cards that came with a newcomer, from lead to client."""
    keys = list(whole.cards)
    fields = present(session, portal, keys)
    marks = rows.marks(session, portal.id, keys)
    claims = rows.claims_on(session, portal.id, keys)
    cards: list[ReferralCard] = []
    withdrawn = False
    for key in keys:
        if key not in fields or not fields[key].readable:
            continue
        mark = marks.get(key)
        wrote = dict(mark.wrote) if mark else {}
        cleared = _cleared(fields[key], wrote)
        if "source" in cleared:
            withdrawn = withdrawn or (key == whole.newcomer and key.kind in ("company", "contact"))
            continue
        ours = _ours(fields[key], wrote) if mark and _derived(key, mark, whole, book) else frozenset()
        claim = claims.get(key)
        cards.append(
            _card(session, portal, key, fields[key], ours, cleared, claim, bool(wrote.get("source_id")), book)
        )
    return Known(tuple(cards), fields, marks, claims, withdrawn)


def _card(
    session: Session, portal: Portal, key: CardKey, fields: Fields, ours: frozenset[str],
    cleared: frozenset[str], claim: ReferralClaim | None, settled: bool, book: Book,
) -> ReferralCard:  # fmt: skip
    deal = book.deal(key.id) if key.kind == "deal" else None
    named = fields.client
    return ReferralCard(
        card=key, source=fields.source, referrer=survivor(session, portal.id, named) if named else None,
        day=uf_day(fields.day), source_id=fields.source_id, ours=ours, cleared=cleared,
        seen=claim.claimed_on if claim else None, settled=settled,
        lead=CardKey("lead", deal.lead_id) if deal and deal.lead_id else None,
    )  # fmt: skip


def _cleared(fields: Fields, wrote: Mapping[str, Any]) -> frozenset[str]:
    """Fields that held our entry and are empty although no write of ours is on its way: a person emptied them."""
    if fields.under_way:
        return frozenset()
    return frozenset(name for name in _NAMES if wrote.get(name) and not getattr(fields, name))


def _ours(fields: Fields, wrote: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in _NAMES if wrote.get(name) and wrote[name] == getattr(fields, name))


def _derived(key: CardKey, mark: ReferralMark, whole: Arrival, book: Book) -> bool:
    """Whether our entry still follows from the card it came from; once that card is gone, it speaks for itself."""
    if not mark.via_id:
        return True
    via = rows.key_of(mark.via_kind, mark.via_id)
    if via in whole.cards:
        return True
    return not still_linked(key, via, book)


def survivor(session: Session, portal_id: int, key: ClientKey) -> ClientKey:
    """The client that stands for a card now: itself, or what it was merged into, as far as that is known."""
    for _ in range(5):
        heir = card_moves.successor(session, portal_id, key)
        if heir is None:
            return key
        key = heir
    return key

"""Deals and contacts that change hands: the only trace that a merge of two clients leaves (product.md R4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.referral_rows import CardMove

MOST = 20  # clients left that are looked at
NIGHT = timedelta(hours=26)  # a deletion nobody told about is found by the nightly walk


def note(
    session: Session, portal_id: int, kind: str, rows: Sequence[Mapping[str, Any]], now: datetime
) -> list[ClientKey]:
    """Note which of these deals or contacts leave a company or person; to be called before they are put into the
    mirror, `rows` as they are going to stand there. Whom they leave is given back."""
    found: list[ClientKey] = []
    columns: Any = {
        "deal": (Deal.id, Deal.company_id, Deal.contact_ids), "contact": (Contact.id, Contact.company_ids),
    }.get(kind)  # fmt: skip
    if columns is None or not rows:
        return found
    table: Any = Deal if kind == "deal" else Contact
    statement = select(*columns).where(
        table.portal_id == portal_id, table.id.in_([row["id"] for row in rows])
    )
    known = {row.id: row for row in session.execute(statement)}
    for row in rows:
        before = known.get(row["id"])
        if before is None:
            continue
        for left_kind, left, there in _links(kind, before, row):
            session.add(
                CardMove(portal_id=portal_id, card_kind=kind, card_id=row["id"], from_kind=left_kind, from_id=left,
                         to_id=there, at=now)
            )  # fmt: skip
            found.append(ClientKey("company" if left_kind == "company" else "contact", left))
    return found


def _links(kind: str, before: Any, row: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Kind and number of what was left, and the one that took its place (0: none, or several)."""
    pairs: list[tuple[str, list[int], list[int]]] = []
    if kind == "deal":
        pairs.append(("company", [before.company_id or 0], [row["company_id"] or 0]))
        pairs.append(("contact", list(before.contact_ids or ()), list(row["contact_ids"] or ())))
    else:
        pairs.append(("company", list(before.company_ids or ()), list(row["company_ids"] or ())))
    found = []
    for name, old, new in pairs:
        gone = [one for one in old if one and one not in new]
        come = [one for one in new if one and one not in old]
        found += [(name, one, come[0] if len(come) == len(gone) == 1 else 0) for one in gone]
    return found


def successor(session: Session, portal_id: int, key: ClientKey) -> ClientKey | None:
    """The client a card that is gone was merged into; nothing if it lives, or its cards went several ways.

    What hung on it must all have moved to one and the same card, no longer before it disappeared than the nightly
    walk may take to notice.
    """
    table: Any = Company if key.kind == "company" else Contact
    gone = session.get(table, (portal_id, key.id))
    if gone is None or gone.deleted_at is None:
        return None
    statement = select(CardMove.to_id).where(
        CardMove.portal_id == portal_id,
        CardMove.from_kind == key.kind,
        CardMove.from_id == key.id,
        CardMove.at >= gone.deleted_at - NIGHT,
    )
    heirs = {heir for heir in session.scalars(statement.distinct()) if heir}
    if len(heirs) != 1:
        return None
    heir = ClientKey(key.kind, heirs.pop())
    found = session.get(table, (portal_id, heir.id))
    return heir if found is not None and found.deleted_at is None else None


def left_by(session: Session, portal_id: int, cards: Sequence[CardKey]) -> list[ClientKey]:
    """Companies and persons these deals and contacts have left, each once, the last one first."""
    by_kind: dict[str, list[int]] = {}
    for card in cards:
        if card.kind in ("deal", "contact"):
            by_kind.setdefault(card.kind, []).append(card.id)
    if not by_kind:
        return []
    mine = or_(
        *(
            and_(CardMove.card_kind == kind, CardMove.card_id.in_(sorted(ids)))
            for kind, ids in by_kind.items()
        )
    )
    statement = (
        select(CardMove.from_kind, CardMove.from_id)
        .where(CardMove.portal_id == portal_id, mine)
        .order_by(CardMove.id.desc())
        .limit(MOST)
    )
    found = [
        ClientKey("company" if kind == "company" else "contact", number)
        for kind, number in session.execute(statement)
    ]
    return list(dict.fromkeys(found))


def namesakes(session: Session, portal_id: int, lost: Contact) -> list[int]:
    """Living contacts with the name of another one in one of its companies."""
    statement = (
        select(Contact.id)
        .distinct()
        .join(
            ContactCompany,
            (ContactCompany.portal_id == Contact.portal_id) & (ContactCompany.contact_id == Contact.id),
        )
        .where(
            Contact.portal_id == portal_id, Contact.id != lost.id, Contact.deleted_at.is_(None),
            Contact.name == lost.name, Contact.last_name == lost.last_name,
            ContactCompany.company_id.in_(lost.company_ids or []),
        )
    )  # fmt: skip
    return list(session.scalars(statement.order_by(Contact.id)))

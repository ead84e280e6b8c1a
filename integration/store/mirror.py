"""Writing the mirror of the portal's cards in bulk (product.md T3); `model` is one of the card tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead, StageMove
from integration.store.portals import Watermark
from integration.store.upsert import CHUNK, upsert

HISTORY = "history"  # the watermark of the stage history, beside those of the kinds of cards


def put_cards(
    session: Session, model: Any, rows: Sequence[dict[str, Any]], *, keep_city: bool = True
) -> None:
    """Insert or replace cards by id; a row older than the stored one changes nothing.

    What other reads have found out stays: the day a deal was first won, and with `keep_city` the city.
    """
    upsert(session, model, rows, newer="updated_at", keep=kept(model, keep_city=keep_city))
    if model is Contact:
        _link(session, rows)
    if model is Deal and rows:
        date_wins(session, rows[0]["portal_id"], [row["id"] for row in rows], undated=True)


def kept(model: Any, *, keep_city: bool) -> tuple[str, ...]:
    """Columns of a card that come from other reads than the card's own."""
    columns: dict[Any, tuple[str, ...]] = {Deal: ("won_at",), Company: ("city",) if keep_city else ()}
    return columns.get(model, ())


def _link(session: Session, contacts: Sequence[dict[str, Any]]) -> None:
    """The companies of these contacts, as the mirrored cards name them now: an older reading has not replaced those."""
    for start in range(0, len(contacts), CHUNK):
        part = contacts[start : start + CHUNK]
        portal_id, ids = part[0]["portal_id"], [row["id"] for row in part]
        stored = session.execute(
            select(Contact.id, Contact.company_ids).where(Contact.portal_id == portal_id, Contact.id.in_(ids))
        )
        links = [
            {"portal_id": portal_id, "contact_id": contact, "company_id": company}
            for contact, companies in sorted(stored, key=lambda row: row[0])
            for company in companies
        ]
        session.execute(
            delete(ContactCompany).where(
                ContactCompany.portal_id == portal_id, ContactCompany.contact_id.in_(ids)
            )
        )
        upsert(session, ContactCompany, links)


def put_moves(session: Session, portal_id: int, moves: Sequence[dict[str, Any]]) -> None:
    """Keep rows of the stage history and note the first day each of these deals was won (product.md E1)."""
    upsert(session, StageMove, moves)
    date_wins(session, portal_id, {move["deal_id"] for move in moves if move["semantics"] == "S"})


def date_wins(session: Session, portal_id: int, deal_ids: Collection[int], *, undated: bool = False) -> None:
    """Set the moment these deals were first won, by their stage history; `undated`: only where none is known yet.

    History may be read before the card it belongs to, so both look for the other.
    """
    ids = sorted(deal_ids)
    open_only = (Deal.won_at.is_(None),) if undated else ()
    first = (
        select(func.min(StageMove.moved_at))
        .where(
            StageMove.portal_id == Deal.portal_id, StageMove.deal_id == Deal.id, StageMove.semantics == "S"
        )
        .scalar_subquery()
    )
    for start in range(0, len(ids), CHUNK):
        session.execute(
            update(Deal)
            .where(Deal.portal_id == portal_id, Deal.id.in_(ids[start : start + CHUNK]), *open_only)
            .values(won_at=first)
            .execution_options(synchronize_session=False)
        )


def put_cities(session: Session, portal_id: int, cities: Mapping[int, str]) -> None:
    """Set the city of companies."""
    for company_id, city in sorted(cities.items()):
        session.execute(
            update(Company)
            .where(Company.portal_id == portal_id, Company.id == company_id, Company.city != city)
            .values(city=city[:200])
            .execution_options(synchronize_session=False)
        )


def stored(session: Session, portal_id: int, model: Any, ids: Collection[int]) -> dict[int, Any]:
    """The rows of these cards by id, all columns, deleted ones too."""
    columns = model.__table__.c
    found: dict[int, Any] = {}
    many = sorted(ids)
    for start in range(0, len(many), CHUNK):
        statement = select(columns).where(
            columns.portal_id == portal_id, columns.id.in_(many[start : start + CHUNK])
        )
        found |= {row["id"]: row for row in session.execute(statement).mappings()}
    return found


def living(session: Session, portal_id: int, model: Any, after: int, upto: int | None) -> set[int]:
    """Ids of cards in `after < id <= upto` that the mirror takes for existing."""
    statement = select(model.id).where(
        model.portal_id == portal_id, model.id > after, model.deleted_at.is_(None)
    )
    return set(session.scalars(statement.where(model.id <= upto) if upto is not None else statement))


def count(session: Session, portal_id: int, model: Any, after: int) -> int:
    """How many cards with `id > after` the mirror takes for existing."""
    statement = select(func.count()).select_from(model)
    return (
        session.scalar(
            statement.where(model.portal_id == portal_id, model.id > after, model.deleted_at.is_(None))
        )
        or 0
    )


def named_by(session: Session, portal_id: int, model: Any, ids: Collection[int]) -> list[tuple[str, int]]:
    """Kind and id of the existing cards that name these companies or contacts as theirs.

    Of a deal's contacts only the first can be looked for; the others are compared by the nightly walk.
    """
    many = sorted(ids)
    owners: list[tuple[str, Any, Any]] = [("deal", Deal, Deal.contact_id), ("lead", Lead, Lead.contact_id)]
    if model is Company:
        owners = [("deal", Deal, Deal.company_id), ("lead", Lead, Lead.company_id)]
    found: set[tuple[str, int]] = set()
    for start in range(0, len(many), CHUNK):
        part = many[start : start + CHUNK]
        for kind, owner, column in owners:
            statement = select(owner.id).where(
                owner.portal_id == portal_id, column.in_(part), owner.deleted_at.is_(None)
            )
            found |= {(kind, number) for number in session.scalars(statement)}
        if model is Company:
            statement = select(ContactCompany.contact_id).where(
                ContactCompany.portal_id == portal_id, ContactCompany.company_id.in_(part)
            )
            found |= {("contact", number) for number in session.scalars(statement)}
    return sorted(found)


def linked_otherwise(session: Session, portal_id: int, companies: Mapping[int, Collection[int]]) -> list[int]:
    """Contacts whose mirrored companies do not fit with what these companies say of their contacts."""
    many = sorted(companies)
    mirrored: set[tuple[int, int]] = set()
    for start in range(0, len(many), CHUNK):
        statement = (
            select(ContactCompany.company_id, ContactCompany.contact_id)
            .join(
                Contact,
                (Contact.portal_id == ContactCompany.portal_id) & (Contact.id == ContactCompany.contact_id),
            )
            .where(
                ContactCompany.portal_id == portal_id,
                ContactCompany.company_id.in_(many[start : start + CHUNK]),
                Contact.deleted_at.is_(None),
            )
        )
        mirrored |= {(company, contact) for company, contact in session.execute(statement)}
    said = {(company, contact) for company, contacts in companies.items() for contact in contacts}
    return sorted({contact for _, contact in mirrored ^ said})


def companies_after(session: Session, portal_id: int, after: int, limit: int) -> list[int]:
    """Ids of companies by rising id behind `after`."""
    statement = (
        select(Company.id).where(Company.portal_id == portal_id, Company.id > after).order_by(Company.id)
    )
    return list(session.scalars(statement.limit(limit)))


def mark_deleted(
    session: Session, portal_id: int, model: Any, ids: Collection[int], now: datetime
) -> list[int]:
    """Note that these cards are gone: deleted, or merged into another (bitrix24.md 7.12). Those not marked before."""
    many = sorted(ids)
    fresh: list[int] = []
    for start in range(0, len(many), CHUNK):
        statement = (
            update(model)
            .where(
                model.portal_id == portal_id,
                model.id.in_(many[start : start + CHUNK]),
                model.deleted_at.is_(None),
            )
            .values(deleted_at=now)
            .returning(model.id)
            .execution_options(synchronize_session=False)
        )
        fresh += session.scalars(statement)
    return sorted(fresh)


def last_move(session: Session, portal_id: int) -> int:
    """The newest row of the stage history that is mirrored."""
    return session.scalar(select(func.max(StageMove.id)).where(StageMove.portal_id == portal_id)) or 0


def history_mark(session: Session, portal_id: int) -> int | None:
    """Up to which row the stage history has been read without a gap; nothing before the first synchronisation.

    Not the newest row that is mirrored: looks at single deals bring later rows while earlier ones are unread.
    """
    statement = select(Watermark.last_id).where(Watermark.portal_id == portal_id, Watermark.kind == HISTORY)
    return session.scalar(statement)


def set_history_mark(session: Session, portal_id: int, last_id: int, now: datetime) -> None:
    """Note up to which row the stage history has been read; never backwards."""
    row = {"portal_id": portal_id, "kind": HISTORY, "updated_at": now, "last_id": last_id}
    upsert(session, Watermark, [row], newer="last_id")


def patch(session: Session, portal_id: int, model: Any, card_id: int, columns: Mapping[str, Any]) -> None:
    """Overwrite some columns of a card that is mirrored."""
    session.execute(
        update(model)
        .where(model.portal_id == portal_id, model.id == card_id)
        .values(**columns)
        .execution_options(synchronize_session=False)
    )


def watermarks(session: Session, portal_id: int) -> dict[str, datetime | None]:
    """Up to which change each kind of card has been read."""
    statement = select(Watermark.kind, Watermark.updated_at).where(
        Watermark.portal_id == portal_id, Watermark.kind != HISTORY
    )
    return {row.kind: row.updated_at for row in session.execute(statement)}


def set_watermark(session: Session, portal_id: int, kind: str, moment: datetime) -> None:
    """Note up to which change a kind of card has been read; never backwards."""
    row = {"portal_id": portal_id, "kind": kind, "updated_at": moment, "last_id": 0}
    upsert(session, Watermark, [row], newer="updated_at")

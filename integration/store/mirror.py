"""Writing the mirror of the portal's cards in bulk (product.md T3); `model` is one of the card tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from integration.store.clients import Company, Contact, ContactCompany, Deal, StageMove
from integration.store.portals import Watermark
from integration.store.upsert import CHUNK, upsert


def put_cards(
    session: Session, model: Any, rows: Sequence[dict[str, Any]], *, keep_city: bool = True
) -> None:
    """Insert or replace cards by id; a row older than the stored one changes nothing.

    What other reads have found out stays: the day a deal was first won, and with `keep_city` the city.
    """
    keep = {Deal: ("won_at",), Company: ("city",) if keep_city else ()}.get(model, ())
    upsert(session, model, rows, newer="updated_at", keep=keep)
    if model is Contact:
        _link(session, rows)


def _link(session: Session, contacts: Sequence[dict[str, Any]]) -> None:
    """The companies of these contacts, as they are on the cards now."""
    for start in range(0, len(contacts), CHUNK):
        part = contacts[start : start + CHUNK]
        portal_id = part[0]["portal_id"]
        session.execute(
            delete(ContactCompany).where(
                ContactCompany.portal_id == portal_id,
                ContactCompany.contact_id.in_([row["id"] for row in part]),
            )
        )
        links = [
            {"portal_id": portal_id, "contact_id": row["id"], "company_id": company}
            for row in part
            for company in row["company_ids"]
        ]
        upsert(session, ContactCompany, links)


def put_moves(session: Session, portal_id: int, moves: Sequence[dict[str, Any]]) -> None:
    """Keep rows of the stage history and note the first day each of these deals was won (product.md E1)."""
    upsert(session, StageMove, moves)
    date_wins(session, portal_id, {move["deal_id"] for move in moves if move["semantics"] == "S"})


def date_wins(session: Session, portal_id: int, deal_ids: Collection[int]) -> None:
    """Set the moment these deals were first won, by their stage history."""
    ids = sorted(deal_ids)
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
            .where(Deal.portal_id == portal_id, Deal.id.in_(ids[start : start + CHUNK]))
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


def known(
    session: Session, portal_id: int, model: Any, ids: Collection[int]
) -> dict[int, tuple[datetime | None, bool]]:
    """When these cards were last changed as far as the mirror knows, and whether it takes them for deleted."""
    found: dict[int, tuple[datetime | None, bool]] = {}
    many = sorted(ids)
    for start in range(0, len(many), CHUNK):
        statement = select(model.id, model.updated_at, model.deleted_at).where(
            model.portal_id == portal_id, model.id.in_(many[start : start + CHUNK])
        )
        found |= {
            card: (updated, deleted is not None) for card, updated, deleted in session.execute(statement)
        }
    return found


def living(session: Session, portal_id: int, model: Any, after: int, upto: int | None) -> set[int]:
    """Ids of cards in `after < id <= upto` that the mirror takes for existing."""
    statement = select(model.id).where(
        model.portal_id == portal_id, model.id > after, model.deleted_at.is_(None)
    )
    return set(session.scalars(statement.where(model.id <= upto) if upto is not None else statement))


def companies_after(session: Session, portal_id: int, after: int, limit: int) -> list[int]:
    """Ids of companies by rising id behind `after`."""
    statement = (
        select(Company.id).where(Company.portal_id == portal_id, Company.id > after).order_by(Company.id)
    )
    return list(session.scalars(statement.limit(limit)))


def mark_deleted(session: Session, portal_id: int, model: Any, ids: Collection[int], now: datetime) -> None:
    """Note that these cards are gone: deleted, or merged into another (bitrix24.md 7.12)."""
    many = sorted(ids)
    for start in range(0, len(many), CHUNK):
        session.execute(
            update(model)
            .where(
                model.portal_id == portal_id,
                model.id.in_(many[start : start + CHUNK]),
                model.deleted_at.is_(None),
            )
            .values(deleted_at=now)
            .execution_options(synchronize_session=False)
        )


def last_move(session: Session, portal_id: int) -> int:
    """The newest row of the stage history that is mirrored."""
    return session.scalar(select(func.max(StageMove.id)).where(StageMove.portal_id == portal_id)) or 0


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
    statement = select(Watermark.kind, Watermark.updated_at).where(Watermark.portal_id == portal_id)
    return {row.kind: row.updated_at for row in session.execute(statement)}


def set_watermark(session: Session, portal_id: int, kind: str, moment: datetime) -> None:
    """Note up to which change a kind of card has been read; never backwards."""
    row = {"portal_id": portal_id, "kind": kind, "updated_at": moment, "last_id": 0}
    upsert(session, Watermark, [row], newer="updated_at")

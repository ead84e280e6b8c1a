"""Clients to show a letter on: found by name among the cards, nothing is written (product.md W4, W5)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from integration.store.clients import Company, Contact, Deal


def clients_like(session: Session, portal_id: int, text: str, limit: int) -> list[tuple[str, int, str]]:
    """Clients whose name holds a text, as (kind, id, name), companies first; without a text, any of them.

    Only who has a deal is a client (product.md 2); own companies and deleted cards are none.
    """
    wanted = text.strip()
    # SQLite folds the case of Latin letters only, so the usual ways to write a name are tried.
    written = sorted({wanted, wanted.lower(), wanted.upper(), wanted.title(), wanted.capitalize()})

    def like(column: ColumnElement[str]) -> Any:
        return or_(*(column.icontains(one, autoescape=True) for one in written))

    company = (
        select(Company.id, Company.title)
        .where(
            Company.portal_id == portal_id, Company.deleted_at.is_(None), ~Company.own, Company.title != ""
        )
        .where(_has_deal(portal_id, "company", Company.id), like(Company.title.expression))
        .order_by(*([Company.title] if wanted else []), Company.id)
        .limit(limit)
    )
    found = [("company", number, title) for number, title in session.execute(company)]
    full = Contact.name + " " + Contact.last_name
    contact = (
        select(Contact.id, full)
        .where(Contact.portal_id == portal_id, Contact.deleted_at.is_(None))
        .where(_has_deal(portal_id, "contact", Contact.id), like(full))
        .order_by(*([full] if wanted else []), Contact.id)
        .limit(limit)
    )
    if len(found) < limit:
        found += [("contact", number, name.strip()) for number, name in session.execute(contact)]
    return found[:limit]


def _has_deal(portal_id: int, kind: str, number: Any) -> ColumnElement[bool]:
    return exists().where(
        Deal.portal_id == portal_id,
        Deal.client_kind == kind,
        Deal.client_id == number,
        Deal.deleted_at.is_(None),
    )

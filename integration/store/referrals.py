"""Which cards belong to one sale, and what our own writes have put on them (product.md R2, R4)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.store.clients import Company, Contact, ContactCompany, Deal, Lead
from integration.store.outbox import OutboxRow

Card = Deal | Company | Contact | Lead
TABLES: dict[str, type[Card]] = {"deal": Deal, "company": Company, "contact": Contact, "lead": Lead}


def card(session: Session, portal_id: int, kind: str, card_id: int | None) -> Any | None:
    """A mirrored card that is not deleted. `KeyError` for a kind that is not mirrored."""
    row: Any = session.get(TABLES[kind], (portal_id, card_id)) if card_id else None
    return row if row is not None and row.deleted_at is None else None


def deals_of_lead(session: Session, portal_id: int, lead_id: int) -> list[Deal]:
    """Deals a lead was converted to, oldest first."""
    return list(session.scalars(_deals(portal_id).where(Deal.lead_id == lead_id)))


def first_deal(session: Session, portal_id: int, kind: str, client_id: int) -> Deal | None:
    """The first deal in which a company or a contact stands: the one it came with."""
    column = Deal.company_id if kind == "company" else Deal.contact_id
    return session.scalars(_deals(portal_id).where(column == client_id).limit(1)).one_or_none()


def cards_of_lead(session: Session, portal_id: int, lead_id: int) -> list[CardKey]:
    """Companies and contacts a lead was converted to."""
    companies = select(Company.id).where(
        Company.portal_id == portal_id, Company.lead_id == lead_id, Company.deleted_at.is_(None)
    )
    contacts = select(Contact.id).where(
        Contact.portal_id == portal_id, Contact.lead_id == lead_id, Contact.deleted_at.is_(None)
    )
    found = [CardKey("company", n) for n in session.scalars(companies.order_by(Company.id))]
    return found + [CardKey("contact", n) for n in session.scalars(contacts.order_by(Contact.id))]


def relatives(
    session: Session, portal_id: int, companies: set[int], contacts: set[int]
) -> tuple[set[int], set[int]]:
    """These companies with all their contacts, and these contacts with all their companies."""
    links = select(ContactCompany.company_id, ContactCompany.contact_id).where(
        ContactCompany.portal_id == portal_id,
        ContactCompany.company_id.in_(companies) | ContactCompany.contact_id.in_(contacts),
    )
    rows = session.execute(links).all()
    return companies | {row.company_id for row in rows}, contacts | {row.contact_id for row in rows}


def writes(session: Session, portal_id: int, lane: str) -> list[OutboxRow]:
    """Our referral writes to one card that took or will take effect, oldest first."""
    return list(
        session.scalars(
            select(OutboxRow)
            .where(
                OutboxRow.portal_id == portal_id,
                OutboxRow.lane == lane,
                OutboxRow.purpose == "referral",
                OutboxRow.status.in_(("waiting", "working", "done")),
            )
            .order_by(OutboxRow.id)
        )
    )


def _deals(portal_id: int) -> Any:
    return (
        select(Deal)
        .where(Deal.portal_id == portal_id, Deal.deleted_at.is_(None), Deal.recurring.is_(False))
        .order_by(Deal.id)
    )

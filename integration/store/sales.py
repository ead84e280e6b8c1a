"""Deals and clients that belong to one sale, as the mirror links them (product.md R2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import Company, Contact, ContactCompany, Deal

MOST_PEOPLE = 200  # of one company


def deals_of_lead(session: Session, portal_id: int, lead_id: int, limit: int) -> list[Deal]:
    """Deals a lead was converted to, oldest first."""
    return list(session.scalars(_deals(portal_id).where(Deal.lead_id == lead_id).limit(limit)))


def cards_of_lead(session: Session, portal_id: int, lead_id: int) -> list[ClientKey]:
    """Companies and contacts a lead was converted to."""
    companies = select(Company.id).where(
        Company.portal_id == portal_id, Company.lead_id == lead_id, Company.deleted_at.is_(None)
    )
    contacts = select(Contact.id).where(
        Contact.portal_id == portal_id, Contact.lead_id == lead_id, Contact.deleted_at.is_(None)
    )
    found = [ClientKey("company", n) for n in session.scalars(companies.order_by(Company.id))]
    return found + [ClientKey("contact", n) for n in session.scalars(contacts.order_by(Contact.id))]


def deals_of_company(session: Session, portal_id: int, company_id: int, limit: int) -> list[Deal]:
    """Its deals, and those without a company of its contacts, oldest first."""
    people = (
        select(ContactCompany.contact_id)
        .where(ContactCompany.portal_id == portal_id, ContactCompany.company_id == company_id)
        .order_by(ContactCompany.contact_id)
        .limit(MOST_PEOPLE)
    )
    own = _deals(portal_id).where(Deal.client_kind == "company", Deal.client_id == company_id).limit(limit)
    theirs = _deals(portal_id).where(Deal.client_kind == "contact", Deal.client_id.in_(people)).limit(limit)
    found = [*session.scalars(own), *session.scalars(theirs)]
    return sorted(found, key=lambda deal: deal.id)[:limit]


def deals_of_contact(session: Session, portal_id: int, contact_id: int, limit: int) -> list[Deal]:
    """Deals with this first contact, oldest first."""
    return list(session.scalars(_deals(portal_id).where(Deal.contact_id == contact_id).limit(limit)))


def first_deals(session: Session, portal_id: int, contact_ids: Collection[int]) -> dict[int, Deal]:
    """The oldest deal of each of these first contacts."""
    first = (
        select(func.min(Deal.id))
        .where(
            Deal.portal_id == portal_id, Deal.contact_id.in_(sorted(contact_ids)), Deal.deleted_at.is_(None),
            Deal.recurring.is_(False),
        )
        .group_by(Deal.contact_id)
    )  # fmt: skip
    rows = session.scalars(_deals(portal_id).where(Deal.id.in_(first))) if contact_ids else ()
    return {row.contact_id: row for row in rows if row.contact_id}


def companies_of(session: Session, portal_id: int, contact_id: int) -> list[int]:
    """Companies a contact is linked to."""
    statement = select(ContactCompany.company_id).where(
        ContactCompany.portal_id == portal_id, ContactCompany.contact_id == contact_id
    )
    return list(session.scalars(statement.order_by(ContactCompany.company_id)))


def _deals(portal_id: int) -> Any:
    return (
        select(Deal)
        .where(Deal.portal_id == portal_id, Deal.deleted_at.is_(None), Deal.recurring.is_(False))
        .order_by(Deal.id)
    )

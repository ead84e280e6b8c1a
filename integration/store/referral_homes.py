"""Contacts with deals of their own and the companies they stand in: whose deals those are (product.md 2)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integration.store.clients import Company, Contact, ContactCompany, Deal

TOGETHER = 2_000  # numbers in one statement


def buying_people(session: Session, portal_id: int, companies: Collection[int]) -> set[int]:
    """Contacts that may belong to these companies and have deals that name no company."""
    found: set[int] = set()
    many = sorted(companies)
    buyer = select(Deal.client_id).where(Deal.portal_id == portal_id, Deal.client_kind == "contact")
    for start in range(0, len(many), TOGETHER):
        part = many[start : start + TOGETHER]
        linked = select(ContactCompany.contact_id).where(
            ContactCompany.portal_id == portal_id, ContactCompany.company_id.in_(part),
            ContactCompany.contact_id.in_(buyer),
        )  # fmt: skip
        bought = select(Deal.contact_id).where(
            Deal.portal_id == portal_id, Deal.client_kind == "company", Deal.client_id.in_(part),
            Deal.contact_id.in_(buyer),
        )  # fmt: skip
        found |= {number for number in session.scalars(linked.union(bought)) if number}
    return found


def firms(session: Session, portal_id: int, contact_ids: Collection[int]) -> dict[int, list[int]]:
    """The companies of these contacts that are there, the primary one first."""
    found: dict[int, list[int]] = {}
    many = sorted(contact_ids)
    for start in range(0, len(many), TOGETHER):
        part = many[start : start + TOGETHER]
        cards = select(Contact.id, Contact.company_id, Contact.company_ids).where(
            Contact.portal_id == portal_id, Contact.id.in_(part), Contact.deleted_at.is_(None)
        )
        for number, first, others in session.execute(cards):
            found[number] = list(dict.fromkeys([*([first] if first else []), *(others or ())]))
    gone = _gone(session, portal_id, {firm for many_firms in found.values() for firm in many_firms})
    return {number: [firm for firm in those if firm not in gone] for number, those in found.items()}


def first_companies(session: Session, portal_id: int, contact_ids: Collection[int]) -> dict[int, int]:
    """The company of the oldest deal of each of these contacts, where it names one."""
    found: dict[int, int] = {}
    many = sorted(contact_ids)
    for start in range(0, len(many), TOGETHER):
        part = many[start : start + TOGETHER]
        first = (
            select(func.min(Deal.id))
            .where(Deal.portal_id == portal_id, Deal.contact_id.in_(part))
            .where(Deal.deleted_at.is_(None), Deal.recurring.is_(False))
            .group_by(Deal.contact_id)
        )
        rows = select(Deal.contact_id, Deal.company_id).where(Deal.portal_id == portal_id, Deal.id.in_(first))
        found |= {person: firm for person, firm in session.execute(rows) if person and firm}
    return found


def _gone(session: Session, portal_id: int, companies: Collection[int]) -> set[int]:
    many = sorted(companies)
    found: set[int] = set()
    for start in range(0, len(many), TOGETHER):
        statement = select(Company.id).where(
            Company.portal_id == portal_id, Company.id.in_(many[start : start + TOGETHER]),
            Company.deleted_at.is_not(None),
        )  # fmt: skip
        found |= set(session.scalars(statement))
    return found

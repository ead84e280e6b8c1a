"""Which clients of a list an employee serves: they are called by somebody else (product.md W10)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, union_all
from sqlalchemy.orm import Session

from integration.store.clients import Company, Contact, Deal
from integration.store.waves import WaveClient


def own_lines(session: Session, portal_id: int, user_id: int, lines: Collection[int]) -> set[int]:
    """Those of these lines whose client the employee serves: account manager or salesperson, of the list or of
    today's card, responsible of the card, of its open deals, or of the deal it was chosen through."""
    if not lines:
        return set()
    mine = _lines(portal_id).where(WaveClient.id.in_(sorted(lines)))
    by_company = mine.join(Company, _same(Company)).where(_of("company"), _company_of(user_id))
    by_person = mine.join(Contact, _same(Contact)).where(_of("contact"), Contact.assigned_by == user_id)
    return _found(session, mine, user_id, by_company, by_person)


def own_in(session: Session, portal_id: int, user_id: int, waves: Collection[int]) -> set[int]:
    """The same of whole surveys.

    The employee's cards are gathered first, once: PostgreSQL that has not measured its tables yet would otherwise go
    through all cards of the portal for each of 3,000 lines.
    """
    if not waves:
        return set()
    mine = _lines(portal_id).where(WaveClient.wave_id.in_(sorted(waves)))
    companies = select(Company.id).where(Company.portal_id == portal_id, _company_of(user_id))
    persons = select(Contact.id).where(Contact.portal_id == portal_id, Contact.assigned_by == user_id)
    by_company = mine.where(_of("company"), WaveClient.client_id.in_(_first(companies, "companies_served")))
    by_person = mine.where(_of("contact"), WaveClient.client_id.in_(_first(persons, "persons_served")))
    return _found(session, mine, user_id, by_company, by_person)


def is_own(session: Session, portal_id: int, line_id: int, user_id: int) -> bool:
    """Whether an employee serves the client of this line."""
    return bool(own_lines(session, portal_id, user_id, [line_id]))


def _lines(portal_id: int) -> Select[Any]:
    return select(WaveClient.id).where(WaveClient.portal_id == portal_id)


def _found(session: Session, mine: Select[Any], user_id: int, *by_card: Select[Any]) -> set[int]:
    """Ways that a database can answer one by one: a condition for each row with all of them took it seconds."""
    listed = mine.where(or_(WaveClient.manager_id == user_id, WaveClient.salesperson_id == user_id))
    return set(session.scalars(union_all(listed, *by_card, _by_deals(mine, user_id))))


def _first(cards: Select[Any], name: str) -> Select[Any]:
    """The numbers of these cards, read once and before anything is compared with them."""
    return select(cards.cte(name).prefix_with("MATERIALIZED", dialect="postgresql").c.id)


def _same(card: Any) -> ColumnElement[bool]:
    return and_(card.portal_id == WaveClient.portal_id, card.id == WaveClient.client_id)


def _of(kind: str) -> ColumnElement[bool]:
    return WaveClient.client_kind == kind


def _company_of(user_id: int) -> ColumnElement[bool]:
    return or_(
        Company.assigned_by == user_id, Company.chosen["manager"].as_integer() == user_id,
        Company.chosen["sales"].as_integer() == user_id,
    )  # fmt: skip


def _by_deals(mine: Select[Any], user_id: int) -> Select[Any]:
    same = and_(
        Deal.portal_id == WaveClient.portal_id, Deal.client_kind == WaveClient.client_kind,
        Deal.client_id == WaveClient.client_id,
    )  # fmt: skip
    working = and_(Deal.semantics == "P", Deal.recurring.is_(False), Deal.deleted_at.is_(None))
    return mine.join(Deal, same).where(
        Deal.assigned_by == user_id, or_(working, Deal.id == WaveClient.deal_id)
    )

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
    return _found(session, portal_id, user_id, WaveClient.id.in_(sorted(lines))) if lines else set()


def own_in(session: Session, portal_id: int, user_id: int, waves: Collection[int]) -> set[int]:
    """The same of whole surveys."""
    return _found(session, portal_id, user_id, WaveClient.wave_id.in_(sorted(waves))) if waves else set()


def is_own(session: Session, portal_id: int, line_id: int, user_id: int) -> bool:
    """Whether an employee serves the client of this line."""
    return bool(own_lines(session, portal_id, user_id, [line_id]))


def _found(session: Session, portal_id: int, user_id: int, which: ColumnElement[bool]) -> set[int]:
    """Joins that a database can answer one by one: a condition for each row with all of them took it seconds."""
    mine: Select[Any] = select(WaveClient.id).where(WaveClient.portal_id == portal_id, which)
    listed = mine.where(or_(WaveClient.manager_id == user_id, WaveClient.salesperson_id == user_id))
    ways = (listed, _by_company(mine, user_id), _by_person(mine, user_id), _by_deals(mine, user_id))
    return set(session.scalars(union_all(*ways)))


def _by_company(mine: Select[Any], user_id: int) -> Select[Any]:
    same = (Company.portal_id == WaveClient.portal_id) & (Company.id == WaveClient.client_id)
    return mine.join(Company, same).where(
        WaveClient.client_kind == "company",
        or_(
            Company.assigned_by == user_id, Company.chosen["manager"].as_integer() == user_id,
            Company.chosen["sales"].as_integer() == user_id,
        ),
    )  # fmt: skip


def _by_person(mine: Select[Any], user_id: int) -> Select[Any]:
    same = (Contact.portal_id == WaveClient.portal_id) & (Contact.id == WaveClient.client_id)
    return mine.join(Contact, same).where(WaveClient.client_kind == "contact", Contact.assigned_by == user_id)


def _by_deals(mine: Select[Any], user_id: int) -> Select[Any]:
    same = and_(
        Deal.portal_id == WaveClient.portal_id, Deal.client_kind == WaveClient.client_kind,
        Deal.client_id == WaveClient.client_id,
    )  # fmt: skip
    working = and_(Deal.semantics == "P", Deal.recurring.is_(False), Deal.deleted_at.is_(None))
    return mine.join(Deal, same).where(
        Deal.assigned_by == user_id, or_(working, Deal.id == WaveClient.deal_id)
    )

"""What the settings page lets people choose from, as the mirror knows it: stages, branches, sources in use."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integration.store.clients import Company, Deal
from integration.store.portals import Stage
from integration.store.referrals import TABLES
from integration.store.waves import Wave


def stages(session: Session, portal_id: int) -> list[Stage]:
    """All stages of the deal pipelines, in the order of the portal."""
    statement = select(Stage).where(Stage.portal_id == portal_id)
    return list(session.scalars(statement.order_by(Stage.category_id, Stage.sort, Stage.stage_id)))


def cities(session: Session, portal_id: int, limit: int) -> list[tuple[str, int]]:
    """Cities on the cards of companies with the number of companies, the most frequent first."""
    count = func.count()
    statement = (
        select(Company.city, count)
        .where(Company.portal_id == portal_id, Company.deleted_at.is_(None), ~Company.own, Company.city != "")
        .group_by(Company.city)
        .order_by(count.desc(), Company.city)
        .limit(limit)
    )
    return [(city, number) for city, number in session.execute(statement)]


def clients_with_deals(session: Session, portal_id: int) -> int:
    """About how many clients there are: companies and contacts that deals belong to, deleted cards among them."""
    pairs = (
        select(Deal.client_kind, Deal.client_id)
        .where(Deal.portal_id == portal_id, Deal.client_kind != "", Deal.client_id > 0)
        .distinct()
        .subquery()
    )
    return session.execute(select(func.count()).select_from(pairs)).scalar_one()


def referral_items(session: Session, portal_id: int, code: str) -> dict[str, Counter[str]]:
    """How many cards of each kind have which value in the list field `code`, as on the card (an item's id)."""
    found: dict[str, Counter[str]] = {}
    for kind, table in TABLES.items():
        value: Any = table.referral[code].as_string()
        statement = (
            select(value, func.count())
            .where(table.portal_id == portal_id, table.deleted_at.is_(None), value.is_not(None))
            .group_by(value)
        )
        found[kind] = Counter({str(item): number for item, number in session.execute(statement)})
    return found


def unfinished_waves(session: Session, portal_id: int) -> list[Wave]:
    """Surveys that are planned or under way, the oldest first; imported ones are over."""
    statement = select(Wave).where(
        Wave.portal_id == portal_id,
        Wave.stage.not_in(("closed", "cancelled")),
        Wave.origin == "molva",
        Wave.of_years(),
    )
    return list(session.scalars(statement.order_by(Wave.id)))

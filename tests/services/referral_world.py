"""Clients, their deals and who brought them, written straight into the tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.nps.policy import Policy
from integration.nps.rights import Rights
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.portals import Portal
from integration.store.referral_rows import Referral
from tests.conftest import a_portal

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # noon in Moscow
ZONE = "Europe/Moscow"
ALL = Rights("administrator", 1)
RULES = Policy(time_zone=ZONE, min_group=1, service_pipelines=(9,))
ANNA, BORIS = 11, 12  # managers


def at(day: date, hour: int = 12) -> datetime:
    """So many hours UTC on a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


def a_place(sessions: Sessions, member: str = "m-1") -> Portal:
    """A portal in Moscow that counts in roubles, with its own company 1."""
    with transaction(sessions) as session:
        portal = a_portal(member_id=member, time_zone=ZONE, currency="RUB")
        session.add(portal)
        session.flush()
        session.add(Company(portal_id=portal.id, id=1, title="Our Agency", own=True))
    return portal


def company(
    session: Session, pid: int, number: int, *, city: str = "Kyiv", manager: int = ANNA, **more: Any
) -> None:
    session.add(
        Company(portal_id=pid, id=number, title=f"Client {number}", city=city, assigned_by=manager, **more)
    )


def contact(
    session: Session, pid: int, number: int, *companies: int, manager: int = ANNA, **more: Any
) -> None:
    values: dict[str, Any] = {
        "company_id": companies[0] if companies else None, "company_ids": list(companies), "assigned_by": manager,
        "name": "Person", "last_name": str(number),
    }  # fmt: skip
    session.add(Contact(portal_id=pid, id=number, **values | more))
    for firm in companies:
        session.add(ContactCompany(portal_id=pid, contact_id=number, company_id=firm))


def deal(
    session: Session, pid: int, number: int, firm: int | None = None, person: int | None = None, *,
    won: datetime | None = None, close: date | None = None, amount: str | int = 100, currency: str = "RUB",
    semantics: str = "S", **more: Any,
) -> None:  # fmt: skip
    """A deal of a company or a contact, won unless said otherwise."""
    client = ("company", firm) if firm else ("contact", person) if person else ("", 0)
    values: dict[str, Any] = {
        "title": f"Deal {number}", "category_id": 1, "stage_id": "WON" if semantics == "S" else "NEW",
        "created_at": at(date(2020, 1, 1)),
    }  # fmt: skip
    session.add(
        Deal(
            portal_id=pid, id=number, company_id=firm, contact_id=person, client_kind=client[0], client_id=client[1],
            amount=Decimal(amount), currency=currency, semantics=semantics, won_at=won, close_on=close,
            **values | more,
        )
    )  # fmt: skip


def came(session: Session, pid: int, newcomer: str, referrer: str = "", **more: Any) -> Referral:
    """A referral that stands, both ends as `company:5`; without a referrer nobody is named."""
    kind, number = newcomer.split(":")
    by = ClientKey.parse(referrer) if referrer else ClientKey("company", 0)
    values: dict[str, Any] = {
        "source": "client", "claimed_on": date(2026, 2, 3), "step": "named", "steps": {"named": "2026-02-03"},
        "found_at": NOW, "changed_at": NOW, "via_kind": kind, "via_id": int(number),
    }  # fmt: skip
    row = Referral(
        portal_id=pid, newcomer_kind=kind, newcomer_id=int(number), named_kind=by.kind if by.id else "",
        named_id=by.id, referrer_kind=by.kind if by.id else "", referrer_id=by.id, **values | more,
    )  # fmt: skip
    session.add(row)
    return row


def keys(numbers: Iterable[int]) -> list[ClientKey]:
    return [ClientKey("company", number) for number in numbers]

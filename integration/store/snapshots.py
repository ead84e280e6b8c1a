"""From rows to the snapshots the rules read: one function per snapshot, streamed (architecture.md 4).

Clients come one at a time with their deals, by walking the deals' client index beside the cards, so that
a list over a million deals needs no more memory than its largest client (product.md E7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, func, null, or_, select
from sqlalchemy.orm import Session

from integration.nps.people import (
    ROLES,
    ClientFacts,
    ClientKey,
    ClientKind,
    DealFacts,
    Person,
    Role,
    Semantics,
)
from integration.nps.policy import Policy
from integration.nps.workdays import local_day
from integration.store.clients import Company, Contact, ContactCompany, Deal, StageMove

_CHUNK = 2000  # rows fetched at a time
_KINDS: tuple[ClientKind, ...] = ("company", "contact")


def clients(
    session: Session, portal_id: int, policy: Policy, zone: ZoneInfo, after: ClientKey | None = None
) -> Iterator[ClientFacts]:
    """Every client with its deals and without its people, companies first, each kind by id.

    Who never had a deal (templates are none), own companies, deleted cards and contacts that only stand in
    somebody else's company are no clients (product.md 2, E1). `zone`: the portal's, for days. `after`:
    go on behind this client. Bound: one client's deals in memory.
    """
    for kind in _KINDS:
        if after is not None and _KINDS.index(kind) < _KINDS.index(after.kind):
            continue
        behind = after.id if after is not None and after.kind == kind else 0
        deals = _by_client(session, portal_id, policy, zone, kind, behind)
        cards = session.execute(_cards(portal_id, kind, behind).execution_options(yield_per=_CHUNK))
        yield from (client for client in _merge(kind, cards, deals) if _has_deal(client))


def clients_by_key(
    session: Session,
    portal_id: int,
    policy: Policy,
    zone: ZoneInfo,
    keys: Collection[ClientKey],
    deal_ids: Collection[int] | None,
) -> dict[ClientKey, ClientFacts]:
    """These clients with these of their deals (None: all), without people; a card that is gone is missing."""
    found: dict[ClientKey, ClientFacts] = {}
    for kind in _KINDS:
        ids = [key.id for key in keys if key.kind == kind]
        if not ids:
            continue
        statement = _deals(portal_id, policy, kind, 0).where(Deal.client_id.in_(ids))
        if deal_ids is not None:
            statement = statement.where(Deal.id.in_(deal_ids))
        rows = [(row[0], _deal(row, zone)) for row in session.execute(statement)]
        deals = iter(
            [(client, [deal for _, deal in group]) for client, group in groupby(rows, key=itemgetter(0))]
        )
        card = Company.id if kind == "company" else Contact.id
        cards = session.execute(_cards(portal_id, kind, 0).where(card.in_(ids)))
        found.update((client.key, client) for client in _merge(kind, cards, deals))
    return found


def people(session: Session, portal_id: int, keys: Collection[ClientKey]) -> dict[ClientKey, list[Person]]:
    """The people of these clients without addresses, by contact id: a company's contacts, or the contact itself."""
    found: dict[ClientKey, list[Person]] = {}
    companies = [key.id for key in keys if key.kind == "company"]
    contacts = [key.id for key in keys if key.kind == "contact"]
    if companies:
        statement = (
            _persons(portal_id, ContactCompany.company_id)
            .join(
                ContactCompany,
                and_(
                    ContactCompany.portal_id == Contact.portal_id,
                    ContactCompany.contact_id == Contact.id,
                ),
            )
            .where(ContactCompany.company_id.in_(companies))
        )
        for row in session.execute(statement):
            found.setdefault(ClientKey("company", row[-1]), []).append(_person(row))
    if contacts:
        for row in session.execute(_persons(portal_id, Contact.id).where(Contact.id.in_(contacts))):
            found.setdefault(ClientKey("contact", row[-1]), []).append(_person(row))
    return found


def flagged_people(session: Session, portal_id: int, today: date) -> list[Person]:
    """Cards whose person said never, or is on hold today: it holds on the person's other cards too (E3)."""
    statement = _persons(portal_id, Contact.id).where(or_(Contact.opted_out, Contact.hold_until > today))
    return [_person(row) for row in session.execute(statement)]


def deal_contacts(session: Session, portal_id: int, deal_ids: Collection[int]) -> dict[int, int]:
    """The first contact of each of these deals, where there is one."""
    # Asking for "not null" here would make SQLite walk the index of contacts instead of taking deals by id.
    statement = select(Deal.id, Deal.contact_id).where(Deal.portal_id == portal_id, Deal.id.in_(deal_ids))
    return {deal: contact for deal, contact in session.execute(statement) if contact}


def _cards(portal_id: int, kind: ClientKind, behind: int) -> Select[*tuple[Any, ...]]:
    if kind == "company":
        return (
            select(
                Company.id, Company.title, Company.city, Company.assigned_by, Company.opted_out,
                Company.hold_until, Company.since_field, Company.chosen,
            )
            .where(Company.portal_id == portal_id, Company.id > behind, Company.deleted_at.is_(None))
            .where(~Company.own)
            .order_by(Company.id)
        )  # fmt: skip
    own_deal = exists().where(
        Deal.portal_id == Contact.portal_id,
        Deal.client_kind == "contact",
        Deal.client_id == Contact.id,
        Deal.deleted_at.is_(None),
    )
    name = func.trim(Contact.name + " " + Contact.last_name)
    return (
        select(
            Contact.id, name, Contact.post, Contact.assigned_by, Contact.opted_out, Contact.hold_until, null(),
            null(),
        )
        .where(Contact.portal_id == portal_id, Contact.id > behind, Contact.deleted_at.is_(None))
        .where(own_deal)
        .order_by(Contact.id)
    )  # fmt: skip


def service_moves(policy: Policy) -> ColumnElement[bool] | None:
    """Stages whose first day counts as the beginning of service (product.md E1)."""
    if policy.service_stages:
        return StageMove.stage_id.in_(policy.service_stages)
    if policy.service_pipelines:
        return and_(
            StageMove.category_id.in_(policy.service_pipelines), StageMove.semantics.not_in(("S", "F"))
        )
    return None


def _deals(portal_id: int, policy: Policy, kind: ClientKind, behind: int) -> Select[*tuple[Any, ...]]:
    service = service_moves(policy)
    served: Any = (
        select(func.min(StageMove.moved_at))
        .where(StageMove.portal_id == Deal.portal_id, StageMove.deal_id == Deal.id, service)
        .scalar_subquery()
        if service is not None
        else null()
    )
    return (
        select(
            Deal.client_id,
            Deal.id,
            Deal.category_id,
            Deal.stage_id,
            Deal.semantics,
            Deal.begin_on,
            Deal.close_on,
            Deal.won_at,
            served,
            Deal.end_field,
            Deal.since_field,
            Deal.amount,
            Deal.currency,
            Deal.assigned_by,
            Deal.recurring,
        )
        .where(Deal.portal_id == portal_id, Deal.client_kind == kind, Deal.client_id > behind)
        .where(Deal.deleted_at.is_(None))
        .order_by(Deal.client_id)
    )


def _by_client(
    session: Session, portal_id: int, policy: Policy, zone: ZoneInfo, kind: ClientKind, behind: int
) -> Iterator[tuple[int, list[DealFacts]]]:
    rows = session.execute(_deals(portal_id, policy, kind, behind).execution_options(yield_per=_CHUNK))
    for client, group in groupby(rows, key=itemgetter(0)):
        yield client, [_deal(row, zone) for row in group]


def _merge(
    kind: ClientKind, cards: Iterable[Any], deals: Iterator[tuple[int, list[DealFacts]]]
) -> Iterator[ClientFacts]:
    """Both streams are sorted by the client's id; deals of cards that are gone are passed over."""
    at, group = next(deals, (0, []))
    for number, name, city, assigned_by, opted_out, hold_until, since_field, chosen in cards:
        said = chosen or {}
        while at and at < number:
            at, group = next(deals, (0, []))
        yield ClientFacts(
            key=ClientKey(kind, number),
            name=name,
            city=city if kind == "company" else "",
            assigned_by=assigned_by,
            opted_out=opted_out,
            hold_until=hold_until,
            deals=group if at == number else (),
            since_field=since_field,
            manager=said.get("manager"),
            sales=said.get("sales"),
            revenue=Decimal(said["revenue"]) if "revenue" in said else None,
            revenue_currency=said.get("currency", ""),
        )


def _has_deal(client: ClientFacts) -> bool:
    return any(not deal.recurring for deal in client.deals)


def _deal(row: Any, zone: ZoneInfo) -> DealFacts:
    (
        _, number, category, stage, semantics, begin, close, won_at, served, end_field, since_field, amount,
        currency, assigned_by, recurring,
    ) = row  # fmt: skip
    return DealFacts(
        id=number,
        category_id=category,
        stage_id=stage,
        semantics=_semantics(semantics),
        begin=begin,
        close=close,
        won_on=_day(won_at, zone),
        service_on=_day(served, zone),
        end_field=end_field,
        since_field=since_field,
        amount=amount if amount is not None else Decimal(0),
        currency=currency,
        assigned_by=assigned_by,
        recurring=recurring,
    )


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return None if moment is None else local_day(moment, zone)


def _semantics(value: str) -> Semantics:
    return value if value in ("S", "F") else "P"  # type: ignore[return-value]


def _persons(portal_id: int, key: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Contact.id,
            Contact.name,
            Contact.last_name,
            Contact.role,
            Contact.language,
            Contact.opted_out,
            Contact.hold_until,
            Contact.assigned_by,
            Contact.time_zone,
            key,
        )
        .where(Contact.portal_id == portal_id, Contact.deleted_at.is_(None))
        .order_by(key, Contact.id)
    )


def _person(row: Any) -> Person:
    number, name, last_name, role, language, opted_out, hold_until, assigned_by, time_zone, _ = row
    return Person(
        time_zone=time_zone or None,
        contact_id=number,
        name=name,
        last_name=last_name,
        role=cast("Role", role) if role in ROLES else None,
        language=language or None,
        opted_out=opted_out,
        hold_until=hold_until,
        assigned_by=assigned_by,
    )

"""All clients with what they bought, since when, and whether they came by recommendation (product.md R6, E1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select

from integration.nps.attribution import UNKNOWN
from integration.nps.people import CardKey, ClientFacts, ClientKey, DealFacts
from integration.nps.policy import Policy
from integration.nps.referral_numbers import Buyer, Ledger
from integration.nps.relation import client_since, in_service
from integration.nps.rights import Rights
from integration.nps.workdays import local_day
from integration.services.referral_money import Till
from integration.store import referral_lists, referral_money, referral_tree
from integration.store.clients import Company
from integration.store.referral_lists import Side
from integration.store.referral_money import Group
from integration.store.referrals import key_of
from integration.store.snapshots import service_moves


def read_buyers(
    till: Till, policy: Policy, rights: Rights, edges: Iterable[date], *, since: bool = True
) -> Ledger:
    """The ledger of all clients the viewer may see, with stretches that begin on these days; `since` False: of those
    who bought something, without the day since when they are clients."""
    spent = till.spent(edges)
    facts = _facts(till, policy) if since else {}
    keys = spent.keys() | facts.keys()
    sides = referral_lists.sides(till.session, till.portal.id, [key for key in keys if key.kind != "deal"])
    fields = _since_fields(till, policy)
    came = came_by_recommendation(till, policy)
    buyers = []
    for key in sorted(keys):
        side = sides.get(key)
        if not (rights.sees_all if side is None else rights.sees(side.manager_id, side.city)):
            continue
        deals = facts.get(key, [])
        buyers.append(
            Buyer(
                key, side.city if side else "", _since(key, side, deals, fields.get(key.id), policy),
                key in came, spent.get(key, {}), _serving(deals, policy),
            )
        )  # fmt: skip
    return Ledger(till.days(edges).edges, tuple(buyers), policy.min_group)


def came_by_recommendation(till: Till, policy: Policy) -> set[CardKey]:
    """Newcomers that came by recommendation, as far as it stands (product.md R6)."""
    return referral_tree.came(
        till.session, till.portal.id, policy.recommending_sources, UNKNOWN, policy.recommendation_id
    )


def _facts(till: Till, policy: Policy) -> dict[CardKey, list[DealFacts]]:
    """As much of each client's deals as tells since when it is one."""
    on_deal = bool(policy.since_field) and policy.since_field_on == "deal"
    rows = referral_money.groups(
        till.session, till.portal.id, till.own, service_moves(policy), fields=on_deal
    )
    till.homes.learn(row.id for row in rows if row.kind == "contact")
    found: dict[CardKey, list[DealFacts]] = {}
    for row in rows:
        client = till.homes.of(key_of(row.kind, row.id))
        if client.kind != "deal":
            found.setdefault(client, []).extend(_deals(row, till))
    return found


def _deals(row: Group, till: Till) -> list[DealFacts]:
    """One deal for each source of a day that a group of deals has; the first of each is all the rule asks for."""
    zone = till.days().zone

    def day(moment: datetime | None) -> date | None:
        return local_day(moment, zone) if moment is not None else None

    def one(**days: date | None) -> DealFacts:
        return DealFacts(0, row.category_id, row.stage_id, _semantics(row.semantics), **days)  # type: ignore[arg-type]

    many = [
        one(since_field=row.since_field), one(won_on=day(row.won_at)), one(service_on=day(row.served_at)),
        one(begin=row.begin),
    ]  # fmt: skip
    dated = [deal for deal in many if deal.since_field or deal.won_on or deal.service_on or deal.begin]
    return [*dated, one(close=day(row.created))]


def _semantics(value: str) -> str:
    return value if value in ("S", "F") else "P"


def _since(
    key: CardKey, side: Side | None, deals: list[DealFacts], field: date | None, policy: Policy
) -> date | None:
    """Since when it is a client by the rule of eligibility; nothing for a card that is gone."""
    if side is None or side.gone or not deals:
        return None
    client = ClientFacts(ClientKey(key.kind, key.id), deals=deals, since_field=field)  # type: ignore[arg-type]
    found = client_since(client, policy)
    return found.day if found else None


def _serving(deals: list[DealFacts], policy: Policy) -> date | None:
    """The first day of those of its deals that are in a service stage now (`close`: the day it was created)."""
    days = [deal.close for deal in deals if deal.close and in_service(deal, policy)]
    return min(days, default=None)


def _since_fields(till: Till, policy: Policy) -> dict[int, date]:
    """The named date field of companies, where the settings name one."""
    if not policy.since_field or policy.since_field_on != "company":
        return {}
    statement = select(Company.id, Company.since_field).where(
        Company.portal_id == till.portal.id, Company.since_field.is_not(None)
    )
    return {number: day for number, day in till.session.execute(statement) if day}

"""Since when a client works with the agency, and whether it still does (product.md E1, E2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from .people import ClientFacts, DealFacts
from .policy import Policy
from .workdays import add_months

SinceSource = Literal["since_field", "won", "service", "begin", "none"]


class Since(NamedTuple):
    """The day the relation began, where it was read, and in which deal (None: the company's field)."""

    day: date
    source: SinceSource
    deal: DealFacts | None


def is_client(client: ClientFacts) -> bool:
    """The agency's own companies are not clients at all and stand in no list (product.md E1).

    Recurring templates are no deals. Cards without a single real deal are not handed in at all: an address book
    is no list of clients (`integration.store.snapshots`).
    """
    return not client.own_company


def in_service(deal: DealFacts, policy: Policy) -> bool:
    """An open deal in a chosen service stage; with no stages chosen, in a chosen service pipeline."""
    if deal.recurring or deal.semantics != "P":
        return False
    if policy.service_pipelines and deal.category_id not in policy.service_pipelines:
        return False
    if policy.service_stages:
        return deal.stage_id in policy.service_stages
    return bool(policy.service_pipelines)


def deal_since(deal: DealFacts, policy: Policy) -> Since | None:
    """The first source that exists: named field, won, service stage, begin date (won or in service only)."""
    if deal.recurring:
        return None
    if deal.since_field and policy.since_field and policy.since_field_on == "deal":
        return Since(deal.since_field, "since_field", deal)
    if deal.won_on:
        return Since(deal.won_on, "won", deal)
    if deal.service_on:
        return Since(deal.service_on, "service", deal)
    if deal.begin and (deal.semantics == "S" or in_service(deal, policy)):
        return Since(deal.begin, "begin", deal)
    return None


def client_since(client: ClientFacts, policy: Policy) -> Since | None:
    """The earliest date over the deals, or the company's named field; None if none tells (product.md E1)."""
    if client.since_field and policy.since_field and policy.since_field_on == "company":
        return Since(client.since_field, "since_field", None)
    found = [since for deal in client.deals if (since := deal_since(deal, policy))]
    return min(found, key=lambda since: (since.day, since.deal.id if since.deal else 0), default=None)


def deal_end(deal: DealFacts, policy: Policy) -> date | None:
    """When a won deal ended: the named field, else the close date, else the day it was won."""
    named = deal.end_field if policy.end_field else None
    return named or deal.close or deal.won_on


def current_through(client: ClientFacts, policy: Policy, today: date) -> DealFacts | None:
    """The deal that makes the client current, None if it is not (product.md E2).

    An open service deal goes before a won one; among open ones the youngest, among won ones the one that
    ended last; equal ones by the higher id. A won deal counts through the day ``current_months`` after
    its end.
    """
    best: tuple[bool, date, int] | None = None
    chosen: DealFacts | None = None
    for deal in client.deals:
        rank = _rank(deal, policy, today)
        if rank is not None and (best is None or rank > best):
            best, chosen = rank, deal
    return chosen


def _rank(deal: DealFacts, policy: Policy, today: date) -> tuple[bool, date, int] | None:
    if deal.recurring:
        return None
    if in_service(deal, policy):
        return True, deal.service_on or deal.begin or date.min, deal.id
    if deal.semantics != "S":
        return None
    end = deal_end(deal, policy)
    if end is None or add_months(end, policy.current_months) < today:
        return None
    return False, end, deal.id


def current_service_deals(client: ClientFacts, policy: Policy) -> list[DealFacts]:
    """The open deals in the service pipelines, where a score is written besides the chosen deal (B2)."""
    return [deal for deal in client.deals if in_service(deal, policy)]


def suspect_import_date(dates: Iterable[date | None]) -> tuple[date, float] | None:
    """A date shared by most of the portal, with its share: probably the day of an import (product.md E1).

    At least three clients, and more than half of those that have a date.
    """
    counted = Counter(day for day in dates if day is not None)
    total = counted.total()
    if not total:
        return None
    day, count = max(counted.items(), key=lambda item: (item[1], item[0]))
    share = count / total
    return (day, share) if count >= 3 and share > 0.5 else None


def revenue(
    deals: Iterable[DealFacts],
    frozen_on: date,
    to_base: Callable[[Decimal, str, date], Decimal],
    months: int | None = 12,
) -> Decimal:
    """Sum of won deals in the ``months`` before ``frozen_on``, None: ever (product.md N8).

    ``to_base(amount, currency, day)`` converts at the rate of the day the deal was won.
    """
    since = date.min if months is None else add_months(frozen_on, -months)
    total = Decimal(0)
    for deal in deals:
        day = deal.won_on or deal.close
        if deal.semantics == "S" and not deal.recurring and day and since < day <= frozen_on:
            total += to_base(deal.amount, deal.currency, day)
    return total

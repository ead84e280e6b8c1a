"""Lifetime value and yearly revenue of clients in the portal's base currency (product.md R6, N8).

The same rule as the yearly revenue of a wave (`nps.relation.revenue`): deals that are won, by the day they were won, at
that day's rate (ADR 0011). A deal without a company counts for the company its contact stands in, as that is the
client who came (`nps.newcomers.home`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

from integration.nps.card_book import Book, FirmCard, PersonCard, SaleDeal
from integration.nps.newcomers import home
from integration.nps.people import CardKey, ClientKey
from integration.nps.rates import Rates
from integration.nps.referral_tree import Money
from integration.nps.workdays import local_day, zone_named
from integration.services import rates as known_rates
from integration.store import referral_homes, referral_money
from integration.store.portals import Portal
from integration.store.referral_money import Days, Won
from integration.store.referrals import key_of

ALL_AT_ONCE = 4_000  # of more clients than this, everything is summed up instead of asking for each


@dataclass(slots=True)
class Homes:
    """Whose the deals of contacts are. What was found out is kept, so that nothing is asked twice."""

    session: Session
    portal_id: int
    own: Sequence[int]
    known: dict[int, CardKey] = field(default_factory=dict)

    def learn(self, people: Iterable[int]) -> None:
        """Find out about these contacts together."""
        new = set(people) - self.known.keys()
        if not new:
            return
        firms = referral_homes.firms(self.session, self.portal_id, new)
        first = referral_homes.first_companies(self.session, self.portal_id, new)
        book = cast("Book", _Cards(firms, first, frozenset(self.own)))
        for number in new:
            self.known[number] = key_of(*home(number, book))

    def of(self, client: CardKey) -> CardKey:
        """The client behind whoever a deal names."""
        if client.kind != "contact":
            return client
        self.learn([client.id])
        return self.known[client.id]


@dataclass(frozen=True, slots=True)
class _Cards:
    """As much of a book of cards as `home` reads."""

    firms: dict[int, list[int]]
    first: dict[int, int]
    own: frozenset[int]

    def first_deal_of(self, contact_id: int) -> SaleDeal | None:
        company = self.first.get(contact_id)
        return SaleDeal(0, company_id=company) if company else None

    def contact(self, id: int) -> PersonCard | None:
        return PersonCard(id, None, tuple(self.firms[id])) if id in self.firms else None

    def company(self, id: int) -> FirmCard | None:
        return FirmCard(id, None, own=id in self.own)


@dataclass(slots=True)
class Till:
    """How one portal's money is counted in one transaction: its calendar, its rates, its people."""

    session: Session
    portal: Portal
    today: date
    rates: Rates
    own: list[int]
    homes: Homes

    @classmethod
    def of(cls, session: Session, portal: Portal, now: datetime) -> Till:
        """Open it; `now`, UTC, tells the portal's today."""
        own = referral_money.own_companies(session, portal.id)
        today = local_day(now, zone_named(portal.time_zone))
        return cls(
            session, portal, today, known_rates.of(session, portal), own, Homes(session, portal.id, own)
        )

    def days(self, edges: Iterable[date] = ()) -> Days:
        """The portal's calendar with these edges; nothing after today counts."""
        end = self.today + timedelta(days=1)
        inner = sorted({day for day in edges if day < end})
        return Days(zone_named(self.portal.time_zone), (*inner, end))

    def money(self, won: Won) -> Money:
        """One deal as money."""
        found = self.rates.convert(won.amount, won.currency, won.day)
        if found.amount is None:
            return Money(deals=1, missing=1)
        return Money(found.amount, 1, 0 if found.exact else 1)

    def spent(
        self, edges: Iterable[date] = (), keys: Collection[CardKey] | None = None
    ) -> dict[CardKey, dict[int, Money]]:
        """What clients bought by number of the stretch between the edges; `keys`: deals that name these alone."""
        days, found = self.days(edges), dict[CardKey, dict[int, Money]]()
        base = self.portal.currency
        mine = (self.session, self.portal.id, days, base, self.own, keys)
        rows = referral_money.sums(*mine)
        lone = list(referral_money.foreign(*mine))
        self.homes.learn(row.id for row in rows if row.kind == "contact")
        self.homes.learn(one.client.id for one in lone if one.client.kind == "contact")
        for row in rows:
            _add(found, self.homes.of(key_of(row.kind, row.id)), row.stretch, Money(row.amount, row.deals))
        for one in lone:
            stretch = sum(day <= one.day for day in days.edges[:-1])
            _add(found, self.homes.of(one.client), stretch, self.money(one))
        return found


def calendar(portal: Portal, now: datetime) -> Days:
    """A portal's calendar up to and with today, without any other edge."""
    zone = zone_named(portal.time_zone)
    return Days(zone, (local_day(now, zone) + timedelta(days=1),))


def _add(found: dict[CardKey, dict[int, Money]], key: CardKey, stretch: int, money: Money) -> None:
    by = found.setdefault(key, {})
    by[stretch] = by[stretch] + money if stretch in by else money


def of_clients(
    session: Session, portal: Portal, keys: Sequence[CardKey | ClientKey], now: datetime
) -> dict[CardKey, Money]:
    """Lifetime value of these clients up to and with today, nothing for those who bought nothing.

    A newcomer that is a deal still without a client has what that deal brought; a lead has nothing.
    """
    return lifetime(Till.of(session, portal, now), keys)


def lifetime(till: Till, keys: Sequence[CardKey | ClientKey]) -> dict[CardKey, Money]:
    """The same with a till that is open already."""
    wanted = [key_of(key.kind, key.id) for key in keys]
    asked: set[CardKey] | None = {key for key in wanted if key.kind != "lead"}
    if asked and len(asked) > ALL_AT_ONCE:
        asked = None
    elif asked:
        companies = [key.id for key in asked if key.kind == "company"]
        people = referral_homes.buying_people(till.session, till.portal.id, companies) if companies else ()
        asked |= {CardKey("contact", number) for number in people}
    spent = till.spent(keys=asked) if asked is None or asked else {}
    return {key: Money.sum(spent.get(key, {}).values()) for key in wanted}

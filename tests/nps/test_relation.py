"""Since when a client works with the agency, through which deal, for how much (product.md E1, E2, N8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from integration.nps.people import DealFacts
from integration.nps.policy import Policy
from integration.nps.relation import client_since, current_through, revenue, suspect_import_date
from tests.nps.examples import OPEN, POLICY, TODAY, client, won


@pytest.mark.parametrize(
    ("deal", "policy", "day", "source"),
    [
        (
            won(since_field=date(2020, 1, 1)),
            replace(POLICY, since_field="UF_X"),
            date(2020, 1, 1),
            "since_field",
        ),
        (won(since_field=date(2020, 1, 1)), POLICY, date(2026, 1, 1), "won"),
        (won(), replace(POLICY, since_field="UF_X"), date(2026, 1, 1), "won"),
        (won(begin=date(2019, 1, 1)), POLICY, date(2026, 1, 1), "won"),
        (replace(OPEN, begin=date(2019, 1, 1)), POLICY, date(2025, 1, 12), "service"),
        (replace(OPEN, service_on=None), POLICY, date(2025, 1, 10), "begin"),
        (won(won_on=None, begin=date(2026, 3, 1)), POLICY, date(2026, 3, 1), "begin"),
    ],
)
def test_the_source_of_the_date_is_kept(deal: DealFacts, policy: Policy, day: date, source: str) -> None:
    """A named field, stage history, a service stage, the begin date: the first that exists (E1)."""
    found = client_since(client(deals=(deal,)), policy)
    assert found is not None
    assert (found.day, found.source) == (day, source)


def test_the_relation_begins_with_the_earliest_deal() -> None:
    """Also one that is lost by now, if it was won before; templates and unsold deals do not count (E1)."""
    deals = (
        OPEN,
        won(),
        won(id=3, semantics="F", won_on=date(2022, 5, 5)),
        DealFacts(id=4, begin=date(2018, 1, 1)),
        won(id=5, won_on=date(2017, 1, 1), recurring=True),
    )
    found = client_since(client(deals=deals), POLICY)
    assert found is not None
    assert found.day == date(2022, 5, 5)


def test_a_date_field_of_the_company_replaces_the_deals() -> None:
    """If the settings name one and it is filled (E1)."""
    policy = replace(POLICY, since_field="UF_CRM_SINCE", since_field_on="company")
    found = client_since(client(since_field=date(2015, 3, 1)), policy)
    assert found is not None
    assert (found.day, found.source, found.deal) == (date(2015, 3, 1), "since_field", None)
    assert client_since(client(), policy) is not None


def test_the_company_s_date_field_wins_whatever_the_deals_say() -> None:
    """Over an earlier won deal and over the deals' own field; an empty or unnamed field leaves the deals (E1)."""
    policy = replace(POLICY, since_field="UF_CRM_SINCE", since_field_on="company")
    earlier = won(won_on=date(2001, 1, 1), since_field=date(2000, 1, 1))
    named = client_since(client(deals=(earlier,), since_field=date(2015, 3, 1)), policy)
    assert named is not None
    assert (named.day, named.source) == (date(2015, 3, 1), "since_field")
    for card, rules in (
        (client(deals=(earlier,)), policy),
        (client(deals=(earlier,), since_field=date(2015, 3, 1)), POLICY),
    ):
        found = client_since(card, rules)
        assert found is not None
        assert (found.day, found.source) == (date(2001, 1, 1), "won")


def test_the_deal_through_which_a_client_is_chosen() -> None:
    """An open service deal before a won one; the youngest; the one that ended last (E2, E7)."""
    young = replace(OPEN, id=7, service_on=date(2026, 1, 1))
    old, late = won(id=3, close=date(2026, 3, 1)), won(id=4, close=date(2026, 6, 1))
    assert current_through(client(deals=(won(), OPEN, young)), POLICY, TODAY) == young
    assert current_through(client(deals=(late, old)), POLICY, TODAY) == late
    named = replace(old, end_field=date(2026, 7, 1))
    assert current_through(client(deals=(late, named)), replace(POLICY, end_field="UF_END"), TODAY) == named
    assert current_through(client(deals=(late, named)), POLICY, TODAY) == late


def test_a_date_shared_by_most_is_an_import() -> None:
    """Reported with its share; a coincidence of a few is not (E1)."""
    day, other = date(2024, 5, 1), date(2025, 1, 1)
    assert suspect_import_date([day] * 7 + [other] * 3 + [None] * 90) == (day, 0.7)
    assert suspect_import_date([day] * 5 + [other + timedelta(days=n) for n in range(5)]) is None
    assert suspect_import_date([day, day]) is None
    assert suspect_import_date([None]) is None


def test_revenue_of_twelve_months_in_the_base_currency_at_the_days_rate() -> None:
    """Won deals only, by the day they were won; lifetime value is the same since the beginning (N8)."""

    def rate(amount: Decimal, currency: str, day: date) -> Decimal:
        return amount * (Decimal(90) if currency == "USD" and day.year == 2026 else Decimal(1))

    deals = [
        won(amount=Decimal(100), currency="RUB"),
        won(id=3, amount=Decimal(2), currency="USD"),
        won(id=4, amount=Decimal(5), won_on=date(2025, 11, 10)),
        won(id=5, amount=Decimal(7), won_on=date(2025, 11, 11)),
        won(id=6, amount=Decimal(1000), semantics="F"),
        won(id=7, amount=Decimal(1000), recurring=True),
    ]
    assert revenue(deals, TODAY, rate) == Decimal(287)
    assert revenue(deals, TODAY, rate, months=None) == Decimal(292)

"""Amounts in the base currency at the rate of their own day (product.md N8)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.errors import OutOfRange
from integration.nps.people import DealFacts
from integration.nps.rates import Rates, Span
from integration.nps.relation import revenue

D = date


def euro(*spans: tuple[date, date, str]) -> Rates:
    return Rates.of("RUB", [("EUR", Span(since, through, Decimal(rate))) for since, through, rate in spans])


KNOWN = euro((D(2026, 3, 1), D(2026, 3, 10), "90"), (D(2026, 3, 11), D(2026, 5, 1), "100.5"))


def test_an_amount_is_converted_at_the_rate_of_its_own_day_and_it_is_said_where_that_is_not_known() -> None:
    for day, amount, kind, rate_day in (
        (D(2026, 3, 1), "900.00", "day", D(2026, 3, 1)),  # the first day known
        (D(2026, 3, 10), "900.00", "day", D(2026, 3, 10)),
        (D(2026, 3, 11), "1005.00", "day", D(2026, 3, 11)),  # the very day it changed
        (D(2026, 5, 8), "1005.00", "day", D(2026, 5, 1)),  # nothing newer is known, it is a week old
        (D(2026, 5, 9), "1005.00", "earlier", D(2026, 5, 1)),
        (D(2026, 2, 28), "900.00", "later", D(2026, 3, 1)),  # won before the first reading
    ):
        found = KNOWN.convert(Decimal(10), "EUR", day)
        assert (found.amount, found.kind, found.rate_day) == (Decimal(amount), kind, rate_day), day
        assert found.exact == (kind == "day")


def test_the_base_currency_needs_no_rate_and_an_unknown_one_has_none() -> None:
    for currency in ("", "RUB"):
        found = KNOWN.convert(Decimal("10.55"), currency, D(1999, 1, 1))
        assert (found.amount, found.kind) == (Decimal("10.55"), "base")
    missing = KNOWN.convert(Decimal(10), "USD", D(2026, 3, 5))
    assert (missing.amount, missing.kind, missing.rate_day) == (None, "missing", None)
    assert KNOWN.to_base(Decimal(10), "USD", D(2026, 3, 5)) == 0
    assert KNOWN.to_base(Decimal("0.333"), "EUR", D(2026, 3, 5)) == Decimal("29.97")
    assert KNOWN.since == D(2026, 3, 1)
    assert Rates("RUB").since is None


def test_a_yearly_revenue_is_summed_up_in_the_base_currency_day_by_day() -> None:
    """The rule of a wave's list and this one are one: what `relation.revenue` asks for is `to_base`."""
    deals = [
        DealFacts(1, semantics="S", won_on=D(2026, 3, 5), amount=Decimal(10), currency="EUR"),
        DealFacts(2, semantics="S", won_on=D(2026, 4, 5), amount=Decimal(10), currency="EUR"),
        DealFacts(3, semantics="S", won_on=D(2026, 4, 5), amount=Decimal(7), currency="RUB"),
        DealFacts(4, semantics="S", won_on=D(2026, 4, 5), amount=Decimal(7), currency="USD"),
    ]
    assert revenue(deals, D(2026, 5, 1), KNOWN.to_base) == Decimal("1912.00")


def test_what_is_no_rate_is_refused() -> None:
    for rate in ("0", "-1", "NaN", "Infinity"):
        with pytest.raises(OutOfRange):
            Span(D(2026, 1, 1), D(2026, 1, 1), Decimal(rate))
    with pytest.raises(OutOfRange):
        Span(D(2026, 1, 2), D(2026, 1, 1), Decimal(1))


DAYS = st.integers(0, 60).map(lambda n: D(2026, 1, 1) + timedelta(days=n))


@given(st.lists(st.tuples(DAYS, st.integers(1, 500)), min_size=1, max_size=12), DAYS)
def test_the_rate_is_the_last_one_read_up_to_the_day_whatever_the_order_of_rows(
    readings: list[tuple[date, int]], day: date
) -> None:
    """Beside a plain walk over all readings; before the first reading it is the first."""
    by_day = dict(readings)
    rows = [("EUR", Span(one, one, Decimal(rate))) for one, rate in reversed(readings)]
    found = Rates.of("RUB", [(code, Span(s.since, s.through, Decimal(by_day[s.since]))) for code, s in rows])
    before = [one for one in by_day if one <= day]
    used = max(before) if before else min(by_day)
    converted = found.convert(Decimal(1), "EUR", day)
    assert converted.amount == by_day[used]
    assert converted.kind == (("day" if (day - used).days <= 7 else "earlier") if before else "later")

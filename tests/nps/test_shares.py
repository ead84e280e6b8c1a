"""Shares and middles beside published values."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.errors import OutOfRange
from integration.nps.shares import middle, share, weighted_share, wilson


def test_wilson_s_interval_is_the_published_one() -> None:
    """The four examples of Newcombe 1998 (Statistics in Medicine 17, 857-872), method 3."""
    for part, n, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        found = wilson(part, n)
        assert found is not None
        assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(0, 0) is None
    for part, n in ((3, 2), (-1, 2)):
        with pytest.raises(OutOfRange):
            wilson(part, n)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_in_its_interval_and_what_is_left_lies_in_the_mirrored_one(part: int, n: int) -> None:
    if part > n:
        return
    found, rest = wilson(part, n), wilson(n - part, n)
    assert found is not None
    assert rest is not None
    assert 0 <= found.low <= part / n <= found.high <= 1
    assert found.low == pytest.approx(1 - rest.high, abs=1e-12)


def test_below_the_smallest_group_only_the_counts_are_said() -> None:
    told = share(2, 4, least=5)
    assert (told.part, told.n, told.value, told.interval) == (2, 4, None, None)
    assert share(2, 5, least=5).value == 0.4
    assert share(0, 0).value is None


def test_a_share_of_money_rests_on_fewer_clients_the_more_unequal_they_are() -> None:
    """Four of ten equal clients are a share of ten; one that has half of everything counts for far fewer (Kish)."""
    equal = weighted_share([(10.0, n < 4) for n in range(10)])
    assert (equal.value, equal.n) == (0.4, 10)
    assert equal.interval == pytest.approx(wilson(4, 10))
    unequal = weighted_share([(90.0, True), *((10.0, False) for _ in range(9))])
    assert (unequal.part, unequal.whole, unequal.value) == (90, 180, 0.5)
    effective = 180**2 / (90**2 + 9 * 10**2)
    assert unequal.interval == pytest.approx(wilson(effective / 2, effective))


def test_a_share_of_money_is_not_told_where_it_would_mean_nothing() -> None:
    """Nothing won, only credits, a credit among the amounts; who brought nothing is not counted."""
    for amounts in ([], [(0.0, True)], [(-5.0, True)], [(10.0, True), (-3.0, False)]):
        assert weighted_share(amounts).value is None
    assert weighted_share([(10.0, True), (-3.0, False)]).whole == 7
    assert weighted_share([(10.0, True), (0.0, True)]).n == 1
    assert weighted_share([(10.0, True)] * 4, least=5).value is None


def test_the_middle_and_its_ranks_are_those_of_the_tables() -> None:
    """Lower ranks of the 95 % interval of a median: none up to five, then as printed (Conover 1999, table A3)."""
    for n, rank in ((6, 1), (8, 1), (9, 2), (12, 3), (20, 6), (50, 18), (100, 40)):
        found = middle([float(value) for value in range(1, n + 1)])
        assert found is not None
        assert found.interval is not None
        assert (found.interval, found.n) == ((rank, n + 1 - rank), n)
    five = middle([5.0, 1.0, 4.0, 2.0, 3.0])
    assert five is not None
    assert (five.value, five.interval) == (3.0, None)
    assert middle([]) is None
    even = middle([4.0, 1.0, 2.0, 3.0])
    assert even is not None
    assert even.value == 2.5


def test_the_interval_of_the_middle_narrows_steadily_where_it_is_no_longer_counted_out() -> None:
    """From a thousand to a thousand and one nothing jumps, and most intervals of samples hold the true middle."""
    widths = []
    for n in (998, 999, 1000, 1001, 1002):
        found = middle([value / n for value in range(n)])
        assert found is not None
        assert found.interval is not None
        widths.append(found.interval.high - found.interval.low)
    assert all(abs(a - b) < 0.003 for a, b in pairwise(widths))
    dice = Random(5)
    held = 0
    for _ in range(400):
        found = middle([dice.lognormvariate(0, 2) for _ in range(25)])
        assert found is not None
        assert found.interval is not None
        held += found.interval.low <= 1 <= found.interval.high
    assert held >= 370

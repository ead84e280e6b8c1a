"""The headline of a wave: the check values of product.md 9, and when nothing may be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.headline import Headline, moved
from integration.nps.statistics import Counts, adjusted


def headline(d: int, a: int, p: int, base: int = 0, least: int = 5) -> Headline:
    return Headline.of([(0, d), (7, a), (10, p)], base, least)


def test_the_check_values_of_a_finite_base() -> None:
    found = headline(12, 20, 30, base=80)
    assert found.nps == pytest.approx(29.0323, abs=1e-4)
    assert found.interval == pytest.approx((19.6893, 37.7722), abs=1e-4)
    assert found.limits == pytest.approx((0.0, 45.0))


def test_when_everybody_answered_the_interval_is_the_score() -> None:
    assert headline(16, 24, 40, base=80).interval == pytest.approx((30.0, 30.0))


def test_where_nobody_knows_who_was_asked_the_interval_is_that_of_a_large_population() -> None:
    found = Headline.of([(0, 16), (7, 24), (10, 40)], 80, 5, known=False)
    assert found.nps == pytest.approx(30.0)
    assert found.interval == pytest.approx(adjusted(Counts(16, 24, 40)).interval)
    assert found.limits is None


def test_below_the_smallest_group_only_n_is_known() -> None:
    few = headline(1, 1, 2, base=80)
    assert (few.n, few.enough, few.nps, few.interval, few.limits) == (4, False, None, None, None)
    assert headline(1, 1, 3, base=80).nps == pytest.approx(40.0)
    assert headline(0, 0, 1, least=1).nps == 100
    assert headline(0, 0, 0, base=9, least=1).nps is None


def test_each_score_stays_where_it_is_and_falls_into_its_group() -> None:
    found = Headline.of([(0, 1), (6, 2), (7, 3), (8, 4), (9, 5), (10, 6), (9, 1)], 100, 5)
    assert found.scores == (1, 0, 0, 0, 0, 0, 2, 3, 4, 6, 6)
    assert (found.counts.d, found.counts.a, found.counts.p) == (3, 7, 12)


def test_who_answered_was_asked() -> None:
    """A client taken off the list after the answer still counts, so the base never falls below n."""
    assert headline(2, 2, 2, base=5).base == 6


def test_clients_asked_twice_say_whether_it_is_chance() -> None:
    table = [(0, 0, 5), (0, 7, 3), (0, 10, 1), (7, 0, 1), (8, 7, 10), (7, 9, 5), (9, 8, 2), (10, 10, 21)]
    found = moved(headline(9, 16, 23, 48), headline(6, 15, 27, 48), table)
    assert found is not None
    assert (found.rose, found.fell, found.both, found.chance) == (9, 3, 48, True)
    assert found.difference == pytest.approx(100 * (21 - 14) / 48)


def test_without_pairs_enough_the_waves_are_taken_as_independent() -> None:
    found = moved(headline(12, 20, 30, 80), headline(6, 18, 36, 80), [(0, 10, 4)])
    assert found is not None
    assert (found.both, found.chance) == (0, True)
    clear = moved(headline(40, 10, 10, 80), headline(2, 10, 48, 80), [])
    assert clear is not None
    assert not clear.chance


def test_nothing_is_said_about_a_change_while_one_wave_has_too_few_answers() -> None:
    assert moved(headline(1, 1, 1), headline(5, 5, 5), []) is None
    assert moved(headline(5, 5, 5), headline(1, 1, 1), []) is None


@given(st.lists(st.integers(0, 40), min_size=3, max_size=3), st.integers(0, 100))
def test_the_index_lies_within_its_interval_s_limits(groups: list[int], silent: int) -> None:
    d, a, p = groups
    found = headline(d, a, p, base=d + a + p + silent)
    if found.interval is None or found.limits is None or found.nps is None:
        assert found.n < 5
        return
    assert found.limits.low - 1e-9 <= found.interval.low <= found.interval.high <= found.limits.high + 1e-9
    assert found.limits.low - 1e-9 <= found.nps <= found.limits.high + 1e-9

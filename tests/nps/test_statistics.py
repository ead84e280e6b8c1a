"""The numbers, against values computed independently of this project (product.md 9)."""

from __future__ import annotations

from itertools import product
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.errors import OutOfRange
from integration.nps.people import Group
from integration.nps.scoring import group
from integration.nps.statistics import (
    Counts,
    adjusted,
    earned_growth,
    finite,
    independent_change,
    limits,
    nps,
    paired_change,
    revenue_weighted,
    sign_test,
    standardised,
    variance,
)

FIRST = Counts(12, 20, 30)
COUNTS = st.builds(Counts, st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))


def near(value: float, digits: int = 4) -> object:
    return pytest.approx(value, abs=0.5 * 10**-digits)


def test_index_and_variance() -> None:
    """12, 20, 30: NPS 29.0323, variance 0.593132 (N1)."""
    assert nps(FIRST) == near(29.0323)
    assert variance(FIRST) == near(0.593132, 6)


def test_interval_for_a_large_population() -> None:
    """Adjusted Wald, 95 % (N2)."""
    found = adjusted(FIRST).interval
    assert found.low == near(8.9789)
    assert found.high == near(46.4057)
    assert adjusted(Counts(0, 0, 10)).centre == near(76.9231)


def test_interval_for_a_finite_base() -> None:
    """62 of 80 answered (N2, N3)."""
    found = finite(FIRST, 80)
    assert found is not None
    assert found.centre == near(28.7308)
    assert found.se == near(4.6131)
    assert found.interval.low == near(19.6893)
    assert found.interval.high == near(37.7722)
    assert limits(FIRST, 80) == (0.0, 45.0)


def test_with_everybody_answering_the_interval_is_the_score() -> None:
    """16, 24, 40 of 80: 30.0, [30.0, 30.0]."""
    found = finite(Counts(16, 24, 40), 80)
    assert found is not None
    assert found.centre == 30.0
    assert found.interval == (30.0, 30.0)


def test_change_between_independent_waves() -> None:
    """12, 20, 30 → 6, 18, 36 (N4)."""
    found = independent_change(FIRST, Counts(6, 18, 36))
    assert found.difference == near(19.9267)
    assert found.se == near(12.8362)
    assert found.z == near(1.5524)
    assert found.p == near(0.12057, 5)
    assert found.chance


def test_change_of_clients_asked_twice() -> None:
    """Nine of 48 rose, three fell; this may be chance (N4)."""
    found = paired_change([[5, 3, 1], [1, 10, 5], [0, 2, 21]])
    assert found is not None
    assert found.difference == near(14.5833)
    assert found.se == near(7.8717)
    assert found.z == near(1.8526)
    assert found.p == near(0.14600, 5)
    assert (found.rose, found.fell, found.n) == (9, 3, 48)
    assert found.chance


def test_channels_standardised_to_the_earlier_mix() -> None:
    """The whole fall from 46.8 to 31.1 comes from asking by e-mail instead of by phone (N5)."""
    before = {"phone": Counts(4, 8, 30), "email": Counts(5, 7, 8)}
    after = {"phone": Counts(2, 4, 15), "email": Counts(10, 14, 16)}
    assert nps(before["phone"] + before["email"]) == near(46.7742)
    found = standardised(after, before)
    assert found.raw == near(31.1475)
    assert found.value == near(46.7742)
    assert found.mix_moved == pytest.approx(42 / 62 - 21 / 61)
    assert standardised({"phone": Counts(2, 4, 15)}, before).value is None


def test_revenue_weights() -> None:
    """Five clients, the largest a promoter, the second a detractor (N8)."""
    money: list[tuple[float, Group]] = [
        (12, group(9)),
        (6, group(6)),
        (3, group(10)),
        (1.5, group(8)),
        (0.5, group(10)),
    ]
    found = revenue_weighted(money)
    assert found is not None
    assert found.nps == near(41.3043)
    assert found.n_effective == near(2.7624)
    assert revenue_weighted([]) is None
    assert revenue_weighted([(0.0, "promoter")]) is None


def test_earned_growth() -> None:
    """Base 100, last year's clients 85, recommended new 25: NRR .85, rate 10 % (R6)."""
    found = earned_growth(100, 85, 25)
    assert found is not None
    assert found.nrr == 0.85
    assert found.rate == pytest.approx(0.10)
    assert earned_growth(0, 85, 25) is None


def test_without_answers() -> None:
    """No score; the widest limits; an interval that says nothing is known."""
    none = Counts(0, 0, 0)
    assert nps(none) is None
    assert variance(none) is None
    assert limits(none, 10) == (-100.0, 100.0)
    assert limits(none, 0) is None
    assert finite(none, 0) is None
    assert adjusted(none).centre == 0.0
    assert paired_change([[0] * 3] * 3) is None


def test_impossible_numbers_are_refused() -> None:
    """More answers than clients, negative counts, negative revenue."""
    with pytest.raises(OutOfRange):
        finite(FIRST, 61)
    with pytest.raises(OutOfRange):
        Counts(-1, 0, 0)
    with pytest.raises(OutOfRange):
        paired_change([[1, -1, 0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(OutOfRange):
        revenue_weighted([(-1.0, "passive")])


@given(COUNTS, st.integers(0, 300))
def test_intervals_stay_on_the_scale_and_inside_the_limits(counts: Counts, silent: int) -> None:
    """And contain what they are about."""
    clients = counts.n + silent
    large, bounds, found = adjusted(counts).interval, limits(counts, clients), finite(counts, clients)
    assert -100 <= large.low <= large.high <= 100
    if clients == 0:
        assert bounds is None
        return
    assert bounds is not None
    assert found is not None
    slack = 1e-9
    assert -100 - slack <= bounds.low <= bounds.high <= 100 + slack
    assert bounds.low - slack <= found.interval.low <= found.interval.high + slack
    assert found.interval.high <= bounds.high + slack
    assert found.interval.low - slack <= found.centre <= found.interval.high + slack


@given(COUNTS, st.integers(0, 300))
def test_detractors_and_promoters_are_mirror_images(counts: Counts, silent: int) -> None:
    """Exchanging them exchanges the signs of everything."""
    mirror, clients = Counts(counts.p, counts.a, counts.d), counts.n + silent
    assert isclose(adjusted(counts).interval.low, -adjusted(mirror).interval.high, abs_tol=1e-9)
    one, other = finite(counts, clients), finite(mirror, clients)
    if one and other:
        assert isclose(one.interval.low, -other.interval.high, abs_tol=1e-9)
        assert isclose(one.centre, -other.centre, abs_tol=1e-9)
    change, back = independent_change(counts, mirror), independent_change(mirror, counts)
    assert isclose(change.difference, -back.difference, abs_tol=1e-9)
    assert isclose(change.p, back.p, abs_tol=1e-12)


@given(st.integers(0, 12), st.integers(0, 12))
def test_the_sign_test_agrees_with_counting_all_outcomes(rose: int, fell: int) -> None:
    """Independent definition: the share of coin rows at least as lopsided as this one."""
    n = rose + fell
    if n > 12:
        n = rose = 12
        fell = 0
    rows = [abs(2 * sum(row) - n) >= abs(rose - fell) for row in product((0, 1), repeat=n)]
    assert isclose(sign_test(rose, fell), sum(rows) / len(rows))


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3))
def test_the_paired_change_is_the_difference_of_both_scores(table: list[list[int]]) -> None:
    """Its centre equals after minus before over the same clients, and turns sign with time."""
    found = paired_change(table)
    if found is None:
        return
    before = Counts(*(sum(row) for row in table))
    after = Counts(*(sum(column) for column in zip(*table, strict=True)))
    first, second = nps(before), nps(after)
    assert first is not None
    assert second is not None
    assert isclose(found.difference, second - first, abs_tol=1e-9)
    back = paired_change([list(column) for column in zip(*table, strict=True)])
    assert back is not None
    assert isclose(back.difference, -found.difference, abs_tol=1e-9)
    assert back.p == found.p


@given(
    st.lists(
        st.tuples(st.floats(0.01, 1e6), st.sampled_from(["detractor", "passive", "promoter"])), min_size=1
    )
)
def test_the_effective_number_lies_between_one_and_n(answers: list[tuple[float, Group]]) -> None:
    """Kish's n is n for equal revenues and never more."""
    found = revenue_weighted(answers)
    assert found is not None
    assert 1 - 1e-9 <= found.n_effective <= found.n + 1e-9
    assert -100 - 1e-9 <= found.nps <= 100 + 1e-9
    equal = revenue_weighted([(5.0, one) for _, one in answers])
    score = nps(Counts.of(one for _, one in answers))
    assert equal is not None
    assert score is not None
    assert isclose(equal.n_effective, equal.n)
    assert isclose(equal.nps, score, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("score", "name"),
    [(0, "detractor"), (6, "detractor"), (7, "passive"), (8, "passive"), (9, "promoter"), (10, "promoter")],
)
def test_groups(score: int, name: str) -> None:
    """Promoter 9 and 10, passive 7 and 8, detractor 0 to 6 (product.md 2)."""
    assert group(score) == name


@pytest.mark.parametrize("score", [-1, 11, 100])
def test_no_group_outside_the_scale(score: int) -> None:
    """The scale is 0 to 10 (W13)."""
    with pytest.raises(OutOfRange):
        group(score)

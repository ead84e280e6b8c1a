"""Figures of extra questions against published values (product.md N11)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.errors import OutOfRange
from integration.nps.question_numbers import mean, mean_moved, share_moved, shares, student


def test_students_points_are_those_of_the_tables() -> None:
    """97.5 % points as every statistics book prints them, on both sides of the switch to the expansion."""
    table = {
        1: 12.7062, 2: 4.30265, 3: 3.18245, 4: 2.77645, 5: 2.57058, 9: 2.26216, 10: 2.22814, 30: 2.04227,
        60: 2.00030, 120: 1.97993, 199: 1.97196, 200: 1.97190, 1000: 1.96234,
    }  # fmt: skip
    for free, point in table.items():
        assert student(free) == pytest.approx(point, abs=6e-5), free
    assert student(4) > student(4.5) > student(5)
    with pytest.raises(OutOfRange):
        student(0.5)


def test_a_mean_stands_with_its_interval() -> None:
    """3, 4, 4, 5, 5: mean 4.2, s² 0.7, t(4) 2.776, half 1.0389, cut at the end of the scale."""
    found = mean({3: 1, 4: 2, 5: 2}, 1, 5)
    assert found is not None
    assert found.interval is not None
    assert (found.n, found.value, found.variance) == (5, pytest.approx(4.2), pytest.approx(0.7))
    assert found.interval == (pytest.approx(4.2 - 1.03885, abs=1e-4), 5.0)
    assert mean({}, 1, 5) is None
    for counts in ({5: 1}, {5: 9}):
        alone = mean(counts, 1, 5)
        assert alone is not None
        assert alone.interval is None
        assert alone.value == 5
    with pytest.raises(OutOfRange):
        mean({6: 1}, 1, 5)
    with pytest.raises(OutOfRange):
        mean({5: -1}, 1, 5)


def test_the_change_of_a_mean_is_welchs() -> None:
    """1…5 once each against 3, 4, 4, 5, 5: difference 1.2, SE √(0.5 + 0.14) = 0.8, 6.08 degrees: ± 1.951."""
    before, now = mean(dict.fromkeys(range(1, 6), 1), 1, 5), mean({3: 1, 4: 2, 5: 2}, 1, 5)
    assert before is not None
    assert now is not None
    moved = mean_moved(before, now)
    assert moved is not None
    assert moved.chance
    assert moved.difference == pytest.approx(1.2)
    assert moved.interval == (pytest.approx(1.2 - 1.951, abs=2e-3), pytest.approx(1.2 + 1.951, abs=2e-3))
    sure = mean_moved(mean({1: 30, 2: 30}, 1, 5), mean({4: 30, 5: 30}, 1, 5))  # type: ignore[arg-type]
    assert sure is not None
    assert not sure.chance
    same = mean({5: 9}, 1, 5)
    assert same is not None
    assert mean_moved(same, same) is None


def test_the_change_of_a_share_is_newcombes() -> None:
    """56 of 70 against 48 of 80 and 9 of 10 against 3 of 10, method 10: +0.0524 … +0.3339 and +0.1705 … +0.8090
    (Newcombe 1998, table II, a and b)."""
    for now, before, low, high in (((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)):
        moved = share_moved(before, now)
        assert moved is not None
        assert moved.interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
        assert not moved.chance
    assert share_moved((0, 0), (1, 2)) is None


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 500), min_size=1))
def test_shares_add_up_and_lie_in_their_intervals(counts: dict[str, int]) -> None:
    found = shares(counts, ["a", "b", "c"])
    assert sum(share for share, _ in found.values()) == pytest.approx(1)
    assert all(low <= share <= high for share, (low, high) in found.values())

"""What may be said about two waves: the check values of product.md 9, and when nothing may be said (N4, N5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.statistics import Counts, Interval
from integration.nps.wave_change import around, compare, mix_change, table_of

PAIRED = [[5, 3, 1], [1, 10, 5], [0, 2, 21]]
TRIPLES = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
TABLES = st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=3, max_size=3)


def test_both_comparisons_have_the_check_values_and_the_pairs_decide() -> None:
    found = compare(Counts(12, 20, 30), Counts(6, 18, 36), PAIRED, 5)
    assert found is not None
    one, two = found.independent, found.paired
    assert (one.difference, one.se, one.z, one.p) == pytest.approx(
        (19.9267, 12.8362, 1.5524, 0.12057), abs=1e-4
    )
    assert two is not None
    assert (two.difference, two.p) == pytest.approx((14.5833, 0.14600), abs=1e-4)
    assert (two.se, two.z) == pytest.approx((7.8717, 1.8526), abs=1e-4)
    assert (two.n, two.rose, two.fell) == (48, 9, 3)
    assert (found.before, found.after) == pytest.approx((29.0323, 50.0), abs=1e-4)
    assert found.interval == pytest.approx((14.5833 - 15.4282, 14.5833 + 15.4282), abs=1e-3)
    assert (found.basis, found.verdict, found.chance) == ("paired", "unclear", True)


@pytest.mark.parametrize(
    ("before", "after", "table", "verdict"),
    [
        ((40, 10, 10), (2, 10, 48), [], "grew"),
        ((2, 10, 48), (40, 10, 10), [], "fell"),
        ((20, 20, 20), (18, 20, 22), [], "unclear"),
        ((20, 20, 20), (10, 40, 10), [], "unchanged"),
        ((20, 20, 20), (1, 2, 60), [[0, 0, 20], [0, 0, 0], [0, 0, 0]], "grew"),
        # The pairs fell for certain while the whole rose: the two do not say the same, so nothing is said.
        ((40, 10, 10), (2, 10, 48), [[0, 0, 0], [0, 0, 0], [20, 0, 0]], "unclear"),
        # Many small steps up and a few deep falls: the sign test is certain, the mean is not.
        ((20, 20, 20), (16, 20, 24), [[0, 14, 0], [0, 0, 0], [3, 0, 0]], "unclear"),
        # Every pair moved by the same step: there is no spread, and the sign test decides alone.
        ((20, 20, 20), (2, 20, 40), [[0, 12, 0], [0, 0, 0], [0, 0, 0]], "grew"),
        ((20, 20, 20), (2, 20, 40), [[0, 5, 0], [0, 0, 0], [0, 0, 0]], "unclear"),
    ],
)  # fmt: skip
def test_a_change_is_named_only_if_it_is_hardly_chance(
    before: tuple[int, int, int], after: tuple[int, int, int], table: list[list[int]], verdict: str
) -> None:
    found = compare(Counts(*before), Counts(*after), table, 5)
    assert found is not None
    assert found.verdict == verdict


def test_without_answers_enough_nothing_is_compared() -> None:
    some, few = Counts(5, 5, 5), Counts(1, 2, 1)
    assert compare(few, some, PAIRED, 5) is None
    assert compare(some, few, PAIRED, 5) is None
    assert compare(Counts(0, 0, 0), some, []) is None
    alone = compare(some, some, [[1, 0, 0], [0, 0, 0], [0, 0, 0]], 1)
    assert alone is not None
    assert (alone.basis, alone.interval) == ("paired", Interval(-200.0, 200.0))


@given(TRIPLES, TRIPLES, TABLES, st.integers(1, 8))
def test_who_is_said_to_have_grown_or_fallen_did_so_by_every_measure(
    before: tuple[int, int, int], after: tuple[int, int, int], table: list[list[int]], least: int
) -> None:
    found = compare(Counts(*before), Counts(*after), table, least)
    if found is None:
        assert min(sum(before), sum(after)) < least
        return
    assert -200 <= found.interval.low <= found.interval.high <= 200
    assert -200 <= found.difference <= 200
    back = compare(Counts(*after), Counts(*before), [list(row) for row in zip(*table, strict=True)], least)
    assert back is not None
    opposite = {"grew": "fell", "fell": "grew"}
    assert back.verdict == opposite.get(found.verdict, found.verdict)
    if not found.chance:
        side = 1 if found.verdict == "grew" else -1
        assert side * found.difference > 0
        assert side * found.interval.low > 0
        assert side * found.interval.high > 0


def test_pairs_of_scores_become_a_table_by_group() -> None:
    assert table_of([(0, 6, 2), (5, 7, 1), (8, 10, 3), (9, 0, 4), (10, 9, 5)]) == [
        [2, 1, 0],
        [0, 0, 3],
        [4, 0, 5],
    ]
    assert around(10.0, None) == (-200.0, 200.0)


def test_a_mix_that_has_moved_is_told_apart_from_an_index_that_has() -> None:
    """Every channel is as it was; the whole fell by 16 points only since more of them came by e-mail (product.md 9)."""
    before = {"phone": Counts(4, 8, 30), "email": Counts(5, 7, 8)}
    found = mix_change(before, {"phone": Counts(2, 4, 15), "email": Counts(10, 14, 16)})
    shown = found.standardised
    assert (shown.raw, shown.value) == pytest.approx((31.1475, 46.7742), abs=1e-4)
    assert shown.mix_moved == pytest.approx(42 / 62 - 21 / 61)
    assert (found.moved, found.lacking) == (True, ())
    same = mix_change(before, {"phone": Counts(1, 20, 22), "email": Counts(7, 7, 6)})
    assert (same.moved, same.lacking) == (False, ())


def test_without_answers_by_a_channel_nothing_is_standardised() -> None:
    before = {"phone": Counts(4, 8, 30), "email": Counts(5, 7, 8), "link": Counts(0, 0, 0)}
    found = mix_change(before, {"email": Counts(10, 14, 16)})
    assert (found.standardised.value, found.lacking, found.moved) == (None, ("phone",), True)
    nobody = mix_change(before, {})
    assert (nobody.moved, nobody.standardised.value) == (False, None)


@given(
    st.dictionaries(st.sampled_from(["phone", "email", "link"]), st.builds(Counts, *[st.integers(0, 40)] * 3))
)
def test_with_the_same_answers_the_standardised_index_is_the_index(answers: dict[str, Counts]) -> None:
    found = mix_change(answers, answers)
    assert found.standardised.mix_moved == 0
    assert not found.moved
    if found.standardised.raw is None:
        assert found.standardised.value is None
    else:
        assert found.standardised.value == pytest.approx(found.standardised.raw)

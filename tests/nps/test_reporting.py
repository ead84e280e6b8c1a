"""What a report may say (product.md N6, N7, F7)."""

from __future__ import annotations

import pytest

from integration.nps.errors import OutOfRange
from integration.nps.people import Group
from integration.nps.reporting import (
    Dispositions,
    aapor,
    breakdown,
    dispositions,
    is_systemic,
    may_rank,
)


def answers(key: str, d: int, a: int, p: int) -> list[tuple[str, Group]]:
    counts: dict[Group, int] = {"detractor": d, "passive": a, "promoter": p}
    return [(key, group) for group, count in counts.items() for _ in range(count)]


def test_nothing_is_shown_below_the_least_group() -> None:
    """Four answers of five: only their number (N7)."""
    few, enough = breakdown(answers("few", 1, 1, 2) + answers("enough", 1, 1, 3), min_group=5)
    assert (few.key, few.n, few.counts, few.nps, few.interval) == ("few", 4, None, None, None)
    assert (enough.n, enough.nps) == (5, 40.0)
    assert enough.interval is not None


def test_people_are_ranked_only_where_intervals_are_apart() -> None:
    """One far above the other may be named so; neighbours may not (N7)."""
    apart = breakdown(answers("a", 0, 0, 60) + answers("b", 60, 0, 0), min_group=5)
    close = breakdown(answers("a", 4, 2, 6) + answers("b", 5, 2, 5) + answers("c", 0, 0, 90), min_group=5)
    assert may_rank(apart)
    assert not may_rank(close)


def test_rates_by_aapor() -> None:
    """200 cases: 100 complete, 10 partial, 40 refusals, 30 not reached, 5 other, 15 unknown (N6)."""
    found = aapor(Dispositions(100, 10, 40, 30, 5, 15))
    assert found.rr1 == pytest.approx(100 / 200)
    assert found.coop1 == pytest.approx(100 / 155)
    assert found.ref1 == pytest.approx(40 / 200)
    assert found.con1 == pytest.approx(155 / 200)
    nothing = aapor(Dispositions(0))
    assert (nothing.rr1, nothing.coop1) == (None, None)
    with pytest.raises(OutOfRange):
        Dispositions(-1)


def test_the_published_funnel() -> None:
    """500 respondents: 216 answered, 90 refused, 194 silent; those excluded count nowhere (issue 6)."""
    counted = dispositions({"answered": 216, "refused": 90, "no_answer": 194, "excluded": 7})
    assert aapor(counted).rr1 == pytest.approx(0.432)
    assert aapor(counted).ref1 == pytest.approx(0.18)
    assert dispositions(
        {"postponed": 1, "opted_out": 2, "unreachable": 3, "closed_early": 4}
    ) == Dispositions(0, refusal=2, non_contact=3, other=1, unknown=4)


@pytest.mark.parametrize(
    ("raised", "n", "systemic"), [(3, 10, True), (29, 100, False), (30, 100, True), (0, 0, False)]
)
def test_a_theme_of_many_is_a_process_problem(raised: int, n: int, systemic: bool) -> None:
    """At 30 % and over (F7)."""
    assert is_systemic(raised, n, 30) is systemic

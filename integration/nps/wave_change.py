"""How a wave compares with the one before, and what may be said about it (product.md N4, N5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .people import GROUPS
from .scoring import group
from .statistics import (
    Z95,
    Change,
    Counts,
    Interval,
    PairedChange,
    Standardised,
    independent_change,
    nps,
    paired_change,
    standardised,
)

Basis = Literal["paired", "independent"]
Verdict = Literal["grew", "fell", "unclear", "unchanged"]
MIX_MOVED = 0.1  # share of the answers that changed channel, from which on the mix is said to have moved


@dataclass(frozen=True, slots=True)
class WaveChange:
    """The change of the index between two waves.

    ``before``, ``after``: the indexes as they are. ``independent``: both waves as two samples; ``paired``: the clients
    who answered both times. ``basis``: which of the two decides; ``interval``: of its difference, by 95 %, in points.
    """

    before: float
    after: float
    independent: Change
    paired: PairedChange | None
    basis: Basis
    interval: Interval
    verdict: Verdict

    @property
    def difference(self) -> float:
        """Points gained, of the index as it is."""
        return self.after - self.before

    @property
    def chance(self) -> bool:
        """Whether it may be chance."""
        return self.verdict not in ("grew", "fell")


def compare(
    before: Counts, after: Counts, table: Sequence[Sequence[int]], least: int = 1
) -> WaveChange | None:
    """The change between two waves; ``table``: clients of both by group, rows before, columns after. None while one of
    them has no answers or fewer than ``least``.

    Judged by the clients who answered both times if there are ``least`` of them, else as two independent samples. It
    ``grew`` or ``fell`` only if the interval of the difference leaves out zero, no test takes it for chance, and the
    index itself moved the same way; otherwise it is ``unclear``, or ``unchanged`` by whole points.
    """
    first, second = nps(before), nps(after)
    if first is None or second is None or min(before.n, after.n) < least:
        return None
    independent, paired = independent_change(before, after), paired_change(table)
    if paired is not None and paired.n >= max(1, least):
        basis: Basis = "paired"
        judged, interval, chance = paired.difference, around(paired.difference, paired.se), paired.chance
    else:
        basis = "independent"
        judged, chance = independent.difference, independent.chance
        interval = around(independent.difference, independent.se)
    verdict = _verdict(second - first, judged, interval, chance)
    return WaveChange(first, second, independent, paired, basis, interval, verdict)


def _verdict(moved: float, judged: float, interval: Interval, chance: bool) -> Verdict:
    if round(moved) == 0:
        return "unchanged"
    certain = not chance and not interval.low <= 0 <= interval.high and moved * judged > 0
    if not certain:
        return "unclear"
    return "grew" if moved > 0 else "fell"


def around(difference: float, se: float | None) -> Interval:
    """The interval of a difference between two indexes, by 95 %, within -200 … 200; without a standard error (a single
    pair) all of it."""
    if se is None:
        return Interval(-200.0, 200.0)
    return Interval(max(-200.0, difference - Z95 * se), min(200.0, difference + Z95 * se))


def table_of(pairs: Iterable[tuple[int, int, int]]) -> list[list[int]]:
    """From score then, score now and how many clients: rows before, columns after, by group."""
    table = [[0] * len(GROUPS) for _ in GROUPS]
    for then, now, clients in pairs:
        table[GROUPS.index(group(then))][GROUPS.index(group(now))] += clients
    return table


@dataclass(frozen=True, slots=True)
class MixChange:
    """The later wave with the earlier one's mix of channels (product.md N5).

    ``lacking``: channels of the earlier wave without answers now: nothing can be standardised then. ``moved``: so many
    answers came by another channel that the indexes are not comparable as they are.
    """

    standardised: Standardised
    lacking: tuple[str, ...]
    moved: bool


def mix_change(before: Mapping[str, Counts], after: Mapping[str, Counts]) -> MixChange:
    """``before``, ``after``: answers by channel, one for each client (the unit of the index, product.md N1)."""
    found = standardised(after, before)
    none = Counts(0, 0, 0)
    lacking = tuple(
        sorted(name for name, counts in before.items() if counts.n and not after.get(name, none).n)
    )
    return MixChange(found, lacking, bool(found.n) and found.mix_moved >= MIX_MOVED)

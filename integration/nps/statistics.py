"""The numbers of product.md 9: index, intervals, change, weights, earned growth.

All results are on the scale -100 … 100 unless said otherwise; every one carries its n. Sources: adjusted
Wald interval for the index, Rocks 2016; finite base: product.md N2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from .errors import OutOfRange
from .people import Group

_NORMAL = NormalDist()
Z95 = _NORMAL.inv_cdf(0.975)


class Interval(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class Counts:
    """Counted answers: detractors, passives (``a``), promoters. OutOfRange for a negative count."""

    d: int
    a: int
    p: int

    def __post_init__(self) -> None:
        if min(self.d, self.a, self.p) < 0:
            raise OutOfRange("a count cannot be negative")

    @property
    def n(self) -> int:
        return self.d + self.a + self.p

    @classmethod
    def of(cls, groups: Iterable[Group]) -> Counts:
        """Counted from groups."""
        found = Counter(groups)
        return cls(found["detractor"], found["passive"], found["promoter"])

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.d + other.d, self.a + other.a, self.p + other.p)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A centre with its standard error and interval, all in points."""

    centre: float
    se: float
    interval: Interval
    n: int


def nps(counts: Counts) -> float | None:
    """``100·(P−D)/n``; None without answers (product.md N1)."""
    return 100 * (counts.p - counts.d) / counts.n if counts.n else None


def variance(counts: Counts) -> float | None:
    """Variance of one answer valued -1, 0, 1; None without answers."""
    if not counts.n:
        return None
    mean = (counts.p - counts.d) / counts.n
    return (counts.p + counts.d) / counts.n - mean**2


class _Adjusted(NamedTuple):
    n: float
    mean: float
    variance: float


def _adjusted(counts: Counts) -> _Adjusted:
    """With ¾ detractor, 1½ passive and ¾ promoter added."""
    n = counts.n + 3
    p, d = (counts.p + 0.75) / n, (counts.d + 0.75) / n
    return _Adjusted(n, p - d, p + d - (p - d) ** 2)


def adjusted(counts: Counts, z: float = Z95) -> Estimate:
    """The interval for a large population (product.md N2); also defined without a single answer."""
    n, mean, spread = _adjusted(counts)
    se = sqrt(spread / n)
    low, high = max(-1.0, mean - z * se), min(1.0, mean + z * se)
    return Estimate(100 * mean, 100 * se, Interval(100 * low, 100 * high), counts.n)


def limits(counts: Counts, clients: int) -> Interval | None:
    """What the score of all ``clients`` can be, assuming nothing (product.md N3); None for no clients."""
    silent = _silent(counts, clients)
    if not clients:
        return None
    lead = counts.p - counts.d
    return Interval(100 * (lead - silent) / clients, 100 * (lead + silent) / clients)


def finite(counts: Counts, clients: int, z: float = Z95) -> Estimate | None:
    """The interval for exactly ``clients`` eligible clients (product.md N2); None if there are none.

    Clipped to ``limits``; when everybody answered it is the score. OutOfRange if more answered than exist.
    """
    silent = _silent(counts, clients)
    bounds = limits(counts, clients)
    if bounds is None:
        return None
    if not silent:
        return Estimate(bounds.low, 0.0, bounds, counts.n)
    n, mean, spread = _adjusted(counts)
    centre = ((counts.p - counts.d) + silent * mean) / clients
    se = silent / clients * sqrt(spread * (1 / n + 1 / silent))
    low = max(bounds.low, 100 * (centre - z * se))
    high = min(bounds.high, 100 * (centre + z * se))
    return Estimate(100 * centre, 100 * se, Interval(low, high), counts.n)


def _silent(counts: Counts, clients: int) -> int:
    if counts.n > clients:
        raise OutOfRange(f"{counts.n} answers of {clients} clients")
    return clients - counts.n


@dataclass(frozen=True, slots=True)
class Change:
    """A change between two waves. ``p`` two-sided; ``chance``: it may be chance (p over 5 %)."""

    difference: float
    se: float
    z: float
    p: float
    n: tuple[int, int]

    @property
    def chance(self) -> bool:
        return self.p > 0.05


def independent_change(before: Counts, after: Counts) -> Change:
    """Difference of the adjusted scores of two independent waves (product.md N4)."""
    first, second = _adjusted(before), _adjusted(after)
    difference = second.mean - first.mean
    se = sqrt(first.variance / first.n + second.variance / second.n)
    z = difference / se
    return Change(100 * difference, 100 * se, z, 2 * (1 - _NORMAL.cdf(abs(z))), (before.n, after.n))


@dataclass(frozen=True, slots=True)
class PairedChange:
    """Clients asked twice. ``rose`` and ``fell`` count changes of group; ``p`` is of the exact sign test.

    ``se`` and ``z`` are None where they are not defined (fewer than two pairs, no spread).
    """

    difference: float
    se: float | None
    z: float | None
    p: float
    rose: int
    fell: int
    n: int

    @property
    def chance(self) -> bool:
        return self.p > 0.05


def paired_change(table: Sequence[Sequence[int]]) -> PairedChange | None:
    """Rows before, columns after, each detractor, passive, promoter (product.md N4); None without pairs.

    Each pair counts the groups it moved, -2 … +2, as half of the scale it crosses: a step is 100 points.
    """
    moves = Counter[int]()
    for row, counts in enumerate(table):
        for column, count in enumerate(counts):
            if count < 0:
                raise OutOfRange("a count cannot be negative")
            moves[column - row] += count
    n = moves.total()
    if not n:
        return None
    mean = sum(move * count for move, count in moves.items()) / n
    rose = sum(count for move, count in moves.items() if move > 0)
    fell = sum(count for move, count in moves.items() if move < 0)
    se = z = None
    if n > 1:
        spread = sum(count * (move - mean) ** 2 for move, count in moves.items()) / (n - 1)
        se = sqrt(spread / n)
        z = mean / se if se else None
    p = sign_test(rose, fell)
    return PairedChange(100 * mean, 100 * se if se is not None else None, z, p, rose, fell, n)


def sign_test(rose: int, fell: int) -> float:
    """Two-sided exact p of the sign test; 1 when nobody moved."""
    n = rose + fell
    tail = ways = 1  # each number of ways follows from the one before: thousands of pairs stay cheap
    for k in range(min(rose, fell)):
        ways = ways * (n - k) // (k + 1)
        tail += ways
    return float(min(Fraction(1), Fraction(2 * tail, 2**n)))


@dataclass(frozen=True, slots=True)
class Standardised:
    """The later wave as it is and with the earlier wave's channel mix (product.md N5).

    ``value`` is None if a channel of the earlier wave has no answers now; ``mix_moved`` is the share of
    answers that changed channel, 0 … 1.
    """

    raw: float | None
    value: float | None
    mix_moved: float
    n: int


def standardised(now: Mapping[str, Counts], mix: Mapping[str, Counts]) -> Standardised:
    """``now`` weighted by the channel shares of ``mix``."""
    total, base = sum(c.n for c in now.values()), sum(c.n for c in mix.values())
    raw = nps(sum(now.values(), Counts(0, 0, 0)))
    if not total or not base:
        return Standardised(raw, None, 0.0, total)
    value: float | None = 0.0
    for channel, counts in mix.items():
        score = nps(now.get(channel, Counts(0, 0, 0)))
        if counts.n and value is not None:
            value = None if score is None else value + score * counts.n / base
    channels = now.keys() | mix.keys()
    none = Counts(0, 0, 0)
    moved = sum(abs(now.get(c, none).n / total - mix.get(c, none).n / base) for c in channels) / 2
    return Standardised(raw, value, moved, total)


@dataclass(frozen=True, slots=True)
class Weighted:
    """Revenue-weighted index with Kish's effective number of answers (product.md N8)."""

    nps: float
    n_effective: float
    n: int


def revenue_weighted(answers: Iterable[tuple[float, Group]]) -> Weighted | None:
    """Pairs of revenue and group; None without revenue. OutOfRange for a negative revenue."""
    total = squares = lead = 0.0
    n = 0
    for revenue, group in answers:
        if revenue < 0:
            raise OutOfRange("revenue cannot be negative")
        n += 1
        total += revenue
        squares += revenue**2
        lead += revenue * ((group == "promoter") - (group == "detractor"))
    return Weighted(100 * lead / total, total**2 / squares, n) if total else None


@dataclass(frozen=True, slots=True)
class Earned:
    """Earned growth (product.md R6), as shares: ``nrr`` of last year's clients, ``new`` by recommendation."""

    nrr: float
    new: float

    @property
    def rate(self) -> float:
        return self.nrr + self.new - 1


def earned_growth(base: float, returning: float, recommended_new: float) -> Earned | None:
    """``base``: last year's revenue; ``returning``: this year's of the same clients; None without a base."""
    if base <= 0:
        return None
    return Earned(returning / base, recommended_new / base)

"""Shares and middles with the interval they rest on (product.md R6, N)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, sqrt
from typing import TypeVar

from .errors import OutOfRange
from .statistics import Z95, Interval

Number = TypeVar("Number", int, float)
_EXACTLY = 1_000  # up to so many values the ranks are counted out, above the normal curve is as good


def wilson(part: float, n: float, z: float = Z95) -> Interval | None:
    """The interval of a share, 0 … 1 (Wilson 1927, "Probable inference, the law of succession, and statistical
    inference", JASA 22, 209-212); None without anything to count. OutOfRange for more than all."""
    if not 0 <= part <= n:
        raise OutOfRange(f"{part} of {n}")
    if not n:
        return None
    share, room = part / n, z * z / n
    centre = (share + room / 2) / (1 + room)
    half = z / (1 + room) * sqrt(share * (1 - share) / n + room / (4 * n))
    low = 0.0 if part == 0 else max(0.0, centre - half)
    high = 1.0 if part == n else min(1.0, centre + half)
    return Interval(low, high)


@dataclass(frozen=True, slots=True)
class Share:
    """So much of so much. ``n``: clients it rests on; ``value`` 0 … 1 and ``interval`` are None below the smallest
    group that is shown (product.md N7), and where there is nothing to share."""

    part: float
    whole: float
    n: int
    value: float | None
    interval: Interval | None


def share(part: int, n: int, least: int = 1) -> Share:
    """A share of ``n`` clients with Wilson's interval; below ``least`` clients only the counts."""
    if n < max(1, least):
        return Share(part, n, n, None, None)
    return Share(part, n, n, part / n, wilson(part, n))


def weighted_share(amounts: Iterable[tuple[float, bool]], least: int = 1) -> Share:
    """The share of an amount, of clients with their amount and whether they count to the part.

    The interval is Wilson's with the effective number of clients (Kish 1965, "Survey sampling"): one client that
    brings half of all counts for few. None where the amounts do not add up to anything, or one is negative (a
    credit): then a share would mean nothing.
    """
    part = whole = squares = 0.0
    n, sound = 0, True
    for amount, counts in amounts:
        n += amount != 0
        whole += amount
        squares += amount * amount
        part += amount if counts else 0.0
        sound = sound and amount >= 0
    if not sound or whole <= 0 or n < max(1, least):
        return Share(part, whole, n, None, None)
    value, effective = min(1.0, part / whole), whole * whole / squares
    return Share(part, whole, n, value, wilson(min(value * effective, effective), effective))


@dataclass(frozen=True, slots=True)
class Middle:
    """The value in the middle, and between which values it lies by 95 %; None for the interval of five or fewer."""

    value: float
    interval: Interval | None
    n: int


def middle(values: Sequence[float]) -> Middle | None:
    """The median with its interval by ranks, which assumes nothing about how amounts are spread (Thompson 1936,
    Annals of Mathematical Statistics 7, 122-128); None without values."""
    found = sorted(values)
    n = len(found)
    if not n:
        return None
    half = n // 2
    median = found[half] if n % 2 else (found[half - 1] + found[half]) / 2
    rank = _rank(n)
    return Middle(median, Interval(found[rank - 1], found[n - rank]) if rank else None, n)


def _rank(n: int) -> int:
    """The k for which the k-th lowest and k-th highest of n hold the median between them by at least 95 %; 0: none."""
    if n > _EXACTLY:
        return floor((n + 1 - Z95 * sqrt(n)) / 2)
    allowed = 2**n // 40  # 2.5 % of all ways
    ways, tail, rank = 1, 1, 0
    while tail <= allowed:
        rank += 1
        ways = ways * (n - rank + 1) // rank
        tail += ways
    return rank

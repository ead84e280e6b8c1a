"""The figures of extra questions: means and shares with their intervals, and their change (product.md N11).

They are apart from the index and never part of it (product.md W13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import atan, pi, sqrt

from .errors import OutOfRange
from .shares import wilson
from .statistics import Z95, Interval

_EXACTLY = 200  # degrees of freedom up to which the distribution is summed out


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of ``n`` answers; ``interval`` is None where they tell nothing of the spread: one, or all the same."""

    n: int
    value: float
    variance: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A difference, now minus before, with its interval; ``chance``: nought lies inside, so it may be chance."""

    difference: float
    interval: Interval

    @property
    def chance(self) -> bool:
        """Whether the difference may be chance."""
        return self.interval.low <= 0 <= self.interval.high


def mean(counts: Mapping[int, int], least: int, most: int) -> Mean | None:
    """The mean of answers on a scale, from how often each number was given; None without answers.

    The interval is Student's (1908, "The probable error of a mean", Biometrika 6, 1-25): mean ± t(n-1) · s / √n, cut at
    the ends of the scale. None for one answer, and where all are the same: s = 0 would claim certainty. OutOfRange for
    a number off the scale or a negative count.
    """
    if any(not least <= value <= most or count < 0 for value, count in counts.items()):
        raise OutOfRange("off the scale")
    n = sum(counts.values())
    if not n:
        return None
    value = sum(number * count for number, count in counts.items()) / n
    if n == 1:
        return Mean(n, value, 0.0, None)
    variance = sum(count * (number - value) ** 2 for number, count in counts.items()) / (n - 1)
    if not variance:
        return Mean(n, value, 0.0, None)
    half = student(n - 1) * sqrt(variance / n)
    return Mean(n, value, variance, Interval(max(float(least), value - half), min(float(most), value + half)))


def mean_moved(before: Mean, now: Mean) -> Moved | None:
    """The change of a mean between two independent surveys (Welch 1947, "The generalization of Student's problem when
    several different population variances are involved", Biometrika 34, 28-35); None where nothing tells the spread."""
    parts = [(one.variance / one.n, one.n - 1) for one in (before, now)]
    total = sum(part for part, _ in parts)
    if not total or any(free < 1 for _, free in parts):
        return None
    free = total * total / sum(part * part / degrees for part, degrees in parts)
    half = student(free) * sqrt(total)
    difference = now.value - before.value
    return Moved(difference, Interval(difference - half, difference + half))


def share_moved(before: tuple[int, int], now: tuple[int, int]) -> Moved | None:
    """The change of a share between two independent surveys, each ``(part, n)``; None without answers in one of them.

    Wilson's intervals put together (Newcombe 1998, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17, 873-890, method 10). On the scale -1 … 1. OutOfRange as for a share.
    """
    was, is_now = wilson(*before), wilson(*now)
    if was is None or is_now is None:
        return None
    p1, p2 = before[0] / before[1], now[0] / now[1]
    difference = p2 - p1
    low = difference - sqrt((p2 - is_now.low) ** 2 + (was.high - p1) ** 2)
    high = difference + sqrt((is_now.high - p2) ** 2 + (p1 - was.low) ** 2)
    return Moved(difference, Interval(max(-1.0, low), min(1.0, high)))


def shares(counts: Mapping[str, int], codes: Sequence[str]) -> dict[str, tuple[float, Interval]]:
    """The share of each answer with Wilson's interval, 0 … 1; empty without answers."""
    n = sum(counts.values())
    found: dict[str, tuple[float, Interval]] = {}
    for code in codes:
        interval = wilson(counts.get(code, 0), n)
        if interval is not None:
            found[code] = (counts.get(code, 0) / n, interval)
    return found


@lru_cache(maxsize=512)
def student(free: float) -> float:
    """The 97.5 % point of Student's distribution with this many degrees of freedom (also between whole numbers, as
    Welch needs them: then between the two neighbours, weighed by 1/free). OutOfRange below 1.

    Whole numbers up to 200 are found by halving on the sum of Abramowitz and Stegun, "Handbook of Mathematical
    Functions", 26.7.3 and 26.7.4; above that by their expansion 26.7.5, which is right to seven digits there.
    """
    if free < 1:
        raise OutOfRange(f"{free} degrees of freedom")
    below = int(free)
    if below >= _EXACTLY:
        return _expanded(free)
    first = _exact(below)
    if free == below:
        return first
    weight = (1 / below - 1 / free) / (1 / below - 1 / (below + 1))
    return first + (_exact(below + 1) - first) * weight


@lru_cache(maxsize=512)
def _exact(free: int) -> float:
    low, high = Z95, 13.0  # one degree: 12.706
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, free) < 0.95:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _within(t: float, free: int) -> float:
    """How much of the distribution lies between -t and t."""
    angle = t / sqrt(free)
    square = 1 / (1 + angle * angle)  # cos² of the angle
    sine, cosine = angle * sqrt(square), sqrt(square)
    term = total = 1.0
    start = 2 if free % 2 else 1
    for k in range(start, free - 1, 2):
        term *= square * k / (k + 1)
        total += term
    if free % 2 == 0:
        return sine * total
    return 2 / pi * (atan(angle) + (sine * cosine * total if free > 1 else 0.0))


def _expanded(free: float) -> float:
    x = Z95
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    return x + g1 / free + g2 / free**2 + g3 / free**3

"""The one number people look at first, and when it may be shown at all (product.md N1 to N4, N7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .people import GROUPS, Group
from .scoring import SCALE, group
from .statistics import Counts, Interval, adjusted, finite, limits, nps
from .wave_change import compare, table_of


@dataclass(frozen=True, slots=True)
class Headline:
    """The answers of a wave with clients as units. ``scores``: clients by their score 0 … 10; ``base``: clients
    that were to be asked; ``least``: below so many answers nothing but n is said (product.md N7); ``known``:
    whether it is known who was asked. Waves from elsewhere hold only those who answered.
    """

    scores: tuple[int, ...]
    base: int
    least: int
    known: bool = True

    @classmethod
    def of(cls, scores: Iterable[tuple[int, int]], base: int, least: int, known: bool = True) -> Headline:
        """From pairs of score and number of clients. Who answered was asked: the base is at least n."""
        counts = [0] * len(SCALE)
        for score, clients in scores:
            counts[score] += clients
        return cls(tuple(counts), max(base, sum(counts)), least, known)

    @property
    def counts(self) -> Counts:
        """Clients by group."""
        found: dict[Group, int] = dict.fromkeys(GROUPS, 0)
        for score, clients in enumerate(self.scores):
            found[group(score)] += clients
        return Counts(found["detractor"], found["passive"], found["promoter"])

    @property
    def n(self) -> int:
        """Clients that answered."""
        return sum(self.scores)

    @property
    def enough(self) -> bool:
        """Whether there are answers enough for an index."""
        return self.n >= max(1, self.least)

    @property
    def nps(self) -> float | None:
        """The index; None while there are too few answers."""
        return nps(self.counts) if self.enough else None

    @property
    def interval(self) -> Interval | None:
        """Where the index of all clients is by 95 % (product.md N2); None while there are too few answers.

        Of a large population where nobody knows how many were asked: a base of those who answered would make
        the index certain.
        """
        if not self.enough:
            return None
        estimate = finite(self.counts, self.base) if self.known else adjusted(self.counts)
        return estimate.interval if estimate else None

    @property
    def limits(self) -> Interval | None:
        """Where it must be, assuming nothing (product.md N3); None with too few answers or an unknown base."""
        return limits(self.counts, self.base) if self.enough and self.known else None


@dataclass(frozen=True, slots=True)
class Moved:
    """How the index moved since the wave before. ``rose``, ``fell``: clients that changed group, of the ``both``
    who answered both times; ``chance``: it may be chance.
    """

    before: float
    after: float
    rose: int
    fell: int
    both: int
    chance: bool

    @property
    def difference(self) -> float:
        """Points gained, of the index."""
        return self.after - self.before


def moved(before: Headline, after: Headline, pairs: Iterable[tuple[int, int, int]]) -> Moved | None:
    """The change between two waves; ``pairs``: score then, score now, how many clients (product.md N4).

    Judged as `wave_change.compare` does, so that the main page and the report say the same. None while one of the
    waves has too few answers.
    """
    if not before.enough or not after.enough:
        return None
    found = compare(before.counts, after.counts, table_of(pairs), after.least)
    if found is None:
        return None
    if found.basis == "paired" and found.paired is not None:
        both = found.paired
        return Moved(found.before, found.after, both.rose, both.fell, both.n, found.chance)
    return Moved(found.before, found.after, 0, 0, 0, found.chance)

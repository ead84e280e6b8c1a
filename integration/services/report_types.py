"""What the main page is told about waves; plain values, no texts (product.md N, P1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from integration.nps.headline import Headline, Moved
from integration.nps.statistics import Interval
from integration.store.reports import Funnel as Funnel
from integration.store.reports import Scope as Scope

OVER = ("closed", "cancelled")


@dataclass(frozen=True, slots=True)
class WaveView:
    """A wave for people. `days`: its steps with calendar days of the portal.

    `frozen`: the result is final; until then it is preliminary, after closing until `frozen_on` (product.md W14).
    """

    id: int
    name: str
    stage: str
    imported: bool
    approved_by: str
    listed: bool
    days: tuple[tuple[str, date], ...]
    frozen_on: date | None
    frozen: bool

    @property
    def open(self) -> bool:
        """Whether it is planned or under way."""
        return self.stage not in OVER

    def day(self, step: str) -> date | None:
        """The planned day of a step."""
        return next((day for name, day in self.days if name == step), None)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a score rests on (product.md E7): clients on the list, asked, answered, excluded by hand; people
    asked and answered; the share of the asked clients' yearly revenue that answered, 0 … 1, None where the revenue
    is known for fewer than half of them. `known`: whether it is known who was asked; if not, only the answers count.
    `off_list`: clients taken off the list although their answer counts; they are among those asked.
    """

    listed: int
    asked: int
    answered: int
    excluded: int
    people: int
    people_answered: int
    revenue_share: float | None
    known: bool = True
    off_list: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of one wave. `final`: the frozen index, interval and limits (None if nobody knows who was asked)
    where the result is frozen and the viewer sees all; `moved`: the change since the wave named `since`.
    """

    wave: WaveView
    headline: Headline
    coverage: Coverage
    final: tuple[float, Interval, Interval | None] | None = None
    moved: Moved | None = None
    since: str = ""

    @property
    def corrected(self) -> bool:
        """Whether corrections after the end have moved the index away from the frozen one (product.md W14)."""
        now = self.headline.nps
        return self.final is not None and now is not None and abs(now - self.final[0]) > 0.05


@dataclass(frozen=True, slots=True)
class Point:
    """One wave of the years: index and interval, None while there are too few answers; n of `base` clients."""

    name: str
    imported: bool
    nps: float | None
    interval: Interval | None
    n: int
    base: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """When the next wave is planned by itself, and when its letters would leave; days of the portal."""

    drafted: date
    announce: date
    start: date


@dataclass(frozen=True, slots=True)
class Overview:
    """What the main page says about waves. `wave`: the one that runs or comes next, else the last one;
    `figures`: of that wave, or of the newest with answers; `history`: oldest first; `scope`: whose clients it is about.
    """

    wave: WaveView | None
    standing: Mapping[str, int]
    funnel: Funnel
    figures: Figures | None
    history: tuple[Point, ...]
    ahead: Ahead | None
    scope: Scope

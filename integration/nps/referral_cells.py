"""Which deals an amount is made of, as a short text that a page can carry (product.md R6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, cast, get_args
from urllib.parse import quote, unquote

from .people import CardKey, CardKind
from .workdays import add_months

Who = Literal["all", "referred", "others", "returning", "new", "rest", "client", "direct", "below"]
PARTS: tuple[Who, ...] = ("returning", "new", "rest")  # of earned growth
OF_ONE: tuple[Who, ...] = ("client", "direct", "below")  # these name a card


@dataclass(frozen=True, slots=True)
class Window:
    """Days from ``start`` through ``until`` in the portal's calendar; ``start`` None: since the beginning."""

    start: date | None
    until: date

    @classmethod
    def of_year(cls, year: int, today: date) -> Window:
        """A calendar year, the running one up to today."""
        return cls(date(year, 1, 1), min(date(year, 12, 31), today))

    @classmethod
    def year_to(cls, until: date) -> Window:
        """The twelve months up to and with a day: of 31 December the calendar year."""
        return cls(add_months(until + timedelta(days=1), -12), until)

    @property
    def before(self) -> Window:
        """The twelve months before it."""
        start = self.start or self.until
        return Window(add_months(start, -12), start - timedelta(days=1))

    @property
    def edges(self) -> set[date]:
        """The days on which it begins and is over."""
        return {self.until + timedelta(days=1)} | ({self.start} if self.start else set())

    def holds(self, day: date | None) -> bool:
        """Whether a day is one of it."""
        return day is not None and day <= self.until and (self.start is None or day >= self.start)


@dataclass(frozen=True, slots=True)
class Cell:
    """The deals won in a window by the clients of one kind, of one branch (``city``: as `rights.city_key` makes it).

    ``card``: of whom, for ``client`` (its own deals), ``direct`` (of those it brought) and ``below`` (of all that came
    through it); ``keys`` are those clients, filled in by whoever has the tree.
    """

    window: Window
    who: Who = "all"
    city: str | None = None
    card: CardKey | None = None
    keys: frozenset[CardKey] = frozenset()

    def __str__(self) -> str:
        start = self.window.start.isoformat() if self.window.start else ""
        card = f"{self.card.kind}:{self.card.id}" if self.card else ""
        city = "" if self.city is None else "=" + quote(self.city, safe="").replace("~", "%7E")
        return f"{start}~{self.window.until.isoformat()}~{self.who}~{card}~{city}"

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The cell written by ``str()``; ValueError for anything else."""
        parts = text.split("~")
        if len(parts) != 5 or parts[2] not in get_args(Who):
            raise ValueError(f"no cell: {text[:80]!r}")
        window = Window(date.fromisoformat(parts[0]) if parts[0] else None, date.fromisoformat(parts[1]))
        if (window.start is not None and window.start > window.until) or window.until.year > 9000:
            raise ValueError("a window that ends before it begins")
        who = cast("Who", parts[2])
        card = _card(parts[3]) if parts[3] else None
        if (card is not None) != (who in OF_ONE) or (who in PARTS and not window.start):
            raise ValueError(f"no cell: {text[:80]!r}")
        if parts[4] and not parts[4].startswith("="):
            raise ValueError(f"no cell: {text[:80]!r}")
        return cls(window, who, unquote(parts[4][1:]) if parts[4] else None, card)

    @property
    def edges(self) -> set[date]:
        """The days a ledger must know to sum it up."""
        more = self.window.before.edges if self.who in PARTS else set()
        return self.window.edges | more


def _card(text: str) -> CardKey:
    kind, _, number = text.partition(":")
    if kind not in get_args(CardKind) or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise ValueError("no card")
    return CardKey(cast("CardKind", kind), int(number))

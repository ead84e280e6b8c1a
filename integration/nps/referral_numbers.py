"""What came by recommendation, in clients and in money (product.md R6, N8).

A client *came by recommendation* if that stands: somebody is named and no guard refused it, or its source is one that
recommends. An amount of a period is the sum of the deals won in it, at the rate of the day they were won, as they
stand now: so a year's share moves by exactly the deal that was won. Each amount has a `Cell`, the rule by which the
deals behind it are found; both go through `Cell.holds`, so they cannot differ.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, get_args

from .people import CardKey, Group
from .referral_cells import Cell, Window
from .referral_tree import NOTHING, Money
from .rights import city_key
from .shares import Middle, Share, middle, share, weighted_share
from .statistics import Earned, earned_growth

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Buyer:
    """One client with what it bought. ``kind`` deal: a deal that is nobody's, no client.

    ``since``: product.md E1; ``came``: by recommendation; ``spent``: by number of the ledger's stretch;
    ``serving_since``: the first day of an open deal in a service stage.
    """

    key: CardKey
    city: str = ""
    since: date | None = None
    came: bool = False
    spent: Mapping[int, Money] = field(default_factory=dict)
    serving_since: date | None = None

    @property
    def is_client(self) -> bool:
        """Whether it is a client that has bought or is being served."""
        return self.key.kind in ("company", "contact") and self.since is not None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All buyers somebody may see. ``edges``: days on which a stretch begins, rising, the last is the day after
    ``today``; stretch 0 is all before the first."""

    edges: tuple[date, ...]
    buyers: tuple[Buyer, ...]
    min_group: int = 1

    def spent(self, buyer: Buyer, window: Window) -> Money:
        """What a client spent in a window whose ends are edges. ValueError if they are not."""
        first = 0 if window.start is None else self._edge(window.start) + 1
        last = self._edge(window.until + DAY)
        total = NOTHING
        for stretch in range(first, last + 1):
            found = buyer.spent.get(stretch)
            total = total + found if found else total
        return total

    def sum(self, cell: Cell) -> Money:
        """The amount of a cell."""
        return Money.sum(self.spent(one, cell.window) for one in self.of(cell))

    def of(self, cell: Cell) -> list[Buyer]:
        """The buyers of a cell."""
        return [one for one in self.buyers if self.holds(cell, one)]

    def holds(self, cell: Cell, buyer: Buyer) -> bool:
        """Whether a buyer's deals of the window belong to a cell."""
        if cell.city is not None and city_key(buyer.city) != cell.city:
            return False
        match cell.who:
            case "all":
                return True
            case "referred":
                return buyer.came
            case "others":
                return not buyer.came
            case "returning" | "new" | "rest":
                return self._part(cell, buyer) == cell.who
            case _:
                return buyer.key in cell.keys

    def _part(self, cell: Cell, buyer: Buyer) -> str:
        """The part of earned growth a client's revenue belongs to: bought the year before, or came new and by
        recommendation, or neither."""
        if self.spent(buyer, cell.window.before).amount > 0:
            return "returning"
        start = cell.window.start
        fresh = buyer.since is not None and start is not None and buyer.since >= start
        return "new" if fresh and buyer.came else "rest"

    def _edge(self, day: date) -> int:
        at = bisect_right(self.edges, day) - 1
        if at < 0 or self.edges[at] != day:
            raise ValueError(f"no stretch begins on {day}")
        return at


@dataclass(frozen=True, slots=True)
class Part:
    """How much of an amount came by recommendation: both amounts with their cells, and the share."""

    share: Share
    money: Money
    cell: str
    whole: Money
    whole_cell: str


@dataclass(frozen=True, slots=True)
class Period:
    """One year, or one branch in it. ``clients``: of those that became clients then; ``revenue``: of what was won
    then, whenever the client came. ``until``: the last day counted."""

    year: int
    clients: Share
    revenue: Part
    until: date
    city: str = ""


def period(
    ledger: Ledger, window: Window, city: str | None = None, shown: str = "", least: int = 1
) -> Period:
    """A year's shares, of all clients or of one branch (``city``: as compared, ``shown``: as people write it)."""
    whole, part = Cell(window, "all", city), Cell(window, "referred", city)
    mine = ledger.of(whole)
    fresh = [one for one in mine if one.is_client and window.holds(one.since)]
    amounts = [(one, ledger.spent(one, window)) for one in mine]
    came = Money.sum((money for one, money in amounts if one.came))
    everything = Money.sum((money for _, money in amounts))
    shared = weighted_share([(float(money.amount), one.came) for one, money in amounts], least)
    return Period(
        window.until.year,
        share(sum(one.came for one in fresh), len(fresh), least),
        Part(shared, came, str(part), everything, str(whole)),
        window.until,
        shown,
    )


def branches(ledger: Ledger, window: Window) -> list[Period]:
    """The same per branch, the one with most revenue first; clients without a city stand under an empty one."""
    spelled: dict[str, dict[str, int]] = {}
    for one in ledger.buyers:
        if one.is_client or one.spent:
            names = spelled.setdefault(city_key(one.city), {})
            names[one.city.strip()] = names.get(one.city.strip(), 0) + 1
    found = [
        period(ledger, window, key, min(names, key=lambda name: (-names[name], name)), ledger.min_group)
        for key, names in sorted(spelled.items())
    ]
    lively = [one for one in found if one.clients.n or one.revenue.whole.deals]
    return sorted(lively, key=lambda one: (-one.revenue.whole.amount, one.city))


@dataclass(frozen=True, slots=True)
class Side:
    """Clients that came by recommendation, or the others. ``money``: lifetime value of all of them; ``mean`` and
    ``median`` a client, ``months``: how long they have been clients, ``yearly``: lifetime value a client's year (who
    came later has had less time to buy); all None below the smallest group. ``kept``: of those who bought in the
    twelve months before, who bought again in the last twelve or is being served."""

    came: bool
    n: int
    money: Money
    cell: str
    mean: Decimal | None
    median: Middle | None
    months: float | None
    yearly: Decimal | None
    kept: Share


def side(ledger: Ledger, came: bool, until: date) -> Side:
    """Lifetime value and retention of one side up to and with a day (product.md R6, N8)."""
    life, window = Window(None, until), Window.year_to(until)
    cell = Cell(life, "referred" if came else "others")
    mine = [one for one in ledger.of(cell) if one.is_client and one.since is not None and one.since <= until]
    amounts = [ledger.spent(one, life) for one in mine]
    total = Money.sum(amounts)
    before = [one for one in mine if ledger.spent(one, window.before).amount > 0]
    stayed = sum(1 for one in before if _stayed(ledger, one, window))
    kept = share(stayed, len(before), ledger.min_group)
    everything = Money.sum(ledger.spent(one, life) for one in ledger.of(cell))
    if len(mine) < max(1, ledger.min_group):
        return Side(came, len(mine), everything, str(cell), None, None, None, None, kept)
    days = sum((until - one.since).days for one in mine if one.since)
    months, years = days / len(mine) / 30.4375, Decimal(max(days, 1)) / Decimal("365.25")
    mean = (total.amount / len(mine)).quantize(Decimal("0.01"))
    yearly = (total.amount / years).quantize(Decimal("0.01")) if days >= 365 else None
    return Side(
        came, len(mine), everything, str(cell), mean, middle([float(one.amount) for one in amounts]), months,
        yearly, kept,
    )  # fmt: skip


def _stayed(ledger: Ledger, buyer: Buyer, window: Window) -> bool:
    if ledger.spent(buyer, window).amount > 0:
        return True
    return buyer.serving_since is not None and buyer.serving_since <= window.until


@dataclass(frozen=True, slots=True)
class Growth:
    """Earned growth of twelve months over the twelve before (product.md R6): ``now`` is made of ``returning`` (last
    year's clients), ``new`` (new and by recommendation) and ``rest``; each with its cell. ``earned`` None without a
    base. ``clients``: n of base, returning, new."""

    start: date
    until: date
    base: Money
    now: Money
    returning: Money
    new: Money
    rest: Money
    earned: Earned | None
    clients: tuple[int, int, int]
    cells: Mapping[str, str]


def growth(ledger: Ledger, until: date) -> Growth:
    """Earned growth of the twelve months up to and with a day."""
    window = Window.year_to(until)
    cells = {
        "base": Cell(window.before, "all"), "now": Cell(window, "all"), "returning": Cell(window, "returning"),
        "new": Cell(window, "new"), "rest": Cell(window, "rest"),
    }  # fmt: skip
    sums = {name: ledger.sum(cell) for name, cell in cells.items()}
    counted = {
        name: sum(1 for one in ledger.of(cells[name]) if ledger.spent(one, cells[name].window).amount > 0)
        for name in ("base", "returning", "new")
    }
    earned = earned_growth(*(float(sums[name].amount) for name in ("base", "returning", "new")))
    start = window.start or until
    return Growth(
        start, until, sums["base"], sums["now"], sums["returning"], sums["new"], sums["rest"], earned,
        (counted["base"], counted["returning"], counted["new"]),
        {name: str(cell) for name, cell in cells.items()},
    )  # fmt: skip


Said = Literal["promoter", "other"]


@dataclass(frozen=True, slots=True)
class Promised:
    """What clients said beside what they did: by (said, did) the number of clients that answered (product.md R6).
    ``promoters`` and ``others``: the share of each that really recommended somebody."""

    table: Mapping[tuple[Said, bool], int]
    promoters: Share
    others: Share

    @property
    def n(self) -> int:
        """Clients that have ever answered."""
        return sum(self.table.values())


def promised(answers: Iterable[tuple[Group, bool]], least: int) -> Promised:
    """The four fields, of the latest group of each client and whether it brought anybody."""
    table: dict[tuple[Said, bool], int] = {(said, did): 0 for said in get_args(Said) for did in (True, False)}
    for group, did in answers:
        table["promoter" if group == "promoter" else "other", did] += 1

    def of(said: Said) -> Share:
        return share(table[said, True], table[said, True] + table[said, False], least)

    return Promised(table, of("promoter"), of("other"))


def years(windows: Sequence[Window], ledger: Ledger) -> list[Period]:
    """The shares of each year, in the order given."""
    return [period(ledger, window) for window in windows]

"""Amounts of past days in the portal's base currency (product.md N8).

The portal knows only today's rates (bitrix24.md 12, ``crm.currency.list``), so those it told are remembered as spans
of days (ADR 0011). An amount is converted at the rate of its own day; where that is not known, at the nearest one
that is, and it is said so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from .errors import OutOfRange

RateKind = Literal["base", "day", "earlier", "later", "missing"]

FRESH = timedelta(days=7)  # so long a rate that was read holds while nothing newer is known
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Span:
    """One unit of a currency cost ``rate`` of the base currency from the day ``since`` to the day ``through``, as read
    on both and maybe between. OutOfRange for a rate that is not positive or a span that ends before it begins."""

    since: date
    through: date
    rate: Decimal

    def __post_init__(self) -> None:
        if not (self.rate.is_finite() and self.rate > 0 and self.since <= self.through):
            raise OutOfRange(f"no rate: {self.rate} from {self.since} to {self.through}")


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in the base currency; None if no rate was ever known. ``rate_day``: the day of the rate.

    ``kind``: ``base`` needs no rate; ``day`` the rate of the day itself; ``earlier`` and ``later``: the nearest known
    one is so old, or was read only afterwards; ``missing``: there is none.
    """

    amount: Decimal | None
    kind: RateKind
    rate_day: date | None = None

    @property
    def exact(self) -> bool:
        """Whether it is converted at the rate of its day, or needs no rate."""
        return self.kind in ("base", "day")


@dataclass(frozen=True, slots=True)
class Rates:
    """What is known of a portal's rates: spans by currency code, all against ``base``."""

    base: str
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, base: str, rows: Iterable[tuple[str, Span]]) -> Rates:
        """From rows in any order; of spans that begin on one day the last counts."""
        found: dict[str, dict[date, Span]] = {}
        for currency, span in rows:
            found.setdefault(currency, {})[span.since] = span
        return cls(base, {code: tuple(by[day] for day in sorted(by)) for code, by in found.items()})

    @property
    def since(self) -> date | None:
        """The first day a rate is known of; None if there are none."""
        return min((many[0].since for many in self.spans.values() if many), default=None)

    def is_base(self, currency: str) -> bool:
        """A deal without a currency is in the base currency."""
        return currency in ("", self.base)

    def convert(self, amount: Decimal, currency: str, day: date) -> Converted:
        """An amount of a local calendar day in the base currency, to the cent."""
        if self.is_base(currency):
            return Converted(amount, "base")
        many = self.spans.get(currency, ())
        if not many:
            return Converted(None, "missing")
        at = bisect_right(many, day, key=lambda span: span.since) - 1
        if at < 0:
            return Converted((amount * many[0].rate).quantize(CENT), "later", many[0].since)
        span = many[at]
        known = min(day, span.through)
        kind: RateKind = "day" if day - span.through <= FRESH else "earlier"
        return Converted((amount * span.rate).quantize(CENT), kind, known)

    def to_base(self, amount: Decimal, currency: str, day: date) -> Decimal:
        """The same as a plain amount, nothing where there is no rate: what `relation.revenue` asks for."""
        found = self.convert(amount, currency, day).amount
        return Decimal(0) if found is None else found

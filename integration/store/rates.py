"""Rates of a portal's currencies as they were read day by day (product.md N8, ADR 0011)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlalchemy import Date, ForeignKey, Numeric, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.errors import OutOfRange
from integration.nps.rates import Rates, Span
from integration.store.base import Base

_EXACT = Numeric(24, 10)  # a dong costs some ten-thousandths of a euro


class CurrencyRate(Base):
    """One unit of a currency cost `rate` of the base currency from `since` to `through`, days in the portal's zone.

    A rate that stays the same is one row; a day's last reading counts.
    """

    __tablename__ = "currency_rates"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    base: Mapped[str] = mapped_column(String(8), primary_key=True)
    currency: Mapped[str] = mapped_column(String(8), primary_key=True)
    since: Mapped[date] = mapped_column(Date, primary_key=True)
    through: Mapped[date] = mapped_column(Date)
    rate: Mapped[Decimal] = mapped_column(_EXACT)


def keep(session: Session, portal_id: int, base: str, day: date, rates: Mapping[str, Decimal]) -> None:
    """Note what one unit of each currency costs on this day in the base currency; what is no rate is left out.

    The caller holds the portal's row, so that two readings do not meet. A day before the last known one changes
    nothing.
    """
    last = {row.currency: row for row in _rows(session, portal_id, base)}  # ordered: the latest stays
    for currency, rate in sorted(rates.items()):
        if currency == base or not _is_rate(rate):
            continue
        row = last.get(currency)
        exact = rate.quantize(Decimal("1e-10"))
        if row is not None and (day < row.through or row.rate == exact):
            row.through = max(row.through, day)
        elif row is not None and row.since == day:
            row.rate = exact
        else:
            session.add(CurrencyRate(
                portal_id=portal_id, base=base, currency=currency, since=day, through=day, rate=exact
            ))  # fmt: skip


def read(session: Session, portal_id: int, base: str) -> Rates:
    """All that is known of the rates against this base currency."""
    return Rates.of(
        base,
        [(row.currency, Span(row.since, row.through, row.rate)) for row in _rows(session, portal_id, base)],
    )


def _rows(session: Session, portal_id: int, base: str) -> list[CurrencyRate]:
    statement = select(CurrencyRate).where(CurrencyRate.portal_id == portal_id, CurrencyRate.base == base)
    return list(session.scalars(statement.order_by(CurrencyRate.currency, CurrencyRate.since)))


def _is_rate(rate: Decimal) -> bool:
    try:
        Span(date.min, date.min, rate.quantize(Decimal("1e-10")))
    except (OutOfRange, ArithmeticError):
        return False
    return rate < Decimal("1e13")

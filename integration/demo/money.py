"""The survey's money, told once more: product.md N8 over the story's own cards."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from .eligible import Verdict
from .expect import Expected
from .ground import Json

CENT = Decimal("0.01")


def rates_of(currencies: Iterable[Json]) -> dict[str, Decimal]:
    """What one unit of each currency costs in the base currency; the sandbox's rates stay as they are."""
    return {str(row["CURRENCY"]): Decimal(str(row["AMOUNT"])) / int(row["AMOUNT_CNT"]) for row in currencies}


def of_money(expected: Expected, told: Json, rates: dict[str, Decimal]) -> list[str]:
    """The yearly revenue on the list, of those asked and of those who answered, beside what the wave's result says."""
    result: dict[str, Any] = (told.get("result") or {}).get("coverage") or {}
    answered = [verdict for verdict in expected.eligible if verdict.card in expected.clients]
    pairs = (
        ("revenue", expected.verdicts),
        ("eligible_revenue", expected.eligible),
        ("answered_revenue", answered),
    )
    wrong = []
    for name, verdicts in pairs:
        wanted, got = _sum(verdicts, rates), Decimal(str(result.get(name, "-1")))
        if wanted != got:
            wrong.append(f"the wave's {name}: {got}, expected {wanted}")
    return wrong


def _sum(verdicts: Iterable[Verdict], rates: dict[str, Decimal]) -> Decimal:
    amounts = [
        (amount * rates[currency]).quantize(CENT) if rates.get(currency, 1) != 1 else amount
        for verdict in verdicts
        for amount, currency in verdict.bought
    ]
    return sum(amounts, Decimal(0)).quantize(CENT)

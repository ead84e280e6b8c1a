"""Values inside cards: user fields (bitrix24.md 8.4) and multi-fields (7.12), whatever form the portal gave
them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from integration.bitrix.records import fields as wire

MOST_MONEY = Decimal(10) ** 15
_ORDER = {"WORK": 0, "MOBILE": 1, "HOME": 2, "MAILING": 3}


def uf_text(value: Any) -> str:
    """A text value; of a multiple one the first."""
    return wire.to_text(_single(value))


def uf_int(value: Any) -> int | None:
    """A whole number, 0 included."""
    return wire.to_int(_single(value))


def uf_day(value: Any) -> date | None:
    """A date."""
    return wire.to_day(_single(value))


def uf_flag(value: Any) -> bool:
    """A boolean; no value is false."""
    return wire.to_flag(_single(value)) or False


def uf_money(value: Any) -> tuple[Decimal, str] | None:
    """An amount with its currency, empty for a plain number: "1200.50|EUR" or 1200.5 (bitrix24.md 8.4).

    None for no amount, a negative one, and one that no card means.
    """
    text, _, currency = wire.to_text(_single(value)).partition("|")
    try:
        amount = Decimal("".join(text.split()).replace(",", "."))
    except InvalidOperation:
        return None
    return (amount, currency.strip()[:8]) if amount.is_finite() and 0 <= amount < MOST_MONEY else None


def uf_enum(value: Any) -> str | None:
    """The id of an enumeration's item, as a string; None for no item (0 and false are none)."""
    number = wire.to_id(_single(value))
    return None if number is None else str(number)


def _single(value: Any) -> Any:
    return (value[0] if value else None) if isinstance(value, list) else value


def user_fields(row: dict[str, Any]) -> dict[str, Any]:
    """The user fields of a card."""
    return {key: value for key, value in row.items() if key.startswith("UF_")}


def channels(fm: Any, kind: str) -> tuple[str, ...]:
    """The values of one kind (``EMAIL``, ``PHONE``) among a card's multi-fields, work first, without repeats
    (bitrix24.md 7.12)."""
    many = list(fm.values()) if isinstance(fm, dict) else fm if isinstance(fm, list) else []
    found = [
        (_ORDER.get(wire.to_text(one.get("valueType")).upper(), 9), wire.to_text(one.get("value")))
        for one in many
        if isinstance(one, dict) and wire.to_text(one.get("typeId")).upper() == kind
    ]
    unique: dict[str, str] = {}
    for _, value in sorted(found, key=lambda pair: pair[0]):
        if value:
            unique.setdefault(value.lower(), value)
    return tuple(unique.values())


def emails(fm: Any) -> tuple[str, ...]:
    """E-mail addresses, work first."""
    return channels(fm, "EMAIL")


def phones(fm: Any) -> tuple[str, ...]:
    """Phone numbers as typed, work first."""
    return channels(fm, "PHONE")

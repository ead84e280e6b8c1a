"""marshmallow fields for what portals answer: "no value" comes as null, "", 0, [], {} or false, numbers as
strings, days as date-times in the server's zone (bitrix24.md 4.7). None of them ever raises: an unreadable
value is no value, and only a missing id makes a record unreadable (``records``)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from marshmallow import fields

LARGEST_ID = 2**31 - 1  # of cards, people, tasks: what a column for whole numbers holds
LARGEST_AMOUNT = Decimal(10) ** 16  # the portal's own columns hold 16 digits before the point
_NAMES = {"true": True, "y": True, "1": True, "false": False, "n": False, "0": False}


def to_int(value: Any) -> int | None:
    """A whole number, also from "7" or 7.0; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if float(value) == number and abs(number) < 2**63 else None


def to_id(value: Any) -> int | None:
    """A positive id; 0 and every empty form are None, and so is a number that no portal gives out."""
    number = to_int(value)
    return number if number is not None and 0 < number <= LARGEST_ID else None


def to_text(value: Any) -> str:
    """A text without surrounding blanks; numbers as written, everything else empty."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def to_day(value: Any) -> date | None:
    """The calendar day as the portal shows it: the local part before ``T``, never moved through UTC."""
    match = re.match(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]|$)", value.strip()) if isinstance(value, str) else None
    try:
        return date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None


def to_moment(value: Any) -> datetime | None:
    """A moment with its offset, as aware UTC; None without an offset, since the portal's zone is not known
    here."""
    try:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def to_flag(value: Any) -> bool | None:
    """Y/N, 1/0, true/false in any type; None for anything else."""
    return value if isinstance(value, bool) else _NAMES.get(str(value).strip().lower())


def to_ids(value: Any) -> tuple[int, ...]:
    """Ids in their order without repeats; single values, maps and empty forms too."""
    many = (
        value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    )
    return tuple(dict.fromkeys(number for one in many if (number := to_id(one)) is not None))


def to_amount(value: Any) -> Decimal:
    """A sum of money; "100|RUB" is read too; zero when there is none, or one that no card can hold."""
    text = str(value).partition("|")[0].strip() if isinstance(value, (int, float, str)) else ""
    try:
        amount = Decimal(text) if not isinstance(value, bool) else Decimal(0)
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() and abs(amount) < LARGEST_AMOUNT else Decimal(0)


class Wire(fields.Field[Any]):
    """A field read by one of the functions above; ``None`` and absence go through the function as well."""

    def __init__(self, read: Any, data_key: str | None = None) -> None:
        """``read``: a total function from any JSON value; ``data_key``: the portal's name."""
        super().__init__(data_key=data_key, allow_none=True, load_default=lambda: read(None))
        self._read = read

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """Reads any value, null included."""
        if value is None:
            return self._read(None)
        return super().deserialize(value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self._read(value)

"""Values on their way in and out: dates with the server's offset, numbers, yes and no (bitrix24.md 4.7).

Inside the sandbox a moment is a whole number of seconds since the epoch, a day is ``YYYY-MM-DD``, yes and no
are ``"Y"`` and ``"N"``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .errors import RestError
from .schema import NUMBER_TYPES

_YES = frozenset({"Y", "y", "1", "true", "True"})


class Zone:
    """The server's time zone: reads and writes moments the way the portal does."""

    def __init__(self, name: str, date_style: str = "offset") -> None:
        self.zone = ZoneInfo(name)
        #: "offset": days read as ``T02:00:00+02:00``; "midnight": as ``T00:00:00+02:00``, so that a
        #: conversion to UTC moves the day.
        self.date_style = date_style

    def moment(self, epoch: float | None) -> str | None:
        """ISO 8601 with the server's offset."""
        if epoch is None:
            return None
        return datetime.fromtimestamp(int(epoch), self.zone).isoformat()

    def day(self, day: str | None) -> str | None:
        """A day of ``crm.item.*``: a moment whose local part before ``T`` is the day."""
        if not day:
            return None
        start = datetime.fromisoformat(day).replace(tzinfo=self.zone)
        offset = start.utcoffset()
        hours = int(offset.total_seconds() // 3600) if offset and self.date_style == "offset" else 0
        return start.replace(hour=max(hours, 0)).isoformat()

    def epoch(self, text: Any) -> int:
        """Any ISO text or number as seconds; without an offset it is the server's local time.

        Raises ``ValueError`` for what is no moment.
        """
        if isinstance(text, (int, float)) and not isinstance(text, bool):
            return int(text)
        moment = datetime.fromisoformat(str(text))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).timestamp())

    def day_of(self, epoch: float) -> str:
        """The server's calendar day of a moment."""
        return datetime.fromtimestamp(epoch, self.zone).date().isoformat()


def utc_iso(epoch: float) -> str:
    """ISO 8601 in UTC, as the authorisation server writes."""
    return datetime.fromtimestamp(int(epoch), UTC).isoformat()


def to_int(value: Any, default: int = 0) -> int:
    """PHP's ``(int)``: leading digits count, everything else is ``default``."""
    try:
        return int(value)
    except (TypeError, ValueError):
        pass
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return default


def to_float(value: Any) -> float:
    """Raises ``ValueError`` for what is no number; "" is 0."""
    return float(value) if value not in (None, "", False) else 0.0


def to_bool(value: Any) -> str:
    """``"Y"`` or ``"N"`` from the many spellings of yes."""
    return "Y" if value is True or str(value) in _YES else "N"


def is_empty(value: Any) -> bool:
    """What PHP calls empty: null, "", 0, "0", false, []."""
    return value in (None, "", 0, "0", False) or value in ([], {})


def read(type_: str, value: Any, zone: Zone, field: str) -> Any:
    """One incoming value as it is kept; raises ``CRM_FIELD_ERROR_VALUE_NOT_VALID``."""
    if value is None or value == "":
        return None if type_ != "boolean" else "N"
    try:
        if type_ in NUMBER_TYPES:
            return int(value)
        if type_ == "double":
            return _number(to_float(value))
        if type_ == "boolean":
            return to_bool(value)
        if type_ == "date":
            return datetime.fromisoformat(str(value)).date().isoformat()
        if type_ == "datetime":
            return zone.epoch(value)
    except (TypeError, ValueError) as error:
        raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", f'Invalid value for field "{field}"') from error
    return str(value) if isinstance(value, (str, int, float)) else value


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def show(type_: str, value: Any, zone: Zone) -> Any:
    """One kept value as ``crm.item.*`` shows it."""
    if isinstance(value, list):
        return [show(type_, item, zone) for item in value]
    if type_ == "datetime":
        return zone.moment(value)
    if type_ == "date":
        return zone.day(value)
    return value


def show_classic(type_: str, value: Any, zone: Zone) -> Any:
    """One kept value as the old methods show it: numbers are strings, "none" is null."""
    if isinstance(value, list):
        return [show_classic(type_, item, zone) for item in value]
    shown = show(type_, value, zone)
    if type_ == "double":
        return f"{float(shown or 0):.2f}"
    if shown is None or isinstance(shown, (str, bool, dict)):
        return shown
    return str(shown)

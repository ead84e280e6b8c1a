"""How a row of an answer becomes a frozen record: one marshmallow schema per record (see ``records``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self, TypeVar

from marshmallow import EXCLUDE, Schema

from integration.bitrix.records import fields as wire
from integration.bitrix.records.fields import Wire
from integration.bitrix.records.values import emails, phones, user_fields

Row = dict[str, Any]
T = TypeVar("T")


class RecordError(ValueError):
    """A row that cannot be told from others; the text names the kind of record only."""


def read_all(read: Callable[[Any], T], rows: Iterable[Any]) -> tuple[list[T], int]:
    """The readable records among ``rows`` and the number of unreadable ones."""
    records: list[T] = []
    bad = 0
    for row in rows:
        try:
            records.append(read(row))
        except RecordError:
            bad += 1
    return records, bad


class Record:
    """A record read by its marshmallow schema; the value named by ``_key`` must be there."""

    _schema: ClassVar[Schema]
    _key: ClassVar[str] = "id"

    @classmethod
    def read(cls, row: Any) -> Self:
        """The record in one row of an answer. ``RecordError`` when it names nothing."""
        values = cls.values(row)
        if values.get(cls._key) in (None, ""):
            raise RecordError(f"a {cls.__name__.lower()} without {cls._key}")
        return cls(**values, **cls._more(row))

    @classmethod
    def values(cls, row: Any) -> Row:
        """The record's values by attribute; empty for what is no row."""
        return dict(cls._schema.load(row, unknown=EXCLUDE)) if isinstance(row, dict) else {}

    @classmethod
    def _more(cls, row: Row) -> Row:
        return {}


class Card(Record):
    """A record with user fields."""

    @classmethod
    def _more(cls, row: Row) -> Row:
        return {"uf": user_fields(row)}


class Reachable(Card):
    """A card with e-mail addresses and phones of its own."""

    @classmethod
    def _more(cls, row: Row) -> Row:
        fm = row.get("fm")
        return {**super()._more(row), "emails": emails(fm), "phones": phones(fm)}


def reads(**wires: Wire) -> Schema:
    """The schema of a record, by its attributes."""
    return Schema.from_dict(dict(wires))()


def yes(value: Any) -> bool:
    """A flag; no value is false."""
    return wire.to_flag(value) or False


def whole(value: Any) -> int:
    """A whole number that columns hold; any other, and no value, is 0."""
    number = wire.to_int(value) or 0
    return number if abs(number) <= wire.LARGEST_ID else 0


def semantics(value: Any) -> str:
    """S, F, or P for a stage in work."""
    found = wire.to_text(value)
    return found if found in ("S", "F") else "P"

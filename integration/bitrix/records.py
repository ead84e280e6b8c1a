"""What REST answers hold, as frozen records (bitrix24.md 4.7, 7, 10-12).

Ids are positive or None, days are the portal's own calendar days, moments are aware UTC, and values of user
fields stay as the portal gave them in ``uf``, to be read with ``uf_text``, ``uf_int``, ``uf_day``, ``uf_flag``,
``uf_enum`` (ids as strings) and ``calls.parse_link``. ``X.read(row)`` raises ``RecordError`` for a row without
an id; ``read_all`` leaves such rows out and counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeVar

from marshmallow import EXCLUDE, Schema

from integration.bitrix import wirefields as wire
from integration.bitrix.calls import ENTITY_TYPES, Entity, parse_links
from integration.bitrix.wirefields import Wire

Row = dict[str, Any]
T = TypeVar("T")
_ORDER = {"WORK": 0, "MOBILE": 1, "HOME": 2, "MAILING": 3}
_KINDS: dict[int, Entity] = {1: "lead", 2: "deal", 3: "contact", 4: "company"}


class RecordError(ValueError):
    """A row that cannot be told apart from others; the text names the kind of record only."""


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


# --- values of user fields


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


def uf_enum(value: Any) -> str | None:
    """The id of an enumeration's item, as a string; None for no item (0 and false are none)."""
    number = wire.to_id(_single(value))
    return None if number is None else str(number)


def _single(value: Any) -> Any:
    return (value[0] if value else None) if isinstance(value, list) else value


def _uf(row: Row) -> Row:
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


def _emails(fm: Any) -> tuple[str, ...]:
    return channels(fm, "EMAIL")


def _phones(fm: Any) -> tuple[str, ...]:
    return channels(fm, "PHONE")


# --- reading by schema


class _Record:
    """A record read by a marshmallow schema; ``id`` (or what ``_key`` names) must be there."""

    _schema: ClassVar[Schema]
    _key: ClassVar[str] = "id"

    @classmethod
    def read(cls, row: Any) -> Self:
        """The record in a row of an answer. ``RecordError`` without an id."""
        values = cls._schema.load(row, unknown=EXCLUDE) if isinstance(row, dict) else {}
        if not values.get(cls._key):
            raise RecordError(f"a {cls.__name__} without {cls._key}")
        return cls(**values, **cls._more(row))

    @classmethod
    def _more(cls, row: Row) -> Row:
        return {}


class _Card(_Record):
    """A record with user fields."""

    @classmethod
    def _more(cls, row: Row) -> Row:
        return {"uf": _uf(row)}


def _schema(**wires: Wire) -> Schema:
    return Schema.from_dict(dict(wires))()


_CARD = {
    "id": Wire(wire.to_id),
    "assigned_by": Wire(wire.to_id, "assignedById"),
    "created_at": Wire(wire.to_moment, "createdTime"),
    "updated_at": Wire(wire.to_moment, "updatedTime"),
    "lead_id": Wire(wire.to_id, "leadId"),
}
_SALE = {
    "title": Wire(wire.to_text),
    "stage_id": Wire(wire.to_text, "stageId"),
    "semantics": Wire(lambda value: wire.to_text(value) or "P", "stageSemanticId"),
    "company_id": Wire(wire.to_id, "companyId"),
    "contact_id": Wire(wire.to_id, "contactId"),
    "contact_ids": Wire(wire.to_ids, "contactIds"),
    "amount": Wire(wire.to_amount, "opportunity"),
    "currency": Wire(wire.to_text, "currencyId"),
    "source_id": Wire(wire.to_text, "sourceId"),
    "moved_at": Wire(wire.to_moment, "movedTime"),
}
_REACH = {"emails": Wire(_emails, "fm"), "phones": Wire(_phones, "fm")}


@dataclass(frozen=True)
class Deal(_Card):
    """A deal; ``semantics``: S won, F lost, P in work; ``recurring``: a template, not a sale (bitrix24.md 7.5)."""

    id: int
    title: str
    category_id: int
    stage_id: str
    semantics: str
    company_id: int | None
    contact_id: int | None
    contact_ids: tuple[int, ...]
    assigned_by: int | None
    lead_id: int | None
    amount: Decimal
    currency: str
    source_id: str
    begin_on: date | None
    close_on: date | None
    recurring: bool
    created_at: datetime | None
    updated_at: datetime | None
    moved_at: datetime | None
    uf: Row = field(default_factory=dict)

    _schema = _schema(
        **_CARD,
        **_SALE,
        category_id=Wire(lambda value: wire.to_int(value) or 0, "categoryId"),
        begin_on=Wire(wire.to_day, "begindate"),
        close_on=Wire(wire.to_day, "closedate"),
        recurring=Wire(lambda value: wire.to_flag(value) or False, "isRecurring"),
    )


@dataclass(frozen=True)
class Lead(_Card):
    """A lead, with the contact data it has of its own."""

    id: int
    title: str
    name: str
    last_name: str
    stage_id: str
    semantics: str
    company_id: int | None
    contact_id: int | None
    contact_ids: tuple[int, ...]
    assigned_by: int | None
    amount: Decimal
    currency: str
    source_id: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    created_at: datetime | None
    updated_at: datetime | None
    moved_at: datetime | None
    lead_id: int | None = None
    uf: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Company(_Card):
    """A company; ``own``: one of the portal's own, never a client (bitrix24.md 7.5)."""

    id: int
    title: str
    own: bool
    contact_ids: tuple[int, ...]
    assigned_by: int | None
    lead_id: int | None
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    created_at: datetime | None
    updated_at: datetime | None
    uf: Row = field(default_factory=dict)

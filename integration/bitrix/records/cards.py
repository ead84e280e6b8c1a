"""Cards of the CRM: deals, leads, companies, contacts, and the history of stages (bitrix24.md 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from integration.bitrix.records import fields as wire
from integration.bitrix.records.fields import Wire
from integration.bitrix.records.readers import Card, Reachable, Record, Row, reads, semantics, whole, yes

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
    "semantics": Wire(semantics, "stageSemanticId"),
    "company_id": Wire(wire.to_id, "companyId"),
    "contact_id": Wire(wire.to_id, "contactId"),
    "contact_ids": Wire(wire.to_ids, "contactIds"),
    "amount": Wire(wire.to_amount, "opportunity"),
    "currency": Wire(wire.to_text, "currencyId"),
    "source_id": Wire(wire.to_text, "sourceId"),
    "moved_at": Wire(wire.to_moment, "movedTime"),
}


@dataclass(frozen=True)
class Deal(Card):
    """A deal. ``semantics``: S won, F lost, P in work; ``recurring``: a template, not a sale (bitrix24.md
    7.5)."""

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

    _schema = reads(
        **_CARD,
        **_SALE,
        category_id=Wire(whole, "categoryId"),
        begin_on=Wire(wire.to_day, "begindate"),
        close_on=Wire(wire.to_day, "closedate"),
        recurring=Wire(yes, "isRecurring"),
    )


@dataclass(frozen=True)
class Lead(Reachable):
    """A lead, with contact data of its own; ``lead_id`` is always None."""

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
    lead_id: int | None
    amount: Decimal
    currency: str
    source_id: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    created_at: datetime | None
    updated_at: datetime | None
    moved_at: datetime | None
    uf: Row = field(default_factory=dict)

    _schema = reads(
        **_CARD,
        **_SALE,
        name=Wire(wire.to_text),
        last_name=Wire(wire.to_text, "lastName"),
    )


@dataclass(frozen=True)
class Company(Reachable):
    """A company. ``own``: one of the portal's own, never a client (bitrix24.md 7.5)."""

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

    _schema = reads(
        **_CARD,
        title=Wire(wire.to_text),
        own=Wire(yes, "isMyCompany"),
        contact_ids=Wire(wire.to_ids, "contactIds"),
    )


@dataclass(frozen=True)
class Contact(Reachable):
    """A contact. ``company_id``: the primary company; ``post``: the position typed on the card."""

    id: int
    name: str
    second_name: str
    last_name: str
    honorific: str
    post: str
    company_id: int | None
    company_ids: tuple[int, ...]
    assigned_by: int | None
    lead_id: int | None
    source_id: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    created_at: datetime | None
    updated_at: datetime | None
    uf: Row = field(default_factory=dict)

    _schema = reads(
        **_CARD,
        name=Wire(wire.to_text),
        second_name=Wire(wire.to_text, "secondName"),
        last_name=Wire(wire.to_text, "lastName"),
        honorific=Wire(wire.to_text),
        post=Wire(wire.to_text),
        company_id=Wire(wire.to_id, "companyId"),
        company_ids=Wire(wire.to_ids, "companyIds"),
        source_id=Wire(wire.to_text, "sourceId"),
    )


@dataclass(frozen=True)
class StageMove(Record):
    """One row of the stage history (bitrix24.md 7.8); ``type_id``: 1 created, 2 moved, 3 final, 5 other
    pipeline."""

    id: int
    owner_id: int | None
    type_id: int
    category_id: int
    stage_id: str
    semantics: str
    moved_at: datetime | None

    _schema = reads(
        id=Wire(wire.to_id, "ID"),
        owner_id=Wire(wire.to_id, "OWNER_ID"),
        type_id=Wire(whole, "TYPE_ID"),
        category_id=Wire(whole, "CATEGORY_ID"),
        stage_id=Wire(wire.to_text, "STAGE_ID"),
        semantics=Wire(semantics, "STAGE_SEMANTIC_ID"),
        moved_at=Wire(wire.to_moment, "CREATED_TIME"),
    )

    @classmethod
    def read(cls, row: Any) -> Self:
        """The move; leads name their stage ``STATUS_ID``."""
        if isinstance(row, dict) and "STATUS_ID" in row and "STAGE_ID" not in row:
            row = {**row, "STAGE_ID": row["STATUS_ID"], "STAGE_SEMANTIC_ID": row.get("STATUS_SEMANTIC_ID")}
        return super().read(row)

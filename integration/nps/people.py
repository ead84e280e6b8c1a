"""Snapshots of the portal's cards and staff, as the rules see them.

Dates are calendar days as the portal shows them (bitrix24.md 6: the part before ``T``), never moved by
a time zone. All types are frozen; the store builds each in one function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

ClientKind = Literal["company", "contact"]
CardKind = Literal["lead", "deal", "company", "contact"]
Role = Literal["decides", "daily", "other"]
Group = Literal["detractor", "passive", "promoter"]
Channel = Literal["phone", "email", "link", "messenger", "import", "in_person"]
Semantics = Literal["P", "S", "F"]

ROLES: tuple[Role, ...] = ("decides", "daily", "other")
GROUPS: tuple[Group, ...] = ("detractor", "passive", "promoter")
CHANNELS: tuple[Channel, ...] = ("phone", "email", "link", "messenger", "import", "in_person")


class ClientKey(NamedTuple):
    """A client: a company, or a contact without a company (product.md 2)."""

    kind: ClientKind
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> ClientKey:
        """The key written by ``str()``; ValueError for anything else."""
        kind, _, number = text.partition(":")
        if kind == "company":
            return cls("company", int(number))
        if kind == "contact":
            return cls("contact", int(number))
        raise ValueError(f"not a client key: {text!r}")


class CardKey(NamedTuple):
    """Any card of the portal that Molva writes to (interface.md 5)."""

    kind: CardKind
    id: int


@dataclass(frozen=True, slots=True)
class DealFacts:
    """One deal: semantics ``P`` open, ``S`` won, ``F`` lost.

    ``won_on``: first day it was won, by stage history; ``service_on``: first day in a chosen service
    stage, by stage history; ``end_field``, ``since_field``: values of the date fields named in the settings.
    """

    id: int
    category_id: int = 0
    stage_id: str = ""
    semantics: Semantics = "P"
    begin: date | None = None
    close: date | None = None
    won_on: date | None = None
    service_on: date | None = None
    end_field: date | None = None
    since_field: date | None = None
    amount: Decimal = Decimal(0)
    currency: str = ""
    assigned_by: int | None = None
    recurring: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """One contact card of a client.

    ``last_asked_on``, ``opted_out`` and ``hold_until`` hold for the *person*: the store hands in the
    strictest over all cards with the same e-mail or phone (``identity.join``, product.md E3).
    ``dead_addresses``: addresses a mail server refused for good. ``role`` None: nobody has said.
    """

    contact_id: int
    name: str = ""
    last_name: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    role: Role | None = None
    language: str | None = None
    time_zone: str | None = None
    opted_out: bool = False
    hold_until: date | None = None
    assigned_by: int | None = None
    primary: bool = False
    last_asked_on: date | None = None
    dead_addresses: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.name.strip(), self.last_name.strip()) if part)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Somebody took a client out of a wave by hand (product.md E4, E7)."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """One client with its deals and people, as ``eligibility.assess`` needs it.

    ``since_field``: the date field of the *company* named in the settings; ``trouble_until``: a hold by a
    rule outside the deals (an overdue critical task, an open follow-up, product.md E5), with its
    ``trouble`` code; ``revenue``, ``revenue_currency``, ``manager`` and ``sales``: what the fields chosen in the
    settings say of the year's revenue, of who serves the client and who sold (E7), None where they are empty.
    """

    key: ClientKey
    name: str = ""
    city: str = ""
    own_company: bool = False
    assigned_by: int | None = None
    opted_out: bool = False
    hold_until: date | None = None
    last_asked_on: date | None = None
    excluded_by_hand: Exclusion | None = None
    deals: Sequence[DealFacts] = ()
    people: Sequence[Person] = ()
    since_field: date | None = None
    trouble: str = ""
    trouble_until: date | None = None
    revenue: Decimal | None = None
    revenue_currency: str = ""
    manager: int | None = None
    sales: int | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """An employee of the portal. ``head_of``: departments this person heads; ``absent``: not at work now."""

    user_id: int
    name: str = ""
    active: bool = True
    department_ids: tuple[int, ...] = ()
    head_of: tuple[int, ...] = ()
    position: str = ""
    email: str = ""
    admin: bool = False
    absent: bool = False
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """All staff by id, and each department's parent (None at the top)."""

    staff: dict[int, Staff] = field(default_factory=dict)
    parents: dict[int, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, staff: Sequence[Staff], parents: dict[int, int | None] | None = None) -> Team:
        """The team of these people."""
        return cls({person.user_id: person for person in staff}, parents or {})

    def at_work(self, user_id: int | None) -> Staff | None:
        """The employee if neither dismissed nor absent (product.md F3)."""
        person = self.staff.get(user_id) if user_id is not None else None
        return person if person and person.active and not person.absent else None

"""The cards of a sale as they are linked, for the rules about newcomers (product.md R2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from .people import ClientKey

MOST_DEALS = 100  # of one client, the oldest: who has more is no newcomer


@dataclass(frozen=True, slots=True)
class LeadCard:
    """A lead. ``company_id``, ``contact_id``: the client it was linked to, by hand or as a repeat lead."""

    id: int
    company_id: int | None = None
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class SaleDeal:
    """A deal that is no template. ``contact_id``: its first contact; ``since``: when it made its client a client
    (won, or in service), None: it has not; both moments UTC."""

    id: int
    lead_id: int | None = None
    company_id: int | None = None
    contact_id: int | None = None
    created: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class FirmCard:
    """A company. ``own``: the agency's own, which is nobody's client."""

    id: int
    lead_id: int | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A contact with its companies, the primary one first."""

    id: int
    lead_id: int | None = None
    company_ids: tuple[int, ...] = ()


class Book(Protocol):
    """The portal's cards as they are linked now; whatever is deleted is not there."""

    def lead(self, id: int) -> LeadCard | None:
        """A lead."""

    def deal(self, id: int) -> SaleDeal | None:
        """A deal."""

    def company(self, id: int) -> FirmCard | None:
        """A company."""

    def contact(self, id: int) -> PersonCard | None:
        """A contact."""

    def deals_of_lead(self, id: int) -> Sequence[SaleDeal]:
        """Deals a lead became."""

    def clients_of_lead(self, id: int) -> Sequence[ClientKey]:
        """Companies and contacts a lead became."""

    def deals_of_company(self, id: int) -> Sequence[SaleDeal]:
        """Its deals, and those without a company of the contacts that stand in it, the oldest first."""

    def deals_of_contact(self, id: int) -> Sequence[SaleDeal]:
        """Deals with this first contact, the oldest first."""

    def first_deal_of(self, contact_id: int) -> SaleDeal | None:
        """The oldest of them."""


@dataclass(frozen=True)
class Cards:
    """A book in memory."""

    leads: Mapping[int, LeadCard] = field(default_factory=dict)
    deals: Mapping[int, SaleDeal] = field(default_factory=dict)
    companies: Mapping[int, FirmCard] = field(default_factory=dict)
    contacts: Mapping[int, PersonCard] = field(default_factory=dict)

    @classmethod
    def of(cls, *cards: LeadCard | SaleDeal | FirmCard | PersonCard) -> Cards:
        """The book of these cards."""
        return cls(
            {one.id: one for one in cards if isinstance(one, LeadCard)},
            {one.id: one for one in cards if isinstance(one, SaleDeal)},
            {one.id: one for one in cards if isinstance(one, FirmCard)},
            {one.id: one for one in cards if isinstance(one, PersonCard)},
        )

    def lead(self, id: int) -> LeadCard | None:
        """A lead."""
        return self.leads.get(id)

    def deal(self, id: int) -> SaleDeal | None:
        """A deal."""
        return self.deals.get(id)

    def company(self, id: int) -> FirmCard | None:
        """A company."""
        return self.companies.get(id)

    def contact(self, id: int) -> PersonCard | None:
        """A contact."""
        return self.contacts.get(id)

    def deals_of_lead(self, id: int) -> Sequence[SaleDeal]:
        """Deals a lead became."""
        return self._deals(deal for deal in self.deals.values() if deal.lead_id == id)

    def clients_of_lead(self, id: int) -> Sequence[ClientKey]:
        """Companies and contacts a lead became."""
        return [
            *(ClientKey("company", one.id) for one in self.companies.values() if one.lead_id == id),
            *(ClientKey("contact", one.id) for one in self.contacts.values() if one.lead_id == id),
        ]

    def deals_of_company(self, id: int) -> Sequence[SaleDeal]:
        """Its deals, and those without a company of the contacts that stand in it, the oldest first."""
        people = {one.id for one in self.contacts.values() if id in one.company_ids}
        return self._deals(
            deal
            for deal in self.deals.values()
            if deal.company_id == id or (not deal.company_id and deal.contact_id in people)
        )

    def deals_of_contact(self, id: int) -> Sequence[SaleDeal]:
        """Deals with this first contact, the oldest first."""
        return self._deals(deal for deal in self.deals.values() if deal.contact_id == id)

    def first_deal_of(self, contact_id: int) -> SaleDeal | None:
        """The oldest of them."""
        return next(iter(self.deals_of_contact(contact_id)), None)

    def _deals(self, many: Iterable[SaleDeal]) -> list[SaleDeal]:
        return sorted(many, key=lambda deal: deal.id)[:MOST_DEALS]

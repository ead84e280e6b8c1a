"""The mirror as the rules about newcomers read it: cards and their links, looked up as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.card_book import MOST_DEALS, FirmCard, LeadCard, PersonCard, SaleDeal
from integration.nps.people import CardKey, ClientKey
from integration.nps.policy import Policy
from integration.store import referrals as rows
from integration.store import sales
from integration.store.clients import Deal

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # a client since nobody knows when
LONG = timedelta(days=90)  # a sale open for longer is work in progress


class MirrorBook:
    """One portal's cards for one transaction; every answer is kept, so that nothing is asked twice."""

    def __init__(self, session: Session, portal_id: int, policy: Policy, now: datetime) -> None:
        self.session, self.portal_id, self.policy, self.now = session, portal_id, policy, now
        self._kept: dict[tuple[str, int], Any] = {}
        self._first: dict[int, SaleDeal | None] = {}
        self._missing: set[tuple[str, int]] = set()
        self._held: dict[tuple[str, int], Any] = {}  # the session remembers only rows that somebody holds

    def row(self, key: CardKey | ClientKey) -> Any | None:
        """The mirrored card itself; nothing if it is deleted."""
        at = (key.kind, key.id)
        if at not in self._missing:
            found = rows.card(self.session, self.portal_id, *at)
            if found is not None:
                self._held[at] = found
                return found
            self._missing.add(at)
        return None

    def lead(self, id: int) -> LeadCard | None:
        """A lead."""
        row = self.row(CardKey("lead", id))
        return LeadCard(row.id, row.company_id, row.contact_id) if row is not None else None

    def deal(self, id: int) -> SaleDeal | None:
        """A deal; nothing for a recurring template."""
        row = self.row(CardKey("deal", id))
        return self._sale(row) if row is not None and not row.recurring else None

    def company(self, id: int) -> FirmCard | None:
        """A company."""
        row = self.row(CardKey("company", id))
        return FirmCard(row.id, row.lead_id, row.own) if row is not None else None

    def contact(self, id: int) -> PersonCard | None:
        """A contact with its companies, the primary one first."""
        row = self.row(CardKey("contact", id))
        if row is None:
            return None
        firms = [*([row.company_id] if row.company_id else []), *(row.company_ids or ())]
        if not firms:
            firms = self._once("companies", id, lambda: sales.companies_of(self.session, self.portal_id, id))
        living = [one for one in dict.fromkeys(firms) if self._there(one)]
        return PersonCard(row.id, row.lead_id, tuple(living))

    def _there(self, company_id: int) -> bool:
        """Known to be gone is gone; a company not mirrored yet is taken for there."""
        table = rows.TABLES["company"]
        row: Any = self.session.get(table, (self.portal_id, company_id))
        self._held["company", company_id] = row
        return row is None or row.deleted_at is None

    def deals_of_lead(self, id: int) -> Sequence[SaleDeal]:
        """Deals a lead became."""
        found = self._once(
            "lead", id, lambda: sales.deals_of_lead(self.session, self.portal_id, id, MOST_DEALS)
        )
        return self._sales(found)

    def clients_of_lead(self, id: int) -> Sequence[ClientKey]:
        """Companies and contacts a lead became."""
        found: list[ClientKey] = self._once(
            "became", id, lambda: sales.cards_of_lead(self.session, self.portal_id, id)
        )
        return found

    def deals_of_company(self, id: int) -> Sequence[SaleDeal]:
        """Its deals, and those without a company of the contacts that stand in it, the oldest first."""
        found = self._once(
            "company", id, lambda: sales.deals_of_company(self.session, self.portal_id, id, MOST_DEALS)
        )
        return self._sales(found)

    def deals_of_contact(self, id: int) -> Sequence[SaleDeal]:
        """Deals with this first contact, the oldest first."""
        found = self._once(
            "contact", id, lambda: sales.deals_of_contact(self.session, self.portal_id, id, MOST_DEALS)
        )
        return self._sales(found)

    def first_deal_of(self, contact_id: int) -> SaleDeal | None:
        """The oldest of them."""
        if contact_id not in self._first:
            self._learn_first({contact_id})
        return self._first[contact_id]

    def _sales(self, deals: Sequence[Deal]) -> list[SaleDeal]:
        people = {deal.contact_id for deal in deals if deal.contact_id} - self._first.keys()
        if people:
            self._learn_first(people)
        return [self._sale(deal) for deal in deals]

    def _learn_first(self, people: set[int]) -> None:
        found = sales.first_deals(self.session, self.portal_id, people)
        for number in people:
            deal = found.get(number)
            self._first[number] = self._sale(deal) if deal is not None else None

    def _sale(self, row: Deal) -> SaleDeal:
        return SaleDeal(row.id, row.lead_id, row.company_id, row.contact_id, row.created_at, self._since(row))

    def _since(self, row: Deal) -> datetime | None:
        """When a deal made its client a client: won, in service, or open for so long that work must be going on."""
        if row.won_at is not None:
            return row.won_at
        if row.semantics == "S":
            closed = datetime.combine(row.close_on, time(), UTC) if row.close_on else None
            return closed if closed and closed <= self.now else row.created_at or _ALWAYS
        chosen = self.policy.service_pipelines
        staged = not self.policy.service_stages or row.stage_id in self.policy.service_stages
        if row.semantics != "P":
            return None
        if row.created_at is None or (chosen and row.category_id in chosen and staged):
            return row.created_at or _ALWAYS
        since = row.created_at + LONG
        return since if since <= self.now else None

    def _once(self, what: str, number: int, ask: Any) -> Any:
        key = (what, number)
        if key not in self._kept:
            self._kept[key] = ask()
        return self._kept[key]

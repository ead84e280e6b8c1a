"""Who has newly come to the agency, and which cards came with them (product.md R2).

A newcomer is the client behind a sale: its company, else its contact; before there is one, the deal or the lead
itself. Everything follows from how the cards are linked now, never from the order in which they appeared:

* a deal belongs to its company; without one to its contact, and to the company that contact stands in;
* a deal counts for its client only if nothing had made them a client before it was created: a repeat deal of an
  old client says nothing about how that client came;
* a contact came with the newcomer if its own first deal is one of those deals, or if the same lead became both;
* a contact who came with one company and later joins a second one takes nothing along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .card_book import Book, FirmCard, PersonCard, SaleDeal
from .people import CardKey, ClientKey


@dataclass(frozen=True, slots=True)
class Arrival:
    """One newcomer with the cards that came with it; ``clients`` are its company and contacts, itself included.

    ``counts`` False: no newcomer, only a later sale of an old client, whose lead and deal still belong together.
    """

    newcomer: CardKey
    leads: tuple[int, ...] = ()
    deals: tuple[int, ...] = ()
    clients: tuple[CardKey, ...] = ()
    counts: bool = True

    @property
    def cards(self) -> tuple[CardKey, ...]:
        """All cards, from lead to client."""
        leads = tuple(CardKey("lead", one) for one in self.leads)
        return (*leads, *(CardKey("deal", one) for one in self.deals), *self.clients)


def home(contact_id: int, book: Book) -> ClientKey:
    """The client a contact is or belongs to: the company of its first deal, else its primary one, else itself."""
    first = book.first_deal_of(contact_id)
    if first is not None and first.company_id and not _own(first.company_id, book):
        return ClientKey("company", first.company_id)
    person = book.contact(contact_id)
    firms = [one for one in (person.company_ids if person else ()) if not _own(one, book)]
    return ClientKey("company", firms[0]) if firms else ClientKey("contact", contact_id)


def client_of(deal: SaleDeal, book: Book) -> ClientKey | None:
    """Whose deal it is; None for nobody's, or one with the agency's own company alone."""
    if deal.company_id and not _own(deal.company_id, book):
        return ClientKey("company", deal.company_id)
    return home(deal.contact_id, book) if deal.contact_id else None


def is_repeat(deal: SaleDeal, all_deals: Sequence[SaleDeal]) -> bool:
    """Whether an older deal had made the client a client before this one was created."""
    return any(
        one.id < deal.id and one.since is not None and (deal.created is None or one.since <= deal.created)
        for one in all_deals
    )


def first_sales(all_deals: Sequence[SaleDeal]) -> list[SaleDeal]:
    """Those of a client's deals that are no repeat, the oldest first."""
    found: list[SaleDeal] = []
    since = None  # when the older ones had made the client a client
    for deal in sorted(all_deals, key=lambda one: one.id):
        if since is None or (deal.created is not None and since > deal.created):
            found.append(deal)
        if deal.since is not None:
            since = deal.since if since is None else min(since, deal.since)
    return found


def newcomers_of(card: CardKey, book: Book) -> list[CardKey]:
    """The newcomers a card has to do with: several only for a lead that became several sales."""
    if card.kind == "lead":
        return _of_lead(card, book)
    if card.kind == "deal":
        deal = book.deal(card.id)
        return [_of_deal(deal, book)] if deal else []
    if card.kind == "contact":
        if book.contact(card.id) is None:
            return []
        key = home(card.id, book)
        whole = arrival(CardKey(key.kind, key.id), book)
        return [whole.newcomer if card in whole.clients else card]
    firm = book.company(card.id)
    return [card] if firm and not firm.own else []


def _of_lead(card: CardKey, book: Book) -> list[CardKey]:
    if book.lead(card.id) is None:
        return []
    found = [_of_deal(deal, book) for deal in book.deals_of_lead(card.id)]
    if not found:
        for key in book.clients_of_lead(card.id):
            found += newcomers_of(CardKey(key.kind, key.id), book)
    return list(dict.fromkeys(found)) or [card]


def _of_deal(deal: SaleDeal, book: Book) -> CardKey:
    client = client_of(deal, book)
    if client is None or is_repeat(deal, _deals(client, book)):
        return CardKey("deal", deal.id)
    return CardKey(client.kind, client.id)


def arrival(newcomer: CardKey, book: Book) -> Arrival:
    """The cards that came with a newcomer, as `newcomers_of` names it."""
    if newcomer.kind == "lead":
        return Arrival(newcomer, leads=(newcomer.id,), counts=not _old_lead(newcomer.id, book))
    if newcomer.kind == "deal":
        deal = book.deal(newcomer.id)
        leads = _living_leads([deal.lead_id] if deal else [], book)
        counts = deal is not None and client_of(deal, book) is None
        return Arrival(newcomer, leads, (newcomer.id,), counts=counts)
    client = ClientKey(newcomer.kind, newcomer.id)
    deals = first_sales(_deals(client, book))
    card: FirmCard | PersonCard | None
    card = book.company(client.id) if client.kind == "company" else book.contact(client.id)
    people = _people(client, deals, card.lead_id if card else None, book)
    named = [deal.lead_id for deal in deals] + [card.lead_id if card else None]
    own = ClientKey("contact", client.id) if client.kind == "contact" else None
    counts = own is None or home(client.id, book) == own or not _is_old(home(client.id, book), book)
    return Arrival(
        newcomer,
        _living_leads(named, book),
        tuple(deal.id for deal in deals),
        (newcomer, *(CardKey("contact", one) for one in people)),
        counts,
    )


def _people(client: ClientKey, deals: Sequence[SaleDeal], lead: int | None, book: Book) -> list[int]:
    """Contacts that came with a company: their first deal is one of its first, or one lead became both."""
    if client.kind == "contact":
        return []
    mine = {deal.id for deal in deals}
    leads = {deal.lead_id for deal in deals if deal.lead_id} | ({lead} if lead else set())
    found = set()
    for number in sorted({deal.contact_id for deal in deals if deal.contact_id}):
        first = book.first_deal_of(number)
        if book.contact(number) is not None and first is not None and first.id in mine:
            found.add(number)
    for one in leads:
        for key in book.clients_of_lead(one):
            if key.kind == "contact" and home(key.id, book) == client:
                found.add(key.id)
    return sorted(found)


def still_linked(card: CardKey, via: CardKey, book: Book) -> bool:
    """Whether a card still hangs on the one its entry came from, so that the entry may stay where it is.

    True as well when that card is gone: what it said is not taken back with it.
    """
    if via.kind == "lead":
        became = {CardKey(key.kind, key.id) for key in book.clients_of_lead(via.id)}
        if book.lead(via.id) is None or card in became:
            return True
        return any((card.kind == "deal" and card.id == deal.id) or _touches(card, deal, book)
                   for deal in book.deals_of_lead(via.id))  # fmt: skip
    if via.kind == "deal":
        deal = book.deal(via.id)
        return deal is None or (card.kind == "lead" and deal.lead_id == card.id) or _touches(card, deal, book)
    there = book.company(via.id) if via.kind == "company" else book.contact(via.id)
    if there is None or card == via:
        return True
    mine = {newcomer for one in (card, via) for newcomer in newcomers_of(one, book)}
    return len(mine) == 1


def _touches(card: CardKey, deal: SaleDeal, book: Book) -> bool:
    if card.kind == "company":
        return deal.company_id == card.id or client_of(deal, book) == ClientKey("company", card.id)
    return card.kind == "contact" and deal.contact_id == card.id


def _deals(client: ClientKey, book: Book) -> list[SaleDeal]:
    """All deals of a client by the rules above, the oldest first."""
    if client.kind == "company":
        return [deal for deal in book.deals_of_company(client.id) if client_of(deal, book) == client]
    return [deal for deal in book.deals_of_contact(client.id) if client_of(deal, book) == client]


def _old_lead(lead_id: int, book: Book) -> bool:
    """A repeat lead: it was linked to somebody who is a client already."""
    lead = book.lead(lead_id)
    if lead is None or not (lead.company_id or lead.contact_id):
        return False
    if lead.company_id:
        return _is_old(ClientKey("company", lead.company_id), book)
    return _is_old(home(lead.contact_id or 0, book), book)


def _is_old(client: ClientKey, book: Book) -> bool:
    return any(deal.since is not None for deal in _deals(client, book))


def _living_leads(numbers: Sequence[int | None], book: Book) -> tuple[int, ...]:
    return tuple(sorted({one for one in numbers if one and book.lead(one) is not None}))


def _own(company_id: int, book: Book) -> bool:
    firm = book.company(company_id)
    return firm is not None and firm.own

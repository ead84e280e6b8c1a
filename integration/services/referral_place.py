"""Which newcomer a card is about, and where an entry about it goes (product.md R2)."""

from __future__ import annotations

from dataclasses import dataclass

from integration.nps.newcomers import Arrival, arrival, newcomers_of
from integration.nps.people import CardKey, ClientKey
from integration.services.referral_book import MirrorBook
from integration.services.referral_guards import client_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry of a card's tab goes: the newcomer it is about and the card to write to."""

    whole: Arrival
    target: CardKey


def place_of(book: MirrorBook, card: CardKey) -> Place | None:
    """The newcomer a card is about. A repeat sale and a contact person speak for the client they belong to."""
    keys = newcomers_of(card, book)
    if not keys:
        return None
    whole = arrival(keys[0], book)
    if whole.counts and card in whole.cards and card.kind != "contact":
        return Place(whole, card)
    if whole.counts and card.kind == "contact":
        return Place(whole, whole.newcomer)
    client = _client(book, card)
    if client is None or not newcomers_of(client, book):
        return None
    return Place(arrival(client, book), client)


def _client(book: MirrorBook, card: CardKey) -> CardKey | None:
    company: int | None = None
    contact: int | None = card.id if card.kind == "contact" else None
    if card.kind == "deal" and (deal := book.deal(card.id)) is not None:
        company, contact = deal.company_id, deal.contact_id
    elif card.kind == "lead" and (lead := book.lead(card.id)) is not None:
        company, contact = lead.company_id, lead.contact_id
    if company:
        return CardKey("company", company)
    if contact is None:
        return None
    named = client_of(book.session, book.portal_id, ClientKey("contact", contact), book)
    return CardKey(named.kind, named.id)

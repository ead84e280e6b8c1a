"""Whether a changed card can have to do with a recommendation at all: the quick look before the thorough one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.nps.policy import Policy
from integration.services.referral_book import MirrorBook
from integration.store import referral_silence as rows


def silent(session: Session, portal_id: int, policy: Policy, card: CardKey, book: MirrorBook) -> bool:
    """Whether nobody says, or ever said, anything about how the client of this card came. Never true wrongly: whatever
    may belong together with the card is looked at (`nps.newcomers`), and whatever moved is left to the thorough look.
    """
    row = book.row(card)
    if row is None or card.kind == "lead" or rows.has_moved(session, portal_id, card):
        return False
    if card.kind == "company":
        companies, contacts = [card.id], []
    else:
        person = card.id if card.kind == "contact" else row.contact_id
        firm = row.company_id if card.kind == "deal" else None
        own = book.company(firm) if firm else None
        alone = firm is None or (own is not None and own.own)
        companies = [firm] if firm and not alone else []
        if alone and person:
            companies += rows.linked_companies(session, portal_id, person)
        contacts = [person] if person else []
    contacts = sorted({*contacts, *rows.linked_people(session, portal_id, companies)})
    leads = [row.lead_id] if row.lead_id else []
    deals = [card.id] if card.kind == "deal" else []
    ours = policy.recommendation_id
    return not rows.anything_said(session, portal_id, companies, contacts, leads, deals, ours)

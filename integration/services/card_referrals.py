"""Referrals of one card: who brought this client, whom they brought (product.md R7).

Names of other clients are told only to those who see these clients by role; the card itself opens, or not, by
the portal's own rights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.links import crm_link
from integration.nps.people import CardKey, ClientKey, Person
from integration.services.card_rights import Subject
from integration.services.card_types import Newcomer, Referrer
from integration.services.cards import REFERRAL, referral_of
from integration.store import cards_view as rows
from integration.store.portals import Portal


def referrer(
    session: Session,
    portal: Portal,
    found: Subject,
    client: ClientKey | None,
    item: Mapping[str, Any] | None,
) -> Referrer | None:
    """Who brought this client: what its own card says, else the card the tab is on; nothing if neither does."""
    for card in dict.fromkeys([*([CardKey(client.kind, client.id)] if client else []), found.card]):
        row = rows.card(session, portal.id, card.kind, card.id)
        stored: Mapping[str, Any] = getattr(row, "referral", None) or {}
        if card == found.card and item is not None:
            stored = {code: item[code] for code in REFERRAL if code in item}
        said = referral_of(portal, card.kind, stored)
        if said.source or said.referrer:
            name = _name(session, portal.id, found, said.referrer) if said.referrer else ""
            who = CardKey(said.referrer.kind, said.referrer.id) if said.referrer else None
            return Referrer(said.source, who, name, said.day)
    return None


def newcomers(
    session: Session, portal: Portal, found: Subject, client: ClientKey, people: Sequence[Person]
) -> tuple[Newcomer, ...]:
    """Whom the client and its people brought: clients first, then leads in work; a company's people are not named
    beside it."""
    contacts = [client.id] if client.kind == "contact" else [person.contact_id for person in people]
    links = [crm_link("contact", number) for number in contacts]
    if client.kind == "company":
        links.insert(0, crm_link("company", client.id))
    brought = rows.brought_by(session, portal.id, links)
    companies = {one.card.id for one in brought if one.card.kind == "company"}
    own = {CardKey(client.kind, client.id), *(CardKey("contact", number) for number in contacts)}
    return tuple(
        Newcomer(
            one.card, one.title if found.rights.sees(one.assigned_by, one.city) else "", one.state, one.day
        )
        for one in brought
        if one.card not in own and not companies.intersection(one.companies)
    )


def _name(session: Session, portal_id: int, found: Subject, key: ClientKey) -> str:
    known = rows.titles(session, portal_id, key)
    return known[0] if known and found.rights.sees(known[1], known[2]) else ""

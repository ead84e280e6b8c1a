"""Whether somebody named as a referrer can stand, by the mirror and the rows: a few bounded queries (product.md R4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.links import crm_link
from integration.nps.intents import FlagReferral
from integration.nps.newcomers import Arrival, home
from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_guards import Family, guard
from integration.services.referral_book import MirrorBook
from integration.services.referral_cards import survivor
from integration.store import referrals as rows
from integration.store.referral_rows import Referral

LATE = date.max


def family(session: Session, portal_id: int, whole: Arrival, book: MirrorBook) -> Family:
    """Everybody on the newcomer's side: they cannot have recommended themselves."""
    companies = {key.id for key in whole.clients if key.kind == "company"}
    contacts = {key.id for key in whole.clients if key.kind == "contact"}
    for number in whole.deals:
        deal = book.row(CardKey("deal", number))
        if deal is not None:
            companies |= {deal.company_id} if deal.company_id else set()
            contacts |= {*(deal.contact_ids or ()), *([deal.contact_id] if deal.contact_id else [])}
    if not companies and not contacts:
        return Family(frozenset())
    return Family.of(*rows.relatives(session, portal_id, companies, contacts))


def client_of(session: Session, portal_id: int, named: ClientKey, book: MirrorBook) -> ClientKey:
    """The client that counts for a card people named: the company a person stands in, the survivor of a merge."""
    key = survivor(session, portal_id, named)
    return survivor(session, portal_id, home(key.id, book)) if key.kind == "contact" else key


@dataclass
class Guards:
    """The guards of one newcomer in one transaction. `again`: newcomers whose later claim closes the circle."""

    session: Session
    portal_id: int
    whole: Arrival
    book: MirrorBook
    own: Family
    row: Referral | None
    again: list[CardKey] = field(default_factory=list)

    def why_not(self, card: CardKey, named: ClientKey, day: date | None) -> FlagReferral | None:
        """Why `named`, claimed on `card` since `day`, cannot have brought the newcomer; None: it can."""
        table = rows.TABLES[named.kind]
        mirrored: Any = self.session.get(table, (self.portal_id, named.id))
        client = client_of(self.session, self.portal_id, named, self.book)
        if mirrored is not None and mirrored.deleted_at is not None and client == named:
            return FlagReferral(card, "removed", (named,))
        if getattr(mirrored, "own", False):
            return FlagReferral(card, "own_company", (named,))
        for key in dict.fromkeys((named, client)):
            if flag := guard(card, key, self.own, lambda _: None):
                return flag
        if self.row is not None and self.row.same and self.row.checked == crm_link(named.kind, named.id):
            return FlagReferral(card, "same_person", (named,))
        return self._circle(card, named, client, day)

    def _circle(
        self, card: CardKey, named: ClientKey, client: ClientKey, day: date | None
    ) -> FlagReferral | None:
        """Of the claims that make a circle the latest cannot stand, whichever was looked at first."""
        links = rows.chain(self.session, self.portal_id, client)
        above = {link.newcomer: link.referrer for link in links}
        flag = guard(card, client, self.own, above.get)
        if flag is None:
            return None
        round_ = [link for link in links if link.newcomer in flag.chain]
        latest = max(round_, key=lambda link: (link.claimed_on or LATE, link.newcomer), default=None)
        newcomer = self.whole.newcomer
        if latest is not None and (day or LATE, tuple(newcomer)) < (
            latest.claimed_on or LATE,
            tuple(latest.newcomer),
        ):
            self.again.append(CardKey(latest.newcomer.kind, latest.newcomer.id))
            return None
        chain = flag.chain if named == client else (named, *flag.chain)
        return FlagReferral(card, "cycle", chain)

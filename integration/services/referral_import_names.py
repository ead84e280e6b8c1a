"""Whom the names of a list mean: titles by the mirror, e-mails and phones by the portal (product.md R4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from integration.bitrix.call import Call
from integration.bitrix.todos import find_by_address
from integration.nps.addresses import email_key, phone_key
from integration.nps.people import ClientKey
from integration.nps.referral_import import Named, named
from integration.nps.referral_matching import Match, Titles, by_address, by_title
from integration.services.access import PortalRest
from integration.services.past_people import Cards, mirrored
from integration.services.referral_search import spellings
from integration.store.portals import Portal
from integration.store.referral_import_rows import ReferralImportRow

TOGETHER = 50  # calls in one request


@dataclass(slots=True)
class Book:
    """What names mean in this portal: titles, the client behind each contact, addresses as far as they were asked."""

    domain: str
    titles: Titles
    homes: Mapping[ClientKey, ClientKey]
    addresses: Mapping[str, Sequence[ClientKey]] = field(default_factory=dict)


def book_of(session: Session, portal_id: int) -> Book:
    cards: Cards = mirrored(session, portal_id)
    titles = {ClientKey("company", number): title for number, title in cards.titles.items()}
    people = {ClientKey("contact", number): name for number, name in cards.names.items()}
    homes = {key: cards.client_of(key.id) for key in people}
    return Book(
        session.get_one(Portal, portal_id).domain, Titles.of([*titles.items(), *people.items()]), homes
    )


def asked(waiting: Iterable[ReferralImportRow], domain: str) -> list[Named]:
    """E-mails and phones among the names nobody has picked a card for."""
    found: dict[str, Named] = {}
    for row in waiting:
        for said, picked in ((row.client, row.client_id), (row.referrer, row.referrer_id)):
            one = named(said, domain)
            if said and not picked and one.kind in ("email", "phone"):
                found.setdefault(_address_key(one), one)
    return list(found.values())


def _address_key(one: Named) -> str:
    return email_key(one.text) if one.kind == "email" else phone_key(one.text)


def addresses(rest: PortalRest, wanted: Sequence[Named]) -> dict[str, list[ClientKey]]:
    """The companies and contacts on which these addresses stand, as the portal finds them."""
    found: dict[str, list[ClientKey]] = {}
    for start in range(0, len(wanted), TOGETHER):
        part = wanted[start : start + TOGETHER]
        batch: dict[str, Call] = {
            str(number): find_by_address("EMAIL", [one.text])
            if one.kind == "email"
            else find_by_address("PHONE", spellings(one.text))
            for number, one in enumerate(part)
        }
        got = rest.batch(batch)
        for error in got.errors.values():
            raise error
        for number, one in enumerate(part):
            result = got.answers[str(number)].result
            ids = result if isinstance(result, dict) else {}
            found[_address_key(one)] = [
                ClientKey(kind, int(each))
                for kind in ("company", "contact")
                for each in ids.get(kind.upper()) or ()
                if str(each).isdigit()
            ]
    return found


def match(said: str, book: Book) -> Match:
    one = named(said, book.domain)
    if one.card is not None:
        return Match("found", one.card)
    if one.kind in ("email", "phone"):
        found = by_address(book.addresses.get(_address_key(one), []), book.homes)
        return replace(found, status="shared") if found.status == "many" else found
    return by_title(one.text, book.titles, book.homes) if one.kind == "title" else Match("unknown")

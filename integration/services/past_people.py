"""Whose answer each row of a file is: clients and people as the portal's cards name them (product.md T9).

Names are compared exactly, apart from case and blanks; what fits several is reported, never guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.nps.addresses import email_key
from integration.nps.past_answers import PastAnswer, RowProblem, fold
from integration.nps.people import ClientKey
from integration.services.deps import Deps
from integration.services.past_tables import ImportRefused
from integration.services.portals import rest_for
from integration.services.waves_people import read_reach
from integration.store import past_answers as rows
from integration.store.base import reading

#: Called with the step (`addresses`, `rows`, `saving`) while the work goes on.
Tell = Callable[[str], None]


@dataclass(slots=True)
class Cards:
    """The portal's clients as a file may name them. `people`: contact -> its companies, the primary one first."""

    titles: dict[int, str] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    cities: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    people: dict[int, list[int]] = field(default_factory=dict)
    by_name: dict[str, list[ClientKey]] = field(default_factory=dict)
    by_email: dict[str, list[int]] = field(default_factory=dict)

    def client_of(self, contact: int) -> ClientKey:
        """The primary company of a contact, else the contact itself."""
        companies = [number for number in self.people.get(contact, []) if number in self.titles]
        return ClientKey("company", companies[0]) if companies else ClientKey("contact", contact)

    def belongs(self, contact: int, client: ClientKey) -> bool:
        """Whether the contact is a person of this client."""
        if client.kind == "contact":
            return contact == client.id
        return client.id in self.people.get(contact, [])


@dataclass(frozen=True, slots=True)
class Placed:
    """A row whose client is known. `contact`: its card, or a negative number made of what the file says."""

    answer: PastAnswer
    client: ClientKey
    contact: int


def mirrored(session: Session, portal_id: int) -> Cards:
    """The living cards with their names, as the mirror has them; no addresses."""
    cards = Cards()
    for number, title, own, city in rows.companies(session, portal_id):
        cards.titles[number], cards.cities[number] = title, city
        cards.own |= {number} if own else set()
        cards.by_name.setdefault(fold(title), []).append(ClientKey("company", number))
    for number, name, company in rows.contacts(session, portal_id):
        cards.names[number] = name
        cards.people[number] = [company] if company else []
    for contact, company in rows.members(session, portal_id):
        if contact in cards.people and company not in cards.people[contact]:
            cards.people[contact].append(company)
    for number, name in cards.names.items():
        if not cards.people[number]:
            cards.by_name.setdefault(fold(name), []).append(ClientKey("contact", number))
    return cards


def read_cards(deps: Deps, portal_id: int, answers: Iterable[PastAnswer], country: str, tell: Tell) -> Cards:
    """The mirror; addresses, which are not mirrored, from the portal, and only if the file needs them."""
    with reading(deps.sessions) as session:
        cards = mirrored(session, portal_id)
    wanted = {email_key(answer.email) for answer in answers if answer.email and not answer.contact_id}
    if wanted and cards.names:
        tell("addresses")
        _read_addresses(deps, portal_id, cards, wanted, country)
    return cards


def _read_addresses(deps: Deps, portal_id: int, cards: Cards, wanted: set[str], country: str) -> None:
    try:
        reach = read_reach(rest_for(deps, portal_id, interactive=True), set(cards.names), country)
    except BitrixError as error:
        raise ImportRefused(type(error).__name__, code="portal_busy") from error
    for contact in sorted(reach):
        for address in reach[contact].emails:
            if email_key(address) in wanted:
                cards.by_email.setdefault(email_key(address), []).append(contact)


def place(answers: Sequence[PastAnswer], cards: Cards) -> tuple[list[Placed], list[RowProblem]]:
    """Whose answer each row is; of two rows of one person the first is taken, unless they say the same."""
    found: dict[tuple[ClientKey, int], Placed] = {}
    contacts: dict[int, Placed] = {}
    problems: list[RowProblem] = []
    for answer in answers:
        placed = _place(answer, cards)
        if isinstance(placed, RowProblem):
            problems.append(placed)
            continue
        before = contacts.get(placed.contact)
        if before is None:
            contacts[placed.contact] = found[placed.client, placed.contact] = placed
        elif said(before.answer) != said(answer):
            problems.append(RowProblem(answer.number, "twice", str(before.answer.number)))
    return list(found.values()), problems


def said(answer: PastAnswer) -> tuple[int, str, datetime]:
    return answer.score, answer.comment, answer.at


def _place(answer: PastAnswer, cards: Cards) -> Placed | RowProblem:
    client = _named_client(answer, cards)
    if isinstance(client, RowProblem):
        return client
    contact = _named_person(answer, client, cards)
    if isinstance(contact, RowProblem):
        return contact
    if client is None:
        if contact is None:
            return RowProblem(answer.number, "no_such_person", answer.email)
        client = cards.client_of(contact)
    if client.kind == "company" and client.id in cards.own:
        return RowProblem(answer.number, "own_company", cards.titles[client.id][:80])
    if contact is None and client.kind == "contact":
        contact = client.id
    return Placed(answer, client, contact if contact is not None else _stand_in(client, answer))


def _named_client(answer: PastAnswer, cards: Cards) -> ClientKey | RowProblem | None:
    """By the company's id, else by the exact title; nothing if the row names none."""
    if answer.company_id is not None:
        if answer.company_id not in cards.titles:
            return RowProblem(answer.number, "no_such_client", str(answer.company_id))
        return ClientKey("company", answer.company_id)
    if not answer.client:
        return None
    keys = cards.by_name.get(fold(answer.client), [])
    if len(keys) > 1:
        return RowProblem(answer.number, "ambiguous_client", ", ".join(str(key.id) for key in keys[:10]))
    if keys:
        return keys[0]
    number = int(answer.client) if answer.client.isascii() and answer.client.isdigit() else 0
    if number in cards.titles:
        return ClientKey("company", number)
    return RowProblem(answer.number, "no_such_client", answer.client[:80])


def _named_person(answer: PastAnswer, client: ClientKey | None, cards: Cards) -> int | RowProblem | None:
    """By the contact's id, else by e-mail among the client's people; nothing if nobody is known."""
    if answer.contact_id is not None:
        if answer.contact_id not in cards.names:
            return RowProblem(answer.number, "no_such_person", str(answer.contact_id))
        if client is not None and not cards.belongs(answer.contact_id, client):
            return RowProblem(answer.number, "of_another_client", str(answer.contact_id))
        return answer.contact_id
    found = cards.by_email.get(email_key(answer.email), []) if answer.email else []
    if client is not None:
        return next((contact for contact in found if cards.belongs(contact, client)), None)
    if len({cards.client_of(contact) for contact in found}) > 1:
        return RowProblem(answer.number, "ambiguous_person", ", ".join(map(str, found[:10])))
    return found[0] if found else None


def _stand_in(client: ClientKey, answer: PastAnswer) -> int:
    """A number below zero for a person without a card, the same whenever the file says the same."""
    person = email_key(answer.email) or fold(answer.name) or repr(said(answer))
    digest = hashlib.sha256(f"{client}\0{person}".encode()).digest()
    return -1 - int.from_bytes(digest[:4], "big") % (2**31 - 2)

"""Reading respondents' e-mails and phones from the portal when a list is frozen (product.md T3, E3).

They are not mirrored: one request brings up to 2,500 contacts, and what is not needed is forgotten at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from integration.bitrix.calls import BATCH, PAGE, Call, item_list, rows_at
from integration.bitrix.records.values import emails, phones
from integration.nps.addresses import email_key, phone_key
from integration.nps.identity import handles, join
from integration.nps.people import Person
from integration.nps.policy import Policy
from integration.services.deps import Rest


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a contact can be reached, normalised, in the card's order."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What is known about persons over all their cards, by handle (product.md E3).

    `never`: e-mail and phone keys, or `contact:<id>`, that said never; `asked`: `mail:`, `phone:` and
    `contact:` handles with the day of the last question; `flagged`: cards with an opt-out or a hold.
    """

    never: frozenset[str]
    asked: Mapping[str, date]
    flagged: tuple[Person, ...]
    dead: frozenset[str]


def read_reach(rest: Rest, contact_ids: Collection[int], country: str) -> dict[int, Reach]:
    """E-mails and phones of these contacts; cards that are gone are missing.

    Raises `integration.bitrix.errors.BitrixError`; nothing is half read.
    """
    found: dict[int, Reach] = {}
    for batch in _batches(sorted(contact_ids)):
        answer = rest.batch(batch)
        for key in batch:
            if key in answer.errors:
                raise answer.errors[key]
            for item in rows_at(answer.answers[key].result, "items"):
                found[int(item["id"])] = _reach(item, country)
    return found


def _batches(ids: list[int]) -> Iterator[dict[str, Call]]:
    """Batches of list calls of which each names its 50 contacts; `fm` comes only with `*` (bitrix24.md 4.6)."""
    pages = iter([ids[start : start + PAGE] for start in range(0, len(ids), PAGE)])
    while chunk := list(islice(pages, BATCH)):
        yield {
            f"c{number}": item_list("contact", ["*"], filter={"@id": page})
            for number, page in enumerate(chunk)
        }


def _reach(item: Mapping[str, Any], country: str) -> Reach:
    mails = [address for raw in emails(item.get("fm")) if (address := normal_email(raw))]
    numbers = [number for raw in phones(item.get("fm")) if (number := normal_phone(raw, country))]
    return Reach(tuple(dict.fromkeys(mails)), tuple(dict.fromkeys(numbers)))


def normal_email(raw: str) -> str:
    """The address as it is written to, its domain in ASCII; empty for what no mail server takes."""
    try:
        found = validate_email(raw.strip(), check_deliverability=False)
    except EmailNotValidError:
        return ""
    return found.ascii_email or ""


def normal_phone(raw: str, country: str) -> str:
    """The number as +380441234567; numbers without a country's prefix are taken as of `country`."""
    try:
        number = phonenumbers.parse(raw, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def with_reach(people: Iterable[Person], reach: Mapping[int, Reach]) -> list[Person]:
    """The people with their addresses; a card that is gone from the portal keeps none."""
    return [
        replace(person, emails=found.emails, phones=found.phones)
        for person in people
        for found in [reach.get(person.contact_id, Reach())]
    ]


def known(people: Iterable[Person], history: History, policy: Policy) -> dict[int, Person]:
    """The people, by contact id, with the strictest opt-out, hold and last question over all their cards."""
    seen = [_one(person, history, policy) for person in people]
    cards = {person.contact_id for person in seen}
    others = [_one(person, history, policy) for person in history.flagged if person.contact_id not in cards]
    joined = join([*seen, *others], policy.shared_mailboxes)
    return {number: joined[number] for number in cards}


def _one(person: Person, history: History, policy: Policy) -> Person:
    mails = {email_key(address) for address in person.emails}
    keys = mails | {phone_key(number) for number in person.phones} | {f"contact:{person.contact_id}"}
    own = [*handles(person, policy.shared_mailboxes), f"contact:{person.contact_id}"]
    asked = [history.asked[handle] for handle in own if handle in history.asked]
    return replace(
        person,
        opted_out=person.opted_out or bool(keys & history.never),
        last_asked_on=max(asked, default=person.last_asked_on),
        dead_addresses=frozenset(mails & history.dead),
    )

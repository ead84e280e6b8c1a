"""One person on several cards: opt-out, hold and frequency follow the person (product.md E3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from .addresses import email_key, is_shared, phone_key
from .people import Person


def handles(person: Person, shared_mailboxes: Collection[str]) -> list[str]:
    """What identifies a person: own addresses (not shared mailboxes) and phones, as comparable keys."""
    mails = [
        f"mail:{email_key(address)}"
        for address in person.emails
        if address.strip() and not is_shared(address, shared_mailboxes)
    ]
    return mails + [f"phone:{key}" for key in map(phone_key, person.phones) if key]


def same_person(people: Iterable[Person], shared_mailboxes: Collection[str]) -> list[list[Person]]:
    """The cards grouped by person: cards that share a handle, directly or through a third card."""
    people = list(people)
    parent = list(range(len(people)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, person in enumerate(people):
        for handle in handles(person, shared_mailboxes):
            parent[root(index)] = root(first.setdefault(handle, index))
    groups: dict[int, list[Person]] = {}
    for index, person in enumerate(people):
        groups.setdefault(root(index), []).append(person)
    return list(groups.values())


def join(people: Iterable[Person], shared_mailboxes: Collection[str]) -> dict[int, Person]:
    """Each card, by contact id, with the strictest opt-out, hold and last asking over that person's cards."""
    joined: dict[int, Person] = {}
    for group in same_person(people, shared_mailboxes):
        opted_out = any(person.opted_out for person in group)
        hold = _latest(person.hold_until for person in group)
        asked = _latest(person.last_asked_on for person in group)
        for person in group:
            joined[person.contact_id] = replace(
                person, opted_out=opted_out, hold_until=hold, last_asked_on=asked
            )
    return joined


def _latest(days: Iterable[date | None]) -> date | None:
    return max((day for day in days if day is not None), default=None)

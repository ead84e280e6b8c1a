"""E-mail addresses and phones as the rules compare them."""

from __future__ import annotations

from collections.abc import Collection

from .people import Person
from .policy_checks import looks_like_address

_LEAST_PHONE_DIGITS = 7
_COMPARED_PHONE_DIGITS = 10


def email_key(address: str) -> str:
    """The address without case and outer blanks; two cards with the same key are one person."""
    return address.strip().casefold()


def phone_key(phone: str) -> str:
    """The last ten digits (prefixes 8, +7, 00 differ between cards); "" for what is no phone."""
    digits = "".join(c for c in phone if c in "0123456789")
    return digits[-_COMPARED_PHONE_DIGITS:] if len(digits) >= _LEAST_PHONE_DIGITS else ""


def person_keys(address: str, phone: str, contact_id: int) -> frozenset[str]:
    """What names a person of a list: the e-mail, the number, ``contact:<id>``; "never again" may stand under any."""
    return frozenset({email_key(address), phone_key(phone), f"contact:{contact_id}"} - {""})


def is_shared(address: str, shared_mailboxes: Collection[str]) -> bool:
    """Whether many read the mailbox: its name before ``@`` and ``+`` is a listed one (product.md E6)."""
    name = email_key(address).rpartition("@")[0].partition("+")[0]
    return name in shared_mailboxes


def mail_addresses(person: Person) -> list[str]:
    """Usable addresses of a person in the card's order: well formed, and not refused for good before."""
    dead = {email_key(address) for address in person.dead_addresses}
    found: dict[str, str] = {}
    for address in person.emails:
        key = email_key(address)
        if looks_like_address(address.strip()) and key not in dead:
            found.setdefault(key, address.strip())
    return list(found.values())

"""Who cannot have recommended a newcomer: itself, its own people, whoever it brought (product.md R4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from .addresses import email_key, phone_key
from .intents import FlagReferral
from .people import CardKey, ClientKey

ReferrerOf: TypeAlias = Callable[[ClientKey], ClientKey | None]
_FARTHEST = 1000  # links of a chain that are followed


@dataclass(frozen=True, slots=True)
class Family:
    """The newcomer's own cards: what may not stand as its referrer (product.md R4)."""

    members: frozenset[ClientKey]

    @classmethod
    def of(cls, companies: Iterable[int], contacts: Iterable[int]) -> Family:
        """A company with its contact persons, or a contact with its companies."""
        return cls(
            frozenset(ClientKey("company", one) for one in companies)
            | frozenset(ClientKey("contact", one) for one in contacts)
        )


def guard(card: CardKey, referrer: ClientKey, family: Family, referrer_of: ReferrerOf) -> FlagReferral | None:
    """Why a referrer cannot stand (product.md R4): itself, its own contact person or company, or a circle.

    ``referrer_of``: who brought a client, by the cards. The chain runs from the claimed referrer on.
    """
    if (referrer.kind, referrer.id) == (card.kind, card.id):
        return FlagReferral(card, "self_referral", (referrer,))
    if referrer in family.members:
        companies = any(member.kind == "company" for member in family.members)
        own_person = card.kind == "contact" or (referrer.kind == "contact" and companies)
        return FlagReferral(card, "own_contact" if own_person else "self_referral", (referrer,))
    chain = [referrer]
    known = {referrer}
    while (above := referrer_of(chain[-1])) is not None and len(chain) < _FARTHEST:
        if above in family.members:
            return FlagReferral(card, "cycle", (*chain, above))
        if above in known:
            return None  # an old circle elsewhere, which this claim neither makes nor joins to the newcomer
        chain.append(above)
        known.add(above)
    return None


@dataclass(frozen=True, slots=True)
class Addresses:
    """E-mails and phones of one card, as typed."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


def same_address(own: Iterable[Addresses], other: Addresses) -> str:
    """Whether one of the newcomer's cards shares an ``email`` or a ``phone`` with another card; "" if not."""
    many = list(own)
    mails = {email_key(one) for card in many for one in card.emails} - {""}
    numbers = {phone_key(one) for card in many for one in card.phones} - {""}
    if mails & {email_key(one) for one in other.emails}:
        return "email"
    return "phone" if numbers & {phone_key(one) for one in other.phones} else ""

"""Whose own client it is, where only the name of the recorder is known: files and sheets (product.md W10)."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store import client_owners, reports
from integration.store.answers import Asked
from integration.store.wave_cards import key_of

_NUMBERED = re.compile(r"(?:\((\d{1,9})\)|#(\d{1,9}))\Z")  # as `rights.name_of` records people


def of_recorder(session: Session, portal_id: int, clients: Collection[ClientKey], who: str) -> set[ClientKey]:
    """Those of these clients whom the employee recorded as `who` serves, by their cards and open deals.

    `who`: "Ada Head (12)", or a name as people write it: first and last name in either order, whatever the case.
    """
    serving = client_owners.owners(session, portal_id, clients)
    names = reports.names(session, portal_id, set().union(*serving.values())) if serving else {}
    return {
        client for client, users in serving.items() if any(is_called(u, names.get(u, ""), who) for u in users)
    }


def is_own(session: Session, found: Asked, who: str) -> bool:
    """The same of one respondent's client, counting those who served it when the list was made."""
    client = key_of(found.client)
    listed = {user for user in (found.client.manager_id, found.client.salesperson_id) if user}
    names = reports.names(session, found.portal.id, listed)
    if any(is_called(user, names.get(user, ""), who) for user in listed):
        return True
    return bool(of_recorder(session, found.portal.id, {client}, who))


def is_called(user_id: int, name: str, who: str) -> bool:
    """Whether an employee is the one recorded as `who`."""
    if number := _NUMBERED.search(who.strip()):
        return user_id == int(number[1] or number[2])
    return bool(name.strip()) and sorted(name.casefold().split()) == sorted(who.casefold().split())

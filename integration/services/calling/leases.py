"""A client in one caller's hands: given out for five minutes, kept alive by the page, given back (product.md W8).

The value a page carries (`key`) is signed, so that a call can be recorded even when the reservation behind it is gone:
it names the person and was given to this caller and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.services.calling.types import Caller
from integration.services.deps import Deps
from integration.store import call_queue
from integration.store.attempts import CallLease
from integration.store.base import transaction
from integration.store.waves import Invitation

LEASE = timedelta(minutes=5)
LATEST = timedelta(days=2)  # so long after it was given out a call can still be recorded


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a page's value says: the person, and the row's own key."""

    invitation_id: int
    key: str


@dataclass(frozen=True, slots=True)
class Held:
    """What a page's value stands for, whether the client is still in the caller's hands or not."""

    invitation_id: int
    key: str
    shown: str  # the value itself
    taken_at: datetime
    until: datetime


def handed_out(deps: Deps, caller: Caller, key: str, now: datetime) -> Held | None:
    """The client a value was given for; nothing if it is no value of this caller."""
    sealed = opened(deps, caller, key, now)
    return Held(sealed.invitation_id, sealed.key, key, now, now) if sealed is not None else None


def hold_again(session: Session, caller: Caller, one: Invitation, key: str, now: datetime) -> bool:
    """Put a client that was given back into the same hands under the same key, while what was typed is put right;
    False if a colleague has it by now, or this caller has got another one."""
    return call_queue.take(
        session, one, now, now + LEASE, key=key, holder=caller.holder, holder_name=caller.name[:200]
    )


def give_out(deps: Deps, session: Session, caller: Caller, one: Invitation, now: datetime) -> bool:
    """Put this person's client into the caller's hands; False if somebody else was first."""
    return call_queue.take(
        session, one, now, now + LEASE, key=deps.dice.token()[:20], holder=caller.holder,
        holder_name=caller.name[:200],
    )  # fmt: skip


def shown(deps: Deps, caller: Caller, lease: CallLease | Held) -> str:
    """The value of a reservation for the page."""
    if isinstance(lease, Held):
        return lease.shown
    value = {"i": lease.invitation_id, "k": lease.key}
    return deps.signer.sign(_purpose(caller), value, lease.taken_at)


def opened(deps: Deps, caller: Caller, key: str, now: datetime) -> Sealed | None:
    """What a posted value says; nothing if it is forged, somebody else's, or older than two days."""
    if not key or not key.isascii():
        return None
    found = deps.signer.open(_purpose(caller), key, now, int(LATEST.total_seconds()))
    if found is None:
        return None
    return Sealed(int(found["i"]), str(found["k"]))


def keep(deps: Deps, caller: Caller, key: str) -> bool:
    """The page is still open: five minutes more from now. False: the client is not this caller's any more."""
    now = deps.clock.now()
    sealed = opened(deps, caller, key, now)
    if sealed is None:
        return False
    with transaction(deps.sessions) as session:
        return call_queue.keep(session, caller.portal_id, caller.holder, sealed.key, now + LEASE)


def give_back(deps: Deps, caller: Caller, key: str) -> bool:
    """The caller has no use for the client: the next one may have it at once. False: it was not in hand."""
    sealed = opened(deps, caller, key, deps.clock.now())
    if sealed is None:
        return False
    with transaction(deps.sessions) as session:
        return call_queue.give_back(session, caller.portal_id, caller.holder, sealed.key)


def _purpose(caller: Caller) -> str:
    return f"call:{caller.portal_id}:{caller.holder}"

"""Events about the application itself and about our fields (bitrix24.md 2.4 to 2.6, 6.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.protocol import Event, same_token
from integration.logs import log
from integration.services import access, states
from integration.services.deps import Deps
from integration.store import chores, inbox, portals
from integration.store.base import transaction
from integration.store.erased import digest, told
from integration.store.inbox import InboxRow, Receiver

CONFIRMED = timedelta(hours=1)  # a set-up that young needs no other because of an installation event
HINTS = timedelta(minutes=10)
# After answers that do not name the removal it is asked about again: the authorisation server may learn of it a
# little later. Only answers count, so that an outage uses up nothing; after `PATIENCE` nobody is asked any more.
CONFIRM_AGAIN = (timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=2))
PATIENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Again:
    """The event must be looked at again after a while; `payload` is what is kept of it until then."""

    after: timedelta
    payload: dict[str, Any]


def payload(event: Event) -> dict[str, Any]:
    """What is kept of a life-cycle event; never a token."""
    clean = str(event.data.get("CLEAN") or "0") in ("1", "Y", "true")
    return {"clean": clean, "version": str(event.data.get("VERSION") or "")[:20]}


def hinted(session: Session, found: Sequence[Receiver], event: Event, now: datetime) -> bool | None:
    """Keep an event that proves nothing and is heard all the same, because what it says is asked about first.

    `ONAPPPAYMENT` carries no application token at all (bitrix24.md 2.6): one look in ten minutes, False for further
    ones. A removal that we noticed before its event came, or heard another wish of: the token is gone by then, its
    digest is not. Nothing for any other event.
    """
    token = event.grant.application_token
    if event.name == "ONAPPPAYMENT" and not token:
        for one in (one for one in found if one.status in ("active", "suspended")):
            if inbox.heard_lately(session, one.portal_id, event.name, now - HINTS):
                return False
            inbox.store_lifecycle(session, one.portal_id, now, event.name, {})
            return True
    if event.name == "ONAPPUNINSTALL" and token:
        for one in (one for one in found if one.status == "uninstalled"):
            if _says_something_new(session, one, event, now):
                inbox.store_lifecycle(session, one.portal_id, now, event.name, payload(event))
                return True
    return None


def _says_something_new(session: Session, one: Receiver, event: Event, now: datetime) -> bool:
    """Whether a removal is told by who knows the token, and its wish is the first, or soon contradicts the first."""
    known, clean = digest(event.grant.application_token), bool(payload(event)["clean"])
    if same_token(one.farewell, known):
        return True
    portal = portals.get(session, one.portal_id)
    other = same_token(one.farewell, told(known, not clean))
    return other and portal is not None and states.may_contradict(portal, now)


def handle(deps: Deps, row: InboxRow) -> Again | None:
    """Do what the event means; when to look at it again, if need be. Raises `BitrixError`."""
    handler = HANDLERS.get(row.event) if row.kind == "portal" else _set_up
    return handler(deps, row) if handler is not None else None


def _set_up(deps: Deps, row: InboxRow) -> None:
    """Bindings are dropped at an update, fields may be gone: compare and complete."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        chores.schedule(session, row.portal_id, "setup", now)


def _installed(deps: Deps, row: InboxRow) -> None:
    """The event only confirms what the installer page has begun; without that, set-up begins now."""
    with transaction(deps.sessions) as session:
        portal = portals.get(session, row.portal_id)
    recent = deps.clock.now() - CONFIRMED
    if portal is not None and (portal.setup_at is None or portal.setup_at < recent):
        _set_up(deps, row)


def _payment(deps: Deps, row: InboxRow) -> None:
    """Somebody says that the payment has changed: ask. What the portal answers stores the state (product.md T1)."""
    try:
        access.PortalRest(deps, row.portal_id).call(calls.server_time())
    except Retryable:
        raise
    except BitrixError as error:
        log(__name__).info("portal.payment_looked_at", portal=row.portal_id, code=error.code)


def _uninstalled(deps: Deps, row: InboxRow) -> Again | None:
    clean, answers = bool(row.payload.get("clean")), int(row.payload.get("answers") or 0)
    try:
        verdict = access.removal(deps, row.portal_id)
    except Retryable:
        if deps.clock.now() - row.created_at < PATIENCE:
            raise
        verdict, answers = "unproven", len(CONFIRM_AGAIN)
    if verdict == "removed":
        states.uninstall(deps, row.portal_id, clean=clean)
    elif answers < len(CONFIRM_AGAIN):
        return Again(CONFIRM_AGAIN[answers], {**row.payload, "answers": answers + 1})
    else:
        log(__name__).warning("portal.uninstall_not_confirmed", portal=row.portal_id, verdict=verdict)
        if verdict == "unproven" and clean:
            states.doubt(deps, row.portal_id)
    return None


HANDLERS: dict[str, Callable[[Deps, InboxRow], Again | None]] = {
    "ONAPPINSTALL": _installed,
    "ONAPPUPDATE": _set_up,
    "ONAPPPAYMENT": _payment,
    "ONAPPUNINSTALL": _uninstalled,
}

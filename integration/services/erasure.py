"""What becomes of a portal's data when it is erased, and when it is installed again before that (product.md T1).

Erasing is done a slice at a time, so that a portal of a million cards holds nobody up; what stays is one line.
An installation within the seven days brings the data back only if an administrator says so: until then the
portal is `undecided`, and nothing is read, written or sent. Nobody says anything: they are erased at their date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.logs import log
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.states import order_set_up
from integration.store import chores, erased, overviews
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

SLICE = 5000  # rows of one transaction
SLICES = 20  # of one run of the chore


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is still there of an earlier installation. Moments are UTC: it was kept from `since` to `until` and goes
    by itself at `erase_after`; nothing there: the wish to erase it was heard at `until` and never proven, so nothing
    goes unless an administrator says so."""

    since: datetime
    until: datetime
    erase_after: datetime | None
    clients: int
    answers: int
    waves: tuple[str, ...]


def earlier(deps: Deps, portal_id: int) -> Earlier | None:
    """The data an administrator has to decide about; nothing if nobody has to."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        if portal is None or portal.status != "undecided":
            return None
        heard = portal.erase_wished_at if portal.erase_after is None else portal.removed_at
        clients, answers, waves = overviews.kept(session, portal_id)
        return Earlier(
            portal.installed_at,
            heard or portal.installed_at,
            portal.erase_after,
            clients,
            answers,
            waves,
        )


def keep(deps: Deps, portal_id: int) -> bool:
    """Call the erasing off: the portal goes on with what it had. False if there is nothing to decide any more."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.status != "undecided":
            return False
        if portal.erase_after is not None and portal.erase_after <= now:
            return False  # too late: a part may be gone already
        portal.status, portal.status_since = "active", now
        portal.erase_after = portal.erase_wished_at = None
        chores.close_all(session, portal_id, now)
        order_set_up(session, portal_id, now)
    log(__name__).info("portal.data_kept", portal=portal_id)
    return True


def start_anew(deps: Deps, portal_id: int) -> int | None:
    """Erase what was there at once and begin with nothing: gives the id the portal has from now on, or nothing if
    there is nothing to decide. The rows themselves go with the next runs of the worker."""
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.status != "undecided":
            return None
        fresh = _afresh(session, portal, deps.clock.now())
    log(__name__).info("portal.started_anew", portal=fresh, before=portal_id)
    return fresh


def _afresh(session: Session, portal: Portal, now: datetime) -> int:
    """The portal's connection under a new row; the old row keeps the data and waits for its end."""
    fresh = Portal(
        **{name: getattr(portal, name) for name in CONNECTION}, status="active", status_since=now, installed_at=now,
    )  # fmt: skip
    erased.step_aside(portal, now)
    chores.close_all(session, portal.id, now)
    chores.schedule(session, portal.id, "erase", now)
    session.flush()
    session.add(fresh)
    session.flush()
    order_set_up(session, fresh.id, now)
    return fresh.id


# What makes the connection; everything else of the row was learnt, and is learnt anew.
CONNECTION = (
    "member_id", "client_id", "client_secret", "kind", "domain", "endpoint", "oauth_origin", "application_token",
    "access_token", "refresh_token", "token_expires_at", "token_version", "token_user_id", "spare_refresh_token",
    "spare_user_id", "spare_at", "scope", "language",
)  # fmt: skip


def erase(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore: erase an uninstalled portal's data at the date of the administrator's wish, whatever their number."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.erase_after is None:
        return Outcome()
    if now < portal.erase_after:
        return Outcome(portal.erase_after, {})
    if portal.status == "undecided":  # nobody called it off
        start_anew(deps, portal_id)
        return Outcome()
    for _ in range(SLICES):
        if _slice(deps, portal_id, "uninstalled"):
            return Outcome()
    return Outcome(now, {})


def wipe(deps: Deps, portal_id: int, why: str) -> bool:
    """Erase a portal whole, now; False if there is none. `why`: as `store.erased.ErasedPortal` has it."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None:
        return False
    with transaction(deps.sessions) as session:  # nothing is done for it from here on
        row = rows.locked(session, portal_id)
        if row is not None:
            row.status = "uninstalled"
            erased.forget_access(row)
            chores.close_all(session, portal_id, deps.clock.now())
    while not _slice(deps, portal_id, why):
        pass
    return True


def lines(deps: Deps) -> list[dict[str, Any]]:
    """The lines that are left of erased portals, for the operator, oldest first."""
    with reading(deps.sessions) as session:
        return [
            {"member": one.member, "domain": one.domain, "why": one.why, "erased_at": one.erased_at}
            for one in erased.everyone(session)
        ]


def _slice(deps: Deps, portal_id: int, why: str) -> bool:
    """Delete some rows; True when the portal itself was the last. An installation meanwhile stops it."""
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.status != "uninstalled":
            return True
        if erased.drop_some(session, portal, SLICE):
            return False
        erased.bury(session, portal, why, deps.clock.now())
    log(__name__).info("portal.erased", portal=portal_id, why=why)
    return True

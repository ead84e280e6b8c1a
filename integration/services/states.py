"""The states of a portal and what each change of state brings with it (product.md T1).

`active` works; `suspended` waits for the portal's REST access to come back and asks now and then;
`reauthorise` waits for an administrator to open the application; `uninstalled` has no tokens any more.
"""

from __future__ import annotations

from datetime import timedelta

from integration.logs import log
from integration.services.deps import Deps
from integration.store import chores, portals
from integration.store.base import transaction

PROBE = timedelta(hours=1)
ERASE_AFTER = timedelta(days=7)


def suspend(deps: Deps, portal_id: int, code: str) -> None:
    """REST has lapsed: keep everything, ask again each hour; work resumes by itself at the next success."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None or portal.status != "active":
            return
        portal.status, portal.status_since, portal.problem = "suspended", now, code.lower()[:200]
        chores.schedule(session, portal_id, "probe", now, now + PROBE)
    log(__name__).warning("portal.suspended", portal=portal_id, code=code)


def resume(deps: Deps, portal_id: int) -> None:
    """REST answers again: go on, and catch up with what was missed."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None or portal.status != "suspended":
            return
        portal.status, portal.status_since, portal.problem = "active", now, ""
        chores.hasten(session, portal_id, ("setup", "reconcile"), now)
    log(__name__).info("portal.resumed", portal=portal_id)


def lose(deps: Deps, portal_id: int, code: str, problem: str) -> None:
    """The tokens are dead: an administrator has to open the application once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None or portal.status in ("reauthorise", "uninstalled"):
            return
        portal.status, portal.status_since = "reauthorise", now
        portal.problem = f"{problem}:{code.lower()}"[:200]
    log(__name__).warning("portal.access_lost", portal=portal_id, code=code)


def note(deps: Deps, portal_id: int, problem: str) -> None:
    """Keep what is wrong for people to see, without stopping the portal's work."""
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is not None and portal.problem != problem[:200]:
            portal.problem = problem[:200]
            log(__name__).warning("portal.problem", portal=portal_id, problem=problem)


def uninstall(deps: Deps, portal_id: int, *, clean: bool) -> None:
    """The application is gone from the portal: tokens at once, data after seven days if that was the wish."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None:
            return
        portal.status, portal.status_since, portal.problem = "uninstalled", now, ""
        portal.access_token = portal.refresh_token = portal.application_token = None
        portal.refreshing_until = None
        portal.token_version += 1
        chores.close_all(session, portal_id, now)
        if clean:
            chores.schedule(session, portal_id, "erase", now, now + ERASE_AFTER)
    log(__name__).info("portal.uninstalled", portal=portal_id, erase=clean)

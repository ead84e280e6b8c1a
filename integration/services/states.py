"""The states of a portal and what each change of state brings with it (product.md T1).

`active` works; `suspended` waits for the portal's REST access to come back and asks now and then;
`reauthorise` waits for an administrator to open the application, or for keys of ours that are taken again;
`uninstalled` has no tokens any more; `undecided` was installed again while its data were to be erased, or perhaps
were, and waits for an administrator to say what becomes of them (`services.erasure`). Only an active portal sends
or writes anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.logs import log
from integration.nps.diagnosis import OUR_KEYS
from integration.services.deps import Deps
from integration.store import chores, erased, portals
from integration.store.base import transaction
from integration.store.portals import Portal

PROBE = timedelta(hours=1)
ERASE_AFTER = timedelta(days=7)
SECOND_WORD = timedelta(days=1)  # after a removal another wish is still listened to


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
    if _back_to_work(deps, portal_id, "suspended"):
        log(__name__).info("portal.resumed", portal=portal_id)


def regain(deps: Deps, portal_id: int) -> None:
    """The tokens of a portal that waited for its administrator are good again: go on, and catch up."""
    if _back_to_work(deps, portal_id, "reauthorise"):
        log(__name__).info("portal.regained", portal=portal_id)


def _back_to_work(deps: Deps, portal_id: int, was: str) -> bool:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None or portal.status != was:
            return False
        portal.status, portal.status_since, portal.problem = "active", now, ""
        chores.hasten(session, portal_id, ("setup", "reconcile"), now)
    return True


def lose(deps: Deps, portal_id: int, code: str, problem: str) -> None:
    """The tokens are dead: an administrator has to open the application once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None or portal.status in ("reauthorise", "uninstalled", "undecided"):
            return
        portal.status, portal.status_since = "reauthorise", now
        portal.problem = f"{problem}:{code.lower()}"[:200]
        if code.lower() in OUR_KEYS:  # the operator's affair: once it is mended nobody in the portal need act
            chores.schedule(session, portal_id, "probe", now, now + PROBE)
    log(__name__).warning("portal.access_lost", portal=portal_id, code=code)


def order_set_up(session: Session, portal_id: int, now: datetime) -> None:
    """Order set-up and the first synchronisation, in the caller's transaction."""
    chores.schedule(session, portal_id, "setup", now)
    chores.schedule(session, portal_id, "first_sync", now)


def note(deps: Deps, portal_id: int, problem: str) -> None:
    """Keep what is wrong for people to see, without stopping the portal's work."""
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is not None and portal.problem != problem[:200]:
            portal.problem = problem[:200]
            log(__name__).warning("portal.problem", portal=portal_id, problem=problem)


def uninstall(deps: Deps, portal_id: int, *, clean: bool | None) -> None:
    """The application is gone from the portal: tokens at once, data after seven days if that was the wish.

    `clean`: the wish that the administrator ticked in the portal's dialog; nothing when we have noticed the removal
    ourselves and the event that tells it has not come (yet). The first wish heard of a removal stands, unless another
    one soon says the opposite: whoever knows the application's token may have sent either, so nothing is erased and
    the next administrator is asked (docs/adr/0009).
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None:
            return
        if portal.status != "uninstalled":
            _remove(session, portal, now)
        elif clean is None or not portal.farewell:
            return
        elif (heard := erased.wish_in(portal.farewell)) is not None:
            if clean != heard:
                _contradicted(portal, now)
            return
        if clean is not None and portal.farewell:
            portal.farewell = erased.told(portal.farewell, clean)
        if clean and portal.erase_after is None:
            portal.erase_after, portal.erase_wished_at = now + ERASE_AFTER, None
        if portal.erase_after is not None:  # an earlier wish that nobody has called off stands as well
            chores.schedule(session, portal_id, "erase", now, portal.erase_after)
    log(__name__).info("portal.uninstalled", portal=portal_id, erase=clean, noticed=clean is None)


def doubt(deps: Deps, portal_id: int) -> None:
    """Somebody who knows the application's token says that it was removed with the wish to erase everything; the
    portal's tokens are dead, but nobody names a removal. Nothing is erased: the wish is kept as a question for the
    administrator who opens or installs the application next (`undecided`, docs/adr/0009)."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portals.locked(session, portal_id)
        if portal is None or portal.status == "uninstalled" or portal.erase_after is not None:
            return
        portal.erase_wished_at = portal.erase_wished_at or now
    log(__name__).warning("portal.removal_unproven", portal=portal_id)


def may_contradict(portal: Portal, now: datetime) -> bool:
    """Whether another wish of a removal is still listened to."""
    return portal.status_since is not None and now - portal.status_since <= SECOND_WORD


def _contradicted(portal: Portal, now: datetime) -> None:
    """Two wishes of one removal, to erase and to keep: which one is the administrator's is theirs to say. A wish of an
    earlier removal, which nobody has called off, stands."""
    portal.farewell = ""
    removed = portal.status_since or now
    if portal.erase_after is None or portal.erase_after >= removed + ERASE_AFTER:
        portal.erase_after, portal.erase_wished_at = None, now
        log(__name__).warning("portal.removal_contradicted", portal=portal.id)


def _remove(session: Session, portal: Portal, now: datetime) -> None:
    if portal.status != "undecided":  # there the data end where they ended before
        portal.removed_at = now
    portal.status, portal.status_since, portal.problem = "uninstalled", now, ""
    portal.farewell = erased.digest(portal.application_token) if portal.application_token else ""
    erased.forget_access(portal)
    chores.close_all(session, portal.id, now)

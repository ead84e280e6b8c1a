"""The rights of whoever has opened a page, from the settings and the portal's people (product.md P2).

Nothing is asked of the portal: that the person is who they say, and an administrator or not, was proven when
the frame was opened and travels in the signed value.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from integration.nps.people import Team
from integration.nps.rights import Rights, rights_of
from integration.services import policies
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.store import reports
from integration.store.base import reading
from integration.store.policies import leads

__all__ = ["Rights", "in_records", "name_of", "of", "read", "recorded_as"]

LONGEST_NAME = 180  # characters


def of(session: Session, portal_id: int, who: Viewer) -> Rights:
    """What this viewer may see and do in the portal. Raises `LookupError` for an unknown portal, or a viewer of
    another one.
    """
    if who.portal_id != portal_id:
        raise LookupError("a viewer of another portal")
    policy, _ = policies.load(session, portal_id)
    sees_all = who.administrator or who.user_id == policy.head_user_id
    needs_team = not sees_all and leads(session, portal_id, who.user_id)
    team = policies.team(session, portal_id) if needs_team else Team()
    return rights_of(who.user_id, who.administrator, policy, team)


def read(deps: Deps, who: Viewer) -> Rights:
    """The same in a transaction of its own; raises `LookupError` if the portal is gone."""
    with reading(deps.sessions) as session:
        return of(session, who.portal_id, who)


def name_of(session: Session, portal_id: int, user_id: int) -> str:
    """How somebody who acts is recorded: full name and the portal's number, e.g. "Ada Head (12)"; at most
    `LONGEST_NAME` characters of the name, so that it fits wherever acts are kept."""
    return in_records(reports.names(session, portal_id, [user_id]).get(user_id, ""), user_id)


def in_records(name: str, user_id: int) -> str:
    """`name_of` where the full name is known; empty: it is not."""
    name = name[:LONGEST_NAME].strip()
    return f"{name} ({user_id})" if name else f"#{user_id}"


def recorded_as(deps: Deps, who: Viewer) -> str:
    """How the viewer's own acts are recorded; see `name_of`."""
    with reading(deps.sessions) as session:
        return name_of(session, who.portal_id, who.user_id)

"""Everything the main page shows, read in one transaction for one viewer (product.md P1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.policy import Policy
from integration.nps.rights import Rights
from integration.services import decisions, first_run, policies, reports, rights
from integration.services.decisions import Todo
from integration.services.deps import Deps
from integration.services.first_run import FirstRun
from integration.services.frames import Viewer
from integration.services.report_types import Overview
from integration.store import todo
from integration.store.base import reading
from integration.store.portals import Portal


@dataclass(frozen=True, slots=True)
class MainPage:
    """What the main page shows. Moments are UTC. `synced_at`: the clients have been read for the first time, None
    until then; `first_run`: the first steps as long as they have to be gone through, None once that is over: all
    done, ended by somebody, or a survey approved (product.md P7).
    """

    rights: Rights
    domain: str
    time_zone: str
    synced_at: datetime | None
    first_run: FirstRun | None
    min_group: int
    overview: Overview
    todo: Todo


def read(deps: Deps, who: Viewer) -> MainPage:
    """The main page of this viewer. Raises `LookupError` if the portal is gone."""
    with reading(deps.sessions) as session:
        portal = session.get(Portal, who.portal_id)
        if portal is None:
            raise LookupError("no such portal")
        mine = rights.of(session, portal.id, who)
        policy, _ = policies.load(session, portal.id)
        seen = reports.overview(session, portal, mine, deps.clock.now())
        return MainPage(
            rights=mine, domain=portal.domain, time_zone=_zone(portal, policy), synced_at=portal.synced_at,
            first_run=_first_run(session, portal), min_group=policy.min_group, overview=seen,
            todo=decisions.find(deps, session, portal, policy, mine, seen.scope),
        )  # fmt: skip


def _first_run(session: Session, portal: Portal) -> FirstRun | None:
    found = first_run.state(session, portal.id)
    over = found.finished or found.done == len(found.steps) or todo.ever_approved(session, portal.id)
    return None if over else found


def _zone(portal: Portal, policy: Policy) -> str:
    return policy.time_zone or portal.time_zone

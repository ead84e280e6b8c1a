"""A wish to ask a client about a project, from its beginning to its end (product.md W16).

Each step is one transaction with all it causes: a process may die anywhere, and two workers may run.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from integration.logs import log
from integration.nps import projects as rules
from integration.nps.projects import SkipReason, Source
from integration.services import policies
from integration.services.projects import telling
from integration.store import project_runs as rows
from integration.store.project_runs import ProjectRun

__all__ = ["Source", "end", "skip", "start"]

_log = log(__name__)


def start(
    session: Session,
    portal_id: int,
    *,
    deal_id: int,
    source: Source,
    key: str,
    started_by: str,
    due_at: datetime,
    now: datetime,
    event_token: str = "",
    waits: bool = False,
) -> ProjectRun:
    """Note that the client of a deal is to be asked from `due_at` on; the same key again is the same run.

    `key`: at most 120 characters, unique in the portal, e.g. `robot:<event token's digest>`; `started_by`: the name of
    a person, or what of the portal's automation it was. `event_token`, `waits`: of a robot, and whether it waits to be
    told. `now`: when it came about, UTC. In the caller's transaction; nobody is asked before its commit.

    More than `nps.projects.CROWD` by stages and robots within an hour wait for a person, all of them.
    """
    policy, _ = policies.load(session, portal_id)
    run, made = rows.add(
        session, portal_id, key[:120], source=source, deal_id=deal_id, started_at=now,
        started_by=started_by[:200], due_at=due_at if policy.project_surveys else now, status=rows.NEW,
        reason="", event_token=event_token or None, waits=waits,
    )  # fmt: skip
    if not made or source not in rows.SENT_BY_RULES or not policy.project_surveys:
        return run
    crowd = rows.crowd(session, portal_id, now, rules.CROWD, rules.CROWD_WITHIN)
    if crowd:
        since, until = crowd[-1] - rules.CROWD_WITHIN, crowd[0] + rules.CROWD_WITHIN
        held = rows.hold_back(session, portal_id, since, until, rules.MANY)
        _log.warning("projects.many", portal=portal_id, runs=held)
        session.refresh(run)
    return run


def skip(session: Session, run: ProjectRun, reason: SkipReason, now: datetime) -> None:
    """Nobody is asked, for this reason; a robot that waits is told so."""
    run.status, run.reason, run.due_at = rows.SKIPPED, reason, None
    _tell(session, run, now)


def end(session: Session, run: ProjectRun, now: datetime) -> None:
    """The person has an outcome; a robot that waits is told what came of it."""
    run.status, run.reason, run.due_at = rows.OVER, "", None
    _tell(session, run, now)


def _tell(session: Session, run: ProjectRun, now: datetime) -> None:
    """Once, with the commit of the end itself."""
    telling.tell(session, run, now)

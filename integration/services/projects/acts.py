"""What people decide about surveys after projects: ask now, let through, cancel, judge a held answer (product.md W16).

Everything is recorded with the employee's name; doing the same twice does it once.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.nps import projects as rules
from integration.nps.people import ClientKey
from integration.nps.projects import SkipReason
from integration.nps.rights import Rights
from integration.services import corrections, policies, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.projects import asking, facts, runs
from integration.services.projects.page import may_start, seen_by
from integration.services.wave_line_acts import not_by_its_own
from integration.services.waves_errors import WaveError
from integration.store import answers, project_pages
from integration.store import project_runs as rows
from integration.store.base import reading, transaction
from integration.store.clients import Deal

Did = Literal[
    "asked", "waits", "skipped", "let_through", "dropped", "cancelled", "confirmed", "rejected", "nothing", "off",
    "no_deal", "not_yours", "own_client", "changed_meanwhile", "over",
]  # fmt: skip
CANCELLED: SkipReason = "cancelled"


def ask_now(deps: Deps, who: Viewer, deal_id: int, once: str) -> tuple[Did, str]:
    """Ask the client of a deal at once; what came of it, with the reason where nobody is asked.

    `once`: of the form, so that a second click is the same wish. `waits`: Bitrix24 is busy, the worker does it.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        mine, _ = seen_by(session, who)
        if not may_start(mine):
            return "not_yours", ""
        deal = session.get(Deal, (who.portal_id, deal_id))
        if deal is None or deal.deleted_at is not None or not once:
            return "no_deal", ""
        if not _sees(session, who, mine, deal_id):
            return "not_yours", ""
        if not policies.load(session, who.portal_id)[0].project_surveys:
            return "off", ""
        author = rights.name_of(session, who.portal_id, who.user_id)
        run = runs.start(
            session, who.portal_id, deal_id=deal_id, source="hand", key=f"hand:{deal_id}:{once}"[:120],
            started_by=author, due_at=now, now=now,
        )  # fmt: skip
        number = run.id
    try:
        asking.ask_one(
            deps, who.portal_id, number, facts.ask_portal(deps, who.portal_id, [run], interactive=True)
        )
    except BitrixError:
        return "waits", ""
    with reading(deps.sessions) as session:
        found = project_pages.one(session, who.portal_id, number)
        if found is None or found.run.status == rows.NEW:
            return "waits", found.run.reason if found else ""
        return ("skipped", found.run.reason) if found.run.status == rows.SKIPPED else ("asked", "")


def settle_many(deps: Deps, who: Viewer, *, let_through: bool) -> tuple[Did, int]:
    """Decide about the runs that wait because there were too many at once: ask them all, or none of them."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).may_run_waves:
            return "not_yours", 0
        found = rows.waiting(session, who.portal_id, rules.MANY)
        for run in found:
            if let_through:
                run.reason, run.due_at = rows.RELEASED, now
            else:
                runs.skip(session, run, CANCELLED, now)
        if not found:
            return "nothing", 0
        return ("let_through" if let_through else "dropped"), len(found)


def cancel(deps: Deps, who: Viewer, run_id: int) -> Did:
    """Ask nobody, or write no further letter; an answer that was given stays. Twice is once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).may_run_waves:
            return "not_yours"
        run = rows.one(session, who.portal_id, run_id)
        if run is None:
            return "nothing"
        if run.status == rows.NEW:
            runs.skip(session, run, CANCELLED, now)
            return "cancelled"
        if run.status != rows.ASKED or run.invitation_id is None:
            return "cancelled" if run.reason == CANCELLED else "over"
        found = answers.asked(session, who.portal_id, run.invitation_id, lock=True)
        if found is None or found.invitation.outcome:
            return "over"
        one = found.invitation
        author = rights.name_of(session, who.portal_id, who.user_id)
        one.outcome, one.outcome_at, one.due_at = "closed_early", now, None
        one.outcome_detail = {"who": author, "why": CANCELLED, "touches": sorted(one.touches)}
        answers.cancel_letters(session, who.portal_id, now, invitation_id=one.id)
        if one.touches:
            runs.end(session, run, now)
        else:
            runs.skip(session, run, CANCELLED, now)
        return "cancelled"


def judge(deps: Deps, who: Viewer, run_id: int, *, counts: bool, seen: int) -> Did:
    """Let a held answer count, or say that the person did not give it (product.md S1, W10)."""
    with reading(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).may_run_waves:
            return "not_yours"
        found = project_pages.one(session, who.portal_id, run_id)
        author = rights.name_of(session, who.portal_id, who.user_id)
        if found is None or found.response is None or found.key is None:
            return "nothing"
        client, response = found.key, found.response
        try:
            not_by_its_own(session, who, client, found.manager_id, found.city)
        except WaveError:
            return "own_client"
        except PermissionError:
            return "not_yours"
    judging = corrections.confirm if counts else corrections.turn_down
    done = judging(deps, who.portal_id, client, response.id, seen=seen, who=author)
    if done != "done":
        return "changed_meanwhile"
    return "confirmed" if counts else "rejected"


def _sees(session: Session, who: Viewer, mine: Rights, deal_id: int) -> bool:
    """Whether the viewer sees the client of a deal."""
    if mine.may_run_waves:
        return True
    deal = session.get_one(Deal, (who.portal_id, deal_id))
    if not deal.client_kind:
        return mine.sees(deal.assigned_by)
    key: ClientKey = facts.client_of(deal)
    manager, city = project_pages.manager_and_city(session, who.portal_id, key)
    return mine.sees(manager or deal.assigned_by, city)

"""Runs that are due: who is asked now, who is not and why, who has answered (product.md W16).

What only the portal knows is read first; then each run is one transaction, which holds its row: two workers never
ask twice, and a process that dies leaves the run as it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError, Retryable
from integration.logs import log
from integration.nps import projects as rules
from integration.nps.eligibility import Respondent, manager_of
from integration.nps.people import ClientFacts
from integration.nps.policy import Policy
from integration.nps.relation import client_since
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.deps import Deps
from integration.services.letter_drafts import calendar_for
from integration.services.projects import facts, runs
from integration.services.projects.facts import Said
from integration.services.projects.switch import turned_on
from integration.services.turns import in_turn
from integration.services.waves_people import History
from integration.services.waves_respondents import Freeze, People
from integration.store import policies as policy_rows
from integration.store import project_runs as rows
from integration.store import wave_queries
from integration.store.base import reading, transaction
from integration.store.clients import Deal
from integration.store.portals import Portal
from integration.store.project_runs import ProjectRun
from integration.store.waves import Invitation, Wave, WaveClient

MOST = 20  # runs in one turn of a portal
AN_HOUR = timedelta(hours=1)
A_LOOK = timedelta(minutes=5)  # until a deal that a robot named may have been read
UNASKED = "project"  # why the announcement is left out: there is none

_log = log(__name__)


def advance_due(deps: Deps) -> bool:
    """One turn for each portal with runs that are due or have come to their end; True if there were any."""

    def due() -> list[int]:
        with reading(deps.sessions) as session:
            return rows.portals_with_work(session, deps.clock.now())

    return in_turn(due, partial(_turn, deps))


def waits(deps: Deps) -> bool:
    """Whether a worker has anything to do here: a cheap look."""
    with reading(deps.sessions) as session:
        return bool(rows.portals_with_work(session, deps.clock.now()))


def _turn(deps: Deps, portal_id: int) -> bool:
    ended = _end(deps, portal_id)
    with reading(deps.sessions) as session:
        due = rows.due(session, portal_id, deps.clock.now(), MOST)
    if not due:
        return ended
    try:
        said = facts.ask_portal(deps, portal_id, due)
    except BitrixError as error:
        _later(deps, due, error)
        return True
    for run in due:
        try:
            ask_one(deps, portal_id, run.id, said)
        except Exception:  # a fault of ours with one deal keeps nobody else waiting
            _log.exception("project.failed", portal=portal_id, run=run.id)
            _put_off(deps, portal_id, run.id, AN_HOUR)
    return True


def _end(deps: Deps, portal_id: int) -> bool:
    """Runs whose person has an outcome."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = rows.ended(session, portal_id, MOST)
        for run in found:
            runs.end(session, run, now)
        return bool(found)


def ask_one(deps: Deps, portal_id: int, run_id: int, said: Said) -> None:
    """One run: a question is put into the wave machine's hands, or nobody is asked, in one transaction."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        run = rows.one(session, portal_id, run_id, wait=False)
        if run is None or run.status != rows.NEW or run.due_at is None or run.due_at > now:
            return
        if _unread(session, run, now):
            run.due_at = now + A_LOOK
            return
        portal = session.get_one(Portal, portal_id)
        policy, version = policies.ensure_stored(session, portal_id, deps)
        today = local_day(now, zone_named(policy.time_zone))
        occasion = facts.occasion(session, portal, policy, run, said, now)
        verdict = rules.decide(occasion, policy, today, now)
        if isinstance(verdict, rules.Skip):
            runs.skip(session, run, verdict.reason, now)
        elif occasion.client is not None:
            _ask(deps, session, portal, (policy, version), run, occasion.client, verdict.respondent, now)


def _unread(session: Session, run: ProjectRun, now: datetime) -> bool:
    """Whether a robot has named a deal that is too new to be known here: with many events waiting it comes later."""
    return (
        run.source == "robot"
        and now < run.started_at + AN_HOUR
        and session.get(Deal, (run.portal_id, run.deal_id)) is None
    )


def _ask(
    deps: Deps,
    session: Session,
    portal: Portal,
    rules_of: tuple[Policy, int],
    run: ProjectRun,
    client: ClientFacts,
    who: Respondent,
    now: datetime,
) -> None:
    """The row of the month, the client's line, the invitation, and the run that now waits for its outcome."""
    policy, version = rules_of
    deal = session.get_one(Deal, (portal.id, run.deal_id))
    calendar = calendar_for(portal, policy, now).letters
    today = local_day(now, zone_named(policy.time_zone))
    plan = rules.own_plan(today, policy, calendar)
    wave = _month(session, portal, policy, version, client, now)
    if wave is None:
        runs.skip(session, run, "asked_recently", now)
        return
    line = _line(portal, wave, deal, client, policy)
    session.add(line)
    session.flush()
    values = _people(deps, session, portal, wave, policy, now).invited(line, line.manager_id, who)
    if not values["sender_key"]:
        _nobody_signs(session, run, line, now)
        return
    invitation = Invitation(**values, own_plan=plan.to_json(), skipped={"announcement": UNASKED}, due_at=now)
    session.add(invitation)
    session.flush()
    run.status, run.reason, run.due_at = rows.ASKED, "", None
    run.wave_id, run.invitation_id = wave.id, invitation.id
    ends = plan.moment(plan.closing, calendar)
    wave.step_due_at = max(ends, wave.step_due_at) if wave.step_due_at else ends
    wave_queries.note(session, wave, now, "project_asked", run.started_by, f"{client.key} deal:{deal.id}")


def _nobody_signs(session: Session, run: ProjectRun, line: WaveClient, now: datetime) -> None:
    """Without a sender nobody is asked yet; people have to act first, and for a while there is time to (W5)."""
    session.delete(line)
    if now > run.started_at + rules.PATIENCE:
        runs.skip(session, run, "no_sender", now)
    else:
        run.reason, run.due_at = rules.NO_SENDER, now + AN_HOUR


def _month(
    session: Session, portal: Portal, policy: Policy, version: int, client: ClientFacts, now: datetime
) -> Wave | None:
    """The surveys of this month, held; made by the first one. The letters follow the settings of today."""
    day = local_day(now, zone_named(policy.time_zone))
    name = rows.wave_of_month(session, portal.id, rules.month_names(day), client.key)
    if name is None:
        return None
    approved = turned_on(session, portal.id)
    calendar = calendar_for(portal, policy, now).letters
    wave_queries.add_wave(
        session, portal.id, name, kind=rules.KIND, policy_version=version, planned_at=now, frozen_at=now,
        plan=rules.month_plan(day, policy, calendar).to_json(), approved_at=now,
        approved_by=approved.approval if approved else "settings: molva",
    )  # fmt: skip
    wave = rows.wave_named(session, portal.id, name)
    if wave is None:
        raise LookupError(f"no surveys of {name}")
    wave.stage, wave.policy_version = "mailing", version
    return wave


def _line(portal: Portal, wave: Wave, deal: Deal, client: ClientFacts, policy: Policy) -> WaveClient:
    """The client as it stands today. Whoever is responsible for the deal is judged (product.md W20)."""
    since = client_since(client, policy)
    through = next((one for one in client.deals if one.id == deal.id), None)
    return WaveClient(
        portal_id=portal.id, wave_id=wave.id, client_kind=client.key.kind, client_id=client.key.id,
        name=client.name[:500], city=client.city[:200], eligible=True, reason="", reason_detail="",
        since=since.day if since else None, since_source=since.source if since else "none", deal_id=deal.id,
        deal_ids=[], manager_id=deal.assigned_by or manager_of(client, through), salesperson_id=client.sales,
    )  # fmt: skip


def _people(
    deps: Deps, session: Session, portal: Portal, wave: Wave, policy: Policy, now: datetime
) -> People:
    """Who makes rows of invitations, with what it needs for one person."""
    zone = zone_named(policy.time_zone)
    work = Freeze(wave.id, portal.id, policy, zone, portal.currency, local_day(now, zone))
    zones = {number: row.time_zone for number, row in policy_rows.staff(session, portal.id).items()}
    nobody = History(frozenset(), {}, (), frozenset())
    return People(
        deps, work, False, policies.team(session, portal.id), zones, nobody, {}, {}, set()
    )  # fmt: skip


def _later(deps: Deps, due: list[ProjectRun], error: BitrixError) -> None:
    """The portal cannot be asked now: all of them wait."""
    after = error.after if isinstance(error, Retryable) and error.after else None
    wait = (
        timedelta(seconds=after)
        if after
        else timedelta(minutes=5)
        if isinstance(error, Retryable)
        else AN_HOUR
    )
    _log.warning("projects.wait", portal=due[0].portal_id, code=str(error), runs=len(due))
    for run in due:
        _put_off(deps, run.portal_id, run.id, wait)


def _put_off(deps: Deps, portal_id: int, run_id: int, wait: timedelta) -> None:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        run = rows.one(session, portal_id, run_id, wait=False)
        if run is not None and run.status == rows.NEW and run.due_at is not None:
            run.due_at = now + wait

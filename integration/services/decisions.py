"""What needs a person today, the most urgent first, for those who can settle it (product.md P1, W2, B4, F4).

Codes and values; the words and the way out are the page's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.nps import projects, signers
from integration.nps.followups import CRITICAL
from integration.nps.letters import LetterProblem, pick_sender
from integration.nps.people import Group
from integration.nps.policy import Policy
from integration.nps.rights import Rights
from integration.nps.scoring import SCALE, group
from integration.nps.workdays import local_day, zone_named
from integration.services import colleagues, mailboxes, policies, waves_checks
from integration.services.deps import Deps
from integration.services.referral_lines import scope_of
from integration.services.reply_page import waiting as replies_waiting
from integration.services.reports import plan_in
from integration.store import (
    chores,
    direct_lines,
    overviews,
    project_pages,
    referral_lists,
    referral_thanks,
    reports,
    todo,
    wave_lists,
    wave_queries,
)
from integration.store.followups import FollowUp
from integration.store.portals import Portal
from integration.store.reports import Scope
from integration.store.waves import Wave

WORKER_SILENCE = timedelta(minutes=3)
SOON = timedelta(days=7)  # follow-ups shown before they are due
SHOWN = 8  # follow-ups shown at once
NO_ERRORS = "no errors"  # how a clean rehearsal signs the wave's audit trail

Tone = Literal["danger", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Something a person has to settle. `count`: how many; `wave_id`: in which wave; `settings`: only an
    administrator can. Kinds: `worker`, `setup`, `letters_unknown`, `letters_buried`, `calls_buried`, `no_sender`,
    `no_mail`, `thanks`, `making_failed`, `rehearse`, `rehearsal_errors`, `approve`, `plan_is_past`, `paused`, `held`,
    `replies`, `colleague`, `direct`, `mailbox`, `project_many`, `project_held`, `signer_left`, `nobody_signs`.
    """

    kind: str
    tone: Tone
    count: int = 0
    wave_id: int | None = None
    settings: bool = False
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """One follow-up for people: whose, about whom, by when (UTC), and the words. `task_id`: its task in the
    portal, None until the portal has made it; `critical`: somebody's service was criticised.
    """

    id: int
    kind: str
    client_kind: str
    client_id: int
    client: str
    person: str
    score: int | None
    group: Group | None
    comment: str
    owner: str
    mine: bool
    deadline: datetime
    overdue: bool
    critical: bool
    task_id: int | None


@dataclass(frozen=True, slots=True)
class Todo:
    """Everything that waits: decisions, and follow-ups that are overdue or due within a week."""

    decisions: tuple[Decision, ...]
    tasks: tuple[Task, ...]
    overdue: int
    due: int

    @property
    def more(self) -> int:
        """Follow-ups that are not shown."""
        return self.overdue + self.due - len(self.tasks)


def find(deps: Deps, session: Session, portal: Portal, policy: Policy, rights: Rights, scope: Scope) -> Todo:
    """What waits for this viewer: follow-ups of the clients they see, and decisions they can take."""
    now = deps.clock.now()
    decisions: list[Decision] = []
    if rights.sees_all:
        decisions += _plant(deps, session, portal, policy, now)
        if messages := direct_lines.count_unsettled(session, portal.id):
            decisions.append(Decision("direct", "warn", messages))
    if rights.may_run_waves:
        held = todo.held_count(session, portal.id)
        decisions += [Decision("held", "warn", count, wave_id) for wave_id, count in sorted(held.items())]
        if many := project_pages.held_back(session, portal.id, projects.MANY):
            decisions.append(Decision("project_many", "warn", many))
        if unsure := project_pages.held(session, portal.id):
            decisions.append(Decision("project_held", "warn", unsure))
        for wave in todo.unfinished_waves(session, portal.id):
            decisions += _of_wave(session, wave, now)
            decisions += _signers(session, wave, policy)
            if named := colleagues.open_for(session, portal.id, wave.id):
                decisions.append(Decision("colleague", "info", named, wave.id, params={"wave": wave.name}))
    if rights.sees_clients and (thanks := _thanks(session, portal, rights)):
        decisions.append(Decision("thanks", "info", thanks))
    if replies := replies_waiting(session, portal.id, rights):
        decisions.append(Decision("replies", "warn", replies))
    tasks, overdue, due = _tasks(session, portal, rights, scope, now)
    order = {"danger": 0, "warn": 1, "info": 2}
    return Todo(tuple(sorted(decisions, key=lambda one: order[one.tone])), tuple(tasks), overdue, due)


def _plant(deps: Deps, session: Session, portal: Portal, policy: Policy, now: datetime) -> list[Decision]:
    """Things that keep the machine from working."""
    found: list[Decision] = []
    seen = chores.last_beat(session)
    if seen is None or now - seen > WORKER_SILENCE:
        found.append(Decision("worker", "danger"))
    if portal.problem:
        found.append(Decision("setup", "warn", settings=True, params={"problem": portal.problem}))
    stuck = overviews.stuck(session, portal.id)
    for kind, tone, name in (
        ("letters_unknown", "danger", "unknown"), ("letters_buried", "warn", "buried"),
        ("calls_buried", "warn", "outbox"),
    ):  # fmt: skip
        if stuck[name]:
            found.append(Decision(kind, "danger" if tone == "danger" else "warn", stuck[name], settings=True))
    if not policy.senders:
        found.append(Decision("no_sender", "warn", settings=True))
    keys = [sender.key for sender in policy.senders]
    lacking = mailboxes.lacking(session, portal.id, policy, keys, deps.mailer.ready)
    if "no_way" in lacking.values() or (not keys and not deps.mailer.ready):
        found.append(Decision("no_mail", "warn"))
    for key in keys:
        if lacking.get(key) in ("login_refused", "never_checked"):
            found.append(Decision("mailbox", "danger", settings=True, params={"name": _name_of(policy, key)}))
    return found


def _name_of(policy: Policy, key: str) -> str:
    sender = policy.sender(key)
    return sender.name if sender is not None else ""


def _of_wave(session: Session, wave: Wave, now: datetime) -> list[Decision]:
    """What a wave waits for."""
    plan = plan_in(wave)
    if wave.stage == "paused":
        return [Decision("paused", "warn", wave_id=wave.id, params={"wave": wave.name})]
    if wave.approved_by or plan is None or wave.stage not in ("draft", "rehearsed"):
        return []
    params: dict[str, Any] = {"wave": wave.name, "announce": plan.announce, "start": plan.start}
    if local_day(now, zone_named(plan.zone)) > plan.start:
        return [Decision("plan_is_past", "warn", wave_id=wave.id, params=params)]
    late: Tone = (
        "warn" if local_day(now, zone_named(plan.zone)) + timedelta(days=3) >= plan.announce else "info"
    )
    if overviews.failed_chores(session, wave.portal_id, (f"freeze:{wave.id}", f"rehearse:{wave.id}")):
        return [Decision("making_failed", "warn", wave_id=wave.id, params=params)]
    if wave.frozen_at is None:
        return [Decision("rehearse", late, wave_id=wave.id, params=params)]
    last = todo.last_rehearsal(session, wave.portal_id, wave.id)
    if last is not None and last.detail != NO_ERRORS and wave.stage == "rehearsed":
        return [Decision("rehearsal_errors", "warn", len(last.detail.split(", ")), wave.id, params=params)]
    if waves_checks.refusal(wave, now):
        return [Decision("rehearse", late, wave_id=wave.id, params=params)]
    return [Decision("approve", late, wave_id=wave.id, params=params)]


def _signers(session: Session, wave: Wave, policy: Policy) -> list[Decision]:
    """Who was to sign the letters of a survey under way and works here no more, and for how many clients nobody is left
    to sign (product.md W5). `policy`: the rules of today."""
    if not wave.approved_by or wave.stage in ("closing", *wave_queries.DONE_STAGES):
        return []
    frozen = policies.load_version(session, wave.portal_id, wave.policy_version)
    team = policies.team(session, wave.portal_id)
    found = [
        Decision(
            "signer_left",
            "warn",
            wave_id=wave.id,
            settings=True,
            params={"name": one.name, "wave": wave.name},
        )
        for one in signers.leaving(frozen, policy, team)
    ]
    rules = signers.of_today(frozen, policy, team)
    unsigned = sum(
        clients
        for city, serving, clients in wave_lists.branches(session, wave.portal_id, wave.id)
        if isinstance(pick_sender("invitation", city, serving, rules, team), LetterProblem)
    )
    if unsigned:
        params = {"wave": wave.name}
        found.append(Decision("nobody_signs", "danger", unsigned, wave.id, settings=True, params=params))
    return found


def _thanks(session: Session, portal: Portal, rights: Rights) -> int:
    """How many recommendations nobody has thanked for yet, of the clients the viewer sees (product.md R5)."""
    if not referral_thanks.count_waiting(session, portal.id):
        return 0
    mine = scope_of(session, portal.id, rights)
    return referral_lists.count(session, portal.id, mine, referral_thanks.not_thanked())


def _tasks(
    session: Session, portal: Portal, rights: Rights, scope: Scope, now: datetime
) -> tuple[list[Task], int, int]:
    until = now + SOON
    found = todo.due_followups(session, portal.id, until, scope, rights.user_id, SHOWN)
    overdue, due = (
        todo.followup_counts(session, portal.id, now, until, scope, rights.user_id) if found else (0, 0)
    )
    return told(session, portal.id, found, rights.user_id, now), overdue, due


def told(
    session: Session, portal_id: int, found: Sequence[FollowUp], user_id: int, now: datetime
) -> list[Task]:
    """Follow-ups as people read them, with the names of their owners.

    Score and words are those the answer has now: what is kept with the follow-up is of the day it was opened. What a
    client wrote past its manager is not shown to that manager, whatever else they are (product.md S5).
    """
    names = reports.names(session, portal_id, {row.owner_id for row in found})
    given = todo.answers(session, portal_id, {row.response_id for row in found if row.response_id})
    return [
        _task(row, given.get(row.response_id or 0), names.get(row.owner_id, ""), user_id, now)
        for row in found
    ]


def _task(row: FollowUp, given: tuple[int, str] | None, owner: str, user_id: int, now: datetime) -> Task:
    score, comment = given or (row.facts.get("score"), str(row.facts.get("comment") or ""))
    known = score if isinstance(score, int) and score in SCALE else None
    past = row.kind == "direct_line" and row.owner_id != user_id and row.facts.get("manager") == user_id
    return Task(
        id=row.id, kind=row.kind, client_kind=row.client_kind, client_id=row.client_id,
        client=str(row.facts.get("client") or ""), person="" if past else str(row.facts.get("person") or ""),
        score=known, group=None if known is None else group(known),
        comment="" if past else comment, owner=owner, mine=row.owner_id == user_id,
        deadline=row.deadline, overdue=row.deadline < now, critical=row.kind in CRITICAL, task_id=row.task_id,
    )  # fmt: skip

"""What must follow from an answer, whose it is, by when, and what happens if it does not (product.md F).

Texts are elsewhere: a follow-up is a kind, checklist codes and facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from .intents import Escalate, Facts, FollowUpKind, OpenFollowUp, Remind
from .people import Channel, ClientKey, Group, Role, Staff, Team
from .policy import Policy
from .scoring import group
from .workdays import WorkCalendar, utc

KIND_OF: dict[Group, FollowUpKind] = {
    "detractor": "detractor_meeting",
    "passive": "passive_call",
    "promoter": "promoter_thanks",
}
CHECKLISTS: dict[FollowUpKind, tuple[str, ...]] = {
    "detractor_meeting": ("agree_meeting", "findings", "decision", "tell_client"),
    "passive_call": ("call_client", "findings", "decision", "tell_client"),
    "promoter_thanks": ("thank_personally", "ask_recommendation", "note_offer"),
    "silent_check": ("call_client", "findings"),
    "disagreement": ("hear_both", "findings", "decision", "tell_client"),
    "direct_line": ("answer_client", "findings", "decision", "tell_client"),
}
# Cases in which somebody's service was criticised, so that this person is not the one to judge it.
CRITICAL: frozenset[FollowUpKind] = frozenset(
    {"detractor_meeting", "passive_call", "disagreement", "direct_line"}
)


@dataclass(frozen=True, slots=True)
class Case:
    """What a follow-up is about. ``manager``: who serves the client, ``serving``: everybody else who does or did;
    ``city``: the client's branch.
    """

    client: ClientKey
    client_name: str = ""
    city: str = ""
    manager: int | None = None
    deal_id: int | None = None
    contact_id: int | None = None
    person: str = ""
    role: Role | None = None
    score: int | None = None
    comment: str = ""
    channel: Channel | None = None
    wave: str = ""
    response_id: int | None = None
    serving: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns a case. ``by``: the rule that found the person: ``director``, ``head_of_department``,
    ``default``, ``head``, ``administrator`` or ``manager``.
    """

    owner: int
    observers: tuple[int, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Office:
    """What decides about any follow-up of a portal: its policy, people, working days and zone."""

    policy: Policy
    team: Team
    calendar: WorkCalendar
    zone: ZoneInfo


def decide(case: Case, office: Office, now: datetime) -> list[OpenFollowUp]:
    """The follow-up of a counted answer by its group (product.md F1); ``now`` aware UTC.

    Empty for a case without a score, and if nobody at work could own it.
    """
    if case.score is None:
        return []
    found = group(case.score)
    return follow_up(KIND_OF[found], office.policy.days_for(found), case, office, now)


def decide_revision(before: int, case: Case, office: Office, now: datetime) -> list[OpenFollowUp]:
    """The follow-up of a corrected answer: only if its group changed."""
    if case.score is None or group(before) == group(case.score):
        return []
    return decide(case, office, now)


def follow_up(kind: FollowUpKind, days: int, case: Case, office: Office, now: datetime) -> list[OpenFollowUp]:
    """One follow-up of any kind, due at the end of the ``days``-th working day after now (F2 to F4)."""
    owned = ownership(kind, case, office.policy, office.team)
    if owned is None:
        return []
    head = office.team.at_work(office.policy.head_user_id)
    intent = OpenFollowUp(
        kind=kind,
        client=case.client,
        deal_id=case.deal_id,
        contact_id=case.contact_id,
        owner=owned.owner,
        observers=owned.observers,
        creator=head.user_id if head else None,
        deadline=office.calendar.deadline(now, days, office.zone),
        checklist=CHECKLISTS[kind],
        facts=case_facts(case),
        owner_by=owned.by,
        response_id=case.response_id,
    )
    return [intent]


def case_facts(case: Case) -> Facts:
    """What the task says: client, score, words, who said it and their role (product.md F2)."""
    return {
        "client": case.client_name,
        "person": case.person,
        "role": case.role,
        "score": case.score,
        "group": group(case.score) if case.score is not None else None,
        "comment": case.comment,
        "channel": case.channel,
        "wave": case.wave,
        "manager": case.manager,
    }


def ownership(kind: FollowUpKind, case: Case, policy: Policy, team: Team) -> Ownership | None:
    """Who owns the case (product.md F3): the branch's account director, else the head of the manager's
    department (or of one above), else the default owner, else the head, else an administrator.

    Dismissed and absent people are skipped, and so is the manager whose service was criticised. If nobody
    else is at work the manager owns it with the head as observer, never alone; None: nobody at all.
    """
    barred = {case.manager, *case.serving} if kind in CRITICAL else set()
    head = team.at_work(policy.head_user_id)
    for user_id, by in _candidates(case, policy, team):
        owner = team.at_work(user_id)
        if owner and owner.user_id not in barred:
            return Ownership(owner.user_id, _observers(kind, owner, head), by)
    manager = team.at_work(case.manager)
    if manager and head and head.user_id != manager.user_id:
        return Ownership(manager.user_id, (head.user_id,), "manager")
    return None


def _candidates(case: Case, policy: Policy, team: Team) -> Iterator[tuple[int | None, str]]:
    city = case.city.strip().casefold()
    for name, director in policy.director_by_city.items():
        if name.strip().casefold() == city:
            yield director, "director"
    manager = team.staff.get(case.manager) if case.manager is not None else None
    for head in _heads_above(manager, team):
        yield head, "head_of_department"
    yield policy.default_owner, "default"
    yield policy.head_user_id, "head"
    for user_id in sorted(team.staff):
        if team.staff[user_id].admin:
            yield user_id, "administrator"


def _heads_above(manager: Staff | None, team: Team) -> Iterator[int]:
    """Heads of the manager's departments, then of those above, nearest first; never the manager."""
    if manager is None:
        return
    heads: dict[int, list[int]] = {}
    for user_id in sorted(team.staff):
        for department in team.staff[user_id].head_of:
            heads.setdefault(department, []).append(user_id)
    level = list(manager.department_ids)
    seen: set[int] = set()
    while level:
        for department in level:
            yield from (head for head in heads.get(department, []) if head != manager.user_id)
        seen.update(level)
        above = (team.parents.get(department) for department in level)
        level = [parent for parent in dict.fromkeys(above) if parent is not None and parent not in seen]


def _observers(kind: FollowUpKind, owner: Staff, head: Staff | None) -> tuple[int, ...]:
    """The head watches what is critical, unless it is the head's own (product.md F1)."""
    watched = kind in ("detractor_meeting", "disagreement", "direct_line")
    return (head.user_id,) if watched and head and head.user_id != owner.user_id else ()


@dataclass(frozen=True, slots=True)
class FollowUpState:
    """An opened follow-up. Moments UTC; ``done``: the owner reported a result."""

    id: int
    owner: int
    deadline: datetime
    done: bool = False
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None


def next_step(state: FollowUpState, office: Office, now: datetime) -> Remind | Escalate | datetime | None:
    """Overdue: remind, then escalate to the head ``escalate_days`` working days later, once each (F4).

    A moment (UTC): look again then. None: nothing more to do. Both come in working hours only.
    """
    if state.done or state.escalated_at:
        return None
    if state.reminded_at is None:
        return _due(state.deadline, now, Remind(state.id, state.owner), office)
    head = office.team.at_work(office.policy.head_user_id)
    if head is None or head.user_id == state.owner:
        return None
    at = office.calendar.deadline(state.reminded_at, office.policy.escalate_days, office.zone)
    return _due(at, now, Escalate(state.id, head.user_id, state.owner), office)


def _due(
    at: datetime, now: datetime, intent: Remind | Escalate, office: Office
) -> Remind | Escalate | datetime:
    moment = office.calendar.next_allowed(max(at, utc(now)), office.zone)
    return intent if moment <= utc(now) else moment


def silent_follow_ups(silent: Iterable[Case], office: Office, now: datetime) -> list[OpenFollowUp]:
    """Check-in tasks for clients that stayed silent, if so set (product.md F1)."""
    if not office.policy.silent_check:
        return []
    return [
        intent
        for case in silent
        for intent in follow_up("silent_check", office.policy.silent_days, case, office, now)
    ]

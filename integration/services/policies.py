"""The business settings of a portal: the version that counts, and new versions (flow 4 of architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from integration.i18n import language_of
from integration.nps.errors import UnknownZone
from integration.nps.letters import sender_problems
from integration.nps.people import Staff as Employee
from integration.nps.people import Team
from integration.nps.policy import Language, Policy, PolicyProblem, Sender
from integration.nps.policy_json import from_json, to_json
from integration.nps.workdays import zone_named
from integration.services.calendars import country_of
from integration.services.deps import Deps
from integration.store import chores
from integration.store import policies as rows
from integration.store.base import transaction
from integration.store.portals import Portal
from integration.store.portals import Staff as StaffRow

MACHINE = "molva"
MIRRORED = (
    "since_field",
    "since_field_on",
    "end_field",
    "city_field",
)  # other fields are read from the cards then
# Words in the name of a pipeline that carries work after the sale, in the languages of our portals.
_SERVICE_WORDS = (
    "сопровожд", "обслуж", "абон", "поддерж", "сервис", "ведение", "проект", "производств", "реализац",
    "супров", "обслугов", "підтрим", "сервіс", "ведення", "виробн", "service", "support", "retainer",
    "maintenance", "account", "delivery", "production", "project",
)  # fmt: skip


def load(session: Session, portal_id: int) -> tuple[Policy, int]:
    """The policy that counts and its version; version 0: the default, seeded with the portal's facts.

    Raises `LookupError` for an unknown portal.
    """
    row = rows.newest(session, portal_id)
    if row is not None:
        return from_json(row.body)[0], row.version
    return default_policy(session, portal_id), 0


def load_version(session: Session, portal_id: int, number: int) -> Policy:
    """The rules of one version, e.g. those a wave was frozen with; the newest if that one is gone."""
    row = rows.version(session, portal_id, number) if number else None
    return from_json(row.body)[0] if row is not None else load(session, portal_id)[0]


def ensure_stored(session: Session, portal_id: int, deps: Deps) -> tuple[Policy, int]:
    """Like `load`, but a default is stored as version 1, so that a wave can name the rules it used."""
    policy, number = load(session, portal_id)
    if number:
        return policy, number
    rows.add_version(session, portal_id, 1, to_json(policy), MACHINE, deps.clock.now())
    session.flush()
    return load(session, portal_id)


def save(
    deps: Deps, portal_id: int, body: Mapping[str, Any], author: str, base_version: int
) -> list[PolicyProblem] | int:
    """Store a new version and give its number, or say what is wrong with it.

    `body`: the fields to change, JSON values; the others stay. `base_version`: what the author saw; if
    somebody saved since, the answer is the problem `changed_meanwhile` (product.md P, architecture.md flow 4).
    """
    with transaction(deps.sessions) as session:
        current, number = load(session, portal_id)
        if number != base_version:
            return [PolicyProblem("", "changed_meanwhile", {"version": number})]
        unknown = sorted(set(body) - set(to_json(current)))
        policy, wrong = from_json({**to_json(current), **body})
        problems = [PolicyProblem(name, "unknown_field") for name in unknown] + wrong + policy.problems()
        if problems:
            return problems
        stored = rows.add_version(session, portal_id, number + 1, to_json(policy), author, deps.clock.now())
        if stored and any(getattr(policy, name) != getattr(current, name) for name in MIRRORED):
            chores.schedule(session, portal_id, "first_sync", deps.clock.now())
        return number + 1 if stored else [PolicyProblem("", "changed_meanwhile", {"version": number + 1})]


def default_policy(session: Session, portal_id: int) -> Policy:
    """What works without anybody having set anything (product.md P7): the head signs, owns and is told.

    The head is the head of the top department. Heads of departments whose cards are complete may sign: the
    first the announcement, the second the rest, so that nobody needs to sign for a client of his own.
    Service pipelines are those whose name says so, else all but the common one, else the common one.
    """
    portal = session.get(Portal, portal_id)
    if portal is None:
        raise LookupError("no such portal")
    people = rows.staff(session, portal_id)
    heads = _heads(session, portal_id, people)
    head = heads[0] if heads else None
    candidates = [_as_sender(people[user]) for user in heads]
    senders = tuple(sender for sender in candidates if not sender_problems(sender, Team()))
    first = senders[0].key if senders else ""
    return Policy(
        service_pipelines=_service_pipelines(rows.pipelines(session, portal_id)),
        country=country_of(portal.currency),
        time_zone=_zone(portal.time_zone),
        language=_language(portal.language),
        senders=senders,
        default_sender=senders[1].key if len(senders) > 1 else first,
        head_sender=first,
        head_user_id=head,
        default_owner=head,
        wave_owner=head,
    )


def team(session: Session, portal_id: int) -> Team:
    """All employees and departments of a portal as the rules see them (product.md F3)."""
    divisions = rows.departments(session, portal_id)
    heads: dict[int, list[int]] = {}
    for division in divisions:
        if division.head_user_id:
            heads.setdefault(division.head_user_id, []).append(division.department_id)
    found = [
        Employee(
            user_id=row.user_id, name=full_name(row), active=row.active, department_ids=tuple(row.departments),
            head_of=tuple(heads.get(row.user_id, ())), position=row.position, email=row.email, phone=row.phone,
        )
        for row in rows.staff(session, portal_id).values()
    ]  # fmt: skip
    return Team.of(found, {d.department_id: d.parent_id or None for d in divisions})


def full_name(person: StaffRow) -> str:
    """First and last name."""
    return f"{person.name} {person.last_name}".strip()


def _heads(session: Session, portal_id: int, people: Mapping[int, StaffRow]) -> list[int]:
    """Heads of departments who still work here, the head of the top one first."""
    named = [division.head_user_id for division in rows.departments(session, portal_id)]
    return list(dict.fromkeys(user for user in named if user and user in people and people[user].active))


def _as_sender(person: StaffRow) -> Sender:
    return Sender(
        key=f"user-{person.user_id}", user_id=person.user_id, name=full_name(person), position=person.position,
        email=person.email, phone=person.phone,
    )  # fmt: skip


def _service_pipelines(found: Mapping[int, str]) -> tuple[int, ...]:
    named = [
        number for number, name in found.items() if any(word in name.casefold() for word in _SERVICE_WORDS)
    ]
    return tuple(sorted(named or [number for number in found if number] or found))


def _zone(name: str) -> str:
    try:
        zone_named(name)
    except UnknownZone:
        return "UTC"
    return name


def _language(code: str) -> Language:
    match language_of(code):
        case "ru":
            return "ru"
        case "uk":
            return "uk"
        case _:
            return "en"

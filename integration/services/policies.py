"""The business settings of a portal: the version that counts, and new versions (flow 4 of architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.i18n import language_of
from integration.nps.errors import UnknownZone
from integration.nps.letters import sender_problems
from integration.nps.people import Staff as Employee
from integration.nps.people import Team
from integration.nps.policy import Language, Policy, PolicyProblem, Sender
from integration.nps.policy_changes import Change, Choice, Conflict, changes, merge, names
from integration.nps.policy_checks import people_problems
from integration.nps.policy_json import from_json, to_json
from integration.nps.workdays import zone_named
from integration.services import question_versions
from integration.services.calendars import country_of
from integration.services.deps import Deps
from integration.store import chores, mailboxes
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
    "manager_field",
    "sales_field",
    "revenue_field",
    "zone_field",
)  # other fields are read from the cards then
LISTED = ("referral_sources", "referral_source_names", "triggers")  # what a set-up puts into the portal
PEOPLE = ("head_user_id", "default_owner", "wave_owner", "senders", "director_by_city", "callers")
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
    known = rows.known(session, portal_id)
    if None in known:  # within one transaction the rules stay what they were when it began
        return known[None]
    row = rows.newest(session, portal_id)
    if row is None:
        return default_policy(session, portal_id), 0
    known[None] = known[row.version] = (from_json(row.body)[0], row.version)
    return known[None]


def load_version(session: Session, portal_id: int, number: int) -> Policy:
    """The rules of one version, e.g. those a wave was frozen with; the newest if that one is gone.

    Whoever works by the rules of a wave asks for those of today next: both are read at once.
    """
    known = rows.known(session, portal_id)
    if number and number not in known:
        found = rows.version_and_newest(session, portal_id, number)
        for row in found:
            known.setdefault(row.version, (from_json(row.body)[0], row.version))
        if found:
            known.setdefault(None, known[found[-1].version])
    return known[number][0] if number in known else load(session, portal_id)[0]


def ensure_stored(session: Session, portal_id: int, deps: Deps) -> tuple[Policy, int]:
    """Like `load`, but a default is stored as version 1, so that a wave can name the rules it used."""
    policy, number = load(session, portal_id)
    if number:
        return policy, number
    rows.add_version(session, portal_id, 1, to_json(policy), MACHINE, deps.clock.now())
    session.flush()
    return load(session, portal_id)


@dataclass(frozen=True, slots=True)
class Clash:
    """Settings that somebody else changed too, to other values, since the author looked. `at` is UTC."""

    conflict: Conflict
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """What counts now. `changes`: what this save changed, empty if nothing; `taken`: settings somebody else had
    changed meanwhile, which stand; `rereads`: the cards are read again, since other fields of them count.
    """

    version: int
    changes: tuple[Change, ...] = ()
    taken: tuple[str, ...] = ()
    rereads: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was saved. `policy`: what was wanted, together with what others have saved meanwhile;
    `version`: the one that counts.
    """

    policy: Policy
    version: int
    problems: tuple[PolicyProblem, ...] = ()
    clashes: tuple[Clash, ...] = ()


def save(
    deps: Deps, portal_id: int, body: Mapping[str, Any], author: str, base_version: int
) -> list[PolicyProblem] | int:
    """Store a new version and give its number, or say what is wrong with it; see `submit`.

    If somebody changed the same settings since `base_version`, the answer is the problem `changed_meanwhile`.
    """
    done = submit(deps, portal_id, body, author, base_version)
    if isinstance(done, Saved):
        return done.version
    if done.clashes:
        return [PolicyProblem("", "changed_meanwhile", {"version": done.version})]
    return list(done.problems)


def submit(
    deps: Deps,
    portal_id: int,
    body: Mapping[str, Any],
    author: str,
    base_version: int,
    chosen: Mapping[str, Choice] | None = None,
    chosen_at: int = 0,
) -> Saved | Refused:
    """Store a new version made of what counts now and the author's changes (architecture.md flow 4).

    `body`: the fields to change, JSON values; the others stay. `base_version`: what the author saw; what others
    have changed since is kept, and where both changed the same, `chosen` says whose value counts (by the name
    of the conflict; `chosen_at`: the version that counted then), else nothing is saved. The same save once more
    changes nothing.
    """
    with transaction(deps.sessions) as session:
        rows.lock(session, portal_id)
        current, number = load(session, portal_id)
        seen = _seen(session, portal_id, base_version)
        mine, wrong = from_json({**to_json(seen), **body})
        wrong = [PolicyProblem(name, "unknown_field") for name in sorted(set(body) - set(names()))] + wrong
        merged = merge(seen, mine, current, chosen if chosen_at == number else None)
        if merged.conflicts:
            clashes = tuple(_clash(session, portal_id, base_version, one) for one in merged.conflicts)
            return Refused(merged.policy, number, tuple(wrong), clashes)
        changed = changes(current, merged.policy)
        wrong += _problems(session, portal_id, merged.policy, current, {change.field for change in changed})
        if wrong:
            return Refused(merged.policy, number, tuple(wrong))
        if number and not changed:
            return Saved(number, taken=merged.taken)
        now = deps.clock.now()
        if not rows.add_version(session, portal_id, number + 1, to_json(merged.policy), author[:200], now):
            return Refused(merged.policy, number + 1, (PolicyProblem("", "changed_meanwhile"),))
        mailboxes.drop_others(session, portal_id, [sender.key for sender in merged.policy.senders])
        question_versions.keep_wording(session, portal_id, merged.policy, author, now)
        rereads = _follow(session, portal_id, {change.field for change in changed}, now)
        return Saved(number + 1, changed, merged.taken, rereads)


def _seen(session: Session, portal_id: int, base_version: int) -> Policy:
    """What the author saw; before anybody saved, the default, even if the machine has stored it meanwhile."""
    if base_version:
        return load_version(session, portal_id, base_version)
    first = rows.version(session, portal_id, 1)
    if first is not None and first.author == MACHINE:
        return from_json(first.body)[0]
    return default_policy(session, portal_id)


def _problems(
    session: Session, portal_id: int, policy: Policy, current: Policy, changed: set[str]
) -> list[PolicyProblem]:
    """What is wrong with the new settings; what was wrong before and elsewhere keeps nobody from saving."""
    before = current.problems()
    found = [one for one in policy.problems() if one not in before or one.field in changed]
    if changed & set(PEOPLE):
        crew = team(session, portal_id)
        known = people_problems(current, crew)
        found += [one for one in people_problems(policy, crew) if one.field in changed and one not in known]
    return found


def _clash(session: Session, portal_id: int, base_version: int, conflict: Conflict) -> Clash:
    """Who has changed these settings last since that version, and when."""
    last: rows.PolicyRow | None = None
    before = _seen(session, portal_id, base_version)
    for row in rows.since(session, portal_id, base_version):
        after = from_json(row.body)[0]
        if any(getattr(before, name) != getattr(after, name) for name in conflict.fields):
            last = row
        before = after
    if last is None:
        raise LookupError("a conflict with nobody")
    return Clash(conflict, last.author, last.saved_at)


def _follow(session: Session, portal_id: int, changed: set[str], now: datetime) -> bool:
    """What other settings ask for: cards read anew, the portal's lists completed. Whether cards are read anew."""
    if changed & set(LISTED):
        chores.schedule(session, portal_id, "setup", now)
    rereads = bool(changed & set(MIRRORED))
    if rereads:
        chores.schedule(session, portal_id, "first_sync", now)
    return rereads


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

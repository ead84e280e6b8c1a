"""Which letter goes to whom, in which language, signed by whom, with which facts (product.md W5, W6, W20).

Texts are elsewhere: a letter is a name, a language and facts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .addresses import email_key
from .intents import Facts, LetterKind
from .people import ClientFacts, Group, Person, Team
from .plans import Plan
from .policy import Policy, Sender
from .policy_checks import is_no_reply, looks_like_address
from .workdays import WorkCalendar

# Signed by the head of the agency by name; the others by the sender of the client's branch (W5, W6).
HEADS_LETTERS: tuple[LetterKind, ...] = ("announcement", "thanks_phone")
THANKS_LETTERS: tuple[LetterKind, ...] = (
    "thanks_detractor",
    "thanks_passive",
    "thanks_promoter",
    "thanks_phone",
)
PROJECT_LETTERS: tuple[LetterKind, ...] = ("project_invitation", "project_reminder")
PLACEHOLDERS: Mapping[LetterKind, tuple[str, ...]] = {
    "announcement": ("person", "client", "sender_name", "sender_position", "mailing_day"),
    "invitation": ("person", "client", "sender_name", "sender_position", "service"),
    "reminder": ("person", "client", "sender_name", "sender_position", "service"),
    "last_reminder": ("person", "client", "sender_name", "sender_position", "service", "closing_day"),
    "project_invitation": ("person", "client", "sender_name", "sender_position", "service"),
    "project_reminder": ("person", "client", "sender_name", "sender_position", "service"),
    "thanks_detractor": ("person", "sender_name", "sender_position"),
    "thanks_passive": ("person", "sender_name", "sender_position"),
    "thanks_promoter": ("person", "sender_name", "sender_position"),
    "thanks_phone": ("person", "sender_name", "sender_position"),
    "test": ("sender_name", "sender_position"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the client judges: the name of the service and of the people who serve it (product.md W20)."""

    service: str = ""
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LetterProblem:
    """Why a letter cannot go out; shown in the rehearsal (product.md W4)."""

    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)


def sender_problems(sender: Sender, team: Team) -> list[str]:
    """Codes of what makes a sender no living person with a name, position, address and phone (W5).

    ``lacks_name``, ``lacks_position``, ``lacks_email``, ``lacks_phone``, ``bad_address``, ``no_reply``,
    ``dismissed``.
    """
    codes = [
        f"lacks_{name}"
        for name in ("name", "position", "email", "phone")
        if not getattr(sender, name).strip()
    ]
    if sender.email and not looks_like_address(sender.email):
        codes.append("bad_address")
    if is_no_reply(sender.email):
        codes.append("no_reply")
    if is_dismissed(sender, team):
        codes.append("dismissed")
    return codes


def is_dismissed(sender: Sender, team: Team) -> bool:
    """Whether a sender was an employee and is none any more; one typed in without one is known by the address."""
    if sender.user_id is not None:
        employee = team.staff.get(sender.user_id)
        return employee is not None and not employee.active
    address = email_key(sender.email)
    same = [person for person in team.staff.values() if address and email_key(person.email) == address]
    return bool(same) and not any(person.active for person in same)


def serves(sender: Sender, managers: Collection[int], team: Team) -> bool:
    """Whether a sender is one of these employees: by the chosen employee, or by the address (product.md W5).

    A sender may be typed in without an employee; the address in the portal still tells who it is.
    """
    own = {email_key(person.email) for user in managers if (person := team.staff.get(user))} - {""}
    return sender.user_id in managers or email_key(sender.email) in own


def pick_sender(
    letter: LetterKind, city: str, managers: Collection[int], policy: Policy, team: Team
) -> Sender | LetterProblem:
    """Who signs a letter to a client of this city whom ``managers`` serve: the one the list names, and today's.

    The head's letters: the head, then the branch's sender, then the default; all others: branch, default,
    head. The first who is a living person and does not serve this client himself; else the problem.
    """
    branch = [_by_city(city, policy), policy.default_sender]
    keys = [policy.head_sender, *branch] if letter in HEADS_LETTERS else [*branch, policy.head_sender]
    problem = LetterProblem("no_sender", {"city": city})
    for key in dict.fromkeys(key for key in keys if key):
        sender = policy.sender(key)
        if sender is None:
            problem = LetterProblem("no_such_sender", {"sender": key})
        elif serves(sender, managers, team):
            problem = LetterProblem("sender_serves_client", {"sender": key})
        elif codes := sender_problems(sender, team):
            problem = LetterProblem("sender_unfit", {"sender": key, "why": codes[0]})
        else:
            return sender
    return problem


def _by_city(city: str, policy: Policy) -> str:
    wanted = city.strip().casefold()
    return next((key for name, key in policy.sender_by_city.items() if name.strip().casefold() == wanted), "")


def language_for(person: Person, policy: Policy) -> str:
    """The person's language if the agency writes in it (``ru-RU`` counts as ``ru``), else the main one (S4)."""
    wanted = (person.language or "").strip().casefold().replace("_", "-").partition("-")[0]
    return wanted if wanted in policy.languages else policy.language


def letter_facts(
    person: Person, client: ClientFacts, sender: Sender, judged: Judged, wave: str, plan: Plan
) -> Facts:
    """The facts of any letter of a wave; links are added where tokens are made. Days as ISO dates."""
    return {
        "person": person.full_name,
        "first_name": person.name.strip(),
        "client": client.name,
        "service": judged.service,
        "team": list(judged.people),
        "sender_name": sender.name,
        "sender_position": sender.position,
        "sender_email": sender.email,
        "sender_phone": sender.phone,
        "wave": wave,
        "mailing_day": plan.mailing.isoformat(),
        "closing_day": plan.closing.isoformat(),
    }


def missing_placeholders(letter: LetterKind, facts: Facts) -> list[str]:
    """Names of the facts a letter needs and does not have (product.md W4)."""
    return [name for name in PLACEHOLDERS[letter] if not str(facts.get(name) or "").strip()]


def thanks_for(group: Group, by_phone: bool) -> LetterKind:
    """The thanks after an answer: worded for the group, after a call from the head to each (S3, F1)."""
    if by_phone:
        return "thanks_phone"
    kinds: dict[Group, LetterKind] = {
        "detractor": "thanks_detractor",
        "passive": "thanks_passive",
        "promoter": "thanks_promoter",
    }
    return kinds[group]


def earliest_letter(
    now: datetime, last_letter_at: datetime | None, policy: Policy, zone: ZoneInfo, calendar: WorkCalendar
) -> datetime:
    """The first moment a letter outside the plan may reach a person: gap and hours kept, UTC (W2)."""
    earliest = now
    if last_letter_at is not None:
        earliest = max(now, last_letter_at + timedelta(days=policy.letter_gap_days))
    return calendar.next_allowed(earliest, zone)

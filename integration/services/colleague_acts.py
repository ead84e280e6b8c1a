"""What staff do about a colleague whom a client named: invite a contact of that client, or leave it (product.md W12).

Nothing is ever written to what was typed: the address is that of the card, read from the portal at that moment, and
whatever keeps anybody off the list keeps this person off it, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, cast

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.nps.people import ClientKey, Person
from integration.nps.touches import DONE_STAGES
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.waves_respondents import Freeze, People
from integration.store import colleagues as rows
from integration.store import snapshots, wave_cards, wave_queries
from integration.store.base import reading, transaction
from integration.store.colleagues import Colleague, Proposed
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave

SHOWN = 100
LONGEST_WHY = 300

Settled = Literal[
    "done", "unknown", "settled", "wave_over", "not_of_client", "asked_already", "asked_recently", "opted_out",
    "on_hold", "no_channel", "dead_address", "shared_mailbox", "too_many", "no_reason", "portal_busy",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """A contact of the client that staff may choose; `why` not, if that is known without asking the portal."""

    contact_id: int
    name: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as staff see it. `status`: new, asked, dismissed; `asked`: name of the contact that was chosen."""

    id: int
    client: ClientKey
    client_name: str
    by: str
    name: str
    reach: str
    words: str
    status: str
    said_at: datetime
    settled_by: str
    settled_at: datetime | None
    asked: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class ColleaguesPage:
    """All proposals of a wave. `may_decide`: the viewer may; `over`: nobody can be asked in it any more."""

    wave_id: int
    wave: str
    over: bool
    may_decide: bool
    proposals: tuple[Proposal, ...]


def page(deps: Deps, who: Viewer, wave_id: int) -> ColleaguesPage | None:
    """The proposals of a wave for those who run it; nothing if there is no such wave. Raises `PermissionError`."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        if wave is None:
            return None
        if not rights.of(session, who.portal_id, who).may_run_waves:
            raise PermissionError
        found = rows.of_wave(session, who.portal_id, wave_id, SHOWN)
        today = local_day(now, zone_named(policies.load(session, who.portal_id)[0].time_zone))
        return ColleaguesPage(
            wave.id, wave.name, _over(wave), True,
            tuple(_shown(session, who.portal_id, one, today) for one in found),
        )  # fmt: skip


def ask(deps: Deps, portal_id: int, wave_id: int, colleague_id: int, contact_id: int, who: str) -> Settled:
    """Invite a contact of the client instead of the typed name, in the same wave. Twice is once.

    The addresses of the card are read from the portal first; `portal_busy` if it does not give them.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        found = rows.one(session, portal_id, wave_id, colleague_id)
        wave = wave_queries.wave(session, portal_id, wave_id)
        if found is None or wave is None:
            return "unknown"
        if (refused := _refused(session, wave, found, contact_id)) is not None:
            return refused
        person = _people(session, portal_id, found)[contact_id]
        policy = policies.load_version(session, portal_id, wave.policy_version)
        portal = session.get_one(Portal, portal_id)
        zone = zone_named(policy.time_zone or portal.time_zone)
        rules = replace(policy, critical_tasks=False)  # a client that is being asked already
        work = Freeze(wave_id, portal_id, rules, zone, portal.currency, local_day(now, zone))
        line = found.line
    try:
        values = People.begin(deps, work, interactive=True).one_more(line, person)
    except BitrixError:
        return "portal_busy"
    if isinstance(values, str):
        return cast("Settled", values)
    with transaction(deps.sessions) as session:
        held = wave_queries.locked(session, portal_id, wave_id)
        found = rows.one(session, portal_id, wave_id, colleague_id, lock=True)
        if held is None or found is None:
            return "unknown"
        if (refused := _refused(session, held, found, contact_id)) is not None:
            return refused
        session.add(Invitation(**values, colleague_id=colleague_id, due_at=now))
        _settle(found.row, "asked", who, now)
        found.row.contact_id = contact_id
        wave_queries.note(session, held, now, "colleague_asked", who, _line(found))
        return "done"


def dismiss(deps: Deps, portal_id: int, wave_id: int, colleague_id: int, why: str, who: str) -> Settled:
    """Nobody is asked on this proposal; `why` is kept in the audit trail. Twice is once."""
    reason = " ".join(why.split())[:LONGEST_WHY]
    if not reason:
        return "no_reason"
    return _decide(deps, portal_id, wave_id, colleague_id, ("new", "dismissed"), who, reason)


def reopen(deps: Deps, portal_id: int, wave_id: int, colleague_id: int, who: str) -> Settled:
    """Undo a dismissal. Twice is once."""
    return _decide(deps, portal_id, wave_id, colleague_id, ("dismissed", "new"), who, "")


def _decide(
    deps: Deps, portal_id: int, wave_id: int, colleague_id: int, change: tuple[str, str], who: str, why: str
) -> Settled:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = rows.one(session, portal_id, wave_id, colleague_id, lock=True)
        wave = wave_queries.wave(session, portal_id, wave_id)
        if found is None or wave is None:
            return "unknown"
        if found.row.status == change[1]:
            return "done"
        if found.row.status != change[0]:
            return "settled"
        _settle(found.row, change[1], who if change[1] != "new" else "", now if change[1] != "new" else None)
        what = "colleague_dismissed" if change[1] == "dismissed" else "colleague_reopened"
        wave_queries.note(session, wave, now, what, who, f"{_line(found)}: {why}" if why else _line(found))
        return "done"


def _settle(row: Colleague, status: str, who: str, now: datetime | None) -> None:
    row.status, row.settled_by, row.settled_at = status, who[:200], now


def _refused(session: Session, wave: Wave, found: Proposed, contact_id: int) -> Settled | None:
    """Why this contact may not be asked on this proposal, as far as our own rows tell."""
    if found.row.status == "asked" and found.row.contact_id == contact_id:
        return "done"
    if found.row.status != "new":
        return "settled"
    if _over(wave):
        return "wave_over"
    if contact_id not in _people(session, found.row.portal_id, found):
        return "not_of_client"
    if wave_cards.invitation_to(session, found.row.portal_id, wave.id, contact_id) is not None:
        return "asked_already"
    most = policies.load_version(session, found.row.portal_id, wave.policy_version).max_respondents + 1
    if not found.line.eligible or rows.living(session, found.row.portal_id, found.line.id) >= most:
        return "too_many" if found.line.eligible else "wave_over"
    return None


def _over(wave: Wave) -> bool:
    return wave.stage in (*DONE_STAGES, "closing") or not wave.approved_by


def _people(session: Session, portal_id: int, found: Proposed) -> dict[int, Person]:
    key = wave_cards.key_of(found.line)
    return {one.contact_id: one for one in snapshots.people(session, portal_id, [key]).get(key, [])}


def _shown(session: Session, portal_id: int, found: Proposed, today: date) -> Proposal:
    row, people = found.row, _people(session, portal_id, found)
    taken = {one.contact_id for one in wave_cards.invitations_of(session, portal_id, [found.line.id])}
    chosen = people.get(row.contact_id or 0)
    return Proposal(
        id=row.id, client=wave_cards.key_of(found.line), client_name=found.line.name, by=found.by.name,
        name=row.name, reach=row.reach, words=row.words, status=row.status, said_at=row.said_at,
        settled_by=row.settled_by, settled_at=row.settled_at, asked=chosen.full_name if chosen else "",
        choices=_choices(people.values(), taken, today) if row.status == "new" else (),
    )  # fmt: skip


def _choices(people: Iterable[Person], taken: set[int], today: date) -> tuple[Choice, ...]:
    def why(person: Person) -> str:
        if person.contact_id in taken:
            return "asked_already"
        if person.opted_out:
            return "opted_out"
        return "on_hold" if person.hold_until and today < person.hold_until else ""

    found = [Choice(one.contact_id, one.full_name or f"{one.contact_id}", why(one)) for one in people]
    return tuple(sorted(found, key=lambda one: (bool(one.why), one.name.casefold(), one.contact_id)))


def _line(found: Proposed) -> str:
    return f"{found.line.client_kind}:{found.line.client_id}"

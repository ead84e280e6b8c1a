"""One wave's list page by page, with what became of each client's people (product.md E4, E7, W15)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.call_yields import phone_state
from integration.store.clients import Company, Contact
from integration.store.letters import LetterRow
from integration.store.reports import Scope, within
from integration.store.responses import Response, ResponseRevision
from integration.store.wave_lists import PENDING
from integration.store.wave_watch import in_state
from integration.store.waves import Invitation, WaveClient

ASKED = "asked"
FLAGGED = "flagged"  # with an unproven answer after the counted one (product.md S1)
BY_OUTCOME = ("answered", "open", "other")  # of the people of clients that are asked


@dataclass(frozen=True, slots=True)
class Invited:
    """One person of a client: the outcome so far, the last letter, and the counted score if there is one.

    `flagged`: after the counted answer another one came that nobody proved to be human (product.md S1)."""

    line_id: int
    contact_id: int
    name: str
    outcome: str
    last_letter_at: datetime | None
    score: int | None
    held: bool
    flagged: bool = False
    calls: int = 0
    promised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which clients of a list are shown; what is empty chooses everybody.

    `standing`: `asked`, one of `BY_OUTCOME`, or a reason (E4); `words`: each stands in the client's or a person's name;
    `cities`: spellings of a branch; `manager`: 0 for clients without one; `outcome`, `language`: of one of the people;
    `letters`: one of `LETTERS`; `calls`: one of `call_yields.PHONES`, as it is at `now`, UTC, with `shut` the zones
    where nobody may be called then.
    """

    standing: str = ""
    words: tuple[str, ...] = ()
    cities: frozenset[str] | None = None
    manager: int | None = None
    outcome: str = ""
    language: str = ""
    letters: str = ""
    calls: str = ""
    now: datetime | None = None
    shut: tuple[str, ...] = ()


EVERYBODY = Chosen()


def lines(
    session: Session, portal_id: int, wave_id: int, scope: Scope, chosen: Chosen, offset: int, limit: int
) -> list[WaveClient]:
    """Clients of a list by name."""
    statement = (
        select(WaveClient)
        .where(*_chosen(portal_id, wave_id, scope, chosen))
        .order_by(WaveClient.name, WaveClient.id)
        .offset(offset)
        .limit(limit)
    )
    return list(session.scalars(statement))


def count(session: Session, portal_id: int, wave_id: int, scope: Scope, chosen: Chosen) -> int:
    """How many clients `lines` would find in all."""
    statement = select(func.count()).where(*_chosen(portal_id, wave_id, scope, chosen))
    return session.execute(statement).scalar_one()


def branches(session: Session, portal_id: int, wave_id: int, scope: Scope) -> dict[str, int]:
    """Cities on a list as they are written, with how many clients each has."""
    statement = select(WaveClient.city, func.count()).where(*_of_wave(portal_id, wave_id, scope))
    return dict(session.execute(statement.group_by(WaveClient.city)).all())


def managers(session: Session, portal_id: int, wave_id: int, scope: Scope) -> dict[int, int]:
    """Account managers on a list, 0 for none, with how many clients each has."""
    statement = select(WaveClient.manager_id, func.count()).where(*_of_wave(portal_id, wave_id, scope))
    found: dict[int, int] = {}
    for manager, clients in session.execute(statement.group_by(WaveClient.manager_id)):
        found[manager or 0] = found.get(manager or 0, 0) + clients
    return found


def languages(session: Session, portal_id: int, wave_id: int) -> list[str]:
    """Languages in which the people of a wave are written to."""
    statement = select(Invitation.language).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id
    )
    return sorted(session.scalars(statement.distinct()))


def _of_wave(portal_id: int, wave_id: int, scope: Scope) -> list[ColumnElement[bool]]:
    return [WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, within(scope)]


def _chosen(portal_id: int, wave_id: int, scope: Scope, chosen: Chosen) -> list[ColumnElement[bool]]:
    found = [*_of_wave(portal_id, wave_id, scope), *_standing(chosen.standing)]
    found += [_named(word) for word in chosen.words]
    if chosen.cities is not None:
        found.append(WaveClient.city.in_(sorted(chosen.cities)))
    if chosen.manager is not None:
        nobody = or_(WaveClient.manager_id.is_(None), WaveClient.manager_id == 0)
        found.append(WaveClient.manager_id == chosen.manager if chosen.manager else nobody)
    if chosen.outcome:
        found.append(_with_person(Invitation.outcome == chosen.outcome))
    if chosen.language:
        found.append(_with_person(Invitation.language == chosen.language))
    if chosen.calls and chosen.now is not None:
        found.append(_with_person(phone_state(chosen.calls, chosen.now, chosen.shut)))
    if chosen.letters:
        theirs = (LetterRow.wave_id == wave_id) & (LetterRow.invitation_id == Invitation.id)
        found.append(_with_person(select(LetterRow.id).where(theirs, in_state(chosen.letters)).exists()))
    return found


def _standing(standing: str) -> list[ColumnElement[bool]]:
    if standing == FLAGGED:
        theirs = (Response.invitation_id == Invitation.id) & (Response.portal_id == Invitation.portal_id)
        return [_with_person(select(Response.id).where(theirs, _flagged()).exists())]
    if standing not in BY_OUTCOME:
        return [WaveClient.reason == ("" if standing == ASKED else standing)] if standing else []
    answered = _with_person(Invitation.outcome == "answered")
    still_open = _with_person(Invitation.outcome == "")
    found = [WaveClient.reason == "", answered if standing == "answered" else ~answered]
    if standing != "answered":
        found.append(still_open if standing == "open" else ~still_open)
    return found


def _named(word: str) -> ColumnElement[bool]:
    """A word in a name, whatever its capitals; SQLite knows only those of English, so the usual ones are tried."""
    written = dict.fromkeys((word, word.lower(), word.upper(), word.capitalize()))

    def has(name: Any) -> list[ColumnElement[bool]]:
        return [
            *(name.contains(one, autoescape=True) for one in written),
            name.icontains(word, autoescape=True),
        ]

    return or_(*has(WaveClient.name), _with_person(or_(*has(Invitation.name))))


def _with_person(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    of_client = (Invitation.portal_id == WaveClient.portal_id) & (Invitation.wave_client_id == WaveClient.id)
    return select(Invitation.id).where(of_client, condition).exists()


def people(session: Session, portal_id: int, line_ids: Collection[int]) -> list[Invited]:
    """The people of these lines in the order they were invited."""
    statement = (
        select(
            Invitation.wave_client_id, Invitation.contact_id, Invitation.name, Invitation.outcome,
            Invitation.last_letter_at, Response.score, Response.status, _flagged(),
            Invitation.attempts, Invitation.promised_at,
        )
        .outerjoin(Response, (Response.invitation_id == Invitation.id) & (Response.portal_id == portal_id))
        .where(Invitation.portal_id == portal_id, Invitation.wave_client_id.in_(line_ids))
        .order_by(Invitation.wave_client_id, Invitation.id)
    )  # fmt: skip
    return [
        Invited(
            line, contact, name, outcome, letter, score if status == "counted" else None, status == "held",
            bool(flagged), calls, promised,
        )
        for line, contact, name, outcome, letter, score, status, flagged, calls, promised in session.execute(statement)
    ]  # fmt: skip


def _flagged() -> ColumnElement[bool]:
    """Whether the last version of a counted answer is one that was held."""
    last = (ResponseRevision.response_id == Response.id) & (ResponseRevision.revision == Response.revision)
    held = ResponseRevision.status == "held"
    return (
        select(ResponseRevision.id)
        .where(ResponseRevision.portal_id == Response.portal_id, last, held, Response.status == "counted")
        .correlate(Response)
        .exists()
    )


def pending(session: Session, portal_id: int, wave_id: int) -> tuple[int, int]:
    """Lines whose people have not been read yet, and all lines, of a list that is being made."""
    waits = func.sum(case((WaveClient.reason == PENDING, 1), else_=0))
    statement = select(waits, func.count()).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id
    )
    waiting, lines = session.execute(statement).one()
    return int(waiting or 0), lines


def holds(session: Session, portal_id: int, clients: Collection[ClientKey]) -> dict[ClientKey, date]:
    """Until when these clients are not to be asked, by their cards; those that are on hold or were (product.md E5)."""
    found: dict[ClientKey, date] = {}
    for kind, table in (("company", Company), ("contact", Contact)):
        ids = sorted(key.id for key in clients if key.kind == kind)
        statement = select(table.id, table.hold_until).where(
            table.portal_id == portal_id, table.id.in_(ids), table.hold_until.is_not(None)
        )
        rows = session.execute(statement).all()
        found |= {ClientKey(cast("Any", kind), number): until for number, until in rows if until}
    return found

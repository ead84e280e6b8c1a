"""Watching a wave: its letters by what became of them, and its audit trail page by page (product.md W2, W15, W19)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Float, and_, case, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from integration.store.colleagues import Colleague
from integration.store.letters import LetterRow
from integration.store.replies import Reply
from integration.store.reports import Scope, within
from integration.store.waves import Invitation, WaveClient, WaveEvent

LetterState = Literal["waiting", "sent", "late", "unknown", "refused", "bounced"]
LETTERS: tuple[LetterState, ...] = ("waiting", "sent", "late", "unknown", "refused", "bounced")
_CLIENT = re.compile(r"(?:company|contact):[1-9]\d{0,9}\b")
_MOST = 20_000  # clients named at once
LATE_HOURS = 12  # a letter that left so long after its hour left on another day (product.md W2)


class hours_between(FunctionElement[float]):
    """Hours from the first moment to the second, in either database."""

    type = Float()
    inherit_cache = True
    name = "hours_between"


@compiles(hours_between, "sqlite")
def _sqlite(element: Any, compiler: Any, **words: Any) -> str:
    first, second = (compiler.process(one, **words) for one in element.clauses)
    return f"(julianday({second}) - julianday({first})) * 24"


@compiles(hours_between)
def _others(element: Any, compiler: Any, **words: Any) -> str:
    first, second = (compiler.process(one, **words) for one in element.clauses)
    return f"extract(epoch from ({second} - {first})) / 3600"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Letters of one sender of the policy that are due and have not left."""

    sender: str
    letters: int


def in_state(state: str) -> ColumnElement[bool]:
    """The condition on letters in one of `LETTERS`. `late` are those that left, but not on their day."""
    left = LetterRow.status == "done"
    conditions: Mapping[str, ColumnElement[bool]] = {
        "waiting": LetterRow.status.in_(("waiting", "working")),
        "sent": left,
        "late": and_(left, _late()),
        "unknown": LetterRow.status == "unknown",
        "refused": LetterRow.status == "buried",
        "bounced": LetterRow.bounced_at.is_not(None),
    }
    return conditions[state]


def _late() -> ColumnElement[bool]:
    known = and_(LetterRow.planned_for.is_not(None), LetterRow.handed_at.is_not(None))
    return and_(known, hours_between(LetterRow.planned_for, LetterRow.handed_at) > LATE_HOURS)


def letters(session: Session, portal_id: int, wave_id: int, scope: Scope) -> dict[LetterState, int]:
    """How many letters of a wave are in each state; one that bounced or went late is among those sent, too."""
    counts = [func.sum(case((in_state(state), 1), else_=0)) for state in LETTERS]
    statement = select(*counts).where(LetterRow.portal_id == portal_id, LetterRow.wave_id == wave_id)
    if not scope.everyone:
        statement = (
            statement.join(Invitation, Invitation.id == LetterRow.invitation_id)
            .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
            .where(within(scope))
        )
    row = session.execute(statement).one()
    return {state: int(number or 0) for state, number in zip(LETTERS, row, strict=True)}


def queue(session: Session, portal_id: int, wave_id: int, now: datetime) -> list[Waiting]:
    """Letters of a wave that wait to leave and whose time has come, by mailbox; those kept for their pace, too."""
    due = or_(LetterRow.due_at <= now, LetterRow.error == "pace", LetterRow.status == "working")
    statement = (
        select(LetterRow.sender_key, func.count())
        .where(LetterRow.portal_id == portal_id, LetterRow.wave_id == wave_id, in_state("waiting"), due)
        .group_by(LetterRow.sender_key)
        .order_by(LetterRow.sender_key)
    )
    return [Waiting(sender, number) for sender, number in session.execute(statement)]


def trail(session: Session, portal_id: int, wave_id: int, offset: int, limit: int) -> list[WaveEvent]:
    """Lines of a wave's audit trail, the newest first."""
    statement = select(WaveEvent).where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id)
    return list(session.scalars(statement.order_by(WaveEvent.id.desc()).offset(offset).limit(limit)))


def trail_length(session: Session, portal_id: int, wave_id: int) -> int:
    """How many lines a wave's audit trail has."""
    statement = select(func.count()).where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id)
    return session.execute(statement).scalar_one()


def trail_of(session: Session, portal_id: int, wave_id: int, client: str, limit: int) -> list[WaveEvent]:
    """Lines of the trail about one client (`company:12`), the newest first."""
    detail = WaveEvent.detail
    begins = (detail.startswith(f"{client}{end}", autoescape=True) for end in (":", " "))
    about = or_(detail == client, *begins, detail.endswith(f" {client}", autoescape=True))
    statement = select(WaveEvent).where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id, about)
    return list(session.scalars(statement.order_by(WaveEvent.id.desc()).limit(limit)))


@dataclass(frozen=True, slots=True)
class Said:
    """What clients of a wave said that waits for a person: replies to letters, and colleagues to be asked instead."""

    replies: int = 0
    colleagues: int = 0


NOTHING_SAID = Said()


def said(session: Session, portal_id: int, wave_id: int) -> Said:
    """How much of it there is."""
    replies = (
        select(func.count())
        .select_from(Reply)
        .join(Invitation, Invitation.id == Reply.invitation_id)
        .where(Reply.portal_id == portal_id, Reply.status == "new", Invitation.wave_id == wave_id)
    )
    colleagues = (
        select(func.count())
        .select_from(Colleague)
        .join(Invitation, Invitation.id == Colleague.invitation_id)
        .where(Colleague.portal_id == portal_id, Colleague.status == "new", Invitation.wave_id == wave_id)
    )
    return Said(
        session.execute(replies).scalar_one(),
        session.execute(colleagues).scalar_one(),
    )


def clients_named(
    session: Session, portal_id: int, wave_id: int, lines: Sequence[WaveEvent]
) -> dict[str, str]:
    """Names of the clients these lines are about, by `company:12`."""
    keys = {found[0] for line in lines if (found := _CLIENT.match(line.detail))}
    ids = {int(key.partition(":")[2]) for key in keys}
    statement = select(WaveClient.client_kind, WaveClient.client_id, WaveClient.name).where(
        WaveClient.portal_id == portal_id,
        WaveClient.wave_id == wave_id,
        WaveClient.client_id.in_(sorted(ids)[:_MOST]),
    )
    named = {f"{kind}:{number}": name for kind, number, name in session.execute(statement)} if ids else {}
    return {key: named[key] for key in keys if key in named}

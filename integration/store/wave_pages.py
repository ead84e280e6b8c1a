"""One wave's list page by page, with what became of each client's people (product.md E4, E7, W15)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from integration.store.reports import Scope, within
from integration.store.responses import Response
from integration.store.wave_lists import PENDING
from integration.store.waves import Invitation, WaveClient, WaveEvent

ASKED = "asked"
BY_OUTCOME = ("answered", "open", "other")  # of the people of clients that are asked


@dataclass(frozen=True, slots=True)
class Invited:
    """One person of a client: the outcome so far, the last letter, and the counted score if there is one."""

    line_id: int
    contact_id: int
    name: str
    outcome: str
    last_letter_at: datetime | None
    score: int | None
    held: bool


def lines(
    session: Session, portal_id: int, wave_id: int, scope: Scope, standing: str, offset: int, limit: int
) -> list[WaveClient]:
    """Clients of a list by name. `standing`: "" everybody, `asked`, one of `BY_OUTCOME`, or a reason (E4)."""
    statement = (
        select(WaveClient)
        .where(*_chosen(portal_id, wave_id, scope, standing))
        .order_by(WaveClient.name, WaveClient.id)
        .offset(offset)
        .limit(limit)
    )
    return list(session.scalars(statement))


def count(session: Session, portal_id: int, wave_id: int, scope: Scope, standing: str) -> int:
    """How many clients `lines` would find in all."""
    statement = select(func.count()).where(*_chosen(portal_id, wave_id, scope, standing))
    return session.execute(statement).scalar_one()


def _chosen(portal_id: int, wave_id: int, scope: Scope, standing: str) -> list[ColumnElement[bool]]:
    found: list[Any] = [WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, within(scope)]
    if standing in BY_OUTCOME:
        answered = _with_outcome(Invitation.outcome == "answered")
        still_open = _with_outcome(Invitation.outcome == "")
        found.append(WaveClient.reason == "")
        found.append(answered if standing == "answered" else ~answered)
        if standing != "answered":
            found.append(still_open if standing == "open" else ~still_open)
    elif standing:
        found.append(WaveClient.reason == ("" if standing == ASKED else standing))
    return found


def _with_outcome(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    of_client = (Invitation.portal_id == WaveClient.portal_id) & (Invitation.wave_client_id == WaveClient.id)
    return select(Invitation.id).where(of_client, condition).exists()


def people(session: Session, portal_id: int, line_ids: Collection[int]) -> list[Invited]:
    """The people of these lines in the order they were invited."""
    statement = (
        select(
            Invitation.wave_client_id, Invitation.contact_id, Invitation.name, Invitation.outcome,
            Invitation.last_letter_at, Response.score, Response.status,
        )
        .outerjoin(Response, (Response.invitation_id == Invitation.id) & (Response.portal_id == portal_id))
        .where(Invitation.portal_id == portal_id, Invitation.wave_client_id.in_(line_ids))
        .order_by(Invitation.wave_client_id, Invitation.id)
    )  # fmt: skip
    return [
        Invited(
            line, contact, name, outcome, letter, score if status == "counted" else None, status == "held"
        )
        for line, contact, name, outcome, letter, score, status in session.execute(statement)
    ]


def pending(session: Session, portal_id: int, wave_id: int) -> tuple[int, int]:
    """Lines whose people have not been read yet, and all lines, of a list that is being made."""
    waits = func.sum(case((WaveClient.reason == PENDING, 1), else_=0))
    statement = select(waits, func.count()).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id
    )
    waiting, lines = session.execute(statement).one()
    return int(waiting or 0), lines


def last_events(session: Session, portal_id: int, wave_id: int, limit: int) -> list[WaveEvent]:
    """The newest lines of a wave's audit trail, the newest first."""
    statement = select(WaveEvent).where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id)
    return list(session.scalars(statement.order_by(WaveEvent.id.desc()).limit(limit)))

"""What waits for a person: follow-ups by date, answers that are held, what a rehearsal found (product.md P1, F4)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, text
from sqlalchemy.orm import Session

from integration.store.followups import OPEN, FollowUp
from integration.store.reports import Scope, within
from integration.store.responses import HELD, Response
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """An answer that counts nowhere until somebody confirms it, with who gave it for whom (product.md S1)."""

    response: Response
    person: str
    client_kind: str
    client_id: int
    client: str
    manager_id: int | None
    city: str


def due_followups(
    session: Session, portal_id: int, until: datetime, scope: Scope, user_id: int, limit: int
) -> list[FollowUp]:
    """Open follow-ups due before a moment, the oldest date first: of the clients in `scope`, and this person's own.

    One whose task is finished waits for the client's word (product.md F5): nobody of the staff is late with it.
    """
    statement = _followups(select(FollowUp), portal_id, until, scope, user_id)
    return list(session.scalars(statement.order_by(FollowUp.deadline, FollowUp.id).limit(limit)))


def followup_counts(
    session: Session, portal_id: int, now: datetime, until: datetime, scope: Scope, user_id: int
) -> tuple[int, int]:
    """How many of them are overdue, and how many come due before `until`."""
    overdue = func.sum(case((FollowUp.deadline < now, 1), else_=0))
    statement = _followups(select(func.count(), overdue), portal_id, until, scope, user_id)
    total, late = session.execute(statement).one()
    return int(late or 0), int(total) - int(late or 0)


def _followups(statement: Any, portal_id: int, until: datetime, scope: Scope, user_id: int) -> Any:
    statement = statement.select_from(FollowUp).where(
        FollowUp.portal_id == portal_id, text(f"followups.{OPEN}"), FollowUp.status == "open",
        FollowUp.deadline < until,
    )  # fmt: skip
    if scope.everyone:
        return statement
    line = and_(
        WaveClient.portal_id == FollowUp.portal_id,
        WaveClient.wave_id == FollowUp.wave_id,
        WaveClient.client_kind == FollowUp.client_kind,
        WaveClient.client_id == FollowUp.client_id,
    )
    mine: ColumnElement[bool] = or_(FollowUp.owner_id == user_id, within(scope))
    return statement.outerjoin(WaveClient, line).where(mine)


def answers(session: Session, portal_id: int, response_ids: Collection[int]) -> dict[int, tuple[int, str]]:
    """Score and words of these answers as they are now, of those that count (product.md S3)."""
    statement = select(Response.id, Response.score, Response.comment).where(
        Response.portal_id == portal_id, Response.id.in_(sorted(response_ids)), Response.status == "counted"
    )
    return {number: (score, comment) for number, score, comment in session.execute(statement)}


def held_count(session: Session, portal_id: int) -> dict[int, int]:
    """Held answers by yearly wave."""
    statement = (
        select(Response.wave_id, func.count())
        .join(Wave, Wave.id == Response.wave_id)
        .where(Response.portal_id == portal_id, text(f"responses.{HELD}"), Wave.of_years())
    )
    return dict(session.execute(statement.group_by(Response.wave_id)).all())


def held(session: Session, portal_id: int, wave_id: int, limit: int) -> list[HeldAnswer]:
    """Held answers of a wave with who gave them, the oldest first."""
    statement = _held(portal_id, wave_id).order_by(Response.answered_at, Response.id).limit(limit)
    return [_answer(row) for row in session.execute(statement)]


def held_one(session: Session, portal_id: int, wave_id: int, response_id: int) -> HeldAnswer | None:
    """One of them, nothing if it is not held (any more)."""
    row = session.execute(_held(portal_id, wave_id).where(Response.id == response_id)).one_or_none()
    return _answer(row) if row is not None else None


def _held(portal_id: int, wave_id: int) -> Any:
    return (
        select(Response, Invitation.name, WaveClient)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Response.portal_id == portal_id, text(f"responses.{HELD}"), Response.wave_id == wave_id)
    )


def _answer(row: Any) -> HeldAnswer:
    response, person, line = row
    return HeldAnswer(
        response, person, line.client_kind, line.client_id, line.name, line.manager_id, line.city
    )


def last_rehearsal(session: Session, portal_id: int, wave_id: int) -> WaveEvent | None:
    """The line of the audit trail the last rehearsal left; its detail names what it found wrong."""
    statement = (
        select(WaveEvent)
        .where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id, WaveEvent.what == "rehearsed")
        .order_by(WaveEvent.id.desc())
    )
    return session.scalars(statement.limit(1)).first()


def ever_approved(session: Session, portal_id: int) -> bool:
    """Whether somebody has ever approved a survey here; imported ones were not made with Molva."""
    statement = select(Wave.id).where(
        Wave.portal_id == portal_id, Wave.approved_by != "", Wave.origin != "import", Wave.of_years()
    )
    return session.scalars(statement.limit(1)).first() is not None


def unfinished_waves(session: Session, portal_id: int) -> list[Wave]:
    """Waves that are planned or under way, the earliest planned first."""
    statement = select(Wave).where(
        Wave.portal_id == portal_id, Wave.stage.not_in(("closed", "cancelled")), Wave.of_years()
    )
    return list(session.scalars(statement.order_by(Wave.planned_at, Wave.id)))

"""A wave row by row, for its file: clients, people, letters, trail (product.md P5, W15).

Rows come as they are read, a thousand at a time, so that a wave of any size fits. Every function takes a `Scope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from integration.store.attempts import Attempt
from integration.store.letters import LetterRow
from integration.store.reports import Scope, within
from integration.store.responses import Response
from integration.store.waves import Invitation, WaveClient, WaveEvent

AT_ONCE = 1000


def clients(session: Session, portal_id: int, wave_id: int, scope: Scope) -> Iterator[Any]:
    """Clients that are asked, and those taken off the list whose answer counts, with the number of their people."""
    people = (
        select(func.count())
        .where(Invitation.wave_client_id == WaveClient.id, Invitation.portal_id == portal_id)
        .correlate(WaveClient)
        .scalar_subquery()
    )
    answered = (
        select(Response.id)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .where(Invitation.wave_client_id == WaveClient.id, Response.status == "counted")
        .correlate(WaveClient)
        .exists()
    )
    return _streamed(
        session,
        _lines(portal_id, wave_id, scope, people.label("people")).where(or_(WaveClient.eligible, answered)),
    )


def left_out(session: Session, portal_id: int, wave_id: int, scope: Scope) -> Iterator[Any]:
    """Clients that are not asked, by reason."""
    lines = _lines(portal_id, wave_id, scope).where(WaveClient.reason != "")
    return _streamed(
        session, lines.order_by(None).order_by(WaveClient.reason, WaveClient.name, WaveClient.id)
    )


def _lines(portal_id: int, wave_id: int, scope: Scope, *more: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(
            WaveClient.client_kind, WaveClient.client_id, WaveClient.name, WaveClient.city, WaveClient.reason,
            WaveClient.reason_detail, WaveClient.since, WaveClient.since_source, WaveClient.deal_id,
            WaveClient.manager_id, WaveClient.salesperson_id, WaveClient.yearly_revenue, *more,
        )
        .where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, within(scope))
        .order_by(WaveClient.name, WaveClient.id)
    )  # fmt: skip


def people(session: Session, portal_id: int, wave_id: int, scope: Scope) -> Iterator[Any]:
    """Everybody who was invited, with the answer, if there is one."""
    given = and_(Response.invitation_id == Invitation.id, Response.portal_id == portal_id)
    statement: Select[*tuple[Any, ...]] = (
        select(
            WaveClient.client_kind, WaveClient.client_id, WaveClient.name.label("client"), Invitation.contact_id,
            Invitation.name, Invitation.role, Invitation.address, Invitation.phone, Invitation.shared,
            Invitation.language, Invitation.time_zone, Invitation.outcome, Invitation.outcome_at,
            Invitation.outcome_detail, Invitation.touches, Response.score, Response.comment, Response.channel,
            Response.status, Response.answered_at, Response.recorded_by, Response.revision,
        )
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(Response, given)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, within(scope))
        .order_by(WaveClient.name, WaveClient.id, Invitation.id)
    )  # fmt: skip
    return _streamed(session, statement)


def letters(session: Session, portal_id: int, wave_id: int, scope: Scope) -> Iterator[Any]:
    """Letters of the wave in the order they were written, without their words."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            WaveClient.name.label("client"), Invitation.name.label("person"), LetterRow.recipient_address,
            LetterRow.kind, LetterRow.status, LetterRow.subject, LetterRow.sender_name, LetterRow.sender_address,
            LetterRow.planned_for, LetterRow.created_at, LetterRow.handed_at, LetterRow.sent_at, LetterRow.bounced_at,
            LetterRow.error,
        )
        .join(Invitation, Invitation.id == LetterRow.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, LetterRow.portal_id == portal_id)
        .where(within(scope))
        .order_by(LetterRow.id)
    )  # fmt: skip
    return _streamed(session, statement)


def calls(session: Session, portal_id: int, wave_id: int, scope: Scope) -> Iterator[Any]:
    """Every call of the wave in the order they were made; one taken back says so."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            WaveClient.name.label("client"), WaveClient.client_kind, WaveClient.client_id,
            Invitation.name.label("person"), Invitation.time_zone, Attempt.number, Attempt.ended_at, Attempt.outcome,
            Attempt.phone, Attempt.call_back_at, Attempt.note, Attempt.caller_name, Attempt.source, Attempt.undone_at,
            Attempt.undone_by,
        )
        .join(Invitation, Invitation.id == Attempt.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Attempt.portal_id == portal_id, Attempt.wave_id == wave_id, within(scope))
        .order_by(Attempt.ended_at, Attempt.id)
    )  # fmt: skip
    return _streamed(session, statement)


def trail(session: Session, portal_id: int, wave_id: int) -> Iterator[Any]:
    """The audit trail, oldest first."""
    statement: Select[*tuple[Any, ...]] = (
        select(WaveEvent.at, WaveEvent.what, WaveEvent.who, WaveEvent.detail)
        .where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id)
        .order_by(WaveEvent.id)
    )
    return _streamed(session, statement)


def _streamed(session: Session, statement: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    return iter(session.execute(statement.execution_options(yield_per=AT_ONCE)))


def managers(session: Session, portal_id: int, wave_id: int, scope: Scope) -> set[int]:
    """Account managers and salespeople of a list."""
    found: set[int] = set()
    for column in (WaveClient.manager_id, WaveClient.salesperson_id):
        statement = select(column).where(
            WaveClient.portal_id == portal_id,
            WaveClient.wave_id == wave_id,
            column.is_not(None),
            within(scope),
        )
        found.update(one for one in session.scalars(statement.distinct()) if one)
    return found

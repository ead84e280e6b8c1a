"""Calls go along when cards are merged: attempts, and who has a client in hand (product.md E3, W7, W8)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from integration.store.attempts import Attempt, CallLease
from integration.store.waves import Invitation

INTO = "into"  # in the detail of an outcome: the invitation under which the same person is asked since


def heir_of(one: Invitation) -> int | None:
    """The invitation under which a person is asked since their cards were merged."""
    number = one.outcome_detail.get(INTO) if one.outcome == "excluded" else None
    return number if isinstance(number, int) else None


def attempts_follow(session: Session, gone: Invitation, living: Invitation) -> list[Attempt]:
    """Put the attempts at one invitation to the other, which is of the same person, and number all of them anew in the
    order of time. Those that count, in that order; both rows are held by the transaction."""
    statement = select(Attempt).where(
        Attempt.portal_id == living.portal_id, Attempt.invitation_id.in_([gone.id, living.id])
    )
    rows = list(session.scalars(statement.order_by(Attempt.ended_at, Attempt.number, Attempt.id)))
    if any(row.invitation_id == gone.id for row in rows):
        for place, row in enumerate(rows, 1):
            row.number = -place  # in two steps: a number stands once with each invitation
        session.flush()
        for place, row in enumerate(rows, 1):
            row.invitation_id, row.number = living.id, place
        session.flush()
    counted = [row for row in rows if row.undone_at is None]
    gone.attempts, living.attempts = 0, len(counted)
    return counted


def lease_follows(session: Session, gone: Invitation, living: Invitation, now: datetime) -> None:
    """Whoever has the one person in hand has the other, who is the same."""
    _over(session, living.portal_id, gone.wave_client_id, living.wave_client_id, gone.id, living.id, now)


def line_follows(session: Session, portal_id: int, gone: int, living: int, now: datetime) -> None:
    """Whoever has a client in hand has the one it was merged into, unless somebody else has that one."""
    held = _held(session, portal_id, gone)
    if held is not None:
        _over(session, portal_id, gone, living, held.invitation_id, held.invitation_id, now)


def in_hand(session: Session, portal_id: int, line_id: int, now: datetime) -> int | None:
    """Which respondent of a client a caller talks to."""
    held = _held(session, portal_id, line_id)
    return held.invitation_id if held is not None and held.until > now else None


def _over(
    session: Session, portal_id: int, old: int, new: int, person: int, becomes: int, now: datetime
) -> None:
    held = _held(session, portal_id, old)
    if held is None or held.invitation_id != person:
        return
    other = _held(session, portal_id, new) if new != old else None
    if other is not None and other.until > now:
        return  # what the caller writes down is found by its own key
    if other is not None:
        session.expunge(other)
        session.execute(delete(CallLease).where(CallLease.portal_id == portal_id, CallLease.key == other.key))
    session.expunge(held)  # its primary key changes
    session.execute(
        update(CallLease)
        .where(CallLease.portal_id == portal_id, CallLease.key == held.key)
        .values(wave_client_id=new, invitation_id=becomes)
        .execution_options(synchronize_session=False)
    )


def _held(session: Session, portal_id: int, line_id: int) -> CallLease | None:
    statement = select(CallLease).where(CallLease.portal_id == portal_id, CallLease.wave_client_id == line_id)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()

"""What the rules need to know of calls: attempts at each respondent, and who is in a caller's hands (product.md W7)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from integration.nps.attempts import Call, CallOutcome
from integration.store.attempts import Attempt, CallLease
from integration.store.waves import Invitation


def calls_of(
    session: Session, portal_id: int, invitation_ids: Collection[int]
) -> dict[int, tuple[Call, ...]]:
    """The attempts at these respondents in the order of time (a sheet brings earlier ones later), without those taken
    back; who was never called is missing."""
    statement = (
        select(
            Attempt.invitation_id, Attempt.number, Attempt.outcome, Attempt.ended_at, Attempt.call_back_at,
            Attempt.phone,
        )
        .where(
            Attempt.portal_id == portal_id, Attempt.invitation_id.in_(invitation_ids), Attempt.undone_at.is_(None)
        )
        .order_by(Attempt.invitation_id, Attempt.ended_at, Attempt.number)
    )  # fmt: skip
    found: dict[int, list[Call]] = {}
    for invitation, number, outcome, at, back, phone in session.execute(statement):
        found.setdefault(invitation, []).append(Call(number, cast("CallOutcome", outcome), at, back, phone))
    return {number: tuple(calls) for number, calls in found.items()}


def in_hand(
    session: Session, portal_id: int, invitation_ids: Collection[int], now: datetime
) -> dict[int, datetime]:
    """Respondents whom a caller has taken, and until when."""
    statement = select(CallLease.invitation_id, CallLease.until).where(
        CallLease.portal_id == portal_id,
        CallLease.invitation_id.in_(invitation_ids),
        CallLease.until > now,
    )
    return dict(session.execute(statement).all())


def nobody_is_due(session: Session, portal_id: int, wave_id: int) -> None:
    """Nobody of this wave is to be called any more: it stands still, or is over."""
    session.execute(
        update(Invitation)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.wave_id == wave_id,
            Invitation.call_due_at.is_not(None),
        )
        .values(call_due_at=None, call_until=None)
        .execution_options(synchronize_session=False)
    )

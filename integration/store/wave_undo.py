"""Opening again what somebody ended in a wave by mistake: invitations, and the letters that their end took back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from integration.store.letters import LetterRow
from integration.store.waves import Invitation


def bring_letters_back(
    session: Session, portal_id: int, invitation_ids: Collection[int], taken_back_at: datetime
) -> int:
    """Let letters wait again that were taken back at one moment, with the end of their invitation."""
    statement = update(LetterRow).where(
        LetterRow.portal_id == portal_id,
        LetterRow.invitation_id.in_(invitation_ids),
        LetterRow.status == "cancelled",
        LetterRow.finished_at == taken_back_at,
        LetterRow.handed_at.is_(None),
    )
    statement = statement.values(status="waiting", finished_at=None)
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount


def excluded_people(session: Session, portal_id: int, wave_id: int, line_id: int) -> list[Invitation]:
    """Invitations of one client that an exclusion has ended, held until the end of the transaction."""
    statement = select(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id,
        Invitation.wave_client_id == line_id, Invitation.outcome == "excluded",
    )  # fmt: skip
    return list(session.scalars(statement.order_by(Invitation.id).with_for_update()))

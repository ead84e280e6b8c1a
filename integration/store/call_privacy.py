"""What calls leave about people, both those called and those of a call centre who called (product.md T7, W9)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, or_, select, update
from sqlalchemy.orm import Session

from integration.store.attempts import Attempt, CallLease
from integration.store.call_links import CallLink, CallView
from integration.store.call_sheets import CallSheet, CallSheetRow
from integration.store.waves import Wave, WaveEvent

KEPT = ("outcome", "score")  # of a sheet's row when its person is forgotten: numbers of nobody


def attempts_of(session: Session, portal_id: int, invitations: Collection[int]) -> list[Attempt]:
    """The calls to these people, those taken back too, in order."""
    statement = select(Attempt).where(
        Attempt.portal_id == portal_id, Attempt.invitation_id.in_(sorted(invitations))
    )
    return list(session.scalars(statement.order_by(Attempt.invitation_id, Attempt.number)))


def views_of(session: Session, portal_id: int, invitations: Collection[int]) -> list[CallView]:
    """Who of a call centre looked at these people, in order."""
    statement = select(CallView).where(
        CallView.portal_id == portal_id, CallView.invitation_id.in_(sorted(invitations))
    )
    return list(session.scalars(statement.order_by(CallView.id)))


def rows_of(session: Session, portal_id: int, invitations: Collection[int]) -> list[CallSheetRow]:
    """What sheets of a call centre said about these people, in order."""
    statement = select(CallSheetRow).where(
        CallSheetRow.portal_id == portal_id, CallSheetRow.invitation_id.in_(sorted(invitations))
    )
    return list(session.scalars(statement.order_by(CallSheetRow.id)))


def scrub(session: Session, portal_id: int, invitations: Sequence[int]) -> None:
    """Take numbers, notes and words away from calls and sheets; nobody has these people in hand any more."""
    mine = (Attempt.portal_id == portal_id) & Attempt.invitation_id.in_(invitations)
    _change(session, update(Attempt).where(mine).values(phone="", note=""))
    _change(
        session,
        delete(CallLease).where(CallLease.portal_id == portal_id, CallLease.invitation_id.in_(invitations)),
    )
    for row in rows_of(session, portal_id, invitations):
        row.said = {name: value for name, value in row.said.items() if name in KEPT}
    session.flush()


def forget_callers(session: Session, portal_id: int, before: datetime) -> int:
    """Forget who of a call centre called and looked in surveys that ended before a moment, and what their sheets were
    called; how many looks there were. Calls stay as numbers."""
    over = select(Wave.id).where(
        Wave.portal_id == portal_id, func.coalesce(Wave.closed_at, Wave.planned_at) < before,
        Wave.stage.in_(("closed", "cancelled")),
    )  # fmt: skip
    gone = _change(
        session, delete(CallView).where(CallView.portal_id == portal_id, CallView.wave_id.in_(over))
    )
    of_links = (CallLink.portal_id == portal_id) & CallLink.wave_id.in_(over)
    _change(
        session,
        update(CallLink)
        .where(of_links, or_(CallLink.name != "", CallLink.firm != ""))
        .values(name="", firm=""),
    )
    theirs = (Attempt.portal_id == portal_id) & Attempt.wave_id.in_(over)
    _change(
        session,
        update(Attempt)
        .where(theirs, Attempt.source != "desk", Attempt.caller_name != "")
        .values(caller_name=""),
    )
    trail = (WaveEvent.portal_id == portal_id) & WaveEvent.wave_id.in_(over)
    named = WaveEvent.what.in_(("call_link_made", "call_link_revoked"))
    _change(session, update(WaveEvent).where(trail, named).values(detail=""))
    sheets = select(CallSheet.id).where(CallSheet.portal_id == portal_id, CallSheet.wave_id.in_(over))
    _change(
        session,
        delete(CallSheetRow).where(CallSheetRow.portal_id == portal_id, CallSheetRow.sheet_id.in_(sheets)),
    )
    return gone


def drop_previews(session: Session, portal_id: int, before: datetime) -> int:
    """Forget the rows of sheets that somebody looked at before a moment and did not go on with; how many sheets."""
    old = select(CallSheet.id).where(
        CallSheet.portal_id == portal_id, CallSheet.stage == "preview", CallSheet.uploaded_at < before
    )
    numbers = list(session.scalars(old))
    _change(
        session,
        delete(CallSheetRow).where(CallSheetRow.portal_id == portal_id, CallSheetRow.sheet_id.in_(numbers)),
    )
    _change(
        session,
        update(CallSheet)
        .where(CallSheet.portal_id == portal_id, CallSheet.id.in_(numbers))
        .values(stage="dropped"),
    )
    return len(numbers)


def _change(session: Session, statement: Any) -> int:
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount

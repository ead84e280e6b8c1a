"""Giving out and forgetting what calls leave about a person, and about those who called (product.md T7, W9)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.store import call_privacy as rows
from integration.store.privacy import Traces

FORGOTTEN = timedelta(days=30)  # a sheet that was looked at and never taken in


def given(session: Session, portal_id: int, found: Traces) -> dict[str, Any]:
    """The calls to a person, who of a call centre looked at them, and what its sheets said, as plain data."""
    numbers = [one.id for one in found.invitations]
    return {
        "calls": [
            {
                "invitation": one.invitation_id, "number": one.number, "outcome": one.outcome, "phone": one.phone,
                "at": one.ended_at.isoformat(), "note": one.note, "caller": one.caller_name,
                "call_back_at": one.call_back_at.isoformat() if one.call_back_at else None,
                "taken_back": one.undone_at is not None,
            }
            for one in rows.attempts_of(session, portal_id, numbers)
        ],
        "looks_of_call_centres": [
            {"at": one.at.isoformat(), "who": one.who, "network_address": one.remote}
            for one in rows.views_of(session, portal_id, numbers)
        ],
        "sheets_of_call_centres": [
            {"at": one.at.isoformat() if one.at else None, "status": one.status, "said": one.said}
            for one in rows.rows_of(session, portal_id, numbers)
        ],
    }  # fmt: skip


def forget_older(session: Session, portal_id: int, before: datetime, now: datetime) -> None:
    """Forget callers of surveys that ended before a moment, and sheets nobody went on with for a month."""
    rows.forget_callers(session, portal_id, before)
    rows.drop_previews(session, portal_id, now - FORGOTTEN)

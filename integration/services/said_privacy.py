"""Giving out and forgetting what a person wrote by the direct line or about a colleague (product.md T7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.store import said_privacy as rows
from integration.store.privacy import Traces


def given(session: Session, portal_id: int, found: Traces) -> dict[str, Any]:
    """The person's own messages and proposals as plain data."""
    return {
        "direct_messages": [
            {
                "said_at": one.said_at.isoformat(), "name": one.person, "reach": one.back, "words": one.words,
                "status": one.status,
            }
            for one in rows.messages_of(session, portal_id, found)
        ],
        "colleagues": [
            {
                "said_at": one.said_at.isoformat(), "name": one.name, "reach": one.reach, "words": one.words,
                "status": one.status,
            }
            for one in rows.colleagues_of(session, portal_id, found)
        ],
    }  # fmt: skip


def forget(session: Session, portal_id: int, found: Traces, now: datetime) -> None:
    """Empty all of it, before the person's invitations lose their names."""
    rows.scrub_messages(session, portal_id, rows.messages_of(session, portal_id, found), now)
    named = [one.id for one in rows.colleagues_of(session, portal_id, found)]
    rows.scrub_colleagues(session, portal_id, named)


def forget_older(session: Session, portal_id: int, before: datetime, limit: int, now: datetime) -> bool:
    """Empty what was said before a moment, at most `limit` of each; True: there is more."""
    messages, named = rows.outlived(session, portal_id, before, limit)
    rows.scrub_messages(session, portal_id, messages, now)
    rows.scrub_colleagues(session, portal_id, named)
    return limit in (len(messages), len(named))

"""Calls to the portal that were queued by something which is taken back (product.md B4)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from integration.store.outbox import OutboxRow


def drop_calls(
    session: Session, portal_id: int, cause: str, ids: Collection[int], since: datetime, now: datetime
) -> bool:
    """Take back what these causes have queued since a moment and has not left; False: some of it has, or is leaving.

    False leaves some of it taken back: the transaction must not be committed then.
    """
    mine = (
        OutboxRow.portal_id == portal_id, OutboxRow.cause_kind == cause, OutboxRow.cause_id.in_(ids),
        OutboxRow.created_at >= since,
    )  # fmt: skip
    session.execute(
        update(OutboxRow)
        .where(*mine, OutboxRow.status.in_(("waiting", "buried")), OutboxRow.sent_at.is_(None))
        .values(status="superseded", finished_at=now)
        .execution_options(synchronize_session=False)
    )
    left = select(OutboxRow.id).where(*mine, OutboxRow.status != "superseded")
    return session.execute(left.limit(1)).first() is None

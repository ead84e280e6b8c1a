"""Calls that wait or were given up, for people: what they are, and sending one again (product.md B4)."""

from __future__ import annotations

from typing import Any

from integration.services.calls_queue import MISSING, repair_fields
from integration.services.deps import Deps
from integration.store import outbox as rows
from integration.store import portals as portal_rows
from integration.store import queue
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow


def unfinished(deps: Deps, portal_id: int) -> list[dict[str, Any]]:
    """Calls that are not done, those given up first; no contents, they may be personal."""
    with reading(deps.sessions) as session:
        return [
            {
                "id": row.id, "status": row.status, "purpose": row.purpose, "method": row.method, "lane": row.lane,
                "attempts": row.attempts, "error": row.error, "due_at": row.due_at, "created_at": row.created_at,
            }
            for row in rows.unfinished(session, portal_id)
        ]  # fmt: skip


def resend(deps: Deps, portal_id: int, row_id: int) -> bool:
    """Try a call that was given up again; False if it was not. One that may have worked asks its probe first."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = session.get(OutboxRow, row_id)
        portal = portal_rows.get(session, portal_id)
        if row is None or portal is None or row.portal_id != portal_id:
            return False
        if row.status == "buried" and row.error.startswith(MISSING):
            repair_fields(session, portal, now)
            session.flush()
            return row.status == "waiting"
        return queue.requeue(session, row, now)

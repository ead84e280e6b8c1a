"""Small chores: asking a suspended portal, pruning old rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError, Retryable
from integration.services import privacy, referral_imports, request_log
from integration.services.access import PortalRest, regained
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.states import PROBE
from integration.store.base import transaction
from integration.store.chores import Heartbeat
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow

INBOX_KEPT = timedelta(days=7)
OUTBOX_KEPT = timedelta(days=400)  # a row's key keeps the same cause from writing twice: longer than a wave


def probe(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """Ask a suspended portal for something free; a success resumes it, `access.PortalRest` sees to that. One that was
    lost because our own keys were refused gets its tokens renewed as soon as they are taken."""
    try:
        if regained(deps, portal_id):
            return Outcome()
        PortalRest(deps, portal_id).call(calls.server_time())
    except Retryable:
        raise
    except BitrixError:
        return Outcome(deps.clock.now() + PROBE, {})
    return Outcome()


def prune(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """Drop finished rows that are of no use any more, and persons the portal no longer wants to remember (T7)."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        _drop(session, InboxRow, portal_id, now - INBOX_KEPT)
        _drop(session, OutboxRow, portal_id, now - OUTBOX_KEPT)
        session.execute(delete(Heartbeat).where(Heartbeat.seen_at < now - INBOX_KEPT))
    referral_imports.prune(deps, portal_id)
    more = request_log.prune(deps, portal_id)
    return Outcome(now, {}) if privacy.forget_old(deps, portal_id) or more else Outcome()


def _drop(session: Session, model: Any, portal_id: int, before: datetime) -> None:
    session.execute(
        delete(model)
        .where(
            model.portal_id == portal_id,
            model.status.in_(("done", "superseded", "cancelled")),
            model.finished_at < before,
        )
        .execution_options(synchronize_session=False)
    )

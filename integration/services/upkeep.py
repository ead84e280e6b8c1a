"""Small chores: asking a suspended portal, erasing what an administrator wanted erased, pruning old rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError, Retryable
from integration.logs import log
from integration.services import privacy
from integration.services.access import PortalRest
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.states import PROBE
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.chores import Heartbeat
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow

INBOX_KEPT = timedelta(days=7)
OUTBOX_KEPT = timedelta(days=400)  # a row's key keeps the same cause from writing twice: longer than a wave


def probe(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """Ask a suspended portal for something free; a success resumes it, `access.PortalRest` sees to that."""
    try:
        PortalRest(deps, portal_id).call(calls.server_time())
    except Retryable:
        raise
    except BitrixError:
        return Outcome(deps.clock.now() + PROBE, {})
    return Outcome()


def erase(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """Erase an uninstalled portal's data, seven days after the administrator wished it (product.md T1)."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is not None and portal.status == "uninstalled":
        with transaction(deps.sessions) as session:
            rows.remove(session, portal_id)
        log(__name__).info("portal.erased", portal=portal_id)
    return Outcome()


def prune(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """Drop finished rows that are of no use any more, and persons the portal no longer wants to remember (T7)."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        _drop(session, InboxRow, portal_id, now - INBOX_KEPT)
        _drop(session, OutboxRow, portal_id, now - OUTBOX_KEPT)
        session.execute(delete(Heartbeat).where(Heartbeat.seen_at < now - INBOX_KEPT))
    return Outcome(now, {}) if privacy.forget_old(deps, portal_id) else Outcome()


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

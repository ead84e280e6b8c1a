"""What people wrote back, found in the portal: an event or the reconciliation says that there is mail (product.md W18).

Any number of e-mails is one look at the list of them behind a watermark, so that a busy portal costs a request a
minute, an event that was lost costs nothing, and none is asked while no survey runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.bitrix.errors import AccessLost, BitrixError, Refused, Suspended
from integration.logs import log
from integration.services import reply_reader
from integration.services.deps import Deps
from integration.store import replies as rows
from integration.store.base import reading
from integration.store.reports import EVERYONE, Scope

EVENT = "ONCRMACTIVITYADD"
EVERY = timedelta(minutes=1)  # at most so often an event leads to a look


def wanted(session: Session, portal_id: int, now: datetime) -> bool:
    """Whether an e-mail may be an answer to us: a wave runs, or has closed so lately that answers may be corrected."""
    return rows.anybody_listens(session, portal_id, now - reply_reader.MOST_EDIT_DAYS)


def on_activity(deps: Deps, portal_id: int) -> datetime | None:
    """Something was added to a card, maybe an e-mail: look, unless that was done within the last minute. The moment
    to look again, UTC; nothing if all is read. Raises `BitrixError` while the portal cannot be asked."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        _, looked = rows.mark(session, portal_id)
    if looked is not None and now - EVERY < looked <= now:
        return looked + EVERY
    return now if reply_reader.read(deps, portal_id) else None


def catch_up(deps: Deps, portal_id: int) -> None:
    """The same without an event, for those that were lost: a part of the reconciliation, which it never stops."""
    try:
        reply_reader.read(deps, portal_id)
    except (AccessLost, Suspended):
        raise
    except BitrixError as error:
        warn = log(__name__).warning if isinstance(error, Refused) else log(__name__).info
        warn("replies.not_read", portal=portal_id, code=str(error))


def waiting(session: Session, portal_id: int, wave_id: int | None = None, scope: Scope = EVERYONE) -> int:
    """How many replies wait for somebody: of one wave or of all, of the clients in `scope`."""
    return rows.count(session, portal_id, scope, new=True, wave_id=wave_id)

"""Whether a tick has anything to do: one indexed read, so that an idle worker takes no write lock.

On SQLite every claim takes the only write lock there is; asking first keeps it for those who need it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from integration.services.deps import Deps
from integration.store.base import reading
from integration.store.chores import ChoreRow
from integration.store.inbox import InboxRow
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.queue import Claimable, is_open
from integration.store.waves import Invitation, Wave


def inbox(deps: Deps) -> bool:
    """An event waits, or was left lying."""
    return _any_due(deps, InboxRow)


def outbox(deps: Deps) -> bool:
    """A call waits, or was left lying."""
    return _any_due(deps, OutboxRow)


def letters(deps: Deps) -> bool:
    """A letter waits, or was left lying."""
    return _any_due(deps, LetterRow)


def chores(deps: Deps) -> bool:
    """A chore's date has come."""
    return _any_due(deps, ChoreRow)


def waves(deps: Deps) -> bool:
    """A wave's step or an invitation's date has come."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        if session.scalar(select(Wave.id).where(Wave.step_due_at <= now).limit(1)) is not None:
            return True
        return session.scalar(select(Invitation.id).where(Invitation.due_at <= now).limit(1)) is not None


def _any_due(deps: Deps, row: type[Claimable]) -> bool:
    """Open and dated to now or earlier: for a row in work, the lease decides later, at the claim."""
    columns: Any = row
    statement = select(columns.id).where(is_open(row), columns.due_at <= deps.clock.now()).limit(1)
    with reading(deps.sessions) as session:
        return session.scalar(statement) is not None

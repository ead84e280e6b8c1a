"""Under which name background work is found again, in the logs and in the log of requests (product.md T8).

A row of a queue keeps the id of the request, or of the work, that made it (`store.queue.Claimable.origin`). Whoever
works it off does so under that id: from a click to the portal's answer there is one name, through restarts too. Work
that serves several wishes at once gets a name of its own, and one line of log says whose wishes those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import structlog

from integration.logs import REQUEST, log
from integration.services import request_log
from integration.store.chores import ChoreRow
from integration.store.queue import Claimable

NAMED = 20  # wishes named in a line


@contextmanager
def tick(name: str) -> Iterator[None]:
    """Work of the clock itself, that no row stands for: a name of its own."""
    with _under(f"{name}-{uuid4().hex[:16]}"):
        yield


@contextmanager
def work(rows: Sequence[Claimable]) -> Iterator[None]:
    """The rows just claimed are worked off inside the block; without any nothing changes."""
    if not rows:
        yield
        return
    origins = sorted({_origin(row) for row in rows})
    name = origins[0] if len(origins) == 1 and origins[0] else _own(rows[0])
    with _under(name):
        wishes = [origin for origin in origins if origin and origin != name]
        if wishes:
            log(__name__).info(
                "work.joined", portal=rows[0].portal_id, rows=len(rows), causes=wishes[:NAMED],
                more=max(0, len(wishes) - NAMED),
            )  # fmt: skip
        yield


def _origin(row: Claimable) -> str:
    """A chore that comes again is nobody's wish any more."""
    return "" if isinstance(row, ChoreRow) and row.every_seconds else row.origin


def _own(row: Claimable) -> str:
    """Another name for each date of a row, and for each attempt."""
    return f"{row.__tablename__}-{row.id}-{int(row.due_at.timestamp()):x}-{row.attempts}"  # type: ignore[attr-defined]


@contextmanager
def _under(name: str) -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(**{REQUEST: name[:64]}), request_log.under(name):
        yield

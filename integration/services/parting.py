"""Calls that shared a request which broke are parted, until the one that breaks it waits alone (product.md B4).

One card whose automation brings the portal down answers for a whole batch: an error, or nothing at all. Whoever is
in such a request a second time keeps away from all others from then on, and goes in half the number each time it
breaks again, so that fifty are told apart after six requests. If it was the portal and not a call, the first small
request that works lets the others share twice as large ones, and so on: an hour without the portal costs a few
requests, not one for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from integration.bitrix.paging import BATCH
from integration.services.deps import Deps
from integration.store import outbox as rows
from integration.store.base import reading, transaction
from integration.store.outbox import OutboxRow

LATELY = timedelta(hours=2)  # longer than the longest pause between two attempts


def together(claimed: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Those of the claimed calls that may share a request with the first one, in order."""
    chosen: list[OutboxRow] = []
    for row in claimed:
        kin = [*chosen, row]
        limit = min((one.part for one in kin if one.part), default=BATCH)
        if bool(row.part) == bool(kin[0].part) and len(kin) <= limit:
            chosen = kin
    return chosen


def half(shared: int) -> int:
    """With how many a call may share its next request, after one of so many calls has broken."""
    return (shared + 1) // 2


def went(deps: Deps, sent: Sequence[OutboxRow]) -> None:
    """A request was answered: if those in it had been parted, the others of their portal may come closer again."""
    if any(row.part for row in sent):
        with transaction(deps.sessions) as session:
            rows.trust(session, sent[0].portal_id, BATCH)


def to_blame(deps: Deps, row: OutboxRow, shared: int) -> bool:
    """Whether it is this call that breaks its requests: it was alone in the last one, and others have worked lately."""
    if shared != 1:
        return False
    with reading(deps.sessions) as session:
        return rows.worked_since(session, row.portal_id, deps.clock.now() - LATELY)

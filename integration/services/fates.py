"""What becomes of a call that did not work: again later, on another card, or left to people (product.md B4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from integration.bitrix.answers import MALFORMED
from integration.bitrix.errors import (
    AccessLost,
    BitrixError,
    NotFound,
    Refused,
    Retryable,
    Suspended,
    TokenExpired,
    lacks_right,
)
from integration.logs import log
from integration.services import heirs, parting
from integration.services.access import settle_loss
from integration.services.cards import TABLES
from integration.services.deps import Deps
from integration.services.pace import PACED
from integration.services.projects import telling
from integration.services.reading import NEIGHBOUR
from integration.store import inbox as inbox_rows
from integration.store import mirror, queue
from integration.store import outbox as rows
from integration.store import portals as portal_rows
from integration.store.base import transaction
from integration.store.outbox import OutboxRow

SETTLE = timedelta(
    seconds=65
)  # a request that broke off may work in the portal for a minute (bitrix24.md 5.2)
LATER = timedelta(hours=1)
ATTEMPTS = 40  # with pauses of up to an hour: more than a day
PATIENCE = timedelta(days=7)  # with a portal that answers nobody
DOUBTS = 3  # looks at a field that does not take what is written, at a creation that answers nothing
BREAKS = "breaks"  # error code of a call that breaks every request it is in
TRACE = timedelta(minutes=2)  # until the deals of a card that is gone have been looked at
NOT_SENT: dict[str, Any] = {"sent_at": None}


def refused(deps: Deps, row: OutboxRow, error: Exception) -> None:
    """By what the code means: again when the portal says, not before access is back, or never (`bitrix.errors`)."""
    if (
        isinstance(error, Retryable)
        and error.code == MALFORMED
        and not row.call["repeat"]
        and row.attempts > DOUBTS
    ):
        undecidable(deps, [row])  # whatever it answers, it says nothing: not again and again
    elif isinstance(error, Retryable):
        retry(deps, row, error)
    elif isinstance(error, AccessLost) and error.kind == "scope" and row.attempts < ATTEMPTS:
        settle_loss(deps, row.portal_id, error)  # people are told; the call goes when the right is there
        put_back(deps, row, LATER, _words(error), **NOT_SENT)  # what needs another right goes past it
    elif isinstance(error, Suspended | TokenExpired) or _is_gone(error):
        put_back(deps, row, LATER, str(error), **NOT_SENT)
    elif isinstance(error, NotFound) and _followed(deps, row, error):
        pass
    elif isinstance(error, Refused) and telling.is_over(row, error.code):
        with transaction(deps.sessions) as session:
            queue.done(session, row, deps.clock.now(), error="nobody_waits")
    else:
        bury(deps, row, _words(error) if isinstance(error, BitrixError) else "failed")


def _is_gone(error: Exception) -> bool:
    """Whether the portal's access as a whole is lost: its state keeps the call until it is back."""
    return isinstance(error, AccessLost) and error.kind != "scope"


def _followed(deps: Deps, row: OutboxRow, error: NotFound) -> bool:
    """A client's card that is not there may have been merged: the call goes to the card that stayed, or waits once
    until it can be seen which one that is."""
    left, now = heirs.client_of(row), deps.clock.now()
    if left is None:
        return False
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, row.portal_id)
        card = mirror.stored(session, row.portal_id, TABLES[left.kind], [left.id]).get(left.id)
        if portal is None or card is None:
            return False
        if heirs.heir_of(session, row.portal_id, left) is not None:
            if queue.done(session, row, now, status="superseded", error="merged", **NOT_SENT):
                heirs.follow(session, portal, row, now)
            return True
        if row.error.startswith(rows.GONE):
            return False
        if card["deleted_at"] is None:
            inbox_rows.store(session, row.portal_id, now, NEIGHBOUR, left.kind, left.id)
        queue.retry(session, row, now, now + TRACE, _words(error), **NOT_SENT)
        return True


def _words(error: BitrixError) -> str:
    """Code and the portal's own words, for the operator; behind `NO_RIGHT` where a right is missing."""
    said = f"{error.code.lower() or 'refused'}: {str(getattr(error, 'text', ''))[:300]}".rstrip(": ")
    return f"{rows.NO_RIGHT}: {said}" if lacks_right(error) else said


def all_failed(deps: Deps, many: Sequence[OutboxRow], error: BitrixError, *, creating_left: bool) -> None:
    """The request as a whole did not work: nothing is given up, and what did not leave is not in doubt."""
    if error.code == PACED and not creating_left:
        with transaction(deps.sessions) as session:
            rows.release(session, many, **NOT_SENT)
        return
    if many and error.code != PACED:
        log(__name__).warning("outbox.waits", portal=many[0].portal_id, code=str(error), rows=len(many))
    for row in many:
        if isinstance(error, Retryable):
            retry(deps, row, error, in_doubt=creating_left, shared=len(many))
        else:
            put_back(deps, row, LATER, str(error), **({} if creating_left else NOT_SENT))


def retry(deps: Deps, row: OutboxRow, error: Retryable, *, in_doubt: bool = False, shared: int = 0) -> None:
    """Again later: when the portal says, else with growing delay; not while the call may still run in the portal.

    `in_doubt`: the call may have worked, and only the look whether it has was put off. `shared`: the request failed
    as a whole, and so many calls were in it: a portal that is down for days costs no call its life, a call that
    brings down every request gets one of its own in the end.
    """
    now = deps.clock.now()
    if row.attempts >= ATTEMPTS and error.effect == "unknown" and parting.to_blame(deps, row, shared):
        bury(deps, row, f"{BREAKS}: {error}")
        return
    if row.attempts >= ATTEMPTS and not (shared and now - row.created_at < PATIENCE):
        bury(deps, row, f"gave_up: {error}")
        return
    parted = shared > 0 and error.effect == "unknown" and row.attempts > 1
    wait = timedelta(seconds=error.after) if error.after else queue.backoff(row.attempts, row.id)
    if error.until is not None:
        wait = max(error.until - now, timedelta(seconds=1))
    elif parted and shared > 1 and not error.after:
        wait = SETTLE  # soon, as it goes with fewer each time, and most of them are innocent
    if error.effect == "unknown":  # an update too: it could come after the card's next one
        wait = max(wait, SETTLE)
    kept = in_doubt or error.effect == "unknown" or row.call["repeat"]
    part = {"part": parting.half(shared)} if parted else {}
    words = _words(error) if lacks_right(error) else str(error)
    put_back(deps, row, wait, words, **part, **({} if kept else NOT_SENT))


def put_back(deps: Deps, row: OutboxRow, wait: timedelta, error: str, **values: Any) -> None:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        queue.retry(session, row, now, now + wait, error, **values)


def bury(deps: Deps, row: OutboxRow, error: str) -> None:
    log(__name__).error("outbox.buried", portal=row.portal_id, lane=row.lane, method=row.method, error=error)
    with transaction(deps.sessions) as session:
        queue.bury(session, row, deps.clock.now(), error)


def undecidable(deps: Deps, doubtful: Sequence[OutboxRow]) -> list[OutboxRow]:
    for row in doubtful:
        bury(deps, row, "unknown_outcome")
    return []

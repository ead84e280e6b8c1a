"""Portal events: checked, stored and answered in one step; looked at afterwards, in order per card (product.md T2).

An event is a hint that a card has changed, nothing more: what is true is read from the portal. So any
number of events of one card fold into one waiting row, and one look serves them all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.protocol import Event, same_token
from integration.logs import log
from integration.services import lifecycle, pace, replies, tasks, traces
from integration.services.access import PortalRest
from integration.services.changes import changed, gone
from integration.services.deps import Deps
from integration.services.pace import PACED
from integration.services.portals import InstallRefused, accept_event_install
from integration.services.reading import MOST, Look, keep, look, reading_of
from integration.services.turns import in_turn
from integration.store import inbox as rows
from integration.store import mirror as mirror_rows
from integration.store import queue
from integration.store.base import reading, transaction
from integration.store.inbox import InboxRow, Receiver

LEASE = timedelta(minutes=5)
FEW = 5  # cards finished in one commit
ATTEMPTS = 8  # looks that fail by our own fault before people are asked
TASK_PATIENCE = timedelta(seconds=10)  # a task's event may come before the answer that tells its id
CARDS = re.compile(r"ONCRM(DEAL|COMPANY|CONTACT|LEAD)(ADD|UPDATE|DELETE|MOVETOCATEGORY)")
MAIL = "activity"
ALONE = ("portal", "field", MAIL)  # rows that are no cards, each handled by itself
TASKS = frozenset({"ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE"})
FIELDS = re.compile(r"ONCRM(?:DEAL|COMPANY|CONTACT|LEAD)USERFIELD(?:ADD|UPDATE|DELETE|SETENUMVALUES)")
OURS = "UF_CRM_MOLVA_"
LARGEST_ID = 2**31 - 1  # what our columns hold; no portal has so many cards

ignored: Counter[str] = Counter()  # genuine events of no use, by name, since this process began


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event: `accepted` stored, `ignored` genuine but useless, `rejected` not to be believed."""

    outcome: Literal["accepted", "ignored", "rejected"]
    reason: str = ""


ACCEPTED = Verdict("accepted")


class _LeaseLost(Exception):
    """Somebody else works on the row by now."""


def accept(deps: Deps, event: Event) -> Verdict:
    """Check who sent an event and keep it; makes no request to the portal.

    The exception is an installation event with a token we do not know: it is proven at the authorisation
    server at once, because there may be no portal yet to store it for (bitrix24.md 2.4, 2.5).
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = rows.receivers(session, event.grant.member_id)
        receiver = _sender(found, event)
        if receiver is None and (hinted := lifecycle.hinted(session, found, event, now)) is not None:
            return ACCEPTED if hinted else _ignore(event.name)
        if receiver is not None:
            if event.lifecycle:
                rows.store_lifecycle(session, receiver.portal_id, now, event.name, lifecycle.payload(event))
                return ACCEPTED
            kind, entity_id = _about(event)
            if not kind:
                return _ignore(event.name)
            if kind == "task" and not rows.is_our_task(session, receiver.portal_id, entity_id):
                return _ignore(event.name)
            if kind == MAIL and not replies.wanted(session, receiver.portal_id, now):
                return _ignore(event.name)
            rows.store(session, receiver.portal_id, now, event.name, kind, entity_id)
            return ACCEPTED
    return _stranger(deps, event, bool(found))


def _sender(found: Sequence[Receiver], event: Event) -> Receiver | None:
    """The installation whose token the event carries, compared in constant time."""
    matching = [one for one in found if same_token(one.application_token, event.grant.application_token)]
    return next((one for one in matching if one.status != "uninstalled"), None)


def _stranger(deps: Deps, event: Event, known: bool) -> Verdict:
    if event.name in ("ONAPPINSTALL", "ONAPPUPDATE") and event.grant.access_token:
        try:
            accept_event_install(deps, event)
        except InstallRefused as refused:
            return Verdict("rejected", refused.code)
        return ACCEPTED
    return Verdict("rejected", "wrong_token" if known else "unknown_portal")


def _about(event: Event) -> tuple[str, int]:
    """Kind and id of what an event is about; an empty kind for what is of no use to us."""
    card = CARDS.fullmatch(event.name)
    entity_id = event.entity_id if event.entity_id and event.entity_id <= LARGEST_ID else 0
    if card is not None and entity_id:
        return card.group(1).lower(), entity_id
    if event.name in TASKS and entity_id:
        return "task", entity_id
    if event.name == replies.EVENT:
        return MAIL, 0  # whichever it was: all new ones are read at once
    if FIELDS.fullmatch(event.name):
        fields = event.data.get("FIELDS")
        name = str(fields.get("FIELD_NAME") or "") if isinstance(fields, dict) else ""
        return ("field", 0) if name.upper().startswith(OURS) else ("", 0)
    return "", 0


def _ignore(name: str) -> Verdict:
    ignored[name] += 1
    return Verdict("ignored", "no_use")


# --- working off


def drain(deps: Deps) -> bool:
    """One turn for each portal that has something waiting: a look at up to 50 cards and tasks. True if there was any.

    A portal with ten thousand changed cards gets no more of a round than one with a single card (product.md T2).
    """

    def due() -> list[int]:
        with reading(deps.sessions) as session:
            return rows.portals_with_work(session, deps.clock.now())

    return in_turn(due, partial(_turn, deps))


def _turn(deps: Deps, portal_id: int) -> bool:
    """Claim what waits in one portal and work it off; whether there was anything.

    While the portal's bucket is full, cards are left where they are and keep their dates.
    """
    with transaction(deps.sessions) as session:
        full = pace.full(session, portal_id, deps.clock.now())
        claimed = queue.claim(
            session, InboxRow, now=deps.clock.now(), owner=deps.settings.worker_name, lease=LEASE, limit=MOST,
            portal_id=portal_id, where=rows.workable() & rows.without_cards() if full else rows.workable(),
        )  # fmt: skip
    for row in (row for row in claimed if row.kind in ALONE):
        with traces.work([row]):
            _alone(deps, row)
    cards = [row for row in claimed if row.kind not in ALONE]
    with traces.work(cards):
        if cards:
            _look(deps, portal_id, cards)
    return bool(claimed)


def _alone(deps: Deps, row: InboxRow) -> None:
    """An event about the application, about our fields, which set-up makes good, or about mail, which is read."""
    now = deps.clock.now()
    try:
        again = _mail(deps, row, now) if row.kind == MAIL else lifecycle.handle(deps, row)
    except BitrixError as error:
        _later(deps, [row], error)
        return
    except Exception:  # a fault of ours must not keep the portal's cards waiting
        log(__name__).exception("event.failed", portal=row.portal_id, lane=row.lane, code=row.event)
        _failed(deps, row, "failed", patient=False)
        return
    told = "" if row.kind == MAIL else "not confirmed"
    with transaction(deps.sessions) as session:
        if again is None:
            queue.done(session, row, now)
        else:
            queue.retry(session, row, now, now + again.after, told, payload=again.payload)


def _mail(deps: Deps, row: InboxRow, now: datetime) -> lifecycle.Again | None:
    due = replies.on_activity(deps, row.portal_id)
    return None if due is None else lifecycle.Again(due - now, {})


def _look(deps: Deps, portal_id: int, claimed: Sequence[InboxRow]) -> None:
    """Read all these cards and tasks in one request, then work them off."""
    wanted = _wanted(deps, portal_id, claimed)
    if not any(wanted.values()):
        return
    asked = [row for row in claimed if row.entity_id in wanted.get(row.kind, ())]
    try:
        _, how = reading_of(deps, portal_id)
        found = look(PortalRest(deps, portal_id), how, wanted, _mark(deps, portal_id))
    except BitrixError as error:
        _later(deps, asked, error)
        return
    except Exception:
        _not_kept(deps, portal_id, asked)
        return
    try:
        with transaction(deps.sessions) as session:
            keep(session, how, found, deps.clock.now())
    except Exception:
        _not_kept(deps, portal_id, asked)
        return
    _finish_all(deps, asked, found)


def _not_kept(deps: Deps, portal_id: int, asked: Sequence[InboxRow]) -> None:
    """A fault of ours, told with its trace: again some times, then people are asked."""
    log(__name__).exception("mirror.not_kept", portal=portal_id, rows=len(asked))
    for row in asked:
        _failed(deps, row, "not_kept", patient=False)


def _mark(deps: Deps, portal_id: int) -> int | None:
    with reading(deps.sessions) as session:
        return mirror_rows.history_mark(session, portal_id)


def _wanted(deps: Deps, portal_id: int, claimed: Sequence[InboxRow]) -> dict[str, list[int]]:
    """What must be read; rows that need no reading are finished here."""
    _, how = reading_of(deps, portal_id)
    wanted: dict[str, list[int]] = {}
    now = deps.clock.now()
    for row in claimed:
        if row.kind == "task":
            with transaction(deps.sessions) as session:
                if tasks.is_ours(session, portal_id, row.entity_id):
                    wanted.setdefault("task", []).append(row.entity_id)
                elif rows.awaits_task(session, portal_id):
                    queue.retry(session, row, now, now + TASK_PATIENCE)
                else:
                    queue.done(session, row, now)
        elif row.kind in how.kinds:
            wanted.setdefault(row.kind, []).append(row.entity_id)
        else:
            with transaction(deps.sessions) as session:
                queue.done(session, row, now)
    return wanted


def _finish_all(deps: Deps, asked: Sequence[InboxRow], found: Look) -> None:
    """The cards' consequences and the end of their rows, a few in one commit; if that fails, each by itself.

    Only a few, because events are to be taken in meanwhile, and on SQLite there is one writer at a time.
    """
    good = [row for row in asked if (row.kind, row.entity_id) not in found.failed]
    single = [row for row in asked if row not in good]
    for start in range(0, len(good), FEW):
        part = good[start : start + FEW]
        try:
            with transaction(deps.sessions) as session:
                for row in part:
                    _end(deps, session, row, found)
        except Exception:
            single += part  # which of them it was shows when each is finished by itself
    for row in single:
        _finish(deps, row, found)


def _finish(deps: Deps, row: InboxRow, found: Look) -> None:
    """One card's consequences and the end of its row in one commit."""
    error = found.failed.get((row.kind, row.entity_id))
    if error is not None:
        _failed(deps, row, str(error), patient=isinstance(error, Retryable))
        return
    try:
        with transaction(deps.sessions) as session:
            _end(deps, session, row, found)
    except _LeaseLost:
        pass  # rolled back: whoever has the row now does the same
    except Exception:
        log(__name__).exception("event.failed", portal=row.portal_id, lane=row.lane, code=row.event)
        _failed(deps, row, "failed", patient=False)


def _end(deps: Deps, session: Session, row: InboxRow, found: Look) -> None:
    """What follows from a card or task as it was found, and the end of its row. Raises `_LeaseLost`."""
    now = deps.clock.now()
    if row.kind == "task":
        tasks.changed(session, row.portal_id, row.entity_id, found.tasks.get(row.entity_id), now)
    elif row.entity_id not in found.gone.get(row.kind, ()):
        changed(deps, session, row.portal_id, row.kind, row.entity_id)
    else:
        gone(deps, session, row.portal_id, row.kind, row.entity_id)
    if not queue.done(session, row, now):
        raise _LeaseLost


def _failed(deps: Deps, row: InboxRow, error: str, *, patient: bool) -> None:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if patient or row.attempts < ATTEMPTS:
            queue.retry(session, row, now, now + queue.backoff(row.attempts, row.id), error)
        else:
            log(__name__).error("event.buried", portal=row.portal_id, lane=row.lane, error=error)
            queue.bury(session, row, now, error)


def _later(deps: Deps, claimed: Sequence[InboxRow], error: BitrixError) -> None:
    """The portal cannot be asked now: all wait; nothing is given up, the portal's state decides."""
    now = deps.clock.now()
    if error.code != PACED:
        log(__name__).warning("inbox.waits", portal=claimed[0].portal_id, code=str(error), rows=len(claimed))
    with transaction(deps.sessions) as session:
        for row in claimed:
            after = error.after if isinstance(error, Retryable) else None
            due = now + (timedelta(seconds=after) if after else queue.backoff(row.attempts, row.id))
            spent = {"attempts": max(0, row.attempts - 1)} if error.code == PACED else {}
            queue.retry(session, row, now, due, str(error), **spent)

"""What could not be written to the portal, letters that need a decision, and what waits (product.md B4).

For administrators: each entry says what it is about, which card, why in a code for the catalogue, and what can
be done. Every decision is kept with its author. What was to be written is not shown: it may be personal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeGuard, get_args

from sqlalchemy.orm import Session

from integration.services import dead_addresses, letters, piecewise
from integration.services.calls_queue import MISSING, repair_fields
from integration.services.deps import Deps
from integration.services.stuck_reasons import DOUBT
from integration.services.stuck_reasons import call_reason as call_reason
from integration.services.stuck_reasons import letter_reason as letter_reason
from integration.store import portals as portal_rows
from integration.store import stuck as rows
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.queue import requeue

View = Literal["failed", "letters", "waiting", "letters_waiting"]
VIEWS: tuple[View, ...] = get_args(View)
Verb = Literal["resend", "leave", "was_sent", "revive"]
PAGE = 50
_CARDS = ("lead", "deal", "company", "contact")


@dataclass(frozen=True, slots=True)
class Entry:
    """One call or letter. `kind`: purpose of a call, kind of a letter; `card`: kind and id, where it is about one.

    `reason` is a code, `detail` what belongs to it (a field, or the server's own words); `name`: of the card, or
    the recipient; moments are UTC: `at` it was given up, or when it goes next; `since` it was first wanted.
    `can`: what a person may do about it; `overtaken`: a newer value has been written since.
    """

    id: int
    what: Literal["call", "letter"]
    kind: str
    reason: str
    detail: str
    tries: int
    at: datetime | None
    since: datetime
    can: tuple[Verb, ...]
    card: tuple[str, int] | None = None
    name: str = ""
    line: str = ""
    overtaken: bool = False
    running: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a view. `kinds`: how many there are of each kind, for the filter; `total` of what is chosen."""

    view: View
    kind: str
    entries: tuple[Entry, ...]
    kinds: dict[str, int]
    counts: rows.Counts
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was written down; `at` is UTC."""

    verb: str
    what: str
    subject: str
    count: int
    who: str
    at: datetime


def listing(deps: Deps, portal_id: int, view: View, kind: str = "", page: int = 1) -> Listing:
    """A page of one view, fifty at a time, in the same number of queries however many there are."""
    with reading(deps.sessions) as session:
        counted = rows.counts(session, portal_id)
        kinds = rows.kinds(session, portal_id, view)
        kind = kind if kind in kinds else ""
        total = kinds[kind] if kind else sum(kinds.values())
        page, pages = piecewise.place(total, page, PAGE)
        found = rows.page(session, portal_id, view, kind, (page - 1) * PAGE, PAGE)
        entries = tuple(_entries(session, portal_id, found))
    return Listing(view, kind, entries, kinds, counted, total, page, pages)


def decisions(deps: Deps, portal_id: int) -> list[Decided]:
    """Who decided what, the newest first."""
    with reading(deps.sessions) as session:
        return [
            Decided(one.verb, one.what, one.subject, one.count, one.who, one.at)
            for one in rows.decisions(session, portal_id)
        ]


def decide_call(deps: Deps, portal_id: int, row_id: int, verb: Verb, who: str) -> bool:
    """Send a given-up call again, or leave it. False: there is none, or nothing is to be decided about it.

    One that may have worked is looked up first; where nobody can look it up, the person has.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = rows.call(session, portal_id, row_id)
        if row is None or row.status != "buried" or verb in ("was_sent", "revive"):
            return False
        if verb == "leave":
            row.status, row.finished_at = "cancelled", now
        elif rows.overtaken(session, portal_id, [row_id]) or not _again(session, portal_id, row, now):
            return False
        rows.note(session, portal_id, verb, "call", f"{row.purpose} {row.lane}", 1, who, now)
        return True


def decide_letter(deps: Deps, portal_id: int, letter_id: int, verb: Verb, who: str) -> bool:
    """Say what became of a letter, send it again, or leave one that was refused. False: nothing to decide."""
    if verb == "leave":
        return _leave_letters(deps, portal_id, [letter_id], who) == 1
    if verb == "revive":
        return _revive(deps, portal_id, letter_id, who)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if done := letters.settle(session, portal_id, letter_id, verb, who, now):
            rows.note(session, portal_id, verb, "letter", f"letter {letter_id}", 1, who, now)
        return done


def _revive(deps: Deps, portal_id: int, letter_id: int, who: str) -> bool:
    """The refused address of a letter works again: the letters to come will go, this one is set aside."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        row = letters.refused(session, portal_id, letter_id)
        if row is None:
            return False
        rows.leave_letters(session, portal_id, [letter_id], now)
        about = f"letter {letter_id}"
        if not dead_addresses.revived(session, portal_id, row.recipient_address, who, now, about):
            # Somebody has said so before.
            rows.note(session, portal_id, "leave", "letter", about, 1, who, now)
        return True


def decide_all(deps: Deps, portal_id: int, view: View, kind: str, verb: Verb, who: str) -> int:
    """The same for all of a kind; how many it was done for. Values that newer ones have replaced stay, and letters
    that may have arrived are sent again one by one only."""
    if view == "letters":
        return _all_letters(deps, portal_id, kind, verb, who)
    if view != "failed" or verb in ("was_sent", "revive"):
        return 0
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if verb == "leave":
            count = rows.leave_all(session, portal_id, kind, now)
        else:
            rows.forget_sending(session, portal_id, kind, 0, DOUBT)
            count = rows.resend_all(session, portal_id, kind, now, MISSING)
            portal = portal_rows.get(session, portal_id)
            count += repair_fields(session, portal, now) if portal is not None else 0
        if count:
            rows.note(session, portal_id, verb, "call", kind, count, who, now)
        return count


def is_view(text: str) -> TypeGuard[View]:
    """Whether a text names a view."""
    return text in VIEWS


def _again(session: Session, portal_id: int, row: OutboxRow, now: datetime) -> bool:
    if row.error.startswith(MISSING):
        portal = portal_rows.get(session, portal_id)
        if portal is not None:
            repair_fields(session, portal, now)
            session.flush()
        return row.status == "waiting"
    if row.error.startswith(DOUBT):
        rows.forget_sending(session, portal_id, "", row.id, DOUBT)
    return requeue(session, row, now)


def _all_letters(deps: Deps, portal_id: int, kind: str, verb: Verb, who: str) -> int:
    with reading(deps.sessions) as session:
        found = rows.undecided(session, portal_id, kind)
    if verb == "leave":
        return _leave_letters(deps, portal_id, [number for number, _ in found], who)
    if verb == "revive":  # each address for itself
        return 0
    now = deps.clock.now()
    wanted = [number for number, status in found if (verb == "resend") == (status == "buried")]
    with transaction(deps.sessions) as session:
        if count := sum(letters.settle(session, portal_id, number, verb, who, now) for number in wanted):
            rows.note(session, portal_id, verb, "letter", kind, count, who, now)
        return count


def _leave_letters(deps: Deps, portal_id: int, ids: Sequence[int], who: str) -> int:
    """Set refused letters aside; one whose fate is unknown needs a real decision."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        count = rows.leave_letters(session, portal_id, ids, now)
        if count:
            subject = f"letter {ids[0]}" if len(ids) == 1 else ""
            rows.note(session, portal_id, "leave", "letter", subject, count, who, now)
        return count


# --- entries


def _entries(session: Session, portal_id: int, found: Sequence[OutboxRow | LetterRow]) -> list[Entry]:
    wanted: dict[str, set[int]] = {}
    for row in found:
        if isinstance(row, OutboxRow) and (card := _card(row.lane)):
            wanted.setdefault(card[0], set()).add(card[1])
    names = rows.names(session, portal_id, dict(wanted))
    failed = [row.id for row in found if isinstance(row, OutboxRow) and row.status == "buried"]
    late = rows.overtaken(session, portal_id, failed)
    return [
        _call(row, names, row.id in late) if isinstance(row, OutboxRow) else _letter(row) for row in found
    ]


def _call(row: OutboxRow, names: dict[tuple[str, int], str], overtaken: bool) -> Entry:
    card = _card(row.lane)
    reason, detail = call_reason(row.error)
    can: tuple[Verb, ...] = ()
    if row.status == "buried":
        can = ("leave",) if overtaken or reason == "unreadable" else ("resend", "leave")
    return Entry(
        id=row.id, what="call", kind=row.purpose, reason=reason, detail=detail, tries=row.attempts,
        at=row.finished_at if row.status == "buried" else row.due_at, since=row.created_at, can=can, card=card,
        name=names.get(card, "") if card else "", overtaken=overtaken, running=row.status == "working",
    )  # fmt: skip


def _letter(row: LetterRow) -> Entry:
    reason, detail = letter_reason(row.status, row.error)
    can: tuple[Verb, ...] = ()
    if row.status == "unknown":
        can = ("was_sent", "resend")
    elif row.status == "buried":
        can = ("resend", "revive", "leave") if reason == "address_refused" else ("resend", "leave")
    waits = row.status in ("waiting", "working")
    return Entry(
        id=row.id, what="letter", kind=row.kind, reason=reason, detail=detail, tries=row.attempts,
        at=row.due_at if waits else row.handed_at or row.finished_at, since=row.created_at, can=can,
        name=row.recipient_name, line=row.recipient_address, running=row.status == "working",
    )  # fmt: skip


def _card(lane: str) -> tuple[str, int] | None:
    kind, _, number = lane.partition(":")
    return (kind, int(number)) if kind in _CARDS and number.isascii() and number.isdigit() else None

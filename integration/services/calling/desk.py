"""The call desk: who is next, given to one caller at a time, and what the desk shows (product.md W7, W8, W10).

Looking for the next one locks nothing. Whoever is found is then locked, judged once more by the rule and put into the
caller's hands in one short transaction, so that two callers never get one client; whose slot is over is moved on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from integration.nps.calling import call_slot
from integration.services.calling import card, leases, tally, waits
from integration.services.calling.leases import give_back as give_back
from integration.services.calling.leases import keep as keep
from integration.services.calling.looking import is_callable, look
from integration.services.calling.types import Caller, DeskPage, Taken, Waiting
from integration.services.deps import Deps
from integration.store import answers, call_owners, call_queue
from integration.store.attempts import CallLease
from integration.store.base import reading, transaction
from integration.store.call_queue import CALLING
from integration.store.waves import Invitation, Wave

_LOOKS = (8, 40, 200, 400, 800)  # people looked through in one go, round after round
_TIDY = 200  # people moved on when somebody opens the desk
_TRIES = 6  # of those found, when colleagues are faster


@dataclass
class _Found:
    """Who was looked through: those to be called now, in order, and those whose slot has to be moved on."""

    ready: list[tuple[int, int]] = field(default_factory=list)  # the person, and the line of its client
    stale: dict[int, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    seen: dict[int, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Start:
    """What `take` begins with: a code if there is nothing to look for, the line that is not wanted now, and whoever
    is first (the person, and the line of its client)."""

    code: str
    line: int = 0
    first: tuple[int, int] | None = None


def take(deps: Deps, caller: Caller, *, skip: str = "") -> str:
    """Give the caller the next client. A caller who has one in hand keeps it, except the one named in `skip` (its
    key), which goes back and comes again only if there is nobody else.

    `taken`; `nobody`: there is none for this caller now (`page` says why); `suspended`: the portal stands still.
    """
    now = deps.clock.now()
    away = leases.opened(deps, caller, skip, now) if skip else None
    if away is not None:
        leases.give_back(deps, caller, skip)
    start = _start(deps, caller, now, away.invitation_id if away else 0)
    if start.code:
        return start.code
    if start.first and (code := _give(deps, caller, *start.first)) != "":
        return code
    line = start.line
    code = _next(deps, caller, now, line)
    return _next(deps, caller, now, 0) if code == "nobody" and line else code


def _next(deps: Deps, caller: Caller, now: datetime, line: int) -> str:
    """Find the next client, other than that of `line`, and give it out: `taken` or `nobody`."""
    passed: set[int] = set()
    for most in _LOOKS:
        with reading(deps.sessions) as session:
            waves = call_queue.waves(session, caller.portal_id, caller.wave_id)
            found = _scan(session, caller, waves, now, line, passed, most) if waves else _Found()
        _move_on(deps, caller.portal_id, found, now)
        for person in found.ready[:_TRIES]:
            if (code := _give(deps, caller, *person)) != "":
                return code
        passed |= found.seen.keys()
        if len(found.seen) < most:
            return "nobody"
    return "nobody"


def taken(deps: Deps, caller: Caller) -> Taken | None:
    """What the caller holds now, for the log of views (product.md W9)."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        lease = _lease(session, caller, now)
        if lease is None:
            return None
        return Taken(leases.shown(deps, caller, lease), lease.invitation_id, lease.wave_id)


def page(deps: Deps, caller: Caller, *, key: str = "") -> DeskPage:
    """The desk as it is now: the client in hand, or who waits and why nobody can be taken; the caller's own tally.

    `key`: the client of this value instead, in hand or not: what was typed about them is still to be put right.
    """
    now = deps.clock.now()
    found = _page(deps, caller, now, key)
    if found.waiting.stale and not found.waiting.now and _tidy(deps, caller, now):
        return _page(deps, caller, now)
    return found


def _page(deps: Deps, caller: Caller, now: datetime, key: str = "") -> DeskPage:
    with reading(deps.sessions) as session:
        opened = call_queue.portal_and_lease(session, caller.portal_id, caller.holder)
        if opened is None:
            raise LookupError("no such portal")
        portal, lease = opened[0], _running(caller, opened[1], now)
        mine = tally.of(session, portal.id, caller.holder, tally.today(portal, now), caller.wave_id)
        last = waits.last_call(session, caller, now)
        asked = leases.handed_out(deps, caller, key, now) if key else None
        wanted = asked if asked and (lease is None or lease.key != asked.key) else lease
        shown = card.shown(deps, session, caller, wanted, now) if wanted is not None else None
        if shown is not None:
            return DeskPage(shown, Waiting(), mine, last)
        waves = call_queue.waves(session, portal.id, caller.wave_id)
        if portal.status != "active":
            return DeskPage(None, Waiting(), mine, last, "suspended")
        if not waves:
            code, begins, name = waits.no_survey(session, caller, now)
            return DeskPage(None, Waiting(wave=name), mine, last, code, begins)
        waiting = waits.people(session, caller, waves, now)
        return DeskPage(None, waiting, mine, last, waits.why(waiting))


def _start(deps: Deps, caller: Caller, now: datetime, away: int) -> _Start:
    """Look at the caller's own hands, and at whoever is first on the list if they are empty.

    A client who has an outcome meanwhile is no longer of use to the caller and goes back.
    """
    with reading(deps.sessions) as session:
        opened = call_queue.portal_and_lease(session, caller.portal_id, caller.holder)
        if opened is None or opened[0].status != "active":
            return _Start("suspended")
        skipped = session.get(Invitation, away) if away else None
        line = skipped.wave_client_id if skipped is not None else 0
        lease = _running(caller, opened[1], now)
        if lease is None:
            return _Start("", line, _first(session, caller, now, line))
        person = session.get(Invitation, lease.invitation_id)
        if person is not None and not person.outcome:
            return _Start("taken")
    with transaction(deps.sessions) as session:
        call_queue.give_back(session, caller.portal_id, caller.holder, lease.key)
    return _Start("", line)


def _first(session: Session, caller: Caller, now: datetime, line: int) -> tuple[int, int] | None:
    """Whoever is first on the list and not the caller's own: most often the rule says yes, and nobody else is looked
    at. Nothing is promised: `_give` asks the rule, and where it says no the whole list is looked through."""
    waves = call_queue.waves(session, caller.portal_id, caller.wave_id)
    if not waves:
        return None
    people = call_queue.candidates(
        session, caller.portal_id, [wave.id for wave in waves], now, holder=caller.holder, skip=line,
        limit=_LOOKS[0],
    )  # fmt: skip
    own = _own_lines(session, caller, {one.wave_client_id for one in people})
    return next(((one.id, one.wave_client_id) for one in people if one.wave_client_id not in own), None)


def _lease(session: Session, caller: Caller, now: datetime) -> CallLease | None:
    return _running(caller, call_queue.lease_of(session, caller.portal_id, caller.holder), now)


def _running(caller: Caller, lease: CallLease | None, now: datetime) -> CallLease | None:
    if lease is None or lease.until <= now:
        return None
    return lease if caller.wave_id in (None, lease.wave_id) else None


def _scan(
    session: Session,
    caller: Caller,
    waves: Sequence[Wave],
    now: datetime,
    line: int,
    passed: set[int],
    most: int,
) -> _Found:
    """Look through the next people by the rule, in the order of the desk; nothing is locked or changed."""
    people = call_queue.candidates(
        session, caller.portal_id, [wave.id for wave in waves], now, holder=caller.holder, skip=line,
        passed=passed, limit=most,
    )  # fmt: skip
    found = _Found(seen={one.id: one.call_due_at for one in people})
    own = _own_lines(session, caller, {one.wave_client_id for one in people})
    by_wave: defaultdict[int, list[Invitation]] = defaultdict(list)
    for one in people:
        if one.wave_client_id not in own:
            by_wave[one.wave_id].append(one)
    looks = {wave.id: look(session, wave, by_wave[wave.id], now) for wave in waves if wave.id in by_wave}
    for one in (one for one in people if one.wave_client_id not in own):
        step = looks[one.wave_id].next(one.id, now)
        if is_callable(step, now):
            found.ready.append((one.id, one.wave_client_id))
        else:
            found.stale[one.id] = call_slot(step, now)
    return found


def _own_lines(session: Session, caller: Caller, lines: Collection[int]) -> set[int]:
    """Lines whose client the caller serves; whoever sits behind a link serves nobody (product.md W10)."""
    if caller.user_id is None:
        return set()
    return call_owners.own_lines(session, caller.portal_id, caller.user_id, lines)


def _move_on(deps: Deps, portal_id: int, found: _Found, now: datetime) -> None:
    if found.stale:
        with transaction(deps.sessions) as session:
            call_queue.put_off(session, portal_id, found.seen, found.stale, now)


def _give(deps: Deps, caller: Caller, number: int, line: int) -> str:
    """Lock one person, judge once more, and give the client out; empty if that cannot be done any more. That it is no
    client of the caller's own was looked up a moment ago, and is asked again when the call is written down."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked(session, caller.portal_id, number, client_row=line, lock=True)
        if found is None or found.invitation.wave_client_id != line:
            return ""
        if found.invitation.outcome or found.wave.stage not in CALLING:
            return ""
        held = call_queue.lease_on(session, caller.portal_id, found.client.id)
        if held is not None and held.until > now:
            return "taken" if held.holder == caller.holder else ""
        seen = look(session, found.wave, [found.invitation], now, line=found.client, lease=held)
        step = seen.next(number, now)
        if not is_callable(step, now):
            return ""
        found.invitation.call_until = call_slot(step, now)[1]
        if leases.give_out(deps, session, caller, found.invitation, now):
            return "taken"
        return "taken" if _lease(session, caller, now) is not None else ""


def _tidy(deps: Deps, caller: Caller, now: datetime) -> bool:
    """Move on people who are still listed for a slot that is over; whether anybody was."""
    with reading(deps.sessions) as session:
        waves = call_queue.waves(session, caller.portal_id, caller.wave_id)
        found = _scan(session, caller, waves, now, 0, set(), _TIDY) if waves else _Found()
    _move_on(deps, caller.portal_id, found, now)
    return bool(found.stale)

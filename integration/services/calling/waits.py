"""Who waits to be called and why nobody can be taken, as the desk tells a caller (product.md W8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.nps.workdays import zone_named
from integration.services.calling import card
from integration.services.calling.types import Caller, LastCall, Opening, Waiting, Why
from integration.services.reports import plan_in
from integration.store import attempts, call_owners, call_queue, cards_view, wave_queries
from integration.store.call_queue import Next
from integration.store.portals import Portal
from integration.store.waves import Wave

UNDO = timedelta(minutes=10)


def people(session: Session, caller: Caller, waves: Sequence[Wave], now: datetime) -> Waiting:
    """How many wait to be called in these surveys, by what keeps them, and the next moments."""
    ids, user = [wave.id for wave in waves], caller.user_id
    own = call_owners.own_in(session, caller.portal_id, user, ids) if user is not None else set()
    found = call_queue.counts(session, caller.portal_id, ids, now, holder=caller.holder, own=own)
    return Waiting(
        now=found.now, promised=found.promised, later=found.later, held=found.held, own=found.own,
        next_promise=_opening(found.promise), opens=_opening(found.opening), stale=found.stale,
        wave_id=waves[0].id, wave=waves[0].name,
    )  # fmt: skip


def _opening(found: Next | None) -> Opening | None:
    if found is None:
        return None
    local = found.at.astimezone(zone_named(found.zone or "UTC"))
    return Opening(found.at, local, found.zone, found.city, found.count)


def why(waiting: Waiting) -> Why:
    """Why nobody can be taken, in a code; empty: somebody can."""
    if waiting.now:
        return ""
    if waiting.held:
        return "in_hands"
    if waiting.promised or waiting.later:
        return "later"
    return "own_only" if waiting.own else "all_done"


def no_survey(session: Session, caller: Caller, now: datetime) -> tuple[Why, datetime | None, str]:
    """Why there is nobody to call at all, when that begins, and the survey's name."""
    if caller.wave_id is not None:
        wave = wave_queries.wave(session, caller.portal_id, caller.wave_id)
    else:
        wave = cards_view.current_wave(session, caller.portal_id)
    plan = plan_in(wave) if wave is not None else None
    if wave is None or plan is None:
        return "no_survey", None, ""
    if wave.stage == "paused":
        return "paused", None, wave.name
    if wave.stage not in ("draft", "rehearsed", "announced"):
        return "over", None, wave.name
    if plan.calling is None:
        return "no_survey", None, wave.name
    portal = session.get_one(Portal, caller.portal_id)
    return "not_begun", plan.moment(plan.calling, card.calendar(session, portal, wave, now)), wave.name


def last_call(session: Session, caller: Caller, now: datetime) -> LastCall | None:
    """The caller's last call that still counts, and until when it can be taken back."""
    found = attempts.last_by(session, caller.portal_id, caller.holder, caller.wave_id)
    if found is None:
        return None
    row = found.attempt
    until = row.ended_at + UNDO
    return LastCall(
        row.id, found.client, found.person, row.outcome, found.score, row.ended_at,
        until if until > now else None, found.comment,
    )  # fmt: skip

"""A caller takes back the call they have just written down, as long as nothing that followed from it has left.

The attempt keeps its row and its number, and counts nowhere; the person is where they were before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration.nps.calling import call_slot
from integration.nps.questionnaire import Answers
from integration.nps.touches import MACHINE, MERGED
from integration.services import questions, survey_rows, wave_refusals
from integration.services.calling.effects import about
from integration.services.calling.looking import look
from integration.services.calling.replay import replayed
from integration.services.calling.types import Caller
from integration.services.deps import Deps
from integration.services.standing import plan_of
from integration.store import answers, attempts, call_undo, responses, wave_queries
from integration.store import followups as followup_rows
from integration.store import letters as letter_rows
from integration.store.answers import Asked
from integration.store.attempts import Attempt
from integration.store.base import transaction
from integration.store.waves import Invitation

UNDO = timedelta(minutes=10)
UNDONE = "call_undone"  # stands as the reason of an answer that was taken back
Code = Literal["done", "again", "unknown", "too_late", "followed", "later", "never"]


class _Stop(Exception):
    """It cannot be taken back; the transaction must leave no trace."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


def undo(deps: Deps, caller: Caller, attempt_id: int) -> Code:
    """Take the caller's own call back, within ten minutes.

    `done`; `again`: it was taken back before; `unknown`: no such call of this caller; `too_late`; `later`: the person
    was called again since; `followed`: a letter, a task or a change of a card has left, or the client has changed the
    answer; `never`: who must never be asked again is asked again by an administrator only.
    """
    now = deps.clock.now()
    try:
        with transaction(deps.sessions) as session:
            return _undone(session, caller, attempt_id, now)
    except _Stop as stopped:
        return stopped.code


def _undone(session: Session, caller: Caller, attempt_id: int, now: datetime) -> Code:
    row = attempts.by_id(session, caller.portal_id, attempt_id)
    if row is None or row.caller != caller.holder or row.source == "sheet":
        return "unknown"
    found = answers.asked(session, caller.portal_id, row.invitation_id, lock=True)
    row = attempts.by_id(session, caller.portal_id, attempt_id)
    if found is None or row is None or caller.wave_id not in (None, found.wave.id):
        return "unknown"
    if row.undone_at is not None:
        return "again"
    if (
        now > row.ended_at + UNDO
        or plan_of(found.wave) is None
        or found.wave.stage in wave_queries.DONE_STAGES
    ):
        return "too_late"
    counted = attempts.of_people(session, caller.portal_id, [row.invitation_id])[row.invitation_id]
    if counted[-1].id != row.id:
        return "later"
    _reverse(session, found, row, now)
    row.undone_at, row.undone_by = now, caller.name[:200]
    session.flush()
    _as_before(session, found, counted[:-1], now)
    wave_queries.note(session, found.wave, now, UNDONE, caller.name, f"{about(found)}: {row.outcome}")
    return "done"


def _reverse(session: Session, found: Asked, row: Attempt, now: datetime) -> None:
    """Take back what the call has done beyond its own person; raises `_Stop` if that is not possible any more."""
    one = found.invitation
    ended_by_it = one.outcome_at is not None and one.outcome_at >= row.ended_at
    if row.outcome == "never":
        raise _Stop("never")
    if row.outcome == "answered":
        _withdraw(session, found, row, now)
    elif one.outcome == "refused" and (one.outcome_at == row.ended_at or _second_by_merge(one, row)):
        wave_refusals.reopen(session, found)
        wave_queries.note(session, found.wave, now, "refusal_undone", row.caller_name, about(found))
    elif one.outcome == "unreachable" and ended_by_it:
        wave_refusals.reopen(session, found)
    if row.outcome == "asks_email":
        _no_letter(session, one, row, now)


def _second_by_merge(one: Invitation, row: Attempt) -> bool:
    """Whether "not now" became the second one, and so a refusal, when two cards of the person were merged."""
    said = (one.outcome_detail.get("who"), one.outcome_detail.get("why"))
    return row.outcome == "not_now" and said == (MACHINE, MERGED)


def _withdraw(session: Session, found: Asked, row: Attempt, now: datetime) -> None:
    """An answer that was typed in by mistake counts nowhere; nothing has left for cards, tasks or the client."""
    one, portal_id = found.invitation, found.portal.id
    response = responses.response_of(session, portal_id, one.id)
    if response is None or response.status != "counted" or response.answered_at != row.ended_at:
        return  # it had no effect: there was an answer already
    versions = responses.revisions_of(session, portal_id, response.id)
    if versions[-1].at != row.ended_at:
        raise _Stop("followed")
    cases = followup_rows.open_of_response(session, portal_id, response.id)
    if not call_undo.drop_calls(session, portal_id, "response", [response.id], row.ended_at, now):
        raise _Stop("followed")
    if not call_undo.drop_calls(
        session, portal_id, "followup", [case.id for case in cases], row.ended_at, now
    ):
        raise _Stop("followed")
    for case in cases:
        case.status, case.closed_at = "cancelled", now
    thanks = letter_rows.by_key(session, portal_id, f"thanks:{one.id}")
    if thanks is not None and not letter_rows.take_back(session, portal_id, thanks.id, now, why=UNDONE):
        raise _Stop("followed")
    response.status = "rejected"
    questions.withdraw(session, response, by=row.caller_name, reason=UNDONE, now=now)
    given = Answers(response.score, response.comment)
    survey_rows.add_revision(
        session, response, given, now, status="rejected", author=row.caller_name, reason=UNDONE
    )
    if one.outcome == "answered":
        wave_refusals.reopen(session, found)


def _no_letter(session: Session, one: Invitation, row: Attempt, now: datetime) -> None:
    """The letter that was asked for does not leave; if it has left, the call stays."""
    since = {step: at for step, at in one.touches.items() if datetime.fromisoformat(str(at)) >= row.ended_at}
    for step in since:
        letter = letter_rows.by_key(session, one.portal_id, f"{step}:{one.id}")
        if letter is not None and not letter_rows.take_back(
            session, one.portal_id, letter.id, now, why=UNDONE
        ):
            raise _Stop("followed")
    if since:
        one.touches = {step: at for step, at in one.touches.items() if step not in since}
        left = [datetime.fromisoformat(str(at)) for at in one.touches.values()]
        one.last_letter_at = max(left, default=None)


def _as_before(session: Session, found: Asked, left: Sequence[Attempt], now: datetime) -> None:
    """What the calls that are left say about the person: over or not, promised, wanted by mail, due."""
    one = found.invitation
    one.attempts = len(left)
    seen = look(session, found.wave, [one], now)
    facts = replayed(seen.facts[one.id], left, seen.stage.policy)
    one.calls_over, one.promised_at, one.mail_from = facts.calls_over, facts.promised_at, facts.mail_from
    if not one.outcome:
        one.due_at = now
        one.call_due_at, one.call_until = call_slot(seen.next(one.id, now, facts), now)

""" "No, thank you" said to staff, by a reply or in a talk: the respondent's outcome is `refused` (product.md W14).

"Never again" is something else (`optouts`): who refuses is left alone in this wave and may be asked in the next one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from integration.services.deps import Deps
from integration.store import answers, responses, wave_queries, wave_undo
from integration.store.answers import Asked
from integration.store.base import transaction

REFUSED = "refused"
LONGEST_REASON = 400  # characters


def refuse(deps: Deps, portal_id: int, wave_id: int, invitation_id: int, who: str, why: str) -> bool:
    """Write a refusal down, with who took it and what was said; letters that wait are taken back. Twice is once.

    False, and nothing changes: there is no such respondent, the wave is not approved or is over, there is an outcome
    already, or an answer counts, which goes before a refusal. Raises `ValueError` without a name or a reason.
    """
    if not who.strip() or not why.strip():
        raise ValueError("a refusal names who took it and what was said")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked(session, portal_id, invitation_id, lock=True)
        if found is None or not _may_change(found, wave_id) or found.invitation.outcome:
            return False
        response = responses.response_of(session, portal_id, invitation_id)
        if response is not None and response.status == "counted":
            return False
        put_down(session, found, who, why, now)
        return True


def put_down(session: Session, found: Asked, who: str, why: str, now: datetime) -> None:
    """The same in the transaction of who has locked the person and looked that nothing speaks against it."""
    one, said = found.invitation, why.strip()[:LONGEST_REASON]
    one.outcome, one.outcome_at, one.due_at = REFUSED, now, None
    one.call_due_at = one.call_until = None
    one.outcome_detail = {"who": who[:200], "why": said, "touches": _touches(found)}
    answers.cancel_letters(session, found.portal.id, now, invitation_id=one.id)
    if found.wave.stage == "closing":
        found.wave.step_due_at = now  # this may have been the last outcome
    wave_queries.note(session, found.wave, now, REFUSED, who, _detail(found, said))


def take_back(deps: Deps, portal_id: int, wave_id: int, invitation_id: int, who: str) -> bool:
    """Undo a refusal that was a mistake, while the wave runs: the person is open again, letters that it took back
    wait again. False: there is no refusal to undo, or the wave is over. Twice is once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = answers.asked(session, portal_id, invitation_id, lock=True)
        if found is None or not _may_change(found, wave_id) or found.invitation.outcome != REFUSED:
            return False
        reopen(session, found)
        found.invitation.due_at = now
        wave_queries.note(session, found.wave, now, "refusal_undone", who, _detail(found, ""))
        return True


def reopen(session: Session, found: Asked) -> None:
    """Make an ended invitation open again, with the letters that its end took back; the caller sets when it is due."""
    one = found.invitation
    if one.outcome_at is not None:
        wave_undo.bring_letters_back(session, one.portal_id, [one.id], one.outcome_at)
    one.outcome, one.outcome_at, one.outcome_detail = "", None, {}


def _may_change(found: Asked, wave_id: int) -> bool:
    wave = found.wave
    return wave.id == wave_id and bool(wave.approved_by) and wave.stage not in wave_queries.DONE_STAGES


def _touches(found: Asked) -> list[str]:
    touches = found.invitation.touches
    return sorted(touches, key=lambda step: str(touches[step]))


def _detail(found: Asked, why: str) -> str:
    words = f"{found.client.client_kind}:{found.client.client_id}"
    return f"{words}: {why}" if why else words

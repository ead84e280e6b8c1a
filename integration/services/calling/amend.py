"""A caller corrects the answer they have just typed in: it is on the cards already, so it cannot be taken back (S3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from integration.nps.questionnaire import Problems, read
from integration.services import survey
from integration.services.calling.types import Caller, Recorded
from integration.services.deps import Deps
from integration.services.survey_types import ChangedMeanwhile
from integration.store import answers, attempts, call_owners, responses
from integration.store.base import reading

AMEND = timedelta(minutes=10)
WHY = "typed wrong during the call"  # stands as the reason of the correction
_CODES = {"missing": "score_missing"}


def amend(deps: Deps, caller: Caller, attempt_id: int, form: Mapping[str, str]) -> Recorded:
    """Another `score` and `comment` in place of those of the caller's own call, within ten minutes; the old ones are
    kept, cards, tasks and numbers follow as after every correction. Twice is once.

    `done`; `problem` (fields and codes as for `record`); `lost` with `why`: `unknown` (no such answer of this caller),
    `too_late`, `changed` (the client or a colleague has changed it since), `own_client` (product.md W10).
    """
    given = read(form)
    if isinstance(given, Problems):
        return Recorded("problem", tuple((p.field, _CODES.get(p.code, p.code)) for p in given.problems))
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        row = attempts.by_id(session, caller.portal_id, attempt_id)
        mine = row is not None and row.caller == caller.holder and row.source != "sheet"
        found = (
            answers.asked(session, caller.portal_id, row.invitation_id) if row is not None and mine else None
        )
        if row is None or found is None or row.undone_at is not None or row.outcome != "answered":
            return Recorded("lost", why="unknown")
        if caller.wave_id not in (None, found.wave.id):
            return Recorded("lost", why="unknown")
        response = responses.response_of(session, caller.portal_id, row.invitation_id)
        if response is None or response.status != "counted" or response.answered_at != row.ended_at:
            return Recorded("lost", why="unknown")
        told = Recorded(
            "lost", attempt_id=row.id, outcome=row.outcome, client=found.client.name,
            person=found.invitation.name, score=response.score,
        )  # fmt: skip
        if now > row.ended_at + AMEND:
            return replace(told, why="too_late")
        last = responses.revisions_of(session, caller.portal_id, response.id)[-1]
        if last.author != row.caller_name:
            return replace(told, why="changed")
        if caller.user_id is not None and call_owners.is_own(
            session, caller.portal_id, found.client.id, caller.user_id
        ):
            return replace(told, why="own_client")
    try:
        survey.correct(
            deps, caller.portal_id, response.id, score=given.score, comment=given.comment,
            author=row.caller_name, reason=WHY, seen=last.revision,
        )  # fmt: skip
    except ChangedMeanwhile:
        return replace(told, why="changed")
    return replace(told, status="done", score=given.score)

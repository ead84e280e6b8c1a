"""What a robot that waits is told: once, when its survey has come to its end (product.md B3, W16; bitrix24.md 14.2).

The token that names the waiting step lies encrypted with the run alone; it is put into the call when that leaves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.bitrix import robots
from integration.bitrix.call import Call
from integration.i18n import mark, text
from integration.nps.people import CardKey
from integration.nps.scoring import group
from integration.services import card_texts
from integration.services.calls_queue import Cause, lane_of, queue_call
from integration.services.deps import Deps
from integration.store import portals as portal_rows
from integration.store import project_runs as rows
from integration.store import responses
from integration.store.base import reading
from integration.store.outbox import OutboxRow
from integration.store.project_runs import ProjectRun
from integration.store.waves import Invitation

PURPOSE = "robot"
LONGEST_COMMENT = 2000
_OUTCOMES = {"answered": "answered", "refused": "refused", "opted_out": "refused"}  # all else: no_answer
WORDS = {
    "answered": mark("The client has answered: {score} of 10."),
    "refused": mark("The client does not want to answer."),
    "no_answer": mark("The client has not answered."),
    "skipped": mark("Nobody was asked ({reason})."),
}


def tell(session: Session, run: ProjectRun, now: datetime) -> None:
    """Queue the answer for the robot of a run that is over or was skipped, in the same commit; once.

    Does nothing for runs that no robot waits for. It goes behind what was written to the deal before.
    """
    if not run.waits or not run.event_token or run.told_at is not None:
        return
    portal = portal_rows.get(session, run.portal_id)
    if portal is None:
        return
    values = values_of(session, run)
    message = text(
        card_texts.language(portal), WORDS[values["outcome"]],
        score=values.get("score", ""), reason=values.get("reason", ""),
    )  # fmt: skip
    cause, lane = Cause("run", run.id), lane_of(CardKey("deal", run.deal_id))
    queue_call(
        session, portal, robots.event_send("", values, message), lane=lane, key=f"{cause}:told", purpose=PURPOSE,
        cause=cause, now=now,
    )  # fmt: skip
    run.told_at = now


def values_of(session: Session, run: ProjectRun) -> dict[str, Any]:
    """What the robot gets back: `outcome` answered | refused | no_answer | skipped, `reason` a code for the last two,
    `score`, `group` and `comment` of an answer."""
    if run.status == rows.SKIPPED or run.invitation_id is None:
        return {"outcome": "skipped", "reason": run.reason or "cancelled"}
    statement = select(Invitation.outcome).where(
        Invitation.portal_id == run.portal_id, Invitation.id == run.invitation_id
    )
    ended = session.scalar(statement) or ""
    response = responses.response_of(session, run.portal_id, run.invitation_id)
    if response is not None and response.status == "counted":
        comment = card_texts.plain(response.comment)[:LONGEST_COMMENT]
        return {
            "outcome": "answered", "score": response.score, "group": group(response.score), "comment": comment,
        }  # fmt: skip
    outcome = _OUTCOMES.get(ended, "no_answer")
    if outcome == "answered":  # it was taken back since
        outcome = "no_answer"
    return {"outcome": outcome} | (
        {"reason": ended} if outcome == "no_answer" and ended != "no_answer" else {}
    )


def call_of(deps: Deps, row: OutboxRow) -> Call:
    """The stored call of any row as it is to be sent: an answer to a robot with the token that it is told by."""
    call = Call.from_json(row.call)
    if row.purpose != PURPOSE:
        return call
    with reading(deps.sessions) as session:
        token = rows.token_of(session, row.portal_id, row.cause_id)
    return Call(call.method, {**call.params, "EVENT_TOKEN": token}, call.repeat, call.probe)


def is_over(row: OutboxRow, code: str) -> bool:
    """Whether a refusal says that nobody waits any more: the step was told, left or stopped (bitrix24.md 14.2)."""
    return row.purpose == PURPOSE and code.upper() == "ACCESS_DENIED"

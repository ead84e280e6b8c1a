"""Telling the portal's automation of an answer, by the triggers that an agency may put on stages (product.md B3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from integration.bitrix import triggers
from integration.nps.people import CardKey
from integration.nps.scoring import group
from integration.services import automation, policies
from integration.services.calls_queue import Cause, lane_of, queue_call
from integration.store.portals import Portal
from integration.store.responses import Response

PURPOSE = "trigger"


def fire(
    session: Session,
    portal: Portal,
    response: Response,
    before: int | None,
    deal_id: int | None,
    now: datetime,
) -> list[str]:
    """Queue the triggers of an answer that has just been counted or corrected; their codes.

    `before`: the score it had when it was counted last, nothing for a new one; `deal_id`: the deal through which the
    client was chosen, nothing if there is none (any more). Behind the score in the deal's lane, because robots read it
    from the card. Nothing is queued that the portal has not registered, nor for a correction that keeps the group.
    """
    codes = _codes(response.score, before)
    if not deal_id or not codes or not policies.load(session, portal.id)[0].triggers:
        return []
    there = (automation.seen(session, portal.id).get("triggers") or {}).get("there") or ()
    cause, lane = Cause("response", response.id, response.revision), lane_of(CardKey("deal", deal_id))
    fired = [code for code in codes if code in there]
    for code in fired:
        queue_call(
            session, portal, triggers.trigger_execute(code, deal_id), lane=lane,
            key=f"{cause}:{lane}:{PURPOSE}:{code}", purpose=PURPOSE, cause=cause, now=now,
        )  # fmt: skip
    return fired


def _codes(score: int, before: int | None) -> list[str]:
    """A new answer fires its own trigger and that of its group, the group's last; a correction that of a new group."""
    now = triggers.OF_GROUP[group(score)]
    if before is None:
        return [triggers.ANSWER, now]
    return [] if group(before) == group(score) else [now]

"""From what the rules want to calls in the outbox, in the caller's transaction (product.md B2 to B6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.bitrix.calls import comment_add
from integration.logs import log
from integration.nps.intents import (
    AddTimelineComment,
    FlagReferral,
    Intent,
    OpenFollowUp,
    WriteReferral,
    WriteScore,
)
from integration.nps.people import CardKey
from integration.services import card_texts, followups, referral_writes
from integration.services.calls_queue import (
    Cause,
    ListValue,
    lane_of,
    queue_call,
    queue_fields,
    resolve,
)
from integration.services.deps import Deps
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.queue import is_open
from integration.store.referrals import TABLES

_log = log(__name__)

SCORE, GROUP, DATE = "UF_CRM_MOLVA_NPS_SCORE", "UF_CRM_MOLVA_NPS_GROUP", "UF_CRM_MOLVA_NPS_DATE"
COMMENT, WAVE, CHANNEL = "UF_CRM_MOLVA_NPS_COMMENT", "UF_CRM_MOLVA_NPS_WAVE", "UF_CRM_MOLVA_NPS_CHANNEL"
_MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?([+-]\d\d:?\d\d|Z)?")
CHOICES = ("later", "never")  # comments about what a client chose instead of answering
LINK_WAIT = timedelta(seconds=60)  # a comment waits so long for its task, then goes without the link


def perform(deps: Deps, session: Session, portal: Portal, intents: Iterable[Intent], cause: Cause) -> None:
    """Queue everything these intents want, once per cause. Raises `TypeError` for intents of other parts."""
    now = deps.clock.now()
    for intent in intents:
        match intent:
            case WriteScore():
                _score(session, portal, intent, cause, now)
            case AddTimelineComment():
                _comment(session, portal, intent, cause, now)
            case OpenFollowUp():
                followups.open_one(session, portal, intent, now)
            case WriteReferral():
                referral_writes.write(session, portal, intent, cause, now)
            case FlagReferral():
                _log.warning(
                    "referral.refused", portal=portal.id, card=lane_of(intent.card), code=intent.code
                )
            case _:
                raise TypeError(f"{type(intent).__name__} is not written to cards")


def _score(session: Session, portal: Portal, intent: WriteScore, cause: Cause, now: datetime) -> None:
    changed = _differences(session, portal, intent.card, score_values(portal, intent))
    if changed:
        queue_fields(session, portal, intent.card, changed, purpose="score", cause=cause, now=now)


def write_whole(
    session: Session, portal: Portal, intent: WriteScore, cause: Cause, now: datetime
) -> int | None:
    """All score fields of a card, whatever the mirror believes to stand there (product.md B2: restoring)."""
    values = score_values(portal, intent)
    return queue_fields(session, portal, intent.card, values, purpose="score", cause=cause, now=now)


def score_values(portal: Portal, intent: WriteScore) -> dict[str, Any]:
    """The score fields of a card by code."""
    return {
        SCORE: intent.score,
        GROUP: ListValue(intent.group),
        DATE: intent.day.isoformat(),
        COMMENT: card_texts.field_comment(portal, intent.comment, intent.respondents),
        WAVE: intent.wave,
        CHANNEL: ListValue(intent.channel),
    }


def tell(session: Session, portal: Portal, intent: AddTimelineComment, cause: Cause, now: datetime) -> None:
    """Queue the comment about something a client chose, not now or never again, once per cause (product.md W12)."""
    words = card_texts.choice_comment(portal, intent.code, intent.facts)
    mark = f"Molva {intent.facts.get('wave')}, № {cause.id}-{cause.kind}.{cause.revision}"
    queue_call(
        session, portal, comment_add(intent.card.kind, intent.card.id, words, mark), lane=lane_of(intent.card),
        key=f"{cause}:{lane_of(intent.card)}:comment", purpose="comment", cause=cause, now=now,
    )  # fmt: skip


def _comment(
    session: Session, portal: Portal, intent: AddTimelineComment, cause: Cause, now: datetime
) -> None:
    """Where a task is still to be made the comment waits a moment for its link (`followups.task_created`)."""
    if intent.code in CHOICES:
        tell(session, portal, intent, cause, now)
        return
    task_id, pending = followups.task_of_response(session, portal.id, cause.id)
    words = card_texts.answer_comment(portal, intent.facts, task_id)
    mark = f"Molva {intent.facts.get('wave')}, № {cause.id}.{cause.revision}"  # read by people as a reference
    row_id = queue_call(
        session, portal, comment_add(intent.card.kind, intent.card.id, words, mark), lane=lane_of(intent.card),
        key=f"{cause}:{lane_of(intent.card)}:comment", purpose="comment", cause=cause, now=now,
    )  # fmt: skip
    if row_id is not None and pending:
        session.get_one(OutboxRow, row_id).due_at = now + LINK_WAIT


def _differences(
    session: Session, portal: Portal, card: CardKey, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Score fields that do not surely stand on the card already (product.md B6).

    A field is left out only if the mirror and every write on its way agree with it.
    """
    wanted, _ = resolve(portal, card.kind, values)
    states = _states(session, portal, card)

    def stands(code: str) -> bool:
        seen = [state[code] for state in states if code in state]
        return bool(seen) and all(_shape(value) == _shape(wanted[code]) for value in seen)

    return {code: value for code, value in values.items() if not stands(code)}


def _states(session: Session, portal: Portal, card: CardKey) -> list[Mapping[str, Any]]:
    """The score fields as mirrored, and as the writes on their way to the card will leave them."""
    row = session.get(TABLES[card.kind], (portal.id, card.id))
    mirrored: Mapping[str, Any] = getattr(row, "scores", None) or {}
    under_way = session.scalars(
        select(OutboxRow).where(
            OutboxRow.portal_id == portal.id,
            OutboxRow.lane == lane_of(card),
            OutboxRow.method == "crm.item.update",
            is_open(OutboxRow),
        )
    )
    return [mirrored, *(write.call["params"]["fields"] for write in under_way)]


def _shape(value: Any) -> str:
    """One form for what is written in several: 43 and "43", a day and its midnight (bitrix24.md 4.7, 8.4)."""
    if value is None or value is False or value in ("", [], {}):
        return ""
    written = str(value).strip()
    return written[:10] if _MIDNIGHT.fullmatch(written) else written

"""From what the rules want to calls in the outbox, in the caller's transaction (product.md B2 to B6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, select, union_all
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
    fields_row,
    lane_of,
    queue_call,
    queue_fields,
    resolve,
)
from integration.services.deps import Deps
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.queue import is_open, put_all
from integration.store.referrals import TABLES, key_of

_log = log(__name__)

SCORE, GROUP, DATE = "UF_CRM_MOLVA_NPS_SCORE", "UF_CRM_MOLVA_NPS_GROUP", "UF_CRM_MOLVA_NPS_DATE"
COMMENT, WAVE, CHANNEL = "UF_CRM_MOLVA_NPS_COMMENT", "UF_CRM_MOLVA_NPS_WAVE", "UF_CRM_MOLVA_NPS_CHANNEL"
_MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?([+-]\d\d:?\d\d|Z)?")
CHOICES = ("later", "never")  # comments about what a client chose instead of answering
LINK_WAIT = timedelta(seconds=60)  # a comment waits so long for its task, then goes without the link


def perform(deps: Deps, session: Session, portal: Portal, intents: Iterable[Intent], cause: Cause) -> None:
    """Queue everything these intents want, once per cause: scores first, and comments, which name the tasks, last.
    Raises `TypeError` for intents of other parts."""
    now, wanted = deps.clock.now(), list(intents)
    _scores(session, portal, [one for one in wanted if isinstance(one, WriteScore)], cause, now)
    comments: list[AddTimelineComment] = []
    for intent in wanted:
        match intent:
            case WriteScore():
                continue
            case AddTimelineComment():
                comments.append(intent)
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
    _comments(session, portal, comments, cause, now)


def _scores(
    session: Session, portal: Portal, wanted: Sequence[WriteScore], cause: Cause, now: datetime
) -> None:
    """Written down together: one answer goes to several cards."""
    rows: list[dict[str, Any]] = []
    states = _states(session, portal, [one.card for one in wanted])
    for one in wanted:
        changed = _differences(portal, one.card, score_values(portal, one), states[one.card])
        if not changed:
            continue
        rows.append(fields_row(portal, one.card, changed, purpose="score", cause=cause, now=now))
        if rows[-1]["error"]:
            _log.warning("fields.missing", portal=portal.id, card=one.card.kind, why=rows[-1]["error"])
    put_all(session, OutboxRow, rows, portal_id=portal.id)


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


def _comments(
    session: Session, portal: Portal, wanted: Sequence[AddTimelineComment], cause: Cause, now: datetime
) -> None:
    """Where a task is still to be made the comments wait a moment for its link (`followups.task_created`)."""
    for intent in (one for one in wanted if one.code in CHOICES):
        tell(session, portal, intent, cause, now)
    told = [one for one in wanted if one.code not in CHOICES]
    if not told:
        return
    task_id, pending = followups.task_of_response(session, portal.id, cause.id)
    rows: list[dict[str, Any]] = []
    for intent in told:
        words = card_texts.answer_comment(portal, intent.facts, task_id)
        mark = f"Molva {intent.facts.get('wave')}, № {cause.id}.{cause.revision}"  # read by people as a reference
        call, lane = comment_add(intent.card.kind, intent.card.id, words, mark), lane_of(intent.card)
        rows.append(
            {
                "lane": lane, "due_at": now + LINK_WAIT if pending else now, "created_at": now,
                "key": f"{cause}:{lane}:comment", "purpose": "comment", "method": call.method,
                "call": call.to_json(), "cause_kind": cause.kind, "cause_id": cause.id,
            }
        )  # fmt: skip
    put_all(session, OutboxRow, rows, portal_id=portal.id)


def _differences(
    portal: Portal, card: CardKey, values: Mapping[str, Any], states: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Score fields that do not surely stand on the card already (product.md B6).

    A field is left out only if the mirror and every write on its way agree with it.
    """
    wanted, _ = resolve(portal, card.kind, values)

    def stands(code: str) -> bool:
        seen = [state[code] for state in states if code in state]
        return bool(seen) and all(_shape(value) == _shape(wanted[code]) for value in seen)

    return {code: value for code, value in values.items() if not stands(code)}


def _states(
    session: Session, portal: Portal, cards: Sequence[CardKey]
) -> dict[CardKey, list[Mapping[str, Any]]]:
    """The score fields of cards as mirrored, and as the writes on their way to them will leave them."""
    found: dict[CardKey, list[Mapping[str, Any]]] = {card: [{}] for card in cards}
    tables: dict[str, Any] = {kind: table for kind, table in TABLES.items() if hasattr(table, "scores")}
    ids = {kind: [card.id for card in found if card.kind == kind] for kind in tables}
    mirrored = [
        select(literal(kind), table.id, table.scores).where(table.portal_id == portal.id, table.id.in_(ids[kind]))
        for kind, table in tables.items()
        if ids[kind]
    ]  # fmt: skip
    for kind, number, scores in session.execute(union_all(*mirrored)) if mirrored else ():
        found[key_of(kind, number)] = [scores or {}]
    by_lane = {lane_of(card): states for card, states in found.items()}
    under_way = select(OutboxRow.lane, OutboxRow.call).where(
        OutboxRow.portal_id == portal.id,
        OutboxRow.lane.in_(by_lane),
        OutboxRow.method == "crm.item.update",
        is_open(OutboxRow),
    )
    for lane, call in session.execute(under_way) if by_lane else ():
        by_lane[lane].append(call["params"]["fields"])
    return found


def _shape(value: Any) -> str:
    """One form for what is written in several: 43 and "43", a day and its midnight (bitrix24.md 4.7, 8.4)."""
    if value is None or value is False or value in ("", [], {}):
        return ""
    written = str(value).strip()
    return written[:10] if _MIDNIGHT.fullmatch(written) else written

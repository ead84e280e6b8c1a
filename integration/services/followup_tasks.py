"""The task of a follow-up: its fields, and what becomes of it when the answer is corrected (product.md S3, F1, F2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration import i18n
from integration.bitrix.calls import Call, crm_link, task_change
from integration.i18n import mark
from integration.nps.intents import OpenFollowUp
from integration.nps.people import CardKey
from integration.nps.workdays import zone_named
from integration.services import card_texts
from integration.services.calls_queue import Cause, queue_call
from integration.store import followups as rows
from integration.store import responses
from integration.store.followups import FollowUp
from integration.store.portals import Portal

TAG = "Molva"
WAITS, DONE, PUT_OFF = 2, 5, 6  # of a task (bitrix24.md 11.2); only DONE means "completed"
NO_RESULT_NO_END = [{"CODE": 3, "VALUE": "Y"}]
CALLED_OFF = mark("No longer needed: {title}")


def task_fields(
    session: Session, portal: Portal, intent: OpenFollowUp, row: FollowUp, now: datetime
) -> dict[str, Any]:
    """What the task says, and on which cards it stands (product.md F2)."""
    card = CardKey(intent.client.kind, intent.client.id)
    earlier = responses.earlier_of_client(
        session, portal.id, intent.client.kind, intent.client.id, row.wave_id
    )
    links = [crm_link(intent.client.kind, intent.client.id)]
    if intent.deal_id is not None:
        links.append(crm_link("deal", intent.deal_id))
    if intent.contact_id is not None and crm_link("contact", intent.contact_id) not in links:
        links.append(crm_link("contact", intent.contact_id))
    fields: dict[str, Any] = {
        "TITLE": card_texts.task_title(portal, intent.kind, intent.facts),
        "DESCRIPTION": card_texts.task_description(portal, intent.kind, intent.facts, card, earlier),
        "RESPONSIBLE_ID": intent.owner,
        "DEADLINE": _in_zone(intent.deadline, zone_named(portal.time_zone)),
        "PRIORITY": "2" if _is_urgent(intent) else "1",
        "TAGS": [TAG],
        "ALLOW_CHANGE_DEADLINE": "Y",
        "TASK_CONTROL": "N",
        "UF_CRM_TASK": links,
        "SE_PARAMETER": NO_RESULT_NO_END,
    }
    if intent.creator is not None:
        fields["CREATED_BY"] = intent.creator
    if intent.observers:
        fields["AUDITORS"] = list(intent.observers)
    return fields


def _is_urgent(intent: OpenFollowUp) -> bool:
    """A detractor, a quarrel, a message past the manager: high priority in the portal."""
    return intent.kind in ("detractor_meeting", "disagreement", "direct_line")


def _in_zone(moment: datetime, zone: ZoneInfo) -> str:
    """With the portal's offset, without which the portal would guess (bitrix24.md 11.2)."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def call_off(session: Session, portal: Portal, row: FollowUp, what: str, now: datetime) -> None:
    """The answer is of another group now: a task that is there says so and is put off. A finished one stays."""
    if row.task_id is None or row.task_status == DONE:
        return
    lang = card_texts.language(portal)
    title = card_texts.task_title(portal, row.kind, row.facts)
    said = i18n.text(lang, CALLED_OFF, title=title)[: card_texts.LONGEST_TITLE]
    _change(session, portal, row, {"TITLE": said, "STATUS": PUT_OFF}, f"off:{what}", now)


def tell_anew(
    session: Session, portal: Portal, intent: OpenFollowUp, row: FollowUp, now: datetime, *, revived: bool = False
) -> None:  # fmt: skip
    """The answer was corrected and the follow-up stands, or stands again: the task says what the client says now.

    A task that has not been made yet is made so; of one that is there the title alone is changed, since people write
    into the rest. `revived`: it was called off, and is to be done after all, until the intent's deadline, also where
    somebody has ticked it off as not needed.
    """
    row.facts = {**row.facts, **intent.facts}
    fields = task_fields(session, portal, intent, row, now)
    waiting = rows.waiting_task_call(session, portal.id, row.id)
    if waiting is not None:
        params = {**waiting.call["params"], "fields": {**waiting.call["params"]["fields"], **fields}}
        waiting.call = {**waiting.call, "params": params}
    if row.task_id is None or (row.task_status == DONE and not revived):
        return
    changed = {"TITLE": fields["TITLE"]}
    if revived:
        changed |= {"STATUS": WAITS, "DEADLINE": fields["DEADLINE"]}
    _change(session, portal, row, changed, f"told:{now.isoformat()}", now)


def _change(
    session: Session, portal: Portal, row: FollowUp, fields: dict[str, Any], what: str, now: datetime
) -> None:
    queue(
        session, portal, row, task_change(row.task_id or 0, fields), "task_change", f"{row.key}:{what}", now
    )


def queue(
    session: Session, portal: Portal, row: FollowUp, call: Call, purpose: str, key: str, now: datetime
) -> None:
    """A call about a follow-up, in its own lane: one after the other."""
    lane, cause = f"followup:{row.id}", Cause("followup", row.id)
    queue_call(session, portal, call, lane=lane, key=f"followup:{key}", purpose=purpose, cause=cause, now=now)

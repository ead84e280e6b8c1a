"""Follow-ups: opened by an answer, lived in the portal as tasks, followed by their events (product.md F1 to F5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from integration.bitrix.calls import checklist_add, task_add
from integration.nps.accounts import PersonAnswer, disagreement
from integration.nps.followups import KIND_OF, Case, Office, decide, decide_revision, follow_up
from integration.nps.intents import OpenFollowUp
from integration.nps.people import ClientKey, Role
from integration.nps.scoring import group
from integration.nps.workdays import local_day, zone_named
from integration.services import card_texts, followup_tasks, policies
from integration.services.calendars import portal_calendar
from integration.services.deps import Deps
from integration.services.followup_tasks import DONE
from integration.services.projects import names
from integration.store import followups as rows
from integration.store.answers import Asked
from integration.store.base import transaction
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.responses import Response


def on_response(
    session: Session,
    found: Asked,
    response: Response,
    before: int | None,
    given: list[PersonAnswer],
    now: datetime,
    office: Office,
) -> list[OpenFollowUp]:
    """What must follow from a counted answer or its correction (`before`: the score it had; `office`: `office_of`).

    A correction that changes the group cancels the open follow-up of the old group; people of one client
    who differ much are a case of their own, once per wave (product.md F1).
    """
    case = case_of(found, response)
    if before is None:
        opened = decide(case, office, now)
    else:
        opened = decide_revision(before, case, office, now)
        _cancel_others(session, found.portal, response, now)
        if not opened:
            _tell_anew(session, found.portal, decide(case, office, now), now)
    if disagreement(given, office.policy.disagreement_spread):
        opened += follow_up("disagreement", office.policy.disagreement_days, case, office, now)
    return opened


def office_of(session: Session, portal: Portal, now: datetime) -> Office:
    """The portal's rules, people, working days and hours as they stand (product.md F3, F4)."""
    policy, _ = policies.load(session, portal.id)
    zone = zone_named(portal.time_zone)
    calendar = portal_calendar(portal.calendar, policy, local_day(now, zone)).office
    return Office(policy, policies.team(session, portal.id), calendar, zone)


def case_of(found: Asked, response: Response) -> Case:
    """The answer as a case: who, of which client, served by whom."""
    kind = "company" if found.client.client_kind == "company" else "contact"
    return Case(
        client=ClientKey(cast("Any", kind), found.client.client_id),
        client_name=found.client.name,
        city=found.client.city,
        manager=found.client.manager_id,
        deal_id=found.client.deal_id,
        contact_id=found.invitation.contact_id,
        person=found.invitation.name,
        role=role_of(found.invitation.role),
        score=response.score,
        comment=response.comment,
        channel=cast("Any", response.channel),
        wave=names.in_words(found.portal, found.wave),
        response_id=response.id,
    )


def role_of(name: str) -> Role | None:
    """A stored role, or nothing."""
    return cast("Role", name) if name in ("decides", "daily", "other") else None


def open_one(session: Session, portal: Portal, intent: OpenFollowUp, now: datetime) -> FollowUp:
    """The row and the task's call, once per key. One cancelled before is taken up again, not doubled."""
    key = _key(intent)
    row = rows.by_key(session, portal.id, key)
    if row is not None:
        if row.status == "cancelled":
            row.status, row.closed_at, row.deadline = "open", None, intent.deadline
            _take_up(session, portal, intent, row, now)
        return row
    response = session.get(Response, intent.response_id) if intent.response_id else None
    row = FollowUp(
        portal_id=portal.id,
        key=key,
        kind=intent.kind,
        wave_id=response.wave_id if response and response.portal_id == portal.id else None,
        response_id=intent.response_id,
        client_kind=intent.client.kind,
        client_id=intent.client.id,
        owner_id=intent.owner,
        observers=list(intent.observers),
        deadline=intent.deadline,
        facts={**intent.facts, "checklist": list(intent.checklist), "owner_by": intent.owner_by},
        opened_at=now,
    )
    session.add(row)
    session.flush()
    _queue_task(session, portal, intent, row, now)
    return row


def _take_up(session: Session, portal: Portal, intent: OpenFollowUp, row: FollowUp, now: datetime) -> None:
    """The task of a case that was off is to be done after all; one that was deleted meanwhile is made anew."""
    if row.facts.get("deleted"):
        gone, row.task_id, row.task_status = row.task_id, None, None
        kept = {name: value for name, value in row.facts.items() if name != "deleted"}
        row.facts = {**kept, **intent.facts, "again": gone}
        _queue_task(session, portal, intent, row, now, f":after:{gone}")
        return
    rows.revive_task_call(session, portal.id, row.id, now)
    followup_tasks.tell_anew(session, portal, intent, row, now, revived=True)


def task_created(session: Session, portal_id: int, followup_id: int, task_id: int, now: datetime) -> None:
    """The task's call took effect: keep the id, queue its checklist, let waiting comments go with the link."""
    row = rows.by_id(session, portal_id, followup_id)
    portal = session.get(Portal, portal_id)
    if row is None or portal is None or row.task_id is not None:
        return
    row.task_id = task_id
    if row.status == "cancelled":  # its answer was corrected while the call was on its way
        followup_tasks.call_off(session, portal, row, "late", now)
    if row.facts.get("checklist"):
        call = checklist_add(task_id, card_texts.checklist_title(portal))
        followup_tasks.queue(session, portal, row, call, "checklist", _checklist_of(row), now)
    if row.response_id is not None:
        for waiting in rows.waiting_comments(session, portal_id, row.response_id):
            waiting.call = _with_line(waiting.call, card_texts.task_line(portal, task_id))
            waiting.due_at = now


def call_done(session: Session, row: OutboxRow, created_id: int, now: datetime) -> None:
    """A creating call of a follow-up took effect; calls of other causes and purposes are passed over."""
    if row.cause_kind != "followup":
        return
    if row.purpose == "task":
        task_created(session, row.portal_id, row.cause_id, created_id, now)
    elif row.purpose == "checklist":
        checklist_created(session, row.portal_id, row.cause_id, created_id, now)


def checklist_created(
    session: Session, portal_id: int, followup_id: int, root_id: int, now: datetime
) -> None:
    """The checklist is there: queue its lines, in order, in the task's lane (bitrix24.md 11.1)."""
    row = rows.by_id(session, portal_id, followup_id)
    portal = session.get(Portal, portal_id)
    if row is None or portal is None or row.task_id is None:
        return
    for number, title in enumerate(card_texts.checklist_items(portal, row.facts.get("checklist", []))):
        call = checklist_add(row.task_id, title, root_id)
        followup_tasks.queue(
            session, portal, row, call, "checklist_item", f"{_checklist_of(row)}:{number}", now
        )


def on_task_changed(deps: Deps, portal_id: int, task_id: int, task: Any | None) -> str:
    """A task of ours changed in the portal; the follow-up's state. Nothing of ours: "".

    `task`: `bitrix.records.Task`, nothing if it was deleted. A completed task is `task_done`, never
    `closed`: only the client's own word closes a case (product.md F5).
    """
    with transaction(deps.sessions) as session:
        return task_changed(session, portal_id, task_id, task, deps.clock.now())


def task_changed(session: Session, portal_id: int, task_id: int, task: Any | None, now: datetime) -> str:
    """`on_task_changed` inside a transaction."""
    row = rows.by_task(session, portal_id, task_id)
    if row is None or row.status == "closed":
        return row.status if row else ""
    if task is None:
        row.status, row.closed_at = "cancelled", now
        row.facts = {**row.facts, "deleted": True}
        return row.status
    row.task_status = task.status
    if row.status != "cancelled":
        row.status = "task_done" if task.status == DONE else "open"
        row.owner_id = getattr(task, "responsible_id", None) or row.owner_id
        row.deadline = getattr(task, "deadline", None) or row.deadline
    return row.status


def is_ours(session: Session, portal_id: int, task_id: int) -> bool:
    """Whether a task event needs a look at all: events come for every task of the portal (product.md T2)."""
    return rows.by_task(session, portal_id, task_id) is not None


def task_of_response(session: Session, portal_id: int, response_id: int) -> tuple[int | None, bool]:
    """The task that follows an answer, and whether one is still to be made."""
    found = rows.open_of_response(session, portal_id, response_id)
    task_id = next((row.task_id for row in found if row.task_id is not None), None)
    return task_id, task_id is None and bool(found)


def _checklist_of(row: FollowUp) -> str:
    """Key of the calls for the checklist; of a task that was made anew another one."""
    again = row.facts.get("again")
    return f"{row.key}:checklist" + (f":after:{again}" if again else "")


def _key(intent: OpenFollowUp) -> str:
    if intent.kind == "disagreement":
        return f"disagreement:{intent.facts.get('wave')}:{intent.client}"
    if intent.message_id is not None:
        return f"direct:{intent.message_id}"
    return f"response:{intent.response_id}:{intent.kind}"


def _cancel_others(session: Session, portal: Portal, response: Response, now: datetime) -> None:
    """The answer is of another group now: what followed from the old one is off. A task not yet made is not made, one
    that is there says that it is not needed any more."""
    kept = KIND_OF[group(response.score)]
    for row in rows.open_of_response(session, portal.id, response.id):
        if row.kind in KIND_OF.values() and row.kind != kept:
            row.status, row.closed_at = "cancelled", now
            rows.drop_task_call(session, portal.id, row.id, now)
            followup_tasks.call_off(session, portal, row, str(response.revision), now)


def _tell_anew(session: Session, portal: Portal, wanted: list[OpenFollowUp], now: datetime) -> None:
    """The group is the same: the task that follows from the answer says what it says now."""
    for intent in wanted:
        row = rows.by_key(session, portal.id, _key(intent))
        if row is not None and row.status == "open":
            followup_tasks.tell_anew(session, portal, intent, row, now)


def _queue_task(
    session: Session, portal: Portal, intent: OpenFollowUp, row: FollowUp, now: datetime, again: str = ""
) -> None:
    key = f"{row.key}{again}"
    mark = f"molva:{intent.facts.get('wave') or now.year}:{key}"
    call = task_add(followup_tasks.task_fields(session, portal, intent, row, now), mark)
    followup_tasks.queue(session, portal, row, call, "task", key, now)


def _with_line(call: dict[str, Any], line: str) -> dict[str, Any]:
    """The comment's call with one more line before its mark, which stays last."""
    fields = call["params"]["fields"]
    words, _, mark = str(fields["COMMENT"]).rpartition("\n")
    comment = f"{words}\n{line}\n{mark}"
    return {**call, "params": {**call["params"], "fields": {**fields, "COMMENT": comment}}}

"""What a wave writes into the portal: the owner's tasks and the personal links (product.md W2, W19).

Of the owner's tasks one is open at most: a newer one finishes those before it, and so does whatever settles what they
ask for, the approval or the end of the wave.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.calls import task_add, task_complete
from integration.i18n import day, language_of, mark, text
from integration.nps.intents import CreateOwnerTask
from integration.nps.people import CardKey
from integration.nps.workdays import local_day, zone_named
from integration.services.calls_queue import Cause, fields_row, queue_call, queue_fields
from integration.services.letter_drafts import Scene
from integration.store import portals as portal_rows
from integration.store import wave_queries
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave

SURVEY_URL = "UF_CRM_MOLVA_SURVEY_URL"
TASK = "wave_task"  # purpose of the calls that make the owner's tasks
BY_HAND = "?via=link"  # who comes by a copied link has not come by the letter (interface.md 4)
_OPEN, _CLEARED = 1, 2  # revisions of the same cause: each is written once
_TITLES = {
    "plan_wave": mark("Prepare this year's survey of clients: {wave}"),
    "approve_wave_28": mark("Four weeks to the survey of clients: {wave} is not approved yet"),
    "approve_wave_21": mark("Three weeks to the survey of clients: {wave} is not approved yet"),
}
_WORDS = mark(
    "Clients are to be asked from {start}; the announcement leaves on {announce}. Look through the rehearsal:"
    " who is asked, who is not and why, who signs. Nothing is sent until you approve it."
)


def owner_task(session: Session, stage: Scene, intent: CreateOwnerTask, now: datetime) -> None:
    """A task for the owner of a wave, once per kind; without an owner there is only a line in the trail."""
    wave, portal = stage.wave, stage.portal
    wave.plan = {**wave.plan, "owner_tasks": [*wave.plan.get("owner_tasks", []), intent.kind]}
    owner = stage.team.at_work(stage.policy.wave_owner) or stage.team.at_work(stage.policy.head_user_id)
    wave_queries.note(
        session, wave, now, f"task:{intent.kind}", detail="" if owner else "nobody to give it to"
    )
    if owner is None:
        return
    finish_owner_tasks(session, portal, wave, now)
    language = language_of(portal.language)
    zone = zone_named(stage.plan.zone)
    fields = {
        "TITLE": text(language, _TITLES[intent.kind], wave=wave.name)[:250],
        "DESCRIPTION": text(
            language,
            _WORDS,
            start=day(language, stage.plan.start),
            announce=day(language, stage.plan.announce),
        ),
        "RESPONSIBLE_ID": owner.user_id,
        "DEADLINE": intent.deadline.astimezone(zone).isoformat(timespec="seconds"),
        "TAGS": ["Molva"],
    }
    head = stage.team.at_work(stage.policy.head_user_id)
    if head is not None:
        fields["CREATED_BY"] = head.user_id
    queue_call(
        session, portal, task_add(fields, f"molva:{wave.name}:{intent.kind}:{local_day(now, zone):%Y}"),
        lane=f"wave:{wave.id}", key=f"wave:{wave.id}:{intent.kind}", purpose=TASK,
        cause=Cause("wave", wave.id), now=now,
    )  # fmt: skip


def finish_owner_tasks(session: Session, portal: Portal, wave: Wave, now: datetime) -> None:
    """Nothing is left to do of the owner's tasks so far: those made are ticked off, those not yet made are taken back.

    One that is being made at this moment follows as soon as its number is known (`owner_task_made`).
    """
    for task_id in wave_queries.settle_owner_tasks(session, portal.id, wave.id, now):
        _tick_off(session, portal, wave.id, task_id, now)


def owner_task_made(session: Session, portal_id: int, wave_id: int, task_id: int, now: datetime) -> None:
    """The portal has made one of the owner's tasks; if it is not wanted any more, it is ticked off at once."""
    wave, portal = wave_queries.wave(session, portal_id, wave_id), portal_rows.get(session, portal_id)
    if (
        wave is not None
        and portal is not None
        and (wave.approved_by or wave.stage in wave_queries.DONE_STAGES)
    ):
        _tick_off(session, portal, wave_id, task_id, now)


def _tick_off(session: Session, portal: Portal, wave_id: int, task_id: int, now: datetime) -> None:
    queue_call(
        session, portal, task_complete(task_id), lane=f"wave:{wave_id}",
        key=f"wave:{wave_id}:task:{task_id}:done", purpose="wave_task_done", cause=Cause("wave", wave_id), now=now,
    )  # fmt: skip


def write_survey_url(
    session: Session, portal: Portal, invitation: Invitation, url: str, now: datetime
) -> None:
    """The personal link into the contact's card, so that people and robots can pass it on (product.md W19)."""
    _write(session, portal, invitation, url + BY_HAND, _OPEN, now)


def clear_survey_url(session: Session, portal: Portal, invitation: Invitation, now: datetime) -> None:
    """Take the link out of the card when the wave is over, if it was ever put there."""
    if "invitation" in invitation.touches:
        _write(session, portal, invitation, "", _CLEARED, now)


def survey_url_row(portal: Portal, invitation: Invitation, url: str, now: datetime) -> dict[str, Any]:
    """What `write_survey_url` would queue, for many people at once."""
    return _row(portal, invitation, url + BY_HAND, _OPEN, now)


def cleared_url_row(portal: Portal, invitation: Invitation, now: datetime) -> dict[str, Any]:
    """What `clear_survey_url` would queue for somebody who was asked, for many at once."""
    return _row(portal, invitation, "", _CLEARED, now)


def _row(portal: Portal, invitation: Invitation, url: str, revision: int, now: datetime) -> dict[str, Any]:
    return fields_row(
        portal, CardKey("contact", invitation.contact_id), {SURVEY_URL: url},
        purpose="field", cause=Cause("invitation", invitation.id, revision), now=now,
    )  # fmt: skip


def _write(
    session: Session, portal: Portal, invitation: Invitation, url: str, revision: int, now: datetime
) -> None:
    queue_fields(
        session, portal, CardKey("contact", invitation.contact_id), {SURVEY_URL: url},
        purpose="field", cause=Cause("invitation", invitation.id, revision), now=now,
    )  # fmt: skip

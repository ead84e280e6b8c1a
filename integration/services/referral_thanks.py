"""Thanking whoever recommended a client: one task for each occasion, and people's word that it is done (product.md R5).

An occasion is a step of the ladder chosen in the settings. It belongs to whoever is responsible for the referrer's
card; if that person is not at work, to whom a follow-up would go (F3). Finishing the task ends it, or a click in Molva.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from integration.bitrix.calls import crm_link, task_add, task_complete
from integration.nps.followups import Case, Office, ownership
from integration.nps.ladder import Step
from integration.nps.people import CardKey, ClientKey
from integration.nps.workdays import local_day, zone_named
from integration.services import referral_texts
from integration.services.calls_queue import Cause, queue_call
from integration.services.deps import Deps
from integration.services.followup_tasks import DONE, TAG
from integration.services.followups import office_of
from integration.services.referral_rows import note as put_note
from integration.store import portals as portal_rows
from integration.store import referral_thanks as rows
from integration.store import referrals as referral_store
from integration.store.base import transaction
from integration.store.portals import Portal
from integration.store.referral_rows import Referral, ReferralThanks

LONGEST_NOTE = 500
_AT_ONCE = 50
Status = Literal["done", "same", "gone", "too_long"]


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody is to be thanked. `since`: portal day of the step, `age_days` ago; `owner_id` none while nobody is at
    work who could do it; `task_id` none until the portal has made the task; `deadline` is UTC; `past`: reached so
    long before it became known that no task was made."""

    referral_id: int
    step: str
    since: date
    age_days: int
    newcomer: CardKey
    referrer: ClientKey
    owner_id: int | None
    task_id: int | None
    deadline: datetime | None
    past: bool


def waiting(
    session: Session, portal: Portal, now: datetime, condition: ColumnElement[bool] | None = None, *,
    past: bool = False, offset: int = 0, limit: int = 50,
) -> list[Due]:  # fmt: skip
    """Who was not thanked yet, the longest first. `condition`: on `Referral`, whose they are.

    `store.referral_thanks.count_waiting` counts them.
    """
    today = local_day(now, zone_named(portal.time_zone))
    found = rows.waiting(session, portal.id, condition, past=past, offset=offset, limit=limit)
    return [
        Due(
            one.referral.id, one.thanks.step, one.thanks.since, (today - one.thanks.since).days,
            referral_store.key_of(one.referral.newcomer_kind, one.referral.newcomer_id),
            referral_store.client_key(one.thanks.referrer_kind, one.thanks.referrer_id),
            one.thanks.owner_id, one.thanks.task_id, one.thanks.deadline, one.thanks.status == "past",
        )
        for one in found
    ]  # fmt: skip


def thank(deps: Deps, portal_id: int, referral_id: int, *, who: str, note: str = "") -> Status:
    """A person says that the referrer was thanked: every open occasion of this referral ends, its task is completed.

    `same`: nothing was open. Rights are the caller's business.
    """
    note = " ".join(note.split())
    if len(note) > LONGEST_NOTE:
        return "too_long"
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        referral = session.get(Referral, referral_id, with_for_update=True)
        portal = portal_rows.get(session, portal_id)
        if referral is None or portal is None or referral.portal_id != portal_id:
            return "gone"
        mine = rows.thanks_of(session, portal_id, [referral_id]).get(referral_id, [])
        opened = [row for row in mine if row.status in rows.ALL]
        for row in opened:
            rows.drop_task_call(session, portal_id, row.id, now)
            _thanked(session, row, now, who=who, note=note)
            if row.task_id is not None:
                _complete(session, portal, row, now)
    return "done" if opened else "same"


def consider(
    session: Session, portal: Portal, referral: Referral, step: Step | None, since: date | None, now: datetime,
    *, past: bool, quiet: bool = False,
) -> None:  # fmt: skip
    """Open the occasion of a step that was reached, once, and end those of referrers who do not count any more.

    `step` None: there is none, or the referral does not stand. `quiet`: the task is ordered later (`assign_rest`).
    """
    mine = rows.thanks_of(session, portal.id, [referral.id]).get(referral.id, [])
    referrer = (referral.referrer_kind, referral.referrer_id)
    stands = not referral.problem and bool(referral.referrer_id)
    for row in mine:
        if row.status in rows.ALL and (not stands or (row.referrer_kind, row.referrer_id) != referrer):
            cancel(session, portal, row, now)
    if step is None or since is None or not stands:
        return
    own = [row for row in mine if (row.referrer_kind, row.referrer_id) == referrer]
    same = next((row for row in own if row.step == step), None)
    if same is not None:
        _again(session, portal, same, now)
    elif not any(row.since >= since and row.status != "cancelled" for row in own):
        _open(session, portal, referral, step, since, now, past=past, quiet=quiet)


def _open(
    session: Session, portal: Portal, referral: Referral, step: Step, since: date, now: datetime, *, past: bool,
    quiet: bool,
) -> None:  # fmt: skip
    row = ReferralThanks(
        portal_id=portal.id, referral_id=referral.id, step=step, referrer_kind=referral.referrer_kind,
        referrer_id=referral.referrer_id, since=since, status="past" if past else "open", opened_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    if not past and not quiet:
        assign(session, portal, referral, row, office_of(session, portal, now), now)


def _again(session: Session, portal: Portal, row: ReferralThanks, now: datetime) -> None:
    """What was called off because the referral did not stand is due after all; a task somebody deleted stays away."""
    if row.status != "cancelled" or row.note == "deleted":
        return
    row.status, row.ended_at = "open", None
    rows.revive_task_call(session, portal.id, row.id, now)


def assign(
    session: Session, portal: Portal, referral: Referral, row: ReferralThanks, office: Office, now: datetime
) -> bool:
    """Order the task for whoever is responsible for the referrer's card, else for whom F3 names. False: nobody is."""
    kind, number = row.referrer_kind, row.referrer_id
    card = referral_store.card(session, portal.id, kind, number)
    manager = card.assigned_by if card is not None else None
    owner = manager if office.team.at_work(manager) else None
    if owner is None:
        case = Case(ClientKey(kind, number), city=getattr(card, "city", ""), manager=manager)  # type: ignore[arg-type]
        found = ownership("promoter_thanks", case, office.policy, office.team)
        owner = found.owner if found else None
    if owner is None:
        return False
    row.owner_id = owner
    row.deadline = office.calendar.deadline(now, office.policy.thanks_days, office.zone)
    fields = _task_fields(session, portal, referral, row, office)
    mark = f"molva:{row.opened_at.year}:thanks:{row.id}"
    queue_call(
        session, portal, task_add(fields, mark), lane=f"thanks:{row.id}", key=f"thanks:{row.id}",
        purpose=rows.TASK, cause=Cause("thanks", row.id), now=now,
    )  # fmt: skip
    put_note(session, portal.id, referral.id, "asked", now, step=row.step, owner=owner)
    return True


def _task_fields(
    session: Session, portal: Portal, referral: Referral, row: ReferralThanks, office: Office
) -> dict[str, Any]:
    newcomer = referral_store.key_of(referral.newcomer_kind, referral.newcomer_id)
    referrer = referral_store.key_of(row.referrer_kind, row.referrer_id)
    names = [name_of(session, portal.id, key) for key in (referrer, newcomer)]
    promised = referral.reward_note if referral.reward == "promised" else ""
    assert row.deadline is not None, "set by the caller"
    fields: dict[str, Any] = {
        "TITLE": referral_texts.task_title(portal, row.step, names[0], names[1]),
        "DESCRIPTION": referral_texts.task_description(
            portal, (referrer, names[0]), (newcomer, names[1]), row.since, promised
        ),
        "RESPONSIBLE_ID": row.owner_id,
        "DEADLINE": row.deadline.astimezone(office.zone).isoformat(timespec="seconds"),
        "PRIORITY": "1",
        "TAGS": [TAG],
        "ALLOW_CHANGE_DEADLINE": "Y",
        "TASK_CONTROL": "N",
        "UF_CRM_TASK": [crm_link(referrer.kind, referrer.id), crm_link(newcomer.kind, newcomer.id)],
    }
    head = office.team.at_work(office.policy.head_user_id)
    return fields | ({"CREATED_BY": head.user_id} if head else {})


def name_of(session: Session, portal_id: int, key: CardKey) -> str:
    """What a card is called; empty for one that is not known."""
    card = referral_store.card(session, portal_id, key.kind, key.id)
    if card is None:
        return ""
    return str(f"{card.name} {card.last_name}".strip() if key.kind == "contact" else card.title)


def assign_rest(deps: Deps, portal_id: int) -> None:
    """Occasions for which nobody was at work: look again who could see to them now."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        left = rows.ownerless(session, portal_id, _AT_ONCE) if portal is not None else []
        if portal is None or not left:
            return
        office = office_of(session, portal, now)
        for row in left:
            referral = session.get(Referral, row.referral_id)
            if referral is not None:
                assign(session, portal, referral, row, office, now)


def cancel(session: Session, portal: Portal, row: ReferralThanks, now: datetime) -> None:
    """There is nothing to thank for any more: a task not yet made is not made, one that was made is left to people."""
    row.status, row.ended_at = "cancelled", now
    rows.drop_task_call(session, portal.id, row.id, now)


def withdraw(session: Session, portal: Portal, referral_id: int, now: datetime) -> None:
    """A referral does not stand any more, or its newcomer is gone: everything still open about it ends."""
    for row in rows.thanks_of(session, portal.id, [referral_id]).get(referral_id, []):
        if row.status in rows.ALL:
            cancel(session, portal, row, now)


# --- what the portal tells


def task_made(session: Session, portal_id: int, thanks_id: int, task_id: int, now: datetime) -> None:
    """The portal has made the task: its number is kept. Told only once; if a person was faster, it is completed."""
    row = rows.get(session, portal_id, thanks_id)
    portal = portal_rows.get(session, portal_id)
    if row is None or portal is None or row.task_id is not None:
        return
    row.task_id = task_id
    if row.status == "thanked":
        _complete(session, portal, row, now)


def task_changed(session: Session, portal_id: int, task_id: int, task: Any | None, now: datetime) -> None:
    """A task changed in the portal (`bitrix.records.Task`, none if it was deleted): finished is thanked."""
    row = rows.by_task(session, portal_id, task_id)
    if row is None or row.status == "cancelled":
        return
    if task is None:
        if row.status == "open":
            row.status, row.ended_at, row.note = "cancelled", now, "deleted"
        return
    row.owner_id = getattr(task, "responsible_id", None) or row.owner_id
    row.deadline = getattr(task, "deadline", None) or row.deadline
    if task.status == DONE and row.status == "open":
        _thanked(session, row, now)
    elif task.status != DONE and row.status == "thanked" and not row.thanked_by:
        row.status, row.thanked_at, row.ended_at = "open", None, None  # taken up again in the portal


def _thanked(session: Session, row: ReferralThanks, now: datetime, *, who: str = "", note: str = "") -> None:
    row.status, row.thanked_by, row.thanked_at, row.ended_at = "thanked", who[:200], now, now
    row.note = note
    put_note(
        session, row.portal_id, row.referral_id, "thanked", now, who=who, note=note, step=row.step,
        owner=row.owner_id or 0,
    )  # fmt: skip


def _complete(session: Session, portal: Portal, row: ReferralThanks, now: datetime) -> None:
    queue_call(
        session, portal, task_complete(row.task_id or 0), lane=f"thanks:{row.id}", key=f"thanks:{row.id}:done",
        purpose="thanks_done", cause=Cause("thanks", row.id), now=now,
    )  # fmt: skip

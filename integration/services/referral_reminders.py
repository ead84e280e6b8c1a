"""The one reminder in a card where a source should name somebody and does not (product.md R3).

It waits for one working hour, so that nobody who is just typing is nagged; it is a to-do in the card for whoever is
responsible, made in office hours only, and it is ticked off by itself when the name is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.todos import todo_add, todo_done
from integration.nps.attribution import Outcome as Found
from integration.nps.attribution import ReferralCard, needs_name
from integration.nps.followups import Office
from integration.nps.newcomers import Arrival
from integration.nps.people import CardKey
from integration.nps.policy import Policy
from integration.services import card_texts
from integration.services.calls_queue import Cause, lane_of, queue_call
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.followups import office_of
from integration.services.referral_rows import note
from integration.store import chores
from integration.store import portals as portal_rows
from integration.store import referral_reminders as rows
from integration.store import referrals as referral_store
from integration.store.base import transaction
from integration.store.portals import Portal
from integration.store.referral_rows import Referral, ReferralReminder

CHORE = "referral_remind"
CHECK = "referral_check"
GRACE_HOURS = 1  # working hours between the source and the reminder
RECENT = timedelta(days=30)  # claims older than this are history: nobody is asked about them
_AT_ONCE = 20
_SALE_FIRST = {"deal": 0, "lead": 1, "company": 2, "contact": 3}


def consider(
    deps: Deps, session: Session, portal: Portal, policy: Policy, whole: Arrival, found: Found,
    cards: Sequence[ReferralCard], now: datetime, *, settled: bool = False,
) -> None:  # fmt: skip
    """Plan the reminder, take it back, or tick it off, as the newcomer stands now. `settled`: a person has decided."""
    known = rows.about(session, portal.id, whole.newcomer, list(whole.cards))
    wanted = not settled and _wanted(policy, found, cards)
    if not wanted:
        for row in known:
            _end(session, portal, row, now)
        return
    claim = found.counted
    old = claim is not None and claim.day is not None and claim.day < (now - RECENT).date()
    if old or any(row.state in ("made", "filled") for row in known):
        return
    place = _place(session, portal.id, whole)
    waiting = next(iter(known), None)
    if place is None or (waiting is not None and waiting.state == "waiting"):
        return
    office = office_of(session, portal, now)
    due = office.calendar.add_hours(now, GRACE_HOURS, office.zone)
    if waiting is None:
        waiting = ReferralReminder(
            portal_id=portal.id, card_kind=place.kind, card_id=place.id, newcomer_kind="", newcomer_id=0,
            state="waiting", due_at=due,
        )  # fmt: skip
        session.add(waiting)
    waiting.newcomer_kind, waiting.newcomer_id = whole.newcomer
    waiting.state, waiting.due_at, waiting.ended_at = "waiting", due, None
    session.flush()
    chores.schedule(session, portal.id, CHORE, now, rows.next_due(session, portal.id))


def _wanted(policy: Policy, found: Found, cards: Sequence[ReferralCard]) -> bool:
    by_portal = any(
        card.source_id and card.source_id == policy.recommendation_id and not card.settled for card in cards
    )
    return not found.flags and needs_name(found.counted, by_portal, policy)


def _place(session: Session, portal_id: int, whole: Arrival) -> CardKey | None:
    """The card the manager works in: the youngest deal that is open or won, else the open lead, else the client."""
    found: list[tuple[int, int, CardKey]] = []
    for key in whole.cards:
        row = referral_store.card(session, portal_id, key.kind, key.id)
        if row is None or (key.kind in ("deal", "lead") and row.semantics == "F"):
            continue
        if key.kind == "lead" and row.semantics == "S":
            continue
        found.append((_SALE_FIRST[key.kind], -key.id, key))
    sales = {key.kind for key in whole.cards} & {"deal", "lead"}
    if sales and not any(key.kind in ("deal", "lead") for _, _, key in found):
        return None  # the sale is lost: nobody needs to find out any more
    return min(found)[2] if found else None


def _end(session: Session, portal: Portal, row: ReferralReminder, now: datetime) -> None:
    """Nothing is missing any more: a planned reminder is dropped, one that was made is ticked off."""
    if row.state == "waiting":
        row.state, row.ended_at = "dropped", now
    elif row.state == "made":
        row.state, row.ended_at = "filled", now
        _tick(session, portal, row, now)


def _tick(session: Session, portal: Portal, row: ReferralReminder, now: datetime) -> None:
    """Mark the to-do as done; one that has not left yet does not leave."""
    if row.activity_id is not None:
        key = referral_store.key_of(row.card_kind, row.card_id)
        queue_call(
            session, portal, todo_done(row.activity_id), lane=lane_of(key), key=f"reminder:{row.id}:done",
            purpose="todo", cause=Cause("reminder", row.id), now=now,
        )  # fmt: skip
    else:
        rows.take_back(session, portal.id, f"reminder:{row.id}", now)


def order_check(session: Session, portal_id: int, row: Referral, now: datetime) -> None:
    """Somebody new is named: look soon whether it is a second card of the newcomer itself."""
    if row.named_id and not row.checked and row.problem == "":
        chores.schedule(session, portal_id, CHECK, now)


def remind(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `referral_remind`: order the to-dos that are due, inside the office's hours."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = portal_rows.get(session, portal_id)
        if portal is None:
            return Outcome()
        office = office_of(session, portal, now)
        opens = office.calendar.next_allowed(now, office.zone)
        if opens > now:
            return Outcome(opens, {}) if rows.next_due(session, portal_id) else Outcome()
        for row in rows.due(session, portal_id, now, _AT_ONCE):
            _make(session, portal, row, office, now)
        session.flush()
        following = rows.next_due(session, portal_id)
    return Outcome(max(following, now), {}) if following else Outcome()


def _make(session: Session, portal: Portal, row: ReferralReminder, office: Office, now: datetime) -> None:
    card = referral_store.card(session, portal.id, row.card_kind, row.card_id)
    policy = office.policy
    asked = (card.assigned_by if card is not None else None, policy.default_owner, policy.head_user_id)
    manager = next((user for user in asked if office.team.at_work(user)), None)
    if card is None or manager is None:
        row.state, row.ended_at = "dropped", now
        return
    row.state, row.made_at, row.manager_id = "made", now, manager
    key = referral_store.key_of(row.card_kind, row.card_id)
    deadline = office.calendar.deadline(now, 1, office.zone).astimezone(office.zone)
    title, text = card_texts.referral_reminder(portal)
    call = todo_add(
        key.kind, key.id, title=title, text=text, deadline=deadline.isoformat(timespec="seconds"),
        responsible=manager, key=f"molva r{row.id}",
    )  # fmt: skip
    queue_call(
        session, portal, call, lane=lane_of(key), key=f"reminder:{row.id}", purpose="reminder",
        cause=Cause("reminder", row.id), now=now,
    )  # fmt: skip
    newcomer = referral_store.key_of(row.newcomer_kind, row.newcomer_id)
    referral = referral_store.of_newcomer(session, portal.id, newcomer)
    if referral is not None:
        note(session, portal.id, referral.id, "reminded", now, manager=manager, card=f"{key.kind}:{key.id}")


def made(session: Session, portal_id: int, reminder_id: int, activity_id: int, now: datetime) -> None:
    """The portal has made the to-do: its number is kept; if the name came meanwhile, it is ticked off at once."""
    row = rows.get(session, portal_id, reminder_id)
    portal = portal_rows.get(session, portal_id)
    if row is None or portal is None:
        return
    row.activity_id = activity_id
    if row.state == "filled":
        _tick(session, portal, row, now)

"""The tab of a card in one reading: score, words, standing, people, tasks, referrals, events (product.md P1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.accounts import account_result
from integration.nps.addresses import email_key, phone_key
from integration.nps.followups import CRITICAL
from integration.nps.holds import hold_now
from integration.nps.people import CardKey, Person
from integration.nps.policy import Policy
from integration.nps.scoring import group
from integration.nps.standing import ACTIONS, may_record, next_step
from integration.nps.workdays import local_day, zone_named
from integration.services import card_events, card_links, card_referrals, policies, questions, standing
from integration.services.calls_queue import lane_of
from integration.services.card_read import Read, keys, read
from integration.services.card_rights import Subject, subject
from integration.services.card_types import (
    AskedPerson,
    CardView,
    Difference,
    LetterLine,
    Member,
    Said,
    Task,
    Version,
    Year,
)
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.holds import as_row
from integration.services.survey_types import Extra
from integration.services.writeback import SCORE
from integration.store import cards_view as rows
from integration.store.base import reading
from integration.store.cards_view import Asked, Sent
from integration.store.followups import FollowUp
from integration.store.portals import Portal
from integration.store.wave_lists import QUESTIONS
from integration.store.waves import Wave

_LETTER_STATES = {"done": "sent", "unknown": "unknown", "buried": "failed", "cancelled": "cancelled"}


def view(deps: Deps, who: Viewer, kind: str, card_id: int, item: Mapping[str, Any] | None = None) -> CardView:
    """The tab of a card for a viewer who was seen to read it; raises `card_rights.Denied` for anybody else.

    `item`: the card as the portal has just shown it to this person; without it the mirror is shown. Reads only,
    with a number of queries that does not depend on how many clients there are.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        found = subject(session, who, kind, card_id, item)
        portal = session.get_one(Portal, who.portal_id)
        policy, _ = policies.load(session, portal.id)
        zone = zone_named(portal.time_zone)
        if found.client is None:
            return _nobody(session, portal, policy, found, now, item)
        known = read(session, portal, policy, found, found.client, now, zone)
        return replace(_view(session, known, item), links=card_links.read(deps, session, known))


def _view(session: Session, of: Read, item: Mapping[str, Any] | None) -> CardView:
    never = {
        one.invitation.contact_id
        for one in [*of.asked, *of.elsewhere]
        if {email_key(one.invitation.address), phone_key(one.invitation.phone)} & of.opt_outs.keys()
    } | {int(key.partition(":")[2]) for key in of.opt_outs if key.startswith("contact:")}
    facts = standing.Known(
        of.client, of.people, of.lines, [*of.asked, *of.elsewhere], frozenset(never),
        any(row.status in standing.OPEN_TASKS and row.kind in CRITICAL for row in of.tasks), _unsent(of),
    )  # fmt: skip
    stands, verdict = standing.stands(session, of.portal, of.policy, facts, of.wave, of.today)
    client_card = rows.card(session, of.portal.id, of.client.kind, of.client.id)
    on_card = client_card.hold_until if client_card is not None else None
    hold = hold_now(on_card, [as_row(row) for row in of.holds], of.today)
    title = rows.titles(session, of.portal.id, of.client)
    referrer = card_referrals.referrer(session, of.portal, of.subject, of.client, item)
    came = card_referrals.came(session, of.portal, of.policy, of.subject, of.now)
    plan = standing.plan_of(of.wave)
    manager = (title[1] if title else None) or verdict.manager
    return CardView(
        card=of.subject.card, client=of.client, title=title[0] if title else _title(item), city=of.subject.city,
        manager=of.names.get(manager or 0, ""), since=verdict.since, since_source=verdict.since_source,
        today=of.today, time_zone=of.portal.time_zone, years=_years(session, of), standing=stands,
        asked=_asked(of, hold.until if hold else None), wave_start=plan.start if plan else None, hold=hold,
        members=tuple(_member(person, of, never) for person in of.people),
        tasks=tuple(_task(row, of) for row in of.tasks),
        difference=_difference(session, of, item), referrer=referrer,
        came=came, own=card_referrals.own_line(session, of.portal, of.subject, came, of.now),
        brought=card_referrals.brought(session, of.portal, of.subject, of.client, of.people, of.now),
        events=card_events.events(of), why_not=_why_not(of.subject),
        questions=Extra(questions.current(session, of.portal.id, of.policy), {}, of.policy.language),
    )  # fmt: skip


def _unsent(of: Read) -> frozenset[int]:
    """Invitations of the client whose questions were written, and none of which has left (product.md E3)."""
    asking = [letter for letter in of.letters if letter.kind in QUESTIONS]
    left = {letter.invitation_id for letter in asking if letter.status not in ("buried", "cancelled")}
    return frozenset(letter.invitation_id for letter in asking if letter.invitation_id) - left


def _nobody(
    session: Session,
    portal: Portal,
    policy: Policy,
    found: Subject,
    now: datetime,
    item: Mapping[str, Any] | None,
) -> CardView:
    """A card without a client: who recommended, and nothing else."""
    row = rows.card(session, portal.id, found.card.kind, found.card.id)
    names = rows.staff_names(session, portal.id, set(found.managers))
    came = card_referrals.came(session, portal, policy, found, now)
    return CardView(
        card=found.card, client=None, title=_title(item) or getattr(row, "title", ""), city="",
        manager=next(iter(names.values()), ""), since=None, since_source="none",
        today=local_day(now, zone_named(portal.time_zone)),
        time_zone=portal.time_zone, years=(), standing=None, asked=(), wave_start=None, hold=None, members=(),
        tasks=(), difference=None,
        referrer=card_referrals.referrer(session, portal, found, None, item), brought=None, events=(),
        came=came, own=card_referrals.own_line(session, portal, found, came, now),
        why_not=_why_not(found),
    )  # fmt: skip


def _title(item: Mapping[str, Any] | None) -> str:
    """What the card calls itself, where the mirror does not know its client yet."""
    found = item or {}
    full = f"{found.get('name') or ''} {found.get('lastName') or ''}".strip()
    return str(found.get("title") or full)


def _why_not(found: Subject) -> dict[Any, Any]:
    return {action: reason for action in ACTIONS if (reason := found.why_not(action))}


# --- answers


def _years(session: Session, of: Read) -> tuple[Year, ...]:
    found: list[Year] = []
    rules: dict[int, Policy] = {}
    for one in of.lines:
        asked = [entry for entry in of.asked if entry.line.id == one.line.id]
        said = [_said(entry, of) for entry in asked if entry.response is not None]
        if not said:
            continue
        version = one.wave.policy_version
        if version not in rules:
            rules[version] = policies.load_version(session, of.portal.id, version)
        given = standing.answers_of(asked, of.zone)
        result = account_result(given, rules[version].account_rule, rules[version].role_weights)
        found.append(
            Year(
                wave=one.wave.name, imported=one.wave.origin == "import",
                on=standing.wave_day(one.wave, of.zone), score=result.score if result else None,
                group=result.group if result else None, people=result.respondents if result else 0,
                spread=result.spread if result else 0, said=tuple(said),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda year: year.on, reverse=True))


def _said(asked: Asked, of: Read) -> Said:
    response = asked.response
    assert response is not None
    card = of.subject.card
    versions = tuple(
        Version(v.revision, v.score, v.comment, v.status, v.flag, v.author, v.reason, v.at)
        for v in of.versions.get(response.id, [])
    )
    return Said(
        response_id=response.id, contact_id=asked.invitation.contact_id, name=asked.invitation.name,
        role=asked.invitation.role, score=response.score, group=group(response.score), comment=response.comment,
        channel=response.channel, at=response.answered_at, status=response.status,
        held_reason=response.held_reason, recorded_by=response.recorded_by, revision=response.revision,
        own=card == CardKey("contact", asked.invitation.contact_id), versions=versions,
        extra=of.extra.get(response.id, ()),
    )  # fmt: skip


def _difference(session: Session, of: Read, item: Mapping[str, Any] | None) -> Difference | None:
    card = of.subject.card
    if card.kind == "lead":
        return None
    ours = standing.value_among(session, of.portal, card, of.client, of.lines, of.asked)
    if ours is None:
        return None
    row = rows.card(session, of.portal.id, card.kind, card.id)
    shown: Mapping[str, Any] = item if item is not None else (getattr(row, "scores", None) or {})
    if (row is None and item is None) or SCORE not in of.portal.fields.get(card.kind, {}):
        return None
    on_card = _score(shown.get(SCORE))
    if on_card == ours.score:
        return None
    writes = rows.under_way(session, of.portal.id, lane_of(card))
    failed = any(write.status == "buried" for write in writes)
    pending = any(write.status != "buried" for write in writes)
    return Difference(
        on_card, ours, "pending" if pending else "failed" if failed and on_card is None else "edited"
    )


def _score(value: Any) -> int | None:
    if value is None or value is False or value == "":  # 0 is a score
        return None
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return None


# --- people of the survey that runs


def _asked(of: Read, hold: date | None) -> tuple[AskedPerson, ...]:
    wave = of.wave
    if wave is None:
        return ()
    return tuple(_person(one, of, wave, hold) for one in of.asked if one.wave.id == wave.id)


def _person(one: Asked, of: Read, wave: Wave, hold: date | None) -> AskedPerson:
    invitation = one.invitation
    status = one.response.status if one.response else ""
    own = next((p.hold_until for p in of.people if p.contact_id == invitation.contact_id), None)
    holds = [day for day in (hold, own) if day and day > of.today]
    due = local_day(invitation.due_at, of.zone) if invitation.due_at else None
    snoozed = local_day(invitation.snoozed_until, of.zone) if invitation.snoozed_until else None
    coming = next_step(
        standing.plan_of(wave), wave.stage, invitation.touches, list(invitation.skipped),
        approved=bool(wave.approved_by), today=of.today, hold_until=max(holds, default=None),
        snoozed_until=snoozed, due=due,
    )  # fmt: skip
    return AskedPerson(
        invitation_id=invitation.id, contact_id=invitation.contact_id, name=invitation.name, role=invitation.role,
        shared=invitation.shared, outcome=invitation.outcome, outcome_at=invitation.outcome_at,
        snoozed_until=invitation.snoozed_until if snoozed and snoozed > of.today else None,
        letters=tuple(_letter(row) for row in of.letters if row.invitation_id == invitation.id),
        next=coming, held=status == "held",
        recordable=may_record(
            wave.stage, invitation.outcome, status, approved=bool(wave.approved_by),
            revoked=invitation.revoked_at is not None, preliminary=wave.preliminary,
        ),
    )  # fmt: skip


def _letter(row: Sent) -> LetterLine:
    return LetterLine(
        row.kind, _LETTER_STATES.get(row.status, "waiting"), row.sent_at or row.handed_at or row.due_at
    )


def _member(person: Person, of: Read, never: set[int]) -> Member:
    mine = keys(
        [person], [a for a in [*of.asked, *of.elsewhere] if a.invitation.contact_id == person.contact_id]
    )
    said = min((of.opt_outs[key] for key in mine & of.opt_outs.keys()), key=lambda o: o.said_at, default=None)
    act = next(
        (a for a in reversed(of.acts) if a.what == "opt_out" and a.contact_id == person.contact_id), None
    )
    return Member(
        contact_id=person.contact_id, name=person.full_name, role=person.role or "",
        opted_out=person.opted_out or person.contact_id in never, said_at=said.said_at if said else None,
        source=said.source if said else "", by=act.who if act and said and said.source == "staff" else "",
    )  # fmt: skip


def _task(row: FollowUp, of: Read) -> Task:
    still_open = row.status == "open"
    return Task(
        kind=row.kind, owner=of.names.get(row.owner_id, ""), owner_id=row.owner_id, deadline=row.deadline,
        state=row.status, overdue=still_open and row.deadline < of.now, task_id=row.task_id,
    )  # fmt: skip

"""One client as the rules see it today, and what should stand on its cards (product.md E3, E4, B2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.nps.accounts import PersonAnswer, card_values
from integration.nps.eligibility import Verdict, assess
from integration.nps.intents import Facts, WriteScore
from integration.nps.people import CardKey, ClientFacts, ClientKey, Person
from integration.nps.plans import Plan
from integration.nps.policy import Policy
from integration.nps.standing import (
    BEFORE_LIST,
    Listed,
    Standing,
    before_list,
    facts_from,
    on_list,
    with_gap,
)
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.followups import role_of
from integration.services.projects import cards as project_cards
from integration.store import cards_view as rows
from integration.store import snapshots
from integration.store.cards_view import Asked, Line
from integration.store.portals import Portal
from integration.store.waves import Wave

OPEN_TASKS = ("open", "task_done")


@dataclass(frozen=True, slots=True)
class Known:
    """What was read about one client. `asked`: invitations of the client and of its people, once each;
    `never`: contacts that said "never" under any address they were asked at; `unsent`: invitations whose questions were
    all refused or taken back, so that nobody was asked (product.md E3)."""

    key: ClientKey
    people: Sequence[Person]
    lines: Sequence[Line]
    asked: Sequence[Asked]
    never: frozenset[int]
    troubled: bool
    unsent: frozenset[int] = frozenset()


def judge(
    session: Session, portal: Portal, policy: Policy, known: Known, today: date
) -> tuple[Verdict, Facts]:
    """The verdict on one client on `today`, as a list drawn today would have it, with all its facts.

    Addresses are not mirrored (product.md T3): whether people have an e-mail shows when the list is drawn.
    """
    zone = zone_named(portal.time_zone)
    found = snapshots.clients_by_key(session, portal.id, policy, zone, [known.key], None)
    client = found.get(known.key) or ClientFacts(known.key)
    mine = [_asked_on(one, known, zone) for one in known.asked if _is_of(one, known.key)]
    people = [_person(person, known, zone) for person in known.people]
    verdict = assess(
        replace(
            client,
            people=people,
            last_asked_on=max((day for day in mine if day), default=None),
            trouble="open_follow_up" if known.troubled else "",
        ),
        policy,
        today,
    )
    return verdict, _facts(verdict, people, policy)


def stands(
    session: Session, portal: Portal, policy: Policy, known: Known, wave: Wave | None, today: date
) -> tuple[Standing, Verdict]:
    """Where a client stands in the survey that runs or comes next; `wave` None: none is planned yet."""
    verdict, facts = judge(session, portal, policy, known, today)
    plan = plan_of(wave)
    line = next((one.line for one in known.lines if wave and one.wave.id == wave.id), None)
    over = wave is not None and wave.stage == "closed"
    if wave is not None and line is not None and wave.frozen_at is not None:
        drawn = local_day(wave.frozen_at, zone_named(portal.time_zone))
        asked = [one for one in known.asked if one.line.id == line.id]
        listed = Listed(
            line.eligible,
            line.reason,
            _line_facts(line),
            tuple(one.invitation.outcome for one in asked),
            sum(one.response is not None and one.response.status == "counted" for one in asked),
        )
        reason_facts = with_gap(cast("Any", line.reason), listed.facts, policy) if line.reason else {}
        return on_list(wave.name, wave.stage, replace(listed, facts=reason_facts), drawn), verdict
    if wave is not None and not over and wave.frozen_at is not None and wave.stage not in BEFORE_LIST:
        drawn = local_day(wave.frozen_at, zone_named(portal.time_zone))
        return Standing("not_listed", wave.name, wave.stage, verdict.reason, facts, as_of=drawn), verdict
    name, stage = (wave.name, wave.stage) if wave is not None and not over else ("", "")
    next_ask = plan.announce if plan is not None and name else None
    return before_list(verdict.reason, facts, today, name, stage, next_ask), verdict


def value_of_card(session: Session, portal: Portal, card: CardKey, client: ClientKey) -> WriteScore | None:
    """What our answers put on a card, None if they put nothing there (product.md B2)."""
    lines = rows.lines(session, portal.id, client)
    asked = rows.asked_of_lines(session, portal.id, [one.line.id for one in lines])
    return value_among(session, portal, card, client, lines, asked)


def value_among(
    session: Session,
    portal: Portal,
    card: CardKey,
    client: ClientKey,
    lines: Iterable[Line],
    asked: Sequence[Asked],
) -> WriteScore | None:
    """`value_of_card` from what was read before: of the youngest survey whose answers reach this card.

    Imported surveys are left out: an import writes nothing to cards, so a card cannot differ from it. On a deal the
    last word counts, be it of a yearly survey or about the project itself (W16).
    """
    yearly = _of_years(session, portal, card, client, lines, asked)
    about = project_cards.of_deal(session, portal, card.id, client) if card.kind == "deal" else None
    found = [one for one in (yearly, about) if one is not None]
    return max(found, key=lambda one: one[0])[1] if found else None


def _of_years(
    session: Session,
    portal: Portal,
    card: CardKey,
    client: ClientKey,
    lines: Iterable[Line],
    asked: Sequence[Asked],
) -> tuple[datetime, WriteScore] | None:
    """What the youngest yearly survey puts on a card, and when its last answer came, UTC."""
    zone = zone_named(portal.time_zone)
    ours = [line for line in lines if line.wave.origin != "import"]
    for one in sorted(ours, key=lambda line: wave_day(line.wave, zone), reverse=True):
        given = answers_of([a for a in asked if a.line.id == one.line.id], zone)
        if not given:
            continue
        rules = policies.load_version(session, portal.id, one.wave.policy_version)
        deals = [deal for deal in (one.line.deal_id, *one.line.deal_ids) if deal]
        values = card_values(client, given, deals, one.wave.name, rules.account_rule, rules.role_weights)
        found = next((value for value in values if value.card == card), None)
        if found is not None:
            return max(answer.at for answer in given), found
    return None


def answers_of(asked: Iterable[Asked], zone: ZoneInfo) -> list[PersonAnswer]:
    """Counted answers as the account rule takes them."""
    return [
        PersonAnswer(
            contact_id=one.invitation.contact_id,
            score=one.response.score,
            at=one.response.answered_at,
            day=local_day(one.response.answered_at, zone),
            role=role_of(one.invitation.role),
            comment=one.response.comment,
            channel=cast("Any", one.response.channel),
        )
        for one in asked
        if one.response is not None and one.response.status == "counted"
    ]


def plan_of(wave: Wave | None) -> Plan | None:
    """The plan of a survey; None for one that has none, e.g. an imported one."""
    try:
        return Plan.from_json(wave.plan) if wave is not None else None
    except (KeyError, ValueError, TypeError):
        return None


def wave_day(wave: Wave, zone: ZoneInfo) -> date:
    """The day a survey stands for among the years: its planned start, else when it ended or was entered."""
    plan = plan_of(wave)
    return plan.start if plan else local_day(wave.closed_at or wave.planned_at, zone)


def _is_of(asked: Asked, key: ClientKey) -> bool:
    return (asked.line.client_kind, asked.line.client_id) == key


def _asked_on(asked: Asked, known: Known, zone: ZoneInfo) -> date | None:
    if asked.invitation.id in known.unsent and not (asked.response and asked.response.status == "counted"):
        return None
    moment = asked.invitation.touches.get("invitation")
    try:
        return local_day(datetime.fromisoformat(moment), zone) if moment else None
    except ValueError:
        return None


def _person(person: Person, known: Known, zone: ZoneInfo) -> Person:
    """The person with all that is known over the surveys, and a stand-in for an address that may exist."""
    days = [
        _asked_on(one, known, zone) for one in known.asked if one.invitation.contact_id == person.contact_id
    ]
    return replace(
        person,
        emails=(f"contact-{person.contact_id}@unread.example.com",),
        last_asked_on=max((day for day in days if day), default=None),
        opted_out=person.opted_out or person.contact_id in known.never,
    )


def _facts(verdict: Verdict, people: Sequence[Person], policy: Policy) -> Facts:
    """The verdict's facts; where people decide, the last day one of them was asked."""
    facts: dict[str, Any] = dict(verdict.detail)
    if verdict.reason == "asked_recently" and "asked_on" not in facts:
        asked = [person.last_asked_on for person in people if person.last_asked_on]
        if asked:
            facts["asked_on"] = max(asked).isoformat()
    if verdict.reason == "on_hold" and facts.get("by_person"):
        held = [person.hold_until for person in people if person.hold_until]
        facts |= {"why": "person", "until": max(held).isoformat() if held else None}
    return with_gap(verdict.reason, facts, policy) if verdict.reason else facts


def _line_facts(line: Any) -> Mapping[str, Any]:
    if line.reason == "excluded_by_hand":
        who, _, why = line.reason_detail.partition(": ")
        return {"who": who, "why": why}
    facts = dict(facts_from(line.reason_detail))
    if line.since:
        facts.setdefault("since", line.since.isoformat())
    return facts

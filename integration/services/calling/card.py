"""The client in a caller's hands, as the desk shows it: only what a call needs (product.md W8, W9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
from sqlalchemy.orm import Session

from integration import i18n
from integration.nps.invited import WaveState
from integration.nps.workdays import DAY, WorkCalendar, local_day, zone_named
from integration.services import policies, questions
from integration.services.calling import leases, script_texts
from integration.services.calling.leases import Held
from integration.services.calling.types import Caller, CardShown, EarlierCall, HeldAnswer, QuickTime
from integration.services.calling.wording import script, spoken
from integration.services.deps import Deps
from integration.services.ground import calendar_for, ground
from integration.services.waves_facts import state_for
from integration.store import answers, attempts, responses
from integration.store.answers import Asked
from integration.store.attempts import Attempt, CallLease
from integration.store.portals import Portal
from integration.store.waves import Wave

AFTERNOON = 15  # o'clock, offered for a call-back


def shown(
    deps: Deps, session: Session, caller: Caller, lease: CallLease | Held, now: datetime
) -> CardShown | None:
    """The client of a reservation; nothing if the person is not there any more."""
    found = answers.asked(session, caller.portal_id, lease.invitation_id)
    if found is None or caller.wave_id not in (None, found.wave.id):
        return None
    one, under = found.invitation, ground(session, found.wave, now)
    policy, hours = under.policy, under.calendar.letters
    zone = zone_named(one.time_zone or policy.time_zone)
    made = attempts.of_people(session, caller.portal_id, [one.id]).get(one.id, [])
    head = policy.sender(policy.head_sender)
    said = spoken(session, found, caller=caller.name, head=head.name if head else "")
    language = i18n.known(one.language, i18n.language_of(found.portal.language))
    own = script_texts.in_use(session, caller.portal_id)
    spoken_here = dict.fromkeys((language, *policy.languages))
    number, region = _phone(one.phone, policy.country)
    return CardShown(
        key=leases.shown(deps, caller, lease), invitation_id=one.id, wave=found.wave.name,
        client=found.client.name, person=one.name, role=one.role, phone=number, tel=one.phone, country=region,
        city=found.client.city, zone=zone.key, local_time=now.astimezone(zone),
        until=one.call_until if one.call_until and one.call_until > now else None,
        taken_at=lease.taken_at, lease_until=lease.until, language=language,
        scripts={code: script(said, code, own.get(code)) for code in spoken_here},
        number=len(made) + 1, most=policy.max_attempts, earlier=_earlier(made, caller, zone),
        promised=one.promised_at, promised_local=one.promised_at.astimezone(zone) if one.promised_at else None,
        quick=_quick(hours, state_for(under, one), zone, now),
        hours=(hours.hours_from, hours.hours_to),
        email=_masked(one.address) if caller.partner else one.address, shared=one.shared,
        held=None if caller.partner else _held(session, found),
        client_kind="" if caller.partner else found.client.client_kind,
        client_id=0 if caller.partner else found.client.client_id, outcome=one.outcome,
        questions=questions.for_desk(session, found.portal.id, language),
    )  # fmt: skip


def calendar(session: Session, portal: Portal, wave: Wave, now: datetime) -> WorkCalendar:
    """Working days and allowed hours of a survey."""
    rules = policies.load_version(session, portal.id, wave.policy_version)
    return calendar_for(portal, rules, now).letters


def _earlier(made: Sequence[Attempt], caller: Caller, zone: ZoneInfo) -> tuple[EarlierCall, ...]:
    return tuple(
        EarlierCall(
            row.number, row.outcome, row.ended_at, row.ended_at.astimezone(zone), row.note,
            row.caller_name if not caller.partner or row.caller == caller.holder else "",
            row.call_back_at.astimezone(zone) if row.call_back_at else None, row.caller == caller.holder,
        )
        for row in made
    )  # fmt: skip


def _held(session: Session, found: Asked) -> HeldAnswer | None:
    response = responses.response_of(session, found.portal.id, found.invitation.id)
    if response is None or response.status != "held":
        return None
    return HeldAnswer(response.score, response.comment, response.answered_at)


def _phone(number: str, country: str) -> tuple[str, str]:
    """The number as it is written in the agency's country: short for its own, with the country's code for others."""
    try:
        parsed = phonenumbers.parse(number, country or None)
    except phonenumbers.NumberParseException:
        return number, ""
    region = phonenumbers.region_code_for_number(parsed) or ""
    form = phonenumbers.PhoneNumberFormat
    style = form.NATIONAL if region and region == country else form.INTERNATIONAL
    return phonenumbers.format_number(parsed, style), region


def _masked(address: str) -> str:
    """An address of which the caller only needs to know that there is one: a…@e…."""
    name, at, domain = address.partition("@")
    return f"{name[:1]}…@{domain[:1]}…" if at else ""


def _quick(hours: WorkCalendar, state: WaveState, zone: ZoneInfo, now: datetime) -> tuple[QuickTime, ...]:
    """Moments for a call-back that are allowed and before the end, by one click."""
    closing = state.plan.moment(state.plan.closing, hours)
    hour = _rounded(now + timedelta(hours=1))
    today = local_day(now, zone)
    afternoon = datetime(today.year, today.month, today.day, AFTERNOON, tzinfo=zone)
    morning = hours.opening(hours.shift(today + DAY), zone)
    offered = (("hour", hour), ("afternoon", afternoon), ("morning", morning))
    return tuple(
        QuickTime(code, at.astimezone(zone).replace(tzinfo=None))
        for code, at in offered
        if now < at < closing and hours.is_allowed(at, zone) and not (code == "afternoon" and at <= hour)
    )


def _rounded(moment: datetime) -> datetime:
    """Up to the next five minutes: people agree on such moments."""
    rest = timedelta(minutes=moment.minute % 5, seconds=moment.second, microseconds=moment.microsecond)
    return moment - rest + timedelta(minutes=5) if rest else moment

"""When a respondent is called, and what follows from a call (product.md W7, W11, W12).

Pure rules: the desk asks ``next_call`` before a client is given out, ``problems_of`` before a call is written down and
``after_call`` for what follows. Moments are aware UTC; a person's days and hours are those of their own zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from .attempts import (
    CALL_OUTCOMES,
    SPOKEN,
    WAITS,
    Call,
    CallOutcome,
    CallsOver,
    Yield,
    listed,
    yields,
)
from .call_results import Effect, after_call, problems_of
from .call_slots import Part, PartName, Slots, part_at, parts_of_day
from .intents import WaveStage
from .invited import InvitationFacts, WaveState
from .policy import Policy
from .workdays import DAY, WorkCalendar, at_hour, local_day, zone_named

__all__ = [
    "CALL_OUTCOMES",
    "SPOKEN",
    "WAITS",
    "Call",
    "CallAt",
    "CallNow",
    "CallOutcome",
    "CallsOver",
    "Effect",
    "NextCall",
    "NoCall",
    "Part",
    "PartName",
    "Yield",
    "after_call",
    "call_slot",
    "calls_over",
    "letters_wait",
    "listed",
    "may_be_called",
    "next_call",
    "part_at",
    "parts_of_day",
    "problems_of",
    "quiet_until",
    "wanted_by_mail",
    "yields",
]

CALL_STAGES: tuple[WaveStage, ...] = ("calling", "mailing", "reminders")
_BEFORE: tuple[WaveStage, ...] = ("draft", "rehearsed", "announced")


@dataclass(frozen=True, slots=True)
class CallNow:
    """Call this person now, at the latest before ``until``; ``promised``: the client asked for this moment."""

    until: datetime
    promised: bool = False


@dataclass(frozen=True, slots=True)
class CallAt:
    """Not now: from ``at`` on, until ``until``."""

    at: datetime
    until: datetime
    promised: bool = False


@dataclass(frozen=True, slots=True)
class NoCall:
    """Nobody calls, as far as is known: ``over`` (has an outcome), ``answered``, ``refused``, ``opted_out``,
    ``excluded``, ``not_running``, ``off`` (the wave calls nobody), ``not_yet``, ``mailing`` (letters ask now),
    ``too_late`` (nothing fits before the end), ``gone``, ``trouble``, ``revoked``, or why calls are over
    (``CallsOver``)."""

    why: str


NextCall: TypeAlias = CallNow | CallAt | NoCall


def calls_over(facts: InvitationFacts, policy: Policy) -> CallsOver:
    """Why this person is not called any more, empty while attempts are left. A promised call-back is honoured first."""
    if not facts.phone or (facts.same_number and facts.promised_at is None):
        return "no_phone"
    if facts.calls_over:
        return facts.calls_over
    if facts.promised_at is None and len(facts.calls) >= policy.max_attempts:
        return "used_up"
    return ""


def may_be_called(facts: InvitationFacts, wave: WaveState, policy: Policy) -> bool:
    """Whether calls of this wave may still reach the person, today or later."""
    return wave.plan.calling is not None and not facts.revoked and not calls_over(facts, policy)


def quiet_until(facts: InvitationFacts, policy: Policy) -> datetime | None:
    """Until when this person asked to be left alone: "not now" on the page, or to a caller (product.md W7, W12).

    An e-mail that was asked for later than that is not held up by it.
    """
    found = [facts.snoozed_until] if facts.snoozed_until else []
    said = max((call.at for call in facts.calls if call.outcome == "not_now"), default=None)
    if said is not None and (facts.mail_from is None or facts.mail_from < said):
        found.append(said + policy.wait_after("not_now"))
    return max(found, default=None)


def next_call(
    facts: InvitationFacts, wave: WaveState, policy: Policy, now: datetime, calendar: WorkCalendar
) -> NextCall:
    """Whether this person is called now, when, or why not (product.md W7). ``now``: aware UTC.

    Never outside the allowed hours of the person's zone, not more than ``attempts_per_day`` on a day of theirs nor more
    than ``max_attempts`` in all; a call-back the client asked for goes beyond both, once. Parts of the day and weekdays
    that were tried less go first, but whoever was not called in the part that was theirs is called in any.
    """
    if why := _barred(facts, wave):
        return NoCall(why)
    zone = zone_named(facts.zone)
    closing = wave.plan.moment(wave.plan.closing, calendar)
    quiet = _quiet(facts, policy, zone, calendar)
    if over := calls_over(facts, policy):
        return NoCall(over)
    if facts.promised_at is not None:
        return _promised(max([facts.promised_at, *quiet]), now, zone, calendar, closing)
    if not facts.unreachable and wave.stage != "calling":
        return NoCall("mailing")
    start, letters, end = _window(facts, wave, zone, calendar, closing)
    last = facts.calls[-1] if facts.calls else None
    since = max([start, *quiet, *([last.at + policy.wait_after(last.outcome)] if last else [])])
    slots = Slots(facts, policy, calendar, zone, end, letters)
    found = slots.best(since)
    if found is not None and found[1] <= now:
        found = slots.first(max(since, now))
    if found is None:
        return NoCall("too_late")
    at, until = found
    return CallNow(until) if at <= now else CallAt(at, until)


def _barred(facts: InvitationFacts, wave: WaveState) -> str:
    """Why nobody may call, whatever the time is."""
    states = (
        ("over", facts.outcome is not None),
        ("answered", facts.answered),
        ("excluded", facts.excluded is not None),
        ("opted_out", facts.opted_out),
        ("refused", facts.refused),
        ("not_running", not wave.running),
        ("off", wave.plan.calling is None),
        ("gone", facts.gone_at is not None),
        ("revoked", facts.revoked),
        ("trouble", bool(facts.trouble)),
        ("not_yet", wave.stage in _BEFORE),
        ("too_late", wave.stage not in CALL_STAGES),
    )
    return next((why for why, holds in states if holds), "")


def _quiet(facts: InvitationFacts, policy: Policy, zone: ZoneInfo, calendar: WorkCalendar) -> list[datetime]:
    quiet = quiet_until(facts, policy)
    hold = calendar.opening(facts.hold_until, zone) if facts.hold_until else None
    return [moment for moment in (quiet, hold) if moment is not None]


def _promised(
    owed: datetime, now: datetime, zone: ZoneInfo, calendar: WorkCalendar, closing: datetime
) -> NextCall:
    """The call-back that is owed: to the minute, or as soon as somebody can."""
    at = calendar.next_allowed(max(owed, now), zone)
    if at >= closing:
        return NoCall("too_late")
    until = min(at_hour(local_day(at, zone), calendar.hours_to, zone), closing)
    return CallNow(until, True) if at <= now else CallAt(at, until, True)


def _window(
    facts: InvitationFacts, wave: WaveState, zone: ZoneInfo, calendar: WorkCalendar, closing: datetime
) -> tuple[datetime, datetime, datetime]:
    """From when ordinary calls go, when letters take over, and the end: later only for who has no address."""
    plan = wave.plan
    day = plan.calling or plan.start
    start = max(plan.moment(day, calendar), calendar.opening(day, zone))
    letters = min(plan.moment(plan.mailing, calendar), calendar.opening(plan.mailing, zone), closing)
    return start, letters, closing if facts.unreachable else letters


def call_slot(found: NextCall, now: datetime) -> tuple[datetime | None, datetime | None]:
    """From when until when to call, as it is kept with the invitation; nothing and nothing: not at all."""
    match found:
        case CallNow(until):
            return now, until
        case CallAt(at, until):
            return at, until
    return None, None


def letters_wait(facts: InvitationFacts, calendar: WorkCalendar, zone: ZoneInfo) -> datetime | None:
    """Until when a call holds this person's letters back: a caller has them in hand, or a call-back is owed.

    A promise holds them for one working hour more, at most to the end of its day: then the letter asks.
    """
    found = [facts.in_hand_until] if facts.in_hand_until else []
    if (owed := facts.promised_at) is not None:
        midnight = at_hour(local_day(owed, zone) + DAY, 0, zone)
        found.append(min(calendar.add_hours(owed, 1, zone), midnight))
    return max(found, default=None)


def wanted_by_mail(facts: InvitationFacts) -> bool:
    """Whether an e-mail that was asked for has not left yet."""
    if facts.mail_from is None:
        return False
    asked = [at for step, at in facts.touches.items() if step != "announcement"]
    return all(at < facts.mail_from for at in asked)

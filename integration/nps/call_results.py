"""What follows from a call, and what keeps one from being written down (product.md W7, W11, W12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .attempts import CALL_OUTCOMES, CallOutcome, CallsOver
from .intents import Outcome
from .invited import InvitationFacts, WaveState
from .policy import Policy
from .workdays import WorkCalendar, zone_named

EARLY = timedelta(minutes=2)  # a promised call-back may be made so long before its minute


@dataclass(frozen=True, slots=True)
class Effect:
    """What follows from a call. ``calls_over``: why there will be none any more, empty: they go on; ``mail_now``: the
    letter with the question leaves now; ``ends``: the invitation's outcome; ``opt_out``: of the person, everywhere and
    for good (product.md W12); ``promised_at``: the call-back that is owed from now on, UTC."""

    calls_over: CallsOver = ""
    mail_now: bool = False
    ends: Outcome | None = None
    opt_out: bool = False
    promised_at: datetime | None = None


def after_call(
    outcome: CallOutcome,
    facts: InvitationFacts,
    policy: Policy,
    now: datetime,
    *,
    call_back_at: datetime | None = None,
) -> Effect:
    """What follows from a call that ended at ``now``. ``facts``: as they stood before it, without this call.

    A promise that was due is honoured by it, whatever came of it; a second "not now" is a refusal.
    """
    match outcome:
        case "answered":
            return Effect(ends="answered")
        case "refused":
            return Effect(ends="refused")
        case "never":
            return Effect(ends="opted_out", opt_out=True)
        case "asks_email":
            return Effect("asks_email", mail_now=True)
        case "wrong_number":
            return Effect("wrong_number")
        case "call_back":
            return Effect(promised_at=call_back_at)
    last = facts.calls[-1] if facts.calls else None
    if outcome == "not_now" and any(call.outcome == "not_now" for call in facts.calls):
        return Effect(ends="refused")
    if outcome == "out_of_service" and last and last.outcome == outcome and last.phone in ("", facts.phone):
        return Effect("out_of_service")
    promised = facts.promised_at
    owed = promised if promised is not None and promised - EARLY > now else None
    if owed is None and len(facts.calls) + 1 >= policy.max_attempts:
        return Effect("used_up")
    return Effect(promised_at=owed)


def problems_of(
    outcome: str,
    *,
    has_address: bool,
    score_given: bool,
    call_back_at: datetime | None,
    facts: InvitationFacts,
    wave: WaveState,
    now: datetime,
    calendar: WorkCalendar,
) -> tuple[str, ...]:
    """Codes of what keeps a call from being written down; empty: it can be.

    ``unknown_outcome``; ``score_missing`` (an answer needs one), ``score_unasked`` (a score with another outcome);
    ``no_address`` (asked for an e-mail, but the card has none); ``call_back_missing``, ``call_back_past``,
    ``call_back_outside_hours`` (of the person's zone), ``call_back_after_closing``.
    """
    if outcome not in CALL_OUTCOMES:
        return ("unknown_outcome",)
    codes: list[str] = []
    if outcome == "answered" and not score_given:
        codes.append("score_missing")
    if outcome != "answered" and score_given:
        codes.append("score_unasked")
    if outcome == "asks_email" and not has_address:
        codes.append("no_address")
    if outcome == "call_back":
        codes += _call_back_problems(call_back_at, facts, wave, now, calendar)
    return tuple(codes)


def _call_back_problems(
    at: datetime | None, facts: InvitationFacts, wave: WaveState, now: datetime, calendar: WorkCalendar
) -> list[str]:
    if at is None:
        return ["call_back_missing"]
    if at <= now:
        return ["call_back_past"]
    if at >= wave.plan.moment(wave.plan.closing, calendar):
        return ["call_back_after_closing"]
    return [] if calendar.is_allowed(at, zone_named(facts.zone)) else ["call_back_outside_hours"]

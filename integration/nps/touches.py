"""What happens next to one invitation, so that its moment can be stored and nobody is ever scanned."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from .attempts import listed
from .calling import letters_wait, may_be_called, quiet_until, wanted_by_mail
from .intents import Facts, LetterKind, Outcome, SkipStep
from .invited import DONE_STAGES, InvitationFacts, WaveState
from .plans import Plan
from .policy import Policy
from .workdays import WorkCalendar, local_day, zone_named

AFTER_SNOOZE = "after_snooze"
MACHINE = "molva"  # who ends an invitation for which no person has decided
CARD_GONE = "card_gone"
MERGED = "merged"
MERGE_SHOWS = timedelta(
    days=1
)  # a merged card is first seen as deleted; until then nothing leaves, nobody is out

__all__ = [
    "AFTER_SNOOZE",
    "CARD_GONE",
    "DONE_STAGES",
    "MACHINE",
    "MERGED",
    "MERGE_SHOWS",
    "Final",
    "InvitationFacts",
    "NextTouch",
    "Touch",
    "Wait",
    "WaveState",
    "comes_back",
    "next_touch",
    "step_names",
]


@dataclass(frozen=True, slots=True)
class Touch:
    """Send this letter now. ``planned``: the moment it was due, UTC; ``late``: that was an earlier day."""

    step: str
    letter: LetterKind
    planned: datetime
    late: bool
    skipped: tuple[SkipStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at ``until``, UTC; None: only when the invitation or the wave changes."""

    until: datetime | None
    skipped: tuple[SkipStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Final:
    """The outcome to record (product.md W14)."""

    outcome: Outcome
    detail: Facts = field(default_factory=dict)
    skipped: tuple[SkipStep, ...] = ()


NextTouch: TypeAlias = Touch | Wait | Final


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    letter: LetterKind
    day: date
    next_day: date | None  # a letter of this step less than a gap before is overtaken by the next


def next_touch(
    invitation: InvitationFacts, wave: WaveState, policy: Policy, now: datetime, calendar: WorkCalendar
) -> NextTouch:
    """What to do with one invitation at ``now`` (aware UTC): a letter, waiting, or its final outcome.

    Nothing unapproved, nothing outside the allowed hours of the person's zone, at most one letter in
    ``letter_gap_days``; a step that is overtaken is skipped and named; what was due during downtime comes
    once, late (product.md W2, W11, W14). While a rule holds the client, or a card has just gone, nobody is written
    to. Doing what is returned and asking again always makes progress.
    """
    if invitation.outcome:
        return Wait(None)
    if settled := _settled(invitation, wave, policy):
        return settled
    if not wave.running:
        return Wait(None)
    zone = zone_named(invitation.zone)
    closing = wave.plan.moment(wave.plan.closing, calendar)
    if invitation.gone_at:
        until = min(invitation.gone_at + MERGE_SHOWS, closing)
        return Wait(until) if now < until else Final("excluded", {"who": MACHINE, "why": CARD_GONE})
    if now >= closing:
        return _at_closing(invitation, wave, policy, closing, zone)
    if invitation.trouble:
        tomorrow = calendar.opening(local_day(now, zone) + timedelta(days=1), zone)
        return Wait(min(tomorrow, closing))
    if invitation.unreachable:
        return Wait(closing)  # there are only calls; whoever makes the last one has the machine look again
    return _next_letter(invitation, wave.plan, policy, now, calendar, closing)


def comes_back(until: datetime, plan: Plan, zone: str, calendar: WorkCalendar) -> datetime | None:
    """When a person who said "not now" until a moment (UTC) is written to again; None: the survey has ended by then.

    ``zone``: the person's. A gap to an earlier letter or a hold may move it on (product.md W12).
    """
    at = calendar.next_allowed(until, zone_named(zone))
    return at if at < plan.moment(plan.closing, calendar) else None


def _settled(invitation: InvitationFacts, wave: WaveState, policy: Policy) -> Final | None:
    """What ends an invitation whatever the time is; an answer goes before a later refusal."""
    if invitation.answered:
        return Final("answered")
    if invitation.excluded:
        return Final("excluded", {"who": invitation.excluded.who, "why": invitation.excluded.why})
    if invitation.opted_out:
        return Final("opted_out")
    if invitation.refused:
        return Final("refused")
    if invitation.unreachable and not may_be_called(invitation, wave, policy):
        return Final("unreachable", _done(invitation))
    if wave.stage == "cancelled" or (wave.stage == "closed" and wave.ended_by):
        return Final("closed_early", {"who": wave.ended_by, "why": wave.why})
    return None


def _done(invitation: InvitationFacts) -> dict[str, str | list[str] | bool]:
    detail: dict[str, str | list[str] | bool] = {
        "touches": sorted(invitation.touches, key=lambda step: invitation.touches[step])
    }
    if invitation.skipped:
        detail["skipped"] = sorted(invitation.skipped)
    if invitation.held:
        detail["held"] = True
    if invitation.calls:
        detail["attempts"] = listed(invitation.calls)
    if invitation.calls_over:
        detail["calls_over"] = invitation.calls_over
    return detail


def _at_closing(
    invitation: InvitationFacts, wave: WaveState, policy: Policy, closing: datetime, zone: ZoneInfo
) -> Final:
    until = quiet_until(invitation, policy)
    snoozed = until is not None and until >= closing
    held = invitation.hold_until is not None and invitation.hold_until > local_day(closing, zone)
    if snoozed or held or invitation.trouble:
        return Final("postponed", _done(invitation))
    if invitation.unreachable:
        return Final("unreachable", _done(invitation))
    missing = tuple(
        SkipStep(invitation.id, name, "closing")
        for name in step_names(wave.plan)
        if name not in invitation.touches and name not in invitation.skipped
    )
    detail = _done(invitation)
    if missing:
        detail["skipped"] = sorted(invitation.skipped | {skip.step for skip in missing})
    return Final("no_answer", detail, missing)


def step_names(plan: Plan) -> list[str]:
    """The letters every silent respondent gets, in order."""
    return ["announcement", "invitation", *(f"reminder_{n}" for n in range(1, len(plan.reminders) + 1))]


def _steps(invitation: InvitationFacts, plan: Plan, policy: Policy, zone: ZoneInfo) -> list[_Step]:
    first = plan.calling or plan.mailing
    steps = [
        _Step("announcement", "announcement", plan.announce, first),
        _Step("invitation", "invitation", plan.mailing, None),
    ]
    days = list(plan.reminders)
    if asked := invitation.touches.get("invitation"):
        own = local_day(asked, zone)
        for index, after in enumerate(policy.reminder_days[: len(days)]):
            after = min(
                after, (plan.reminders[index] - plan.mailing).days
            )  # a day moved nearer by hand counts
            counted = own + timedelta(days=after)
            days[index] = counted if invitation.mail_from else max(days[index], counted)
    for index, day in enumerate(days):
        following = days[index + 1] if index + 1 < len(days) else None
        last: LetterKind = "last_reminder" if following is None and index else "reminder"
        steps.append(_Step(f"reminder_{index + 1}", last, day, following))
    return steps


def _next_letter(
    invitation: InvitationFacts,
    plan: Plan,
    policy: Policy,
    now: datetime,
    calendar: WorkCalendar,
    closing: datetime,
) -> NextTouch:
    zone = zone_named(invitation.zone)
    gap = timedelta(days=policy.letter_gap_days)
    skipped: list[SkipStep] = []
    quiet = _quiet(invitation, policy, zone, calendar)
    wanted = invitation.mail_from if wanted_by_mail(invitation) else None
    for step in _steps(invitation, plan, policy, zone):
        if step.name in invitation.touches or step.name in invitation.skipped:
            continue
        due = calendar.opening(step.day, zone)
        if wanted and step.letter != "announcement":
            due = min(due, wanted)  # the person asked for it on the phone (product.md W11)
        if now < due:
            return Wait(min(due, closing), tuple(skipped))
        planned = calendar.next_allowed(max([due, *quiet]), zone)
        at = calendar.next_allowed(max(planned, now), zone)
        if at >= closing:
            return Wait(closing, tuple(skipped))  # a hold may be lifted before, so nothing is given up yet
        if step.next_day and at + gap > calendar.opening(step.next_day, zone):
            skipped.append(SkipStep(invitation.id, step.name, "overtaken"))
        elif at > now:
            return Wait(at, tuple(skipped))
        else:
            late = local_day(now, zone) > local_day(planned, zone)
            return Touch(step.name, step.letter, planned, late, tuple(skipped))
    return _after_snooze(invitation, policy, now, calendar, closing, tuple(skipped))


def _quiet(
    invitation: InvitationFacts, policy: Policy, zone: ZoneInfo, calendar: WorkCalendar
) -> list[datetime]:
    """Moments before which this person gets no letter: the gap, "not now", a hold, a caller or a call-back owed."""
    quiet = [quiet_until(invitation, policy), letters_wait(invitation, calendar, zone)]
    if invitation.last_letter_at:
        quiet.append(invitation.last_letter_at + timedelta(days=policy.letter_gap_days))
    if invitation.hold_until:
        quiet.append(calendar.opening(invitation.hold_until, zone))
    return [moment for moment in quiet if moment is not None]


def _after_snooze(
    invitation: InvitationFacts,
    policy: Policy,
    now: datetime,
    calendar: WorkCalendar,
    closing: datetime,
    skipped: tuple[SkipStep, ...],
) -> NextTouch:
    """Who said "not now" after the last letter is asked once more when that time is over (W12); so is who asked a
    caller for an e-mail after it."""
    until = invitation.mail_from if wanted_by_mail(invitation) else quiet_until(invitation, policy)
    asked = max(invitation.touches.values(), default=None)
    if until is None or asked is None or asked >= until or AFTER_SNOOZE in invitation.touches:
        return Wait(closing, skipped)
    zone = zone_named(invitation.zone)
    planned = calendar.next_allowed(max([until, *_quiet(invitation, policy, zone, calendar)]), zone)
    at = calendar.next_allowed(max(planned, now), zone)
    if at >= closing:
        return Wait(closing, skipped)
    if at > now:
        return Wait(at, skipped)
    return Touch(AFTER_SNOOZE, "reminder", planned, local_day(now, zone) > local_day(planned, zone), skipped)

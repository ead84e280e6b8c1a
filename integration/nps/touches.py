"""What happens next to one invitation, so that its moment can be stored and nobody is ever scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from .intents import Facts, LetterKind, Outcome, SkipStep, WaveStage
from .people import ClientKey, Exclusion
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
DONE_STAGES: tuple[WaveStage, ...] = ("closed", "cancelled")


@dataclass(frozen=True, slots=True)
class WaveState:
    """A wave as the machine sees it. ``approved_by`` empty: nothing may be sent (product.md W2).

    ``paused_from``: the stage to return to; ``ended_by``/``why``: who cancelled or closed it early;
    ``owner_tasks``: kinds already created.
    """

    id: int
    name: str
    stage: WaveStage
    plan: Plan
    approved_by: str = ""
    paused_from: WaveStage | None = None
    ended_by: str = ""
    why: str = ""
    owner_tasks: frozenset[str] = frozenset()

    @property
    def running(self) -> bool:
        """Approved, and neither paused nor over."""
        return bool(self.approved_by) and self.stage not in ("paused", *DONE_STAGES)


@dataclass(frozen=True, slots=True)
class InvitationFacts:
    """One respondent in one wave.

    ``touches``: step -> moment its letter was queued, UTC; ``skipped``: steps already marked overtaken;
    ``last_letter_at``: the last letter to this *person*, of any kind; ``held``: an answer not proven human,
    which counts as silence; ``sender``, ``address``, ``facts``: for the letters. ``gone_at``: since when the card of
    the person or of the client is not there any more, UTC; ``trouble``: the rule that holds the client today
    (``trouble_stage``, ``critical_task``, ``open_follow_up``), without an end that anybody knows (product.md E5).
    """

    id: int
    client: ClientKey
    contact_id: int
    address: str = ""
    zone: str = "UTC"
    language: str = "en"
    sender: str = ""
    facts: Facts = field(default_factory=dict)
    touches: Mapping[str, datetime] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    last_letter_at: datetime | None = None
    answered: bool = False
    held: bool = False
    refused: bool = False
    opted_out: bool = False
    excluded: Exclusion | None = None
    unreachable: bool = False
    snoozed_until: datetime | None = None
    hold_until: date | None = None
    gone_at: datetime | None = None
    trouble: str = ""
    outcome: Outcome | None = None


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
    if settled := _settled(invitation, wave):
        return settled
    if not wave.running:
        return Wait(None)
    zone = zone_named(invitation.zone)
    closing = wave.plan.moment(wave.plan.closing, calendar)
    if invitation.gone_at:
        until = min(invitation.gone_at + MERGE_SHOWS, closing)
        return Wait(until) if now < until else Final("excluded", {"who": MACHINE, "why": CARD_GONE})
    if now >= closing:
        return _at_closing(invitation, wave, closing, zone)
    if invitation.trouble:
        tomorrow = calendar.opening(local_day(now, zone) + timedelta(days=1), zone)
        return Wait(min(tomorrow, closing))
    return _next_letter(invitation, wave.plan, policy, now, calendar, closing)


def comes_back(until: datetime, plan: Plan, zone: str, calendar: WorkCalendar) -> datetime | None:
    """When a person who said "not now" until a moment (UTC) is written to again; None: the survey has ended by then.

    ``zone``: the person's. A gap to an earlier letter or a hold may move it on (product.md W12).
    """
    at = calendar.next_allowed(until, zone_named(zone))
    return at if at < plan.moment(plan.closing, calendar) else None


def _settled(invitation: InvitationFacts, wave: WaveState) -> Final | None:
    """What ends an invitation whatever the time is; an answer goes before a later refusal."""
    if invitation.answered:
        return Final("answered")
    if invitation.excluded:
        return Final("excluded", {"who": invitation.excluded.who, "why": invitation.excluded.why})
    if invitation.opted_out:
        return Final("opted_out")
    if invitation.refused:
        return Final("refused")
    if invitation.unreachable:
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
    return detail


def _at_closing(invitation: InvitationFacts, wave: WaveState, closing: datetime, zone: ZoneInfo) -> Final:
    snoozed = invitation.snoozed_until is not None and invitation.snoozed_until >= closing
    held = invitation.hold_until is not None and invitation.hold_until > local_day(closing, zone)
    if snoozed or held or invitation.trouble:
        return Final("postponed", _done(invitation))
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
            days[index] = max(days[index], own + timedelta(days=after))
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
    for step in _steps(invitation, plan, policy, zone):
        if step.name in invitation.touches or step.name in invitation.skipped:
            continue
        due = calendar.opening(step.day, zone)
        if now < due:
            return Wait(min(due, closing), tuple(skipped))
        planned = calendar.next_allowed(max([due, *_quiet(invitation, gap, zone, calendar)]), zone)
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
    return _after_snooze(invitation, now, calendar, closing, gap, tuple(skipped))


def _quiet(
    invitation: InvitationFacts, gap: timedelta, zone: ZoneInfo, calendar: WorkCalendar
) -> list[datetime]:
    """Moments before which this person gets no letter: the gap, "not now", a hold."""
    quiet: list[datetime] = []
    if invitation.last_letter_at:
        quiet.append(invitation.last_letter_at + gap)
    if invitation.snoozed_until:
        quiet.append(invitation.snoozed_until)
    if invitation.hold_until:
        quiet.append(calendar.opening(invitation.hold_until, zone))
    return quiet


def _after_snooze(
    invitation: InvitationFacts,
    now: datetime,
    calendar: WorkCalendar,
    closing: datetime,
    gap: timedelta,
    skipped: tuple[SkipStep, ...],
) -> NextTouch:
    """Who said "not now" after the last letter is asked once more when that time is over (W12)."""
    until = invitation.snoozed_until
    asked = max(invitation.touches.values(), default=None)
    if until is None or asked is None or asked >= until or AFTER_SNOOZE in invitation.touches:
        return Wait(closing, skipped)
    zone = zone_named(invitation.zone)
    planned = calendar.next_allowed(max([until, *_quiet(invitation, gap, zone, calendar)]), zone)
    at = calendar.next_allowed(max(planned, now), zone)
    if at >= closing:
        return Wait(closing, skipped)
    if at > now:
        return Wait(at, skipped)
    return Touch(AFTER_SNOOZE, "reminder", planned, local_day(now, zone) > local_day(planned, zone), skipped)

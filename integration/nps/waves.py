"""The yearly wave as a machine: stages by date, letters by person, outcomes by everybody (product.md W).

``plan`` gives the dates, ``next_touch`` what happens to one invitation, ``advance_wave`` what happens to
the wave itself; ``advance`` is both for a whole small wave.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from .intents import (
    CloseWave,
    CreateOwnerTask,
    Intent,
    MoveStage,
    OwnerTaskKind,
    RecordOutcome,
    SendLetter,
    WaveStage,
)
from .plans import Plan, calendar_of, plan, postponed, wave_start, wave_to_plan
from .policy import Policy
from .touches import (
    Final,
    InvitationFacts,
    NextTouch,
    Touch,
    Wait,
    WaveState,
    next_touch,
    step_names,
)
from .workdays import WorkCalendar, local_day, zone_named

__all__ = [
    "ORDER",
    "Final",
    "InvitationFacts",
    "NextTouch",
    "Plan",
    "Touch",
    "Wait",
    "WaveState",
    "advance",
    "advance_wave",
    "approval_problems",
    "calendar_of",
    "close_early",
    "letter_of",
    "next_look",
    "next_touch",
    "plan",
    "postponed",
    "readiness",
    "stage_at",
    "step_names",
    "wave_start",
    "wave_to_plan",
    "without_outcome",
]

ORDER: tuple[WaveStage, ...] = (
    "draft",
    "rehearsed",
    "announced",
    "calling",
    "mailing",
    "reminders",
    "closing",
    "closed",
)


def stage_at(plan: Plan, now: datetime, calendar: WorkCalendar) -> WaveStage | None:
    """The stage an approved wave should be in at ``now``, None before its announcement."""
    due = [stage for stage, day in plan.stage_days() if plan.moment(day, calendar) <= now]
    return due[-1] if due else None


def advance_wave(
    wave: WaveState, open_invitations: int, now: datetime, calendar: WorkCalendar
) -> list[Intent]:
    """Owner tasks, the stage that is due, and closing once nobody lacks an outcome (product.md W1, W2, W14).

    Unapproved waves only remind their owner; stages that were slept through are named as skipped.
    """
    if not wave.approved_by and wave.stage in ("draft", "rehearsed"):
        return _owner_task(wave, now, calendar)
    if not wave.running:
        return []
    intents: list[Intent] = []
    stage = wave.stage
    due = stage_at(wave.plan, now, calendar)
    if due and ORDER.index(due) > ORDER.index(stage):
        days = dict(wave.plan.stage_days())
        between = [name for name in days if ORDER.index(stage) < ORDER.index(name) < ORDER.index(due)]
        late = local_day(now, zone_named(wave.plan.zone)) > days[due]
        intents.append(MoveStage(wave.id, due, late, tuple(between)))
        stage = due
    if stage == "closing" and open_invitations == 0:
        late = local_day(now, zone_named(wave.plan.zone)) > wave.plan.closing
        intents.append(CloseWave(wave.id, wave.plan.frozen_on, late))
    return intents


def advance(
    wave: WaveState,
    invitations: Sequence[InvitationFacts],
    now: datetime,
    policy: Policy,
    calendar: WorkCalendar,
) -> list[Intent]:
    """Everything due at ``now`` in a wave: skips, letters, outcomes, then the wave itself."""
    intents: list[Intent] = []
    still_open = 0
    for invitation in invitations:
        step = next_touch(invitation, wave, policy, now, calendar)
        intents.extend(step.skipped)
        if isinstance(step, Touch):
            intents.append(letter_of(invitation, step))
        elif isinstance(step, Final):
            intents.append(RecordOutcome(invitation.id, step.outcome, step.detail))
        still_open += invitation.outcome is None and not isinstance(step, Final)
    return intents + advance_wave(wave, still_open, now, calendar)


def letter_of(invitation: InvitationFacts, touch: Touch) -> SendLetter:
    """The intent of a touch; its links are added where tokens are made."""
    return SendLetter(
        letter=touch.letter,
        step=touch.step,
        client=invitation.client,
        contact_id=invitation.contact_id,
        address=invitation.address,
        language=invitation.language,
        sender=invitation.sender,
        facts=invitation.facts,
        invitation_id=invitation.id,
        late=touch.late,
    )


def next_look(wave: WaveState, now: datetime, calendar: WorkCalendar) -> datetime | None:
    """When ``advance_wave`` has something to do next, UTC; None: only when the wave changes.

    A wave in closing is looked at when its last outcome is recorded.
    """
    plan = wave.plan
    if not wave.approved_by and wave.stage in ("draft", "rehearsed"):
        days = [plan.drafted, *plan.owner_reminders]
    elif wave.running:
        days = [day for _, day in plan.stage_days()]
    else:
        return None
    return min((at for day in days if (at := plan.moment(day, calendar)) > now), default=None)


def approval_problems(wave: WaveState, now: datetime) -> list[str]:
    """Codes of what forbids approving: ``wrong_stage``, ``already_approved``, ``plan_is_past``.

    A wave approved after its announcement day goes on without that letter; after D it must be planned anew.
    """
    codes: list[str] = []
    if wave.approved_by:
        codes.append("already_approved")
    elif wave.stage != "rehearsed":
        codes.append("wrong_stage")
    if local_day(now, zone_named(wave.plan.zone)) > wave.plan.start:
        codes.append("plan_is_past")
    return codes


def readiness(
    policy: Policy, open_follow_ups: int, we_did_letters: int, waves_before: int
) -> tuple[Literal["ok", "warn", "refuse"], list[str]]:
    """May a new wave be asked for (product.md W3), and the codes of what is missing from the last one."""
    codes: list[str] = []
    if waves_before and open_follow_ups:
        codes.append("follow_ups_open")
    if waves_before and not we_did_letters:
        codes.append("no_we_did_letter")
    return (policy.readiness, codes) if codes else ("ok", codes)


def without_outcome(invitations: Iterable[InvitationFacts]) -> list[int]:
    """Ids of invitations that still lack a final outcome: a wave cannot be closed over them (W14)."""
    return [invitation.id for invitation in invitations if invitation.outcome is None]


def close_early(invitations: Iterable[InvitationFacts], who: str, why: str) -> list[RecordOutcome]:
    """Outcomes of those still open when a person closes the wave before its day (product.md W14)."""
    return [
        RecordOutcome(one.id, "answered" if one.answered else "closed_early", {"who": who, "why": why})
        for one in invitations
        if one.outcome is None
    ]


def _owner_task(wave: WaveState, now: datetime, calendar: WorkCalendar) -> list[Intent]:
    """The newest task that is due and not made yet; overtaken ones are not made afterwards."""
    plan = wave.plan
    reminders: tuple[OwnerTaskKind, ...] = ("approve_wave_28", "approve_wave_21")
    kinds: list[OwnerTaskKind] = ["plan_wave", *reminders[: len(plan.owner_reminders)]]
    days = [plan.drafted, *plan.owner_reminders]
    due = [(kind, day) for kind, day in zip(kinds, days, strict=True) if plan.moment(day, calendar) <= now]
    if not due or due[-1][0] in wave.owner_tasks:
        return []
    zone = zone_named(plan.zone)
    deadline = calendar.opening(plan.announce, zone)
    return [CreateOwnerTask(wave.id, due[-1][0], deadline, local_day(now, zone) > due[-1][1])]

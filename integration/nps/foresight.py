"""Everything one respondent will get and when, if nobody answers and nothing changes (product.md W4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .intents import LetterKind, Outcome
from .policy import Policy
from .touches import Final, InvitationFacts, Touch, WaveState, next_touch
from .workdays import WorkCalendar

_STEPS = 60  # a person has some six letters; more looks than this would be a fault of the rules
APPROVED = "rehearsal"


@dataclass(frozen=True, slots=True)
class Coming:
    """One letter to come: when it may leave, aware UTC. A pace per mailbox may let it leave later that day."""

    step: str
    letter: LetterKind
    at: datetime
    late: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """The letters to one person, in order; `skipped`: steps that would be left out; `end`: how it ends in silence."""

    letters: tuple[Coming, ...]
    skipped: tuple[str, ...] = ()
    end: Outcome | None = None


def foresee(
    invitation: InvitationFacts, wave: WaveState, policy: Policy, now: datetime, calendar: WorkCalendar
) -> Course:
    """Let the rules that will send the letters run ahead: as if the wave were approved now, and nobody answered."""
    state = replace(wave, approved_by=wave.approved_by or APPROVED)
    one, moment = invitation, now
    letters: list[Coming] = []
    for _ in range(_STEPS):
        step = next_touch(one, state, policy, moment, calendar)
        if step.skipped:
            one = replace(one, skipped=one.skipped | {skip.step for skip in step.skipped})
        if isinstance(step, Final):
            return Course(tuple(letters), tuple(sorted(one.skipped)), step.outcome)
        if isinstance(step, Touch):
            letters.append(Coming(step.step, step.letter, moment, step.late))
            one = replace(one, touches={**one.touches, step.step: moment}, last_letter_at=moment)
        elif step.until is None:
            break
        else:
            moment = max(step.until, moment + timedelta(microseconds=1))
    return Course(tuple(letters), tuple(sorted(one.skipped)))

"""What is due in waves: stages, letters, outcomes. The machine decides in `nps.waves`, here it is done.

Whoever moves a wave holds its row, so two workers never move the same wave at once; each step of up to 500
people is one transaction, and what it queues has unique keys, so a process may die anywhere (product.md W2).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from integration.mail.render import MissingFact
from integration.nps import projects
from integration.nps import waves as machine
from integration.nps.calling import call_slot, next_call
from integration.nps.intents import CloseWave, CreateOwnerTask, MoveStage
from integration.nps.letters import LetterProblem
from integration.nps.touches import CARD_GONE, MACHINE, Final, InvitationFacts, Touch
from integration.services import dead_addresses, direct_line, wave_merges
from integration.services.deps import Deps
from integration.services.letter_drafts import Cast, Scene, casting, draft, scene
from integration.services.projects import closing
from integration.services.waves_cards import owner_task
from integration.services.waves_close import closed, freeze_result
from integration.services.waves_facts import facts_of, gone_cards, state_for, state_of
from integration.services.waves_slice import Slice
from integration.store import call_facts, wave_cards, wave_queries
from integration.store.base import reading, transaction
from integration.store.waves import Invitation, Wave

log = logging.getLogger(__name__)

CHUNK = 500  # invitations per transaction
_ROUNDS = 25  # chunks per wave in one call; the rest comes with the next tick
_MOST_ASIDE = 20  # people in one call; more than that is no fault of theirs
_CALLS_CHANGE = ("calling", "mailing")  # stages that begin or end the calls of everybody (product.md W7)
_RETRY = timedelta(hours=1)  # when nobody can sign a letter, or a fact is missing, people have to act first


def advance_due(deps: Deps) -> bool:
    """Do everything that has become due in any wave; True if there was anything.

    A failure of one wave stops no other; the first is raised when all have had their turn.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        waves = wave_queries.due_waves(session, now)
    found, failed = False, list[Exception]()
    for portal_id, wave_id in waves:
        try:
            found |= _advance_wave(deps, portal_id, wave_id)
        except Exception as error:
            failed.append(error)
    with reading(deps.sessions) as session:
        waves = wave_queries.waves_with_due_invitations(session, now)
    for portal_id, wave_id in waves:
        try:
            found |= _advance_people(deps, portal_id, wave_id, failed)
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return found


def _advance_people(deps: Deps, portal_id: int, wave_id: int, failed: list[Exception]) -> bool:
    """The people of a wave that are due, in slices. Where one spoils a slice, its people go one by one, and whoever it
    is waits an hour: the others do not wait for it."""
    stage: Scene | None = None
    rounds, singly, aside, worked = _ROUNDS, 0, 0, False
    while rounds:
        try:
            stage = _advance_chunk(deps, portal_id, wave_id, stage, 1 if singly else CHUNK)
        except OperationalError:
            raise  # the database itself
        except Exception as error:
            failed.append(error)
            if singly:
                aside += 1
                if aside > _MOST_ASIDE:
                    raise
                _set_aside(deps, portal_id, wave_id, error)
            stage, singly = None, singly or CHUNK
            continue
        if stage is None:
            break
        worked, singly = True, max(0, singly - 1)
        rounds -= not singly
    return worked


def _set_aside(deps: Deps, portal_id: int, wave_id: int, error: Exception) -> None:
    """The next one that is due cannot be advanced, by a fault of ours: it is tried again later, and named."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id, wait=False)
        if wave is None:
            return
        scene(session, wave, now)  # what is wrong with the whole wave is no fault of one person
        for one in wave_queries.due_invitations(session, portal_id, wave_id, now, 1):
            one.due_at = now + _RETRY
            told = f"{type(error).__name__} invitation {one.id}"
            log.error("person set aside", extra={"portal": portal_id, "wave": wave_id, "why": told})
            wave_queries.note(session, wave, now, "letter_problem", detail=told)


def _advance_wave(deps: Deps, portal_id: int, wave_id: int) -> bool:
    """The wave itself: owner's tasks, its stage, its end."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id, wait=False)
        if wave is None or wave.step_due_at is None or wave.step_due_at > now:
            return False
        stage = scene(session, wave, now)
        if wave.stage == "closed":
            freeze_result(session, stage, now)
            return True
        if wave.kind == projects.KIND:
            closing.look(session, stage, now)
            return True
        still_open = wave_queries.open_invitations(session, portal_id, wave_id)
        for intent in machine.advance_wave(state_of(stage), still_open, now, stage.calendar.letters):
            match intent:
                case CreateOwnerTask():
                    owner_task(session, stage, intent, now)
                case MoveStage():
                    _move(session, wave, intent, now)
                case CloseWave():
                    closed(session, stage, now, who="molva", late=intent.late)
                case _:
                    raise TypeError(f"{type(intent).__name__} is not about a wave")
        if wave.stage != "closed":
            wave.step_due_at = machine.next_look(state_of(stage), now, stage.calendar.letters)
        return True


def _move(session: Session, wave: Wave, intent: MoveStage, now: datetime) -> None:
    wave.stage = intent.to
    if wave.plan.get("calling") and intent.to in _CALLS_CHANGE:
        wave_queries.look_at_all(session, wave.portal_id, wave.id, now, only_open=True)
    told = [f"late for {intent.to}"] if intent.late else []
    told += [f"skipped {name}" for name in intent.skipped]
    wave_queries.note(session, wave, now, f"stage:{intent.to}", detail="; ".join(told))


def _advance_chunk(deps: Deps, portal_id: int, wave_id: int, last: Scene | None, most: int) -> Scene | None:
    """The next people of a wave that are due. Nothing: nobody is, or another worker is at it.

    `last`: what the people before these gave back.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id, wait=False)
        due = wave_queries.due_invitations(session, portal_id, wave_id, now, most) if wave is not None else []
        if wave is None or not due:
            return None
        stage = scene(session, wave, now, before=last)
        people = casting(session, wave.portal_id, due, wave_id)
        gone = gone_cards(session, stage, people, due)
        if gone and wave.approved_by and wave_merges.settle(deps, session, stage, due, now):
            wave.step_due_at = now if wave.stage == "closing" else wave.step_due_at
            due = [one for one in due if one.due_at is not None and one.due_at <= now]
            people = casting(session, wave.portal_id, due, wave_id)
            gone = gone_cards(session, stage, people, due)
        still_open = [one for one in due if not one.outcome]
        given = facts_of(session, stage, people, still_open, gone=gone, now=now) if still_open else {}
        people = _with_lines(deps, session, stage, people, due, given, now)
        together = Slice(deps, stage, now)
        problems: set[str] = set()
        ended = False
        for invitation in due:
            before = invitation.outcome
            problem = _advance_one(session, together, people, invitation, given.get(invitation.id))
            problems |= {problem} if problem else set()
            ended |= invitation.outcome != before
        for one in still_open:
            if one.outcome in ("opted_out", "excluded"):  # the number is nobody's, or somebody else's
                call_facts.look_at_number(session, one, now)
        together.put_down(session)
        for problem in sorted(problems):
            log.warning(
                "letter not written", extra={"portal": wave.portal_id, "wave": wave_id, "why": problem}
            )
            wave_queries.note(session, wave, now, "letter_problem", detail=problem)
        if ended and wave.stage == "closing":
            wave.step_due_at = now  # this may have been the last one (product.md W14)
        return stage


def _with_lines(
    deps: Deps,
    session: Session,
    stage: Scene,
    people: Cast,
    due: Sequence[Invitation],
    given: Mapping[int, InvitationFacts],
    now: datetime,
) -> Cast:
    """Whoever is written to now has a direct line of the own client (product.md S5), made at once for all of them."""
    if not stage.direct_line:
        return people
    hours = stage.calendar.letters
    new = {
        key
        for one in due
        if not one.outcome and (key := wave_cards.key_of(people.clients[one.wave_client_id])) not in people.direct
        and isinstance(
            machine.next_touch(given[one.id], state_for(stage, one), stage.policy, now, hours), Touch
        )
    }  # fmt: skip
    made = direct_line.lines_of(deps, session, stage.portal.id, new, now) if new else {}
    return replace(people, direct={**people.direct, **made})


def _advance_one(
    session: Session, together: Slice, people: Cast, invitation: Invitation, given: InvitationFacts | None
) -> str:
    """Everything due for one person; returns why a letter could not be written, empty if all went well."""
    stage, now = together.stage, together.now
    if given is None:  # it has its end already
        invitation.due_at = invitation.call_due_at = invitation.call_until = None
        if stage.wave.stage in wave_queries.DONE_STAGES:
            together.over(invitation)
        return ""
    for _ in range(10):  # a touch and the waiting after it; the bound only guards against a loop
        step = machine.next_touch(
            given, state_for(stage, invitation), stage.policy, now, stage.calendar.letters
        )
        for skip in step.skipped:
            invitation.skipped = {**invitation.skipped, skip.step: skip.why}
        if isinstance(step, Final):
            _end(session, together, invitation, step)
            return ""
        if not isinstance(step, Touch):
            invitation.due_at = step.until
            _set_call(stage, invitation, given, now)
            return ""
        if problem := _send(together, people, invitation, step):
            invitation.due_at = now + _RETRY
            _set_call(stage, invitation, given, now)
            return problem
        given = facts_of(session, stage, people, [invitation], known=given)[invitation.id]
    raise RuntimeError("an invitation does not come to rest")


def _set_call(stage: Scene, invitation: Invitation, given: InvitationFacts, now: datetime) -> None:
    """From when until when the person is to be called next, for the desk to find (product.md W7)."""
    state, hours = state_for(stage, invitation), stage.calendar.letters
    invitation.call_due_at, invitation.call_until = call_slot(
        next_call(given, state, stage.policy, now, hours), now
    )


def _send(together: Slice, people: Cast, invitation: Invitation, touch: Touch) -> str:
    """Write one letter as finished text; returns why it could not be written, else nothing."""
    written = draft(together.stage, people, invitation, touch.letter, touch.step, touch.planned)
    if isinstance(written, LetterProblem):
        return written.code
    try:
        together.letter(written)
    except MissingFact as error:
        return f"missing {error}"
    invitation.touches = {**invitation.touches, touch.step: together.now.astimezone(UTC).isoformat()}
    invitation.last_letter_at = together.now
    if touch.step == "invitation":
        together.link(invitation)
    return ""


def _take_out(session: Session, stage: Scene, invitation: Invitation, final: Final) -> None:
    """A client whose card is gone is none of those to be asked any more, unless it has answered (product.md E7)."""
    if final.detail.get("why") != CARD_GONE or final.detail.get("who") != MACHINE:
        return
    wave, line_id = stage.wave, invitation.wave_client_id
    line = wave_queries.clients_by_id(session, wave.portal_id, wave.id, [line_id]).get(line_id)
    if line is None or line.reason or not wave_cards.gone(session, wave.portal_id, [wave_cards.key_of(line)]):
        return
    if not wave_cards.has_answered(session, wave.portal_id, line_id):
        line.eligible, line.reason = False, "excluded_by_hand"
        line.reason_detail = f"{MACHINE}: {CARD_GONE}"


def _end(session: Session, together: Slice, invitation: Invitation, final: Final) -> None:
    """Write a final outcome down (product.md W14); letters that wait are useless now."""
    invitation.outcome, invitation.outcome_at, invitation.due_at = final.outcome, together.now, None
    invitation.call_due_at = invitation.call_until = None
    invitation.outcome_detail = dict(final.detail)
    if final.outcome == "unreachable":
        told = dead_addresses.why(session, invitation.portal_id, invitation.address)
        invitation.outcome_detail = {**final.detail, **told}
    _take_out(session, together.stage, invitation, final)
    together.ended.append(invitation.id)
    if together.stage.wave.stage in wave_queries.DONE_STAGES:
        together.over(invitation)

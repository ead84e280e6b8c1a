"""A call is written down: the attempt, what follows from it, and the client goes back, all in one transaction.

The value of the reservation makes it happen once, however often it is posted. What a client said is never lost: it
counts although the reservation has ended, unless the person has an answer meanwhile (product.md W7, W8, W10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.nps.attempts import CallOutcome
from integration.nps.calling import after_call, call_slot, problems_of
from integration.nps.questionnaire import Answers, Problems, clean_text, parse_score, read
from integration.nps.standing import may_record
from integration.nps.workdays import zone_named
from integration.services import own_clients, questions
from integration.services.calling import leases
from integration.services.calling.amend import amend as amend
from integration.services.calling.effects import about, answer, ended, never
from integration.services.calling.looking import Look, look
from integration.services.calling.replay import counting, replayed
from integration.services.calling.script_texts import followed
from integration.services.calling.types import Caller, Made, Recorded, Status
from integration.services.calling.undo import undo as undo
from integration.services.deps import Deps
from integration.services.standing import plan_of
from integration.store import answers, attempts, call_moves, call_owners, call_queue, holds, wave_queries
from integration.store.answers import Asked
from integration.store.attempts import Attempt, CallLease
from integration.store.base import transaction
from integration.store.call_queue import CALLING
from integration.store.waves import Invitation

LONGEST_NOTE = 1000
_FIELDS = {
    "score_missing": "score", "score_unasked": "score", "unknown_outcome": "outcome", "no_address": "outcome",
    "own_client": "outcome",
}  # fmt: skip
_RUNNING = ("calling", "mailing", "reminders", "closing", "paused")
_NOBODY: frozenset[str] = frozenset({"no_answer", "busy", "out_of_service"})  # nobody has said anything


def record(deps: Deps, caller: Caller, key: str, form: Mapping[str, str]) -> Recorded:
    """Write down what came of the call under a reservation: `outcome`, `score`, `comment`, `note`, `call_back_at`
    (date and time in the client's own zone), `language` (of the words that were read out), `wording` (the versions that
    were shown, `CardShown.wording`), `q-<key>` (extra answers).

    See `Recorded`; the problems' codes are those of `nps.calling.problems_of`, of the form (`not_a_score`, `too_long`,
    `unreadable`), of `questions.problems_of`, and `own_client` (product.md W10).
    """
    now = deps.clock.now()
    sealed = leases.opened(deps, caller, key, now)
    if sealed is None:
        return Recorded("lost", why="unknown")
    with transaction(deps.sessions) as session:
        found = held(session, caller.portal_id, sealed.invitation_id, form.get("outcome", ""))
        if found is None or plan_of(found.wave) is None or caller.wave_id not in (None, found.wave.id):
            return Recorded("lost", why="unknown")
        before, earlier = attempts.history(session, found.invitation, sealed.key)
        if before is not None:
            return _told("again", found, before)
        lease = call_queue.lease_on(session, caller.portal_id, found.client.id)
        mine = lease is not None and lease.key == sealed.key
        seen = look(
            session, found.wave, [found.invitation], now, line=found.client, lease=lease, made=earlier
        )
        made = _made(session, found, seen, caller, sealed.key, lease if mine else None, form, now)
        if not isinstance(made, Made):
            _hold_on(session, found, caller, sealed.key, mine, made, now)
            return Recorded("problem", made)
        in_time = lease is not None and lease.until > now
        if in_time and not mine and made.outcome in _NOBODY:
            return Recorded("lost", why="others", outcome=made.outcome, client=found.client.name)
        done = _written(session, deps, found, made, seen, earlier, now)
        if mine or found.invitation.id != sealed.invitation_id:
            call_queue.give_back(session, caller.portal_id, caller.holder, sealed.key)
        late = not (mine and in_time)
        return replace(done, status="late") if late and done.status == "done" else done


def _hold_on(
    session: Session, found: Asked, caller: Caller, key: str, mine: bool, wrong: tuple[tuple[str, str], ...],
    now: datetime,
) -> None:  # fmt: skip
    """What is wrong is put right in the time of a whole reservation, also when the old one has ended meanwhile."""
    if mine:
        call_queue.keep(session, caller.portal_id, caller.holder, key, now + leases.LEASE)
    elif (
        not found.invitation.outcome
        and found.wave.stage in CALLING
        and ("outcome", "own_client") not in wrong
    ):
        leases.hold_again(session, caller, found.invitation, key, now)


def held(session: Session, portal_id: int, invitation_id: int, outcome: str) -> Asked | None:
    """The person a call is written down for, locked; in the order in which others lock what an outcome touches. Whose
    cards were merged meanwhile is found where the person is asked now."""
    if outcome == "never":
        one = answers.asked(session, portal_id, invitation_id)
        if one is not None:
            holds.locked_card(session, portal_id, "contact", one.invitation.contact_id)
    found = answers.asked(session, portal_id, invitation_id, lock=True, everywhere=outcome == "never")
    heir = call_moves.heir_of(found.invitation) if found is not None else None
    return found if heir is None else held(session, portal_id, heir, outcome)


def record_in(
    session: Session, deps: Deps, found: Asked, made: Made, *, seen: Look | None = None
) -> Recorded:
    """Write a call down in the caller's transaction, in which the person is locked (`held`); `made` is checked.

    Nothing here looks at limits or hours: a call that took place is on record as it happened. The same key once more
    changes nothing. A call whose person has an outcome meanwhile is kept and changes nothing else, except that an
    answer takes the place of a refusal or of silence, and "never" is always honoured (product.md W12). Raises
    `LookupError` for a survey without a plan of its own, an imported one.
    """
    now = deps.clock.now()
    before, earlier = attempts.history(session, found.invitation, made.key)
    if before is not None:
        return _told("again", found, before)
    if plan_of(found.wave) is None:
        raise LookupError("nobody is called for this survey")
    seen = seen or look(session, found.wave, [found.invitation], now)
    return _written(session, deps, found, made, seen, earlier, now)


def _written(
    session: Session, deps: Deps, found: Asked, made: Made, seen: Look, earlier: Sequence[Attempt], now: datetime
) -> Recorded:  # fmt: skip
    why = _against(found, made, seen)
    row = _kept(session, found.invitation, made, earlier)
    if not why:
        _follow(deps, session, found, made, seen, [*earlier, row], now)
    found.invitation.attempts += 1
    if why:
        return _told("lost", found, row, why=why)
    return _told("done", found, row, score=made.score)


def _against(found: Asked, made: Made, seen: Look) -> str:
    """Why a call changes nothing any more; empty: it does. See `Recorded`."""
    one, wave = found.invitation, found.wave
    if made.outcome == "never":
        return ""
    if seen.facts[one.id].answered:
        return "answered"
    never_again = seen.facts[one.id].opted_out
    if never_again and not _came_first(one, made):
        return "opted_out"
    if made.outcome == "answered":
        may = may_record(
            wave.stage, "" if never_again else one.outcome, "", approved=bool(wave.approved_by),
            revoked=one.revoked_at is not None, preliminary=wave.preliminary,
        )  # fmt: skip
        return "" if may else one.outcome or "over"
    if one.outcome:
        return one.outcome
    return "" if wave.approved_by and wave.stage in _RUNNING else "over"


def _came_first(one: Invitation, made: Made) -> bool:
    """Whether an answer was given in a call that had begun when "never" was said, on another card or by another door:
    what the person said on the line is kept, and nobody asks again."""
    said = one.outcome_at if one.outcome == "opted_out" else made.at
    begun = made.started_at
    return made.outcome == "answered" and begun is not None and said is not None and begun < said


def _kept(session: Session, one: Invitation, made: Made, earlier: Sequence[Attempt]) -> Attempt:
    return attempts.add(
        session, one, earlier, key=made.key, outcome=made.outcome, phone=(made.phone or one.phone)[:64],
        started_at=made.started_at or made.at, ended_at=made.at, call_back_at=made.call_back_at,
        note=made.note[:LONGEST_NOTE], caller=made.holder, caller_name=made.name[:200], source=made.source,
        wording=made.wording,
    )  # fmt: skip


def _follow(
    deps: Deps, session: Session, found: Asked, made: Made, seen: Look, every: Sequence[Attempt], now: datetime
) -> None:  # fmt: skip
    """What a call does to its person: an answer, an end, a letter, the next call. `every`: all attempts with it."""
    one, facts = found.invitation, seen.facts[found.invitation.id]
    then = replace(facts, calls=tuple(call for call in facts.calls if call.at <= made.at))
    effect = after_call(
        cast("CallOutcome", made.outcome), then, seen.stage.policy, made.at, call_back_at=made.call_back_at
    )
    if effect.opt_out:
        never(session, found, made, now)
    elif effect.ends == "answered":
        answer(deps, session, found, made, now)
    elif effect.ends is not None:
        ended(session, found, made, effect.ends, now)
    elif effect.calls_over:
        told = f"{about(found)}: {effect.calls_over}"
        wave_queries.note(session, found.wave, now, f"calls_over:{effect.calls_over}", made.name, told)
    after = replayed(facts, counting(every), seen.stage.policy)
    one.calls_over, one.promised_at = after.calls_over, after.promised_at
    one.mail_from = now if effect.mail_now else one.mail_from
    if one.outcome:
        one.call_due_at = one.call_until = one.promised_at = None
        return
    one.due_at = now  # the machine works out what this means for letters, and whether this was all
    after = replace(after, mail_from=one.mail_from)
    one.call_due_at, one.call_until = call_slot(seen.next(one.id, now, after), now)


def _made(
    session: Session, found: Asked, seen: Look, caller: Caller, key: str, lease: CallLease | None,
    form: Mapping[str, str], now: datetime,
) -> Made | tuple[tuple[str, str], ...]:  # fmt: skip
    """What was posted, read and checked; or what is wrong with it."""
    one, outcome = found.invitation, form.get("outcome", "").strip()
    zone = zone_named(one.time_zone or seen.stage.policy.time_zone)
    wrong: list[tuple[str, str]] = []
    score, comment = _answer(form, outcome, wrong)
    call_back = _moment(form.get("call_back_at", ""), zone, wrong) if outcome == "call_back" else None
    note = clean_text(form.get("note", ""))
    if len(note) > LONGEST_NOTE:
        wrong.append(("note", "too_long"))
    named = {name for name, _ in wrong}
    codes = problems_of(
        outcome, has_address=bool(one.address), score_given=score is not None, call_back_at=call_back,
        facts=seen.facts[one.id], wave=seen.states[one.id], now=now, calendar=seen.hours,
    )  # fmt: skip
    for code in codes:
        name = _FIELDS.get(code, "call_back_at")
        if name not in named:
            wrong.append((name, code))
    if outcome == "answered":
        wrong += questions.problems_of(session, found.portal.id, form)
    if outcome != "never" and _is_own(session, found, caller):  # that word is honoured, whoever heard it
        wrong.append(("outcome", "own_client"))
    if wrong:
        return tuple(wrong)
    return Made(
        key=key, outcome=outcome, at=now, holder=caller.holder, name=caller.name, source=caller.source, score=score,
        comment=comment, call_back_at=call_back, note=note, phone=one.phone,
        started_at=lease.taken_at if lease is not None else None,
        wording=followed(
            session, caller.portal_id, form.get("wording", ""), form.get("language", "") or one.language
        ),
        values=form,
    )  # fmt: skip


def _is_own(session: Session, found: Asked, caller: Caller) -> bool:
    """Whether the caller serves the client (product.md W10); whoever sits behind a link is known by name alone."""
    if caller.user_id is None:
        return own_clients.is_own(session, found, caller.name)
    return call_owners.is_own(session, caller.portal_id, found.client.id, caller.user_id)


def _answer(form: Mapping[str, str], outcome: str, wrong: list[tuple[str, str]]) -> tuple[int | None, str]:
    if outcome != "answered":
        return parse_score(form.get("score", "")), ""
    given = read(form)
    if isinstance(given, Answers):
        return given.score, given.comment
    assert isinstance(given, Problems)
    wrong += [(problem.field, _CODES.get(problem.code, problem.code)) for problem in given.problems]
    return parse_score(form.get("score", "")), ""


_CODES = {"missing": "score_missing"}


def _moment(text: str, zone: ZoneInfo, wrong: list[tuple[str, str]]) -> datetime | None:
    """A date and time as a field gives them, in the client's zone, as UTC."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # a year that is typed half shows as 0002
        wrong.append(("call_back_at", "call_back_unreadable"))
        return None


def _told(status: Status, found: Asked, row: Attempt, *, why: str = "", score: int | None = None) -> Recorded:
    return Recorded(
        status, attempt_id=row.id, why=why, outcome=row.outcome, client=found.client.name,
        person=found.invitation.name, score=score,
    )  # fmt: skip

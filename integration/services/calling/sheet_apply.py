"""Taking the rows of a sheet in, the earliest call first: each row is one transaction (product.md W9).

What a row does and that it is done are committed together, so a killed import goes on where it stopped and nothing is
recorded twice. A row that cannot be taken stops no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.logs import log
from integration.nps.attempts import Call
from integration.nps.calling import problems_of
from integration.nps.policy import Policy
from integration.nps.questions import FIELD, VERSION
from integration.nps.workdays import WorkCalendar, local_day, zone_named
from integration.services import own_clients, questions
from integration.services.calling import record, script_texts
from integration.services.calling.looking import Look, look
from integration.services.calling.sheet_codes import EXTRA, FLAWED, key_of
from integration.services.calling.types import Made, Recorded
from integration.services.deps import Deps
from integration.store import attempts, call_sheets, responses, wave_queries
from integration.store.answers import Asked
from integration.store.base import transaction
from integration.store.call_sheets import CallSheet, CallSheetRow
from integration.store.waves import Invitation, Wave, WaveClient

_log = log(__name__)
NEVER = "never"  # honoured whatever has become of the client meanwhile (product.md W12)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What calls are measured by: what lies beyond is recorded as it happened, and marked."""

    policy: Policy
    calendar: WorkCalendar


def step(deps: Deps, portal_id: int, sheet_id: int) -> bool:
    """Take the next row in; whether there was one."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        sheet = call_sheets.get(session, portal_id, sheet_id, held=True)
        if sheet is None or sheet.stage != "applying":
            return False
        row = call_sheets.next_new(session, portal_id, sheet_id)
        if row is None:
            sheet.stage, sheet.finished_at = "done", now
            flawed = {FLAWED: sheet.counts.get(FLAWED, 0)}
            sheet.counts = call_sheets.counts(session, portal_id, [sheet.id]).get(sheet.id, {}) | flawed
            return False
        try:
            with session.begin_nested():
                _take(deps, session, sheet, row, now)
        except Exception:
            _log.exception("call_sheet.failed", portal=portal_id, sheet=sheet_id, row=row.number)
            row.status, row.code = "refused", "failed"
    return True


def barred(wave: Wave, invitation: Invitation, line: WaveClient, outcome: str) -> str:
    """Why nothing can be recorded about this person any more: `over`, `excluded`, `revoked`; empty if it can. An answer
    still counts while the result of a survey that has ended is preliminary (product.md W14)."""
    if outcome == NEVER:
        return ""
    if wave.stage in wave_queries.DONE_STAGES and not (outcome == "answered" and wave.preliminary):
        return "over"
    if line.reason:
        return "excluded"
    return "revoked" if invitation.revoked_at is not None else ""


def beyond(
    at: datetime, calls: Sequence[Call], promised: datetime | None, zone_name: str, bounds: Bounds
) -> str:
    """How a call lies beyond what the rules allow, codes joined by commas: `too_often` (more than `max_attempts`),
    `too_often_today`, `outside_hours`. Somebody who asked to be called back is called beyond the first two."""
    zone = zone_named(zone_name)
    earlier = [call for call in calls if call.at < at]
    today = [call for call in earlier if local_day(call.at, zone) == local_day(at, zone)]
    owed = promised is not None and promised <= at
    codes = (
        ("too_often", len(earlier) >= bounds.policy.max_attempts and not owed),
        ("too_often_today", len(today) >= bounds.policy.attempts_per_day and not owed),
        ("outside_hours", not bounds.calendar.is_allowed(at, zone)),
    )
    return ",".join([code for code, holds in codes if holds][:2])


def _take(deps: Deps, session: Session, sheet: CallSheet, row: CallSheetRow, now: datetime) -> None:
    outcome = str(row.said.get("outcome", ""))
    found = record.held(session, sheet.portal_id, row.invitation_id or 0, outcome)
    if found is None or row.at is None:
        row.status, row.code = "refused", "unknown_code"
        return
    if why := barred(found.wave, found.invitation, found.client, outcome):
        row.status, row.code = "refused", why
        return
    made = _made(session, sheet, row, found, row.at, outcome)
    if outcome == "answered" and any(
        own_clients.is_own(session, found, who) for who in {made.name, sheet.uploaded_by}
    ):
        row.status, row.code = "refused", "own_client"
        return
    seen = look(session, found.wave, [found.invitation], now)
    if attempts.by_key(session, sheet.portal_id, made.key) is None and (code := _problem(seen, found, made)):
        row.status, row.code = "refused", code
        return
    facts = seen.facts[found.invitation.id]
    marks = beyond(made.at, facts.calls, facts.promised_at, facts.zone, Bounds(seen.stage.policy, seen.hours))
    got = record.record_in(session, deps, found, made, seen=seen)
    _settle(row, got, marks)
    if got.status == "again" and _added(session, found, made, now):
        row.status = "done"
    if row.status == "done":
        call_sheets.release_called(session, sheet.portal_id, found.client.id, row.at)


def _problem(seen: Look, found: Asked, made: Made) -> str:
    """What keeps a caller from writing such a call down at all, as the desk would say it."""
    one = found.invitation
    codes = problems_of(
        made.outcome, has_address=bool(one.address), score_given=made.score is not None,
        call_back_at=made.call_back_at, facts=seen.facts[one.id], wave=seen.states[one.id], now=made.at,
        calendar=seen.hours,
    )  # fmt: skip
    return codes[0] if codes else ""


def _added(session: Session, found: Asked, made: Made, now: datetime) -> bool:
    """Extra answers of a call that was taken in before, for the questions nobody has answered since; whether there were
    any. The call stands as it is."""
    call = attempts.by_key(session, found.portal.id, made.key)
    response = responses.response_of(session, found.portal.id, found.invitation.id)
    if not made.values or call is None or call.undone_at is not None or made.outcome != "answered":
        return False
    if response is None or response.status != "counted":
        return False
    stands = questions.of_responses(session, found.portal.id, [response.id]).get(response.id, ())
    answered = {one.question.key for one in stands if not one.held}
    form = {name: value for name, value in made.values.items() if name.partition("-")[2] not in answered}
    given, _ = questions.read(session, found.portal.id, form)
    language = found.invitation.language
    return questions.save_answers(session, response, given, language=language, now=now, by=made.name[:200])


def _values(said: Mapping[str, Any]) -> dict[str, str]:
    """Extra answers as a form brings them, each to the wording that stood on the sheet."""
    values: dict[str, str] = {}
    for key, (version, value) in said.get(EXTRA, {}).items():
        values |= {f"{FIELD}{key}": value, f"{VERSION}{key}": str(version)}
    return values


def _made(
    session: Session, sheet: CallSheet, row: CallSheetRow, found: Asked, at: datetime, outcome: str
) -> Made:
    said = row.said
    back = said.get("call_back_at")
    return Made(
        key=key_of(found.invitation.id, at, outcome), outcome=outcome, at=at, holder=f"sheet:{sheet.id}",
        name=str(said.get("caller") or "") or sheet.uploaded_by, source="sheet", score=said.get("score"),
        comment=str(said.get("comment", "")), call_back_at=datetime.fromisoformat(back) if back else None,
        phone=found.invitation.phone, started_at=at, wording=_wording(session, sheet, found, at),
        values=_values(said),
    )  # fmt: skip


def _wording(session: Session, sheet: CallSheet, found: Asked, at: datetime) -> str:
    """The words that stood on the sheet last taken out before a call (product.md W13)."""
    out = call_sheets.taken_out_before(session, sheet.portal_id, sheet.wave_id, at)
    moment = out if out is not None else at
    return script_texts.followed_at(session, sheet.portal_id, found.invitation.language, moment)


def _settle(row: CallSheetRow, got: Recorded, marks: str) -> None:
    """What became of a row. `lost` with a call on record: the call counts, but changes nothing any more."""
    if got.status == "again":
        row.status, row.code = "same", ""
    elif got.status == "problem":
        row.status, row.code = "refused", (got.problems[0][1] if got.problems else "failed")[:32]
    elif got.status == "lost" and got.attempt_id is None:
        row.status, row.code = "refused", got.why[:32]
    else:
        row.status, row.code = "done", (got.why if got.status == "lost" else marks)[:32]

"""Taking a sheet out: whom a call centre may call in the days to come, with the wording in each client's language.

Whoever stands on a sheet is reserved for it until a day that staff choose: neither the desk nor another sheet gets the
same client meanwhile (product.md W8, W9). That a sheet was taken out is written down with the people on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integration.i18n import known
from integration.nps.calling import CallAt, CallNow, next_call
from integration.nps.invited import InvitationFacts
from integration.nps.questions import Question
from integration.nps.workdays import at_hour, local_day, zone_named
from integration.services import policies, questions
from integration.services.calling import partner_log, script_texts, wording
from integration.services.calling.sheet_codes import code_of
from integration.services.calling.types import Script
from integration.services.deps import Deps
from integration.services.letter_drafts import Cast, Scene, casting, scene
from integration.services.questions import Field
from integration.services.reports import plan_in
from integration.services.waves_errors import WaveError
from integration.services.waves_facts import facts_of, state_for
from integration.store import call_sheets, wave_queries
from integration.store.base import reading, transaction
from integration.store.waves import Invitation, Wave, WaveClient

CALLED = ("calling", "mailing", "reminders")
LONGEST = timedelta(days=7)  # of a reservation
AT_ONCE = 500  # people looked at together
HOLDER = "sheet:"


@dataclass(frozen=True, slots=True)
class OnSheet:
    """One person of a sheet. `zone`: of the client; `hours`: between which calls are made there; moments are UTC."""

    code: str
    client: str
    person: str
    role: str
    phone: str
    email: str
    zone: str
    hours: tuple[int, int]
    calls: int
    promised: datetime | None
    language: str
    script: Script
    extra: tuple[Field, ...] = ()  # questions of the agency's own, in the client's language (W13)


@dataclass(frozen=True, slots=True)
class TakenOut:
    """A sheet as it leaves. `until`: the end of the reservation, UTC; `questions`: the extra ones that are asked,
    `main`: the agency's language, in which they stand where another is missing."""

    id: int
    wave: str
    at: datetime
    until: datetime
    people: tuple[OnSheet, ...]
    questions: tuple[Question, ...] = ()
    main: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Until which day people can be reserved: the proposed one, the first and the last."""

    proposed: date
    first: date
    last: date


def span(deps: Deps, portal_id: int, wave_id: int) -> Span | None:
    """Until when a sheet can reserve people; nothing where nobody is called now."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, portal_id, wave_id)
        if wave is None or not _under_way(wave):
            return None
        return _span(scene(session, wave, now), now)


def take_out(
    deps: Deps, portal_id: int, wave_id: int, *, who: str, remote: str = "", until: date | None = None
) -> TakenOut:
    """A sheet with everybody who may be called and is in nobody's hands; they are reserved until the end of a day in
    the portal's zone.

    Raises `WaveError`: `is_over`, `no_calls` (none now: not begun, paused), `end_past`, `end_late` (the detail is the
    last day), `nobody` (nobody is left for a sheet).
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id)
        if wave is None or wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name if wave is not None else "")
        if not _under_way(wave):
            raise WaveError("no_calls")
        stage = scene(session, wave, now)
        ends = _ends(stage, until, now)
        found = _callable(session, stage, now)
        if not found:
            raise WaveError("nobody")
        secret = call_sheets.secret(session, portal_id, wave_id)
        fresh = None if secret is not None else deps.dice.token()
        sheet = call_sheets.add(
            session, portal_id, wave_id=wave_id, stage="out", uploaded_by=who[:200], uploaded_at=now, finished_at=ends,
            counts={"people": len(found)}, secret=fresh,
        )  # fmt: skip
        lines = {one.wave_client_id: one for one, _, _ in found}
        call_sheets.reserve(session, portal_id, sheet, list(lines.values()), who, now, ends)
        held = call_sheets.leases(
            session, portal_id, wave_id, now
        )  # a caller may have been faster with one of them
        found = [one for one in found if held.get(one[1].id, "").startswith(f"{HOLDER}{sheet.id}:")]
        sheet.counts = {"people": len(found)}
        partner_log.took_sheet(session, portal_id, wave_id, who, remote, len(found), now)
        wave_queries.note(session, wave, now, "call_sheet_out", who, str(len(found)))
    with reading(deps.sessions) as session:  # others have waited for the wave long enough
        main = policies.load(session, portal_id)[0].language
        asked = questions.current(session, portal_id)
        own = script_texts.in_use_at(session, portal_id, now)
        people = _shown(session, stage, found, secret or fresh or "", own, asked, main)
    return TakenOut(sheet.id, wave.name, now, ends, people, asked, main)


def give_back(deps: Deps, portal_id: int, wave_id: int, sheet_id: int) -> int:
    """End the reservation of a sheet: whoever was not called by it goes back to the desk. How many clients."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        sheet = call_sheets.get(session, portal_id, sheet_id, held=True)
        if sheet is None or sheet.wave_id != wave_id or sheet.stage != "out":
            return 0
        if sheet.finished_at is None or sheet.finished_at > now:
            sheet.finished_at = now
        return call_sheets.release(session, portal_id, sheet.id)


def masked(address: str) -> str:
    """An address that can be recognised and not be written to: `a…@example.com`."""
    name, at, domain = address.partition("@")
    return f"{name[:1]}…@{domain}" if at else ""


def _under_way(wave: Wave) -> bool:
    plan = plan_in(wave)
    return (
        wave.kind == "yearly" and wave.stage in CALLED and bool(wave.approved_by) and not wave.paused_from
        and plan is not None and plan.calling is not None
    )  # fmt: skip


def _span(stage: Scene, now: datetime) -> Span:
    zone = zone_named(stage.plan.zone)
    today = local_day(now, zone)
    days = stage.calendar.letters
    last = stage.plan.mailing - timedelta(days=1) if stage.wave.stage == "calling" else stage.plan.closing
    last = max(today, min(last, today + LONGEST))
    following = days.add_workdays(today, 1)
    return Span(min(following, last), today, last)


def _ends(stage: Scene, until: date | None, now: datetime) -> datetime:
    allowed = _span(stage, now)
    until = until or allowed.proposed
    if until < allowed.first:
        raise WaveError("end_past")
    if until > allowed.last:
        raise WaveError("end_late", allowed.last.isoformat())
    return at_hour(until, 24, zone_named(stage.plan.zone))


Found = tuple[Invitation, WaveClient, InvitationFacts]


def _callable(session: Session, stage: Scene, now: datetime) -> list[Found]:
    """Who may be called now or later in this stage, by the rule, and is in nobody's hands."""
    held = call_sheets.leases(session, stage.portal.id, stage.wave.id, now)
    everybody = call_sheets.people(session, stage.portal.id, stage.wave.id)
    free = [(one, line) for one, line in everybody if line.id not in held]
    found: list[Found] = []
    for start in range(0, len(free), AT_ONCE):
        part = free[start : start + AT_ONCE]
        invitations = [one for one, _ in part]
        people = casting(session, stage.portal.id, invitations, stage.wave.id)
        facts = facts_of(session, stage, people, invitations)
        for one, line in part:
            here = facts[one.id]
            called = next_call(here, state_for(stage, one), stage.policy, now, stage.calendar.letters)
            if isinstance(called, CallNow | CallAt):
                found.append((one, line, here))
    return found


def _shown(
    session: Session, stage: Scene, found: Sequence[Found], secret: str, own: Mapping[str, wording.OwnScript],
    asked: Sequence[Question], main: str,
) -> tuple[OnSheet, ...]:  # fmt: skip
    people = casting(session, stage.portal.id, [one for one, _, _ in found], stage.wave.id)
    scripts: dict[tuple[str, wording.Spoken], Script] = {}
    hours = (stage.policy.hours_from, stage.policy.hours_to)
    extra = {
        language: questions.fields(asked, language, main, {})
        for language in sorted({one.language for one, _, _ in found})
    }
    shown = []
    for one, line, facts in found:
        said = _spoken(stage, people, one, line)
        script = scripts.setdefault(
            (one.language, said), wording.script(said, one.language, own.get(known(one.language)))
        )
        shown.append(
            OnSheet(
                code=code_of(secret, one.id), client=line.name, person=one.name, role=one.role, phone=one.phone,
                email="" if facts.unreachable else masked(one.address), zone=facts.zone, hours=hours,
                calls=len(facts.calls), promised=facts.promised_at, language=script.language, script=script,
                extra=extra[one.language],
            )
        )  # fmt: skip
    return tuple(shown)


def _spoken(stage: Scene, people: Cast, one: Invitation, line: WaveClient) -> wording.Spoken:
    category = people.categories.get(line.deal_id or 0)
    manager = stage.team.staff.get(line.manager_id or 0)
    first, _ = people.names.get(one.contact_id, ("", ""))
    services: Mapping[int, str] = stage.services
    return wording.Spoken(
        agency=stage.agency, service=services.get(category, "") if category is not None else "",
        people=(manager.name,) if manager and manager.name else (), first_name=first.strip(), person=one.name,
    )  # fmt: skip


def clock_there(zone: str, at: datetime) -> tuple[ZoneInfo, str]:
    """The zone and its distance from UTC at a moment, e.g. `UTC+7`, `UTC+5:30`."""
    found = zone_named(zone)
    minutes = round((at.astimezone(found).utcoffset() or timedelta()).total_seconds() / 60)
    sign, (hours, rest) = "+" if minutes >= 0 else "−", divmod(abs(minutes), 60)
    return found, f"UTC{sign}{hours}:{rest:02d}" if rest else f"UTC{sign}{hours}"

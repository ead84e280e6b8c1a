"""Yearly waves as people drive them: planned, frozen, rehearsed, approved, paused, ended (product.md W).

The machine's side is `waves_advance`. Every change locks the wave's row and leaves a line in its audit trail.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps import waves as machine
from integration.nps.workdays import DAY, local_day, zone_named
from integration.services import policies, wave_trouble, waves_checks, waves_close
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.letter_drafts import Scene, calendar_for, scene
from integration.services.rehearsals import rehearse as rehearse
from integration.services.standing import plan_of
from integration.services.waves_advance import advance_due as advance_due
from integration.services.waves_cards import finish_owner_tasks
from integration.services.waves_errors import WaveError as WaveError
from integration.services.waves_facts import state_of
from integration.services.waves_freeze import freeze as freeze
from integration.services.waves_rehearse import report_in
from integration.store import call_facts, chores, wave_cards, wave_lists, wave_queries
from integration.store import portals as portal_rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal
from integration.store.waves import Wave

__all__ = [
    "WaveError", "advance_due", "approve", "cancel", "close", "exclude", "freeze", "order_freeze",
    "overview", "pause", "plan_due", "plan_portal", "plan_wave", "rehearse", "resume", "run_freeze", "run_plan",
]  # fmt: skip

_SLICE = 20  # transactions of a freeze in one run of its chore


def plan_due(deps: Deps) -> bool:
    """Draft the next yearly wave of every portal that needs one by today (product.md W2); True if any did."""
    with reading(deps.sessions) as session:
        portals = portal_rows.ids(session)
    drafted = [plan_portal(deps, portal_id) for portal_id in portals]
    return any(wave_id is not None for wave_id in drafted)


def plan_portal(deps: Deps, portal_id: int) -> int | None:
    """Draft a portal's next wave if it is due; its id, or nothing. Doing it twice does it once."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        if portal is None or portal.status != "active" or portal.synced_at is None:
            return None
        policy, _ = policies.load(session, portal_id)
        waves = wave_queries.waves_of(session, portal_id)
        starts = [
            known.start for wave in waves if (known := plan_of(wave)) is not None
        ]  # imported ones have no plan
        today = local_day(now, zone_named(policy.time_zone))
        start = machine.wave_to_plan(today, policy, max(starts, default=None))
        return None if start is None else _draft(deps, session, portal, start, "molva")


def plan_wave(deps: Deps, portal_id: int, start: date, who: str) -> int | None:
    """Draft a wave that begins on a day a person chose; nothing if that year has one already."""
    with transaction(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        return None if portal is None else _draft(deps, session, portal, start, who)


def _draft(deps: Deps, session: Session, portal: Portal, start: date, who: str) -> int | None:
    now = deps.clock.now()
    policy, version = policies.ensure_stored(session, portal.id, deps)
    calendar = calendar_for(portal, policy, now).letters
    plan = machine.plan(start, policy, calendar)
    wave_id = wave_queries.add_wave(
        session, portal.id, str(start.year), policy_version=version, plan=plan.to_json(), planned_at=now,
        step_due_at=max(now, plan.moment(plan.drafted, calendar)),
    )  # fmt: skip
    wave = wave_queries.wave(session, portal.id, wave_id) if wave_id else None
    if wave is not None:
        wave_queries.note(session, wave, now, "planned", who, f"from {plan.start}")
    return wave_id


def order_freeze(deps: Deps, portal_id: int, wave_id: int) -> None:
    """Have a worker freeze the list in the background: the chore `freeze:<wave>` survives crashes."""
    with transaction(deps.sessions) as session:
        chores.schedule(session, portal_id, f"freeze:{wave_id}", deps.clock.now(), cursor={"wave": wave_id})


def run_freeze(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `freeze:<wave>`: one slice of a list; where it stands is kept with the wave."""
    freeze(deps, portal_id, int(cursor["wave"]), steps=_SLICE)
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, portal_id, int(cursor["wave"]))
        under_way = wave is not None and "freeze" in wave.plan
    return Outcome(deps.clock.now(), cursor) if under_way else Outcome()


def run_plan(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The daily chore `plan_wave`: draft the portal's next wave when its time has come."""
    plan_portal(deps, portal_id)
    return Outcome()


def overview(deps: Deps, portal_id: int) -> list[dict[str, Any]]:
    """The portal's waves, the youngest first, as JSON values: stage, plan, how far the list and the answers are."""
    with reading(deps.sessions) as session:
        return [_overview(session, wave) for wave in wave_queries.waves_of(session, portal_id)]


def _overview(session: Session, wave: Wave) -> dict[str, Any]:
    plan = plan_of(wave)
    reasons = wave_lists.reasons(session, wave.portal_id, wave.id)
    outcomes = wave_queries.outcomes(session, wave.portal_id, wave.id)
    invited = sum(outcomes.values())
    return {
        "id": wave.id, "name": wave.name, "stage": wave.stage, "approved_by": wave.approved_by,
        "starts": plan.start.isoformat() if plan else None, "plan": plan.to_json() if plan else {},
        "freezing": wave.plan.get("freeze"),
        "frozen_at": wave.frozen_at.isoformat() if wave.frozen_at else None,
        "counts": {
            "clients": sum(reasons.values()), "eligible": reasons.get("", 0), "invited": invited,
            "answered": outcomes.get("answered", 0), "open": outcomes.get("", 0),
        },
        "reasons": reasons, "outcomes": outcomes, "result": wave.result,
        "result_frozen_at": wave.result_frozen_at.isoformat() if wave.result_frozen_at else None,
    }  # fmt: skip


def approve(
    deps: Deps, portal_id: int, wave_id: int, who: str, *, announced_on: date | None = None
) -> list[str]:
    """Release a rehearsed wave; nothing leaves without this (product.md W2). Returns codes of its warnings.

    `announced_on`: the day that stood on the button, if there was one. Raises `WaveError`: `dates_moved` if somebody
    has given the wave another day since, `already_approved`, `wrong_stage` (not rehearsed), `plan_is_past`,
    `look_missing` or `look_is_old` (rehearse once more: mail servers and DNS were looked at more than a day ago, or
    never), or the first code of what the rehearsal found wrong (W4), with all of them as its detail.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        stage = _locked(session, portal_id, wave_id, now)
        wave = stage.wave
        if announced_on not in (None, stage.plan.announce) and not wave.approved_by:
            raise WaveError("dates_moved", wave.name)
        report = report_in(deps, session, stage, now)
        errors = [
            *machine.approval_problems(state_of(stage), now),
            *filter(None, [waves_checks.refusal(wave, now)]),
            *(str(finding) for finding in report.errors),
        ]
        if errors:
            raise WaveError(errors[0].partition(" ")[0], "; ".join(errors))
        wave.approved_by, wave.approved_at = who[:200], now
        wave.step_due_at = machine.next_look(state_of(stage), now, stage.calendar.letters) or now
        if machine.stage_at(stage.plan, now, stage.calendar.letters):
            wave.step_due_at = now  # approved after its announcement: the machine catches up at once
        wave_queries.look_at_all(session, portal_id, wave_id, now, only_open=True)
        if stage.policy.critical_tasks:
            wave_trouble.order(session, portal_id, wave_id, now)
        finish_owner_tasks(session, stage.portal, wave, now)
        warnings = [finding.code for finding in report.warnings]
        wave_queries.note(session, wave, now, "approved", who, ", ".join(warnings))
        return warnings


def pause(deps: Deps, portal_id: int, wave_id: int, who: str, why: str = "") -> None:
    """Stop a wave where it is: nothing leaves until it is resumed. Raises `WaveError` unless it is running."""

    def act(session: Session, stage: Scene, now: datetime) -> None:
        wave = stage.wave
        if not state_of(stage).running:
            raise WaveError("not_running", wave.name)
        wave.paused_from, wave.stage, wave.step_due_at = wave.stage, "paused", None
        today = local_day(now, zone_named(stage.plan.zone))
        wave.plan = {**wave.plan, "paused_on": today.isoformat()}
        call_facts.nobody_is_due(session, portal_id, wave_id)
        wave_queries.note(session, wave, now, "paused", who, why)

    _change(deps, portal_id, wave_id, act)


def resume(deps: Deps, portal_id: int, wave_id: int, who: str) -> None:
    """Let a paused wave go on; what was still to come moves by as long as it stood still."""

    def act(session: Session, stage: Scene, now: datetime) -> None:
        wave = stage.wave
        if wave.stage != "paused":
            raise WaveError("not_paused", wave.name)
        since = date.fromisoformat(wave.plan["paused_on"])
        today = local_day(now, zone_named(stage.plan.zone))
        moved = machine.postponed(stage.plan, since, today, stage.calendar.letters)
        kept = {name: value for name, value in wave.plan.items() if name != "paused_on"}
        wave.plan = {**kept, **moved.to_json()}
        wave.stage, wave.paused_from, wave.step_due_at = wave.paused_from, "", now
        wave_queries.look_at_all(session, portal_id, wave_id, now, only_open=True)
        wave_queries.note(session, wave, now, "resumed", who, f"after {(today - since) // DAY} days")

    _change(deps, portal_id, wave_id, act)


def cancel(deps: Deps, portal_id: int, wave_id: int, who: str, why: str = "") -> None:
    """End a wave without a result; letters that wait are taken back, everyone open ends as closed early."""

    def act(session: Session, stage: Scene, now: datetime) -> None:
        wave = stage.wave
        if wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name)
        wave.stage, wave.closed_by, wave.closed_at, wave.step_due_at = "cancelled", who[:200], now, None
        _end_early(session, stage, now, who, why)
        wave_queries.look_at_all(session, portal_id, wave_id, now, only_open=False)
        finish_owner_tasks(session, stage.portal, wave, now)
        wave_queries.note(session, wave, now, "cancelled", who, why)

    _change(deps, portal_id, wave_id, act)


def close(deps: Deps, portal_id: int, wave_id: int, who: str, why: str = "") -> None:
    """Close a running wave before its day; everyone open ends as closed early, by whom and why (W14)."""

    def act(session: Session, stage: Scene, now: datetime) -> None:
        if not stage.wave.approved_by or stage.wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("not_running", stage.wave.name)
        _end_early(session, stage, now, who, why)
        waves_close.closed(session, stage, now, who=who[:200])

    _change(deps, portal_id, wave_id, act)


def exclude(deps: Deps, portal_id: int, wave_id: int, line_id: int, who: str, why: str) -> bool:
    """Take a client out of a frozen list, with a name and a reason; nothing is deleted (product.md E7).

    False: there is no such line, or it is excluded already. Raises `WaveError` without a name or a reason
    (`no_reason`), once the wave is over (`is_over`), for a client who is out for another reason (`is_out`), and for one
    who has answered (`has_answered`): what was said counts, and its client with it.
    """
    if not who.strip() or not why.strip():
        raise WaveError("no_reason")
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id)
        line = wave_queries.clients_by_id(session, portal_id, wave_id, [line_id]).get(line_id)
        if wave is None or line is None or line.reason == "excluded_by_hand":
            return False
        if wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name)
        if line.reason:
            raise WaveError("is_out", line.name)
        if wave_cards.has_answered(session, portal_id, line_id):
            raise WaveError("has_answered", line.name)
        line.eligible, line.reason = False, "excluded_by_hand"
        line.reason_detail = f"{who.replace(':', ' ')}: {why}"[:500]
        detail = {"who": who, "why": why}
        ids = wave_queries.exclude_client(session, portal_id, wave_id, line_id, now, detail)
        wave_queries.cancel_waiting_letters(session, portal_id, wave_id, now, ids)
        if wave.stage == "closing":
            wave.step_due_at = now
        wave_queries.note(session, wave, now, "excluded", who, f"{line.client_kind}:{line.client_id}: {why}")
        return True


def _end_early(session: Session, stage: Scene, now: datetime, who: str, why: str) -> None:
    stage.wave.plan = {**stage.wave.plan, "why": why}
    stage.wave.closed_why = why[:500]
    wave_queries.close_open(session, stage.wave.portal_id, stage.wave.id, now, {"who": who, "why": why})
    wave_queries.cancel_waiting_letters(session, stage.wave.portal_id, stage.wave.id, now)
    call_facts.nobody_is_due(session, stage.wave.portal_id, stage.wave.id)


def _locked(session: Session, portal_id: int, wave_id: int, now: datetime) -> Scene:
    wave = wave_queries.locked(session, portal_id, wave_id)
    if wave is None:
        raise WaveError("no_such_wave", str(wave_id))
    return scene(session, wave, now)


def _change(
    deps: Deps, portal_id: int, wave_id: int, act: Callable[[Session, Scene, datetime], None]
) -> None:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        act(session, _locked(session, portal_id, wave_id, now), now)

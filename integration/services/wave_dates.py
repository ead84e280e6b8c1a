"""The dates of one wave as people change them: planned by hand, moved, kept by a list made anew (product.md W1)."""

from __future__ import annotations

from datetime import date

from integration.nps import wave_dates as rules
from integration.nps.wave_dates import DateProblem, Wished
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, waves
from integration.services.deps import Deps
from integration.services.letter_drafts import scene
from integration.services.waves_errors import WaveError
from integration.store import wave_queries
from integration.store.base import reading, transaction
from integration.store.portals import Portal

BY_HAND = "dates_by_hand"  # in a wave's plan: the days were chosen by a person, the settings do not move them


def plan(deps: Deps, portal_id: int, start: date | None, who: str) -> int:
    """Plan a wave that begins on a day a person chose; its id. Raises `WaveError`: `no_day`, `too_soon` (with the
    first day that can be), `too_far`, `year_taken`, `not_read_yet` before the clients have been read."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        portal = session.get(Portal, portal_id)
        if portal is None or portal.synced_at is None:
            raise WaveError("not_read_yet")
        policy, _ = policies.load(session, portal_id)
    today = local_day(now, zone_named(policy.time_zone))
    if problem := rules.start_problem(start, today, policy):
        detail = rules.earliest_start(today, policy).isoformat() if problem == "too_soon" else ""
        raise WaveError(problem, detail)
    assert start is not None  # `no_day` otherwise
    wave_id = waves.plan_wave(deps, portal_id, start, who)
    if wave_id is None:
        raise WaveError("year_taken", str(start.year))
    return wave_id


def move(deps: Deps, portal_id: int, wave_id: int, days: Wished, who: str) -> list[DateProblem]:
    """Give a wave other days; what is wrong with them, then nothing has changed. The same days change nothing.

    Everybody who waits is looked at again. Raises `WaveError`: `no_such_wave`, `is_over`, `paused_first` (a wave that
    stands still is moved by resuming it), `no_dates` (an imported one), `changed_meanwhile`.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id)
        if wave is None:
            raise WaveError("no_such_wave", str(wave_id))
        if wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name)
        if wave.stage == "paused":
            raise WaveError("paused_first", wave.name)
        if "start" not in wave.plan:
            raise WaveError("no_dates", wave.name)
        stage = scene(session, wave, now)
        today = local_day(now, zone_named(stage.plan.zone))
        if len(days.reminders) != len(stage.plan.reminders):
            raise WaveError("changed_meanwhile")
        found = rules.moved(stage.plan, days, today, stage.policy, stage.calendar.letters)
        if isinstance(found, list):
            return found
        if found == stage.plan:
            return []
        told = _told(rules.wished(stage.plan), rules.wished(found))
        wave.plan = {**wave.plan, **found.to_json(), BY_HAND: True}
        wave.step_due_at = now  # the machine works out when it has to look next
        if wave.approved_by:
            wave_queries.look_at_all(session, portal_id, wave_id, now, only_open=True)
        wave_queries.note(session, wave, now, "moved", who, told)
        return []


def _told(before: Wished, after: Wished) -> str:
    """What the trail says: `announce 2026-02-16 2026-02-18; closing …`."""
    old, new = rules.steps_of(before), rules.steps_of(after)
    return "; ".join(f"{name} {old[name]} {day}" for name, day in new.items() if day != old[name])

"""Rehearsing a wave as work that may be left alone: the list, then a look outside, then the report (product.md W4, P4).

The chore `rehearse:<wave>` makes the list in slices, asks mail servers and DNS with no transaction open, and keeps what
it found with the wave. Killed anywhere it goes on or looks once more; nothing leaves the agency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.services import policies, waves_checks
from integration.services.chore_types import Outcome
from integration.services.deps import Deps
from integration.services.letter_drafts import scene
from integration.services.waves_errors import WaveError
from integration.services.waves_freeze import freeze
from integration.services.waves_rehearse import Report, report_in
from integration.store import chores, overviews, rehearsals, wave_pages, wave_queries
from integration.store.base import reading, transaction
from integration.store.waves import Wave

STAGES = ("draft", "rehearsed")
SLICE = 20  # transactions of a list in one run of the chore
NO_ERRORS = "no errors"


@dataclass(frozen=True, slots=True)
class Making:
    """A rehearsal under way: share done, 0 … 1; `lines` so far; `failed`: it was given up; `looking`: the list stands,
    mail and letters are looked at."""

    share: float
    lines: int
    failed: bool
    looking: bool = False


def order(deps: Deps, portal_id: int, wave_id: int, who: str, *, anew: bool = True) -> None:
    """Have a worker rehearse a wave; `anew`: with a new list, else only the look. Ordered twice it is done once.

    Raises `WaveError`: `no_such_wave`, `wrong_stage` for one that is approved or over.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = _open(session, portal_id, wave_id)
        made = rehearsals.last_list(session, portal_id, wave_id)
        cursor = {"wave": wave_id, "who": who[:200], "list": anew or wave.frozen_at is None, "made": made}
        chores.schedule(session, portal_id, chore_name(wave_id), now, cursor=cursor)


def chore_name(wave_id: int) -> str:
    """The name of the chore that rehearses a wave."""
    return f"rehearse:{wave_id}"


def run(deps: Deps, portal_id: int, cursor: Mapping[str, Any]) -> Outcome:
    """The chore `rehearse:<wave>`: one slice of the list, or the look. A wave that has moved on ends it."""
    wave_id = int(cursor["wave"])
    try:
        if cursor.get("list") and not _listed(deps, portal_id, wave_id, int(cursor["made"])):
            freeze(deps, portal_id, wave_id, steps=SLICE)
            return Outcome(deps.clock.now(), dict(cursor))
        _look(deps, portal_id, wave_id, str(cursor.get("who") or "molva"))
    except WaveError:
        return Outcome()
    return Outcome()


def _listed(deps: Deps, portal_id: int, wave_id: int, before: int) -> bool:
    """Whether the list that was ordered stands; a crash after its last slice must not make it once more.

    `before`: the line of the trail that tells of the list there was. Not its time: clocks are set back.
    """
    with reading(deps.sessions) as session:
        wave = _open(session, portal_id, wave_id)
        newer = rehearsals.last_list(session, portal_id, wave_id) > before
        return newer and "freeze" not in wave.plan and wave.frozen_at is not None


def rehearse(deps: Deps, portal_id: int, wave_id: int, who: str = "molva") -> dict[str, Any]:
    """Look a wave through while the caller waits, and mark it as rehearsed; it may be done again. JSON values only.

    A list that is not made yet is made first. Raises `WaveError` for an unknown wave, one that is under way or over,
    and with `portal_busy` if the people cannot be read now.
    """
    with reading(deps.sessions) as session:
        wave = _open(session, portal_id, wave_id)
        listed = wave.frozen_at is not None
    if not listed:
        try:
            freeze(deps, portal_id, wave_id, interactive=True)
        except BitrixError as error:
            raise WaveError("portal_busy", error.code) from error
    return _look(deps, portal_id, wave_id, who).to_json()


def _look(deps: Deps, portal_id: int, wave_id: int, who: str) -> Report:
    """Ask outside, then judge everything in one transaction and keep it with the wave."""
    with reading(deps.sessions) as session:
        wave = _open(session, portal_id, wave_id)
        policy = policies.load_version(session, portal_id, wave.policy_version)
    outside = waves_checks.look(deps, portal_id, policy)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = _open(session, portal_id, wave_id, hold=True)
        if wave.frozen_at is None:
            raise WaveError("not_frozen", str(wave_id))
        wave.looked = {"outside": outside}
        report = report_in(deps, session, scene(session, wave, now), now)
        kept = {
            name: value for name, value in report.to_json().items() if name not in ("samples", "problems")
        }
        wave.looked = {"at": now.isoformat(), "by": who[:200], "outside": outside, "report": kept}
        wave.stage = "rehearsed"
        told = ", ".join(finding.code for finding in report.errors) or NO_ERRORS
        wave_queries.note(session, wave, now, "rehearsed", who, told)
        return report


def _open(session: Session, portal_id: int, wave_id: int, *, hold: bool = False) -> Wave:
    """A wave that may still be rehearsed."""
    read = wave_queries.locked if hold else wave_queries.wave
    wave = read(session, portal_id, wave_id)
    if wave is None:
        raise WaveError("no_such_wave", str(wave_id))
    if wave.approved_by or wave.stage not in STAGES:
        raise WaveError("wrong_stage", wave.stage)
    return wave


def making(session: Session, wave: Wave) -> Making | None:
    """How far a rehearsal is, from the order on: until a worker takes it up, only its chore tells of it."""
    cursor: Any = wave.plan.get("freeze")
    names = (chore_name(wave.id), f"freeze:{wave.id}")
    failed = bool(overviews.failed_chores(session, wave.portal_id, names))
    waits = any(overviews.open_chore(session, wave.portal_id, name) is not None for name in names)
    if wave.stage not in STAGES or wave.approved_by or not (cursor or failed or waits):
        return None
    waiting, lines = wave_pages.pending(session, wave.portal_id, wave.id)
    if cursor is None and wave.frozen_at is not None:
        row = chores.get(session, wave.portal_id, chore_name(wave.id))
        wanted: Any = row.cursor if row is not None else {}
        if not wanted.get("list") or rehearsals.last_list(session, wave.portal_id, wave.id) > wanted["made"]:
            return Making(0.95, lines, failed, looking=True)
        return Making(0.0, 0, failed)
    judged = bool(cursor) and cursor.get("phase") == "people"
    share = 0.3 + 0.6 * (1 - waiting / lines) if judged and lines else min(0.3, lines / 10_000)
    return Making(share, lines, failed)

"""The state of an installation for people: what is set up, what was read, the survey that is near (product.md P4)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from integration.i18n import language_of
from integration.nps.plans import Plan
from integration.services import policies
from integration.services.deps import Deps
from integration.store import checks, chores, overviews
from integration.store import portals as rows
from integration.store.base import reading

SET_UP_CHORES = ("setup", "first_sync")


@dataclass(frozen=True, slots=True)
class PortalState:
    """The state of an installation for people. Moments are UTC, `wave_days` calendar days of the portal.

    `cards` counts companies, contacts and deals; `stuck` calls and letters that wait for a person;
    `failed` names set-up work that was given up; `wave_days` the planned days of the steps ahead by name;
    `events` and `tabs` how many bindings and tabs of ours the portal held when last looked at.
    """

    portal_id: int
    domain: str
    status: str
    problem: str
    language: str
    time_zone: str
    setup_at: datetime | None
    synced_at: datetime | None
    worker_seen_at: datetime | None
    fields: int
    cards: dict[str, int]
    failed: tuple[str, ...]
    stuck: dict[str, int]
    has_sender: bool
    wave: str = ""
    wave_stage: str = ""
    wave_approved: bool = False
    wave_days: dict[str, date] = field(default_factory=dict)
    invited: int = 0
    answered: int = 0
    events: int = 0
    tabs: int = 0


def state(deps: Deps, portal_id: int) -> PortalState | None:
    """The state of an installation; nothing if there is no such portal."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        if portal is None:
            return None
        policy, _version = policies.load(session, portal_id)
        found = overviews.current_wave(session, portal_id)
        bound = _bound(checks.get(session, portal_id))
        known = PortalState(
            portal_id=portal_id, domain=portal.domain, status=portal.status, problem=portal.problem,
            language=language_of(portal.language), time_zone=portal.time_zone, setup_at=portal.setup_at,
            synced_at=portal.synced_at, worker_seen_at=chores.last_beat(session),
            fields=sum(len(codes) for codes in portal.fields.values() if isinstance(codes, dict)),
            cards=overviews.cards(session, portal_id),
            failed=tuple(overviews.failed_chores(session, portal_id, SET_UP_CHORES)),
            stuck=overviews.stuck(session, portal_id), has_sender=bool(policy.senders),
            events=bound["events"], tabs=bound["tabs"],
        )  # fmt: skip
        return _with_wave(known, found) if found else known


def _bound(look: checks.SetupCheck | None) -> dict[str, int]:
    found = look.found if look is not None else {}
    events, tabs = found.get("events") or {}, found.get("tabs") or {}
    return {
        "events": int(events.get("wanted") or 0) - len(events.get("missing") or ()),
        "tabs": sum(state == "ok" for state in tabs.values()),
    }


def _with_wave(known: PortalState, found: overviews.WaveCounts) -> PortalState:
    wave = found.wave
    try:
        plan = Plan.from_json(wave.plan)
    except (KeyError, ValueError, TypeError):
        days: dict[str, date] = {}
    else:
        days = dict[str, date](plan.stage_days())
    return replace(
        known, wave=wave.name, wave_stage=wave.stage, wave_approved=wave.approved_at is not None, wave_days=days,
        invited=found.invited, answered=found.answered,
    )  # fmt: skip

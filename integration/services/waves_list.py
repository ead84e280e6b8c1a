"""All surveys of a portal, years back, with what came of each; and planning one by hand (product.md W2, E7, T9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from integration.nps.headline import Headline
from integration.nps.rights import Rights
from integration.nps.wave_dates import earliest_start
from integration.nps.workdays import local_day, zone_named
from integration.services import policies, reports, rights, wave_dates
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.report_types import Ahead, WaveView
from integration.services.standing import wave_day
from integration.store import reports as report_rows
from integration.store import wave_queries
from integration.store.base import reading
from integration.store.portals import Portal
from integration.store.reports import Funnel

MOST = 40  # surveys shown: a year has one


@dataclass(frozen=True, slots=True)
class Row:
    """One survey. `day`: the one it stands for among the years; `listed`: clients on its list, of those the viewer
    sees."""

    view: WaveView
    day: date
    headline: Headline
    funnel: Funnel
    listed: int


@dataclass(frozen=True, slots=True)
class WavesPage:
    """All surveys, the youngest first. `ahead`: when the next one is planned by itself; `earliest`: the first day that
    one can be planned for by hand; `read_yet`: the clients have been read, so that there is something to plan."""

    rows: tuple[Row, ...]
    rights: Rights
    ahead: Ahead | None
    earliest: date
    read_yet: bool


def read(deps: Deps, who: Viewer) -> WavesPage:
    """The surveys as far as this viewer sees their clients; raises `LookupError` if the portal is gone."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        portal = session.get(Portal, who.portal_id)
        if portal is None:
            raise LookupError("no such portal")
        policy, _ = policies.load(session, portal.id)
        zone = zone_named(policy.time_zone)
        every = wave_queries.waves_of(session, portal.id)
        found = sorted(every, key=lambda wave: (wave_day(wave, zone), wave.id), reverse=True)[:MOST]
        scope = (
            report_rows.EVERYONE
            if mine.may_run_waves
            else reports.scope_of(session, portal.id, mine, [wave.id for wave in found])
        )
        said = reports.summaries(session, portal, found, scope, now)
        today = local_day(now, zone)
        open_one = any(wave.stage not in wave_queries.DONE_STAGES for wave in every)
        return WavesPage(
            tuple(
                Row(reports.wave_view(wave), wave_day(wave, zone), headline, funnel, listed)
                for wave, (headline, funnel, listed) in zip(found, said, strict=True)
            ),
            mine, None if open_one else reports.ahead(portal, policy, every, now), earliest_start(today, policy),
            portal.synced_at is not None,
        )  # fmt: skip


def plan(deps: Deps, who: Viewer, start: date | None) -> int:
    """Plan a survey that begins on a day; its id. Raises `WaveError` as `wave_dates.plan`, `PermissionError` for who
    may not run surveys."""
    if not rights.read(deps, who).may_run_waves:
        raise PermissionError("plan")
    return wave_dates.plan(deps, who.portal_id, start, rights.recorded_as(deps, who))

"""The audit trail of a wave, page by page and as a whole: who did what and when (product.md W15, W16)."""

from __future__ import annotations

from dataclasses import dataclass

from integration.services import piecewise, reports, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.report_types import WaveView
from integration.store import wave_queries, wave_watch
from integration.store.base import reading
from integration.store.waves import WaveEvent

PAGE = 50
MOST = 20_000  # lines of a file


@dataclass(frozen=True, slots=True)
class TrailPage:
    """A page of the trail, the newest line first. `page` of `pages`, from 1; `clients`: names by `company:12`."""

    wave: WaveView
    lines: tuple[WaveEvent, ...]
    clients: dict[str, str]
    found: int
    page: int
    pages: int


def read(deps: Deps, who: Viewer, wave_id: int, page: int = 1, *, whole: bool = False) -> TrailPage | None:
    """A page of the trail, or all of it; nothing if the portal has no such wave. Raises `PermissionError` for who does
    not run surveys: the trail names clients of all branches."""
    with reading(deps.sessions) as session:
        if not rights.of(session, who.portal_id, who).may_run_waves:
            raise PermissionError("trail")
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        if wave is None:
            return None
        found = wave_watch.trail_length(session, who.portal_id, wave_id)
        page, pages = piecewise.place(found, page, PAGE)
        begin, many = (0, MOST) if whole else ((page - 1) * PAGE, PAGE)
        lines = wave_watch.trail(session, who.portal_id, wave_id, begin, many)
        names = wave_watch.clients_named(session, who.portal_id, wave_id, lines)
        return TrailPage(reports.wave_view(wave), tuple(lines), names, found, page, pages)

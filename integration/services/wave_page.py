"""One wave for people: stage, calendar, rehearsal, list, held answers (product.md W, E7, S1).

Making the list anew may take minutes in a large portal, so it is a chore of the worker; the page shows how far
it is. The rehearsal itself is quick and is done anew whenever the page of an unapproved wave is opened, so
what it says is never old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.rights import Rights
from integration.nps.scoring import group
from integration.services import reports, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.letter_drafts import scene
from integration.services.report_types import WaveView
from integration.services.waves_rehearse import Report as Report
from integration.services.waves_rehearse import report_in
from integration.store import overviews, todo, wave_pages, wave_queries
from integration.store import reports as report_rows
from integration.store.base import reading
from integration.store.reports import Funnel
from integration.store.todo import HeldAnswer
from integration.store.wave_pages import Invited as Invited
from integration.store.waves import Wave, WaveClient, WaveEvent

PAGE = 50
HELD = 20  # held answers shown at once
EVENTS = 12
STANDINGS = (
    "", "asked", "answered", "open", "other", "not_current", "too_new", "asked_recently", "opted_out", "on_hold",
    "no_respondent", "no_channel", "excluded_by_hand",
)  # fmt: skip

Event = WaveEvent  # a line of the audit trail


@dataclass(frozen=True, slots=True)
class Line:
    """A client on the list with its people; `scores` in words need `seen` (product.md P2)."""

    row: WaveClient
    manager: str
    people: tuple[tuple[Invited, str | None], ...]  # with the group of the score
    seen: bool

    @property
    def can_be_excluded(self) -> bool:
        """Whether taking it out changes anything."""
        return self.row.reason == ""


@dataclass(frozen=True, slots=True)
class Making:
    """A list that is being made: share done, 0 … 1; `lines` so far; `failed`: it was given up."""

    share: float
    lines: int
    failed: bool


@dataclass(frozen=True, slots=True)
class WavePage:
    """What the page of a wave shows. `page` of `pages`, from 1; `found`: clients the filter finds."""

    wave: WaveView
    rights: Rights
    may_run: bool
    paused_from: str
    approved_at: datetime | None
    making: Making | None
    report: Report | None
    standing: Mapping[str, int]
    funnel: Funnel
    lines: tuple[Line, ...]
    found: int
    page: int
    pages: int
    filter: str
    held: tuple[HeldAnswer, ...]
    held_count: int
    events: tuple[WaveEvent, ...]
    names: Mapping[int, str]


def read(deps: Deps, who: Viewer, wave_id: int, standing: str = "", page: int = 1) -> WavePage | None:
    """The page of a wave for this viewer; nothing if the portal has no such wave. Raises `LookupError` if the
    portal is gone.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        wave = wave_queries.wave(session, who.portal_id, wave_id)
        if wave is None:
            return None
        may_run = mine.may_run_waves
        scope = (
            report_rows.EVERYONE if may_run else reports.scope_of(session, wave.portal_id, mine, [wave.id])
        )
        making = _making(session, wave)
        chosen = standing if standing in STANDINGS else ""
        total = 0 if making else wave_pages.count(session, wave.portal_id, wave.id, scope, chosen)
        pages = max(1, -(-total // PAGE))
        page = min(max(1, page), pages)
        rows = (
            wave_pages.lines(session, wave.portal_id, wave.id, scope, chosen, (page - 1) * PAGE, PAGE)
            if total
            else []
        )
        names = report_rows.names(session, wave.portal_id, {row.manager_id for row in rows if row.manager_id})
        held = todo.held(session, wave.portal_id, wave.id, HELD) if may_run else []
        counts = report_rows.standings(session, wave.portal_id, [wave.id], scope)[wave.id]
        return WavePage(
            wave=reports.wave_view(wave), rights=mine, may_run=may_run, paused_from=wave.paused_from,
            approved_at=wave.approved_at, making=making,
            report=_report(deps, session, wave, now) if may_run and making is None else None,
            standing=counts,
            funnel=report_rows.funnel(session, wave.portal_id, wave.id, scope, now),
            lines=tuple(_lines(session, wave, rows, names, mine)), found=total, page=page, pages=pages,
            filter=chosen, held=tuple(one for one in held if mine.sees(one.manager_id, one.city)),
            held_count=todo.held_count(session, wave.portal_id).get(wave.id, 0) if may_run else 0,
            events=tuple(wave_pages.last_events(session, wave.portal_id, wave.id, EVENTS)) if may_run else (),
            names=names,
        )  # fmt: skip


def _lines(
    session: Session, wave: Wave, rows: list[WaveClient], names: Mapping[int, str], mine: Rights
) -> list[Line]:
    people: dict[int, list[Invited]] = {}
    for one in wave_pages.people(session, wave.portal_id, [row.id for row in rows if row.reason == ""]):
        people.setdefault(one.line_id, []).append(one)
    return [
        Line(
            row,
            names.get(row.manager_id or 0, ""),
            tuple((one, None if one.score is None else group(one.score)) for one in people.get(row.id, [])),
            mine.sees(row.manager_id, row.city),
        )
        for row in rows
    ]


def _making(session: Session, wave: Wave) -> Making | None:
    """How far the list is, from the order on: until a worker takes it up, only its chore tells of it."""
    cursor: Any = wave.plan.get("freeze")
    failed = bool(overviews.failed_chores(session, wave.portal_id, (_chore(wave.id),)))
    ordered = overviews.open_chore(session, wave.portal_id, _chore(wave.id))
    fresh = ordered is not None and (wave.frozen_at is None or ordered > wave.frozen_at)
    if wave.stage not in ("draft", "rehearsed") or (cursor is None and not failed and not fresh):
        return None
    waiting, lines = wave_pages.pending(session, wave.portal_id, wave.id)
    judged = bool(cursor) and cursor.get("phase") == "people"
    share = 0.3 + 0.7 * (1 - waiting / lines) if judged and lines else min(0.3, lines / 10_000)
    return Making(share, lines, failed)


def _chore(wave_id: int) -> str:
    return f"freeze:{wave_id}"


def _report(deps: Deps, session: Session, wave: Wave, now: datetime) -> Report | None:
    """What a rehearsal finds today, for a wave that has a list and is not approved yet."""
    if wave.approved_by or wave.frozen_at is None or wave.stage not in ("draft", "rehearsed"):
        return None
    return report_in(deps, session, scene(session, wave, now), now)

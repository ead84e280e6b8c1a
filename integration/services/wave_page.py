"""One wave for people: stage, calendar, rehearsal, letters, list, held answers (product.md W, E7, S1).

Making the list and rehearsing may take minutes in a large portal, so that is a chore of the worker (`rehearsals`); the
page shows how far it is, and what the last rehearsal found in numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.nps.plans import Plan
from integration.nps.rights import Rights
from integration.nps.scoring import group
from integration.nps.touches import MACHINE
from integration.nps.wave_dates import movable
from integration.nps.workdays import local_day, zone_named
from integration.services import (
    piecewise,
    policies,
    rehearsals,
    reports,
    rights,
    wave_filter,
    wave_watching,
    waves_checks,
)
from integration.services.calling import yields
from integration.services.calling.yields import Waiting as Waiting
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.rehearsals import Making as Making
from integration.services.report_types import WaveView
from integration.services.wave_filter import STANDINGS as STANDINGS
from integration.services.wave_filter import Choices as Choices
from integration.services.wave_filter import Filter as Filter
from integration.services.wave_watching import Watch as Watch
from integration.services.waves_checks import Summary as Summary
from integration.store import reports as report_rows
from integration.store import todo, wave_pages, wave_queries, wave_watch
from integration.store.base import reading
from integration.store.reports import Funnel, Scope
from integration.store.todo import HeldAnswer
from integration.store.wave_cards import key_of
from integration.store.wave_pages import Invited as Invited
from integration.store.wave_watch import Said
from integration.store.waves import Wave, WaveClient, WaveEvent

PAGE = 50
HELD = 20  # held answers shown at once
EVENTS = 8

Event = WaveEvent  # a line of the audit trail


@dataclass(frozen=True, slots=True)
class Line:
    """A client on the list with its people; `scores` in words need `seen` (product.md P2)."""

    row: WaveClient
    manager: str
    people: tuple[tuple[Invited, str | None], ...]  # with the group of the score
    seen: bool
    hold_until: date | None = None

    @property
    def can_be_excluded(self) -> bool:
        """Whether taking it out changes anything; who has answered stays."""
        return self.row.reason == "" and all(person.outcome != "answered" for person, _ in self.people)

    @property
    def by_person(self) -> bool:
        """Whether a person has taken it out, who may think better of it."""
        return not self.row.reason_detail.startswith(f"{MACHINE}: ")


@dataclass(frozen=True, slots=True)
class WavePage:
    """What the page of a wave shows. `page` of `pages`, from 1; `found`: clients the filter finds."""

    wave: WaveView
    rights: Rights
    may_run: bool
    paused_from: str
    approved_at: datetime | None
    making: Making | None
    rehearsal: Summary | None
    standing: Mapping[str, int]
    funnel: Funnel
    lines: tuple[Line, ...]
    found: int
    page: int
    pages: int
    filter: Filter
    choices: Choices
    watch: Watch
    held: tuple[HeldAnswer, ...]
    held_count: int
    events: tuple[WaveEvent, ...]
    trail: int
    names: Mapping[int, str]
    plan: Plan | None
    movable: tuple[str, ...]
    today: date
    why_closed: str
    said: Said
    calls: Waiting | None


def read(deps: Deps, who: Viewer, wave_id: int, asked: Filter | None = None) -> WavePage | None:
    """The page of a wave for this viewer; nothing if the portal has no such wave. Raises `LookupError` if the
    portal is gone. The number of queries does not depend on how many clients there are.
    """
    now, asked = deps.clock.now(), asked or Filter()
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        if wave is None:
            return None
        may_run = mine.may_run_waves
        scope = scope_for(session, wave, mine)
        making = rehearsals.making(session, wave)
        choices, chosen = wave_filter.read(session, wave, scope, asked, now)
        total = 0 if making else wave_pages.count(session, wave.portal_id, wave.id, scope, chosen)
        page, pages = piecewise.place(total, asked.page, PAGE)
        rows = (
            wave_pages.lines(session, wave.portal_id, wave.id, scope, chosen, (page - 1) * PAGE, PAGE)
            if total
            else []
        )
        names = {user: name for user, name, _ in choices.managers}
        held = todo.held(session, wave.portal_id, wave.id, HELD) if may_run else []
        counts = report_rows.standings(session, wave.portal_id, [wave.id], scope)[wave.id]
        plan = reports.plan_in(wave)
        policy, _ = policies.load(session, wave.portal_id)
        today = local_day(now, zone_named(plan.zone if plan else policy.time_zone))
        return WavePage(
            wave=reports.wave_view(wave), rights=mine, may_run=may_run, paused_from=wave.paused_from,
            approved_at=wave.approved_at, making=making,
            rehearsal=waves_checks.summary(wave, now) if may_run else None,
            standing=counts,
            funnel=report_rows.funnel(session, wave.portal_id, wave.id, scope, now),
            lines=tuple(_lines(session, wave, rows, names, mine)), found=total, page=page, pages=pages,
            filter=asked, choices=choices, watch=wave_watching.read(session, wave, scope, policy, now),
            held=tuple(one for one in held if mine.sees(one.manager_id, one.city)),
            held_count=todo.held_count(session, wave.portal_id).get(wave.id, 0) if may_run else 0,
            events=tuple(wave_watch.trail(session, wave.portal_id, wave.id, 0, EVENTS)) if may_run else (),
            trail=wave_watch.trail_length(session, wave.portal_id, wave.id) if may_run else 0,
            names=names, plan=plan, movable=tuple(movable(plan, today)) if plan else (), today=today,
            why_closed=wave.closed_why,
            said=wave_watch.said(session, wave.portal_id, wave.id) if may_run else wave_watch.NOTHING_SAID,
            calls=yields.waiting(session, wave, scope, policy, now),
        )  # fmt: skip


def scope_for(session: Session, wave: Wave, mine: Rights) -> Scope:
    """Whose clients of a wave the viewer sees: whoever runs it all, directors and managers theirs (product.md P2)."""
    if mine.may_run_waves:
        return report_rows.EVERYONE
    return reports.scope_of(session, wave.portal_id, mine, [wave.id])


def watch(deps: Deps, who: Viewer, wave_id: int) -> Watch | None:
    """How far the letters of a wave are, for the part of the page that brings itself up to date; nothing if the
    portal has no such wave."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        if wave is None:
            return None
        policy, _ = policies.load(session, wave.portal_id)
        return wave_watching.read(session, wave, scope_for(session, wave, mine), policy, now)


def _lines(
    session: Session, wave: Wave, rows: list[WaveClient], names: Mapping[int, str], mine: Rights
) -> list[Line]:
    people: dict[int, list[Invited]] = {}
    holds = wave_pages.holds(session, wave.portal_id, {key_of(row) for row in rows})
    for one in wave_pages.people(session, wave.portal_id, [row.id for row in rows if row.reason == ""]):
        people.setdefault(one.line_id, []).append(one)
    return [
        Line(
            row,
            names.get(row.manager_id or 0, ""),
            tuple((one, None if one.score is None else group(one.score)) for one in people.get(row.id, [])),
            mine.sees(row.manager_id, row.city),
            holds.get(key_of(row)),
        )
        for row in rows
    ]

"""Read models of the main page: the index with what it rests on, the wave under way, the years (product.md N, P1).

Nothing here writes, and the number of queries and of rows read does not depend on how many clients there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.accounts import score_by, weights_of
from integration.nps.headline import Headline, Moved, moved
from integration.nps.plans import Plan, wave_start
from integration.nps.plans import plan as plan_of
from integration.nps.policy import Policy
from integration.nps.rights import Rights, city_key
from integration.nps.statistics import Interval
from integration.nps.workdays import local_day, zone_named
from integration.services import policies
from integration.services.letter_drafts import calendar_for
from integration.services.report_types import OVER, Ahead, Coverage, Figures, Overview, Point, WaveView
from integration.store import reports as rows
from integration.store.portals import Portal
from integration.store.reports import AccountGroup, Funnel, Scope
from integration.store.waves import Wave

YEARS = 6  # waves shown over the years
NOBODY = Funnel(0, 0, 0, {})
IMPORT = "import"  # origin of waves that hold only those who answered


@dataclass(slots=True)
class _Reader:
    """What one overview reads: whose clients, by which rules, and what was read already."""

    session: Session
    portal: Portal
    policy: Policy
    scope: Scope
    now: datetime
    standings: dict[int, dict[str, int]] = field(default_factory=dict)
    rules: dict[int, Policy] = field(default_factory=dict)

    def rule(self, wave: Wave) -> Policy:
        """The rules a wave was frozen with."""
        if wave.policy_version not in self.rules:
            version = wave.policy_version
            found = policies.load_version(self.session, self.portal.id, version) if version else self.policy
            self.rules[version] = found
        return self.rules[wave.policy_version]

    def standing(self, wave: Wave) -> dict[str, int]:
        """Clients of a list by reason."""
        if wave.id not in self.standings:
            self.standings |= rows.standings(self.session, self.portal.id, [wave.id], self.scope)
        return self.standings[wave.id]

    def accounts(self, wave: Wave, before: Wave | None = None) -> list[AccountGroup]:
        rule = self.rule(wave)
        return rows.accounts(
            self.session, self.portal.id, wave.id, self.scope, weights_of(rule.account_rule, rule.role_weights),
            before.id if before else None,
        )  # fmt: skip

    def headline(self, wave: Wave, groups: Sequence[AccountGroup]) -> Headline:
        """Of those on the list, and of those taken off it whose answers count all the same."""
        scores = ((_score(self.rule(wave), one), one.clients) for one in groups)
        base = self.standing(wave).get("", 0) + sum(one.off_list for one in groups)
        return Headline.of(scores, base, self.policy.min_group, _asked_known(wave))

    def known(self, wave: Wave) -> Headline:
        """The headline of an earlier wave: as it was closed where everybody's counts, else from its answers."""
        kept = _kept(wave) if self.scope.everyone else None
        if kept is None:
            return self.headline(wave, self.accounts(wave))
        return _written(wave, kept, self.policy.min_group)


def overview(session: Session, portal: Portal, rights: Rights, now: datetime) -> Overview:
    """The waves of a portal as far as these rights go."""
    found = rows.waves(session, portal.id)
    current = current_of(found)
    recent = [wave for wave in found if wave.stage not in ("draft", "rehearsed")][:YEARS]
    shown = [*recent, *([current] if current and current not in recent else [])]
    policy, _ = policies.load(session, portal.id)
    scope = scope_of(session, portal.id, rights, [wave.id for wave in shown])
    reader = _Reader(session, portal, policy, scope, now)
    funnel = _funnel(reader, current) if current else NOBODY
    figures, history = _history(reader, recent, current, funnel)
    return Overview(
        wave=wave_view(current) if current else None,
        standing=reader.standing(current) if current else {},
        funnel=funnel,
        figures=figures,
        history=tuple(history),
        ahead=None if current and current.stage not in OVER else ahead(portal, policy, found, now),
        scope=scope,
    )


def current_of(found: Sequence[Wave]) -> Wave | None:
    """Of waves, the latest planned first: the one under way, else the one that comes next, else the last one."""
    under_way = (wave for wave in found if wave.stage not in (*OVER, "draft", "rehearsed"))
    coming = (wave for wave in found if wave.stage not in OVER)
    return next(under_way, None) or next(coming, None) or next(iter(found), None)


def scope_of(session: Session, portal_id: int, rights: Rights, wave_ids: Sequence[int]) -> Scope:
    """Whose clients on these lists the viewer sees; people write a city in several ways."""
    if rights.sees_all:
        return rows.EVERYONE
    known = rows.cities(session, portal_id, wave_ids) if rights.cities else set()
    return Scope(
        people=rights.people, cities=frozenset(city for city in known if city_key(city) in rights.cities)
    )


def wave_view(wave: Wave) -> WaveView:
    """A wave as people see it."""
    plan = plan_in(wave)
    return WaveView(
        id=wave.id, name=wave.name, stage=wave.stage, imported=wave.origin == IMPORT,
        approved_by=wave.approved_by, listed=wave.frozen_at is not None,
        days=tuple(_days(plan)) if plan else (), frozen_on=plan.frozen_on if plan else None,
        frozen=wave.result_frozen_at is not None or wave.origin == IMPORT,
    )  # fmt: skip


def plan_in(wave: Wave) -> Plan | None:
    """The plan of a wave; imported waves have none."""
    try:
        return Plan.from_json(wave.plan)
    except (KeyError, ValueError, TypeError):
        return None


def _days(plan: Plan) -> Iterator[tuple[str, Any]]:
    for name, day in plan.stage_days():
        if name == "reminders":
            yield from (("reminders", reminder) for reminder in plan.reminders)
        else:
            yield name, day
    yield "frozen", plan.frozen_on


def ahead(portal: Portal, policy: Policy, found: Sequence[Wave], now: datetime) -> Ahead | None:
    """When the next wave will be planned by itself (product.md W2); None if it never will."""
    today = local_day(now, zone_named(policy.time_zone))
    starts = [plan.start.year for wave in found if (plan := plan_in(wave))]
    for year in (today.year, today.year + 1):
        start = wave_start(year, policy)
        if start is None or year <= max(starts, default=0):
            continue
        if today + timedelta(days=policy.announce_days) <= start:
            plan = plan_of(start, policy, calendar_for(portal, policy, now).letters)
            return Ahead(plan.drafted, plan.announce, plan.start)
    return None


def _history(
    reader: _Reader, recent: Sequence[Wave], current: Wave | None, funnel: Funnel
) -> tuple[Figures | None, list[Point]]:
    """The numbers of the newest wave with answers, and every wave with answers, oldest first.

    Earlier waves are read first, so that the newest and its comparison come in one pass over the answers.
    """
    heads = {wave.id: reader.known(wave) for wave in recent[1:]}
    figures = None
    for place, wave in enumerate(recent):
        before = next((older for older in recent[place + 1 :] if heads[older.id].n), None)
        if wave.id in heads and not heads[wave.id].n:
            continue
        groups = reader.accounts(wave, before)
        heads[wave.id] = reader.headline(wave, groups)
        if heads[wave.id].n:
            people = funnel if wave is current else _funnel(reader, wave)
            figures = _figures(reader, wave, heads[wave.id], groups, people)
            if before is not None:
                figures = _compared(reader, figures, wave, before, heads[before.id], groups)
            break
    points = [_point(wave, heads[wave.id]) for wave in reversed(recent) if heads[wave.id].n]
    return figures, points


def _funnel(reader: _Reader, wave: Wave) -> Funnel:
    return rows.funnel(reader.session, reader.portal.id, wave.id, reader.scope, reader.now)


def _figures(
    reader: _Reader, wave: Wave, headline: Headline, groups: Sequence[AccountGroup], people: Funnel
) -> Figures:
    standing = reader.standing(wave)
    return Figures(
        wave=wave_view(wave),
        headline=headline,
        coverage=Coverage(
            listed=sum(standing.values()),
            asked=headline.base,
            answered=headline.n,
            excluded=standing.get("excluded_by_hand", 0),
            off_list=sum(one.off_list for one in groups),
            people=people.people,
            people_answered=people.outcomes.get("answered", 0),
            revenue_share=_revenue_share(reader, wave, groups) if headline.known else None,
            known=headline.known,
        ),
        final=_final(wave) if reader.scope.everyone else None,
    )


def _revenue_share(reader: _Reader, wave: Wave, groups: Sequence[AccountGroup]) -> float | None:
    """Of the revenue of those asked; a share of a few known revenues would say nothing about the clients."""
    total, known, asked = rows.revenue(reader.session, reader.portal.id, wave.id, reader.scope)
    if total <= 0 or 2 * known < asked:
        return None
    return float(sum(one.revenue for one in groups) / total)


def _compared(
    reader: _Reader,
    figures: Figures,
    wave: Wave,
    before: Wave,
    then: Headline,
    groups: Sequence[AccountGroup],
) -> Figures:
    """The figures with the change since the wave before (product.md N4), both by the later wave's rule."""
    rule = reader.rule(wave)
    pairs = [(_score(rule, one.then), _score(rule, one), one.clients) for one in groups if one.then]
    change: Moved | None = moved(then, figures.headline, pairs)
    since = before.name if change else ""
    return Figures(figures.wave, figures.headline, figures.coverage, figures.final, change, since)


def _score(rule: Policy, one: AccountGroup) -> int:
    return score_by(rule.account_rule, one.decider, one.worst, one.weight, one.weighted)


def _kept(wave: Wave) -> dict[str, Any] | None:
    """The numbers by client that were written down when the wave was closed."""
    kept = wave.result.get("clients") if wave.stage == "closed" else None
    return kept if isinstance(kept, dict) and {"detractors", "passives", "promoters"} <= kept.keys() else None


def _asked_known(wave: Wave) -> bool:
    """Imported waves hold only those who answered: nobody knows who was asked."""
    return wave.origin != IMPORT


def _written(wave: Wave, kept: dict[str, Any], least: int) -> Headline:
    scores = ((0, kept["detractors"]), (7, kept["passives"]), (10, kept["promoters"]))
    return Headline.of(scores, kept.get("base", 0), least, _asked_known(wave))


def _final(wave: Wave) -> tuple[float, Interval, Interval | None] | None:
    """The index as it was frozen (product.md W14); of an import only the counts were, not who was asked."""
    kept = _kept(wave) if wave.result_frozen_at else None
    if kept is None or kept.get("nps") is None or not {"interval", "limits"} <= kept.keys():
        return None
    if not _asked_known(wave):
        interval = _written(wave, kept, 0).interval
        return (float(kept["nps"]), interval, None) if interval else None
    return float(kept["nps"]), Interval(*kept["interval"]), Interval(*kept["limits"])


def _point(wave: Wave, head: Headline) -> Point:
    return Point(wave.name, wave.origin == IMPORT, head.nps, head.interval, head.n, head.base)


def summaries(
    session: Session, portal: Portal, found: Sequence[Wave], scope: Scope, now: datetime
) -> list[tuple[Headline, Funnel, int]]:
    """For each of some waves its headline, how far its people are, and how many clients its list has."""
    policy, _ = policies.load(session, portal.id)
    reader = _Reader(session, portal, policy, scope, now)
    reader.standings |= rows.standings(session, portal.id, [wave.id for wave in found], scope)
    return [
        (reader.known(wave), _funnel(reader, wave), sum(reader.standing(wave).values())) for wave in found
    ]

"""The numbers about recommendations, and the deals behind each amount (product.md R6, N8).

Everything is of the clients the viewer may see (product.md P2); deals that are nobody's only whoever sees all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.nps import referral_numbers as rules
from integration.nps.people import CardKey
from integration.nps.policy import Policy
from integration.nps.referral_cells import Cell, Window
from integration.nps.referral_numbers import Growth, Ledger, Period, Promised, Side
from integration.nps.referral_tree import NOTHING, Edge, Money, arrange
from integration.nps.rights import Rights
from integration.nps.scoring import group
from integration.nps.workdays import local_day, zone_named
from integration.services.referral_buyers import read_buyers
from integration.services.referral_money import Till
from integration.store import referral_lists, referral_said
from integration.store import referral_tree as tree_rows
from integration.store.portals import Portal
from integration.store.referral_tree import DEEPEST

YEARS = 6  # shown beside each other
TOP = 10


@dataclass(frozen=True, slots=True)
class Top:
    """Somebody through whom clients came: how many directly and in all, and what those bought since they came;
    `won`: how many of the direct ones have bought."""

    client: CardKey
    direct: int
    downstream: int
    won: int
    direct_money: Money
    money: Money


@dataclass(frozen=True, slots=True)
class Numbers:
    """All numbers of one year; money in `currency`.

    `years`: the newest first; `branches`: of `year`; `value`: those who came by recommendation and the others, as of
    the year's last day; `growth`: of the twelve months up to that day; `top`: the first of `tops`. `later`,
    `missing`: deals ever won whose rate is of another day, or not known at all; `rates_since`: the first day rates
    are known of.
    """

    currency: str
    year: int
    years: tuple[Period, ...]
    branches: tuple[Period, ...]
    value: tuple[Side, Side]
    growth: Growth
    promised: Promised
    top: tuple[Top, ...]
    later: int
    missing: int
    rates_since: date | None


def read(
    session: Session,
    portal: Portal,
    policy: Policy,
    rights: Rights,
    now: datetime,
    *,
    year: int | None = None,
) -> Numbers:
    """The numbers of a year, without one of the running year, `now` UTC.

    Raises `ValueError` for a year that has not begun or lies before 1990.
    """
    till = Till.of(session, portal, now)
    year = till.today.year if year is None else year
    if not 1990 <= year <= till.today.year:
        raise ValueError(f"no year to show: {year}")
    shown = [Window.of_year(one, till.today) for one in range(till.today.year, till.today.year - YEARS, -1)]
    chosen = Window.of_year(year, till.today)
    window = Window.year_to(chosen.until)
    edges = set[date]().union(*(one.edges for one in (*shown, chosen, window, window.before)))
    ledger = read_buyers(till, policy, rights, edges)
    every = ledger.sum(Cell(Window(None, till.today)))
    said = [(group(one.score), one.brought > 0) for one in _said(session, portal, policy, rights)]
    return Numbers(
        currency=portal.currency,
        year=year,
        years=tuple(rules.years(shown, ledger)),
        branches=tuple(rules.branches(ledger, chosen)),
        value=(rules.side(ledger, True, chosen.until), rules.side(ledger, False, chosen.until)),
        growth=rules.growth(ledger, chosen.until),
        promised=rules.promised(said, policy.min_group),
        top=tuple(_tops(till, ledger, rights, tree_rows.edges(session, portal.id))[:TOP]),
        later=every.later,
        missing=every.missing,
        rates_since=till.rates.since,
    )


def tops(
    session: Session, portal: Portal, policy: Policy, rights: Rights, now: datetime, *,
    offset: int = 0, limit: int = 50,
) -> list[Top]:  # fmt: skip
    """Those through whom clients came, the most direct ones first; only referrers the viewer may see."""
    till = Till.of(session, portal, now)
    ledger = read_buyers(till, policy, rights, (), since=False)
    found = _tops(till, ledger, rights, tree_rows.edges(session, portal.id))
    return found[offset : offset + limit]


def _tops(till: Till, ledger: Ledger, rights: Rights, edges: Sequence[Edge[CardKey]]) -> list[Top]:
    life = Window(None, till.today)
    spent = {one.key: ledger.spent(one, life) for one in ledger.buyers}
    newcomers = [edge.newcomer for edge in edges]
    own = [spent.get(key, NOTHING) for key in newcomers]
    mine: dict[CardKey, list[int]] = {}
    for at, edge in enumerate(edges):
        mine.setdefault(edge.referrer, []).append(at)
    came = set(newcomers)
    roots = [key for key in mine if key not in came]
    grown = arrange(newcomers, [edge.referrer for edge in edges], roots, own, DEEPEST)
    found = []
    for key in _seen(till, rights, mine):
        direct = [at for at in mine[key] if grown.depth[at]]
        first = Money.sum(own[at] for at in direct)
        further = Money.sum(grown.money[at] for at in direct)
        found.append(
            Top(
                key, len(direct), sum(grown.below[at] + 1 for at in direct),
                sum(own[at].deals > 0 for at in direct), first, first + further,
            )
        )  # fmt: skip
    return sorted(found, key=lambda top: (-top.direct, -top.money.amount, -top.downstream, top.client))


def _seen(till: Till, rights: Rights, keys: Collection[CardKey]) -> list[CardKey]:
    """Those of these clients the viewer may see."""
    if rights.sees_all:
        return sorted(keys)
    sides = referral_lists.sides(till.session, till.portal.id, keys)
    return sorted(key for key in keys if rights.sees(sides[key].manager_id, sides[key].city))


# --- what clients said, and what they did


@dataclass(frozen=True, slots=True)
class Said:
    """What a client said last, on which day, and how many it has brought."""

    client: CardKey
    score: int
    day: date
    brought: int


def promoters_silent(
    session: Session, portal: Portal, policy: Policy, rights: Rights, *, offset: int = 0, limit: int = 50
) -> list[Said]:
    """Promoters who have recommended nobody: whom to ask, the latest answer first (product.md R6)."""
    many = [one for one in _said(session, portal, policy, rights) if one.score >= 9 and not one.brought]
    return sorted(many, key=lambda one: (-one.day.toordinal(), one.client))[offset : offset + limit]


def others_recommending(
    session: Session, portal: Portal, policy: Policy, rights: Rights, *, offset: int = 0, limit: int = 50
) -> list[Said]:
    """Clients who recommended though they said 0 to 8: whom to thank, the most brought first (product.md R6)."""
    many = [one for one in _said(session, portal, policy, rights) if one.score < 9 and one.brought]
    return sorted(many, key=lambda one: (-one.brought, -one.day.toordinal(), one.client))[
        offset : offset + limit
    ]


def _said(session: Session, portal: Portal, policy: Policy, rights: Rights) -> list[Said]:
    scores = referral_said.last_scores(session, portal.id, policy.account_rule, policy.role_weights)
    zone = zone_named(portal.time_zone)
    brought = Counter(edge.referrer for edge in tree_rows.edges(session, portal.id))
    sides = (
        {} if rights.sees_all else referral_lists.sides(session, portal.id, [one.client for one in scores])
    )
    return [
        Said(one.client, one.score, local_day(one.at, zone), brought[one.client])
        for one in scores
        if rights.sees_all or rights.sees(sides[one.client].manager_id, sides[one.client].city)
    ]

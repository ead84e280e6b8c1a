"""The tree of who brought whom beside the plain recursive SQL, on both databases (product.md R6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import JSON, Date, Numeric, text
from sqlalchemy.orm import Session

from benchmarks import databases, machine, referrals_rows
from benchmarks.databases import Database
from benchmarks.referrals_rows import DEEP, NOW
from benchmarks.report import Section, Table, Target, number
from integration.nps.people import ClientKey
from integration.services import referral_tree
from integration.store.base import make_engine, make_sessions, reading
from integration.store.portals import Portal

NAME = "referrals"
SLOWER = 2.0
PAGE = 500  # referrals of the whole tree on a page
ALL = f"all, the first {PAGE} with the sums of all"
_TOMORROW = "2026-11-10 21:00:00"  # when the portal's next day begins, UTC
_FIELDS = (
    "r.id, r.newcomer_kind, r.newcomer_id, r.referrer_kind, r.referrer_id, r.source, r.step, r.steps, r.reward, \
r.claimed_on, r.lost_on"
)
#: Written by hand for this very question: each referral with its depth, what is known of it, and what the newcomer won.
PLAIN = f"""
WITH RECURSIVE walk AS (
  SELECT {_FIELDS}, 1 AS depth FROM referrals r WHERE r.portal_id = 1 AND r.problem = '' AND {{start}}
  UNION ALL
  SELECT {_FIELDS}, w.depth + 1 FROM walk w
  JOIN referrals r ON r.portal_id = 1 AND r.referrer_kind = w.newcomer_kind AND r.referrer_id = w.newcomer_id
  WHERE r.problem = ''
)
SELECT w.*, m.amount, m.deals FROM walk w LEFT JOIN (
  SELECT client_kind, client_id, sum(amount) AS amount, count(*) AS deals FROM deals
  WHERE portal_id = 1 AND semantics = 'S' AND deleted_at IS NULL AND NOT recurring AND won_at < '{_TOMORROW}'
    {{clients}}
  GROUP BY client_kind, client_id
) m ON m.client_kind = w.newcomer_kind AND m.client_id = w.newcomer_id
ORDER BY w.depth, w.id
"""  # noqa: S608  (nothing of anybody's)
_OF_ONE = "r.referrer_kind = 'company' AND r.referrer_id = :root"
_CLIENTS = "AND (client_kind, client_id) IN (SELECT newcomer_kind, newcomer_id FROM walk)"
_OF_ALL = (
    "r.referrer_id > 0 AND NOT EXISTS (SELECT 1 FROM referrals u WHERE u.portal_id = 1 AND u.problem = ''"
    " AND u.referrer_id > 0 AND u.newcomer_kind = r.referrer_kind AND u.newcomer_id = r.referrer_id)"
)


@dataclass(frozen=True)
class Seen:
    """Seconds of one question, medians; how many referrals it brought."""

    ours: float
    plain: float
    rows: int


def main(quick: bool) -> Section:
    """Run it; ``quick``: a tenth of the referrals, few rounds."""
    size, rounds = (3_000, 5) if quick else (30_000, 25)
    figures: dict[str, dict[str, Seen]] = {}
    with databases.both() as two:
        for database in two:
            figures[database.kind] = _measure(database, size, rounds)
        version = two[1].version
    return _section(figures, size, rounds, version)


def _measure(database: Database, size: int, rounds: int) -> dict[str, Seen]:
    chain, bushy = referrals_rows.fill(database, size)
    engine = make_engine(database.url)
    found: dict[str, Seen] = {}
    with reading(make_sessions(engine)) as session:
        portal = session.get_one(Portal, 1)
        for name, root in (
            (f"one client, a chain {DEEP} deep", chain),
            ("one client, a bushy tree", bushy),
            (ALL, 0),
        ):
            roots = [ClientKey("company", root)] if root else None
            found[name] = _beside(
                lambda roots=roots: referral_tree.of(session, portal, roots, NOW, limit=PAGE),  # type: ignore[misc]
                lambda root=root: _plain(session, root),  # type: ignore[misc]
                *((rounds, 10) if root else (max(3, rounds // 3), 1)),
            )
    engine.dispose()
    return found


def _plain(session: Session, root: int) -> list[Any]:
    statement = PLAIN.format(start=_OF_ONE if root else _OF_ALL, clients=_CLIENTS if root else "")
    typed = text(statement).columns(steps=JSON, claimed_on=Date, lost_on=Date, amount=Numeric(18, 2))
    return list(session.execute(typed, {"root": root} if root else {}).all())


def _beside(ours: Callable[[], Any], plain: Callable[[], list[Any]], rounds: int, times_each: int) -> Seen:
    """By turns, `times_each` at a time, after one of each that is not timed.

    Both must bring the same referrals, amounts and depths.
    """
    tree, rows = ours(), plain()
    theirs = {row.id: (row.depth, int(row.amount or 0), row.deals or 0) for row in rows}
    told = {node.id: (node.depth, int(node.money.amount), node.money.deals) for node in tree.nodes}
    same = all(theirs[number] == one for number, one in told.items())
    money = sum(amount for _, amount, _ in theirs.values())
    if not same or (tree.downstream, int(tree.money.amount)) != (len(rows), money):
        raise AssertionError("both ways must find the same")
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for way, kept in zip((ours, plain), times, strict=True):
            began = time.perf_counter()
            for _ in range(times_each):
                way()
            kept.append((time.perf_counter() - began) / times_each)
    return Seen(median(times[0]), median(times[1]), len(rows))


def _section(figures: dict[str, dict[str, Seen]], size: int, rounds: int, version: str) -> Section:
    section = Section(
        NAME,
        f"Referrals: the tree among {number(size)}",
        f"Half of the referrals stand in chains {DEEP} deep, half in trees of 150; every client has won two deals. "
        "Beside it one recursive statement written by hand for the question: each referral with its depth, what is "
        "known of it, and what the newcomer has won, all rows fetched with their types. Molva's answer holds the same "
        "and, besides, the order of the tree, the sums of each branch, and bounds that no circle gets past; of the "
        "whole tree it is the page that people see, with the sums over all of it.",
        machine=machine.describe(version),
    )  # fmt: skip
    rows = [
        [
            kind,
            name,
            number(one.rows),
            *(f"{1000 * t:.1f}" for t in (one.ours, one.plain)),
            f"{one.ours / one.plain:.2f}",
        ]
        for kind, many in figures.items()
        for name, one in many.items()
    ]
    head = ["database", "question", "referrals", "Molva ms", "plain SQL ms", "ratio"]
    section.tables.append(
        Table(
            f"Medians of {rounds} rounds by turns of ten questions each (all: a third, one each):",
            head,
            rows,
        )
    )
    for kind, many in figures.items():
        worst = max(many, key=lambda name: many[name].ours / many[name].plain)
        ratio = many[worst].ours / many[worst].plain
        section.targets.append(
            Target(
                f"time of a tree, {kind}", f"≤ {SLOWER:.0f} ×", f"{ratio:.2f} × ({worst})", ratio <= SLOWER
            )
        )
    return section

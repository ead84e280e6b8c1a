"""Freezing a wave's list over a million deals beside one SQL statement with the same result (product.md E3 to E7)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import databases, freezing_rows, machine
from benchmarks.databases import Database
from benchmarks.report import Section, Table, Target, number

NAME = "freezing"
MEMORY = 400  # MB


@dataclass(frozen=True)
class Figures:
    """One database: medians of seconds, highest memory in MB, and whether both sides say the same."""

    kind: str
    seconds: dict[str, float]
    peak: dict[str, float]
    reasons: Counter[str]
    requests: int
    different: tuple[str, ...]


def main(quick: bool) -> Section:
    """Run it; ``quick``: a twentieth."""
    clients, deals, rounds = (1_000, 50_000, 1) if quick else (10_000, 1_000_000, 3)
    with databases.both() as two:
        figures = []
        for database in two:
            freezing_rows.fill(database, clients, deals)
            figures.append(_measure(database, rounds))
        version = two[1].version
    return _section(figures, clients, deals, rounds, version)


def _measure(database: Database, rounds: int) -> Figures:
    runs: dict[str, list[dict[str, Any]]] = {"molva": [], "sql": []}
    for _ in range(rounds):
        for side, some in runs.items():
            some.append(_run(side, database))
    lists = {side: _path(database, side).read_text(encoding="utf-8").splitlines() for side in runs}
    return Figures(
        database.kind,
        {side: median(run["seconds"] for run in some) for side, some in runs.items()},
        {side: max(run["peak"] for run in some) for side, some in runs.items()},
        Counter(line.split("\t")[2] or "asked" for line in lists["molva"]),
        runs["molva"][0]["requests"],
        tuple(sorted(set(lists["molva"]) ^ set(lists["sql"]))[:6]),
    )


def _path(database: Database, side: str) -> Path:
    return database.folder / f"{side}.txt"


def _run(side: str, database: Database) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "benchmarks.freezing_run", side, database.kind, database.url, str(_path(database, side)),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=1800)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _section(figures: list[Figures], clients: int, deals: int, rounds: int, version: str) -> Section:
    section = Section(
        NAME,
        f"Freezing a wave: {number(clients)} clients, {number(deals)} deals",
        "The whole freeze: every client judged by its deals, respondents judged by their cards, opt-outs, holds and "
        "last year's wave, list and invitations written in short transactions that survive a crash. E-mails come "
        "from a portal in memory, so the network is left out. Beside it one INSERT … SELECT written by hand for "
        "this very set of rules, which finds e-mails in a table of its own and writes only the list. Both lists "
        "are compared line by line: client, reason, since when, through which deal, manager, yearly revenue. "
        "Memory is that of the process, started for one freeze; PostgreSQL's server is not in it.",
        machine=machine.describe(version),
    )
    rows = [
        (
            f.kind, number(f.seconds["molva"], 1), number(f.seconds["sql"], 1),
            number(f.seconds["molva"] / f.seconds["sql"], 1), number(f.peak["molva"]), number(f.peak["sql"]),
            str(f.requests),
        )
        for f in figures
    ]  # fmt: skip
    head = (
        "database", "Molva, s", "one statement, s", "ratio", "Molva, peak MB", "one statement, peak MB",
        "portal requests for e-mails",
    )  # fmt: skip
    reasons = sorted(figures[0].reasons.items(), key=lambda item: -item[1])
    section.tables = [
        Table(f"Medians of {rounds} runs by turns, highest memory of all:", head, rows),
        Table("The list:", [name for name, _ in reasons], [[number(count) for _, count in reasons]]),
    ]
    section.targets = []
    for f in figures:
        same = not f.different
        section.targets += [
            Target(
                f"memory, {f.kind}", f"< {MEMORY} MB", f"{f.peak['molva']:.0f} MB", f.peak["molva"] < MEMORY
            ),
            Target(f"the same list, {f.kind}", "equal", "equal" if same else " / ".join(f.different), same),
        ]
    return section

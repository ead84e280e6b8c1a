"""Advancing a wave of many thousand people beside plain SQL that writes the same rows (product.md W1, W11, W14)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import advancing_rows, databases, machine
from benchmarks.advancing_rows import STEPS
from benchmarks.databases import Database
from benchmarks.report import Section, Table, Target, number
from integration.services.waves_advance import CHUNK

NAME = "advancing"
MOST_STATEMENTS = 0.05  # one for twenty people and step
MOST_TIMES = 12.0
MOST_MEMORY = 300  # MB
SIDES = ("molva", "sql")
LOOKS = {"closing": 2}  # how often everybody is looked at in a step, if not once


@dataclass(frozen=True)
class Figures:
    """One database: by side and step the median of seconds, statements, letters; and the highest memory in MB."""

    kind: str
    seconds: dict[str, dict[str, float]]
    statements: dict[str, dict[str, int]]
    letters: dict[str, int]
    peak: dict[str, float]
    open: int

    def total(self, side: str) -> float:
        """All steps."""
        return sum(self.seconds[side].values())


def main(quick: bool) -> Section:
    """Run it; ``quick``: a tenth, once."""
    people, rounds = (2_000, 1) if quick else (20_000, 3)
    figures = []
    with databases.postgres() as server:
        version = server.version
    for kind in ("SQLite", "PostgreSQL"):
        figures.append(_measure(kind, people, rounds))
    return _section(figures, people, rounds, version)


def _measure(kind: str, people: int, rounds: int) -> Figures:
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        bodies = ""
        for side in SIDES:
            opened = databases.sqlite if kind == "SQLite" else databases.postgres
            with opened() as database:
                advancing_rows.fill(database, people)
                path = database.folder / "bodies.json"
                if bodies:
                    path.write_text(bodies, encoding="utf-8")
                runs[side].append(_run(side, database, people, str(path)))
                bodies = path.read_text(encoding="utf-8")
    steps = [step for step, _ in STEPS]
    first = {side: some[0]["steps"] for side, some in runs.items()}
    return Figures(
        kind,
        {
            side: {s: median(run["steps"][s]["seconds"] for run in runs[side]) for s in steps}
            for side in SIDES
        },
        {side: {s: first[side][s]["statements"] for s in steps} for side in SIDES},
        {s: first["molva"][s]["letters"] for s in steps},
        {side: max(run["peak"] for run in some) for side, some in runs.items()},
        max(run["open"] for run in runs["molva"]),
    )


def _run(side: str, database: Database, people: int, path: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.advancing_run", side, database.url, str(people), path]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=1800)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _section(figures: list[Figures], people: int, rounds: int, version: str) -> Section:
    section = Section(
        NAME,
        f"Advancing a wave: {number(people)} people",
        "All are due at once for each step: announcement, invitation with the personal link for the card, two "
        "reminders to the silent, the end. Molva looks at each person anew (answer, opt-out, hold, dead address, "
        "trouble, deleted and merged cards, gap, allowed hours, who may sign), writes the finished letter in two "
        f"forms, and commits {CHUNK} people at a time, so that a crash loses nothing; at the end each is looked at "
        "twice, for the outcome and for the link in the card. Beside it a script that knows who gets what and inserts "
        "the same rows, a thousand to a statement, with texts made by filling in names and links. A statement with "
        "the rows of many people counts as one.",
        machine=machine.describe(version),
    )
    rows = []
    for f in figures:
        for step, _ in STEPS:
            statements = f.statements["molva"][step]
            rows.append(
                (
                    f.kind, step, number(f.letters[step]), number(f.seconds["molva"][step], 1),
                    number(f.seconds["sql"][step], 1), number(statements), f"{statements / people:.3f}",
                )
            )  # fmt: skip
        ratio = f.total("molva") / f.total("sql")
        rows.append(
            (f.kind, f"all: {ratio:.1f} ×", number(sum(f.letters.values())), number(f.total("molva"), 1),
             number(f.total("sql"), 1), number(sum(f.statements["molva"].values())), "")
        )  # fmt: skip
    head = ("database", "step", "letters", "Molva, s", "plain SQL, s", "Molva's statements", "a person")
    memory = [(f.kind, number(f.peak["molva"]), number(f.peak["sql"])) for f in figures]
    section.tables = [
        Table(f"Medians of {rounds} runs by turns:", head, rows),
        Table("Highest memory, MB:", ("database", "Molva", "plain SQL"), memory),
    ]
    section.targets = [target for f in figures for target in _targets(f, people)]
    return section


def _targets(f: Figures, people: int) -> list[Target]:
    worst = max(count / LOOKS.get(step, 1) for step, count in f.statements["molva"].items()) / people
    ratio, done = f.total("molva") / f.total("sql"), f.open == 0 and sum(f.letters.values()) == 4 * people
    return [
        Target(
            f"statements a person and look, {f.kind}", "≤ 1 in 20", f"1 in {1 / worst:.1f}", worst <= MOST_STATEMENTS
        ),
        Target(f"time beside plain SQL, {f.kind}", f"≤ {MOST_TIMES:.0f} ×", f"{ratio:.1f} ×", ratio <= MOST_TIMES),
        Target(f"memory, {f.kind}", f"< {MOST_MEMORY} MB", f"{f.peak['molva']:.0f} MB", f.peak["molva"] < MOST_MEMORY),
        Target(f"four letters and an end for everybody, {f.kind}", "all", "all" if done else "not all", done),
    ]  # fmt: skip

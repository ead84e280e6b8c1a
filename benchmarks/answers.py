"""Answer pages: their weight, and requests a second beside a bare Flask form (product.md S1, S2)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import requests
from sqlalchemy import func, select

from benchmarks import answers_rows, databases, machine
from benchmarks.advancing_rows import token
from benchmarks.answers_load import AGENT
from benchmarks.databases import Database
from benchmarks.intake import _server
from benchmarks.intake_load import CONNECTIONS
from benchmarks.intake_server import WORKERS
from benchmarks.report import Section, Table, Target, number
from integration.store.base import make_engine, make_sessions, reading
from integration.store.responses import Response

NAME = "answers"
# Half of a bare form was hoped for and missed. A page also reads survey, client, team and the texts of a language; an
# answer proves a person, locks, applies the rules and writes a letter in two forms.
LEAST = {"get": 0.25, "post": 0.05}
HEAVIEST = 30 * 1024  # bytes
SIDES = ("molva", "bare")
KINDS = ("get", "post")


@dataclass(frozen=True)
class Figures:
    """One database: requests a second by kind and side, Molva's waits, bytes of a page, and whether all was kept."""

    kind: str
    rates: dict[str, dict[str, float]]
    waits: dict[str, tuple[float, float]]
    weight: dict[str, int]
    kept: bool

    def ratio(self, kind: str) -> float:
        """Ours beside the bare one's."""
        return self.rates[kind]["molva"] / self.rates[kind]["bare"]


def main(quick: bool) -> Section:
    """Run it; ``quick``: one short round each."""
    people, rounds, seconds = (3_000, 1, 1.0) if quick else (14_000, 3, 3.0)
    with databases.both() as two:
        figures = [_measure(database, people, rounds, seconds) for database in two]
        version = two[1].version
    return _section(figures, rounds, seconds, version)


def _measure(database: Database, people: int, rounds: int, seconds: float) -> Figures:
    answers_rows.fill(database, people)
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {(kind, side): [] for kind in KINDS for side in SIDES}
    following, answered = 2, 0
    with ExitStack() as stack:
        ports = {
            side: stack.enter_context(_server(side, database, "benchmarks.answers_server")) for side in SIDES
        }
        weight = _weight(ports["molva"])
        for number_ in range(rounds + 1):
            for kind in KINDS:
                for side, port in ports.items():
                    told = _load(port, kind, following, people, seconds if number_ else 0.5)
                    if kind == "post":
                        following = told["next"] + CONNECTIONS
                        answered += told["statuses"].get("303", 0)
                    if number_:  # the first round warms up
                        runs[kind, side].append(told)
    good = {"get": "200", "post": "303"}
    refused = sum(
        n
        for (kind, _), some in runs.items()
        for run in some
        for s, n in run["statuses"].items()
        if s != good[kind]
    )
    rates = {
        kind: {
            side: median(sum(r["statuses"].values()) / r["seconds"] for r in runs[kind, side])
            for side in SIDES
        }
        for kind in KINDS
    }
    waits = {
        kind: (
            median(r["median"] for r in runs[kind, "molva"]),
            median(r["p99"] for r in runs[kind, "molva"]),
        )
        for kind in KINDS
    }
    return Figures(database.kind, rates, waits, weight, _stored(database) == answered and not refused)


def _weight(port: int) -> dict[str, int]:
    """Bytes of the page and of everything it names, uncompressed."""
    origin = f"http://127.0.0.1:{port}"
    found = {"page": f"/s/{token(1)}"}
    page = requests.get(origin + found["page"], headers={"User-Agent": AGENT}, timeout=20)
    for address in re.findall(r'(?:src|href)="(/assets/[^"]*)"', page.text):
        found[address.rsplit("/", 1)[-1].split("?")[0]] = address
    got = {name: requests.get(origin + address, timeout=20) for name, address in found.items()}
    assert all(one.ok for one in got.values())
    return {name: len(one.content) for name, one in got.items()}


def _stored(database: Database) -> int:
    engine = make_engine(database.url)
    with reading(make_sessions(engine)) as session:
        count = (
            session.scalar(select(func.count()).select_from(Response).where(Response.status == "counted"))
            or 0
        )
    engine.dispose()
    return int(count)


def _load(port: int, kind: str, first: int, last: int, seconds: float) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.answers_load",
        str(port),
        kind,
        str(first),
        str(last),
        str(seconds),
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 120)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _section(figures: list[Figures], rounds: int, seconds: float, version: str) -> Section:
    section = Section(
        NAME,
        "Answer pages: weight, and requests a second",
        f"People open the page from their letter, and others send their answer, over {CONNECTIONS} keep-alive "
        f"connections to gunicorn with {WORKERS} worker processes and the product's own options, {rounds} runs of "
        f"{seconds:.0f} s each by turns with a bare Flask form under the same gunicorn. The bare form looks its person "
        "up and shows eleven buttons; of an answer it stores the same thirteen rows in one transaction (SQLAlchemy "
        "Core, the same engine): answer, version, end of the invitation, fields of three cards, two comments, task, "
        "follow-up, direct line, letter of thanks. Molva proves the person, locks the wave and the client, finds what "
        "the account's score becomes, compares what stands on the cards, chooses owner and deadline of the follow-up, "
        "and writes the letter in two forms.",
        machine=machine.describe(version),
    )  # fmt: skip
    head = ("database", "request", "Molva", "bare form", "ratio", "Molva median ms", "Molva p99 ms")
    rows = [
        (
            f.kind, {"get": "page opened", "post": "answer sent"}[kind], number(f.rates[kind]["molva"]),
            number(f.rates[kind]["bare"]), number(f.ratio(kind), 2), number(f.waits[kind][0] * 1000, 1),
            number(f.waits[kind][1] * 1000, 1),
        )
        for f in figures
        for kind in KINDS
    ]  # fmt: skip
    weight = figures[0].weight
    total = sum(weight.values())
    section.tables = [
        Table("Requests a second, medians:", head, rows),
        Table("Bytes, uncompressed:", [*weight, "all"], [[number(n) for n in (*weight.values(), total)]]),
    ]
    section.targets = [
        Target("everything the page needs", "≤ 30 KB", f"{total / 1024:.1f} KB", total <= HEAVIEST)
    ]
    for f in figures:
        for kind, name in (("get", "pages opened"), ("post", "answers sent")):
            section.targets.append(
                Target(
                    f"{name} a second, {f.kind}",
                    f"≥ {LEAST[kind]} ×",
                    f"{f.ratio(kind):.2f} ×",
                    f.ratio(kind) >= LEAST[kind],
                )
            )
        section.targets.append(
            Target(f"every answer counted, {f.kind}", "all", "all" if f.kept else "not all", f.kept)
        )
    return section

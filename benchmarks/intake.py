"""Taking in portal events: requests a second beside a bare view, on both databases (product.md T2)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from sqlalchemy import func, select

from benchmarks import databases, machine
from benchmarks.databases import Database
from benchmarks.intake_load import CONNECTIONS, MEMBER, TOKEN
from benchmarks.intake_server import BARE, WORKERS
from benchmarks.portal import KEY
from benchmarks.report import Section, Table, Target, number
from integration.adapters import vault_keys
from integration.store.base import Vault, make_engine, make_sessions, reading, transaction
from integration.store.inbox import InboxRow
from integration.store.portals import Portal

NAME = "intake"
LEAST = 0.8


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds on one database."""

    kind: str
    molva: float
    bare: float
    ratio: float
    spread: tuple[float, float]
    wait: float
    p99: float
    bare_p99: float
    counted: bool


def main(quick: bool) -> Section:
    """Run it; ``quick``: one short round each."""
    rounds, seconds = (1, 1.0) if quick else (9, 3.0)
    version = ""
    with databases.both() as two:
        figures = [_measure(database, rounds, seconds) for database in two]
        version = two[1].version
    return _section(figures, rounds, seconds, version)


def _measure(database: Database, rounds: int, seconds: float) -> Figures:
    _prepare(database)
    with ExitStack() as stack:
        ports = {name: stack.enter_context(_server(name, database)) for name in ("molva", "bare")}
        answered = sum(_load(port, 1.0)["statuses"].get("200", 0) for port in [ports["molva"]])
        _load(ports["bare"], 1.0)
        runs: dict[str, list[dict[str, Any]]] = {"molva": [], "bare": []}
        for _ in range(rounds):
            for name, port in ports.items():
                runs[name].append(_load(port, seconds))
    answered += sum(run["statuses"].get("200", 0) for run in runs["molva"])
    refused = sum(
        n for some in runs.values() for run in some for s, n in run["statuses"].items() if s != "200"
    )
    rates = {
        name: [sum(run["statuses"].values()) / run["seconds"] for run in some] for name, some in runs.items()
    }
    ratios = [ours / bare for ours, bare in zip(rates["molva"], rates["bare"], strict=True)]
    return Figures(
        database.kind, median(rates["molva"]), median(rates["bare"]),
        median(rates["molva"]) / median(rates["bare"]), (min(ratios), max(ratios)),
        median(run["median"] for run in runs["molva"]), median(run["p99"] for run in runs["molva"]),
        median(run["p99"] for run in runs["bare"]), _stored(database) == answered and not refused,
    )  # fmt: skip


def _prepare(database: Database) -> None:
    """A portal whose events are genuine, and the bare view's table."""
    Vault.configure(vault_keys((KEY,)))
    engine = make_engine(database.url)
    BARE.create(engine)
    now = datetime.now(UTC)
    with transaction(make_sessions(engine)) as session:
        session.add(
            Portal(
                member_id=MEMBER, client_id="local.bench", kind="local", status="active", installed_at=now,
                setup_at=now, domain="agency.bitrix24.example", endpoint="https://agency.bitrix24.example/rest/",
                application_token=TOKEN,
            )
        )  # fmt: skip
    engine.dispose()


def _stored(database: Database) -> int:
    """How many events the inbox counts, folded ones included."""
    engine = make_engine(database.url)
    with reading(make_sessions(engine)) as session:
        count = int(session.scalar(select(func.sum(InboxRow.times))) or 0)
    engine.dispose()
    return count


@contextmanager
def _server(name: str, database: Database, module: str = "benchmarks.intake_server") -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")} | {
        "MOLVA_SECRET_KEY": KEY,
        "MOLVA_PUBLIC_URL": "http://127.0.0.1",
        "MOLVA_ALLOW_HTTP_PORTALS": "1",
        "MOLVA_DATABASE_URL": database.url,
    }
    command = [sys.executable, "-m", module, name, f"127.0.0.1:{port}"]
    with open(database.folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not start")


def _load(port: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.intake_load", str(port), str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 120)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _section(figures: list[Figures], rounds: int, seconds: float, version: str) -> Section:
    section = Section(
        NAME,
        "Intake: portal events a second",
        f"Genuine deal events over {CONNECTIONS} keep-alive connections to gunicorn with {WORKERS} worker processes "
        f"and the product's own options, {rounds} runs of {seconds:.0f} s by turns with a bare Flask view under "
        "the same gunicorn that parses the form, looks one row up and inserts one row (SQLAlchemy Core, the same "
        "engine). Molva checks the envelope and the portal's token in constant time and folds the event into the "
        "waiting row of its card. The load comes from a process of its own on the same cores.",
        machine=machine.describe(version),
    )
    head = (
        "database",
        "Molva",
        "bare view",
        "ratio",
        "ratios of single pairs of runs",
        "Molva median ms",
        "Molva p99 ms",
        "bare p99 ms",
    )
    rows = [
        (
            f.kind, number(f.molva), number(f.bare), number(f.ratio, 2),
            f"{f.spread[0]:.2f} to {f.spread[1]:.2f}", number(f.wait * 1000, 1),
            number(f.p99 * 1000, 1), number(f.bare_p99 * 1000, 1),
        )
        for f in figures
    ]  # fmt: skip
    section.tables = [Table("Requests a second, medians:", head, rows)]
    section.targets = [
        Target(f"requests a second, {f.kind}", f"≥ {LEAST} ×", f"{f.ratio:.2f} ×", f.ratio >= LEAST)
        for f in figures
    ]
    counted = all(f.counted for f in figures)
    section.targets.append(
        Target(
            "every event answered 200 and counted in the inbox",
            "all",
            "all" if counted else "not all",
            counted,
        )
    )
    return section

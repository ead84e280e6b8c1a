"""Letters through the worker's drain into a local mail server, beside bare `smtplib` with the same letters (W19)."""

from __future__ import annotations

import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks import databases, machine, sending_rows
from benchmarks.databases import Database
from benchmarks.report import Section, Table, Target, number
from integration.adapters import KeySigner, SecretDice
from integration.mail.message import to_bytes
from integration.mail.outgoing import OutgoingLetter
from integration.mail.smtp import SmtpMailer, SmtpServer
from integration.services import letters
from integration.services.deps import Deps, Settings
from integration.services.letter_routes import outgoing
from integration.store.base import make_engine, make_sessions
from integration.store.letters import LetterRow

NAME = "sending"
#: Each letter is looked at (since there are calls, also at what a caller promised) and noted twice, which on PostgreSQL
#: is two round trips and a write to the log. SQLite was promised 3 before calls, and seen at 2.8 to 3.3 since.
SLOWER = {"SQLite": 4.0, "PostgreSQL": 5.0}


@dataclass
class Standing:
    """A clock that is set by hand."""

    moment: datetime = sending_rows.BEGAN

    def now(self) -> datetime:
        """The moment that was set."""
        return self.moment


class Nobody:
    """Stands for what no letter needs."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a letter asked for {name}")


@dataclass
class Server:
    """The mail server's process."""

    process: subprocess.Popen[str]
    port: int

    def seen(self) -> dict[str, int]:
        """How many letters it has taken so far, how many of them twice."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, int] = json.loads(self.process.stdout.readline())
        return found


@dataclass
class Seen:
    """Seconds for each part of a run, and what the servers say."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    taken: int = 0
    twice: int = 0
    done: int = 0
    commits: int = 0
    size: int = 0


def main(quick: bool) -> Section:
    """Run it; ``quick``: a tenth of the letters."""
    size, parts = (1_000, 5) if quick else (10_000, 10)
    figures: dict[str, Seen] = {}
    with databases.both() as two:
        for database in two:
            figures[database.kind] = _measure(database, size, parts)
        version = two[1].version
    return _section(figures, size, parts, version)


def _measure(database: Database, size: int, parts: int) -> Seen:
    engine = make_engine(database.url)
    sending_rows.fill(engine, size, parts)
    seen, clock = Seen(), Standing()
    with _server() as ours, _server() as theirs:
        deps = _deps(engine, clock, ours.port)
        for part in range(parts):
            clock.moment = sending_rows.BEGAN + sending_rows.BLOCK * part
            due = _due(engine, clock.moment)
            seen.ours.append(_timed(lambda: _drain(deps)))
            ready = [(one.sender_address, one.recipient_address, to_bytes(one)) for one in due]
            seen.bare.append(_timed(lambda ready=ready: _bare(theirs.port, ready)))  # type: ignore[misc]
        told = ours.seen()
        seen.taken, seen.twice, seen.size = (
            told["letters"],
            told["twice"],
            told["bytes"] // max(1, told["letters"]),
        )
        if theirs.seen()["letters"] != size:
            raise AssertionError("both must send the same letters")
    with engine.connect() as connection:
        done = select(func.count()).select_from(LetterRow).where(LetterRow.status == "done")
        seen.done = connection.execute(done).scalar_one()
    engine.dispose()
    return seen


def _deps(engine: Engine, clock: Standing, port: int) -> Deps:
    nobody: Any = Nobody()
    return Deps(
        sessions=make_sessions(engine), clock=clock, settings=Settings(public_url="https://molva.example"),
        rest=nobody, oauth=nobody, mailer=SmtpMailer(SmtpServer.parse(f"smtp://127.0.0.1:{port}")),
        signer=KeySigner(("benchmark-key",)), dice=SecretDice(),
    )  # fmt: skip


def _due(engine: Engine, moment: datetime) -> list[OutgoingLetter]:
    with make_sessions(engine)() as session:
        found = session.scalars(
            select(LetterRow)
            .where(LetterRow.status == "waiting", LetterRow.due_at <= moment)
            .order_by(LetterRow.id)
        )
        return [outgoing(row, datetime.now(UTC)) for row in found]


def _drain(deps: Deps) -> None:
    while letters.drain(deps):
        pass


def _bare(port: int, ready: list[tuple[str, str, bytes]]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for sender, recipient, data in ready:
            connection.sendmail(sender, [recipient], data)


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def _server() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sending_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Server(process, json.loads(process.stdout.readline())["port"])
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def _section(figures: dict[str, Seen], size: int, parts: int, version: str) -> Section:
    section = Section(
        NAME,
        f"Sending: {number(size)} letters",
        "The question of a wave to so many people, as the product has written it, through the worker's drain into a "
        "local SMTP server (aiosmtpd) in a process of its own. Before each letter its invitation, wave, cards, holds, "
        "tasks, signer and opt-outs are looked at, the hand-over is noted and committed, and its fate is committed "
        "with the note of the next. Beside it bare smtplib: the same letters as finished bytes over one connection, "
        "nothing looked at and nothing written down.",
        machine=machine.describe(version),
    )  # fmt: skip
    rows = []
    for kind, seen in figures.items():
        each = size / parts
        ours, bare = (1000 * median(times) / each for times in (seen.ours, seen.bare))
        ratio = median(mine / plain for mine, plain in zip(seen.ours, seen.bare, strict=True))
        rows.append([
            kind, number(seen.taken), f"{1000 / ours:.0f}", f"{1000 / bare:.0f}", f"{ours:.2f}", f"{bare:.2f}",
            f"{ratio:.2f}",
        ])  # fmt: skip
        section.targets += [
            Target(f"time of a letter, {kind}", f"≤ {SLOWER[kind]:.0f} ×", f"{ratio:.2f} ×", ratio <= SLOWER[kind]),
            Target(
                f"letters that left once, {kind}", number(size), f"{number(seen.taken)}, twice {seen.twice}",
                seen.taken == seen.done == size and not seen.twice,
            ),
        ]  # fmt: skip
    head = ["database", "letters", "Molva a second", "smtplib a second", "Molva ms", "smtplib ms", "ratio"]
    weight = max(seen.size for seen in figures.values()) / 1024
    section.tables.append(
        Table(f"Medians of {parts} parts by turns; a letter weighs {weight:.0f} KB:", head, rows)
    )
    return section

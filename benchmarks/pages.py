"""Pages inside the portal: queries, server time and weight with 300, 3,000 and 30,000 clients (product.md P1)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from benchmarks import databases, machine, pages_rows
from benchmarks.databases import Database
from benchmarks.pages_rows import ADMIN, NOW, THIS
from benchmarks.portal import KEY
from benchmarks.report import Section, Table, Target, number
from integration import web
from integration.adapters import KeySigner, SecretDice
from integration.bitrix.call import Call
from integration.mail.smtp import NoMailer
from integration.services import frames
from integration.services.deps import Answer, BatchAnswer, Deps, Settings
from integration.services.frames import Viewer
from integration.store.base import make_engine, make_sessions

NAME = "pages"
SIZES = (300, 3_000, 30_000)
HEAVIEST = 150 * 1024  # bytes of a page with everything it loads
LONGEST = (
    0.5  # seconds of the server for a page with ten times the clients of the largest agency (product.md 1)
)
#: What a person opens: name → address and fields.
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "main page": ("/app/main", {}),
    "survey": (f"/app/wave/{THIS}", {}),
    "card tab": ("/app/card/company/7", {}),
    "who signs": ("/app/settings/senders", {}),
    "who is asked": ("/app/settings/clients", {}),
    "when": ("/app/settings/wave", {}),
    "letters": ("/app/settings/letters", {}),
    "set-up": ("/app/settings/setup", {}),
    "outbox": ("/app/settings/outbox", {}),
    "privacy": ("/app/settings/privacy", {}),
    "history": ("/app/settings/history", {}),
}


class _StoppedClock:
    def now(self) -> Any:
        return NOW


class _Portal:
    """Counts what a page asks the portal, and answers at once that there is nothing."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> _Portal:
        return self

    def call(self, call: Call) -> Answer:
        self.requests += 1
        return Answer({})

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        self.requests += 1
        return BatchAnswer({key: Answer({}) for key in calls}, {})


@dataclass(frozen=True)
class Seen:
    """One page at one size: requests to the portal, queries, seconds (median), bytes of document and of all."""

    requests: int
    queries: int
    seconds: float
    document: int
    whole: int


def main(quick: bool) -> Section:
    """Run it; ``quick``: two small sizes, few rounds."""
    sizes, rounds = ((100, 1_000), 3) if quick else (SIZES, 15)
    figures: dict[str, dict[int, dict[str, Seen]]] = {}
    version = ""
    for size in sizes:
        with databases.both() as two:
            for database in two:
                pages_rows.fill(database, size)
                figures.setdefault(database.kind, {})[size] = _measure(database, rounds)
            version = two[1].version
    return _section(figures, sizes, rounds, version)


def _measure(database: Database, rounds: int) -> dict[str, Seen]:
    engine = make_engine(database.url)
    portal = _Portal()
    client, session = _client(engine, portal)
    found = {}
    for name, (path, fields) in PAGES.items():
        post = _poster(client, path, {"session": session, **fields})
        body = post()
        portal.requests = 0
        with _counted(engine) as statements:
            post()
        asked = portal.requests
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            post()
            times.append(time.perf_counter() - began)
        found[name] = Seen(
            asked, len(statements), median(times), len(body), len(body) + _assets(client, body)
        )
    engine.dispose()
    return found


def _poster(client: FlaskClient, path: str, fields: dict[str, str]) -> Callable[[], bytes]:
    def post() -> bytes:
        answer = client.post(path, data=fields)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return bytes(answer.data)

    return post


def _client(engine: Engine, portal: Any) -> tuple[FlaskClient, str]:
    deps = Deps(
        sessions=make_sessions(engine), clock=_StoppedClock(), settings=Settings(public_url="https://molva.example"),
        rest=portal, oauth=portal, mailer=NoMailer(), signer=KeySigner((KEY,)), dice=SecretDice(),
    )  # fmt: skip
    app = Flask("integration.web", static_folder=None)
    app.config["BX24_SCRIPT_URL"] = "https://portal.example/bx24.js"
    app.extensions["molva"] = deps
    web.register(app)
    who = Viewer(1, ADMIN, True, "ru", "https://portal.example", proved_at=NOW, card=("company", 7))
    return app.test_client(), frames.seal(deps, who)


def _assets(client: FlaskClient, body: bytes) -> int:
    """Bytes of everything of ours that the page loads, uncompressed."""
    names = set(re.findall(rb'(?:href|src)="(/assets/[^"]+)"', body))
    return sum(len(client.get(name.decode().replace("&amp;", "&")).data) for name in names)


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "PRAGMA")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", count)


def _section(
    figures: dict[str, dict[int, dict[str, Seen]]], sizes: tuple[int, ...], rounds: int, version: str
) -> Section:
    section = Section(
        NAME,
        f"Pages inside the portal: {', '.join(number(size) for size in sizes)} clients",
        "A portal whose clients were asked last year (60 % answered) and are being asked now (30 % so far), opened by "
        "its administrator. Time is that of the server for the whole document, in one process, the network left "
        "out, and the portal answers at once. Queries are statements sent to the database; requests are those to the "
        "portal, as a page that was opened before makes them. Weight is the document with all styles and scripts "
        "of ours, uncompressed.",
        machine=machine.describe(version),
    )
    for kind, by_size in figures.items():
        head = ["page", *(f"{number(size)}: queries, ms" for size in sizes), "requests", "KB"]
        rows = []
        for name in PAGES:
            cells = [
                f"{by_size[size][name].queries}, {1000 * by_size[size][name].seconds:.1f}" for size in sizes
            ]
            rows.append(
                [
                    name,
                    *cells,
                    str(by_size[sizes[-1]][name].requests),
                    f"{by_size[sizes[-1]][name].whole / 1024:.0f}",
                ]
            )
        section.tables.append(Table(f"{kind}, medians of {rounds} openings:", head, rows))
        section.targets += _promises(kind, by_size, sizes)
    return section


def _promises(kind: str, by_size: dict[int, dict[str, Seen]], sizes: tuple[int, ...]) -> list[Target]:
    first, last = by_size[sizes[0]], by_size[sizes[-1]]
    grown = [name for name in PAGES if last[name].queries > first[name].queries]
    heaviest = max(PAGES, key=lambda name: last[name].whole)
    weight = last[heaviest].whole
    slowest = max(PAGES, key=lambda name: last[name].seconds)
    seconds = last[slowest].seconds
    return [
        Target(f"queries do not grow, {kind}", "none", ", ".join(grown) or "none", not grown),
        Target(
            f"heaviest page, {kind}", f"<= {HEAVIEST // 1024} KB", f"{heaviest}: {weight / 1024:.0f} KB",
            weight <= HEAVIEST,
        ),
        Target(
            f"slowest page with {number(sizes[-1])} clients, {kind}", f"<= {LONGEST} s",
            f"{slowest}: {seconds:.2f} s", seconds <= LONGEST,
        ),
    ]  # fmt: skip

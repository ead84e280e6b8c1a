"""A click that asks the portal while thousands of writes drain, beside the same click with nothing to do
(product.md T4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median, quantiles
from urllib.parse import parse_qsl

import requests
from sqlalchemy import func, select

from benchmarks import databases, machine
from benchmarks.databases import Database
from benchmarks.processes import CLIENT_ID, SECRET, Portals, There, here, portals, product
from benchmarks.report import Section, Table, Target, number
from integration.bitrix import calls
from integration.bitrix.protocol import parse_frame
from integration.services import frames
from integration.services import portals as installing
from integration.services.deps import Deps
from integration.services.setup import setup
from integration.store.base import reading, transaction
from integration.store.chores import ChoreRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.queue import is_open

NAME = "clicks"
DEALS = 500
SCORE = "UF_CRM_MOLVA_NPS_SCORE"
WORTH = 2.0  # a click may take so many times as long,
FLOW = 1.0  # or so many seconds, after which people notice that they wait
CHECKED = "Checked just now."


@dataclass
class Clicks:
    """Seconds of each click from request to page, and those whose page said that it did not work."""

    waits: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def slow(self) -> float:
        """Nine of ten take less."""
        return quantiles(self.waits, n=10)[8] if len(self.waits) > 1 else self.waits[0]


@dataclass(frozen=True)
class Figures:
    """One database. ``minutes``: how long the backlog took with the clicks in between."""

    kind: str
    idle: Clicks
    busy: Clicks
    written: int
    minutes: float
    refused: int
    peak: float


def main(quick: bool) -> Section:
    """Run it; ``quick``: a tenth of the writes, SQLite alone."""
    writes, clicks = (500, 5) if quick else (5_000, 20)
    version = ""
    if quick:
        with databases.sqlite() as one:
            figures = [_measure(one, writes, clicks)]
    else:
        with databases.both() as two:
            figures = [_measure(database, writes, clicks) for database in two]
            version = two[1].version
    return _section(figures, writes, version)


def _measure(database: Database, writes: int, clicks: int) -> Figures:
    """Clicks without work, then with it, then without again: the two idle parts are taken together."""
    with portals(DEALS) as there:
        deps, portal_id = _installed(database, there.all[0])
        with product(database, there.all[0], workers=1) as port, _clicking(deps, portal_id, port) as click:
            _some(click, Clicks(), 3)
            idle, busy = Clicks(), Clicks()
            _some(click, idle, clicks)
            _quiet(deps, portal_id, there)
            _queue(deps, portal_id, writes)
            began = time.monotonic()
            while _open(deps, portal_id) and time.monotonic() - began < 600:
                _some(click, busy, 1)
            minutes = (time.monotonic() - began) / 60
            written = writes - _open(deps, portal_id)
            told = there.ask("seen")[0]
            _quiet(deps, portal_id, there)
            _some(click, idle, clicks)
    refused = sum(count for status, count in told["by_status"].items() if status != "200")
    return Figures(database.kind, idle, busy, written, minutes, refused, told["bucket_peak"])


def _installed(database: Database, there: There) -> tuple[Deps, int]:
    """A local application, installed the way the installer page does it, and set up; no chores but these."""
    app = {
        "client_id": CLIENT_ID, "client_secret": SECRET, "install_url": "http://127.0.0.1:9/bitrix/install",
        "app_url": "http://127.0.0.1:9/bitrix/app", "kind": "local", "ui": True,
        "scope": ["crm", "task", "user", "department", "calendar", "user_basic", "placement"],
    }  # fmt: skip
    there.control("/apps", app)
    there.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    post = there.control(f"/apps/{CLIENT_ID}/open", {"user_id": 1, "dry": True})
    frame = parse_frame(dict(parse_qsl(post["url"].partition("?")[2])), post["fields"])
    deps = here(database, there)
    portal_id = installing.install(deps, frame.grant).portal_id
    there.control(f"/apps/{CLIENT_ID}/finish", {})
    setup(deps, portal_id)
    with transaction(deps.sessions) as session:
        session.query(ChoreRow).delete()
        session.get_one(Portal, portal_id).language = "en"
    return deps, portal_id


class _Page:
    """*Check now* on the set-up page, as an administrator presses it."""

    def __init__(self, deps: Deps, portal_id: int, port: int) -> None:
        self._deps = deps
        self._portal_id = portal_id
        self._address = f"http://127.0.0.1:{port}/app/settings/setup"
        self.session = requests.Session()

    def click(self) -> tuple[float, bool]:
        """Seconds from request to page, and whether the portal was looked at."""
        with reading(self._deps.sessions) as session:
            portal = session.get_one(Portal, self._portal_id)
        who = frames.viewer(portal, 1, True, "en", self._deps.clock.now())
        form = {"session": frames.seal(self._deps, who), "do": "check"}
        began = time.perf_counter()
        answer = self.session.post(self._address, form, timeout=90)
        waited = time.perf_counter() - began
        answer.raise_for_status()
        return waited, CHECKED in answer.text


@contextmanager
def _clicking(deps: Deps, portal_id: int, port: int) -> Iterator[_Page]:
    page = _Page(deps, portal_id, port)
    try:
        yield page
    finally:
        page.session.close()


def _some(page: _Page, into: Clicks, count: int) -> None:
    """Clicks with a second between them, as of somebody who reads what came."""
    for _ in range(count):
        waited, good = page.click()
        into.waits.append(waited)
        into.failed += not good
        time.sleep(1.0)


def _quiet(deps: Deps, portal_id: int, there: Portals) -> None:
    """Both sides' buckets empty, so that no part of the run inherits the one before."""
    from integration.store.portals import limits

    there.ask("reset")
    with transaction(deps.sessions) as session:
        limits(session, portal_id, deps.clock.now()).level = 0.0


def _queue(deps: Deps, portal_id: int, writes: int) -> None:
    """Score updates, one after another for each deal."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        for turn in range(writes):
            deal = turn % DEALS + 1
            call = calls.item_update("deal", deal, {SCORE: turn // DEALS + 1})
            session.add(
                OutboxRow(
                    portal_id=portal_id, lane=f"deal:{deal}", status="waiting", created_at=now, key=f"bench:{turn}",
                    due_at=now + timedelta(microseconds=turn), purpose="score", method=call.method,
                    call=call.to_json(),
                )
            )  # fmt: skip


def _open(deps: Deps, portal_id: int) -> int:
    with reading(deps.sessions) as session:
        statement = select(func.count()).where(OutboxRow.portal_id == portal_id, is_open(OutboxRow))
        return session.scalar(statement) or 0


def _section(figures: list[Figures], writes: int, version: str) -> Section:
    section = Section(
        NAME,
        f"A click while {number(writes)} writes drain",
        "The button “Check now” of the set-up page, pressed by an administrator once a second: a web process asks "
        "the portal in two requests and shows what it found. Two web processes and one worker, the portal in a "
        "process of its own, everything on the same cores. First with an empty queue, then while a worker writes "
        "scores to the cards as fast as the portal lets it (bucket of 50, two a second), then with an empty queue "
        "again. Background work stops ten requests short of the portal's threshold; clicks go on from there.",
        machine=machine.describe(version),
    )
    head = (
        "database", "clicks", "empty, median s", "busy, median s", "ratio", "empty, 9 of 10 s", "busy, 9 of 10 s",
        "busy, worst s", "not answered", "refused by the portal", "highest level", "backlog, minutes",
    )  # fmt: skip
    rows = [
        (
            f.kind, f"{len(f.idle.waits)} + {len(f.busy.waits)}", number(median(f.idle.waits), 2),
            number(median(f.busy.waits), 2), number(median(f.busy.waits) / median(f.idle.waits), 2),
            number(f.idle.slow, 2), number(f.busy.slow, 2), number(max(f.busy.waits), 2),
            str(f.idle.failed + f.busy.failed), str(f.refused), number(f.peak, 0), number(f.minutes, 1),
        )
        for f in figures
    ]  # fmt: skip
    section.tables = [Table("Seconds from the click to the page:", head, rows)]
    for f in figures:
        ratio = median(f.busy.waits) / median(f.idle.waits)
        near = ratio <= WORTH or median(f.busy.waits) <= FLOW
        section.targets += [
            Target(
                f"median click, {f.kind}",
                f"≤ {WORTH:.0f} ×, or {FLOW:.0f} s",
                f"{ratio:.2f} ×, {median(f.busy.waits):.2f} s",
                near,
            ),
            Target(f"clicks not answered, {f.kind}", "0", str(f.busy.failed), f.busy.failed == 0),
            Target(f"refused by the portal, {f.kind}", "0", str(f.refused), f.refused == 0),
            Target(f"writes in effect, {f.kind}", number(writes), number(f.written), f.written == writes),
        ]
    return section

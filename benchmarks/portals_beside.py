"""Many portals with events at once, beside one portal alone and the same load on one (product.md T2, T5)."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from sqlalchemy import delete, func, select

from benchmarks import databases, machine
from benchmarks.intake_load import HEAD, fields_of
from benchmarks.processes import Portals, here, portals, product
from benchmarks.report import Section, Table, Target, number
from integration.services.deps import Deps
from integration.store import mirror
from integration.store.base import reading, transaction
from integration.store.inbox import InboxRow
from integration.store.portals import Limits, Portal
from integration.store.queue import is_open

NAME = "portals_beside"
CONNECTIONS = 8
PATIENCE = 300.0
# A request takes fifty cards of one portal, so the same events cost fifty portals several times the requests, logins
# and claims they cost one: with 15 cards each, 50 requests where one portal needs 15.
DEARER = 1.5
EVEN = 2.0  # the last of all portals may take so many times as long as the portal in the middle
STARVED = 2.0  # and one that has a backlog may cost the others so many times their delay


@dataclass(frozen=True)
class Load:
    """How many portals get how many events each, and how many more the first one gets."""

    portals: int
    each: int
    more: int = 0


@dataclass(frozen=True)
class Delays:
    """Seconds from the event's arrival to its effect: by portal, that of its last event."""

    last: list[float]
    seconds: float
    events: int
    done: int


def main(quick: bool) -> Section:
    """Run it; ``quick``: six portals, ten events each, once."""
    many, each, rounds = (6, 10, 1) if quick else (50, 15, 3)
    loads = {
        "one portal alone": Load(1, each),
        f"{many} portals at once": Load(many, each),
        "the same load on one portal": Load(1, many * each),
        f"{many} at once, one of them with the load of all": Load(many, each, many * each),
    }
    with portals(many * each, *[each] * (many - 1)) as there, databases.postgres() as database:
        deps = here(database, there.all[0])
        ids = _connected(deps, there)
        with product(database, there.all[0], workers=2) as port:
            _run(deps, there, ids, port, Load(1, 1))  # so that both workers are up
            runs = {
                name: [_run(deps, there, ids, port, load) for _ in range(rounds)]
                for name, load in loads.items()
            }
        refused = sum(
            count
            for one in there.ask("seen")
            for status, count in one["by_status"].items()
            if status != "200"
        )
        return _section(loads, runs, refused, database.version)


def _connected(deps: Deps, there: Portals) -> list[int]:
    """Every portal as it is after its first synchronisation, by a webhook; its events are genuine."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        rows = [
            Portal(
                member_id=f"bench{place}", client_id="local.bench", kind="webhook", status="active", installed_at=now,
                domain=one.url.partition("://")[2], endpoint=f"{one.url}/rest/", access_token=one.webhook(),
                application_token=f"token{place}", setup_at=now, synced_at=now,
            )
            for place, one in enumerate(there.all)
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        for row in rows:
            mirror.set_history_mark(session, row.id, 10**6, now)
        return [row.id for row in rows]


def _run(deps: Deps, there: Portals, ids: Sequence[int], port: int, load: Load) -> Delays:
    """Send the events, wait until all have had their effect, and look how long each took."""
    there.ask("reset")
    with transaction(deps.sessions) as session:
        session.execute(delete(InboxRow))
        session.query(Limits).update({"level": 0.0})
    events = [
        (place, card) for place in range(load.portals) for card in range(load.each + load.more * (not place))
    ]
    random.Random(1).shuffle(events)
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        list(
            senders.map(lambda part: _send(port, part), [events[n::CONNECTIONS] for n in range(CONNECTIONS)])
        )
    while _waiting(deps) and time.monotonic() - began < PATIENCE:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    with reading(deps.sessions) as session:
        rows = session.execute(
            select(InboxRow.portal_id, InboxRow.first_at, InboxRow.finished_at).where(
                InboxRow.status == "done"
            )
        ).all()
    last: dict[int, float] = {}
    for portal_id, first, finished in rows:
        last[portal_id] = max(last.get(portal_id, 0.0), (finished - first).total_seconds())
    return Delays([last[one] for one in ids[: load.portals] if one in last], seconds, len(events), len(rows))


def _send(port: int, events: Sequence[tuple[int, int]]) -> None:
    """Events over one connection, one after the other, as the portals' queue server makes them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for place, card in events:
        body = fields_of(card + 1, f"bench{place}", f"token{place}")
        connection.request("POST", "/bitrix/events", body, HEAD)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"an event was answered with {answer.status}")
    connection.close()


def _waiting(deps: Deps) -> int:
    with reading(deps.sessions) as session:
        return session.scalar(select(func.count()).select_from(InboxRow).where(is_open(InboxRow))) or 0


# --- the page


def _section(loads: dict[str, Load], runs: dict[str, list[Delays]], refused: int, version: str) -> Section:
    _, beside, one, uneven = loads
    many, each = loads[beside].portals, loads[beside].each
    section = Section(
        NAME,
        f"{many} portals with events at once",
        f"PostgreSQL, two web processes, two workers, all portals and the load on the same cores. {each} cards of "
        "each portal change at once; the events arrive in any order over "
        f"{CONNECTIONS} connections. A delay runs from the arrival of an event to its effect: the card read from "
        "the portal, kept, and what follows from it done. Of each portal the delay of its last event counts. "
        f"Beside it one portal alone with its {each} events, one portal with the events of all, and all portals "
        "with the first one having that load on top. Every portal lets through 50 requests and two more a second. "
        "The same load costs many portals more than one, as a request takes 50 cards of one portal: "
        f"{many} requests here beside {-(-many * each // 50)}.",
        machine=machine.describe(version),
    )
    head = (
        "load",
        "events",
        "portals",
        "first portal done, s",
        "median, s",
        "last, s",
        "last to median",
        "all, s",
    )
    rows = []
    for name in loads:
        mid = _middle(runs[name])
        lasts = sorted(mid.last)
        rows.append(
            (
                name, number(mid.events), str(len(lasts)), number(lasts[0], 1), number(median(lasts), 1),
                number(lasts[-1], 1), number(lasts[-1] / median(lasts), 2), number(mid.seconds, 1),
            )
        )  # fmt: skip
    section.tables = [Table(f"Medians of {len(runs[beside])} runs:", head, rows)]
    every = all(run.done == run.events for many_runs in runs.values() for run in many_runs)
    beside_last, beside_mid = sorted(_middle(runs[beside]).last)[-1], median(_middle(runs[beside]).last)
    one_last = max(_middle(runs[one]).last)
    others = sorted(_middle(runs[uneven]).last)[:-1]
    section.targets = [
        Target("every event has its effect", "all", "all" if every else "not all", every),
        Target(
            "delay of the last of all portals beside the same load on one", f"≤ {DEARER:.1f} ×",
            f"{beside_last / one_last:.2f} ×", beside_last <= DEARER * one_last,
        ),
        Target(
            "delay of the last portal beside the one in the middle", f"≤ {EVEN:.0f} ×",
            f"{beside_last / beside_mid:.2f} ×", beside_last <= EVEN * beside_mid,
        ),
        Target(
            "median delay of the others while one has the load of all", f"≤ {STARVED:.0f} ×",
            f"{median(others) / beside_mid:.2f} ×", median(others) <= STARVED * beside_mid,
        ),
        Target("refused by the portals", "0", str(refused), refused == 0),
    ]  # fmt: skip
    return section


def _middle(runs: list[Delays]) -> Delays:
    """The run whose last portal was in the middle."""
    return sorted(runs, key=lambda run: max(run.last))[len(runs) // 2]

"""Several processes ask one portal together and stay within its limits, also after a restart (product.md T4, T5)."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from integration.adapters import PooledRest, reporter
from integration.bitrix import calls
from integration.bitrix.errors import Retryable
from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.clock import VirtualClock
from integration.bitrix.sandbox.server import Sandbox, running
from integration.services.access import PortalRest
from integration.services.deps import Deps, Settings
from integration.services.pace import PACED
from integration.store.base import Vault, make_engine, make_sessions, transaction
from tests.conftest import a_portal

BOUND = 40  # of 50: what is left belongs to people
RATE = 2
FIRST = 5  # requests after which the processes wait for each other
NOON = datetime(2026, 1, 12, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Standing:
    """Time that does not go on by itself: how fast the machine is decides nothing."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


class StandingPortal(VirtualClock):
    """The portal's time stands as well, until it is moved."""

    def time(self) -> float:
        return NOON.timestamp() + self.offset()


def _ask(
    url: str, key: bytes, portal_id: int, clicks: int, at: datetime, all_there: Barrier, told: Any
) -> None:
    """A process of the product: asks until the limiter says wait, then so many times for somebody who clicks."""
    Vault.configure(MultiFernet([Fernet(key)]))
    nobody: Any = None
    deps = Deps(
        sessions=make_sessions(make_engine(url)), clock=Standing(at),
        settings=Settings(public_url="http://molva.example", allow_http=True),
        rest=PooledRest(allow_http=True, observer=reporter), oauth=nobody, mailer=nobody, signer=nobody, dice=nobody,
    )  # fmt: skip
    rest, count = PortalRest(deps, portal_id), 0
    try:
        while True:
            rest.call(calls.server_time())
            count += 1
            if count == FIRST:
                all_there.wait(200)
    except Retryable as error:
        if error.code != PACED:
            raise
    people = PortalRest(deps, portal_id, interactive=True)
    told.put((count, [people.call(calls.server_time()).result is not None for _ in range(clicks)]))


def _together(
    url: str, key: bytes, portal_id: int, clicks: list[int], at: datetime
) -> list[tuple[int, list[bool]]]:
    """What each of so many processes at once got through, and the answers to their clicks."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    met = context.Barrier(len(clicks))
    many = [context.Process(target=_ask, args=(url, key, portal_id, one, at, met, told)) for one in clicks]
    for process in many:
        process.start()
    found = [told.get(timeout=200) for _ in many]
    for process in many:
        process.join(120)
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_share_the_bucket_and_a_restart_does_not_empty_it(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Together they get what one would get, no more; whoever starts later finds the level as it was left."""
    url, key, before = request.getfixturevalue(f"{kind}_url"), Fernet.generate_key(), Vault.keys
    portal_time = StandingPortal()
    with running(bulk_deals(1, 1), portal_time) as box:
        portal_id = _registered(url, key, box)
        Vault.keys = before
        first = [count for count, _ in _together(url, key, portal_id, [0, 0], NOON)]
        assert BOUND - 1 <= sum(first) <= BOUND
        assert min(first) >= FIRST
        assert box.portal.buckets.peak <= BOUND
        later = NOON + timedelta(seconds=10)
        portal_time.advance(10)
        ((again, clicked),) = _together(url, key, portal_id, [5], later)
        assert RATE * 10 - 1 <= again <= RATE * 10 + 1
        assert clicked == [True] * 5, "people's clicks are not refused"
        counters = box.control("/counters", verb="GET")
        assert counters["http"] == sum(first) + again + 5
        assert counters["by_status"] == {"200": counters["http"]}


def _registered(url: str, key: bytes, box: Sandbox) -> int:
    Vault.configure(MultiFernet([Fernet(key)]))
    path = str(box.control("/webhooks", {"user_id": 1})["url"]).rstrip("/").split("/rest/")[1]
    engine = make_engine(url)
    with transaction(make_sessions(engine)) as session:
        row = a_portal(
            member_id="hook",
            kind="webhook",
            endpoint=f"{box.portal_url}/rest/",
            access_token=path,
            domain=box.domain,
        )
        session.add(row)
        session.flush()
        portal_id = row.id
    engine.dispose()
    return portal_id

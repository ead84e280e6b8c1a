"""Two real worker processes on PostgreSQL and one portal: one renewal, nothing twice, and a killed worker leaves none.

The portal is a sandbox with real HTTP in this process; the workers' clock is a file that the test moves.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from integration.adapters import KeySigner, OAuthServers, PooledRest, SecretDice, reporter
from integration.bitrix import calls
from integration.bitrix.errors import Retryable
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.sandbox.clock import VirtualClock
from integration.mail.smtp import NoMailer
from integration.services import access, outbox
from integration.services.deps import Deps, Settings
from integration.store.base import Vault, make_engine, make_sessions
from integration.store.outbox import OutboxRow
from tests.services.fault_world import SCORE, FaultWorld, fault_world
from tests.services.portal_world import CLIENT_ID, SECRET

LIMIT = 120  # seconds of real time after which a worker gives up
CARDS = 8


@dataclass(frozen=True)
class Post:
    """What a worker process is told; `folder` is where it says what it did."""

    url: str
    key: str
    portal_id: int
    oauth: str
    clock: str
    folder: str
    name: str

    def deps(self) -> Deps:
        """Dependencies of a process of its own, with its own connections."""
        Vault.configure(MultiFernet([Fernet(self.key)]))
        settings: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": SECRET, "worker_name": self.name}
        return Deps(
            sessions=make_sessions(make_engine(self.url)), clock=VirtualClock(Path(self.clock)),
            settings=Settings(
                public_url="http://127.0.0.1:1", oauth_origins=(self.oauth,), allow_http=True, **settings
            ),
            rest=PooledRest(allow_http=True, observer=reporter),
            oauth=OAuthServers(OAuthClient((self.oauth,), allow_http=True)),
            mailer=NoMailer(), signer=KeySigner(("a-test-key",)), dice=SecretDice(),
        )  # fmt: skip

    def say(self, what: str, words: Any = "") -> None:
        (Path(self.folder) / f"{self.name}.{what}").write_text(json.dumps(words))

    def heard(self, what: str, *names: str) -> bool:
        return all((Path(self.folder) / f"{name}.{what}").exists() for name in names or (self.name,))


def worker(post: Post) -> None:
    """Ready, then at the word: ask the portal with the expired token, then work until nothing is left."""
    deps = post.deps()
    post.say("ready")
    until = time.monotonic() + LIMIT
    while not post.heard("begin", "test") and time.monotonic() < until:
        time.sleep(0.002)
    user = None
    while user is None and time.monotonic() < until:
        try:
            user = access.PortalRest(deps, post.portal_id).call(calls.profile()).result["ID"]
        except Retryable as error:  # the other one takes long over it: asked again later, as all work is
            if error.code != "renewal_under_way":
                raise
    post.say("in")
    while not post.heard("end", "test") and time.monotonic() < until:
        if outbox.drain(deps):
            post.say("sent")
        else:
            time.sleep(0.01)
    post.say("done", user)


@pytest.fixture
def crew(postgres_url: str, tmp_path: Path) -> Iterator[tuple[FaultWorld, Callable[[str], BaseProcess]]]:
    """A synchronised portal, and a function that starts a worker process for it."""
    key = Fernet.generate_key().decode()
    before = Vault.get()
    Vault.configure(MultiFernet([Fernet(key)]))
    clock = tmp_path / "clock"
    clock.write_text("0\n")
    engine = make_engine(postgres_url)
    running: list[BaseProcess] = []
    with fault_world(make_sessions(engine), VirtualClock(clock)) as place:
        place.fresh()

        def start(name: str) -> BaseProcess:
            post = Post(
                postgres_url, key, place.portal_id, place.box.oauth_url, str(clock), str(tmp_path), name
            )
            process = multiprocessing.get_context("spawn").Process(target=worker, args=(post,), daemon=True)
            process.start()
            running.append(process)
            return process

        yield place, start
        for process in running:
            process.kill()
            process.join(LIMIT)
    engine.dispose()
    Vault.configure(before)


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def writes(place: FaultWorld, cards: int) -> list[int]:
    """Two updates, a comment and a task for each of some deals."""
    deals = [place.deal() for _ in range(cards)]
    for deal in deals:
        for value in (1, 8):
            place.queue(
                calls.item_update("deal", deal, {SCORE: value}), f"deal:{deal}", key=f"u{deal}:{value}"
            )
        creations(place, deal)
    return deals


def creations(place: FaultWorld, deal: int) -> None:
    """A comment and a task."""
    place.queue(calls.comment_add("deal", deal, "Words", f"c{deal}"), f"deal:{deal}", key=f"c{deal}")
    fields = {"TITLE": "T", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": [f"D_{deal}"]}
    place.queue(calls.task_add(fields, f"molva:{deal}"), f"task:{deal}", key=f"t{deal}")


def test_two_workers_renew_once_and_write_nothing_twice(
    crew: tuple[FaultWorld, Callable[[str], BaseProcess]], tmp_path: Path
) -> None:
    """Both meet the expired token at the same time while the authorisation server is slow; both go on; then
    both drain the same portal, whose connection breaks now and then before and after the effect."""
    place, start = crew
    deals = writes(place, CARDS)
    names = ("worker-1", "worker-2")
    processes = [start(name) for name in names]
    wait_for(lambda: all((tmp_path / f"{name}.ready").exists() for name in names))
    place.box.control("/tokens/expire", {})
    place.order(kind="slow", method="oauth.token", seconds=0.7)
    for skip, kind in enumerate(("drop_after", "drop_before", "502", "half_batch", "500")):
        place.order(kind=kind, method="crm.timeline.comment.add", skip=skip)
    place.fresh_counters()
    (tmp_path / "test.begin").write_text("")

    wait_for(lambda: all((tmp_path / f"{name}.in").exists() for name in names))

    def over() -> bool:
        left = [row.status for row in place.unfinished()]
        if "working" not in left:  # time that leaps takes the work out of the hands of whoever is slow
            place.clock.advance(3)  # the bucket drains, waits pass
        if {"waiting", "working"} & set(left):
            return False
        shared = all((tmp_path / f"{name}.sent").exists() for name in names)
        deals.extend(() if shared else writes(place, 1))  # more work until each has had some
        return shared

    wait_for(over)
    renewals = place.counters()["oauth"]
    (tmp_path / "test.end").write_text("")
    for process in processes:
        process.join(LIMIT)
    said = [json.loads((tmp_path / f"{name}.done").read_text()) for name in names]
    assert renewals == 1, "one renewal for both"
    assert said == ["1", "1"], "both went on with it"
    assert place.unfinished() == []
    assert {deal: place.score(deal) for deal in deals} == dict.fromkeys(deals, 8)
    assert {deal: len(place.comments(deal)) for deal in deals} == dict.fromkeys(deals, 1)
    assert {deal: place.tasks(deal) for deal in deals} == {deal: [f"molva:{deal}"] for deal in deals}


def test_a_worker_killed_between_sending_and_recording_leaves_nothing_twice(
    crew: tuple[FaultWorld, Callable[[str], BaseProcess]], tmp_path: Path
) -> None:
    """SIGKILL while the portal has done the work and the answer is on its way; another worker finds what is there."""
    place, start = crew
    deals = [place.deal(), place.deal()]
    for deal in deals:
        creations(place, deal)
    place.order(kind="hang_after", method="crm.timeline.comment.add")
    victim = start("worker-1")
    wait_for(lambda: (tmp_path / "worker-1.ready").exists())
    (tmp_path / "test.begin").write_text("")
    wait_for(lambda: all(place.comments(deal) and place.tasks(deal) for deal in deals))
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join(LIMIT)
    assert victim.exitcode == -signal.SIGKILL
    assert Counter(row.status for row in place.all(OutboxRow)) == {"working": 4}
    assert not outbox.drain(place.deps), "what the dead worker holds is not touched while its lease lasts"
    place.fresh_counters()
    assert place.recover()
    assert place.unfinished() == []
    made = place.counters()["by_method"]
    assert not {"crm.timeline.comment.add", "tasks.task.add"} & made.keys(), "only looked, made nothing anew"
    for deal in deals:
        assert (len(place.comments(deal)), place.tasks(deal)) == (1, [f"molva:{deal}"])
    assert all(isinstance(row.result, int) for row in place.all(OutboxRow))

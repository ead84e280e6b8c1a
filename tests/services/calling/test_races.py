"""Callers who press at the same moment: a client is in one pair of hands, a call is counted once (W8)."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from integration.adapters import KeySigner, SecretDice
from integration.services.calling import desk as service
from integration.services.calling import record
from integration.services.calling.types import Caller
from integration.services.deps import Deps, Settings
from integration.store.base import Sessions, Vault, make_engine, make_sessions
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import ADA, BEN

ROUNDS = 6


def _together(*acts: Callable[[], Any]) -> list[Any]:
    """What they say when they are done at the same moment."""
    met = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        met.wait(60)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def test_of_two_callers_for_the_last_client_one_gets_it(sessions: Sessions, clock: HandClock) -> None:
    """Also two people of one client; pressing twice gives the same client; a post that comes twice counts once."""
    desk = desk_world.make(sessions, clock, people={11: 2})
    ada, ben = desk.caller(ADA), desk.caller(BEN)
    for _ in range(ROUNDS):
        said = _together(lambda: desk.take(ada), lambda: desk.take(ben))
        assert sorted(said) == ["nobody", "taken"]
        (lease,) = desk.leases()
        holder = ada if lease.holder == ada.holder else ben
        assert service.give_back(desk.deps, holder, desk.key(holder))
    for _ in range(ROUNDS):
        assert _together(lambda: desk.take(ada), lambda: desk.take(ada)) == ["taken", "taken"]
        assert len(desk.leases()) == 1
        assert service.give_back(desk.deps, ada, desk.key(ada))
    key = desk.taken(ada)
    both = _together(
        lambda: desk.record(key, "answered", ada, score="9"),
        lambda: desk.record(key, "answered", ada, score="9"),
    )
    assert sorted(one.status for one in both) == ["again", "done"]
    assert len({one.attempt_id for one in both}) == 1
    assert (len(desk.attempts()), len(desk.world.rows(Response))) == (1, 1)
    assert (
        _together(
            lambda: desk.undo(both[0].attempt_id, ada), lambda: desk.undo(both[0].attempt_id, ada)
        ).count("done")
        == 1
    )


def test_one_caller_in_two_windows_holds_one_of_many_clients(sessions: Sessions, clock: HandClock) -> None:
    desk = desk_world.make(sessions, clock, people=dict.fromkeys(range(11, 17), 1))
    for _ in range(3):
        assert set(_together(*[lambda: desk.take()] * 3)) == {"taken"}
        assert len(desk.leases()) == 1
        assert desk.record(desk.key(), "no_answer").status == "done"


class Still:
    """Time that does not go on by itself."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def _calls(key: bytes, jobs: list[tuple[str, int]], user: int, at: datetime, met: Any, told: Any) -> None:
    """A process with a caller who calls until there is nobody left, in one database after the other."""
    Vault.configure(MultiFernet([Fernet(key)]))
    nobody: Any = None
    for url, portal_id in jobs:
        deps = Deps(
            sessions=make_sessions(make_engine(url)), clock=Still(at), rest=nobody, oauth=nobody, mailer=nobody,
            settings=Settings(public_url="http://m.example"), signer=KeySigner(("k",)), dice=SecretDice(),
        )  # fmt: skip
        caller = Caller(portal_id, f"user:{user}", f"Caller {user}", user_id=user)
        met.wait(60)
        done = 0
        while service.take(deps, caller) == "taken":
            card = service.page(deps, caller).card
            if card is not None:
                done += record.record(deps, caller, card.key, {"outcome": "no_answer"}).status == "done"
        told.put((url, done))


def test_processes_share_the_clients_among_them(
    sqlite_url: str, postgres_url: str, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two callers in processes of their own, on both databases: each client is called once, by one of them."""
    key = Fernet.generate_key()
    monkeypatch.setattr(Vault, "keys", MultiFernet([Fernet(key)]))
    desks = {
        url: desk_world.make(make_sessions(make_engine(url)), clock, people=dict.fromkeys(range(11, 19), 1))
        for url in (sqlite_url, postgres_url)
    }
    jobs = [(url, desk.world.portal_id) for url, desk in desks.items()]
    context = multiprocessing.get_context("spawn")
    told, met = context.Queue(), context.Barrier(2)
    callers = [
        context.Process(target=_calls, args=(key, jobs, user, clock.now(), met, told)) for user in (31, 32)
    ]
    for one in callers:
        one.start()
    done: Counter[str] = Counter()
    for _ in range(4):
        url, many = told.get(timeout=200)
        done[url] += many
    for one in callers:
        one.join(120)
    assert done == dict.fromkeys(desks, 8)
    for desk in desks.values():
        made = Counter(row.invitation_id for row in desk.attempts())
        assert made == dict.fromkeys(desk.ids.values(), 1)
        assert desk.leases() == []
        desk.deps.sessions.kw["bind"].dispose()

"""No portal waits for the backlog, the slowness or the failure of another (product.md T2, B4, T5)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.services import outbox, turns
from integration.services.deps import Answer, BatchAnswer, Deps, Settings
from integration.services.turns import AT_ONCE, in_turn
from integration.store.base import Sessions, transaction
from integration.store.outbox import OutboxRow
from tests.conftest import HandClock, a_portal

SCORE = "UF_CRM_MOLVA_NPS_SCORE"


def test_others_go_on_while_a_slow_one_is_waited_for() -> None:
    """The slow one here ends only when the others have had three portions each."""
    had: Counter[int] = Counter()
    over = threading.Event()

    def work(portal_id: int) -> bool:
        if portal_id == 1:
            assert over.wait(120), "the others stood still"
            return True
        had[portal_id] += 1
        if had[2] >= 3 and had[3] >= 3:
            over.set()
        return True

    assert in_turn(lambda: [1, 2, 3], work)


def test_whoever_comes_while_only_one_is_at_work_does_not_wait_for_it() -> None:
    """The only one that had something to do ends its portion when another, due since then, has had one."""
    begun, over = threading.Event(), threading.Event()

    def work(portal_id: int) -> bool:
        if portal_id == 1:
            begun.set()
            assert over.wait(120), "the other one stood still"
        over.set()
        return True

    assert in_turn(lambda: [1, 2] if begun.is_set() and not over.is_set() else [1], work)


@pytest.mark.parametrize("leaving", [False, True], ids=["working", "told to end"])
def test_others_go_on_while_somebody_is_slow_at_a_later_portion(
    leaving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow one ends only when the others have had many more portions, or the process gives way."""
    monkeypatch.setattr(turns, "SLOW", 0.05)
    monkeypatch.setattr(turns, "GLANCE", 0.01)
    had: Counter[int] = Counter()
    before: Counter[int] = Counter()
    over, slow = threading.Event(), threading.Event()

    def more() -> bool:
        return had[3] - before[3] > 20

    def work(portal_id: int) -> bool:
        had[portal_id] += 1
        if portal_id == 1 and had[1] == 2:
            before.update(had)
            slow.set()
            assert over.wait(0.3 if leaving else 120) or leaving, "the others stood still"
        elif portal_id == 2 and not slow.is_set():
            slow.wait(120)  # the first round lasts until the slow one is at its second portion
        elif slow.is_set() and more():
            over.set()
        return True

    mark = turns.giving_way.set(lambda: leaving and slow.is_set())
    try:
        assert in_turn(lambda: [] if over.is_set() else [1, 2, 3], work)
    finally:
        over.set()
        turns.giving_way.reset(mark)
    assert more() is not leaving


def test_everyone_gets_a_turn_and_the_first_failure_is_told_afterwards() -> None:
    """Also with more portals than are worked on at once; nothing to do is no work."""
    had: list[int] = []
    many = list(range(1, 3 * AT_ONCE))

    def work(portal_id: int) -> bool:
        if portal_id == 1:
            raise ValueError("broken")
        had.append(portal_id)
        return False

    with pytest.raises(ValueError, match="broken"):
        in_turn(lambda: many, work)
    assert {*had} == {*many[1:]}
    assert not in_turn(lambda: many[1:], work)
    assert not in_turn(lambda: [], work)
    assert not in_turn(lambda: [7], work)


class Portals:
    """Portals that take every write; `seen` holds the portal of each request."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Any:
        return _One(self, portal_id or 0)


class _One:
    def __init__(self, portals: Portals, portal_id: int) -> None:
        self.portals, self.portal_id = portals, portal_id

    def batch(self, many: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        self.portals.seen.append(self.portal_id)
        return BatchAnswer({key: Answer({"item": call.params["fields"]}) for key, call in many.items()}, {})


def test_a_backlog_delays_nobody(sessions: Sessions, clock: HandClock) -> None:
    """One round of the outbox serves the portal with one call as well as the one with hundreds."""
    nobody: Any = None
    portals = Portals()
    deps = Deps(
        sessions=sessions, clock=clock, settings=Settings(public_url="http://molva.example"), rest=portals,
        oauth=nobody, mailer=nobody, signer=nobody, dice=nobody,
    )  # fmt: skip
    now = clock.now()
    with transaction(sessions) as session:
        many = [a_portal(member_id=f"m{number}") for number in range(9)]
        session.add_all(many)
        session.flush()
        for portal in many:
            for number in range(400 if portal is many[0] else 1):
                call = calls.item_update("deal", number + 1, {SCORE: 5})
                session.add(
                    OutboxRow(
                        portal_id=portal.id, lane=f"deal:{number}", status="waiting", due_at=now, created_at=now,
                        key=f"k{number}", purpose="score", method=call.method, call=call.to_json(),
                    )
                )  # fmt: skip
        ids = [portal.id for portal in many]
    assert outbox.drain(deps)
    assert {*portals.seen} == {*ids}
    with transaction(sessions) as session:
        left = {row.portal_id for row in session.query(OutboxRow) if row.status != "done"}
    assert left == {ids[0]}

"""What is due now and when something is due next are exact, because a movable clock goes by them (product.md T8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.bitrix import calls
from integration.services import health, outbox, pace
from integration.store import queue
from integration.store.base import Sessions, transaction
from integration.store.chores import ChoreRow, schedule
from integration.store.inbox import InboxRow
from integration.store.inbox import store as store_event
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits, Portal
from tests.conftest import HandClock
from tests.services.portal_world import World, agency, world


class ReadyMailer:
    ready = True

    def send(self, letters: Any) -> list[Any]:
        return []


@pytest.fixture
def deps(sessions: Sessions, clock: HandClock, portal: Portal) -> Any:
    """Use cases over a portal's row, without any network."""
    from integration.services.deps import Deps, Settings

    nobody: Any = None
    return Deps(
        sessions=sessions, clock=clock, settings=Settings(public_url="http://molva.example", worker_name="worker-1"),
        rest=nobody, oauth=nobody, mailer=ReadyMailer(), signer=nobody, dice=nobody,
    )  # fmt: skip


def put(deps: Any, portal: Portal, due: datetime, lane: str = "deal:1", key: str = "k", **more: Any) -> int:
    call = calls.item_update("deal", 1, {"title": "x"})
    with transaction(deps.sessions) as session:
        row = OutboxRow(
            portal_id=portal.id, lane=lane, status="waiting", due_at=due, created_at=due, key=key, purpose="score",
            method=call.method, call=call.to_json(), **more,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_nothing_waits_in_an_empty_database(deps: Any) -> None:
    """No row, no moment."""
    assert health.due_now(deps) == 0
    assert health.next_due(deps) is None


def test_rows_count_when_their_date_has_come_and_are_announced_before(
    deps: Any, portal: Portal, clock: HandClock
) -> None:
    """The moment named is exactly the one at which the row counts."""
    later = clock.now() + timedelta(hours=3)
    put(deps, portal, later)
    with transaction(deps.sessions) as session:
        schedule(session, portal.id, "setup", clock.now(), later + timedelta(hours=1))
    assert (health.due_now(deps), health.next_due(deps)) == (0, later)
    clock.moment = later - timedelta(microseconds=1)
    assert health.due_now(deps) == 0
    clock.moment = later
    assert (health.due_now(deps), health.next_due(deps)) == (1, later + timedelta(hours=1))


@pytest.mark.parametrize("status", ["suspended", "reauthorise", "uninstalled"])
def test_rows_of_a_portal_that_does_not_work_do_not_count(
    deps: Any, portal: Portal, clock: HandClock, status: str
) -> None:
    """They would be due for ever, and nobody could do them."""
    put(deps, portal, clock.now())
    with transaction(deps.sessions) as session:
        schedule(session, portal.id, "reconcile", clock.now())
        store_event(session, portal.id, clock.now(), "ONCRMDEALUPDATE", "deal", 5)
    assert health.due_now(deps) == 3
    with transaction(deps.sessions) as session:
        session.get_one(Portal, portal.id).status = status
    assert (health.due_now(deps), health.next_due(deps)) == (0, None)


def test_a_row_behind_an_older_one_that_waits_is_not_due(deps: Any, portal: Portal, clock: HandClock) -> None:
    """It cannot be claimed before its lane is free (architecture.md 3)."""
    later = clock.now() + timedelta(minutes=10)
    put(deps, portal, later, key="older")
    put(deps, portal, clock.now(), key="younger")
    put(deps, portal, clock.now(), lane="deal:2", key="other")
    assert health.due_now(deps) == 1
    assert health.next_due(deps) == later


def test_calls_without_execution_budget_are_due_when_it_comes_back(
    deps: Any, portal: Portal, clock: HandClock
) -> None:
    """A used-up budget is a date, not an endless wait (product.md T4)."""
    from integration.bitrix.errors import Retryable

    put(deps, portal, clock.now())
    until = clock.now() + timedelta(minutes=4)
    error = Retryable("crm.item.update", "OPERATION_TIME_LIMIT", effect="none", until=until)
    pace.refuse(deps, portal.id, "", ["crm.item.update"], error)
    assert (health.due_now(deps), health.next_due(deps)) == (0, until)
    clock.moment = until
    assert health.due_now(deps) == 1


def test_a_block_by_hand_is_a_date(deps: Any, portal: Portal, clock: HandClock) -> None:
    """The portal asked for quiet: nothing is due until then."""
    put(deps, portal, clock.now())
    until = clock.now() + timedelta(hours=1)
    with transaction(deps.sessions) as session:
        session.add(
            Limits(portal_id=portal.id, level=0.0, level_at=clock.now(), budgets={}, not_before=until)
        )
    assert (health.due_now(deps), health.next_due(deps)) == (0, until)


def test_rows_in_hand_count_while_their_worker_lives(deps: Any, portal: Portal, clock: HandClock) -> None:
    """What a dead worker left behind is due when its lease ends; that moment is named."""
    put(deps, portal, clock.now())
    health.heartbeat(deps, "worker-1")
    with transaction(deps.sessions) as session:
        queue.claim(session, OutboxRow, now=clock.now(), owner="worker-1", lease=outbox.LEASE, limit=1)
    assert health.due_now(deps) == 1
    until = clock.now() + outbox.LEASE
    assert health.next_due(deps) == until
    clock.advance(seconds=90)
    assert health.due_now(deps) == 0, "neither a beat nor a renewal for more than a minute"
    assert health.next_due(deps) == until
    clock.moment = until + timedelta(seconds=1)
    assert health.due_now(deps) == 1


def test_housekeeping_is_not_announced_unless_asked_for(deps: Any, portal: Portal, clock: HandClock) -> None:
    """A clock need not stop each ten minutes for a reconciliation nobody waits for."""
    later = clock.now() + timedelta(minutes=10)
    with transaction(deps.sessions) as session:
        schedule(session, portal.id, "reconcile", clock.now(), later, every_seconds=600)
        schedule(session, portal.id, "critical:7", clock.now(), later + timedelta(days=1))
    assert health.next_due(deps) is None
    assert health.next_due(deps, housekeeping=True) == later
    clock.moment = later
    assert health.due_now(deps) == 1


def test_letters_count_only_where_they_can_leave(deps: Any, portal: Portal, clock: HandClock) -> None:
    """Without a mail server letters wait, and nothing else waits for them."""
    with transaction(deps.sessions) as session:
        session.add(
            LetterRow(
                portal_id=portal.id, lane="a", status="waiting", due_at=clock.now(), created_at=clock.now(), key="k",
                kind="test", sender_name="A", sender_address="a@example.com", recipient_address="b@example.com",
                subject="s", body_text="t", body_html="h", message_id="m",
            )
        )  # fmt: skip
    assert health.due_now(deps) == 1
    silent: Any = type("Silent", (), {"ready": False})()
    assert health.due_now(replace(deps, mailer=silent)) == 0


def test_readiness_needs_a_worker_that_was_alive_a_minute_ago(
    deps: Any, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Database, schema, worker: the first that is missing is named."""
    monkeypatch.setattr(health.schema, "current", lambda bind: None)
    assert health.ready(deps).problems == ("schema",)
    monkeypatch.setattr(health.schema, "current", lambda bind: health.schema.head())
    assert health.ready(deps).problems == ("worker",)
    health.heartbeat(deps, "worker-1")
    health.heartbeat(deps, "worker-1")
    assert health.ready(deps).ready
    clock.advance(seconds=61)
    assert health.ready(deps).problems == ("worker",)


def test_depths_name_every_queue(deps: Any, portal: Portal, clock: HandClock) -> None:
    """Rows by status over all portals."""
    put(deps, portal, clock.now())
    found = health.depths(deps)
    assert found["outbox"] == {"waiting": 1}
    assert set(found) == {"inbox", "outbox", "letters", "chores", "ignored_events"}


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with world(sessions, agency()) as made:
        yield made


def test_working_until_nothing_is_due_and_stepping_to_the_next_date_comes_to_rest(place: World) -> None:
    """The way the movable clock is driven: installation, set-up and synchronisation end with nothing due."""
    place.install()
    for _ in range(60):
        place.box.control("/events/flush", {"timeout": 60})
        place.work()
        assert health.due_now(place.deps) == 0
        following = health.next_due(place.deps)
        soon = place.clock.now() + timedelta(hours=1)
        if place.row().synced_at is not None and (following is None or following > soon):
            break
        assert following is not None
        place.clock.advance(max(0.0, (following - place.clock.now()).total_seconds()) + 0.01)
    assert place.row().synced_at is not None
    assert {row.status for row in place.all(InboxRow)} <= {"done", "superseded"}
    assert {row.error for row in place.all(ChoreRow)} == {""}

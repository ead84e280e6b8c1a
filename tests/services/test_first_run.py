"""The four steps after installation are counted once each, by whoever does them (product.md P7)."""

from __future__ import annotations

import threading

import pytest

from integration.services import first_run
from integration.services.first_run import STEPS
from integration.store.base import Sessions, transaction
from integration.store.portals import Portal
from tests.conftest import HandClock
from tests.services.wave_world import World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def test_a_new_portal_has_everything_before_it(world: World) -> None:
    run = first_run.read(world.deps, world.portal_id)
    assert [step.status for step in run.steps] == ["open"] * 4
    assert (run.at, run.done, run.finished) == ("senders", 0, False)


def test_it_goes_on_where_it_was_left(world: World) -> None:
    first_run.settle(world.deps, world.portal_id, "senders", "done")
    run = first_run.settle(world.deps, world.portal_id, "clients", "skipped")
    assert (run.at, run.done, run.status("clients")) == ("calendar", 1, "skipped")
    for step in ("calendar", "test"):
        run = first_run.settle(world.deps, world.portal_id, step, "done")  # type: ignore[arg-type]
    assert run.at == "clients"


def test_what_is_done_stays_done_however_often_it_is_passed_by(world: World) -> None:
    for status in ("skipped", "done", "skipped"):
        run = first_run.settle(world.deps, world.portal_id, "test", status)  # type: ignore[arg-type]
    assert run.status("test") == "done"


def test_the_first_end_counts(world: World) -> None:
    first = first_run.finish(world.deps, world.portal_id)
    world.clock.advance(days=1)
    assert first_run.finish(world.deps, world.portal_id) == first
    assert first.finished_at is not None
    with transaction(world.deps.sessions) as session:
        assert first_run.state(session, world.portal_id).finished


def test_two_administrators_at_once_lose_nothing_of_each_other(world: World) -> None:
    threads = [
        threading.Thread(target=first_run.settle, args=(world.deps, world.portal_id, step, "done"))
        for step in STEPS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first_run.read(world.deps, world.portal_id).done == len(STEPS)


def test_a_note_that_makes_no_sense_is_an_open_step(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.get_one(Portal, world.portal_id).first_run = {"senders": "maybe", "other": "done"}
    assert first_run.read(world.deps, world.portal_id).done == 0


def test_a_portal_that_is_not_there_is_an_error(world: World) -> None:
    with pytest.raises(LookupError):
        first_run.read(world.deps, 999)
    with pytest.raises(LookupError):
        first_run.finish(world.deps, 999)
    with pytest.raises(LookupError):
        first_run.settle(world.deps, 999, "test", "done")

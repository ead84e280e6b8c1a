"""The health page knows when people wait for a call and nobody calls (product.md W7, T8)."""

from __future__ import annotations

from sqlalchemy import Engine

from integration.services import diagnoses
from integration.store.base import make_sessions
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.calling import desk_world


def test_nobody_calls_is_counted_from_the_last_call(one_engine: Engine, clock: HandClock) -> None:
    """Before the first call from the beginning of the calling days; after these days nobody waits any more."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})
    found = diagnoses.portal(desk.deps, desk.world.portal_id)
    assert found is not None
    assert found.to_call == 3
    assert found.called_at is not None
    assert found.called_at <= clock.now()
    clock.advance(minutes=20)
    assert desk.call("answered", score="9").status == "done"
    found = diagnoses.portal(desk.deps, desk.world.portal_id)
    assert found is not None
    assert (found.to_call, found.called_at) == (2, clock.now())
    desk.world.set(Wave, desk.wave_id, stage="mailing")
    found = diagnoses.portal(desk.deps, desk.world.portal_id)
    assert found is not None
    assert (found.to_call, found.called_at) == (0, None)

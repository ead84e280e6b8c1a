"""The health page knows when people wait for a call and nobody calls (product.md W7, T8)."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from integration.services import diagnoses, wave_filter
from integration.services.wave_filter import Filter
from integration.store import wave_pages
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.reports import EVERYONE
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import Desk


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
    desk.taken()
    assert _to_call(desk) == 1  # a caller talks to one of them
    clock.advance(hours=2)
    assert _to_call(desk) == 2  # the slot has ended, the day has not
    clock.moment = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)  # 19:30 where they are
    assert _to_call(desk) == 0
    desk.world.set(Wave, desk.wave_id, stage="mailing")
    found = diagnoses.portal(desk.deps, desk.world.portal_id)
    assert found is not None
    assert (found.to_call, found.called_at) == (0, None)


def _to_call(desk: Desk) -> int:
    found = diagnoses.portal(desk.deps, desk.world.portal_id)
    assert found is not None
    return found.to_call


def test_the_list_of_who_may_be_called_now_leaves_out_whose_slot_ended_for_the_day(
    sessions: Sessions, clock: HandClock
) -> None:
    """In each zone by its own hours, as the console counts them; such people are to be called later."""
    desk = desk_world.make(sessions, clock, people={11: 1, 12: 1, 13: 1})
    desk.set(1200, time_zone="Asia/Vladivostok")  # seven hours ahead
    desk.set(1300, call_until=datetime(2026, 3, 3, 16, tzinfo=UTC))

    def listed(calls: str) -> list[str]:
        with transaction(desk.deps.sessions) as session:
            wave = session.get_one(Wave, desk.wave_id)
            _, chosen = wave_filter.read(session, wave, EVERYONE, Filter(calls=calls), clock.now())
            rows = wave_pages.lines(session, wave.portal_id, wave.id, EVERYONE, chosen, 0, 10)
            return [row.name for row in rows]

    assert listed("due") == ["Client 11", "Client 12", "Client 13"]
    clock.moment = datetime(2026, 3, 2, 10, tzinfo=UTC)  # 13:00 in Moscow, 20:00 in Vladivostok
    assert (listed("due"), listed("later")) == (["Client 11", "Client 13"], ["Client 12"])
    clock.moment = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    assert (listed("due"), listed("later")) == (["Client 13"], ["Client 11", "Client 12"])

"""The states of the main page and of the page of a survey: each fills a portal and says who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import Engine, insert

from integration.services import frames, wave_acts, waves
from integration.services.frames import Viewer
from integration.store.base import make_sessions, transaction
from integration.store.portals import Portal
from integration.store.waves import WaveClient
from tests.conftest import HandClock
from tests.services.report_world import LONG, MARKUP, Client, beat, busy, rehearsed, scores, tell, viewer
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world

State = Callable[[World], Viewer]


def _settled(world: World) -> None:
    beat(world)
    world.set(Portal, world.portal_id, first_run_at=world.clock.now())


def installed(world: World) -> Viewer:
    """Just installed: the four steps are ahead, no survey is planned."""
    beat(world)
    return viewer(world, administrator=True)


def reading(world: World) -> Viewer:
    """The clients are being read for the first time."""
    world.set(Portal, world.portal_id, synced_at=None)
    return installed(world)


def nothing_planned(world: World) -> Viewer:
    """Surveys are not planned by themselves."""
    _settled(world)
    world.policy(wave_month=0)
    return viewer(world)


def planned(world: World) -> Viewer:
    """A draft with a list of clients of every kind, without mistakes."""
    for number in range(2, 9):
        world.client(number, people=1 + number % 2, title={3: LONG, 4: MARKUP}.get(number, ""))
    world.client(20, since=date(2026, 1, 5))
    world.client(21, people=0)
    world.client(22, email=None)
    waves.rehearse(world.deps, world.portal_id, world.planned(), "molva")
    _settled(world)
    return viewer(world, administrator=True)


def drafted(world: World) -> Viewer:
    """A draft without a list."""
    world.planned()
    _settled(world)
    return viewer(world)


def making(world: World) -> Viewer:
    """The list is being made."""
    who = drafted(world)
    for number in range(2, 5):
        world.client(number)
    wave_id = world.wave().id
    wave_acts.act(world.deps, who, wave_id, "rehearse", {})
    waves.freeze(world.deps, world.portal_id, wave_id, steps=1)
    return who


def mistaken(world: World) -> Viewer:
    """The rehearsal found mistakes: nobody signs."""
    world.policy(senders=[], default_sender="", head_sender="")
    who = planned(world)
    waves.rehearse(world.deps, world.portal_id, world.wave().id, "Пётр Сом (1)")
    return who


def announced(world: World) -> Viewer:
    """Announced, and nobody has been asked yet."""
    _settled(world)
    tell(world, "2026", scores([None] * 22), stage="announced", start=date(2026, 1, 19))
    return viewer(world)


def few(world: World) -> Viewer:
    """Fewer answers than an index needs, and nothing to decide."""
    _settled(world)
    tell(world, "2026", scores([9, 3] + [None] * 20))
    return viewer(world)


def full(world: World) -> Viewer:
    """Everything at once, for an administrator."""
    busy(world)
    _settled(world)
    return viewer(world, administrator=True)


def head(world: World) -> Viewer:
    """The same for the head, who is no administrator."""
    full(world)
    return viewer(world, HEAD)


def director(world: World) -> Viewer:
    """The same for the head of the managers' department."""
    full(world)
    return viewer(world, DIRECTOR)


def manager(world: World) -> Viewer:
    """The same for an account manager."""
    full(world)
    return viewer(world, MANAGER)


def strange(world: World) -> Viewer:
    """The same for somebody without clients."""
    full(world)
    return viewer(world, 404)


def paused(world: World) -> Viewer:
    """A survey that stands still."""
    _settled(world)
    tell(world, "2026", scores([9] * 8 + [None] * 4), stage="paused", paused_from="reminders")
    return viewer(world)


def closed(world: World) -> Viewer:
    """A survey that is over; its result is preliminary."""
    _settled(world)
    tell(world, "2026", scores([9] * 8 + [0] * 3 + [None] * 4), stage="closed", start=date(2026, 1, 5))
    return viewer(world)


def cancelled(world: World) -> Viewer:
    """A survey that was cancelled."""
    _settled(world)
    rehearsed(world, tell(world, "2026", scores([None] * 4), stage="cancelled"), "no errors")
    return viewer(world)


def large(world: World) -> Viewer:
    """Ten thousand clients on the list."""
    _settled(world)
    told = tell(world, "2026", [Client(1, name=MARKUP)])
    many(world, told.wave, 10_000)
    return viewer(world)


def many(world: World, wave_id: int, number: int) -> None:
    """Lines of a list without people, in one statement."""
    rows = [
        {"portal_id": world.portal_id, "wave_id": wave_id, "client_kind": "company", "client_id": 1000 + n,
         "name": f"Клиент {n:05}", "reason": "too_new" if n % 3 else "", "eligible": not n % 3,
         "manager_id": MANAGER, "city": "Казань"}
        for n in range(number)
    ]  # fmt: skip
    with transaction(world.deps.sessions) as session:
        session.execute(insert(WaveClient), rows)


MAIN: dict[str, State] = {
    state.__name__: state
    for state in (
        installed, reading, nothing_planned, planned, drafted, mistaken, announced, few, full, head, director,
        manager, strange, paused, closed,
    )
}  # fmt: skip
WAVE: dict[str, State] = {
    state.__name__: state
    for state in (
        planned, drafted, making, mistaken, announced, full, director, strange, paused, closed, cancelled, large,
    )
}  # fmt: skip


@pytest.fixture
def year(one_engine: Engine, clock: HandClock) -> World:
    """An agency on one database: what these pages read was tested on both."""
    return make_world(make_sessions(one_engine), clock)


def form(world: World, who: Viewer, **more: str) -> dict[str, str]:
    """What a page of ours posts."""
    return {"session": frames.seal(world.deps, who), **more}

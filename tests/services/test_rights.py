"""The rights of a viewer come from the portal's settings and people as they are stored (product.md P2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration.services import policies, rights
from integration.services.frames import Viewer
from integration.store.base import Sessions, transaction
from integration.store.portals import Staff
from tests.conftest import HandClock, a_portal
from tests.services.report_world import hire
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def viewer(world: World, user_id: int, *, administrator: bool = False) -> Viewer:
    return Viewer(world.portal_id, user_id, administrator, "ru", "https://portal.example", world.clock.now())


def test_head_director_manager_and_caller_are_told_apart_by_what_is_stored(world: World) -> None:
    hire(world, 77, 55)
    world.policy(callers=[77], director_by_city={"Тверь": 55})
    found = {user: rights.read(world.deps, viewer(world, user)) for user in (HEAD, DIRECTOR, MANAGER, 77, 55)}
    roles = {user: one.role for user, one in found.items()}
    assert roles == {HEAD: "head", DIRECTOR: "director", MANAGER: "manager", 77: "caller", 55: "director"}
    assert found[DIRECTOR].people == {DIRECTOR, MANAGER}
    assert found[55].cities == {"тверь"}
    assert rights.read(world.deps, viewer(world, MANAGER, administrator=True)).may_set_up


def test_new_settings_count_at_once(world: World) -> None:
    assert rights.read(world.deps, viewer(world, MANAGER)).role == "manager"
    world.policy(head_user_id=MANAGER)
    assert rights.read(world.deps, viewer(world, MANAGER)).role == "head"


def test_people_of_another_portal_with_the_same_numbers_give_no_rights(
    world: World, sessions: Sessions
) -> None:
    """There, MANAGER heads the agency and DIRECTOR serves in a department of nobody."""
    with transaction(sessions) as session:
        other = a_portal(member_id="other", language="ru")
        session.add(other)
        session.flush()
        session.add(Staff(portal_id=other.id, user_id=MANAGER, name="Чужой", departments=[2]))
        session.add(Staff(portal_id=other.id, user_id=99, name="Чужой", departments=[2]))
    saved = policies.save(world.deps, other.id, {"head_user_id": MANAGER}, "тест", 0)
    assert saved == 1
    assert rights.read(world.deps, viewer(world, MANAGER)).role == "manager"
    assert rights.read(world.deps, viewer(world, DIRECTOR)).people == {DIRECTOR, MANAGER}
    with transaction(sessions) as session, pytest.raises(LookupError):
        rights.of(session, other.id, viewer(world, MANAGER))
    gone = replace(viewer(world, MANAGER), portal_id=other.id + 1)
    with pytest.raises(LookupError):
        rights.read(world.deps, gone)


def test_who_acts_is_named_with_the_number_the_portal_knows_them_by(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        assert rights.name_of(session, world.portal_id, HEAD) == f"Пётр Сом ({HEAD})"
        assert rights.name_of(session, world.portal_id, 404) == "#404"


def test_an_act_is_signed_with_a_name_that_fits_wherever_acts_are_kept(sessions: Sessions) -> None:
    with transaction(sessions) as session:
        portal = a_portal()
        session.add(portal)
        session.flush()
        session.add(Staff(portal_id=portal.id, user_id=12, name="А" * 200, last_name="Б" * 200))
        session.flush()
        signed = rights.name_of(session, portal.id, 12)
    assert (len(signed) <= 200, signed.endswith("А (12)")) == (True, True)

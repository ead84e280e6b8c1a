"""Versions of the settings: what each changed, and bringing one back."""

from __future__ import annotations

import pytest

from integration.services import policies, policy_history
from integration.services.policies import MACHINE, Refused, Saved
from integration.store.base import Sessions, reading, transaction
from integration.store.policies import PolicyRow
from integration.store.portals import Staff
from integration.store.waves import Wave
from tests.conftest import HandClock, a_portal
from tests.services.wave_world import DIRECTOR, HEAD, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    """Three versions: the start, 200 days, 250 days and two respondents."""
    made = make_world(sessions, clock)
    clock.advance(hours=1)
    policies.save(made.deps, made.portal_id, {"min_gap_days": 200}, "Пётр", 1)
    clock.advance(hours=1)
    policies.save(made.deps, made.portal_id, {"min_gap_days": 250, "max_respondents": 2}, "Ада", 2)
    return made


def test_versions_tell_author_moment_and_what_each_changed(world: World) -> None:
    found, older = policy_history.versions(world.deps, world.portal_id)
    assert not older
    assert [(v.number, v.author, [c.field for c in v.changes]) for v in found] == [
        (3, "Ада", ["min_gap_days", "max_respondents"]), (2, "Пётр", ["min_gap_days"]), (1, "тест", []),
    ]  # fmt: skip
    assert found[0].at == world.clock.now()
    assert [v.same_as for v in found] == [None] * 3


def test_a_version_brought_back_is_a_new_one(world: World) -> None:
    done = policy_history.restore(world.deps, world.portal_id, 2, "Ева", 3)
    assert isinstance(done, Saved)
    assert (done.version, [c.field for c in done.changes]) == (4, ["min_gap_days", "max_respondents"])
    found, _ = policy_history.versions(world.deps, world.portal_id)
    assert (found[0].author, found[0].same_as) == ("Ева", 2)
    with reading(world.deps.sessions) as session:
        assert policies.load(session, world.portal_id)[0].min_gap_days == 200


def test_bringing_back_twice_changes_nothing_the_second_time(world: World) -> None:
    policy_history.restore(world.deps, world.portal_id, 2, "Ева", 3)
    assert policy_history.restore(world.deps, world.portal_id, 2, "Ева", 3) == Saved(4)


def test_who_decided_before_somebody_else_saved_is_told(world: World) -> None:
    done = policy_history.restore(world.deps, world.portal_id, 1, "Ева", 2)
    assert isinstance(done, Refused)
    assert ([p.code for p in done.problems], done.version) == (["changed_meanwhile"], 3)


def test_a_version_that_names_somebody_who_has_left_is_refused_at_the_field(world: World) -> None:
    policies.save(world.deps, world.portal_id, {"head_user_id": DIRECTOR}, "Ада", 3)
    world.set(Staff, (world.portal_id, HEAD), active=False)
    done = policy_history.restore(world.deps, world.portal_id, 3, "Ева", 4)
    assert isinstance(done, Refused)
    assert [(p.field, p.code) for p in done.problems] == [("head_user_id", "dismissed")]


def test_there_must_be_such_a_version(world: World) -> None:
    done = policy_history.restore(world.deps, world.portal_id, 9, "Ева", 3)
    assert isinstance(done, Refused)
    assert [p.code for p in done.problems] == ["no_such_version"]
    assert policy_history.difference(world.deps, world.portal_id, 9) is None


def test_what_would_change_is_told_beforehand(world: World) -> None:
    found = policy_history.difference(world.deps, world.portal_id, 1)
    assert found is not None
    assert [(c.field, c.before, c.after) for c in found] == [
        ("min_gap_days", 250, 300),
        ("max_respondents", 2, 3),
    ]


def test_many_versions_come_in_pages(world: World) -> None:
    for number in range(3, 30):
        policies.save(world.deps, world.portal_id, {"min_gap_days": 300 + number}, "Ада", number)
    first, older = policy_history.versions(world.deps, world.portal_id)
    assert (older, [v.number for v in first]) == (True, list(range(30, 10, -1)))
    assert first[-1].changes
    second, older = policy_history.versions(world.deps, world.portal_id, before=11)
    assert (older, [v.number for v in second]) == (False, list(range(10, 0, -1)))


def test_the_default_that_a_survey_stored_has_no_author(world: World) -> None:
    world.set(PolicyRow, (world.portal_id, 1), author=MACHINE)
    found, _ = policy_history.versions(world.deps, world.portal_id)
    assert [v.by_machine for v in found] == [False, False, True]


def test_another_portal_s_versions_are_not_seen(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        other = a_portal(member_id="m-other")
        session.add(other)
        session.flush()
        session.add(
            PolicyRow(portal_id=other.id, version=7, body={}, author="чужой", saved_at=world.clock.now())
        )
        number = other.id
    assert [v.number for v in policy_history.versions(world.deps, number)[0]] == [7]
    assert [v.number for v in policy_history.versions(world.deps, world.portal_id)[0]] == [3, 2, 1]
    assert policy_history.difference(world.deps, world.portal_id, 7) is None


def test_a_survey_whose_list_is_made_keeps_its_rules(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    with reading(world.deps.sessions) as session:
        assert policy_history.kept_rules(session, world.portal_id) == []
    world.set(Wave, wave_id, frozen_at=world.clock.now(), policy_version=2)
    with reading(world.deps.sessions) as session:
        (kept,) = policy_history.kept_rules(session, world.portal_id)
    assert (kept.name, kept.version, kept.author) == ("2026", 2, "Пётр")
    world.set(Wave, wave_id, stage="closed")
    with reading(world.deps.sessions) as session:
        assert policy_history.kept_rules(session, world.portal_id) == []


def test_whoever_saves_is_recorded_by_name_and_number(world: World) -> None:
    assert policy_history.author(world.deps, world.portal_id, DIRECTOR) == f"Ольга Лис ({DIRECTOR})"

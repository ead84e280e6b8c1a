"""Two administrators at once: nothing typed is lost, nobody overwrites anybody, the same save changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from integration.services import policies
from integration.services.policies import Refused, Saved
from integration.store.base import Sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.policies import PolicyRow
from integration.store.portals import Staff
from tests.conftest import HandClock
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, SENDERS, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = make_world(sessions, clock)
    with transaction(sessions) as session:
        session.query(ChoreRow).delete()
    return made


def submit(
    world: World, body: dict[str, Any], base: int, author: str = "Ада", **more: Any
) -> Saved | Refused:
    return policies.submit(world.deps, world.portal_id, body, author, base, **more)


def stored(world: World) -> tuple[Any, int]:
    with transaction(world.deps.sessions) as session:
        return policies.load(session, world.portal_id)


def chores(world: World) -> set[str]:
    with transaction(world.deps.sessions) as session:
        return {row.name for row in session.query(ChoreRow)}


def refused(done: Saved | Refused) -> Refused:
    assert isinstance(done, Refused)
    return done


def test_a_save_tells_what_it_changed(world: World) -> None:
    done = submit(world, {"min_gap_days": 200, "max_respondents": 3}, 1)
    assert isinstance(done, Saved)
    assert (done.version, [change.field for change in done.changes], done.rereads) == (
        2,
        ["min_gap_days"],
        False,
    )


def test_the_same_save_once_more_changes_nothing(world: World) -> None:
    for _ in range(3):
        assert isinstance(submit(world, {"min_gap_days": 200}, 1), Saved)
    assert stored(world)[1] == 2
    assert submit(world, {"min_gap_days": 200}, 2) == Saved(2)


def test_changes_of_different_settings_come_together(world: World) -> None:
    submit(world, {"min_gap_days": 200}, 1)
    done = submit(world, {"max_respondents": 2, "min_gap_days": 300}, 1, "Ева")
    assert isinstance(done, Saved)
    assert done.taken == ("min_gap_days",)
    policy, version = stored(world)
    assert (version, policy.min_gap_days, policy.max_respondents) == (3, 200, 2)


def test_the_same_setting_changed_by_both_is_a_choice_with_its_author(world: World) -> None:
    submit(world, {"max_respondents": 5}, 1, "Пётр")
    submit(world, {"min_gap_days": 200}, 2, "Ада")
    world.clock.advance(minutes=5)
    submit(world, {"calling": True}, 3, "Олег")
    done = refused(submit(world, {"min_gap_days": 250, "letter_gap_days": 2}, 1, "Ева"))
    (clash,) = done.clashes
    assert (clash.author, clash.conflict.name) == ("Ада", "min_gap_days")
    assert (clash.conflict.mine, clash.conflict.theirs) == ((250,), (200,))
    assert clash.at < world.clock.now()
    assert (done.version, done.policy.letter_gap_days, done.policy.max_respondents) == (4, 2, 5)
    assert stored(world)[1] == 4


@pytest.mark.parametrize(("choice", "expected"), [("mine", 250), ("theirs", 200)])
def test_whose_value_was_chosen_counts(world: World, choice: Any, expected: int) -> None:
    submit(world, {"min_gap_days": 200}, 1)
    body = {"min_gap_days": 250, "max_respondents": 2}
    done = submit(world, body, 1, "Ева", chosen={"min_gap_days": choice}, chosen_at=2)
    assert isinstance(done, Saved)
    policy, _ = stored(world)
    assert (policy.min_gap_days, policy.max_respondents) == (expected, 2)


def test_a_choice_made_before_the_next_change_is_asked_again(world: World) -> None:
    submit(world, {"min_gap_days": 200}, 1)
    submit(world, {"min_gap_days": 210}, 2)
    done = refused(submit(world, {"min_gap_days": 250}, 1, chosen={"min_gap_days": "mine"}, chosen_at=2))
    assert [clash.conflict.theirs for clash in done.clashes] == [(210,)]
    assert stored(world)[0].min_gap_days == 210


def test_together_they_must_work_too(world: World) -> None:
    """One names a sender for a city while the other takes that sender away."""
    submit(world, {"senders": SENDERS[:1], "default_sender": "head"}, 1)
    done = refused(submit(world, {"sender_by_city": {"Казань": "branch"}}, 1))
    assert [(problem.field, problem.code) for problem in done.problems] == [
        ("sender_by_city", "no_such_sender")
    ]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"head_user_id": 99}, "head_user_id", "unknown_user"),
        ({"callers": [MANAGER, 99]}, "callers", "unknown_user"),
        ({"director_by_city": {"Казань": 7}}, "director_by_city", "dismissed"),
        ({"wave_owner": 7}, "wave_owner", "dismissed"),
    ],
)
def test_people_must_be_in_the_portal_and_at_work(
    world: World, body: dict[str, Any], field: str, code: str
) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Staff(portal_id=world.portal_id, user_id=7, name="Яна", active=False))
    done = refused(submit(world, body, 1))
    assert [(problem.field, problem.code) for problem in done.problems] == [(field, code)]


def test_somebody_who_has_left_keeps_nobody_from_saving_other_things(world: World) -> None:
    world.set(Staff, (world.portal_id, HEAD), active=False)
    assert isinstance(submit(world, {"min_gap_days": 200}, 1), Saved)
    assert isinstance(submit(world, {"head_user_id": DIRECTOR}, 2), Saved)
    assert [p.code for p in refused(submit(world, {"head_user_id": HEAD}, 3)).problems] == ["dismissed"]


def test_settings_that_were_wrong_before_keep_nobody_from_saving_others(world: World) -> None:
    """A row of an older version that today's checks would refuse."""
    with transaction(world.deps.sessions) as session:
        row = session.get_one(PolicyRow, (world.portal_id, 1))
        row.body = {**row.body, "min_gap_days": 5000}
    assert isinstance(submit(world, {"max_respondents": 2}, 1), Saved)
    done = refused(submit(world, {"min_gap_days": 4000}, 2))
    assert [problem.field for problem in done.problems] == ["min_gap_days"]


def test_another_field_of_the_cards_orders_them_to_be_read_again(world: World) -> None:
    done = submit(world, {"since_field": "UF_CRM_START"}, 1)
    assert isinstance(done, Saved)
    assert done.rereads
    assert chores(world) == {"first_sync"}


def test_a_new_source_orders_the_portal_s_lists_to_be_completed(world: World) -> None:
    policy, _ = stored(world)
    body = {
        "referral_sources": [*policy.referral_sources, "own_1"],
        "referral_source_names": {"own_1": "Выставка"},
    }
    assert isinstance(submit(world, body, 1), Saved)
    assert chores(world) == {"setup"}
    assert isinstance(submit(world, {"min_gap_days": 200}, 2), Saved)
    assert chores(world) == {"setup"}


def test_who_saw_the_default_saves_upon_the_default_the_machine_has_stored(world: World) -> None:
    """A survey stores the default as version 1 while somebody looks at it: nobody has changed anything."""
    with transaction(world.deps.sessions) as session:
        session.query(PolicyRow).delete()
    with transaction(world.deps.sessions) as session:
        policies.ensure_stored(session, world.portal_id, world.deps)
    done = submit(world, {"min_gap_days": 200}, 0)
    assert isinstance(done, Saved)
    assert done.version == 2

"""Settings of a portal: a working default from its own facts, versions with authors, nobody overwrites anybody."""

from __future__ import annotations

from typing import Any

import pytest

from integration.nps.policy_json import to_json
from integration.services import policies
from integration.services.deps import Deps
from integration.store.base import Sessions, transaction
from integration.store.policies import PolicyRow
from integration.store.portals import Department, Portal, Staff, Stage
from tests.conftest import HandClock
from tests.services.wave_world import make_world


@pytest.fixture
def deps(sessions: Sessions, clock: HandClock) -> Deps:
    """A portal nobody has set up yet: staff, departments and pipelines as the portal tells them."""
    world = make_world(sessions, clock)
    with transaction(sessions) as session:
        for row in session.query(PolicyRow):
            session.delete(row)
    return world.deps


def loaded(deps: Deps, portal_id: int = 1) -> tuple[Any, int]:
    with transaction(deps.sessions) as session:
        return policies.load(session, portal_id)


def test_the_default_works_without_anybody_having_set_anything(deps: Deps) -> None:
    policy, version = loaded(deps)
    assert version == 0
    assert policy.problems() == []
    assert policy.service_pipelines == (9,)
    assert (policy.time_zone, policy.language, policy.country) == ("Europe/Moscow", "ru", "RU")
    assert (policy.head_user_id, policy.wave_owner, policy.default_owner) == (1, 1, 1)
    assert [(s.key, s.name, s.email) for s in policy.senders] == [
        ("user-1", "Пётр Сом", "user1@agency.example.com"), ("user-5", "Ольга Лис", "user5@agency.example.com"),
    ]  # fmt: skip
    assert (policy.head_sender, policy.default_sender) == ("user-1", "user-5")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({0: "Общая", 3: "Client support"}, (3,)),
        ({0: "Продажи", 3: "Тендеры", 4: "Супровід клієнтів"}, (4,)),
        ({0: "Продажи", 3: "Тендеры"}, (3,)),
        ({0: "Общая"}, (0,)),
        ({}, ()),
    ],
)
def test_service_pipelines_are_guessed_from_their_names(
    deps: Deps, names: dict[int, str], expected: tuple[int, ...]
) -> None:
    with transaction(deps.sessions) as session:
        for stage in session.query(Stage):
            session.delete(stage)
        session.flush()
        for number, name in names.items():
            session.add(Stage(portal_id=1, stage_id=f"S{number}", category_id=number, category_name=name))
    assert loaded(deps)[0].service_pipelines == expected


def test_a_dismissed_or_unnamed_head_is_passed_over(deps: Deps) -> None:
    with transaction(deps.sessions) as session:
        session.get_one(Staff, (1, 1)).active = False
    policy, _ = loaded(deps)
    assert policy.head_user_id == 5
    with transaction(deps.sessions) as session:
        for division in session.query(Department):
            division.head_user_id = None
    policy, _ = loaded(deps)
    assert (policy.head_user_id, policy.senders) == (None, ())


def test_whoever_s_card_is_incomplete_does_not_sign_and_does_not_keep_others_from_saving(deps: Deps) -> None:
    with transaction(deps.sessions) as session:
        session.get_one(Staff, (1, 1)).phone = ""
    policy, _ = loaded(deps)
    assert (policy.head_user_id, policy.head_sender, policy.default_sender) == (1, "user-5", "user-5")
    assert policies.save(deps, 1, {"min_age_months": 6}, "Пётр Сом", 0) == 1


def test_what_the_portal_says_wrongly_does_not_break_the_default(deps: Deps) -> None:
    with transaction(deps.sessions) as session:
        portal = session.get_one(Portal, 1)
        portal.time_zone, portal.language, portal.currency = "Mars/Olympus", "tr", "XXX"
    policy, _ = loaded(deps)
    assert (policy.time_zone, policy.language, policy.country) == ("UTC", "en", "")


def test_a_saved_version_counts_and_keeps_its_author(deps: Deps) -> None:
    assert policies.save(deps, 1, {"min_age_months": 6}, "Пётр Сом", 0) == 1
    assert policies.save(deps, 1, {"max_respondents": 2}, "Ольга Лис", 1) == 2
    policy, version = loaded(deps)
    assert (version, policy.min_age_months, policy.max_respondents) == (2, 6, 2)
    with transaction(deps.sessions) as session:
        assert [row.author for row in session.query(PolicyRow).order_by(PolicyRow.version)] == [
            "Пётр Сом",
            "Ольга Лис",
        ]
        assert policies.load_version(session, 1, 1).max_respondents == 3


def test_who_saves_over_somebody_else_s_change_is_told(deps: Deps) -> None:
    policies.save(deps, 1, {"min_age_months": 6}, "Пётр Сом", 0)
    problems = policies.save(deps, 1, {"min_age_months": 9}, "Ольга Лис", 0)
    assert isinstance(problems, list)
    assert [problem.code for problem in problems] == ["changed_meanwhile"]
    assert loaded(deps)[0].min_age_months == 6


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"min_age_months": -1}, "min_age_months", "out_of_range"),
        ({"hours_from": 20, "hours_to": 9}, "hours_to", "hours_empty"),
        ({"language": "tlh"}, "language", "unknown_language"),
        ({"min_age_months": "many"}, "min_age_months", "wrong_value"),
        ({"scale": 5}, "scale", "unknown_field"),
    ],
)
def test_what_cannot_work_is_named_at_its_field_and_not_saved(
    deps: Deps, body: dict[str, Any], field: str, code: str
) -> None:
    problems = policies.save(deps, 1, body, "Пётр Сом", 0)
    assert isinstance(problems, list)
    assert (field, code) in [(problem.field, problem.code) for problem in problems]
    assert loaded(deps)[1] == 0


def test_the_whole_policy_can_be_saved_back_as_it_was_shown(deps: Deps) -> None:
    policy, _ = loaded(deps)
    assert policies.save(deps, 1, to_json(policy), "Пётр Сом", 0) == 1
    assert loaded(deps)[0] == policy


def test_a_default_is_stored_once_so_that_a_wave_can_name_its_rules(deps: Deps) -> None:
    for _ in range(2):
        with transaction(deps.sessions) as session:
            assert policies.ensure_stored(session, 1, deps)[1] == 1
    assert loaded(deps)[1] == 1


def test_an_unknown_portal_has_no_policy(deps: Deps) -> None:
    with transaction(deps.sessions) as session, pytest.raises(LookupError):
        policies.load(session, 99)

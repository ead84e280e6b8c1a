"""The settings of a portal and their checks."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.people import Staff, Team
from integration.nps.policy import Policy, Sender
from integration.nps.policy_checks import people_problems, pipeline_of
from integration.nps.policy_json import from_json, to_json

OLGA = Sender("msk", 3, "Olga", "Account director", "olga@example.com", "+7 495 1234567")
SOURCES = Policy().referral_sources
OWN: dict[str, Any] = {"referral_sources": (*SOURCES, "own_1")}


def test_the_defaults_work() -> None:
    """A portal that never opened the settings has a policy without problems (P7)."""
    assert Policy().problems() == []


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"hours_from": 18, "hours_to": 9}, "hours_to", "hours_empty"),
        ({"hours_from": 9, "hours_to": 9}, "hours_to", "hours_empty"),
        ({"hours_to": 25}, "hours_to", "out_of_range"),
        ({"min_age_months": -1}, "min_age_months", "out_of_range"),
        ({"systemic_share": 0}, "systemic_share", "out_of_range"),
        ({"wave_month": 2, "wave_day": 30}, "wave_day", "no_such_day"),
        ({"reminder_days": (9, 4)}, "reminder_days", "not_ascending"),
        ({"reminder_days": (4, 4)}, "reminder_days", "not_ascending"),
        ({"reminder_days": (0, 4)}, "reminder_days", "not_ascending"),
        ({"reminder_days": (4, 6)}, "reminder_days", "closer_than_gap"),
        ({"reminder_days": (2, 9)}, "reminder_days", "closer_than_gap"),
        ({"reminder_days": (3, 6, 9, 12, 15, 18)}, "reminder_days", "too_many"),
        ({"announce_days": 2}, "announce_days", "closer_than_gap"),
        ({"plan_days_before": 10}, "plan_days_before", "planned_too_late"),
        ({"calling": True, "calling_days": 5}, "calling_days", "attempts_do_not_fit"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "unknown_zone"),
        ({"language": "xx"}, "language", "unknown_language"),
        ({"senders": (OLGA, OLGA)}, "senders", "keys_not_unique"),
        ({"senders": (replace(OLGA, position=" "),)}, "senders", "sender_lacks"),
        ({"senders": (replace(OLGA, email="olga"),)}, "senders", "bad_address"),
        ({"senders": (replace(OLGA, email="No-Reply@example.com"),)}, "senders", "no_reply"),
        ({"default_sender": "x"}, "default_sender", "no_such_sender"),
        ({"sender_by_city": {"Kyiv": "x"}}, "sender_by_city", "no_such_sender"),
        ({"deadline_days": {"detractor": 99}}, "deadline_days", "out_of_range"),
        ({"deadline_days": {"angry": 1}}, "deadline_days", "unknown_group"),
        ({"role_weights": {"decides": 1}}, "role_weights", "weight_missing"),
        ({"referral_sources": ("client",)}, "referral_sources", "unknown_missing"),
        ({"recommending_sources": ("nobody",)}, "recommending_sources", "no_such_source"),
        ({"referral_sources": (*SOURCES, "own_1")}, "referral_sources", "source_unnamed"),
        ({"referral_source_names": {"own_1": "Fair"}}, "referral_sources", "no_such_source"),
        ({"referral_source_names": {"client": "Fair"}}, "referral_sources", "no_such_source"),
        ({**OWN, "referral_source_names": {"own_1": "x" * 61}}, "referral_sources", "too_long"),
        (
            {"referral_sources": (*SOURCES, "a", "b"), "referral_source_names": {"a": "Fair", "b": " fair "}},
            "referral_sources",
            "names_not_unique",
        ),
        ({"languages": ("ru",)}, "languages", "main_language_missing"),
        ({"languages": ()}, "languages", "main_language_missing"),
        ({"languages": ("en", "en")}, "languages", "unknown_language"),
        ({"languages": ("en", "tlh")}, "languages", "unknown_language"),
        ({"retention_months": 11}, "retention_months", "out_of_range"),
        ({"retention_months": 121}, "retention_months", "out_of_range"),
        ({"callers": tuple(range(301))}, "callers", "too_many"),
        ({"senders": (replace(OLGA, name="x" * 201),)}, "senders", "too_long"),
        ({"city_field": "x" * 201}, "city_field", "too_long"),
        ({"director_by_city": {" ": 1}}, "director_by_city", "bad_city"),
        ({"service_pipelines": (2,), "service_stages": ("NEW",)}, "service_stages", "stage_elsewhere"),
        (
            {"service_pipelines": (0, 2), "service_stages": ("NEW",)},
            "service_stages",
            "pipeline_without_stage",
        ),
        ({"since_field": "UF_A", "end_field": "UF_A"}, "end_field", "same_field"),
        (
            {"plan_days_before": 180, "closing_days": 90, "reminder_days": (95,)},
            "closing_days",
            "longer_than_year",
        ),
    ],
)
def test_what_cannot_work_is_told_at_its_field(changes: dict[str, Any], field: str, code: str) -> None:
    """A code for the catalogue beside the field's name."""
    found = replace(Policy(), **changes).problems()
    assert (field, code) in [(problem.field, problem.code) for problem in found]


def test_letters_exactly_as_far_apart_as_allowed_are_fine() -> None:
    """Reminders every three days with a gap of three (W2)."""
    assert Policy(reminder_days=(3, 6, 9), letter_gap_days=3, announce_days=3).problems() == []


def test_stages_of_every_chosen_pipeline_are_fine() -> None:
    """The common pipeline has stages without a prefix (bitrix24.md 7.6)."""
    assert Policy(service_pipelines=(0, 2), service_stages=("NEW", "C2:WORK")).problems() == []
    assert [pipeline_of(stage) for stage in ("NEW", "C9:WON", "Cx:1", "D2:A")] == [0, 9, None, None]


def test_own_sources_with_names_are_fine() -> None:
    policy = Policy(**OWN, referral_source_names={"own_1": "Fair"}, recommending_sources=("own_1",))
    assert policy.problems() == []
    assert policy.own_sources == ("own_1",)


def test_the_same_date_field_of_another_card_is_another_field() -> None:
    assert Policy(since_field="UF_A", since_field_on="company", end_field="UF_A").problems() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"head_user_id": 1, "default_owner": 1, "wave_owner": 1, "callers": (1,)}, []),
        ({"head_user_id": 2}, [("head_user_id", "dismissed")]),
        ({"default_owner": 9}, [("default_owner", "unknown_user")]),
        ({"wave_owner": 9}, [("wave_owner", "unknown_user")]),
        ({"callers": (1, 9, 2)}, [("callers", "unknown_user"), ("callers", "dismissed")]),
        ({"director_by_city": {"Tver": 9}}, [("director_by_city", "unknown_user")]),
        (
            {"senders": (replace(OLGA, user_id=9), replace(OLGA, key="b", user_id=None))},
            [("senders", "unknown_user")],
        ),
    ],
)
def test_people_must_be_known_and_at_work(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Dismissed ones stay in the portal's list; nobody is doubted while that list has not been read."""
    team = Team.of([Staff(1, "Petr"), Staff(2, "Gone", active=False)])
    policy = replace(Policy(), **changes)
    assert [(one.field, one.code) for one in people_problems(policy, team)] == expected
    assert people_problems(policy, Team()) == []


def test_older_rows_name_a_source_by_its_old_code() -> None:
    read, wrong = from_json({"referral_sources": ["rating", "unknown"], "recommending_sources": ["rating"]})
    assert wrong == []
    assert (read.referral_sources, read.recommending_sources) == (
        ("publication", "unknown"),
        ("publication",),
    )


def test_a_full_policy_survives_json() -> None:
    """Through real JSON text, senders and mappings included."""
    policy = Policy(
        service_pipelines=(2, 3),
        service_stages=("C2:WORK",),
        senders=(OLGA,),
        default_sender="msk",
        sender_by_city={"Москва": "msk"},
        director_by_city={"Київ": 7},
        head_user_id=1,
        calling=True,
        reminder_days=(5,),
        deadline_days={"detractor": 1, "passive": 3, "promoter": 9},
        language="uk",
        readiness="refuse",
        account_rule="equal",
        since_field="UF_X",
        since_field_on="company",
        callers=(4, 5),
        languages=("uk", "en"),
        referral_sources=(*SOURCES, "own_1"),
        referral_source_names={"own_1": "Виставка"},
        retention_months=24,
    )
    read, wrong = from_json(json.loads(json.dumps(to_json(policy))))
    assert wrong == []
    assert read == policy
    assert to_json(read) == to_json(policy)


def test_every_setting_is_written() -> None:
    """None is forgotten when one is added."""
    assert to_json(Policy()).keys() == {field.name for field in dataclasses.fields(Policy)}


def test_newer_and_older_rows_are_read() -> None:
    """Unknown keys are ignored, missing ones take their default."""
    assert from_json({"from_the_future": 1, "min_gap_days": 200}) == (Policy(min_gap_days=200), [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_gap_days", "300"),
        ("min_gap_days", True),
        ("min_gap_days", None),
        ("min_gap_days", 1.5),
        ("calling", 1),
        ("calling", "yes"),
        ("service_pipelines", 2),
        ("service_pipelines", ["2"]),
        ("service_stages", [1]),
        ("service_stages", "C2:WORK"),
        ("senders", [1]),
        ("senders", [{"key": 5}]),
        ("senders", {}),
        ("sender_by_city", []),
        ("sender_by_city", {"a": 1}),
        ("director_by_city", {"a": "b"}),
        ("readiness", "maybe"),
        ("account_rule", ""),
        ("head_user_id", "1"),
        ("language", 5),
        ("since_field_on", "lead"),
        ("callers", ["5"]),
        ("callers", [True]),
        ("languages", "ru"),
        ("referral_source_names", {"own_1": 5}),
        ("retention_months", "36"),
    ],
)
def test_a_wrong_value_keeps_the_default_and_is_reported(name: str, value: Any) -> None:
    """The rest of the row is read."""
    read, wrong = from_json({name: value, "max_respondents": 2})
    assert read == Policy(max_respondents=2)
    assert [(problem.field, problem.code) for problem in wrong] == [(name, "wrong_value")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 400) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(to_json(Policy()))), JSON))
def test_any_row_gives_a_policy_that_can_be_checked(data: dict[str, Any]) -> None:
    """No exception from reading or checking, whatever lies in the database."""
    policy, _ = from_json(data)
    assert isinstance(policy.problems(), list)
    assert from_json(to_json(policy)) == (policy, [])

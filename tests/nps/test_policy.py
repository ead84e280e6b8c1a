"""The settings of a portal and their checks."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.policy import Policy, Sender
from integration.nps.policy_json import from_json, to_json

OLGA = Sender("msk", 3, "Olga", "Account director", "olga@example.com", "+7 495 1234567")


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
    ],
)
def test_what_cannot_work_is_told_at_its_field(changes: dict[str, Any], field: str, code: str) -> None:
    """A code for the catalogue beside the field's name."""
    found = replace(Policy(), **changes).problems()
    assert (field, code) in [(problem.field, problem.code) for problem in found]


def test_letters_exactly_as_far_apart_as_allowed_are_fine() -> None:
    """Reminders every three days with a gap of three (W2)."""
    assert Policy(reminder_days=(3, 6, 9), letter_gap_days=3, announce_days=3).problems() == []


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

"""Settings that work, but hardly as meant; codes of own sources."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.nps.call_pace import calls_that_fit
from integration.nps.policy import Policy, Sender
from integration.nps.policy_hints import hints
from integration.nps.policy_sources import source_code

HEAD = Sender("head", 1, "Head", "Head", "head@example.com", "1")
OTHER = Sender("other", 2, "Other", "Director", "other@example.com", "2")
COMPLETE: dict[str, Any] = {
    "service_pipelines": (1,), "senders": (HEAD, OTHER), "head_sender": "head", "default_sender": "other",
    "head_user_id": 1, "wave_owner": 1,
}  # fmt: skip


def test_settings_that_are_complete_need_no_second_look() -> None:
    assert hints(Policy(**COMPLETE)) == []


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"service_pipelines": ()}, "service_pipelines", "only_won_deals"),
        ({"min_gap_days": 324}, "min_gap_days", "gap_skips_a_year"),
        ({"senders": (), "head_sender": "", "default_sender": ""}, "senders", "nobody_signs"),
        ({"head_sender": ""}, "head_sender", "nobody_announces"),
        ({"default_sender": ""}, "default_sender", "no_default"),
        ({"senders": (HEAD,)}, "senders", "one_sender"),
        ({"head_user_id": None}, "head_user_id", "nobody_watches"),
        ({"wave_owner": None}, "wave_owner", "nobody_approves"),
        ({"calling": True}, "callers", "nobody_calls"),
        ({"calling": True, "callers": (5,), "calling_days": 7}, "max_attempts", "attempts_hardly_fit"),
    ],
)
def test_each_is_told_at_its_field(changes: dict[str, Any], field: str, code: str) -> None:
    assert [(h.field, h.code) for h in hints(Policy(**{**COMPLETE, **changes}))] == [(field, code)]


def test_all_attempts_fit_into_the_usual_days_and_fewer_into_fewer() -> None:
    """Twelve in ten days, eight working ones of which; in a week seven or eight (product.md W7)."""
    assert hints(Policy(**COMPLETE, calling=True, callers=(5,))) == []
    assert [calls_that_fit(Policy(calling_days=days)) for days in (1, 5, 7, 10, 30)] == [2, 8, 8, 12, 12]
    assert calls_that_fit(Policy(calling_days=5, attempts_per_day=1)) == 5


def test_a_gap_that_just_lets_everybody_be_asked_each_year_is_fine() -> None:
    """Asked on D, the next list is made 42 days before the next D: 323 days later."""
    assert hints(Policy(**{**COMPLETE, "min_gap_days": 323})) == []


@given(st.text(min_size=1))
def test_a_source_s_code_fits_a_portal_and_hangs_on_the_name_alone(name: str) -> None:
    code = source_code(name)
    assert code.isascii()
    assert len(code) == 14
    assert code == source_code(f"  {name} ")


def test_other_names_have_other_codes() -> None:
    assert source_code("Партнёр") == source_code("партнёр")
    assert source_code("Партнёр") != source_code("Партнёры")

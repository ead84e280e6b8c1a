"""Where a client stands, what comes next for its people, and who may do what on its card (product.md E4, P2, W10)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration.nps.eligibility import REASONS
from integration.nps.plans import Plan
from integration.nps.policy import Policy
from integration.nps.rights import Rights
from integration.nps.standing import (
    ACTIONS,
    Action,
    Listed,
    NextStep,
    before_list,
    clears_on,
    denial,
    facts_from,
    may_record,
    next_step,
    on_list,
    with_gap,
)

MANAGER, COLLEAGUE, DIRECTOR, HEAD, ADMIN, CALLER = 6, 7, 5, 1, 2, 10
PEOPLE = {
    "administrator": Rights("administrator", ADMIN),
    "head": Rights("head", HEAD),
    "director": Rights("director", DIRECTOR, frozenset({"kazan"}), frozenset({DIRECTOR, MANAGER})),
    "director elsewhere": Rights("director", 15, frozenset({"tver"}), frozenset({15})),
    "own manager": Rights("manager", MANAGER, people=frozenset({MANAGER})),
    "colleague": Rights("manager", COLLEAGUE, people=frozenset({COLLEAGUE})),
    "caller": Rights("caller", CALLER),
}
ALLOWED = {
    "administrator": set(ACTIONS),
    "head": set(ACTIONS) - {"opt_back"},
    "director": set(ACTIONS) - {"opt_back"},
    "director elsewhere": {"record"},
    "own manager": {"hold", "lift", "opt_out", "restore"},
    "colleague": {"record"},
    "caller": set(),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", PEOPLE)
def test_who_may_do_what_on_a_card(name: str, action: Action) -> None:
    reason = denial(action, PEOPLE[name], frozenset({MANAGER}), frozenset({MANAGER}), "Kazan")
    assert (reason is None) is (action in ALLOWED[name])


@pytest.mark.parametrize("action", ["record", "correct", "confirm", "reject"])
@pytest.mark.parametrize("name", ["administrator", "head", "director", "own manager"])
def test_nobody_who_serves_the_client_touches_its_scores_whatever_the_role(name: str, action: Action) -> None:
    who = PEOPLE[name]
    assert denial(action, who, frozenset({who.user_id}), frozenset({who.user_id}), "Kazan") == "own_client"


REFUSALS: list[tuple[str, Action, str]] = [
    ("caller", "hold", "callers"), ("own manager", "correct", "own_client"), ("colleague", "correct", "directors_only"),
    ("colleague", "hold", "not_yours"), ("head", "opt_back", "administrators_only"),
    ("director elsewhere", "confirm", "directors_only"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "action", "code"), REFUSALS)
def test_a_refusal_says_why(name: str, action: Action, code: str) -> None:
    assert denial(action, PEOPLE[name], frozenset({MANAGER}), frozenset({MANAGER}), "Kazan") == code


def test_a_client_without_a_manager_belongs_to_head_and_branch() -> None:
    def may(name: str, city: str) -> bool:
        return denial("hold", PEOPLE[name], frozenset(), frozenset(), city) is None

    assert [may("head", ""), may("director", "Kazan"), may("director", ""), may("colleague", "")] == [
        True, True, False, False,
    ]  # fmt: skip


LISTS: list[tuple[Listed, str]] = [
    (Listed(False, "too_new", {"from": "2026-03-01"}), "out"),
    (Listed(True, outcomes=("", "no_answer")), "asked"),
    (Listed(True, outcomes=("no_answer", "refused")), "finished"),
    (Listed(True, outcomes=("answered", ""), answered=1), "answered"),
    (Listed(True, outcomes=("answered",), answered=0), "finished"),  # answered and rejected
]


@pytest.mark.parametrize(("line", "code"), LISTS)
def test_a_client_on_a_list_is_asked_or_has_its_one_reason(line: Listed, code: str) -> None:
    found = on_list("2026", "mailing", line, date(2026, 1, 1))
    assert (found.code, found.wave, found.reason is None) == (code, "2026", code != "out")


@pytest.mark.parametrize(
    ("reason", "facts", "clears"),
    [
        ("too_new", {"from": "2026-03-01"}, date(2026, 3, 1)),
        ("too_new", {"since": None}, None),
        ("asked_recently", {"again_on": "2026-05-02"}, date(2026, 5, 2)),
        ("on_hold", {"until": "2026-02-01"}, date(2026, 2, 1)),
        ("on_hold", {"until": None}, None),
        ("on_hold", {"until": "someday"}, None),
        ("opted_out", {"until": "2026-02-01"}, None),
        ("not_current", {}, None),
    ],
)
def test_time_mends_some_reasons_and_not_others(reason: Any, facts: Any, clears: date | None) -> None:
    assert clears_on(reason, facts) == clears


@pytest.mark.parametrize(
    ("until", "next_ask", "in_time"),
    [
        ("2026-02-01", date(2026, 2, 1), True),
        ("2026-02-02", date(2026, 2, 1), False),
        ("2026-02-02", None, None),
        (None, date(2026, 2, 1), None),
    ],
)
def test_before_a_list_it_is_said_whether_the_reason_is_over_in_time(
    until: str | None, next_ask: date | None, in_time: bool | None
) -> None:
    found = before_list("on_hold", {"until": until}, date(2026, 1, 12), "2026", "draft", next_ask)
    assert (found.code, found.in_time) == ("would_not", in_time)


def test_without_a_reason_the_client_would_be_asked() -> None:
    found = before_list(None, {}, date(2026, 1, 12), "", "", None)
    assert (found.code, found.reason, found.as_of) == ("would", None, date(2026, 1, 12))


def test_the_end_of_the_gap_is_told() -> None:
    facts = with_gap("asked_recently", {"asked_on": "2025-10-01"}, Policy(min_gap_days=300))
    assert facts["again_on"] == "2026-07-28"
    assert with_gap("too_new", {"asked_on": "2025-10-01"}, Policy()) == {"asked_on": "2025-10-01"}


def test_facts_of_a_list_are_read_as_they_were_written() -> None:
    assert facts_from("since=2026-10-01; from=2027-01-01") == {"since": "2026-10-01", "from": "2027-01-01"}
    assert facts_from("why=open_follow_up; until=None") == {"why": "open_follow_up"}
    assert facts_from("") == {}


@given(st.text())
@example("=")
@example("since=")
def test_whatever_stands_in_a_list_can_be_read(detail: str) -> None:
    assert all(isinstance(value, str) and value for value in facts_from(detail).values())


PLAN = Plan(
    zone="Europe/Moscow", drafted=date(2025, 12, 1), owner_reminders=(), announce=date(2025, 12, 29),
    start=date(2026, 1, 9), calling=None, mailing=date(2026, 1, 9),
    reminders=(date(2026, 1, 13), date(2026, 1, 19)), closing=date(2026, 1, 26), frozen_on=date(2026, 2, 9),
)  # fmt: skip
TODAY = date(2026, 1, 12)
SENT = {"announcement": "2025-12-29T06:00:00+00:00", "invitation": "2026-01-09T06:00:00+00:00"}
STEPS: list[tuple[dict[str, Any], NextStep]] = [
    ({}, NextStep("reminder_1", date(2026, 1, 13))),
    ({"due": date(2026, 1, 14)}, NextStep("reminder_1", date(2026, 1, 14))),
    ({"touches": {}}, NextStep("announcement", date(2025, 12, 29))),
    ({"touches": {}, "approved": False}, NextStep("announcement", date(2025, 12, 29), "approval")),
    ({"skipped": ["reminder_1"]}, NextStep("reminder_2", date(2026, 1, 19))),
    (
        {"skipped": ["reminder_1", "reminder_2"], "due": date(2026, 1, 30)},
        NextStep("closing", date(2026, 1, 26)),
    ),
    ({"stage": "paused"}, NextStep("reminder_1", None, "paused")),
    ({"stage": "closed"}, NextStep("")),
    ({"plan": None}, NextStep("")),
    ({"hold_until": date(2026, 1, 20)}, NextStep("reminder_1", date(2026, 1, 20), "hold")),
    ({"hold_until": date(2026, 3, 1)}, NextStep("closing", date(2026, 1, 26), "hold")),
    ({"hold_until": TODAY}, NextStep("reminder_1", date(2026, 1, 13))),
    ({"snoozed_until": date(2026, 1, 24)}, NextStep("reminder_1", date(2026, 1, 24), "snoozed")),
    ({"snoozed_until": TODAY - timedelta(days=1)}, NextStep("reminder_1", date(2026, 1, 13))),
]


@pytest.mark.parametrize(("changes", "found"), STEPS)
def test_what_comes_next_for_somebody_who_has_not_answered(changes: dict[str, Any], found: NextStep) -> None:
    given_ = {
        "plan": PLAN,
        "stage": "mailing",
        "touches": SENT,
        "skipped": [],
        "approved": True,
        "today": TODAY,
    }
    values = given_ | changes
    plan, stage, touches, skipped = (values.pop(name) for name in ("plan", "stage", "touches", "skipped"))
    assert next_step(plan, stage, touches, skipped, **values) == found


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True), ({"stage": "draft"}, False), ({"stage": "closed"}, False), ({"stage": "closing"}, True),
        ({"stage": "closed", "preliminary": True}, True), ({"stage": "cancelled", "preliminary": True}, False),
        ({"stage": "paused"}, True), ({"status": "held"}, True), ({"status": "rejected"}, True),
        ({"status": "counted"}, False), ({"outcome": "opted_out"}, False), ({"outcome": "excluded"}, False),
        ({"outcome": "postponed"}, True), ({"approved": False}, False), ({"revoked": True}, False),
    ],
)  # fmt: skip
def test_when_an_answer_by_word_of_mouth_can_be_written_down(changes: dict[str, Any], may: bool) -> None:
    values = {"stage": "mailing", "outcome": "", "status": "", "approved": True, "revoked": False} | changes
    stage, outcome, status = (values.pop(name) for name in ("stage", "outcome", "status"))
    assert may_record(stage, outcome, status, **values) is may


def test_every_reason_has_one_place_among_the_standings() -> None:
    assert {before_list(reason, {}, TODAY, "", "", None).code for reason in REASONS} == {"would_not"}

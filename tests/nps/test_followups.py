"""What must follow, whose it is and by when (product.md F1 to F4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integration.nps.followups import (
    CHECKLISTS,
    Case,
    FollowUpState,
    Office,
    Ownership,
    decide,
    decide_revision,
    follow_up,
    next_step,
    ownership,
    silent_follow_ups,
)
from integration.nps.intents import Escalate, FollowUpKind, Remind
from integration.nps.people import ClientKey, Staff, Team
from integration.nps.policy import Policy
from integration.nps.workdays import WorkCalendar

HEAD, DIRECTOR, CHIEF, MANAGER, SPARE, ADMIN = 1, 2, 3, 4, 5, 6
POLICY = Policy(head_user_id=HEAD, director_by_city={"Kyiv": DIRECTOR}, default_owner=SPARE)
STAFF = [
    Staff(HEAD),
    Staff(DIRECTOR),
    Staff(CHIEF, head_of=(20,)),
    Staff(MANAGER, department_ids=(21,)),
    Staff(SPARE),
    Staff(ADMIN, admin=True),
]
TEAM = Team.of(STAFF, {21: 20, 20: 1, 1: None})
CASE = Case(
    ClientKey("company", 1),
    "Firm",
    "Kyiv",
    MANAGER,
    deal_id=5,
    contact_id=11,
    person="Anna",
    role="decides",
    score=3,
    comment="late again",
    channel="email",
    wave="2026",
    response_id=77,
)
TUESDAY = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)  # 11:00 in Moscow
OFFICE = Office(POLICY, TEAM, WorkCalendar(), ZoneInfo("Europe/Moscow"))


def team(**absent: bool) -> Team:
    """The same people, some of them away: ``team(director=False)`` is dismissed, ``True`` is absent."""
    ids = {
        "head": HEAD,
        "director": DIRECTOR,
        "chief": CHIEF,
        "manager": MANAGER,
        "spare": SPARE,
        "admin": ADMIN,
    }
    away = {ids[name]: state for name, state in absent.items()}
    return Team.of(
        [
            replace(one, active=away[one.user_id], absent=away[one.user_id]) if one.user_id in away else one
            for one in STAFF
        ],
        TEAM.parents,
    )


@pytest.mark.parametrize(
    ("score", "kind", "days", "observers"),
    [
        (0, "detractor_meeting", "2026-11-12", (HEAD,)),
        (6, "detractor_meeting", "2026-11-12", (HEAD,)),
        (7, "passive_call", "2026-11-17", ()),
        (9, "promoter_thanks", "2026-11-24", ()),
    ],
)
def test_each_group_has_its_follow_up(score: int, kind: str, days: str, observers: tuple[int, ...]) -> None:
    """Meeting in 2 working days with the head watching; call in 5; thanks in 10 (F1, F4)."""
    (intent,) = decide(replace(CASE, score=score), OFFICE, TUESDAY)
    assert (intent.kind, intent.owner, intent.observers) == (kind, DIRECTOR, observers)
    assert intent.creator == HEAD
    assert intent.deadline == datetime.combine(
        date.fromisoformat(days), datetime.min.time(), UTC
    ) + timedelta(hours=15)
    assert intent.checklist == CHECKLISTS[intent.kind]
    assert (intent.client, intent.deal_id, intent.contact_id, intent.response_id) == (CASE.client, 5, 11, 77)


def test_the_task_carries_what_is_needed() -> None:
    """Client, score, the words, who said it and their role (F2)."""
    (intent,) = decide(CASE, OFFICE, TUESDAY)
    assert intent.facts == {
        "client": "Firm",
        "person": "Anna",
        "role": "decides",
        "score": 3,
        "group": "detractor",
        "comment": "late again",
        "channel": "email",
        "wave": "2026",
        "manager": MANAGER,
    }


def test_deadlines_leave_out_holidays() -> None:
    """Two working days over a long weekend."""
    calendar = WorkCalendar(holidays=frozenset({date(2026, 11, 11), date(2026, 11, 12)}))
    (intent,) = decide(CASE, replace(OFFICE, calendar=calendar), TUESDAY)
    assert intent.deadline == datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "staff", "owner", "by"),
    [
        ({}, TEAM, DIRECTOR, "director"),
        ({"city": " kyiv"}, TEAM, DIRECTOR, "director"),
        ({"city": "Lviv"}, TEAM, CHIEF, "head_of_department"),
        ({}, team(director=False), CHIEF, "head_of_department"),
        ({}, team(director=True), CHIEF, "head_of_department"),
        ({}, team(director=False, chief=False), SPARE, "default"),
        ({"manager": None, "city": ""}, TEAM, SPARE, "default"),
        ({}, team(director=False, chief=False, spare=False), HEAD, "head"),
        ({}, team(director=False, chief=False, spare=False, head=False), ADMIN, "administrator"),
        ({"manager": DIRECTOR}, TEAM, SPARE, "default"),
        ({"manager": CHIEF, "city": "Lviv"}, TEAM, SPARE, "default"),
    ],
)
def test_whose_case_it_is(changes: dict[str, object], staff: Team, owner: int, by: str) -> None:
    """Director of the branch, head of the department, default; dismissed and absent people skipped (F3)."""
    found = ownership("detractor_meeting", replace(CASE, **changes), POLICY, staff)  # type: ignore[arg-type]
    assert found is not None
    assert (found.owner, found.by) == (owner, by)


def test_the_criticised_manager_never_owns_the_case_alone() -> None:
    """Only where nobody else is at work, and then the head watches; never without anybody (F3)."""
    policy = replace(POLICY, director_by_city={}, default_owner=MANAGER)
    small = Team.of([Staff(MANAGER), Staff(HEAD)])
    assert ownership("detractor_meeting", CASE, policy, small) == Ownership(HEAD, (), "head")
    assert ownership("detractor_meeting", CASE, policy, Team.of([Staff(MANAGER)])) is None
    assert decide(CASE, replace(OFFICE, policy=policy, team=Team.of([Staff(MANAGER)])), TUESDAY) == []
    happy = ownership("promoter_thanks", CASE, policy, small)
    assert happy == Ownership(MANAGER, (), "default")


def test_the_managers_own_departments_head_comes_from_above() -> None:
    """A manager who heads the own department answers to the next one; circles of departments end."""
    staff = [Staff(MANAGER, department_ids=(21,), head_of=(21,)), Staff(CHIEF, head_of=(20,)), Staff(HEAD)]
    found = ownership("passive_call", replace(CASE, city=""), POLICY, Team.of(staff, {21: 20, 20: 21}))
    assert found == Ownership(CHIEF, (), "head_of_department")
    alone = Team.of([staff[0], staff[2]], {21: 20, 20: 21})
    found = ownership("passive_call", replace(CASE, city=""), POLICY, alone)
    assert found == Ownership(HEAD, (), "head")


@pytest.mark.parametrize("kind", list(CHECKLISTS))
def test_in_no_kind_of_case_is_anybody_away_chosen(kind: FollowUpKind) -> None:
    """Whoever is at work, owner and observers are, and a critical case is not the manager's."""
    for names in (("director",), ("director", "chief"), ("spare", "head"), ("director", "head", "admin")):
        staff = team(**dict.fromkeys(names, False))
        found = ownership(kind, CASE, POLICY, staff)
        assert found is not None
        assert staff.at_work(found.owner)
        assert all(staff.at_work(one) and one != found.owner for one in found.observers)
        assert found.owner != MANAGER or kind in ("promoter_thanks", "silent_check")


def test_a_correction_opens_a_case_only_if_the_group_changed() -> None:
    """9 → 3 is a new case, 3 → 5 is the same one (S3, F1)."""
    assert decide_revision(5, CASE, OFFICE, TUESDAY) == []
    assert [one.kind for one in decide_revision(9, CASE, OFFICE, TUESDAY)] == ["detractor_meeting"]
    assert decide_revision(9, replace(CASE, score=None), OFFICE, TUESDAY) == []
    assert decide(replace(CASE, score=None), OFFICE, TUESDAY) == []


def test_other_cases_and_silence() -> None:
    """A direct line and a disagreement are watched by the head; silent clients are checked on if so set (F1)."""
    kinds: tuple[FollowUpKind, ...] = ("direct_line", "disagreement")
    for kind in kinds:
        (intent,) = follow_up(kind, 2, replace(CASE, score=None), OFFICE, TUESDAY)
        assert intent.observers == (HEAD,)
        assert intent.facts["group"] is None
    assert silent_follow_ups([CASE], OFFICE, TUESDAY) == []
    on = replace(OFFICE, policy=replace(POLICY, silent_check=True))
    assert [one.kind for one in silent_follow_ups([CASE, CASE], on, TUESDAY)] == ["silent_check"] * 2


def test_overdue_is_reminded_once_then_escalated_once() -> None:
    """Two working days between, both in working hours; a result ends it (F4)."""
    friday_evening = datetime(2026, 11, 13, 15, 0, tzinfo=UTC)
    monday = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
    state = FollowUpState(9, DIRECTOR, friday_evening)
    assert next_step(state, OFFICE, TUESDAY) == monday
    assert next_step(state, OFFICE, monday - timedelta(hours=20)) == monday
    assert next_step(state, OFFICE, monday) == Remind(9, DIRECTOR)
    reminded = replace(state, reminded_at=monday)
    thursday = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)
    assert next_step(reminded, OFFICE, monday) == thursday
    assert next_step(reminded, OFFICE, thursday) == Escalate(9, HEAD, DIRECTOR)
    assert next_step(replace(reminded, escalated_at=thursday), OFFICE, thursday) is None
    assert next_step(replace(state, done=True), OFFICE, thursday) is None
    assert next_step(replace(reminded, owner=HEAD), OFFICE, thursday) is None

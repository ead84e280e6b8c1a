"""The demo's own judgement of notes and thanks for recommendations finds what is missing and what is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from integration.bitrix.sandbox.story import tell
from integration.bitrix.sandbox.story_year import LEAVES
from integration.demo import settings
from integration.demo.actual import Actual, Task
from integration.demo.days import Office
from integration.demo.ground import Ground
from integration.demo.thanks import Brought, brought, owner_of, take_notes, take_tasks

CLAIMED, WON = datetime(2026, 4, 1, 10, tzinfo=UTC), datetime(2026, 4, 20, 8, tzinfo=UTC)
ONE = Brought(("company", 3), ("company", 11), CLAIMED, WON)
HEAD = "[B]Рекомендация:[/B] [URL=http://p.example/crm/{}/]Друзья[/URL]"
FIRST = "\n".join(
    [HEAD.format("lead/details/8"), "Назвал: 1 апреля 2026", "В CRM: 1 апреля 2026", "(Molva R2.1)"]
)
SECOND = "\n".join(
    [HEAD.format("company/details/11"), *(f"{word}: 20 апреля 2026" for word in "ABC"), "(Molva R2.4)"]
)
OFFICE = Office(frozenset({5, 6}), frozenset())


def ground(manager: int, active: tuple[int, ...]) -> Ground:
    users: dict[int, dict[str, Any]] = {user: {"ACTIVE": True} for user in active}
    companies: dict[int, dict[str, Any]] = {3: {"id": 3, "assignedById": manager}}
    return Ground(companies, {}, {}, [], {}, users, {}, {}, {})


def a_task(**changes: Any) -> Task:
    found: dict[str, Any] = {
        "id": 1, "title": "Спасибо", "text": "", "owner": 6, "creator": 1, "day": date(2026, 4, 27), "watchers": (),
        "links": frozenset((("company", 3), ("company", 11))), "status": 5,
    }  # fmt: skip
    return Task(**(found | changes))


def test_the_story_brings_two_clients_by_recommendation() -> None:
    acts = tell(3, 12).acts
    known = {f"lead{n}_{kind}": n for n in (1, 2) for kind in ("company", "deal")}
    found = brought(acts, known)
    assert [(one.newcomer, one.won is not None, len(one.news)) for one in found] == [
        (("company", 1), True, 2), (("company", 2), True, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("comments", "missing", "left"),
    [
        ([FIRST, SECOND], 0, 0),
        ([FIRST, SECOND, SECOND], 0, 1),
        ([SECOND], 1, 0),
        ([FIRST.replace("1 апреля", "2 апреля"), SECOND], 1, 1),
        ([FIRST, SECOND.replace("details/11", "details/12")], 1, 1),
    ],
)
def test_notes_are_taken_once_each(comments: list[str], missing: int, left: int) -> None:
    actual = Actual(comments={("company", 3): list(comments)})
    assert len(take_notes([ONE], actual)) == missing
    assert len(actual.comments["company", 3]) == left


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [({}, 0), ({"owner": 7}, 1), ({"day": date(2026, 4, 28)}, 1), ({"status": 2}, 1), ({"watchers": (1,)}, 1),
     ({"links": frozenset((("company", 3),))}, 1)],
)  # fmt: skip
def test_the_task_has_its_owner_its_day_and_both_cards(changes: dict[str, Any], wrong: int) -> None:
    actual = Actual(tasks=[a_task(**changes)])
    assert len(list(take_tasks([ONE], ground(6, (6,)), OFFICE, actual))) == wrong


def test_whose_thanks_they_are() -> None:
    rules = settings.policy()
    default, head = rules["default_owner"], rules["head_user_id"]
    assert owner_of(ground(6, (6, default, head)), ("company", 3)) == 6
    assert owner_of(ground(6, (default, head)), ("company", 3)) == default
    assert owner_of(ground(6, (head,)), ("company", 3)) == head
    assert owner_of(ground(6, (default, head)), ("company", 3), frozenset({6})) == 6


def test_whoever_leaves_later_was_there_to_be_asked() -> None:
    """Thanks ordered in spring stay with a manager who leaves in summer; those of July go to somebody else."""
    known = {f"lead{n}_{kind}": n for n in (1, 2) for kind in ("company", "deal")}
    spring, summer = brought(tell(11, 14).acts, known)
    assert (spring.still, summer.still) == (frozenset({LEAVES}), frozenset())

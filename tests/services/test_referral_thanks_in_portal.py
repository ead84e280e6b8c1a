"""Thanks for a recommendation in the sandbox portal: from the lead to the finished task, whatever dies between (R5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.services import referral_thanks
from integration.services.referral_rows import note
from integration.store.referral_rows import Referral, ReferralThanks
from tests.services.portal_world import World, agency, on_sqlite, world

SOURCE, REFERRER = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER"
MONDAY = datetime(2026, 1, 19, 7, tzinfo=UTC)  # ten in the morning in Moscow


def a_portal() -> Any:
    made = agency()
    clerk = {"ADMIN": False, "ACTIVE": True, "UF_DEPARTMENT": [1]}
    made.users = [*made.users, made.users[0] | clerk | {"ID": "6", "NAME": "Clara", "EMAIL": "c@example.com"}]
    made.companies = [
        {"id": 1, "title": "Vega", "assignedById": 6},
        {"id": 2, "title": "Own", "isMyCompany": "Y"},
    ]
    made.leads, made.deals, made.stage_history, made.requisites, made.addresses = [], [], [], [], []
    return made


@pytest.fixture
def place(sqlite_url: str) -> Iterator[World]:
    with on_sqlite(sqlite_url) as sessions, world(sessions, a_portal()) as made:
        made.ready()
        made.clock.advance((MONDAY - made.clock.now()).total_seconds())
        yield made


def newcomer(place: World, title: str) -> int:
    """A company with a deal, and Vega named as who recommended it; the deal."""
    code = int(place.row().fields["company"][SOURCE]["items"]["client"])
    fields = {"title": title, SOURCE: code, REFERRER: "CO_1"}
    company = place.act(6, "crm.item.add", entityTypeId=4, fields=fields, useOriginalUfNames="Y")["item"][
        "id"
    ]
    deal = place.act(
        6, "crm.item.add", entityTypeId=2, fields={"title": "Site", "companyId": company, "stageId": "NEW"}
    )
    return int(deal["item"]["id"])


def win(place: World, deal: int) -> None:
    place.act(6, "crm.item.update", entityTypeId=2, id=deal, fields={"stageId": "WON"})


def portal_tasks(place: World) -> list[dict[str, Any]]:
    return sorted(place.dump()["tasks"], key=lambda row: int(row["ID"]))


def notes(place: World) -> list[str]:
    """What stands on the referrer's card, oldest first."""
    listed = place.act(
        1, "crm.timeline.comment.list", filter={"ENTITY_TYPE": "company", "ENTITY_ID": 1}, order={"ID": "ASC"}
    )
    return [str(row["COMMENT"]) for row in listed]


def test_a_won_deal_brings_one_task_and_finishing_it_is_thanking(place: World) -> None:
    deal = newcomer(place, "Altair")
    place.settle()
    (first,) = notes(place)
    assert [line[-14:] for line in first.splitlines()[1:-1]] == ["19 января 2026", "19 января 2026"]
    win(place, deal)
    place.settle()
    (task,) = portal_tasks(place)
    assert (task["RESPONSIBLE_ID"], task["UF_CRM_TASK"][0]) == (6, "CO_1")
    assert "Vega" in task["TITLE"]
    assert "Altair" in task["TITLE"]
    (row,) = place.all(ReferralThanks)
    assert (row.status, row.task_id, row.owner_id) == ("open", int(task["ID"]), 6)
    place.act(6, "tasks.task.complete", taskId=task["ID"])
    place.settle()
    (row,) = place.all(ReferralThanks)
    assert (row.status, row.thanked_by) == ("thanked", "")
    assert (len(notes(place)), len(portal_tasks(place))) == (2, 1)


def test_a_click_in_molva_finishes_the_task_in_the_portal(place: World) -> None:
    win(place, newcomer(place, "Altair"))
    place.settle()
    (row,) = place.all(ReferralThanks)
    assert referral_thanks.thank(place.deps, place.portal_id, row.referral_id, who="Clara (6)") == "done"
    place.settle()
    assert [str(task["STATUS"]) for task in portal_tasks(place)] == ["5"]
    assert [(one.status, one.thanked_by) for one in place.all(ReferralThanks)] == [("thanked", "Clara (6)")]


class Killed(BaseException):
    """The process ends here, as with kill -9: nothing behind it runs."""


@pytest.mark.parametrize("where", ["before the commit", "after the answer was lost"])
def test_a_process_that_dies_makes_nothing_twice(
    place: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Killed with everything ordered and nothing committed, or with the task made and its answer lost: afterwards
    there is one task and one note for each step."""
    deal = newcomer(place, "Altair")
    place.settle()
    if where == "before the commit":

        def die(*given: Any, **more: Any) -> None:
            note(*given, **more)
            raise Killed

        monkeypatch.setattr("integration.services.referral_thanks.put_note", die)
        win(place, deal)
        with pytest.raises(Killed):
            place.settle()
        assert place.all(ReferralThanks) == []
        monkeypatch.undo()
        place.clock.advance(600)  # the dead worker's lease runs out
    else:
        place.fault("drop_after", method="tasks.task.add")
        place.fault("drop_after", method="crm.timeline.comment.add")
        win(place, deal)
    for _ in range(4):
        place.settle()
        place.clock.advance(700)
    assert len(portal_tasks(place)) == 1
    assert len(notes(place)) == 2
    assert [(row.status, row.task_id) for row in place.all(ReferralThanks)] == [
        ("open", int(portal_tasks(place)[0]["ID"]))
    ]
    assert place.all(Referral)[0].step == "paid"

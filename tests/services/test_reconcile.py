"""Changes that no event told of are made good: from a watermark, and by a walk over all ids (product.md T2, T3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.services import chores, reconcile
from integration.store.base import Sessions, transaction
from integration.store.chores import hasten
from integration.store.clients import Company, Deal, StageMove
from integration.store.followups import FollowUp
from integration.store.inbox import InboxRow
from tests.services.portal_world import World, agency, on_sqlite, world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    """A synchronised portal whose events are all lost from now on."""
    with world(sessions) as made:
        made.ready()
        made.clock.advance(3600)
        made.work()
        made.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        yield made


def run(place: World, name: str) -> None:
    """Let a periodic chore run now, to its end."""
    with transaction(place.deps.sessions) as session:
        hasten(session, place.portal_id, (name,), place.clock.now())
    for _ in range(20):
        if not chores.run_due(place.deps):
            return


def test_a_lost_event_is_made_good_by_reconciliation(place: World) -> None:
    """A deal that was won, one that was made, and their history are in the mirror after the next reconciliation."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"stageId": "WON"})
    made = place.act(1, "crm.item.add", entityTypeId=2, fields={"title": "New", "companyId": 1})["item"]["id"]
    place.settle()
    assert place.all(InboxRow) == []
    run(place, "reconcile")
    assert (place.get(Deal, 3).semantics, place.get(Deal, made).title) == ("S", "New")
    assert place.get(Deal, 3).won_at is not None
    assert {row.deal_id for row in place.all(StageMove)} >= {1, 2, 3, made}


def test_reconciliation_without_changes_is_one_request_and_no_work(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cards that the mirror has in this state are passed over, overlap or not."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Once"})
    run(place, "reconcile")
    looked: list[Any] = []
    monkeypatch.setattr(reconcile, "changed_all", lambda *given: looked.append(given[-1]))
    place.clock.advance(60)
    place.fresh_counters()
    run(place, "reconcile")
    assert place.counters()["http"] == 1
    assert [ids for ids in looked if ids] == []


def test_the_consequences_of_a_reconciled_change_are_looked_at_once(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tells of a change, an event or reconciliation, the same follows from it."""
    looked: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(reconcile, "changed_all", lambda *given: looked.append((given[-2], list(given[-1]))))
    place.act(1, "crm.item.update", entityTypeId=4, id=1, fields={"title": "Vega 2"})
    run(place, "reconcile")
    assert ("company", [1]) in looked
    assert place.get(Company, 1).title == "Vega 2"


def test_many_changes_are_read_to_the_end(sqlite_url: str) -> None:
    """More changes than one request brings are read by going on at once, not at the next period."""
    data = agency()
    data.deals = [*data.deals, *({"id": n, "title": f"Deal {n}", "companyId": 1} for n in range(10, 520))]
    with on_sqlite(sqlite_url) as sessions, world(sessions, data) as place:
        place.ready()
        place.clock.advance(3600)
        place.work()
        place.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        changes = [{"entityTypeId": 2, "id": n, "fields": {"title": "x"}} for n in range(10, 520)]
        acts = [{"user_id": 1, "method": "crm.item.update", "params": change} for change in changes]
        place.box.control("/acts", acts)
        place.fresh_counters()
        run(place, "reconcile")
        assert place.counters()["http"] == 2
        assert {deal.title for deal in place.all(Deal) if deal.id >= 10} == {"x"}


def test_a_deletion_nobody_told_of_is_found_by_the_walk(place: World) -> None:
    """No date filter shows what is gone (bitrix24.md pitfall 46); the nightly walk over ids does."""
    place.act(1, "crm.item.delete", entityTypeId=2, id=3)
    run(place, "reconcile")
    assert place.get(Deal, 3).deleted_at is None
    run(place, "walk")
    assert place.get(Deal, 3).deleted_at is not None
    assert place.get(Deal, 1).deleted_at is None


def test_shrunken_rights_are_not_taken_for_deletions(sessions: Sessions) -> None:
    """When most cards vanish at once the service user sees less: people are told, nothing is marked (pitfall 30)."""
    data = agency()
    data.deals = [*data.deals, *({"id": n, "title": "x", "companyId": 1} for n in range(10, 60))]
    with world(sessions, data) as place:
        place.ready()
        place.act(1, "ui.user.update", ID=1, ADMIN=False)
        place.box.control("/settings", {"rights": {"1": "none"}}, "PUT")
        run(place, "walk")
        assert place.row().problem.startswith("rights:")
        assert all(deal.deleted_at is None for deal in place.all(Deal))
        place.act(0, "ui.user.update", ID=1, ADMIN=True)
        run(place, "walk")
        assert place.row().problem == ""


def test_the_walk_brings_staff_and_pipelines_up_to_date(place: World) -> None:
    """There is no event for a dismissal (bitrix24.md 6.4)."""
    from integration.store.portals import Staff

    place.act(1, "ui.user.update", ID=1, NAME="Renamed")
    run(place, "walk")
    assert [person.name for person in place.all(Staff)] == ["Renamed"]


def test_a_lost_task_event_is_made_good_by_the_walk(place: World) -> None:
    """A follow-up whose task was completed unnoticed is known as done after the night."""
    task = int(place.act(1, "tasks.task.add", fields={"TITLE": "Meet", "RESPONSIBLE_ID": 1})["task"]["id"])
    with transaction(place.deps.sessions) as session:
        now = place.clock.now()
        session.add(
            FollowUp(
                portal_id=place.portal_id, key="response:1:x", kind="meeting", owner_id=1, deadline=now,
                task_id=task, opened_at=now,
            )
        )  # fmt: skip
    place.act(1, "tasks.task.complete", taskId=task)
    run(place, "walk")
    assert [row.status for row in place.all(FollowUp)] == ["task_done"]

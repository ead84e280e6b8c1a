"""Changes that no event told of are made good: from a watermark, and by a walk over all ids (product.md T2, T3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.services import chores, reconcile, walk
from integration.store import inbox as inbox_rows
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.chores import ChoreRow, hasten
from integration.store.clients import Company, Contact, Deal, Lead, StageMove
from integration.store.followups import FollowUp
from integration.store.inbox import InboxRow
from integration.store.portals import Staff
from tests.services.portal_world import World, agency, on_sqlite, world
from tests.services.ready_world import ready_world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    """A synchronised portal whose events are all lost from now on."""
    with ready_world(sessions) as made:
        made.clock.advance(3600)
        made.work()
        made.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        yield made


def run(place: World, name: str) -> None:
    """Let a periodic chore run now, to its end."""
    with transaction(place.deps.sessions) as session:
        hasten(session, place.portal_id, (name,), place.clock.now())
    for _ in range(40):
        if not chores.run_due(place.deps):
            row = next(row for row in place.all(ChoreRow) if row.name == name)
            if not row.cursor and not row.error:
                return
            place.clock.advance(5)  # the portal's bucket was full: the faster the machine, the sooner


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
    data.deals = [*data.deals, *({"id": n, "title": f"Deal {n}"} for n in range(10, 520))]
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


KINDS = {"lead": (1, Lead), "deal": (2, Deal), "contact": (3, Contact), "company": (4, Company)}


def living(place: World) -> dict[str, list[int]]:
    """Cards that the mirror takes for existing, by kind."""
    return {
        kind: [row.id for row in place.all(model) if row.deleted_at is None]
        for kind, (_, model) in KINDS.items()
    }


def test_shrunken_rights_are_not_taken_for_deletions(one_engine: Engine) -> None:
    """However few cards there are, one, five, nineteen or sixty: what the service user may not read is kept and
    people are told, what was deleted meanwhile is found all the same, and all comes right again (pitfall 30)."""
    data = agency(stage_history=[], requisites=[], addresses=[])
    data.leads = [{"id": n, "title": "x"} for n in range(1, 3)]
    data.companies = [{"id": n, "title": "x"} for n in range(1, 7)]
    data.contacts = [{"id": n, "name": "x"} for n in range(1, 62)]
    data.deals = [{"id": n, "title": "x", "contactIds": [n]} for n in range(1, 21)]
    with world(make_sessions(one_engine), data) as place:
        place.ready()
        for number, _ in KINDS.values():
            place.act(1, "crm.item.delete", entityTypeId=number, id=1)
        place.act(1, "ui.user.update", ID=1, ADMIN=False)
        place.box.control("/settings", {"rights": {"1": "none"}}, "PUT")
        place.settle()
        kept = living(place)
        assert {kind: len(ids) for kind, ids in kept.items()} == {
            "lead": 1, "deal": 19, "contact": 60, "company": 5,
        }, "a deletion that an event tells of is believed after a look"  # fmt: skip
        for kind in KINDS:
            inbox_told(place, kind, kept[kind][-1])
        assert living(place) == kept, "a card that is hidden is not gone"
        run(place, "walk")
        assert place.row().problem.startswith("rights:")
        assert living(place) == kept
        place.act(0, "ui.user.update", ID=1, ADMIN=True)
        place.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
        for kind, (number, _) in KINDS.items():
            for card in kept[kind]:
                place.act(1, "crm.item.delete", entityTypeId=number, id=card)
        run(place, "walk")
        assert place.row().problem == ""
        assert living(place) == {kind: [] for kind in KINDS}


def inbox_told(place: World, kind: str, number: int) -> None:
    """An event of a card, and what follows."""
    with transaction(place.deps.sessions) as session:
        inbox_rows.store(
            session, place.portal_id, place.clock.now(), f"ONCRM{kind.upper()}UPDATE", kind, number
        )
    place.work()


def test_rights_over_some_cards_only_and_more_missing_than_are_asked_for_at_once(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service user who is no administrator and sees the own cards: of the others those that were deleted are found,
    a few in each slice; people are told as long as any is hidden."""
    monkeypatch.setattr(walk, "MOST", 2)
    made = [
        place.act(
            1,
            "crm.item.add",
            entityTypeId=2,
            fields={"title": "New", "companyId": 1, "assignedById": 1 + n % 2},
        )
        for n in range(8)
    ]
    ids = [int(one["item"]["id"]) for one in made]
    run(place, "reconcile")
    for number in ids[1::4] + ids[:1]:
        place.act(1, "crm.item.delete", entityTypeId=2, id=number)
    place.act(1, "ui.user.update", ID=1, ADMIN=False)
    place.box.control("/settings", {"rights": {"1": "own"}}, "PUT")
    run(place, "walk")
    gone = [deal.id for deal in place.all(Deal) if deal.deleted_at is not None]
    assert gone == sorted([ids[0], ids[1], ids[5]])
    assert place.row().problem.startswith("rights:")


def test_a_missing_card_that_the_portal_stumbles_over_keeps_nothing_waiting(place: World) -> None:
    """Whether it is gone or hidden cannot be told: it stays as it is, other cards and the rest of the walk go on, and
    it is found as soon as the portal can tell."""
    fields = {"title": "New", "companyId": 1, "assignedById": 1}
    made = [place.act(1, "crm.item.add", entityTypeId=2, fields=fields) for _ in range(3)]
    told, untold, other = (int(one["item"]["id"]) for one in made)
    run(place, "reconcile")
    place.act(1, "ui.user.update", ID=1, ADMIN=False, NAME="Renamed")
    place.box.control("/settings", {"rights": {"1": "own"}}, "PUT")
    for number in (told, untold):
        place.act(1, "crm.item.delete", entityTypeId=2, id=number)
    place.act(1, "crm.item.update", entityTypeId=2, id=other, fields={"title": "Changed"})
    place.box.portal.faults.add({"kind": "inside", "count": 10**6, "method": "crm.item.get"})
    with transaction(place.deps.sessions) as session:
        for number in (told, other):
            inbox_rows.store(session, place.portal_id, place.clock.now(), "ONCRMDEALUPDATE", "deal", number)
    place.work()
    assert place.get(Deal, other).title == "Changed"
    run(place, "walk")
    assert [person.name for person in place.all(Staff)] == ["Renamed"]
    assert [deal.id for deal in place.all(Deal) if deal.deleted_at is not None] == []
    place.box.portal.faults.orders.clear()
    place.clock.advance(3600)
    place.work()
    run(place, "walk")
    gone = sorted(deal.id for deal in place.all(Deal) if deal.deleted_at is not None)
    assert gone == [told, untold]


def test_the_walk_brings_staff_and_pipelines_up_to_date(place: World) -> None:
    """There is no event for a dismissal (bitrix24.md 6.4)."""
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

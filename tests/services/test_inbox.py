"""Events of the portal: believed only with its token, folded per card, in order, without loops (product.md T2, B6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integration.nps.people import CardKey
from integration.services import changes, inbox, lifecycle, outbox
from integration.services.calls_queue import Cause, ListValue, queue_fields
from integration.store import inbox as rows
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, Deal
from integration.store.followups import FollowUp
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from tests.services.portal_world import CLIENT_ID, World, world
from tests.services.ready_world import ready_world


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        yield made


def flush(place: World) -> None:
    place.box.control("/events/flush", {"timeout": 60})


def waiting(place: World) -> list[InboxRow]:
    return [row for row in place.all(InboxRow) if row.status == "waiting"]


def test_a_changed_deal_is_read_and_mirrored(place: World) -> None:
    """The event names the card, the portal says what is true."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Changed", "stageId": "WON"})
    place.settle()
    deal = place.get(Deal, 3)
    assert (deal.title, deal.semantics) == ("Changed", "S")
    assert deal.won_at is not None


def test_all_events_of_a_card_fold_into_one_look(place: World) -> None:
    """Twenty changes of one deal wait as one row and cost one request."""
    for number in range(20):
        place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": f"Title {number}"})
    flush(place)
    assert [(row.lane, row.times) for row in waiting(place)] == [("deal:3", 20)]
    place.fresh_counters()
    place.work()
    assert place.counters()["http"] == 1
    assert place.get(Deal, 3).title == "Title 19"


def test_events_of_many_cards_are_looked_at_in_one_request(place: World) -> None:
    """Deals, companies and contacts that changed together are read together."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "A"})
    place.act(1, "crm.item.update", entityTypeId=4, id=1, fields={"title": "B"})
    place.act(1, "crm.item.update", entityTypeId=3, id=2, fields={"name": "C"})
    flush(place)
    place.fresh_counters()
    assert inbox.drain(place.deps)
    assert place.counters()["http"] == 1
    assert (place.get(Deal, 3).title, place.get(Company, 1).title, place.get(Contact, 2).name) == (
        "A",
        "B",
        "C",
    )


def test_a_move_to_another_pipeline_is_noticed(place: World) -> None:
    """It comes as an event of its own and not as an update (bitrix24.md pitfall 43)."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"categoryId": 2, "stageId": "C2:PAUSE"})
    place.settle()
    assert place.get(Deal, 3).stage_id == "C2:PAUSE"


def test_events_out_of_order_and_doubled_leave_the_true_state(place: World) -> None:
    """Order and number of events do not matter, because each leads to a look at the present."""
    place.box.control("/settings", {"events": {"reorder": True, "duplicate_every": 1}}, "PUT")
    for number in range(5):
        place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": f"Title {number}"})
    place.act(1, "crm.item.delete", entityTypeId=2, id=1)
    place.settle()
    assert place.get(Deal, 3).title == "Title 4"
    assert place.get(Deal, 1).deleted_at is not None


def test_a_deleted_card_is_marked_and_its_data_kept(place: World) -> None:
    """After the event the portal cannot be asked any more (bitrix24.md pitfall 46)."""
    place.act(1, "crm.item.delete", entityTypeId=4, id=1)
    place.settle()
    assert place.get(Company, 1).deleted_at is not None
    assert place.get(Company, 1).title == "Vega"


def test_a_robots_change_without_tokens_is_as_good(place: World) -> None:
    """Events of robots carry no token of a person; the application's own is enough (bitrix24.md pitfall 5)."""
    place.act(0, "crm.item.update", entityTypeId=2, id=3, fields={"title": "By robot"})
    place.settle()
    assert place.get(Deal, 3).title == "By robot"


def test_the_token_of_an_event_never_replaces_our_own(place: World) -> None:
    """An acting employee's token has that employee's rights (bitrix24.md pitfall 5)."""
    before = place.row()
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Again"})
    place.settle()
    assert (place.row().access_token, place.row().token_version) == (
        before.access_token,
        before.token_version,
    )
    assert "access_token" not in str([row.payload for row in place.all(InboxRow)])


def test_no_request_is_made_while_an_event_is_accepted(place: World) -> None:
    """Acknowledged first, worked off later (product.md T2)."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Later"})
    place.fresh_counters()
    flush(place)
    assert place.counters()["http"] == 0
    assert len(waiting(place)) == 1


def test_events_while_the_portal_is_down_wait_and_are_worked_off_afterwards(place: World) -> None:
    """Nothing is given up because the portal did not answer for an hour."""
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Survives"})
    flush(place)
    place.box.control("/settings", {"down": True}, "PUT")
    for _ in range(12):
        inbox.drain(place.deps)
        place.clock.advance(300)
    assert [row.status for row in place.all(InboxRow) if row.lane == "deal:3"] == ["waiting"]
    place.box.control("/settings", {"down": False}, "PUT")
    place.clock.advance(3600)
    place.work()
    assert place.get(Deal, 3).title == "Survives"


def test_a_card_whose_consequences_fail_does_not_hold_the_others_up(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad card is tried again and at last buried; the others are finished at once."""

    def fail(deps: Any, session: Any, portal: Any, kind: str, card: int) -> None:
        if card == 3:
            raise ValueError("bad card")

    monkeypatch.setattr(changes.referrals, "on_card_changed", fail)
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "Bad"})
    place.act(1, "crm.item.update", entityTypeId=2, id=2, fields={"title": "Good"})
    flush(place)
    inbox.drain(place.deps)
    states = {row.lane: row.status for row in place.all(InboxRow) if row.kind == "deal"}
    assert states == {"deal:3": "waiting", "deal:2": "done"}
    for _ in range(12):
        place.clock.advance(3600)
        inbox.drain(place.deps)
    assert {row.lane: row.status for row in place.all(InboxRow) if row.kind == "deal"}["deal:3"] == "buried"


def test_a_text_no_database_takes_keeps_no_card_waiting(place: World) -> None:
    """A zero byte in one title, and fifty cards that were read with it would be given up."""
    for number, title in ((1, "Of\x00fice"), (2, "Beside it")):
        place.act(1, "crm.item.update", entityTypeId=2, id=number, fields={"title": title})
    place.settle()
    assert (place.get(Deal, 1).title, place.get(Deal, 2).title) == ("Office", "Beside it")


@pytest.mark.parametrize("broken", ["lifecycle", "look"])
def test_a_fault_of_ours_is_told_and_given_up_in_the_end(
    place: World, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """An event about the application that we fail at does not hold the portal's cards; none is tried for ever."""
    if broken == "lifecycle":
        monkeypatch.setitem(lifecycle.HANDLERS, "ONAPPUPDATE", lambda *_: 1 / 0)
        with transaction(place.deps.sessions) as session:
            rows.store_lifecycle(session, place.portal_id, place.clock.now(), "ONAPPUPDATE", {})
    else:
        monkeypatch.setattr(inbox, "look", lambda *_: 1 / 0)
    place.act(1, "crm.item.update", entityTypeId=2, id=1, fields={"title": "Seen"})
    flush(place)
    for _ in range(10):
        inbox.drain(place.deps)
        place.clock.advance(3600)
    states = {row.lane: row.status for row in place.all(InboxRow) if row.status != "done"}
    assert states == ({"portal": "buried"} if broken == "lifecycle" else {"deal:1": "buried"})
    assert place.get(Deal, 1).title == ("Seen" if broken == "lifecycle" else "Site")


def test_our_own_write_comes_back_with_one_read_and_no_write(place: World) -> None:
    """No loop: the returning event finds the mirror as it is (product.md B6)."""
    with transaction(place.deps.sessions) as session:
        portal = session.get_one(Portal, place.portal_id)
        values = {"UF_CRM_MOLVA_NPS_SCORE": 9, "UF_CRM_MOLVA_NPS_GROUP": ListValue("promoter")}
        queue_fields(
            session, portal, CardKey("deal", 1), values, purpose="score", cause=Cause("response", 1),
            now=place.clock.now(),
        )  # fmt: skip
    outbox.drain(place.deps)
    assert place.get(Deal, 1).scores["UF_CRM_MOLVA_NPS_SCORE"] == 9
    flush(place)
    place.fresh_counters()
    place.settle()
    counters = place.counters()
    assert counters["http"] == 1
    assert not [name for name in counters["by_method"] if name.endswith(("add", "update"))]
    assert [row.status for row in place.all(OutboxRow)] == ["done"]


# --- tasks


def test_tasks_that_are_not_ours_end_without_a_request_or_a_row(place: World) -> None:
    """Task events cover every task of the portal (product.md T2)."""
    before = inbox.ignored["ONTASKUPDATE"]
    place.act(1, "tasks.task.add", fields={"TITLE": "Private", "RESPONSIBLE_ID": 1})
    task = int(
        place.act(1, "tasks.task.add", fields={"TITLE": "Private 2", "RESPONSIBLE_ID": 1})["task"]["id"]
    )
    place.act(1, "tasks.task.complete", taskId=task)
    place.fresh_counters()
    flush(place)
    assert [row for row in place.all(InboxRow) if row.kind == "task"] == []
    assert place.counters()["http"] == 0
    assert inbox.ignored["ONTASKUPDATE"] > before


def test_our_own_task_is_read_when_it_changes(place: World) -> None:
    """Completion has no event of its own: the task is read and compared (bitrix24.md 11.2)."""
    task = int(place.act(1, "tasks.task.add", fields={"TITLE": "Meet", "RESPONSIBLE_ID": 1})["task"]["id"])
    follow(place, task)
    place.act(1, "tasks.task.complete", taskId=task)
    place.settle()
    assert [(row.status, row.task_status) for row in place.all(FollowUp)] == [("task_done", 5)]
    place.act(1, "tasks.task.delete", taskId=task)
    place.settle()
    assert [row.status for row in place.all(FollowUp)] == ["cancelled"]


def follow(place: World, task: int) -> None:
    now = place.clock.now()
    with transaction(place.deps.sessions) as session:
        session.add(
            FollowUp(
                portal_id=place.portal_id, key="response:1:x", kind="meeting", owner_id=1, deadline=now,
                task_id=task, opened_at=now,
            )
        )  # fmt: skip


# --- the application itself


def test_an_update_of_the_application_is_followed_by_a_new_set_up(place: World) -> None:
    """It drops the bindings and may change the token, which is then proven like an installation (bitrix24.md 2.5)."""
    old = place.row().application_token
    place.box.control(f"/apps/{CLIENT_ID}/update", {"version": 2})
    place.settle()
    assert place.row().application_token != old
    place.box.control(f"/apps/{CLIENT_ID}/finish", {})  # the portal shows the installer again after an update
    bound = [row["event"] for row in place.dump()["bindings"]]
    assert "ONCRMDEALUPDATE" in bound
    place.act(1, "crm.item.update", entityTypeId=2, id=3, fields={"title": "After update"})
    place.settle()
    assert place.get(Deal, 3).title == "After update"


def test_an_application_without_a_page_is_installed_by_its_event(sessions: Sessions) -> None:
    """`ONAPPINSTALL` of an unknown portal is proven at once, because nothing can be stored for it (bitrix24.md 2.4)."""
    with world(sessions) as place:
        event = {
            "client_id": CLIENT_ID, "client_secret": "secret-of-molva", "install_url": f"{place.address}/bitrix/events",
            "app_url": "", "kind": "local", "ui": False, "scope": ["crm", "task", "user", "department", "calendar"],
        }  # fmt: skip
        place.box.control("/apps", event)
        place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1})
        flush(place)
        place.portal_id = place.all(Portal)[0].id
        place.settle()
        assert place.row().status == "active"
        assert place.row().synced_at is not None


def test_a_forged_installation_event_makes_no_portal(sessions: Sessions) -> None:
    """An invented token is refused by the authorisation server, and the event with it."""
    with world(sessions) as place:
        form = {
            "event": "ONAPPINSTALL", "auth[member_id]": "a" * 32, "auth[access_token]": "x" * 40,
            "auth[domain]": "evil.example.com", "auth[server_endpoint]": f"{place.address}/rest/",
            "auth[client_endpoint]": f"{place.address}/rest/", "auth[application_token]": "t",
        }  # fmt: skip
        answer = requests.post(f"{place.address}/bitrix/events", data=form, timeout=60)
        assert answer.status_code == 403
        assert place.all(Portal) == []


def test_portals_with_one_member_id_are_told_apart_by_their_tokens(place: World) -> None:
    """Two local applications in one portal are two installations (bitrix24.md pitfall 14)."""
    row = place.row()
    with transaction(place.deps.sessions) as session:
        other = Portal(
            member_id=row.member_id, client_id="local.second", kind="local", status="active", domain=row.domain,
            endpoint=row.endpoint, application_token="second", installed_at=place.clock.now(),
        )  # fmt: skip
        session.add(other)
        session.flush()
        other_id = other.id
    form = {"event": "ONCRMDEALUPDATE", "data[FIELDS][ID]": "3", "auth[member_id]": row.member_id}
    answer = requests.post(
        f"{place.address}/bitrix/events", data={**form, "auth[application_token]": "second"}, timeout=60
    )
    assert answer.status_code == 200
    assert [found.portal_id for found in waiting(place)] == [other_id]

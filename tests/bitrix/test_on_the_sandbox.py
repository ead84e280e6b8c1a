"""The calls, the client and the parsers together, against the served sandbox portal over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.bitrix import calls
from integration.bitrix.calls import (
    Call,
    chained_pages,
    checklist_add,
    comment_add,
    created_id,
    found_by,
    item_get,
    item_list,
    item_update,
    offset_pages,
    stage_history,
    task_add,
    task_get,
    task_list,
    unchain,
    user_list,
)
from integration.bitrix.client import ClientPool, PortalClient
from integration.bitrix.errors import Retryable
from integration.bitrix.manifest import FieldMap, Wanted, found_in, look, plan
from integration.bitrix.records import Company, Contact, Deal, StageMove, Task, User, read_all
from integration.bitrix.sandbox.agency import bulk_deals
from integration.bitrix.sandbox.server import running
from tests.bitrix.places import Place, placed
from tests.clocks import midday

DEALS = 7_500


@pytest.fixture(scope="module")
def large(pool: ClientPool) -> Iterator[Place]:
    """A portal with thousands of deals, only read."""
    with running(bulk_deals(DEALS, 300), midday()) as box:
        yield placed(box, pool)


def walk(
    client: PortalClient, make: Any, id_path: str = "[items][49][id]", path: str = "items"
) -> tuple[list[Any], int]:
    """A whole list by chained batches; rows and requests."""
    rows: list[Any] = []
    requests, total = 0, None
    while True:
        key = "ID" if "[ID]" in id_path else "id"
        answer = client.batch(chained_pages(make, int(rows[-1][key]) if rows else 0, id_path=id_path))
        pages = unchain(answer.results, answer.errors, path=path, totals=answer.totals)
        rows += pages.rows
        requests += 1
        total = total or pages.total
        if pages.exhausted or not pages.rows or (total is not None and len(rows) >= total):
            return rows, requests


def test_thousands_of_deals_come_in_the_fewest_requests(large: Place) -> None:
    """Fifty pages of fifty in each: 7,500 deals in three requests and one to see the end, each deal once."""
    rows, requests = walk(large.client, lambda after: item_list("deal", ["id", "title"], after_id=after))
    assert requests == 4
    ids = [row["id"] for row in rows]
    assert len(ids) == DEALS
    assert ids == sorted(set(ids))


def test_the_total_of_the_first_page_saves_the_request_that_sees_the_end(large: Place) -> None:
    """Full pages to the very end: 7,500 deals are three requests, as 20,000 are eight."""
    rows, requests = walk(
        large.client, lambda after: item_list("deal", ["id"], after_id=after, counted=after == 0)
    )
    assert (len(rows), requests) == (DEALS, 3)


def test_clients_and_users_are_walked_and_read(large: Place) -> None:
    """Every row of every list becomes a record."""
    companies, _ = walk(large.client, lambda after: item_list("company", ["*"], after_id=after))
    read, bad = read_all(Company.read, companies)
    assert (len(read), bad) == (300, 0)
    contacts, _ = walk(large.client, lambda after: item_list("contact", ["*"], after_id=after))
    assert read_all(Contact.read, contacts)[1] == 0
    users = unchain(large.client.batch(offset_pages(user_list, n=2)).results, path="")
    assert [user.id for user in read_all(User.read, users.rows)[0]] == [1]


def test_stage_history_is_walked_by_its_own_ids(place: Place) -> None:
    """One row per move, in order (bitrix24.md 7.8)."""
    open_ids = [
        row["id"]
        for row in place.client.call(item_list("deal", ["id"], filter={"stageSemanticId": "P"})).result[
            "items"
        ]
    ]
    for id in open_ids[:3]:
        place.client.call(item_update("deal", id, {"stageId": "WON"}))
    rows, _ = walk(place.client, lambda after: stage_history("deal", after_id=after), "[items][49][ID]")
    moves, bad = read_all(StageMove.read, rows)
    assert bad == 0
    assert [move.id for move in moves] == sorted({move.id for move in moves})
    assert [(move.owner_id, move.semantics) for move in moves][-3:] == [(id, "S") for id in open_ids[:3]]


def test_every_read_molva_makes_is_answered(place: Place) -> None:
    """Each builder that only reads succeeds, in one batch."""
    reads = {
        "app": calls.app_info(), "profile": calls.profile(), "scope": calls.scope(), "clock": calls.server_time(),
        "events": calls.event_get(), "calendar": calls.calendar_settings(), "mode": calls.mode_get(),
        "status": calls.status_list("DEAL_STAGE"), "all_status": calls.status_list(),
        "some": calls.status_list(["SOURCE", "STATUS"]),
        "pipelines": calls.category_list(), "currencies": calls.currency_list(), "departments": calls.department_list(),
        "fields": calls.item_fields("deal"), "deal": item_get("deal", 1), "of_deal": calls.deal_contacts(1),
        "of_company": calls.company_contacts(1), "addresses": calls.address_list("company", [1, 2]),
        "comments": calls.comment_list("deal", 1), "tasks": task_list({"UF_CRM_TASK": "D_1"}),
    }  # fmt: skip
    answer = place.client.batch(reads)
    assert {key: str(error) for key, error in answer.errors.items()} == {}
    assert set(answer.results) == set(reads)
    assert set(answer.times) == set(reads)
    sources = {row["ENTITY_ID"] for row in answer.results["some"]}
    assert sources == {"SOURCE", "STATUS"}


def test_an_update_is_read_back(place: Place) -> None:
    """With the original names of user fields, cyrillic and signs and all."""
    client = place.client
    client.call(calls.userfield_add("deal", {"FIELD_NAME": "MOLVA_NPS_COMMENT", "USER_TYPE_ID": "string"}))
    words = "Всё хорошо & 100% [b]да[/b] + «=?» $result[x]"
    client.call(item_update("deal", 5, {"UF_CRM_MOLVA_NPS_COMMENT": words, "closedate": "2026-03-01"}))
    deal = Deal.read(client.call(item_get("deal", 5)).result["item"])
    assert deal.uf["UF_CRM_MOLVA_NPS_COMMENT"] == words
    assert str(deal.close_on) == "2026-03-01"
    answer = client.batch(
        {"u": item_update("deal", 6, {"UF_CRM_MOLVA_NPS_COMMENT": words}), "g": item_get("deal", 6)}
    )
    assert not answer.errors
    kept = Deal.read(answer.results["g"]["item"]).uf["UF_CRM_MOLVA_NPS_COMMENT"]
    assert kept.replace("\u2060", "") == words


CREATING = [
    ("comment", lambda key: comment_add("deal", 3, "NPS 9: «спасибо»", key)),
    ("task", lambda key: task_add({"TITLE": "Call ACME", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": ["D_3"]}, f"molva:{key}")),
    ("loose task", lambda key: task_add({"TITLE": "Plan the wave", "RESPONSIBLE_ID": 1}, f"molva:{key}")),
    ("field", lambda key: calls.userfield_add("deal", {"FIELD_NAME": "MOLVA_NPS_SCORE", "USER_TYPE_ID": "integer"})),
]  # fmt: skip


@pytest.mark.parametrize(("make"), [make for _, make in CREATING], ids=[name for name, _ in CREATING])
def test_a_probe_tells_whether_a_lost_answer_had_taken_effect(make: Any, place: Place) -> None:
    """The connection breaks before or after the portal did it; the probe knows which (product.md B4)."""
    call: Call = make("a1b2c3")
    assert call.probe is not None
    place.box.control("/faults", [{"kind": "drop_before", "method": call.method, "count": 1}])
    with pytest.raises(Retryable) as caught:
        place.client.call(call)
    assert caught.value.effect == "unknown"
    assert found_by(call.probe, place.client.call(call.probe.call()).result) is None
    place.box.control("/faults", [{"kind": "drop_after", "method": call.method, "count": 1}])
    with pytest.raises(Retryable):
        place.client.call(call)
    found = found_by(call.probe, place.client.call(call.probe.call()).result)
    assert found is not None
    if call.method != "crm.deal.userfield.add":
        again = created_id(place.client.call(make("ffffff")).result)
        assert again is not None
        assert again != found
        assert found_by(call.probe, place.client.call(call.probe.call()).result) == found


def test_a_task_and_its_checklist_are_created_and_read(place: Place) -> None:
    """Key, cards and deadline come back as they were sent (bitrix24.md 11)."""
    fields = {
        "TITLE": "Meet ACME", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": ["CO_2", "D_3"],
        "DEADLINE": "2026-09-01T18:00:00+03:00",
    }  # fmt: skip
    id = created_id(place.client.call(task_add(fields, "molva:f:7")).result)
    assert id is not None
    item = checklist_add(id, "Agree a meeting")
    assert created_id(place.client.call(item).result) is not None
    assert item.probe is not None
    assert found_by(item.probe, place.client.call(item.probe.call()).result) is not None
    task = Task.read(place.client.call(task_get(id)).result)
    assert (task.id, task.key, task.links) == (id, "molva:f:7", (("company", 2), ("deal", 3)))
    assert task.deadline == datetime(2026, 9, 1, 15, 0, tzinfo=UTC)
    rows = place.client.call(task_list({"UF_CRM_TASK": "D_3"})).result["tasks"]
    assert [Task.read(row).id for row in rows] == [id]


def test_set_up_adds_what_is_missing_and_then_nothing(place: Place) -> None:
    """The manifest against a real answer of every kind (product.md B1)."""
    wanted = Wanted("https://molva.example/bitrix/events", {}, language="ru")

    def find() -> Any:
        answer = place.client.batch(look(wanted))
        assert not answer.errors
        return found_in(answer.results)

    todo = plan(wanted, *find()).calls
    for start in range(0, len(todo), 50):
        answer = place.client.batch({f"c{n}": call for n, call in enumerate(todo[start : start + 50])})
        assert {key: str(error) for key, error in answer.errors.items()} == {}
    found = find()
    assert plan(wanted, *found).calls == ()
    known = FieldMap.of(found[1])
    promoter = known.id_of("deal", "UF_CRM_MOLVA_NPS_GROUP", "promoter")
    place.client.call(
        item_update("deal", 2, {"UF_CRM_MOLVA_NPS_GROUP": promoter, "UF_CRM_MOLVA_REFERRER": "CO_3"})
    )
    uf = Deal.read(place.client.call(item_get("deal", 2)).result["item"]).uf
    assert known.value_of("deal", "UF_CRM_MOLVA_NPS_GROUP", uf["UF_CRM_MOLVA_NPS_GROUP"]) == "promoter"
    assert calls.parse_link(uf["UF_CRM_MOLVA_REFERRER"]) == ("company", 3)

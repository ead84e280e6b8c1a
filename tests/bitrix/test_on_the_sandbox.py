"""The client, the calls and the parsers together, against the served sandbox portal over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

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
from integration.bitrix.client import ClientPool, PortalClient, Report
from integration.bitrix.errors import AccessLost, Moved, NotFound, Refused, Retryable, Suspended, TokenExpired
from integration.bitrix.limits import (
    Bucket,
    Meters,
    Rate,
    blocked,
    choose,
    next_look,
    observed,
    overflown,
    skew_of,
    spend,
    wait_for,
)
from integration.bitrix.manifest import FieldMap, Wanted, found_in, look, plan
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.protocol import Frame, parse_frame
from integration.bitrix.records import Company, Contact, Deal, StageMove, Task, User, read_all
from integration.bitrix.sandbox.agency import Agency, bulk_deals
from integration.bitrix.sandbox.server import Sandbox, running

CLIENT_ID, SECRET = "local.molva", "secret-1"
SCOPE = ["crm", "task", "user", "department", "calendar", "placement", "user_basic"]
DEALS = 6_030


@dataclass
class Place:
    """A sandbox portal with Molva's application in it."""

    box: Sandbox
    pool: ClientPool
    oauth: OAuthClient
    frame: Frame

    @property
    def client(self) -> PortalClient:
        return self.pool.client(self.frame.grant.client_endpoint, self.frame.grant.access_token)


def opened(box: Sandbox, user_id: int = 1) -> Frame:
    """The frame as the portal's page would post it, now."""
    post = box.control(f"/apps/{CLIENT_ID}/open", {"user_id": user_id, "dry": True})
    return parse_frame(dict(parse_qsl(post["url"].partition("?")[2])), post["fields"])


def placed(box: Sandbox, pool: ClientPool) -> Place:
    app = {
        "client_id": CLIENT_ID, "client_secret": SECRET, "install_url": "", "app_url": "http://127.0.0.1:9/bitrix/app",
        "kind": "local", "ui": True, "scope": SCOPE,
    }  # fmt: skip
    box.control("/apps", app)
    box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1})
    return Place(box, pool, OAuthClient([box.oauth_url], allow_http=True), opened(box))


@pytest.fixture(scope="module")
def pool() -> Iterator[ClientPool]:
    pool = ClientPool(allow_http=True)
    yield pool
    pool.close()


@pytest.fixture
def place(pool: ClientPool) -> Iterator[Place]:
    """A small portal of one test's own."""
    with running(bulk_deals(60, 7)) as box:
        yield placed(box, pool)


@pytest.fixture(scope="module")
def large(pool: ClientPool) -> Iterator[Place]:
    """A portal with thousands of deals, only read."""
    with running(bulk_deals(DEALS, 300)) as box:
        yield placed(box, pool)


def walk(
    client: PortalClient, make: Any, id_path: str = "[items][49][id]", path: str = "items"
) -> tuple[list[Any], int]:
    """A whole list by chained batches; rows and requests."""
    rows: list[Any] = []
    requests = 0
    while True:
        key = "ID" if "[ID]" in id_path else "id"
        answer = client.batch(chained_pages(make, int(rows[-1][key]) if rows else 0, id_path=id_path))
        pages = unchain(answer.results, answer.errors, path=path, totals=answer.totals)
        rows += pages.rows
        requests += 1
        if pages.exhausted or not pages.rows or (pages.total is not None and len(rows) >= pages.total):
            return rows, requests


def test_thousands_of_deals_come_in_the_fewest_requests(large: Place) -> None:
    """Fifty pages of fifty in each: 6,030 deals in three requests, each deal once, by rising id."""
    rows, requests = walk(large.client, lambda after: item_list("deal", ["id", "title"], after_id=after))
    assert requests == 3
    ids = [row["id"] for row in rows]
    assert len(ids) == DEALS
    assert ids == sorted(set(ids))


def test_the_total_of_the_first_page_saves_the_request_that_sees_the_end(large: Place) -> None:
    """Full pages to the very end: 20,000 deals would be eight requests, and here 2,500 are one."""
    ids = [
        row["id"] for row in walk(large.client, lambda after: item_list("deal", ["id"], after_id=after))[0]
    ]
    top = {"<=id": ids[2499]}
    rows, requests = walk(
        large.client, lambda after: item_list("deal", ["id"], filter=top, after_id=after, counted=after == 0)
    )
    assert (len(rows), requests) == (2500, 1)


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
    events, fields = find()
    assert plan(wanted, events, fields).calls == ()
    known = FieldMap.of(fields)
    promoter = known.id_of("deal", "UF_CRM_MOLVA_NPS_GROUP", "promoter")
    place.client.call(
        item_update("deal", 2, {"UF_CRM_MOLVA_NPS_GROUP": promoter, "UF_CRM_MOLVA_REFERRER": "CO_3"})
    )
    uf = Deal.read(place.client.call(item_get("deal", 2)).result["item"]).uf
    assert known.value_of("deal", "UF_CRM_MOLVA_NPS_GROUP", uf["UF_CRM_MOLVA_NPS_GROUP"]) == "promoter"
    assert calls.parse_link(uf["UF_CRM_MOLVA_REFERRER"]) == ("company", 3)


def test_a_token_pair_is_rotated_and_the_old_one_is_dead(place: Place) -> None:
    """bitrix24.md 3.4: expired, refreshed once, repeated; the old refresh token no longer works."""
    place.box.control("/tokens/expire", {})
    with pytest.raises(TokenExpired):
        place.client.call(calls.profile())
    old = place.frame.grant
    pair = place.oauth.refresh(place.box.oauth_url, CLIENT_ID, SECRET, old.refresh_token)
    assert pair.refresh_token != old.refresh_token
    assert (pair.member_id, pair.domain, pair.client_endpoint) == (
        old.member_id,
        place.box.domain,
        old.client_endpoint,
    )
    assert (
        place.pool.client(pair.client_endpoint, pair.access_token).call(calls.profile()).result["ID"] == "1"
    )
    with pytest.raises(AccessLost):
        place.oauth.refresh(place.box.oauth_url, CLIENT_ID, SECRET, old.refresh_token)
    with pytest.raises(AccessLost):
        place.oauth.refresh(place.box.oauth_url, CLIENT_ID, "wrong", pair.refresh_token)


def test_a_frame_s_grant_is_proven_at_the_server(place: Place) -> None:
    """bitrix24.md 2.9: application, portal and user as claimed; a forged token proves nothing."""
    info = place.oauth.app_info(place.box.oauth_url, place.frame.grant.access_token)
    assert (info.client_id, info.member_id, info.domain) == (
        CLIENT_ID,
        place.frame.grant.member_id,
        place.frame.domain,
    )
    assert (info.user_id, info.installed) == (1, True)
    with pytest.raises(AccessLost):
        place.oauth.app_info(place.box.oauth_url, "0" * 70)


FAULTS: list[tuple[str, type[Exception], str]] = [
    ("503", Retryable, "none"), ("429", Retryable, "none"), ("overload", Retryable, "none"),
    ("500", Retryable, "unknown"),
    ("502", Retryable, "unknown"), ("bad_json", Retryable, "unknown"), ("empty", Retryable, "unknown"),
    ("expired_token", TokenExpired, ""), ("suspended", Suspended, ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "error", "effect"), FAULTS)
def test_the_portal_s_faults_are_told_apart(
    kind: str, error: type[Exception], effect: str, place: Place
) -> None:
    """Over real HTTP as in the table of the client's tests; afterwards all is well."""
    place.box.control("/faults", [{"kind": kind, "count": 1}])
    with pytest.raises(error) as caught:
        place.client.batch({"a": calls.profile()})
    if isinstance(caught.value, Retryable):
        assert caught.value.effect == effect
    assert place.client.batch({"a": calls.profile()}).results["a"]["ID"] == "1"


def test_errors_of_single_commands_leave_the_others_alone(place: Place) -> None:
    """HTTP 200 with one bad call (bitrix24.md 4.4)."""
    answer = place.client.batch(
        {"bad": item_get("deal", 10**9), "worse": Call("no.such.method"), "good": item_get("deal", 1)}
    )
    assert isinstance(answer.errors["bad"], NotFound)
    assert isinstance(answer.errors["worse"], Refused)
    assert answer.results["good"]["item"]["id"] == 1


def test_a_renamed_portal_says_where_it_went(place: Place) -> None:
    """bitrix24.md 4.1: 302, and the body is not lost in a followed redirect."""
    place.box.control("/settings", {"moved_to": "new.bitrix24.example"}, "PUT")
    with pytest.raises(Moved) as caught:
        place.client.call(calls.profile())
    assert "new.bitrix24.example" in caught.value.location


def test_the_rate_limit_is_met_by_whoever_does_not_ask_the_bucket() -> None:
    """Without the arithmetic a burst runs into 503, with it none does (bitrix24.md 5.1)."""
    pool = ClientPool(allow_http=True)
    with running(Agency()) as box:
        client = placed(box, pool).client
        box.control("/settings", {"rate_limit": {"on": True, "per_second": 20, "burst": 60}}, "PUT")
        burst = (client.call(calls.profile()) for _ in range(500))
        with pytest.raises(Retryable) as caught:
            list(burst)
        assert (caught.value.code, caught.value.effect) == ("QUERY_LIMIT_EXCEEDED", "none")
        rate = Rate(20.0, 60.0, 10.0)
        bucket = overflown(Bucket(0.0, datetime.now(UTC)), datetime.now(UTC), rate)
        for _ in range(40):
            time.sleep(wait_for(bucket, datetime.now(UTC), rate))
            bucket = spend(bucket, datetime.now(UTC), rate)
            client.call(calls.profile())
        assert box.control("/counters", verb="GET")["by_error"] == {"QUERY_LIMIT_EXCEEDED": 1}
    pool.close()


def test_a_slow_portal_is_used_to_its_budget_without_one_429() -> None:
    """Updates of two to three seconds: at least 95 % of 480 s, then nothing until the portal says so."""
    pool = ClientPool(allow_http=True)
    reports: list[Report] = []
    with running(bulk_deals(400, 5)) as box:
        grant = placed(box, pool).frame.grant
        client = pool.client(grant.client_endpoint, grant.access_token, reports.append)
        box.control(
            "/settings", {"slow": {"on": True, "min": 2.0, "max": 3.0, "methods": ["crm.item.update"]}}, "PUT"
        )
        meters: Meters = {}
        done, sizes = 0, []
        while True:
            now = datetime.now(UTC)
            size = len(choose(meters, ["crm.item.update"] * 50, now))
            if not size:
                break
            batch = {
                f"u{n}": item_update("deal", done + n + 1, {"title": f"T{done + n}"}) for n in range(size)
            }
            answer = client.batch(batch)
            assert {str(error) for error in answer.errors.values()} == set()
            now = datetime.now(UTC)
            meters = observed(meters, answer.metered(batch), now, skew_of(answer.time, now))
            done += size
            sizes.append(size)
        used = meters["crm.item.update"].usage.seconds
        assert 0.95 * 480 <= used < 480
        assert sizes[0] == 10
        assert max(sizes) * 3.0 < 60
        assert next_look(meters, ["crm.item.update"], now) - now > timedelta(seconds=30)
        assert reports[-1].operating["crm.item.update"] == used
        usage = blocked(meters["crm.item.update"].usage, None, now)
        assert usage.blocked_until is not None
    pool.close()

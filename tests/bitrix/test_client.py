"""One exchange each with a portal that answers in every way documented (bitrix24.md 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from integration.bitrix.call import Call
from integration.bitrix.calls import item_get, item_list, item_update
from integration.bitrix.client import PortalClient, Report
from integration.bitrix.errors import (
    AccessLost,
    BitrixError,
    Moved,
    NotFound,
    Refused,
    Retryable,
    Suspended,
    TokenExpired,
)
from integration.bitrix.report import Inner

PORTAL = "https://portal.bitrix24.ru/rest/"
URL = PORTAL + "crm.item.get"
TIME = {"start": 1.0, "finish": 2.0, "duration": 1.0, "operating": 0.67, "operating_reset_at": 1757425271}


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def client(reports: list[Report]) -> Iterator[PortalClient]:
    with requests.Session() as session:
        yield PortalClient(PORTAL, "token-1", session, observer=reports.append, stopwatch=lambda: 0.0)


@responses.activate
def test_a_call_carries_its_token_in_the_body_and_brings_the_whole_answer(
    client: PortalClient, reports: list[Report]
) -> None:
    """bitrix24.md 4.1, 4.2; nothing secret in the address."""
    responses.post(URL, json={"result": {"item": {"id": 351}}, "total": 120, "next": 50, "time": TIME})
    answer = client.call(item_get("deal", 351))
    assert (answer.result, answer.total, answer.next, answer.time) == ({"item": {"id": 351}}, 120, 50, TIME)
    sent = responses.calls[0].request
    assert "token-1" not in str(sent.url)
    assert sent.headers["Content-Type"] == "application/json"
    assert json.loads(sent.body or b"") == {
        "entityTypeId": 2, "id": 351, "useOriginalUfNames": "Y", "auth": "token-1",
    }  # fmt: skip
    body = json.dumps({"result": {"item": {"id": 351}}, "total": 120, "next": 50, "time": TIME})
    sizes = {"sent": len(sent.body or b""), "received": len(body)}
    assert reports == [Report("crm.item.get", 0.0, 200, "", {"crm.item.get": 0.67}, **sizes, finished=2.0)]


@responses.activate
def test_a_webhook_needs_no_token(client: PortalClient) -> None:
    """Its secret is the address."""
    responses.post("https://p.example/rest/1/code/profile", json={"result": {"ID": "1"}})
    webhook = PortalClient("https://p.example/rest/1/code", "", requests.Session())
    assert webhook.call(Call("profile")).result == {"ID": "1"}
    assert json.loads(responses.calls[0].request.body or b"") == {}


FAULTS: list[tuple[dict[str, Any], type[BitrixError], dict[str, Any]]] = [
    ({"status": 503, "json": {"error": "QUERY_LIMIT_EXCEEDED"}}, Retryable, {"effect": "none", "after": None}),
    ({"status": 503, "json": {"error": "QUERY_LIMIT_EXCEEDED"}, "headers": {"Retry-After": "7"}}, Retryable,
     {"after": 7.0}),
    ({"status": 503, "json": {"error": "OVERLOAD_LIMIT"}}, Retryable, {"effect": "none", "after": 3600.0}),
    ({"status": 429, "json": {"error": "OPERATION_TIME_LIMIT", "time": TIME}}, Retryable,
     {"effect": "none", "until": datetime(2025, 9, 9, 13, 41, 11, tzinfo=UTC)}),
    ({"status": 429, "body": "slow down"}, Retryable, {"effect": "none"}),
    ({"status": 500, "json": {"error": "INTERNAL_SERVER_ERROR"}}, Retryable, {"effect": "unknown"}),
    ({"status": 502, "body": "<html>bad gateway"}, Retryable, {"effect": "unknown"}),
    ({"status": 503, "body": ""}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "body": "<html>maintenance"}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "body": '{"result": {"item"'}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "body": "[]"}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "json": {}}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "body": "[" * 100_000}, Retryable, {"effect": "unknown"}),
    ({"body": requests.exceptions.ConnectTimeout()}, Retryable, {"effect": "none"}),
    ({"body": requests.exceptions.ReadTimeout()}, Retryable, {"effect": "unknown"}),
    ({"body": requests.exceptions.ConnectionError("reset")}, Retryable, {"effect": "unknown"}),
    ({"body": requests.exceptions.ChunkedEncodingError()}, Retryable, {"effect": "unknown"}),
    ({"status": 401, "json": {"error": "expired_token", "error_description": "x"}}, TokenExpired, {}),
    ({"status": 401, "json": {"error": "authorization_error"}}, AccessLost, {"kind": "reauthorise"}),
    ({"status": 401, "json": {"error": "APPLICATION_NOT_FOUND"}}, AccessLost, {"kind": "uninstalled"}),
    ({"status": 403, "json": {"error": "insufficient_scope"}}, AccessLost, {"kind": "scope"}),
    ({"status": 401, "json": {"error": "PAYMENT_REQUIRED"}}, Suspended, {}),
    ({"status": 410, "json": {"error": "PORTAL_DELETED"}}, Suspended, {}),
    ({"status": 302, "headers": {"Location": "https://new.bitrix24.ru/rest/"}}, Moved, {"location": "https://new.bitrix24.ru/rest/"}),
    ({"status": 400, "json": {"error": "NOT_FOUND", "error_description": "Ivan"}}, NotFound, {"text": "Ivan"}),
    ({"status": 400, "json": {"error": "", "error_description": "no rights"}}, Refused, {"text": "no rights"}),
    ({"status": 400, "json": {"error": 100}}, Refused, {"code": "100"}),
    ({"status": 200, "json": {"error": "ERROR_CORE", "error_description": "a<br>b"}}, Refused, {"text": "a<br>b"}),
    ({"status": 200, "json": {"error": "", "error_description": "x", "result": True}}, Refused, {}),
    ({"status": 404, "json": {"error": "ERROR_METHOD_NOT_FOUND"}}, Refused, {}),
    ({"status": 403, "json": {"error": "ACCESS_DENIED"}}, Refused, {}),
    ({"status": 400, "json": {"error": {"code": "V3_CODE", "message": "m"}}}, Refused,
     {"code": "V3_CODE", "text": "m"}),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "more"), FAULTS)
@responses.activate
def test_every_fault_has_its_error(
    answer: dict[str, Any],
    kind: type[BitrixError],
    more: dict[str, Any],
    client: PortalClient,
    reports: list[Report],
) -> None:
    """What the caller has to do follows from the type; the observer learns the code."""
    responses.post(URL, **answer)
    with pytest.raises(BitrixError) as caught:
        client.call(item_get("deal", 351))
    assert type(caught.value) is kind
    assert {name: getattr(caught.value, name) for name in more} == more
    assert caught.value.method == "crm.item.get"
    assert "Ivan" not in str(caught.value)
    assert len(responses.calls) == 1
    assert [report.code for report in reports] == [caught.value.code or "error"]


@responses.activate
def test_an_error_of_null_is_no_error(client: PortalClient) -> None:
    """Some methods answer it beside a result."""
    responses.post(URL, json={"result": [], "error": None})
    assert client.call(item_get("deal", 351)).result == []


# --- batches


def batch(client: PortalClient, inner: dict[str, Any], calls: dict[str, Call], **more: Any) -> Any:
    responses.post(PORTAL + "batch", json={"result": inner, "time": TIME})
    return client.batch(calls, **more)


@responses.activate
def test_a_batch_tells_results_errors_and_times_by_key(client: PortalClient, reports: list[Report]) -> None:
    """bitrix24.md 4.4: HTTP 200 although a command failed."""
    inner = {
        "result": {"deal": {"item": {"id": 351}}, "upd": {"item": {"id": 351}}},
        "result_error": {"company": {"error": "NOT_FOUND", "error_description": "Element not found"}},
        "result_total": {"deal": 7}, "result_next": [],
        "result_time": {
            "upd": {"operating": 2.5, "operating_reset_at": 1757425271}, "deal": {"operating": 0.4, "duration": 0.03},
        },
    }  # fmt: skip
    calls = {
        "deal": item_get("deal", 351),
        "company": item_get("company", 9),
        "upd": item_update("deal", 351, {"x": "й &"}),
    }
    answer = batch(client, inner, calls)
    assert list(answer.results) == ["deal", "upd"]
    assert isinstance(answer.errors["company"], NotFound)
    assert answer.errors["company"].method == "crm.item.get"
    assert (answer.totals, answer.time) == ({"deal": 7}, TIME)
    assert answer.metered(calls) == [
        ("crm.item.get", {"operating": 0.4, "duration": 0.03}),
        ("crm.item.update", {"operating": 2.5, "operating_reset_at": 1757425271}),
    ]
    assert reports[0].operating == {"crm.item.update": 2.5, "crm.item.get": 0.4}
    assert reports[0].inner == {
        "crm.item.get": Inner(2, 1, 0.03, 0.03, "NOT_FOUND"), "crm.item.update": Inner(1),
    }  # fmt: skip
    sent = json.loads(responses.calls[0].request.body or b"")
    assert sent["halt"] == 0
    assert sent["cmd"]["upd"].startswith("crm.item.update?entityTypeId=2&id=351&fields[x]=%D0%B9%20%26")


@responses.activate
def test_empty_and_numbered_maps_come_as_lists(client: PortalClient) -> None:
    """bitrix24.md 4.4: PHP arrays."""
    inner = {"result": [{"ID": "1"}, False], "result_error": [], "result_total": [], "result_time": []}
    answer = batch(client, inner, {"0": Call("profile"), "1": Call("user.admin")})
    assert answer.results == {"0": {"ID": "1"}, "1": False}
    assert (answer.errors, answer.totals, answer.times) == ({}, {}, {})


@responses.activate
def test_falsy_results_are_results(client: PortalClient) -> None:
    """bitrix24.md 16, pitfall 41: success may be null, false or an empty list."""
    inner = {"result": {"a": None, "b": [], "c": False}, "result_error": []}
    assert batch(client, inner, {k: Call("m") for k in "abc"}).results == {"a": None, "b": [], "c": False}


@responses.activate
def test_commands_behind_a_halt_are_neither_results_nor_errors(client: PortalClient) -> None:
    """They were not executed and may be sent again."""
    inner = {"result": {"a": 1}, "result_error": {"b": {"error": "", "error_description": "x"}}}
    answer = batch(client, inner, {k: Call("m") for k in "abc"}, halt=True)
    assert (set(answer.results), set(answer.errors)) == ({"a"}, {"b"})
    assert json.loads(responses.calls[0].request.body or b"")["halt"] == 1


@responses.activate
def test_a_budget_used_up_inside_a_batch_says_until_when(client: PortalClient) -> None:
    """bitrix24.md 5.2: other methods go on."""
    inner = {
        "result": {"b": True}, "result_error": {"a": {"error": "OPERATION_TIME_LIMIT"}},
        "result_time": {"a": {"operating": 481.0, "operating_reset_at": 1757425271}},
    }  # fmt: skip
    error = batch(client, inner, {k: Call("m") for k in "ab"}).errors["a"]
    assert isinstance(error, Retryable)
    assert (error.effect, error.until) == ("none", datetime(2025, 9, 9, 13, 41, 11, tzinfo=UTC))


@pytest.mark.parametrize("inner", [None, [], "x", {}, {"other": 1}])
@responses.activate
def test_what_is_no_batch_answer_leaves_the_effect_unknown(inner: Any, client: PortalClient) -> None:
    """Its commands may have run."""
    with pytest.raises(Retryable) as caught:
        batch(client, inner, {"a": Call("m")})
    assert caught.value.effect == "unknown"


@responses.activate
def test_a_lapsed_portal_denies_the_whole_batch(client: PortalClient) -> None:
    """bitrix24.md 1.2."""
    responses.post(PORTAL + "batch", status=403, json={"error": "ACCESS_DENIED", "error_description": "…"})
    with pytest.raises(Suspended):
        client.batch({"a": Call("m")})


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_one_to_fifty_commands(count: int, client: PortalClient) -> None:
    """bitrix24.md 4.4: more would fail one by one."""
    with pytest.raises(ValueError, match="1 to 50"):
        client.batch({f"k{n}": Call("m") for n in range(count)})


@responses.activate
def test_a_list_asks_for_what_it_selects(client: PortalClient) -> None:
    """Explicit select, rising ids (bitrix24.md 4.5)."""
    responses.post(PORTAL + "crm.item.list", json={"result": {"items": []}, "total": 0})
    client.call(item_list("company", ["id", "title"], after_id=5))
    sent = json.loads(responses.calls[0].request.body or b"")
    assert (sent["select"], sent["filter"], sent["start"]) == (["id", "title"], {">id": 5}, -1)

"""Addresses, encodings, envelope, refusals of authorisation, lists and batches (bitrix24.md 3.6, 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import CLIENT_ID, Caller

AsUser = Callable[[int], Caller]


def test_three_encodings_mean_the_same(hook: Caller) -> None:
    """JSON, form body with PHP brackets, multipart, and the query string give one answer."""
    want = {"items": [{"id": 11}]}
    params = {"entityTypeId": "2", "filter[@id][]": "11", "select[]": "id"}
    url = hook.base + "crm.item.list.json"
    assert hook("crm.item.list", {"entityTypeId": 2, "filter": {"@id": [11]}, "select": ["id"]}) == want
    assert hook.session.post(url, data=params, timeout=60).json()["result"] == want
    files = {name: (None, value) for name, value in params.items()}
    assert hook.session.post(url, files=files, timeout=60).json()["result"] == want
    assert hook.session.get(url, params=params, timeout=60).json()["result"] == want


def test_the_envelope_has_time_with_the_servers_offset(hook: Caller) -> None:
    """``time`` tells the server's zone and the accumulated execution time of the method."""
    body = hook.raw("crm.item.get", {"entityTypeId": 2, "id": 10}).json()
    assert set(body) == {"result", "time"}
    assert body["time"]["date_start"][-6:] in ("+01:00", "+02:00")
    assert body["time"]["operating"] >= 0
    assert body["time"]["operating_reset_at"] > body["time"]["start"]


def test_connections_stay_open(box: Sandbox, hook: Caller) -> None:
    """Many calls of one session go over one connection."""
    before = box.servers[0].accepted
    for _ in range(5):
        hook("profile")
    assert box.servers[0].accepted - before == 1


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(None, 401, "NO_AUTH_FOUND"), ("f" * 70, 401, "invalid_token")],
)
def test_bad_tokens(box: Sandbox, token: str | None, status: int, code: str) -> None:
    """No token and an unknown one are told apart."""
    caller = Caller(f"{box.portal_url}/rest/", token)
    assert caller.error("profile") == (status, code)
    caller.session.close()


def test_a_wrong_webhook_code(box: Sandbox) -> None:
    """The secret in the path is wrong."""
    caller = Caller(f"{box.portal_url}/rest/1/wrong/")
    assert caller.error("profile") == (401, "NO_AUTH_FOUND")
    caller.session.close()


def test_an_access_token_lives_an_hour(box: Sandbox, as_user: AsUser) -> None:
    """One hour of virtual time later it is expired, not unknown."""
    caller = as_user(1)
    assert caller("profile")["ID"] == "1"
    box.control("/clock/advance", {"seconds": 3601})
    assert caller.error("profile") == (401, "expired_token")


def test_a_dismissed_owner(box: Sandbox, as_user: AsUser) -> None:
    """The token of a dismissed employee cannot authorise anybody."""
    caller = as_user(6)
    box.control("/as/1/ui.user.update", {"ID": 6, "ACTIVE": False})
    assert caller.error("profile") == (401, "authorization_error")


def test_unknown_and_missing_methods(box: Sandbox, hook: Caller) -> None:
    """404 with the documented code; ``method.get`` knows before."""
    assert hook.error("crm.nothing.list") == (404, "ERROR_METHOD_NOT_FOUND")
    box.control("/settings", {"missing_methods": ["crm.item.list"]}, "PUT")
    assert hook.error("crm.item.list", {"entityTypeId": 2}) == (404, "ERROR_METHOD_NOT_FOUND")
    assert hook("method.get", {"name": "crm.item.list"}) == {"isExisting": False, "isAvailable": False}


def test_the_portals_own_actions_cannot_be_called_by_rest(hook: Caller) -> None:
    """``ui.…`` belongs to the control endpoints."""
    assert hook.error("ui.user.update", {"ID": 1}) == (404, "ERROR_METHOD_NOT_FOUND")


def test_a_renamed_portal_redirects(box: Sandbox, hook: Caller) -> None:
    """302 with ``Location`` on the new host; a redirected POST would lose its body."""
    port = box.servers[0].port
    box.control("/settings", {"moved_to": f"localhost:{port}"}, "PUT")
    answer = hook.session.post(hook.base + "profile", json={}, allow_redirects=False, timeout=60)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"http://localhost:{port}/rest/1/")
    assert requests.post(answer.headers["Location"], json={}, timeout=60).json()["result"]["ID"] == "1"


def test_a_suspended_portal(box: Sandbox, hook: Caller) -> None:
    """The Market subscription lapsed: 403 for everything."""
    box.control("/settings", {"suspended": True}, "PUT")
    assert hook.error("profile") == (403, "ACCESS_DENIED")


def _many(box: Sandbox, count: int) -> None:
    rows = [
        {"user_id": 6, "method": "crm.item.add", "params": {"entityTypeId": 4, "fields": {"title": f"C{n}"}}}
        for n in range(count)
    ]
    assert all("result" in answer for answer in box.control("/acts", rows))


def test_offset_pages_have_total_and_next(box: Sandbox, hook: Caller) -> None:
    """Fifty rows, ``next`` only while more exist."""
    _many(box, 58)
    first = hook.raw("crm.item.list", {"entityTypeId": 4, "select": ["id"]}).json()
    assert (len(first["result"]["items"]), first["total"], first["next"]) == (50, 60, 50)
    last = hook.raw("crm.item.list", {"entityTypeId": 4, "select": ["id"], "start": 50}).json()
    assert (len(last["result"]["items"]), last["total"], "next" in last) == (10, 60, False)


def test_fast_paging_counts_nothing(box: Sandbox, hook: Caller) -> None:
    """With start -1 ``total`` is 0 and ``next`` absent."""
    _many(box, 58)
    params = {"entityTypeId": 4, "select": ["id"], "order": {"id": "ASC"}, "filter": {">id": 4}, "start": -1}
    body = hook.raw("crm.item.list", params).json()
    assert (len(body["result"]["items"]), body["total"], "next" in body) == (50, 0, False)


def test_a_batch_answers_per_command(hook: Caller) -> None:
    """References reach earlier results; an error stands beside them; HTTP stays 200; empty maps are []."""
    cmd = {
        "deal": "crm.item.get?entityTypeId=2&id=10",
        "company": "crm.item.get?entityTypeId=4&id=$result[deal][item][companyId]",
        "bad": "crm.item.get?entityTypeId=2&id=999",
    }
    result = hook("batch", {"halt": 0, "cmd": cmd})
    assert result["result"]["company"]["item"]["title"] == "ACME"
    assert result["result_error"]["bad"]["error"] == "NOT_FOUND"
    assert (result["result_total"], result["result_next"]) == ([], [])
    assert set(result["result_time"]) == {"deal", "company"}


def test_halt_stops_at_the_first_error(hook: Caller) -> None:
    """What stands after a failing command is not run."""
    cmd = {
        "bad": "crm.item.get?entityTypeId=2&id=999",
        "write": "crm.item.update?entityTypeId=2&id=10&fields[title]=changed",
    }
    assert hook("batch", {"halt": 1, "cmd": cmd})["result"] == []
    assert hook("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["title"] == "Site"


def test_a_batch_takes_fifty_commands_and_no_batch(hook: Caller) -> None:
    """The fifty-first fails with its own code, and so does a nested batch."""
    cmd = {f"c{n}": "profile" for n in range(52)}
    result = hook("batch", {"cmd": cmd})
    assert len(result["result"]) == 50
    assert {row["error"] for row in result["result_error"].values()} == {"ERROR_BATCH_LENGTH_EXCEEDED"}
    nested = hook("batch", {"cmd": {"a": "batch?cmd[a]=profile", "b": "profile"}})
    assert nested["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


def test_a_short_page_empties_the_references_after_it(hook: Caller) -> None:
    """In a chain of pages the reference after the last page is empty, so the next page starts from the
    beginning: what follows must be thrown away (bitrix24.md 19)."""
    page = "crm.item.list?entityTypeId=2&select[]=id&order[id]=ASC&start=-1&filter[>id]="
    result = hook("batch", {"cmd": {"a": page + "0", "b": page + "$result[a][items][49][id]"}})["result"]
    assert result["b"]["items"] == result["a"]["items"]


def test_a_batch_counts_once_for_http_and_per_command_for_methods(box: Sandbox, hook: Caller) -> None:
    """The journal tells requests and calls apart."""
    box.control("/counters/reset")
    hook("batch", {"cmd": ["profile", "profile", "crm.item.get?entityTypeId=2&id=999"]})
    counters = box.control("/counters", verb="GET")
    assert (counters["http"], counters["calls"]) == (1, 3)
    assert counters["by_method"] == {"profile": 2, "crm.item.get": 1}
    assert counters["by_error"] == {"NOT_FOUND": 1}


def test_the_log_of_requests_holds_no_secrets(box: Sandbox, as_user: AsUser) -> None:
    """Neither tokens nor parameters are kept."""
    caller = as_user(6)
    caller("profile")
    text = str(box.control("/requests", verb="GET"))
    assert CLIENT_ID in text
    assert (caller.token or "?") not in text

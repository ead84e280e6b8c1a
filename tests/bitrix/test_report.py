"""What an observer learns of a request, whatever the portal's answer looks like (product.md T3)."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses

from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.report import Inner, Report, Watch

OAUTH = "https://oauth.bitrix24.tech"
ASKED = {"a": "crm.item.update", "b": "crm.item.update", "c": "tasks.task.add"}


def told(body: Any, inner: dict[str, str] | None = None, method: str = "batch") -> Report:
    watch = Watch(method, lambda: 0.0, 10, inner or {})
    watch.answered(200, 20)
    watch.told(body)
    return watch.report()


def test_a_batch_is_told_by_method_with_what_failed_and_how_long_it_took() -> None:
    """Lists stand for maps with the keys 0, 1, 2 …, and errors come as maps or bare texts (bitrix24.md 4.4)."""
    times = {"a": {"duration": 1.5, "operating": 10.0}, "b": {"duration": 0.5, "operating": 10.5}}
    inner = {
        "result": {"a": True},
        "result_error": {"b": {"error": "ACCESS_DENIED"}, "c": "odd"},
        "result_time": times,
    }
    report = told({"result": inner, "time": {"finish": 1757424672.2}}, ASKED)
    assert report.inner == {
        "crm.item.update": Inner(2, 1, 2.0, 1.5, "ACCESS_DENIED"), "tasks.task.add": Inner(1, 1, 0.0, 0.0, "odd"),
    }  # fmt: skip
    assert (report.operating, report.finished) == ({"crm.item.update": 10.5}, 1757424672.2)
    assert (report.sent, report.received, report.status, report.code) == (10, 20, 200, "")
    listed = told(
        {"result": {"result": [1], "result_error": [], "result_time": [{"duration": 2}]}}, {"0": "profile"}
    )
    assert listed.inner == {"profile": Inner(1, 0, 2.0, 2.0)}


@pytest.mark.parametrize(
    "strange", [None, "x", [], {}, {"duration": "1"}, {"duration": True, "operating": None}]
)
def test_what_a_portal_leaves_out_or_garbles_is_left_open(strange: Any) -> None:
    """Whatever stands there, a report comes out of it."""
    report = told(
        {"result": {"result_time": {"a": strange}, "result_error": strange}, "time": strange}, ASKED
    )
    assert {name: one.calls for name, one in report.inner.items()} == {
        "crm.item.update": 2,
        "tasks.task.add": 1,
    }
    assert (report.operating, report.finished) == ({}, None)
    assert told({"result": strange, "time": strange}, ASKED).inner["tasks.task.add"] == Inner(1)
    assert told({"result": 1, "time": strange}, method="profile").operating == {}


def test_a_batch_without_an_answer_still_tells_what_was_asked() -> None:
    watch = Watch("batch", lambda: 0.0, 10, ASKED)
    watch.failed(Retryable("batch", "read_timeout", effect="unknown"))
    report = watch.report()
    assert (report.status, report.code, report.received) == (0, "read_timeout", 0)
    assert report.inner["crm.item.update"] == Inner(2)


@responses.activate
def test_the_authorisation_server_is_watched_as_well() -> None:
    """Renewals and proofs: their names, sizes and codes; neither tokens nor addresses."""
    seen: list[Report] = []
    oauth = OAuthClient([OAUTH], observer=seen.append, stopwatch=lambda: 0.0)
    responses.post(OAUTH + "/rest/app.info/", json={"error": "expired_token"}, status=401)
    responses.post(OAUTH + "/oauth/token/", body=requests.ConnectionError())
    for ask in (lambda: oauth.app_info(OAUTH, "secret"), lambda: oauth.refresh(OAUTH, "id", "key", "secret")):
        with pytest.raises(BitrixError):
            ask()
    with pytest.raises(BitrixError):
        oauth.app_info("https://elsewhere.example", "secret")  # nothing is sent, so nothing is told
    assert [(one.method, one.status, one.code) for one in seen] == [
        ("oauth.app.info", 401, "expired_token"), ("oauth.token", 0, "connection_lost"),
    ]  # fmt: skip
    assert seen[0].sent == len("auth=secret")
    assert "secret" not in repr(seen)

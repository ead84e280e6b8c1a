"""Robots of applications in the sandbox: registered, called by the queue, waiting, ended (bitrix24.md 14.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from b24pysdk.credentials import OAuthWorkflowData

from integration.bitrix.robots import parse_robot
from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import CLIENT_ID, Caller, Receiver

AsUser = Callable[[int], Caller]
MOVE = {"entityTypeId": 2, "id": 10, "fields": {"stageId": "PREPARATION"}}


def robot(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "CODE": "ask", "HANDLER": url, "NAME": {"en": "Ask"}, "AUTH_USER_ID": 1,
        "PROPERTIES": {"days": {"Name": "Days", "Type": "int", "Default": 2}, "text": {"Name": "Text", "Type": "text"}},
        "RETURN_PROPERTIES": {"score": {"Name": "Score", "Type": "int"}}, **changes,
    }  # fmt: skip


def test_a_robot_is_refused_for_each_documented_reason(as_user: AsUser, box: Sandbox) -> None:
    """Codes and statuses of bizproc-robot-add.md and bizproc-robot-update.md."""
    box.portal.state.apps[CLIENT_ID].app_url = "http://127.0.0.1:1/app"
    call, url = as_user(1), "http://127.0.0.1:1/robot"
    failure = (400, "ERROR_ACTIVITY_VALIDATION_FAILURE")
    for wrong in (
        {}, {"CODE": ""}, robot(url, CODE="a b"), robot(url, NAME=""), robot(url, PROPERTIES="x"),
        robot(url, PROPERTIES={"1x": {"Name": "N"}}), robot(url, RETURN_PROPERTIES={"x": {"Type": "int"}}),
        robot(url, FILTER={"ONLY": []}), robot(url, DOCUMENT_TYPE=["crm"]),
    ):  # fmt: skip
        assert call.error("bizproc.robot.add", wrong) == failure, wrong
    assert call.error("bizproc.robot.add", robot("ftp://127.0.0.1/x")) == (400, "ERROR_UNSUPPORTED_PROTOCOL")
    assert call.error("bizproc.robot.add", robot("http://other.example/x")) == (
        400,
        "ERROR_WRONG_HANDLER_URL",
    )
    assert call("bizproc.robot.add", robot(url)) is True
    assert call.error("bizproc.robot.add", robot(url)) == (400, "ERROR_ACTIVITY_ALREADY_INSTALLED")
    assert (
        call.error("bizproc.robot.update", {"CODE": "none", "FIELDS": {"NAME": "x"}})[1]
        == "ERROR_ACTIVITY_NOT_FOUND"
    )
    assert call.error("bizproc.robot.update", {"CODE": "ask", "FIELDS": {}}) == failure
    assert call("bizproc.robot.list") == ["ask"]
    assert call("bizproc.robot.delete", {"CODE": "ask"}) is True
    assert call.error("bizproc.robot.delete", {"CODE": "ask"}) == (400, "ERROR_ACTIVITY_NOT_FOUND")


def test_a_robot_on_a_stage_calls_its_handler_and_waits(
    box: Sandbox, receiver: Receiver, as_user: AsUser
) -> None:
    """The message is one that the official SDK and Molva read alike; values come back once, then the token is over."""
    call = as_user(1)
    call("bizproc.robot.add", robot(receiver.url("/robot")))
    rules = [{"stage": "PREPARATION", "code": "ask", "properties": {"days": 5, "unknown": 1}, "timeout": 60},
             {"stage": "EXECUTING", "code": "ask", "wait": False}]  # fmt: skip
    box.control("/settings", {"automation": rules}, "PUT")
    box.control("/as/6/crm.item.update", MOVE)
    box.control("/as/6/crm.item.update", MOVE)  # already there: nothing begins
    box.control("/events/flush", {"timeout": 60})
    (body,) = receiver.on("/robot")
    sdk, ours = (
        OAuthWorkflowData.from_dict(body),
        parse_robot({k: v for k, v in body.items() if k != "_query"}),
    )
    assert sdk.document_id == ["crm", "CCrmDocumentDeal", "DEAL_10"]
    assert (sdk.code, sdk.use_subscription, sdk.timeout_duration, sdk.properties) == (
        "ask",
        True,
        60,
        {"days": "5", "text": ""},
    )
    assert (ours.deal_id, ours.days, ours.waits, ours.token) == (10, 5, True, sdk.event_token)
    assert ours.grant.application_token == sdk.auth.application_token != ""
    told = {"event_token": sdk.event_token, "return_values": {"score": 9, "other": 1}, "log_message": "nine"}
    assert call.error("bizproc.event.send", told | {"event_token": "none"}) == (403, "ACCESS_DENIED")
    assert call("bizproc.event.send", told) is True
    assert call.error("bizproc.event.send", told) == (403, "ACCESS_DENIED")
    (run,) = box.control("/dump", verb="GET")["robots"]
    assert (run["status"], run["returned"], run["message"]) == ("done", {"score": 9}, "nine")
    assert "token" not in run


def test_a_robot_ends_with_its_stage_and_one_that_does_not_wait_has_no_token(
    box: Sandbox, receiver: Receiver, as_user: AsUser
) -> None:
    """Moving on stops what waits; fire and forget takes no answer; a removed application is not called."""
    call = as_user(1)
    call("bizproc.robot.add", robot(receiver.url("/robot")))
    stages = ("PREPARATION", "EXECUTING", "WON")
    rules = [{"stage": stage, "code": "ask", "wait": stage != "EXECUTING"} for stage in stages]
    box.control("/settings", {"automation": rules}, "PUT")
    for stage in stages[:2]:
        box.control("/as/6/crm.item.update", {**MOVE, "fields": {"stageId": stage}})
    box.control("/events/flush", {"timeout": 60})
    tokens = [body["event_token"] for body in receiver.on("/robot")]
    for token in tokens:
        assert (
            call.error("bizproc.event.send", {"EVENT_TOKEN": token, "RETURN_VALUES": {}})[1]
            == "ACCESS_DENIED"
        )
    box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 0})
    box.control("/as/6/crm.item.update", {**MOVE, "fields": {"stageId": stages[2]}})
    runs = box.control("/dump", verb="GET")["robots"]
    assert [run["status"] for run in runs] == ["over", "called", "failed"]
    assert box.portal.state.apps[CLIENT_ID].robots  # they stay

"""Installation as a portal does it, and what the queue server sends (bitrix24.md 2 and 6)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import CLIENT_ID, Caller, Receiver, register


def _install(box: Sandbox, receiver: Receiver, **more: Any) -> dict[str, Any]:
    register(box, install_url=receiver.url("/install"), app_url=receiver.url("/app"))
    answer: dict[str, Any] = box.control(
        f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False, **more}
    )
    return answer


def _app_caller(box: Sandbox, receiver: Receiver) -> Caller:
    return Caller(f"{box.portal_url}/rest/", receiver.on("/install")[0]["AUTH_ID"])


def test_the_installer_frame_carries_the_documented_fields(box: Sandbox, receiver: Receiver) -> None:
    """Query and body have the names and cases of bitrix24.md 2.3; the token works and is the administrator's."""
    answer = _install(box, receiver)
    assert (answer["status"], answer["installed"]) == (200, False)
    post = receiver.on("/install")[0]
    assert set(post["_query"]) == {"DOMAIN", "PROTOCOL", "LANG", "APP_SID"}
    assert post["_query"]["DOMAIN"] == box.domain
    assert post["_query"]["PROTOCOL"] == "0"
    assert {"AUTH_ID", "REFRESH_ID", "member_id", "status", "APPLICATION_TOKEN", "SERVER_ENDPOINT"} <= set(
        post
    )
    assert post["PLACEMENT"] == "DEFAULT"
    assert post["SERVER_ENDPOINT"] == f"{box.oauth_url}/rest/"
    caller = _app_caller(box, receiver)
    assert caller("profile")["ID"] == "1"
    assert caller("app.info")["INSTALLED"] is False
    caller.session.close()


def test_nothing_is_delivered_before_install_finish(box: Sandbox, receiver: Receiver) -> None:
    """event.bind succeeds in the installer, yet events only come once the page has called installFinish."""
    _install(box, receiver)
    caller = _app_caller(box, receiver)
    assert caller("event.bind", {"event": "OnCrmDealUpdate", "handler": receiver.url("/events")}) is True
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "before"}})
    box.control("/events/flush")
    assert receiver.on("/events") == []
    assert box.control(f"/apps/{CLIENT_ID}/finish") == {"installed": True}
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "after"}})
    box.control("/events/flush")
    (event,) = receiver.on("/events")
    assert (event["event"], event["data"]) == ("ONCRMDEALUPDATE", {"FIELDS": {"ID": "10"}})
    caller.session.close()


def test_finish_auto_looks_for_the_call_in_the_page(box: Sandbox, receiver: Receiver) -> None:
    """With finish "auto" only a page that mentions installFinish ends the installation."""
    assert _install(box, receiver, finish="auto")["installed"] is False
    receiver.page = "<script>BX24.init(() => BX24.installFinish())</script>"
    assert box.control(f"/apps/{CLIENT_ID}/install", {"finish": "auto"})["installed"] is True


@pytest.fixture
def events(box: Sandbox, receiver: Receiver) -> Caller:
    """An installed application whose handler is bound to everything about deals, companies and tasks."""
    _install(box, receiver, finish=True)
    caller = _app_caller(box, receiver)
    for event in (
        "ONCRMDEALADD",
        "ONCRMDEALUPDATE",
        "ONCRMDEALDELETE",
        "ONCRMDEALMOVETOCATEGORY",
        "ONCRMCOMPANYUPDATE",
        "ONCRMCOMPANYDELETE",
        "ONTASKADD",
        "ONTASKUPDATE",
        "ONTASKDELETE",
        "ONAPPUNINSTALL",
        "ONAPPUPDATE",
        "ONCRMCOMPANYUSERFIELDDELETE",
        "ONCRMTIMELINECOMMENTADD",
    ):
        caller("event.bind", {"event": event, "handler": receiver.url("/events")})
    return caller


def _names(box: Sandbox, receiver: Receiver) -> list[str]:
    assert box.control("/events/flush")["pending"] == 0
    return [event["event"] for event in receiver.on("/events")]


def test_an_event_carries_the_acting_users_token(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """The auth block has the manager's access token, no refresh token, and the application token."""
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "x"}})
    box.control("/events/flush")
    auth = receiver.on("/events")[0]["auth"]
    assert auth["user_id"] == "6"
    assert "refresh_token" not in auth
    assert auth["application_token"] == receiver.on("/install")[0]["APPLICATION_TOKEN"]
    caller = Caller(f"{box.portal_url}/rest/", auth["access_token"])
    assert caller("profile")["ID"] == "6"
    caller.session.close()


def test_a_robots_event_has_no_tokens(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """What a robot does is announced without any access token."""
    box.control("/as/0/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "robot"}})
    box.control("/events/flush")
    auth = receiver.on("/events")[0]["auth"]
    assert set(auth) == {"domain", "server_endpoint", "client_endpoint", "member_id", "application_token"}


def test_moving_to_another_pipeline_fires_no_update(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """Only ONCRMDEALMOVETOCATEGORY comes, with pipeline and stage; a stage change inside is an UPDATE."""
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"categoryId": 1}})
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"stageId": "C1:WON"}})
    assert _names(box, receiver) == ["ONCRMDEALMOVETOCATEGORY", "ONCRMDEALUPDATE"]
    assert receiver.on("/events")[0]["data"] == {
        "FIELDS": {"ID": "10", "CATEGORY_ID": "1", "STAGE_ID": "C1:NEW"}
    }


def test_equal_values_are_not_saved_and_fire_nothing(
    box: Sandbox, receiver: Receiver, events: Caller
) -> None:
    """Writing what is there already changes neither the card nor its time, and no event comes."""
    before = events("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["updatedTime"]
    fields = {"title": "Site", "opportunity": "19999.5", "contactIds": [7]}
    events("crm.item.update", {"entityTypeId": 2, "id": 10, "fields": fields})
    assert events("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["updatedTime"] == before
    assert _names(box, receiver) == []


def test_task_events_hold_the_literal_undefined(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """ADD has no before, DELETE no after: the word "undefined" stands there."""
    task = events("tasks.task.add", {"fields": {"TITLE": "t", "RESPONSIBLE_ID": 6}})["task"]["id"]
    box.control("/as/6/tasks.task.complete", {"taskId": task})
    events("tasks.task.delete", {"taskId": task})
    assert _names(box, receiver) == ["ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE"]
    added, changed, gone = (event["data"] for event in receiver.on("/events"))
    assert (added["FIELDS_BEFORE"], added["FIELDS_AFTER"]) == ("undefined", {"ID": task})
    assert changed["FIELDS_AFTER"] == {"ID": task}
    assert (gone["FIELDS_BEFORE"], gone["FIELDS_AFTER"]) == ({"ID": task}, "undefined")


def test_merging_looks_like_deleting(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """The loser goes with a DELETE event, its deals hang on the winner without events of their own."""
    box.control("/as/6/crm.entity.mergebatch", {"entityTypeId": 4, "entityIds": [4, 3]})
    assert _names(box, receiver) == ["ONCRMCOMPANYUPDATE", "ONCRMCOMPANYDELETE"]
    assert events("crm.item.get", {"entityTypeId": 2, "id": 10})["item"]["companyId"] == 4


def test_a_comment_event_has_its_id_at_the_top(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """``data.ID``, not ``data.FIELDS.ID``."""
    events("crm.timeline.comment.add", {"fields": {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "hi"}})
    assert _names(box, receiver) == ["ONCRMTIMELINECOMMENTADD"]
    assert receiver.on("/events")[0]["data"] == {"ID": "1"}


def test_no_answer_means_no_second_try(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """An error status is logged and the event dropped."""
    receiver.status = 500
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "x"}})
    assert _names(box, receiver) == ["ONCRMDEALUPDATE"]
    assert [row["status"] for row in box.control("/events", verb="GET")["delivered"]] == [500]


def test_events_can_be_lost_and_doubled(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """The switches of delivery: every second event lost, every third twice."""
    box.control("/settings", {"events": {"lose_every": 2, "duplicate_every": 3}}, "PUT")
    box.portal.queue.counted = 0
    for number in range(4):
        box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": f"t{number}"}})
    assert len(_names(box, receiver)) == 3


def test_a_delayed_event_waits_for_virtual_time(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """``delay`` is in virtual seconds; ``ts`` is the time of sending."""
    box.control("/settings", {"events": {"delay": 3600}}, "PUT")
    box.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "x"}})
    assert box.control("/events/flush", {"timeout": 0.3})["pending"] == 1
    then = box.portal.clock.time()
    box.control("/clock/advance", {"seconds": 3601})
    assert _names(box, receiver) == ["ONCRMDEALUPDATE"]
    assert int(receiver.on("/events")[0]["ts"]) >= int(then) + 3600


def test_uninstalling_leaves_only_the_application_token(
    box: Sandbox, receiver: Receiver, events: Caller
) -> None:
    """ONAPPUNINSTALL has no tokens; afterwards tokens are refused and bindings are gone."""
    assert box.control(f"/apps/{CLIENT_ID}/uninstall", {"clean": 1}) == {"delivered": 1}
    assert _names(box, receiver) == ["ONAPPUNINSTALL"]
    event = receiver.on("/events")[0]
    assert event["data"]["CLEAN"] == "1"
    assert "access_token" not in event["auth"]
    assert events.error("profile") == (401, "ERROR_OAUTH")
    assert box.portal.state.bindings == []


def test_a_new_version_drops_bindings_and_changes_the_application_token(
    box: Sandbox, receiver: Receiver, events: Caller
) -> None:
    """ONAPPUPDATE brings a new application token; every binding has to be made anew."""
    old = receiver.on("/install")[0]["APPLICATION_TOKEN"]
    assert box.control(f"/apps/{CLIENT_ID}/update", {"version": 2})["version"] == 2
    assert _names(box, receiver) == ["ONAPPUPDATE"]
    event = receiver.on("/events")[0]
    assert event["auth"]["application_token"] != old
    assert event["auth"]["refresh_token"]
    assert events("event.get") == []


def test_an_application_without_page_gets_onappinstall_at_once(box: Sandbox, receiver: Receiver) -> None:
    """No frame is posted; the event carries both tokens and counts as installed."""
    register(box, install_url=receiver.url("/install"), ui=False)
    assert box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1})["installed"] is True
    box.control("/events/flush")
    (event,) = receiver.on("/install")
    assert (event["event"], event["data"]["INSTALLED"]) == ("ONAPPINSTALL", "Y")
    assert event["auth"]["refresh_token"]


def test_the_installer_is_shown_until_it_is_finished(box: Sandbox, receiver: Receiver) -> None:
    """Opening the application before installFinish shows the installer, afterwards the application."""
    _install(box, receiver)
    box.control(f"/apps/{CLIENT_ID}/open", {"user_id": 1})
    box.control(f"/apps/{CLIENT_ID}/finish")
    box.control(f"/apps/{CLIENT_ID}/open", {"user_id": 6, "lang": "ru"})
    assert len(receiver.on("/install")) == 2
    (opened,) = receiver.on("/app")
    assert opened["_query"]["LANG"] == "ru"


def test_a_placement_posts_its_options_as_a_json_string(
    box: Sandbox, receiver: Receiver, events: Caller
) -> None:
    """The tab of a card gets the code and ``{"ID": …}`` as text."""
    events(
        "placement.bind",
        {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": receiver.url("/tab"), "TITLE": "NPS"},
    )
    data = {"user_id": 6, "placement": "CRM_DEAL_DETAIL_TAB", "options": {"ID": "10"}}
    box.control(f"/apps/{CLIENT_ID}/open", data)
    (post,) = receiver.on("/tab")
    assert (post["PLACEMENT"], post["PLACEMENT_OPTIONS"]) == ("CRM_DEAL_DETAIL_TAB", '{"ID": "10"}')


def test_control_needs_its_token(box: Sandbox) -> None:
    """Without the control token nothing can be steered."""
    answer = requests.post(f"{box.portal_url}/_sandbox/load", json={}, timeout=60)
    assert answer.status_code == 403


def test_a_reinstallation_starts_afresh(box: Sandbox, receiver: Receiver, events: Caller) -> None:
    """Tokens from before the uninstallation stay dead, the application token is another one."""
    old = receiver.on("/install")[0]
    box.control(f"/apps/{CLIENT_ID}/uninstall")
    box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": True})
    new = receiver.on("/install")[-1]
    assert new["APPLICATION_TOKEN"] != old["APPLICATION_TOKEN"]
    assert events.error("profile") == (401, "expired_token")
    assert box.portal.state.apps[CLIENT_ID].state == "installed"

"""The second half of the successes: timeline, layouts, triggers, tasks, calendar, notices, duplicates."""

from __future__ import annotations

from typing import Any

from tests.bitrix.sandbox.conftest import Sdk
from tests.bitrix.sandbox.sdk_success import Do, raw, succeeds, typed

succeeds(
    "crm.timeline.comment.add",
    typed("crm.timeline.comment.add", fields={"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "NPS 9"}),
    lambda r: r == 1,
)
succeeds(
    "crm.timeline.comment.list",
    typed("crm.timeline.comment.list", filter={"ENTITY_ID": 10, "ENTITY_TYPE": "deal"}),
    lambda r: r == [],
)


def _with_comment(verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        target: Any = sdk.client().crm.timeline.comment
        fields = {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "NPS 9"}
        number = target.add(fields=fields).response.result
        return getattr(target, verb)(bitrix_id=number, **more).response.result

    return do


succeeds(
    "crm.timeline.comment.get",
    _with_comment("get"),
    lambda r: (r["COMMENT"], r["AUTHOR_ID"]) == ("NPS 9", "1"),
)
succeeds(
    "crm.timeline.comment.update", _with_comment("update", fields={"COMMENT": "NPS 8"}), lambda r: r is True
)
succeeds("crm.timeline.comment.delete", _with_comment("delete"), lambda r: r is True)
succeeds(
    "crm.timeline.logmessage.add",
    typed(
        "crm.timeline.logmessage.add",
        fields={"entityTypeId": 4, "entityId": 3, "title": "NPS", "text": "9", "iconCode": "info"},
    ),
    lambda r: r["logMessage"]["authorId"] == 1,
)
succeeds(
    "crm.activity.todo.add",
    raw(
        "crm.activity.todo.add",
        ownerTypeId=4,
        ownerId=3,
        title="Call",
        deadline="2026-09-01T15:00:00+03:00",
        responsibleId=6,
    ),
    lambda r: r == {"id": 1},
)
succeeds("crm.activity.list", typed("crm.activity.list", filter={"OWNER_ID": 3}), lambda r: r == [])


def _todo_then_get(sdk: Sdk) -> Any:
    made = raw(
        "crm.activity.todo.add", ownerTypeId=4, ownerId=3, title="Call", deadline="2026-09-01T15:00:00+03:00"
    )(sdk)
    return sdk.client().crm.activity.get(bitrix_id=made["id"]).response.result


succeeds(
    "crm.activity.get", _todo_then_get, lambda r: r["PROVIDER_ID"] == "CRM_TODO" and r["COMPLETED"] == "N"
)


def _todo_then_done(sdk: Sdk) -> Any:
    made = raw(
        "crm.activity.todo.add", ownerTypeId=4, ownerId=3, title="Call", deadline="2026-09-01T15:00:00+03:00"
    )(sdk)
    activity = sdk.client().crm.activity
    done = activity.update(bitrix_id=made["id"], fields={"COMPLETED": "Y"}).response.result
    return done, activity.get(bitrix_id=made["id"]).response.result


succeeds(
    "crm.activity.update",
    _todo_then_done,
    lambda r: r[0] is True and (r[1]["COMPLETED"], r[1]["STATUS"]) == ("Y", "2"),
)


MAIL = {
    "TYPE_ID": 4, "DIRECTION": 2, "COMPLETED": "Y", "OWNER_TYPE_ID": 3, "OWNER_ID": 7, "SUBJECT": "How are we doing?",
    "DESCRIPTION": "<p>Ten seconds</p>", "DESCRIPTION_TYPE": 3, "RESPONSIBLE_ID": 6,
    "COMMUNICATIONS": [{"VALUE": "ivan@example.com", "ENTITY_ID": 7, "ENTITY_TYPE_ID": 3}],
    "SETTINGS": {"MESSAGE_FROM": "Boris Example <user6@example.com>"},
    "START_TIME": "2026-09-01T15:00:00+03:00", "END_TIME": "2026-09-01T15:01:00+03:00",
}  # fmt: skip


succeeds("crm.activity.add", typed("crm.activity.add", fields=MAIL), lambda r: r == 1)

_SECTION = [{"name": "main", "title": "About", "type": "section", "elements": [{"name": "TITLE"}]}]
succeeds(
    "crm.item.details.configuration.set",
    typed(
        "crm.item.details.configuration.set",
        entity_type_id=2,
        data=_SECTION,
        scope="C",
        extras={"dealCategoryId": 1},
    ),
    lambda r: r is True,
)
succeeds(
    "crm.item.details.configuration.get",
    typed("crm.item.details.configuration.get", entity_type_id=2, scope="C"),
    lambda r: r == [],
)


def _trigger(verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        token = sdk.token()
        token.call_method("crm.automation.trigger.add", {"CODE": "molva-low", "NAME": "Low score"})
        return token.call_method(f"crm.automation.trigger.{verb}", more)["result"]

    return do


succeeds(
    "crm.automation.trigger.add",
    raw("crm.automation.trigger.add", CODE="molva-low", NAME="Low"),
    lambda r: r is True,
)
succeeds(
    "crm.automation.trigger.list",
    _trigger("list"),
    lambda r: r == [{"NAME": "Low score", "CODE": "molva-low"}],
)
succeeds(
    "crm.automation.trigger.execute",
    _trigger("execute", CODE="molva-low", OWNER_TYPE_ID=2, OWNER_ID=10),
    lambda r: r is True,
)
_ROBOT = {
    "code": "molva_ask",
    "handler": "https://agency.sandbox.test/bitrix/robot",
    "name": {"en": "Ask"},
    "auth_user_id": 1,
    "properties": {"days": {"Name": {"en": "Days"}, "Type": "int", "Default": 14}},
    "return_properties": {"score": {"Name": {"en": "Score"}, "Type": "int"}},
    "filter": {"INCLUDE": [["crm", "CCrmDocumentDeal"]]},
}


def _robot(verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        client = sdk.client()
        assert client.bizproc.robot.add(**_ROBOT).response.result is True
        return getattr(client.bizproc.robot, verb)(**more).response.result

    return do


def _waiting_robot(sdk: Sdk) -> Any:
    """A robot on a stage waits; the values it is sent are kept, and the next robot moves the deal."""
    client, state = sdk.client(), sdk.box.portal.state
    assert client.bizproc.robot.add(**_ROBOT).response.result is True
    state.settings.update(
        {"automation": [{"stage": "PREPARATION", "code": "molva_ask",
                         "then": [{"when": {"score": 3}, "stage": "EXECUTING"}]}]}
    )  # fmt: skip
    raw("crm.item.update", entityTypeId=2, id=10, fields={"stageId": "PREPARATION"})(sdk)
    run = state.robot_runs[-1]
    result = client.bizproc.event.send(
        event_token=run["token"], return_values={"score": 3, "other": 1}
    ).response.result
    state.settings.update({"automation": []})
    return result, run["returned"], run["status"], state.items[2].rows[10]["stageId"]


succeeds("bizproc.robot.add", typed("bizproc.robot.add", **_ROBOT), lambda r: r is True)
succeeds("bizproc.robot.list", _robot("list"), lambda r: r == ["molva_ask"])
succeeds(
    "bizproc.robot.update", _robot("update", code="molva_ask", fields={"NAME": "Ask"}), lambda r: r is True
)
succeeds("bizproc.robot.delete", _robot("delete", code="molva_ask"), lambda r: r is True)
succeeds("bizproc.event.send", _waiting_robot, lambda r: r == (True, {"score": 3}, "done", "EXECUTING"))
succeeds("crm.automation.trigger.delete", _trigger("delete", CODE="molva-low"), lambda r: r is True)

_TASK = {
    "TITLE": "NPS 4",
    "RESPONSIBLE_ID": 6,
    "UF_CRM_TASK": ["CO_3", "D_10"],
    "DEADLINE": "2026-09-01T18:00:00+03:00",
}


def _task(path: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        client = sdk.client()
        number = int(client.tasks.task.add(fields=_TASK).response.result["task"]["id"])
        target: Any = client
        for name in path.split("."):
            target = getattr(target, name)
        return target(task_id=number, **more).response.result

    return do


succeeds(
    "tasks.task.add",
    typed("tasks.task.add", fields=_TASK),
    lambda r: (r["task"]["id"], r["task"]["status"], "ufCrmTask" in r["task"]) == ("1", "2", False),
)
succeeds(
    "tasks.task.get",
    _task("tasks.task.get", select=["ID", "UF_CRM_TASK"]),
    lambda r: r["task"]["ufCrmTask"] == ["CO_3", "D_10"],
)
succeeds(
    "tasks.task.list",
    typed("tasks.task.list", filter={"UF_CRM_TASK": "D_10"}, order={"ID": "asc"}),
    lambda r: r == {"tasks": []},
)
succeeds(
    "tasks.task.update",
    _task("tasks.task.update", fields={"PRIORITY": 2}),
    lambda r: r["task"]["priority"] == "2",
)
for _verb, _status in (
    ("complete", "5"),
    ("start", "3"),
    ("pause", "2"),
    ("defer", "6"),
    ("renew", "2"),
    ("approve", "5"),
    ("disapprove", "2"),
):
    succeeds(
        f"tasks.task.{_verb}", _task(f"tasks.task.{_verb}"), lambda r, s=_status: r["task"]["status"] == s
    )
succeeds("tasks.task.delete", _task("tasks.task.delete"), lambda r: r == {"task": True})
succeeds(
    "tasks.task.getfields", typed("tasks.task.get_fields"), lambda r: r["fields"]["TITLE"]["required"] is True
)
succeeds("tasks.task.result.list", _task("tasks.task.result.list"), lambda r: r == [])
succeeds(
    "task.checklistitem.add",
    _task("task.checklistitem.add", fields={"TITLE": "Steps", "PARENT_ID": 0}),
    lambda r: r == 1,
)
succeeds("task.checklistitem.getlist", _task("task.checklistitem.getlist"), lambda r: r == [])

succeeds(
    "calendar.settings.get",
    typed("calendar.settings.get"),
    lambda r: r["week_holidays"] == ["SA", "SU"] and "1.01" in r["year_holidays"].split(","),
)
succeeds(
    "calendar.accessibility.get",
    raw("calendar.accessibility.get", **{"users": [6, 8], "from": "2026-08-21", "to": "2026-08-22"}),
    lambda r: r["6"][0]["ACCESSIBILITY"] == "absent" and r["8"] == [],
)
succeeds(
    "im.notify.system.add",
    typed("im.notify.system.add", user_id=6, message="Two answers", tag="NPS"),
    lambda r: isinstance(r, int),
)
succeeds(
    "im.notify.personal.add",
    typed("im.notify.personal.add", user_id=6, message="Hello"),
    lambda r: isinstance(r, int),
)
succeeds(
    "crm.duplicate.findbycomm",
    typed("crm.duplicate.findbycomm", type="PHONE", values=["89990000001"]),
    lambda r: r == {"CONTACT": [7]},
)
succeeds(
    "crm.entity.mergebatch",
    typed("crm.entity.merge_batch", params={"entityTypeId": 4, "entityIds": [3, 4]}),
    lambda r: r == {"STATUS": "SUCCESS", "ENTITY_IDS": [4]},
)

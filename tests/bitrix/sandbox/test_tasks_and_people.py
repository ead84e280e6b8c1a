"""Tasks, timeline, users and the calendar: the facts of bitrix24.md 10–13 that a client trips over."""

from __future__ import annotations

from collections.abc import Callable

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import Caller

AsUser = Callable[[int], Caller]

TASK = {
    "TITLE": "NPS 4: meet ACME",
    "RESPONSIBLE_ID": 6,
    "CREATED_BY": 8,
    "UF_CRM_TASK": ["CO_3", "D_10"],
    "XML_ID": "molva:1",
    "DEADLINE": "2020-01-01T18:00:00+03:00",
    "TAGS": ["NPS"],
}


def _task(hook: Caller, **more: object) -> str:
    return str(hook("tasks.task.add", {"fields": TASK | more})["task"]["id"])


def test_list_sorts_by_big_id_and_returns_small_id(hook: Caller) -> None:
    """The walk of tasks filters ``>ID`` and reads ``id``; without a select there is no binding."""
    first, second = _task(hook), _task(hook)
    rows = hook("tasks.task.list", {"filter": {">ID": first, "UF_CRM_TASK": "D_10"}, "order": {"ID": "asc"}})[
        "tasks"
    ]
    assert [row["id"] for row in rows] == [second]
    assert "ufCrmTask" not in rows[0]
    picked = hook("tasks.task.list", {"select": ["ID", "UF_CRM_TASK", "XML_ID"]})["tasks"]
    assert picked[0]["xmlId"] == "molva:1"
    assert picked[0]["ufCrmTask"] == ["CO_3", "D_10"]


def test_meta_statuses(hook: Caller) -> None:
    """STATUS -1 finds the overdue, REAL_STATUS the field itself."""
    late, fresh = _task(hook), _task(hook, DEADLINE="2099-01-01T18:00:00+03:00")
    found = hook("tasks.task.list", {"filter": {"STATUS": -1}})["tasks"]
    assert [row["id"] for row in found] == [late]
    assert {row["id"] for row in hook("tasks.task.list", {"filter": {"REAL_STATUS": 2}})["tasks"]} == {
        late,
        fresh,
    }


def test_control_comes_before_completion(box: Sandbox, hook: Caller) -> None:
    """With TASK_CONTROL the responsible's "complete" leads to 4 until the creator approves."""
    task = _task(hook, TASK_CONTROL="Y")
    assert box.control("/as/6/tasks.task.complete", {"taskId": task})["result"]["task"]["status"] == "4"
    assert box.control("/as/8/tasks.task.approve", {"taskId": task})["result"]["task"]["status"] == "5"


def test_a_task_may_demand_a_result(box: Sandbox, hook: Caller) -> None:
    """SE_PARAMETER 3: no completion without a result."""
    task = _task(hook, SE_PARAMETER=[{"CODE": 3, "VALUE": "Y"}])
    assert box.control("/as/6/tasks.task.complete", {"taskId": task})["error"] == "ERROR_CORE"
    box.control("/as/6/ui.task.result", {"taskId": task, "text": "agreed"})
    assert hook("tasks.task.result.list", {"taskId": int(task)})[0]["text"] == "agreed"
    assert box.control("/as/6/tasks.task.complete", {"taskId": task})["result"]["task"]["status"] == "5"


def test_tasks_are_seen_by_their_people_and_heads(hook: Caller, as_user: AsUser) -> None:
    """The head of department 2 sees the task of its member; strangers get an empty list."""
    task = _task(hook, CREATED_BY=1, RESPONSIBLE_ID=6)
    assert as_user(6)("tasks.task.get", {"taskId": task})["task"]["id"] == task
    assert as_user(8)("tasks.task.get", {"taskId": task}) == []
    assert as_user(8)("tasks.task.list", {})["tasks"] == []


def test_a_task_stands_in_the_timeline_of_its_cards(hook: Caller) -> None:
    """Bound tasks are activities of type 3."""
    task = _task(hook)
    rows = hook("crm.activity.list", {"filter": {"OWNER_TYPE_ID": 4, "OWNER_ID": 3}})
    assert [(row["TYPE_ID"], row["ASSOCIATED_ENTITY_ID"], row["COMPLETED"]) for row in rows] == [
        ("3", task, "N")
    ]


def test_a_dismissed_or_unknown_responsible(hook: Caller) -> None:
    """Texts come with HTML."""
    answer = hook.raw("tasks.task.add", {"fields": {"TITLE": "t", "RESPONSIBLE_ID": 777}}).json()
    assert answer["error"] == "ERROR_CORE"
    assert answer["error_description"].endswith("<br>")


def test_comments_belong_to_the_tokens_owner(hook: Caller, as_user: AsUser) -> None:
    """AUTHOR_ID follows the token, whatever the fields say; the list needs both keys."""
    fields = {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "NPS 9", "AUTHOR_ID": 1}
    number = as_user(6)("crm.timeline.comment.add", {"fields": fields})
    rows = hook("crm.timeline.comment.list", {"filter": {"ENTITY_ID": 10, "ENTITY_TYPE": "deal"}})
    assert [(row["ID"], row["AUTHOR_ID"]) for row in rows] == [(str(number), "6")]
    assert hook.error("crm.timeline.comment.list", {"filter": {"ENTITY_ID": 10}}) == (400, "")


def test_scopes_hide_fields_of_users(box: Sandbox) -> None:
    """user_brief gives names without e-mail, user_basic adds it; nobody learns who is administrator."""
    brief = Caller(box.control("/webhooks", {"user_id": 1, "scope": ["user_brief"]})["url"])
    basic = Caller(box.control("/webhooks", {"user_id": 1, "scope": ["user_basic"]})["url"])
    assert "EMAIL" not in brief("user.get", {"FILTER": {"ID": 6}})[0]
    card = basic("user.get", {"FILTER": {"ID": [6]}})[0]
    assert card["EMAIL"] == "user6@example.com"
    assert "ADMIN" not in card
    assert card["TIMESTAMP_X"] == {}
    brief.session.close()
    basic.session.close()


def test_an_equal_notice_replaces_the_first(box: Sandbox, hook: Caller) -> None:
    """The same TAG to the same person leaves one notice."""
    for text in ("one", "two"):
        hook("im.notify.system.add", {"USER_ID": 6, "MESSAGE": text, "TAG": "NPS"})
    assert [row["MESSAGE"] for row in box.portal.state.notifications] == ["two"]


def test_a_layout_is_replaced_whole(hook: Caller) -> None:
    """Nothing until somebody customised it; then exactly what was written, per pipeline."""
    base = {"entityTypeId": 2, "scope": "C", "extras": {"dealCategoryId": 1}}
    assert hook("crm.item.details.configuration.get", base) == []
    section = {
        "name": "nps",
        "title": "NPS",
        "type": "section",
        "elements": [{"name": "UF_CRM_SCORE", "optionFlags": 1}],
    }
    hook("crm.item.details.configuration.set", base | {"data": [section]})
    assert hook("crm.item.details.configuration.get", base)[0]["elements"] == [
        {"name": "UF_CRM_SCORE", "optionFlags": "1"}
    ]
    assert hook("crm.item.details.configuration.get", base | {"extras": {"dealCategoryId": 0}}) == []


def test_a_trigger_moves_only_where_the_customer_hung_it(box: Sandbox, as_user: AsUser) -> None:
    """Success alone says nothing; with ``trigger_moves`` a robot moves the deal."""
    caller = as_user(1)
    run = {"CODE": "low", "OWNER_TYPE_ID": 2, "OWNER_ID": 10}
    caller("crm.automation.trigger.add", {"CODE": "low", "NAME": "Low"})
    assert caller("crm.automation.trigger.execute", run) is True
    assert box.portal.state.items[2].rows[10]["stageId"] == "NEW"
    box.control("/settings", {"trigger_moves": {"low": "PREPARATION"}}, "PUT")
    caller("crm.automation.trigger.execute", run)
    assert box.portal.state.items[2].rows[10]["stageId"] == "PREPARATION"


def test_placements_repeat_and_unbind_counts_twice(as_user: AsUser) -> None:
    """A repeated bind makes a second tab; unbinding says 2 for one."""
    caller = as_user(1)
    tab = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": "https://app.example/tab", "TITLE": "NPS"}
    caller("placement.bind", tab)
    caller("placement.bind", tab)
    assert len(caller("placement.get")) == 2
    assert caller("placement.unbind", tab) == {"count": 4}
    answer = caller.raw("placement.bind", {"HANDLER": "https://app.example/tab"})
    assert (answer.status_code, answer.json()["error"]) == (200, "ERROR_ARGUMENT")


def test_events_bound_twice_are_an_error(as_user: AsUser) -> None:
    """The same pair twice fails; another handler does not; unbinding counts."""
    caller = as_user(1)
    bind = {"event": "ONCRMDEALADD", "handler": "http://127.0.0.1:1/e"}
    caller("event.bind", bind)
    assert caller.error("event.bind", bind) == (400, "ERROR_EVENT_BINDING_EXISTS")
    caller("event.bind", bind | {"handler": "http://127.0.0.1:1/other"})
    assert [row["auth_type"] for row in caller("event.get")] == ["0", "0"]
    assert caller("event.unbind", bind) == {"count": 1}


def test_the_dump_holds_what_was_done(box: Sandbox, hook: Caller) -> None:
    """Cards, tasks and comments for comparisons."""
    _task(hook)
    hook("crm.timeline.comment.add", {"fields": {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "hi"}})
    data = box.control("/dump", verb="GET")
    assert [row["title"] for row in data["items"]["DEAL"]] == ["Site", "Logo", "Support"]
    assert (len(data["tasks"]), data["comments"][0]["COMMENT"]) == (1, "hi")

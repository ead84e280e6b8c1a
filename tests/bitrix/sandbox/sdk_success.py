"""Each method called once by the official SDK where it must succeed, and what its answer must hold.

The typed client is used wherever it can say what the method needs; ``raw`` (the SDK's own ``call_method``)
where version 1.3 of the SDK lacks a parameter (``entityTypeId`` of stage history, and so on).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bitrix.sandbox.conftest import Sdk

Do = Callable[[Sdk], Any]
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Success:
    """One successful call: how it is made, what must be true of its result."""

    method: str
    do: Do
    check: Check


SUCCESSES: list[Success] = []


def _ok(method: str, do: Do, check: Check) -> None:
    SUCCESSES.append(Success(method, do, check))


def typed(path: str, **arguments: Any) -> Do:
    """A call of the typed client; its result."""

    def do(sdk: Sdk) -> Any:
        target: Any = sdk.client()
        for name in path.split("."):
            target = getattr(target, name)
        return target(**arguments).response.result

    return do


def raw(method: str, **params: Any) -> Do:
    """The SDK's untyped call; its result."""
    return lambda sdk: sdk.token().call_method(method, params)["result"]


_ok("server.time", typed("server.time"), lambda r: r[10] == "T" and r[-6] in "+-")
_ok("app.info", typed("app.info"), lambda r: r["INSTALLED"] is True and r["STATUS"] == "L")
_ok("scope", typed("scope"), lambda r: "crm" in r)
_ok("profile", typed("profile"), lambda r: r["ID"] == "1" and r["ADMIN"] is True)
_ok("method.get", typed("method.get", name="crm.item.list"), lambda r: r == {"isExisting": True, "isAvailable": True})
_ok("methods", raw("methods"), lambda r: "crm.item.get" in r and "ui.user.update" not in r)
_ok("feature.get", typed("feature.get", code="rest_offline_extended"), lambda r: r == {"value": "N"})
_ok("app.option.set", typed("app.option.set", options={"k": "v"}), lambda r: r is True)
_ok("app.option.get", typed("app.option.get", option="absent"), lambda r: r is None)

_ok("user.current", typed("user.current"), lambda r: r["ID"] == "1" and r["EMAIL"] == "user1@example.com")
_ok("user.admin", typed("user.admin"), lambda r: r is True)
_ok("user.access", typed("user.access", access=["U6"]), lambda r: r is True)
_ok("user.get", typed("user.get", filter={"ACTIVE": True}, sort="ID", order="DESC"),
    lambda r: [u["ID"] for u in r] == ["8", "6", "1"])
_ok("user.search", typed("user.search", filter={"FIND": "bori"}), lambda r: [u["ID"] for u in r] == ["6"])
_ok("department.get", typed("department.get", uf_head=8), lambda r: [d["NAME"] for d in r] == ["Service"])

_ok("event.bind", typed("event.bind", event="ONCRMDEALADD", handler="http://127.0.0.1:1/e"), lambda r: r is True)
_ok("event.get", typed("event.get"), lambda r: r == [])
_ok("event.unbind", typed("event.unbind", event="ONCRMDEALADD", handler="http://127.0.0.1:1/e"),
    lambda r: r == {"count": 0})
_ok("event.test", raw("event.test", any="thing"), lambda r: r == 1)
_ok("events", typed("events", scope="crm"), lambda r: "ONCRMDEALMOVETOCATEGORY" in r)

_ok("placement.bind", typed("placement.bind", placement="CRM_DEAL_DETAIL_TAB", handler="https://app.example/tab",
                            title="NPS", lang_all={"ru": {"TITLE": "NPS"}}), lambda r: r is True)
_ok("placement.get", typed("placement.get"), lambda r: r == [])
_ok("placement.unbind", typed("placement.unbind", placement="CRM_DEAL_DETAIL_TAB"), lambda r: r == {"count": 0})
_ok("placement.list", typed("placement.list"), lambda r: "CRM_COMPANY_DETAIL_TAB" in r)

_ok("crm.item.get", typed("crm.item.get", bitrix_id=11, entity_type_id=2, use_original_uf_names=True),
    lambda r: r["item"]["stageSemanticId"] == "S" and "UF_CRM_SCORE" in r["item"] and r["item"]["isWon"] is None)
_ok("crm.item.list", typed("crm.item.list", entity_type_id=2, select=["id"], filter={"companyId": 3},
                           order={"id": "DESC"}), lambda r: [i["id"] for i in r["items"]] == [12, 11, 10])
_ok("crm.item.add", typed("crm.item.add", entity_type_id=1, fields={"title": "Referral"}),
    lambda r: r["item"]["stageId"] == "NEW" and r["item"]["id"] > 20)
_ok("crm.item.update", typed("crm.item.update", bitrix_id=3, entity_type_id=4, use_original_uf_names=True,
                             fields={"UF_CRM_SCORE": 9, "UF_CRM_SINCE": "2026-08-21"}),
    lambda r: r["item"]["UF_CRM_SCORE"] == 9 and r["item"]["UF_CRM_SINCE"].startswith("2026-08-21T"))
_ok("crm.item.delete", typed("crm.item.delete", bitrix_id=10, entity_type_id=2), lambda r: r == [])
_ok("crm.item.fields", typed("crm.item.fields", entity_type_id=2),
    lambda r: r["fields"]["ufCrmScore"]["upperName"] == "UF_CRM_SCORE")
_ok("crm.stagehistory.list", raw("crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": 11}),
    lambda r: [(i["ID"], i["TYPE_ID"], i["STAGE_SEMANTIC_ID"]) for i in r["items"]] == [(35, 3, "S")])
_ok("crm.category.list", raw("crm.category.list", entityTypeId=2), lambda r: [c["id"] for c in r["categories"]] == [0, 1])
_ok("crm.status.list", typed("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE_1"}, order={"SORT": "ASC"}),
    lambda r: [s["STATUS_ID"] for s in r][:2] == ["C1:NEW", "C1:ACTIVE"] and r[0]["SEMANTICS"] is None)
_ok("crm.status.add", typed("crm.status.add", fields={"ENTITY_ID": "SOURCE", "STATUS_ID": "MOLVA", "NAME": "Molva"}),
    lambda r: isinstance(r, int))
_ok("crm.currency.list", typed("crm.currency.list"), lambda r: {c["CURRENCY"] for c in r} >= {"RUB", "EUR"})
_ok("crm.currency.base.get", raw("crm.currency.base.get"), lambda r: r == "RUB")
_ok("crm.settings.mode.get", raw("crm.settings.mode.get"), lambda r: r == 1)
_ok("crm.requisite.list", typed("crm.requisite.list", filter={"ENTITY_TYPE_ID": 4, "ENTITY_ID": 3}, select=["ID"]),
    lambda r: r == [{"ID": "40"}])
_ok("crm.address.list", typed("crm.address.list", filter={"ANCHOR_TYPE_ID": 4, "@ANCHOR_ID": [3]}),
    lambda r: (r[0]["CITY"], r[0]["ANCHOR_ID"], r[0]["ENTITY_TYPE_ID"]) == ("Kazan", "3", "8"))

_LINK = {"SORT": 100, "ROLE_ID": 0, "IS_PRIMARY": "Y"}
_ok("crm.deal.contact.items.get", typed("crm.deal.contact.items.get", bitrix_id=10),
    lambda r: r == [{"CONTACT_ID": 7} | _LINK])
_ok("crm.lead.contact.items.get", typed("crm.lead.contact.items.get", bitrix_id=20), lambda r: r == [])
_ok("crm.company.contact.items.get", typed("crm.company.contact.items.get", bitrix_id=3),
    lambda r: r == [{"CONTACT_ID": 7} | _LINK])
_ok("crm.contact.company.items.get", typed("crm.contact.company.items.get", bitrix_id=7),
    lambda r: r == [{"COMPANY_ID": 3} | _LINK])

for _name, _id, _key in (("deal", 10, "TITLE"), ("lead", 20, "TITLE"), ("contact", 7, "NAME"), ("company", 3, "TITLE")):
    _ok(f"crm.{_name}.list", typed(f"crm.{_name}.list", filter={">ID": 0}, order={"ID": "ASC"}),
        lambda r, i=_id: r[0]["ID"] == str(i))
    _ok(f"crm.{_name}.get", typed(f"crm.{_name}.get", bitrix_id=_id), lambda r, i=_id: r["ID"] == str(i))
    _ok(f"crm.{_name}.add", typed(f"crm.{_name}.add", fields={_key: "New"}), lambda r: isinstance(r, int))
    _ok(f"crm.{_name}.update", typed(f"crm.{_name}.update", bitrix_id=_id, fields={_key: "Other"}),
        lambda r: r is True)
    _ok(f"crm.{_name}.delete", typed(f"crm.{_name}.delete", bitrix_id=_id), lambda r: r is True)


def _own_field(entity: str, verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        target: Any = getattr(sdk.client().crm, entity).userfield
        number = target.add(fields={"FIELD_NAME": "MADE", "USER_TYPE_ID": "string", "XML_ID": "M"}).response.result
        return getattr(target, verb)(bitrix_id=number, **more).response.result

    return do


for _name in ("deal", "lead", "contact", "company"):
    _ok(f"crm.{_name}.userfield.add", typed(f"crm.{_name}.userfield.add", fields={
        "FIELD_NAME": "NEW", "USER_TYPE_ID": "integer", "EDIT_FORM_LABEL": {"en": "New"}}), lambda r: isinstance(r, int))
    _ok(f"crm.{_name}.userfield.list", typed(f"crm.{_name}.userfield.list", filter={"LANG": "en"}),
        lambda r: all("EDIT_FORM_LABEL" in row for row in r))
    _ok(f"crm.{_name}.userfield.get", _own_field(_name, "get"), lambda r: r["FIELD_NAME"] == "UF_CRM_MADE")
    _ok(f"crm.{_name}.userfield.update", _own_field(_name, "update", fields={"SORT": 7}), lambda r: r is True)
    _ok(f"crm.{_name}.userfield.delete", _own_field(_name, "delete"), lambda r: r is True)

_ok("crm.timeline.comment.add", typed("crm.timeline.comment.add", fields={
    "ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "NPS 9"}), lambda r: r == 1)
_ok("crm.timeline.comment.list", typed("crm.timeline.comment.list", filter={"ENTITY_ID": 10, "ENTITY_TYPE": "deal"}),
    lambda r: r == [])


def _with_comment(verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        target: Any = sdk.client().crm.timeline.comment
        fields = {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "NPS 9"}
        number = target.add(fields=fields).response.result
        return getattr(target, verb)(bitrix_id=number, **more).response.result

    return do


_ok("crm.timeline.comment.get", _with_comment("get"), lambda r: (r["COMMENT"], r["AUTHOR_ID"]) == ("NPS 9", "1"))
_ok("crm.timeline.comment.update", _with_comment("update", fields={"COMMENT": "NPS 8"}), lambda r: r is True)
_ok("crm.timeline.comment.delete", _with_comment("delete"), lambda r: r is True)
_ok("crm.timeline.logmessage.add", typed("crm.timeline.logmessage.add", fields={
    "entityTypeId": 4, "entityId": 3, "title": "NPS", "text": "9", "iconCode": "info"}),
    lambda r: r["logMessage"]["authorId"] == 1)
_ok("crm.activity.todo.add", raw("crm.activity.todo.add", ownerTypeId=4, ownerId=3, title="Call",
                                 deadline="2026-09-01T15:00:00+03:00", responsibleId=6), lambda r: r == {"id": 1})
_ok("crm.activity.list", typed("crm.activity.list", filter={"OWNER_ID": 3}), lambda r: r == [])


def _todo_then_get(sdk: Sdk) -> Any:
    made = raw("crm.activity.todo.add", ownerTypeId=4, ownerId=3, title="Call", deadline="2026-09-01T15:00:00+03:00")(sdk)
    return sdk.client().crm.activity.get(bitrix_id=made["id"]).response.result


_ok("crm.activity.get", _todo_then_get, lambda r: r["PROVIDER_ID"] == "CRM_TODO" and r["COMPLETED"] == "N")

_SECTION = [{"name": "main", "title": "About", "type": "section", "elements": [{"name": "TITLE"}]}]
_ok("crm.item.details.configuration.set", typed("crm.item.details.configuration.set", entity_type_id=2, data=_SECTION,
                                                scope="C", extras={"dealCategoryId": 1}), lambda r: r is True)
_ok("crm.item.details.configuration.get", typed("crm.item.details.configuration.get", entity_type_id=2, scope="C"),
    lambda r: r == [])


def _trigger(verb: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        token = sdk.token()
        token.call_method("crm.automation.trigger.add", {"CODE": "molva-low", "NAME": "Low score"})
        return token.call_method(f"crm.automation.trigger.{verb}", more)["result"]

    return do


_ok("crm.automation.trigger.add", raw("crm.automation.trigger.add", CODE="molva-low", NAME="Low"), lambda r: r is True)
_ok("crm.automation.trigger.list", _trigger("list"), lambda r: r == [{"NAME": "Low score", "CODE": "molva-low"}])
_ok("crm.automation.trigger.execute", _trigger("execute", CODE="molva-low", OWNER_TYPE_ID=2, OWNER_ID=10),
    lambda r: r is True)
_ok("crm.automation.trigger.delete", _trigger("delete", CODE="molva-low"), lambda r: r is True)

_TASK = {"TITLE": "NPS 4", "RESPONSIBLE_ID": 6, "UF_CRM_TASK": ["CO_3", "D_10"], "DEADLINE": "2026-09-01T18:00:00+03:00"}


def _task(path: str, **more: Any) -> Do:
    def do(sdk: Sdk) -> Any:
        client = sdk.client()
        number = int(client.tasks.task.add(fields=_TASK).response.result["task"]["id"])
        target: Any = client
        for name in path.split("."):
            target = getattr(target, name)
        return target(task_id=number, **more).response.result

    return do


_ok("tasks.task.add", typed("tasks.task.add", fields=_TASK),
    lambda r: (r["task"]["id"], r["task"]["status"], "ufCrmTask" in r["task"]) == ("1", "2", False))
_ok("tasks.task.get", _task("tasks.task.get", select=["ID", "UF_CRM_TASK"]),
    lambda r: r["task"]["ufCrmTask"] == ["CO_3", "D_10"])
_ok("tasks.task.list", typed("tasks.task.list", filter={"UF_CRM_TASK": "D_10"}, order={"ID": "asc"}),
    lambda r: r == {"tasks": []})
_ok("tasks.task.update", _task("tasks.task.update", fields={"PRIORITY": 2}), lambda r: r["task"]["priority"] == "2")
for _verb, _status in (("complete", "5"), ("start", "3"), ("pause", "2"), ("defer", "6"), ("renew", "2"),
                       ("approve", "5"), ("disapprove", "2")):
    _ok(f"tasks.task.{_verb}", _task(f"tasks.task.{_verb}"), lambda r, s=_status: r["task"]["status"] == s)
_ok("tasks.task.delete", _task("tasks.task.delete"), lambda r: r == {"task": True})
_ok("tasks.task.getfields", typed("tasks.task.get_fields"), lambda r: r["fields"]["TITLE"]["required"] is True)
_ok("tasks.task.result.list", _task("tasks.task.result.list"), lambda r: r == [])
_ok("task.checklistitem.add", _task("task.checklistitem.add", fields={"TITLE": "Steps", "PARENT_ID": 0}),
    lambda r: r == 1)
_ok("task.checklistitem.getlist", _task("task.checklistitem.getlist"), lambda r: r == [])

_ok("calendar.settings.get", typed("calendar.settings.get"),
    lambda r: r["week_holidays"] == ["SA", "SU"] and "1.01" in r["year_holidays"].split(","))
_ok("calendar.accessibility.get", raw("calendar.accessibility.get", **{
    "users": [6, 8], "from": "2026-08-21", "to": "2026-08-22"}),
    lambda r: r["6"][0]["ACCESSIBILITY"] == "absent" and r["8"] == [])
_ok("im.notify.system.add", typed("im.notify.system.add", user_id=6, message="Two answers", tag="NPS"),
    lambda r: isinstance(r, int))
_ok("im.notify.personal.add", typed("im.notify.personal.add", user_id=6, message="Hello"), lambda r: isinstance(r, int))
_ok("crm.duplicate.findbycomm", typed("crm.duplicate.findbycomm", type="PHONE", values=["89990000001"]),
    lambda r: r == {"CONTACT": [7]})
_ok("crm.entity.mergebatch", typed("crm.entity.merge_batch", params={"entityTypeId": 4, "entityIds": [3, 4]}),
    lambda r: r == {"STATUS": "SUCCESS", "ENTITY_IDS": [4]})

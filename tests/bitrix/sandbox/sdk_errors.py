"""Each method called once by the official SDK where it must be refused: the SDK's exception and the code.

Where a method's page names no refusal of its own, the system's apply to it: a scope that was not granted, a
webhook where an application is needed, a dismissed owner of the token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from b24pysdk import errors

from tests.bitrix.sandbox.conftest import Sdk
from tests.bitrix.sandbox.sdk_success import Do, raw, typed


@dataclass(frozen=True)
class Refusal:
    """One call that must fail."""

    method: str
    do: Do
    exception: type[errors.BitrixAPIError]
    code: str


REFUSALS: list[Refusal] = []

BAD, DENIED = errors.BitrixAPIBadRequest, errors.BitrixAPIAccessDenied
NOT_FOUND, ARGUMENT = errors.BitrixAPINotFound, errors.BitrixAPIInvalidArgValue
GONE = errors.BitrixAPIAuthorizationError


def _no(method: str, do: Do, exception: type[errors.BitrixAPIError], code: str) -> None:
    REFUSALS.append(Refusal(method, do, exception, code))


def as_manager(method: str, **params: Any) -> Do:
    """With the token of user 6, who is no administrator."""
    return lambda sdk: sdk.token(6).call_method(method, params)


def as_webhook(method: str, **params: Any) -> Do:
    """With a webhook of the administrator."""
    return lambda sdk: sdk.webhook().call_method(method, params)


def as_dismissed(method: str) -> Do:
    """With the token of user 9, who was dismissed."""
    return lambda sdk: sdk.token(9).call_method(method, {})


def without_scope(method: str, **params: Any) -> Do:
    """With a token that was granted nothing."""

    def do(sdk: Sdk) -> Any:
        sdk.app(())
        return sdk.token().call_method(method, params)

    return do


def without_rights(method: str, **params: Any) -> Do:
    """With a user who has no rights in the CRM."""

    def do(sdk: Sdk) -> Any:
        sdk.box.portal.state.settings.rights["6"] = "none"
        return sdk.token(6).call_method(method, params)

    return do


for _name in (
    "server.time",
    "scope",
    "profile",
    "method.get",
    "methods",
    "feature.get",
    "user.admin",
    "user.access",
    "events",
):
    _no(_name, as_dismissed(_name), GONE, "authorization_error")
for _name in (
    "user.current",
    "user.get",
    "user.search",
    "department.get",
    "calendar.settings.get",
    "crm.currency.base.get",
    "crm.settings.mode.get",
    "tasks.task.getfields",
):
    _no(_name, without_scope(_name), errors.BitrixAPIInsufficientScope, "insufficient_scope")

_no("app.info", as_webhook("app.info"), DENIED, "ACCESS_DENIED")
_no("app.option.get", as_webhook("app.option.get"), BAD, "AccessException")
_no("app.option.set", raw("app.option.set"), BAD, "ArgumentNullException")
_no(
    "event.bind",
    typed("event.bind", event="ONNOTHING", handler="http://127.0.0.1:1/e"),
    BAD,
    "ERROR_EVENT_NOT_FOUND",
)
_no("event.get", as_webhook("event.get"), errors.BitrixAPIWrongAuthType, "WRONG_AUTH_TYPE")
_no(
    "event.unbind",
    as_manager("event.unbind", event="ONCRMDEALADD", event_type="offline"),
    DENIED,
    "ACCESS_DENIED",
)
_no("event.test", as_webhook("event.test"), errors.BitrixAPIWrongAuthType, "WRONG_AUTH_TYPE")
_no(
    "placement.bind",
    typed("placement.bind", placement="", handler="https://app.example/"),
    errors.BitrixAPIError,
    "ERROR_ARGUMENT",
)
_no("placement.get", as_manager("placement.get"), DENIED, "ACCESS_DENIED")
_no(
    "placement.unbind",
    as_webhook("placement.unbind", PLACEMENT="LEFT_MENU"),
    errors.BitrixAPIWrongAuthType,
    "WRONG_AUTH_TYPE",
)
_no("placement.list", as_webhook("placement.list"), errors.BitrixAPIWrongAuthType, "WRONG_AUTH_TYPE")

_no("crm.item.get", typed("crm.item.get", bitrix_id=999, entity_type_id=2), NOT_FOUND, "NOT_FOUND")
_no(
    "crm.item.list",
    typed("crm.item.list", entity_type_id=2, filter={"nonsense": 1}),
    ARGUMENT,
    "INVALID_ARG_VALUE",
)
_no("crm.item.add", typed("crm.item.add", entity_type_id=777, fields={}), NOT_FOUND, "NOT_FOUND")
_no(
    "crm.item.update",
    typed("crm.item.update", bitrix_id=10, entity_type_id=2, fields={"closedate": "no date"}),
    BAD,
    "CRM_FIELD_ERROR_VALUE_NOT_VALID",
)
_no("crm.item.delete", typed("crm.item.delete", bitrix_id=999, entity_type_id=2), NOT_FOUND, "NOT_FOUND")
_no("crm.item.fields", typed("crm.item.fields", entity_type_id=777), NOT_FOUND, "NOT_FOUND")
_no("crm.stagehistory.list", raw("crm.stagehistory.list", entityTypeId=4), BAD, "ENTITY_TYPE_NOT_SUPPORTED")
_no("crm.category.list", raw("crm.category.list", entityTypeId=3), BAD, "ENTITY_TYPE_NOT_SUPPORTED")
_no("crm.status.list", raw("crm.status.list", filter="wrong"), BAD, "Invalid parameters.")
_no(
    "crm.status.add",
    typed("crm.status.add", fields={"ENTITY_ID": "SOURCE", "STATUS_ID": "CALL", "NAME": "Call"}),
    BAD,
    "ERROR_CORE",
)
_no("crm.currency.list", without_rights("crm.currency.list"), BAD, "")
_no("crm.requisite.list", without_rights("crm.requisite.list"), BAD, "0")
_no("crm.address.list", without_rights("crm.address.list"), BAD, "0")
for _name in ("deal", "lead"):
    _no(f"crm.{_name}.contact.items.get", raw(f"crm.{_name}.contact.items.get", id=0), BAD, "")
_no(
    "crm.company.contact.items.get",
    without_rights("crm.company.contact.items.get", id=3),
    DENIED,
    "ACCESS_DENIED",
)
_no("crm.contact.company.items.get", raw("crm.contact.company.items.get", id=999), BAD, "")

for _name in ("deal", "lead", "contact", "company"):
    _no(f"crm.{_name}.list", raw(f"crm.{_name}.list", filter="wrong"), BAD, "")
    _no(f"crm.{_name}.get", typed(f"crm.{_name}.get", bitrix_id=999), BAD, "")
    _no(f"crm.{_name}.add", raw(f"crm.{_name}.add", fields="wrong"), BAD, "")
    _no(f"crm.{_name}.update", typed(f"crm.{_name}.update", bitrix_id=999, fields={}), BAD, "")
    _no(f"crm.{_name}.delete", raw(f"crm.{_name}.delete", id=-1), BAD, "")
    _no(
        f"crm.{_name}.userfield.add",
        typed(f"crm.{_name}.userfield.add", fields={"FIELD_NAME": "NEW"}),
        BAD,
        "",
    )
    _no(f"crm.{_name}.userfield.list", raw(f"crm.{_name}.userfield.list", filter="wrong"), BAD, "")
    _no(
        f"crm.{_name}.userfield.get",
        typed(f"crm.{_name}.userfield.get", bitrix_id=999),
        BAD,
        "ERROR_NOT_FOUND",
    )
    _no(
        f"crm.{_name}.userfield.update", as_manager(f"crm.{_name}.userfield.update", id=1, fields={}), BAD, ""
    )
    _no(f"crm.{_name}.userfield.delete", raw(f"crm.{_name}.userfield.delete", id=0), BAD, "")

_COMMENT = {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": ""}
_no(
    "crm.timeline.comment.add",
    typed("crm.timeline.comment.add", fields=_COMMENT),
    ARGUMENT,
    "INVALID_ARG_VALUE",
)
_no(
    "crm.timeline.comment.list",
    without_rights("crm.timeline.comment.list", filter={"ENTITY_ID": 10, "ENTITY_TYPE": "deal"}),
    BAD,
    "",
)
_no("crm.timeline.comment.get", typed("crm.timeline.comment.get", bitrix_id=999), BAD, "")
_no(
    "crm.timeline.comment.update",
    typed("crm.timeline.comment.update", bitrix_id=999, fields={"COMMENT": "x"}),
    NOT_FOUND,
    "NOT_FOUND",
)
_no(
    "crm.timeline.comment.delete", typed("crm.timeline.comment.delete", bitrix_id=999), NOT_FOUND, "NOT_FOUND"
)
_no(
    "crm.timeline.logmessage.add",
    typed(
        "crm.timeline.logmessage.add",
        fields={"entityTypeId": 4, "entityId": 999, "title": "NPS", "text": "9", "iconCode": "info"},
    ),
    BAD,
    "OWNER_NOT_FOUND",
)
_no(
    "crm.activity.todo.add",
    raw("crm.activity.todo.add", ownerTypeId=4, ownerId=3, deadline="tomorrow"),
    BAD,
    "WRONG_DATETIME_FORMAT",
)
_no(
    "crm.activity.list",
    without_scope("crm.activity.list"),
    errors.BitrixAPIInsufficientScope,
    "insufficient_scope",
)
_no(
    "crm.activity.add",
    typed("crm.activity.add", fields={"TYPE_ID": 4, "SUBJECT": "", "RESPONSIBLE_ID": 6}),
    BAD,
    "",
)
_no("crm.activity.get", typed("crm.activity.get", bitrix_id=999), BAD, "")
_no(
    "crm.activity.update",
    typed("crm.activity.update", bitrix_id=999, fields={"COMPLETED": "Y"}),
    BAD,
    "",
)
_no("crm.item.details.configuration.get", raw("crm.item.details.configuration.get"), BAD, "")
_no(
    "crm.item.details.configuration.set",
    raw("crm.item.details.configuration.set", entityTypeId=2, data=[]),
    BAD,
    "",
)
for _name in ("add", "list", "delete"):
    _no(
        f"crm.automation.trigger.{_name}",
        as_manager(f"crm.automation.trigger.{_name}", CODE="a", NAME="b"),
        DENIED,
        "ACCESS_DENIED",
    )
_no(
    "crm.automation.trigger.execute",
    raw("crm.automation.trigger.execute", CODE="none", OWNER_TYPE_ID=2, OWNER_ID=10),
    BAD,
    "",
)

for _name in ("add", "list", "update", "delete"):
    _no(
        f"bizproc.robot.{_name}",
        as_manager(f"bizproc.robot.{_name}", CODE="a", NAME="b"),
        DENIED,
        "ACCESS_DENIED",
    )
_no(
    "bizproc.event.send",
    typed("bizproc.event.send", event_token="none", return_values={}),
    DENIED,
    "ACCESS_DENIED",
)

_no("tasks.task.add", typed("tasks.task.add", fields={"TITLE": "No one"}), BAD, "ERROR_CORE")
_no("tasks.task.get", raw("tasks.task.get"), BAD, "100")
_no("tasks.task.list", typed("tasks.task.list", order={"NOTHING": "asc"}), BAD, "0")
_no("tasks.task.update", typed("tasks.task.update", task_id=999, fields={"PRIORITY": 2}), BAD, "0")
for _name in ("complete", "start", "pause", "defer", "renew", "approve", "disapprove"):
    _no(f"tasks.task.{_name}", typed(f"tasks.task.{_name}", task_id=999), BAD, "0")
_no("tasks.task.delete", typed("tasks.task.delete", task_id=999), BAD, "1048582")
_no("tasks.task.result.list", typed("tasks.task.result.list", task_id=999), BAD, "0")
_no(
    "task.checklistitem.add",
    typed("task.checklistitem.add", task_id=999, fields={"TITLE": "x"}),
    BAD,
    "ERROR_CORE",
)
_no("task.checklistitem.getlist", typed("task.checklistitem.getlist", task_id=999), BAD, "ERROR_CORE")

_no("calendar.accessibility.get", raw("calendar.accessibility.get", users=[6]), BAD, "")
for _name in ("system", "personal"):
    _no(f"im.notify.{_name}.add", raw(f"im.notify.{_name}.add", MESSAGE="x"), BAD, "USER_ID_EMPTY")
_no(
    "crm.duplicate.findbycomm",
    raw("crm.duplicate.findbycomm", values=["1"]),
    BAD,
    "Communication type is not defined",
)
_no(
    "crm.entity.mergebatch",
    raw("crm.entity.mergebatch", params={"entityTypeId": 4, "entityIds": [3]}),
    BAD,
    "0",
)

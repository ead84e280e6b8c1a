"""``tasks.task.*``, checklists and results (bitrix24.md 11.1)."""

from __future__ import annotations

from typing import Any

from ..agency import Json
from ..errors import RestError
from ..events import task_data
from ..filters import UnknownField, only_known, parse
from ..forms import as_list, as_map
from ..lists import Query, page, parse_order, start_of
from ..portal import Answer, Context, method
from ..tasks import (
    CONTROL,
    DEFERRED,
    DONE,
    RUNNING,
    TYPES,
    WAITING,
    core_error,
    create_task,
    may_see,
    needs_result,
    read_fields,
    set_status,
    show,
    sub_status,
    touch,
)
from ..values import to_bool, to_int
from ..views import filter_value
from .activities import add_activity

_CHECK_PREFIX = "TASKS_ERROR_EXCEPTION_#"


def _task(ctx: Context, params: Json, refusal: RestError) -> Json:
    raw = params.get("taskId", params.get("TASKID", params.get("id")))
    if raw is None:
        raise RestError("100", "CTaskItem All parameters in the constructor must have real class type")
    if to_int(raw) <= 0:
        raise RestError("0", "wrong task id")
    row = ctx.state.tasks.get(to_int(raw))
    if row is None or not may_see(ctx.state, row, ctx.user_id):
        raise refusal
    return row


def _not_allowed() -> RestError:
    return RestError("0", "Action on the task is not allowed")


def _given(params: Json) -> Json:
    fields = params.get("fields")
    if not isinstance(fields, (dict, list)) or not fields:
        raise RestError("100", "Could not find value for parameter {fields}")
    return as_map(fields)


def _bind_activity(ctx: Context, row: Json) -> None:
    """A task bound to cards stands in their timeline as activity type 3 (10.3)."""
    from ..schema import KIND_BY_ABBR

    for binding in row["UF_CRM_TASK"]:
        abbr, _, number = binding.rpartition("_")
        data = {
            "TYPE_ID": 3,
            "PROVIDER_ID": "CRM_TASKS_TASK",
            "PROVIDER_TYPE_ID": "TASK",
            "SUBJECT": row["TITLE"],
            "ASSOCIATED_ENTITY_ID": row["ID"],
            "RESPONSIBLE_ID": row["RESPONSIBLE_ID"],
            "DEADLINE": row["DEADLINE"],
        }
        add_activity(ctx.state, (KIND_BY_ABBR[abbr].id, to_int(number)), data, ctx.user_id)


@method("tasks.task.add", "task")
def task_add(ctx: Context, params: Json) -> Json:
    """A new task; fires ``ONTASKADD``."""
    row = create_task(ctx.state, {str(k).upper(): v for k, v in _given(params).items()}, ctx.user_id)
    _bind_activity(ctx, row)
    ctx.fire("ONTASKADD", task_data(None, row["ID"]))
    return {"task": show(ctx.state, row, [])}


@method("tasks.task.get", "task")
def task_get(ctx: Context, params: Json) -> Any:
    """One task; an unknown or hidden one gives an empty list."""
    select = params.get("select", [])
    if not isinstance(select, (list, dict)):
        raise RestError(
            "100", "Invalid value {} to match with parameter {select}. Should be value of type array."
        )
    hidden = RestError("hidden", "")
    try:
        row = _task(ctx, params, hidden)
    except RestError as error:
        if error is hidden:
            return []
        raise
    return {"task": show(ctx.state, row, as_list(select))}


@method("tasks.task.list", "task")
def task_list(ctx: Context, params: Json) -> Answer:
    """A page of the tasks the user may see, the newest first when no order is given."""
    names = TYPES | {"REAL_STATUS": "integer"}

    def known(name: str) -> str:
        upper = str(name).upper()
        if upper not in names:
            raise UnknownField(name)
        return upper

    def normal(name: str, value: Any) -> tuple[str, Any]:
        upper = known(name)
        type_ = {"list": "string", "users": "integer"}.get(names[upper], names[upper])
        return upper, filter_value(type_, value, ctx.state.zone)

    try:
        where = parse(only_known(params.get("filter"), lambda name: name.upper() in names), normal)
        order = parse_order(params.get("order"), known) or (("ID", True),)
    except (UnknownField, ValueError) as error:
        raise RestError("0", "Invalid sorting key (internal error)") from error
    query = Query(where, order, start_of(params), _visible(ctx))
    found = page(ctx.state.tasks, query, lambda name: _get(ctx, name), "ID")
    select = as_list(params.get("select"))
    return Answer({"tasks": [show(ctx.state, row, select) for row in found.rows]}, found.total, found.next)


def _get(ctx: Context, name: str) -> Any:
    if name == "STATUS":
        return lambda row: sub_status(ctx.state, row)
    own = "STATUS" if name == "REAL_STATUS" else name
    return lambda row: row.get(own)


def _visible(ctx: Context) -> Any:
    return None if ctx.admin else lambda row: may_see(ctx.state, row, ctx.user_id)


@method("tasks.task.update", "task")
def task_update(ctx: Context, params: Json) -> Json:
    """Changes fields; fires ``ONTASKUPDATE``."""
    row = _task(ctx, params, RestError("0", "Action on the task is not allowed (internal error)"))
    fields = read_fields(ctx.state, _given(params))
    status = fields.pop("STATUS", None)
    if fields:
        touch(ctx.state, row, fields, ctx.user_id)
    if status is not None and status != row["STATUS"]:
        set_status(ctx.state, row, status, ctx.user_id)
    ctx.fire("ONTASKUPDATE", task_data(row["ID"], row["ID"]))
    return {"task": show(ctx.state, row, [])}


def _completed(ctx: Context, row: Json) -> int:
    """The status that "complete" leads to; raises what stands in its way."""
    if row["STATUS"] in (DONE, CONTROL):
        raise _not_allowed()
    if needs_result(row) and not ctx.state.task_results.equal("taskId", row["ID"]):
        raise core_error("The task cannot be completed without a result")
    return CONTROL if row["TASK_CONTROL"] == "Y" and ctx.user_id != row["CREATED_BY"] else DONE


def _move(ctx: Context, params: Json, verb: str, status: int) -> Json:
    row = _task(ctx, params, _not_allowed())
    set_status(ctx.state, row, _completed(ctx, row) if verb == "complete" else status, ctx.user_id)
    ctx.fire("ONTASKUPDATE", task_data(row["ID"], row["ID"]))
    return {"task": show(ctx.state, row, [])}


def _register(verb: str, status: int) -> None:
    method(f"tasks.task.{verb}", "task")(lambda ctx, params: _move(ctx, params, verb, status))


for _verb, _status in (
    ("complete", DONE),
    ("renew", WAITING),
    ("defer", DEFERRED),
    ("start", RUNNING),
    ("pause", WAITING),
    ("approve", DONE),
    ("disapprove", WAITING),
):
    _register(_verb, _status)


@method("tasks.task.delete", "task")
def task_delete(ctx: Context, params: Json) -> Json:
    """Removes a task; fires ``ONTASKDELETE``."""
    row = _task(ctx, params, RestError("1048582", "No access to delete the task"))
    ctx.state.tasks.remove(row["ID"])
    ctx.fire("ONTASKDELETE", task_data(row["ID"], None))
    return {"task": True}


@method("tasks.task.getfields", "task")
def task_fields(ctx: Context, params: Json) -> Json:
    """Names and types of a task's fields."""
    required = ("TITLE", "RESPONSIBLE_ID")
    fields = {
        name: {"title": name, "type": "array" if type_ in ("users", "list") else type_}
        | ({"required": True} if name in required else {})
        | ({"primary": True} if name == "ID" else {})
        for name, type_ in TYPES.items()
    }
    return {"fields": fields}


def _check_task(ctx: Context, params: Json, verb: str, text: str) -> Json:
    raw = params.get("TASKID", params.get("taskId", params.get("0")))
    if to_int(raw) <= 0:
        about = f'Param #0 (taskId) for method ctaskchecklistitem::{verb}() expected to be of type "integer"'
        raise core_error(f"{_CHECK_PREFIX}256; {about}, but given something else.; 256/TE/WRONG_ARGUMENTS")
    row = ctx.state.tasks.get(to_int(raw))
    if row is None or not may_see(ctx.state, row, ctx.user_id):
        raise core_error(f"{_CHECK_PREFIX}8; {text}; 8/TE/ACTION_FAILED_TO_BE_PROCESSED")
    return row


@method("task.checklistitem.add", "task")
def checklist_add(ctx: Context, params: Json) -> int:
    """A checklist (``PARENT_ID`` 0) or a line of one."""
    row = _check_task(ctx, params, "add", "Adding item: action not allowed")
    fields = as_map(params.get("FIELDS", params.get("fields", params.get("1"))))
    if not fields:
        about = "Param #1 (arFields) expected by method ctaskchecklistitem::add(), but not given."
        raise core_error(f"{_CHECK_PREFIX}256; {about}; 256/TE/WRONG_ARGUMENTS")
    if not str(fields.get("TITLE") or "").strip():
        raise core_error(f"{_CHECK_PREFIX}8; Item name not specified; 8/TE/ACTION_FAILED_TO_BE_PROCESSED")
    table = ctx.state.checklists
    item: Json = {
        "ID": table.next_id(),
        "TASK_ID": row["ID"],
        "PARENT_ID": to_int(fields.get("PARENT_ID")),
        "CREATED_BY": ctx.user_id,
        "TITLE": str(fields["TITLE"]),
        "SORT_INDEX": to_int(fields.get("SORT_INDEX")) or len(table.equal("TASK_ID", row["ID"])),
        "IS_COMPLETE": to_bool(fields.get("IS_COMPLETE")),
        "IS_IMPORTANT": to_bool(fields.get("IS_IMPORTANT")),
        "TOGGLED_BY": None,
        "TOGGLED_DATE": "",
    }
    table.insert(item["ID"], item)
    return int(item["ID"])


@method("task.checklistitem.getlist", "task")
def checklist_list(ctx: Context, params: Json) -> list[Json]:
    """Lines of a task's checklists, numbers as strings."""
    row = _check_task(ctx, params, "getlist", "Action failed")
    table = ctx.state.checklists
    rows = [table.rows[i] for i in sorted(table.equal("TASK_ID", row["ID"]))]
    return [
        {k: str(v) if isinstance(v, int) and v else v for k, v in item.items()}
        | {"MEMBERS": [], "ATTACHMENTS": []}
        for item in rows
    ]


@method("tasks.task.result.list", "task")
def result_list(ctx: Context, params: Json) -> list[Json]:
    """Results of a task, the newest first."""
    raw = params.get("taskId")
    if not str(raw).isdigit():
        text = f"Invalid value {{{raw}}} to match with parameter {{commentId}}. Should be value of type int."
        raise RestError("100", text)
    row = ctx.state.tasks.get(to_int(raw))
    if row is None or not may_see(ctx.state, row, ctx.user_id):
        raise RestError("0", "Access denied.")
    table = ctx.state.task_results
    return [dict(table.rows[i]) for i in sorted(table.equal("taskId", row["ID"]), reverse=True)]

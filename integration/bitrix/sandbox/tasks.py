"""Tasks: what the sandbox keeps of one, and how it shows (bitrix24.md 11)."""

from __future__ import annotations

from typing import Any

from .agency import Json
from .errors import RestError
from .forms import as_list
from .schema import KIND_BY_ABBR, camel_name
from .state import State
from .values import is_empty, to_bool, to_int

WAITING, RUNNING, CONTROL, DONE, DEFERRED = 2, 3, 4, 5, 6
_STATUSES = frozenset({WAITING, RUNNING, CONTROL, DONE, DEFERRED})

#: Writable fields with their types.
FIELDS: dict[str, str] = {
    "TITLE": "string", "DESCRIPTION": "string", "RESPONSIBLE_ID": "integer", "CREATED_BY": "integer",
    "DEADLINE": "datetime", "PRIORITY": "integer", "STATUS": "integer", "PARENT_ID": "integer",
    "GROUP_ID": "integer", "STAGE_ID": "integer", "ACCOMPLICES": "users", "AUDITORS": "users", "TAGS": "list",
    "ALLOW_CHANGE_DEADLINE": "boolean", "ALLOW_TIME_TRACKING": "boolean", "TASK_CONTROL": "boolean",
    "MATCH_WORK_TIME": "boolean", "XML_ID": "string", "UF_CRM_TASK": "list", "START_DATE_PLAN": "datetime",
    "END_DATE_PLAN": "datetime", "MARK": "string", "SE_PARAMETER": "list", "TIME_ESTIMATE": "integer",
}  # fmt: skip
#: Fields the portal writes itself.
SYSTEM: dict[str, str] = {
    "ID": "integer", "CREATED_DATE": "datetime", "CHANGED_BY": "integer", "CHANGED_DATE": "datetime",
    "STATUS_CHANGED_BY": "integer", "STATUS_CHANGED_DATE": "datetime", "CLOSED_BY": "integer",
    "CLOSED_DATE": "datetime", "ACTIVITY_DATE": "datetime", "DATE_START": "datetime", "GUID": "string",
}  # fmt: skip
TYPES = FIELDS | SYSTEM
_UF = ("UF_CRM_TASK", "UF_TASK_WEBDAV_FILES", "UF_MAIL_MESSAGE")
#: Bare scalars of a fresh task in the answer (the platform gives many more).
_DEFAULTS: Json = {
    "PARENT_ID": None, "DESCRIPTION": "", "MARK": None, "PRIORITY": 1, "MULTITASK": "N", "NOT_VIEWED": "N",
    "REPLICATE": "N", "STAGE_ID": 0, "GROUP_ID": 0, "ALLOW_CHANGE_DEADLINE": "N", "ALLOW_TIME_TRACKING": "N",
    "TASK_CONTROL": "N", "ADD_IN_REPORT": "N", "MATCH_WORK_TIME": "N", "XML_ID": None, "DEADLINE": None,
    "START_DATE_PLAN": None, "END_DATE_PLAN": None, "CLOSED_BY": None, "CLOSED_DATE": None, "DATE_START": None,
    "STATUS_CHANGED_BY": None, "TIME_ESTIMATE": 0, "SITE_ID": "s1", "SUBORDINATE": "N", "FAVORITE": "N",
    "DURATION_TYPE": "days", "DESCRIPTION_IN_BBCODE": "Y",
}  # fmt: skip


def core_error(text: str) -> RestError:
    """``ERROR_CORE`` with the HTML that the task module puts into texts."""
    return RestError("ERROR_CORE", f"{text}<br>")


def read_fields(state: State, given: Json) -> Json:
    """Known fields of a write in the kept form; unknown ones are ignored."""
    found: Json = {}
    for name, value in given.items():
        type_ = FIELDS.get(str(name).upper())
        if type_ is not None:
            found[str(name).upper()] = _read(state, str(name).upper(), type_, value)
    _check(state, found)
    return found


def _read(state: State, name: str, type_: str, value: Any) -> Any:
    if type_ == "users":
        return [to_int(one) for one in as_list(value) if to_int(one)]
    if name == "UF_CRM_TASK":
        return [binding for binding in map(str, as_list(value)) if _is_binding(binding)]
    if type_ == "list":
        return as_list(value)
    if type_ == "datetime":
        try:
            return None if is_empty(value) else state.zone.epoch(value)
        except ValueError as error:
            raise core_error(f"Incorrect value of {name}") from error
    if type_ == "boolean":
        return to_bool(value)
    return to_int(value) if type_ == "integer" else str(value)


def _is_binding(text: str) -> bool:
    abbr, _, number = text.rpartition("_")
    return abbr in KIND_BY_ABBR and to_int(number) > 0


def _check(state: State, fields: Json) -> None:
    if "RESPONSIBLE_ID" in fields and fields["RESPONSIBLE_ID"] not in state.users:
        raise core_error('The user specified in the "Responsible" field was not found')
    if "STATUS" in fields and fields["STATUS"] not in _STATUSES:
        raise core_error("Invalid status")
    if fields.get("PARENT_ID") and fields["PARENT_ID"] not in state.tasks:
        raise core_error('The task specified in the "Parent Task" field was not found')
    start, end = fields.get("START_DATE_PLAN"), fields.get("END_DATE_PLAN")
    if start and end and end < start:
        raise core_error("The end date specified in the scheduling is earlier than the start date")


def create_task(state: State, given: Json, actor: int, task_id: int | None = None) -> Json:
    """A new task; raises the documented refusals. The caller fires the event."""
    if not str(given.get("TITLE") or "").strip():
        raise core_error("Task title is not specified")
    if is_empty(given.get("RESPONSIBLE_ID")):
        raise core_error("Responsible person not specified")
    fields = read_fields(state, given)
    now = state.now()
    number = task_id or state.tasks.next_id()
    row: Json = (
        _DEFAULTS
        | {
            "ID": number,
            "STATUS": WAITING,
            "ACCOMPLICES": [],
            "AUDITORS": [],
            "TAGS": [],
            "UF_CRM_TASK": [],
            "SE_PARAMETER": [],
            "CREATED_BY": actor,
            "CREATED_DATE": now,
            "CHANGED_BY": actor,
            "CHANGED_DATE": now,
            "STATUS_CHANGED_DATE": now,
            "ACTIVITY_DATE": now,
            "GUID": f"{{{number:08x}-0000-4000-8000-000000000000}}",
        }
        | fields
    )
    return state.tasks.insert(number, row)


def set_status(state: State, row: Json, status: int, actor: int) -> None:
    """A change of status with its dates."""
    now = state.now()
    changes: Json = {"STATUS": status, "STATUS_CHANGED_BY": actor, "STATUS_CHANGED_DATE": now}
    if status == RUNNING:
        changes["DATE_START"] = now
    closed = status in (DONE, CONTROL)
    changes |= {"CLOSED_BY": actor if closed else None, "CLOSED_DATE": now if closed else None}
    touch(state, row, changes, actor)


def touch(state: State, row: Json, changes: Json, actor: int) -> None:
    """Writes changes with author and time."""
    now = state.now()
    state.tasks.change(row["ID"], changes | {"CHANGED_BY": actor, "CHANGED_DATE": now, "ACTIVITY_DATE": now})


def may_see(state: State, row: Json, user_id: int) -> bool:
    """Administrators see all; heads see their people's tasks; others their own (11.2)."""
    if state.is_admin(user_id):
        return True
    people = {row["CREATED_BY"], row["RESPONSIBLE_ID"], *row["ACCOMPLICES"], *row["AUDITORS"]}
    if user_id in people:
        return True
    led = {d for d, dep in state.departments.rows.items() if to_int(dep.get("UF_HEAD")) == user_id}
    return any(led & set(map(to_int, as_list(state.users.get(p, {}).get("UF_DEPARTMENT")))) for p in people)


def needs_result(row: Json) -> bool:
    """Whether the task may not be completed without a result (``SE_PARAMETER`` code 3)."""
    return any(
        isinstance(entry, dict) and to_int(entry.get("CODE")) == 3 and to_bool(entry.get("VALUE")) == "Y"
        for entry in row["SE_PARAMETER"]
    )


def show(state: State, row: Json, select: list[Any]) -> Json:
    """camelCase names, string values; ``UF_CRM_TASK`` only when selected."""
    wanted = {str(name).upper() for name in select}
    zone = state.zone_now()
    shown: Json = {}
    for name, value in row.items():
        if name in _UF or name == "SE_PARAMETER" or (wanted and name not in wanted and "*" not in wanted):
            continue
        shown[camel_name(name)] = _shown(name, value, zone)
    shown["id"] = str(row["ID"])
    if wanted & set(_UF) or "UF_*" in wanted:
        shown |= {
            "ufCrmTask": list(row["UF_CRM_TASK"]) or False,
            "ufTaskWebdavFiles": False,
            "ufMailMessage": None,
        }
    if "SE_PARAMETER" in wanted:
        shown["seParameter"] = list(row["SE_PARAMETER"])
    if not wanted or "RESPONSIBLE_ID" in wanted:
        shown["responsible"] = _person(state, row["RESPONSIBLE_ID"])
    if not wanted or "CREATED_BY" in wanted:
        shown["creator"] = _person(state, row["CREATED_BY"])
    shown |= {"group": []} if not wanted or "GROUP_ID" in wanted else {}
    shown["subStatus"] = str(sub_status(state, row))
    return shown


def sub_status(state: State, row: Json) -> int:
    """The meta status: -1 overdue, else the status."""
    overdue = row["DEADLINE"] and row["DEADLINE"] < state.now() and row["STATUS"] not in (DONE, CONTROL)
    return -1 if overdue else int(row["STATUS"])


def _shown(name: str, value: Any, zone: Any) -> Any:
    if TYPES.get(name) == "datetime":
        return zone.moment(value)
    if name == "TAGS":
        return {str(i): {"id": i, "title": str(tag)} for i, tag in enumerate(value, 1)} if value else []
    if isinstance(value, list):
        return [str(one) for one in value]
    return str(value) if isinstance(value, int) else value


def _person(state: State, user_id: int) -> Json:
    user = state.users.get(user_id, {})
    name = f"{user.get('NAME') or ''} {user.get('LAST_NAME') or ''}".strip()
    return {
        "id": str(user_id),
        "name": name,
        "link": f"/company/personal/user/{user_id}/",
        "icon": "",
        "workPosition": str(user.get("WORK_POSITION") or ""),
    }

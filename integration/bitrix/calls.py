"""Every REST method Molva calls, one builder each; a builder returns a ``Call`` and does no I/O.

Enumeration ids and ``crm`` bindings in ``fields`` are resolved by the caller. All ``crm.item.*`` calls ask
for the original names of user fields (bitrix24.md 7.3) and every list names what it selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from integration.bitrix.call import Call, Probe, Ref, at_path, created_id, found_by, rows_at
from integration.bitrix.links import ENTITY_TYPES, Entity, crm_link, parse_link, parse_links
from integration.bitrix.paging import BATCH, PAGE, Pages, chained_pages, offset_pages, unchain

__all__ = [
    "BATCH", "ENTITY_TYPES", "METHODS", "PAGE", "Call", "Entity", "Pages", "Probe", "Ref",
    "address_list", "app_info", "at_path", "calendar_settings", "category_list", "chained_pages",
    "checklist_add", "checklist_list", "comment_add", "comment_list", "company_contacts",
    "contact_companies", "created_id", "crm_link", "currency_list", "deal_contacts",
    "department_list", "event_bind", "event_get", "event_unbind", "found_by", "item_fields",
    "item_get", "item_list", "item_update", "mode_get", "offset_pages", "parse_link", "parse_links",
    "profile", "rows_at", "scope", "server_time", "stage_history", "status_list", "task_add",
    "task_get", "task_list", "unchain", "user_list", "userfield_add", "userfield_list",
    "userfield_update",
]  # fmt: skip

_ORIGINAL = {"useOriginalUfNames": "Y"}
TASK_SELECT = [
    "ID", "TITLE", "STATUS", "RESPONSIBLE_ID", "CREATED_BY", "DEADLINE", "CLOSED_DATE",
    "UF_CRM_TASK", "XML_ID",
]  # fmt: skip
USER_SELECT = ["ID", "ACTIVE", "NAME", "LAST_NAME", "EMAIL", "WORK_POSITION", "WORK_PHONE", "UF_DEPARTMENT"]
_ADDRESS_SELECT = [
    "TYPE_ID", "ENTITY_TYPE_ID", "ENTITY_ID", "CITY", "REGION", "PROVINCE", "COUNTRY",
    "ANCHOR_TYPE_ID", "ANCHOR_ID",
]  # fmt: skip

# Every method a builder below (or the manifest) may name; tests hold the sandbox and the SDK to this list.
METHODS = frozenset(
    {
        "app.info", "profile", "scope", "server.time", "event.bind", "event.get", "event.unbind",
        "crm.item.list", "crm.item.get", "crm.item.update", "crm.item.fields",
        "crm.stagehistory.list", "crm.status.list", "crm.category.list", "crm.currency.list",
        "crm.settings.mode.get", "crm.address.list", "crm.company.contact.items.get",
        "crm.contact.company.items.get", "crm.deal.contact.items.get", "crm.timeline.comment.add",
        "crm.timeline.comment.list", "user.get", "department.get", "calendar.settings.get",
        "tasks.task.add", "tasks.task.get", "tasks.task.list", "tasks.task.update", "task.checklistitem.add",
        "task.checklistitem.getlist",
        *(f"crm.{entity}.userfield.{verb}" for entity in ENTITY_TYPES for verb in ("list", "add", "update")),
    }
)  # fmt: skip


# --- the application and the portal


def app_info() -> Call:
    """The portal's own ``app.info``: licence, INSTALLED, payment (bitrix24.md 2.10)."""
    return Call("app.info")


def profile() -> Call:
    """The token's user: id, name, ADMIN, TIME_ZONE; an empty object when dismissed (bitrix24.md 2.9)."""
    return Call("profile")


def scope() -> Call:
    """The granted scopes."""
    return Call("scope")


def server_time() -> Call:
    """The portal's clock with its offset (bitrix24.md 4.2)."""
    return Call("server.time")


def event_get() -> Call:
    """The bindings that exist."""
    return Call("event.get")


def event_bind(event: str, handler: str) -> Call:
    """Binds one event; an existing pair is an error of the portal, so plan against ``event_get``
    (bitrix24.md 6.3)."""
    return Call("event.bind", {"event": event, "handler": handler})


def event_unbind(event: str, handler: str) -> Call:
    """Takes one binding away."""
    return Call("event.unbind", {"event": event, "handler": handler})


def calendar_settings() -> Call:
    """Working days, hours and holidays of the portal (scope ``calendar``)."""
    return Call("calendar.settings.get")


# --- cards


def item_list(
    entity: Entity,
    select: Sequence[str],
    *,
    filter: dict[str, Any] | None = None,
    after_id: int | Ref = 0,
    counted: bool = False,
) -> Call:
    """One page of cards by rising id behind ``after_id``. ``counted`` asks for ``total`` too, which is slow
    on large portals: once, on the first page (bitrix24.md 4.5)."""
    params = {
        "entityTypeId": ENTITY_TYPES[entity],
        "select": list(select),
        "filter": {**(filter or {}), ">id": after_id},
        "order": {"id": "ASC"},
        "start": 0 if counted else -1,
        **_ORIGINAL,
    }
    return Call("crm.item.list", params)


def item_get(entity: Entity, id: int | Ref) -> Call:
    """One card with all its fields."""
    return Call("crm.item.get", {"entityTypeId": ENTITY_TYPES[entity], "id": id, **_ORIGINAL})


def item_update(entity: Entity, id: int, fields: dict[str, Any]) -> Call:
    """Sets only the fields passed; equal values are not saved by the portal, so it is repeatable
    (bitrix24.md 7.4)."""
    params = {"entityTypeId": ENTITY_TYPES[entity], "id": id, "fields": fields, **_ORIGINAL}
    return Call("crm.item.update", params)


def item_fields(entity: Entity) -> Call:
    """Field descriptions, with the items of enumerations."""
    return Call("crm.item.fields", {"entityTypeId": ENTITY_TYPES[entity], **_ORIGINAL})


def stage_history(
    entity: Entity,
    *,
    filter: dict[str, Any] | None = None,
    after_id: int | Ref = 0,
    select: Sequence[str] = ("*",),
) -> Call:
    """One page of stage changes by rising ID; chain with id path ``[items][49][ID]`` (bitrix24.md 7.8)."""
    params = {
        "entityTypeId": ENTITY_TYPES[entity],
        "filter": {**(filter or {}), ">ID": after_id},
        "order": {"ID": "ASC"},
        "select": list(select),
        "start": -1,
    }
    return Call("crm.stagehistory.list", params)


def company_contacts(id: int) -> Call:
    """Contacts of a company."""
    return Call("crm.company.contact.items.get", {"id": id})


def contact_companies(id: int) -> Call:
    """Companies of a contact."""
    return Call("crm.contact.company.items.get", {"id": id})


def deal_contacts(id: int) -> Call:
    """Contacts of a deal."""
    return Call("crm.deal.contact.items.get", {"id": id})


def address_list(entity: Literal["contact", "company"], ids: Sequence[int], start: int = 0) -> Call:
    """Addresses of clients, found by the anchor above their requisites, by offset (bitrix24.md 7.11)."""
    params = {
        "filter": {"ANCHOR_TYPE_ID": ENTITY_TYPES[entity], "@ANCHOR_ID": list(ids)},
        "select": _ADDRESS_SELECT,
        "order": {"ENTITY_ID": "ASC", "TYPE_ID": "ASC"},
        "start": start,
    }
    return Call("crm.address.list", params)


# --- dictionaries and fields


def status_list(entity_id: str | Sequence[str] | None = None) -> Call:
    """Rows of one dictionary, of several, or of all (bitrix24.md 7.6)."""
    chosen = entity_id if entity_id is None or isinstance(entity_id, str) else list(entity_id)
    return Call(
        "crm.status.list", {"filter": {"ENTITY_ID": chosen} if chosen else {}, "order": {"SORT": "ASC"}}
    )


def category_list(entity: Entity = "deal") -> Call:
    """Pipelines."""
    return Call("crm.category.list", {"entityTypeId": ENTITY_TYPES[entity]})


def currency_list() -> Call:
    """Currencies with today's rates."""
    return Call("crm.currency.list")


def mode_get() -> Call:
    """1 classic CRM with leads, 2 simple (bitrix24.md 7.10)."""
    return Call("crm.settings.mode.get")


def userfield_list(entity: Entity, *, name: str | None = None, language: str | None = None) -> Call:
    """User fields of an entity; labels come only with a ``language`` (bitrix24.md 8.3)."""
    chosen = {key: value for key, value in (("FIELD_NAME", name), ("LANG", language)) if value}
    return Call(f"crm.{entity}.userfield.list", {"filter": chosen, "order": {"SORT": "ASC"}})


def userfield_add(entity: Entity, fields: dict[str, Any]) -> Call:
    """Creates a user field; ``fields["FIELD_NAME"]`` with or without ``UF_CRM_`` (bitrix24.md 8.2)."""
    name = "UF_CRM_" + str(fields["FIELD_NAME"]).upper().removeprefix("UF_CRM_")
    probe = Probe(f"crm.{entity}.userfield.list", {"filter": {"FIELD_NAME": name}}, "FIELD_NAME", name)
    return Call(f"crm.{entity}.userfield.add", {"fields": fields}, repeat=False, probe=probe)


def userfield_update(entity: Entity, id: int, fields: dict[str, Any]) -> Call:
    """Changes a user field; a ``LIST`` must be complete, with the ids of what exists (bitrix24.md 8.3)."""
    return Call(f"crm.{entity}.userfield.update", {"id": id, "fields": fields})


# --- people


def user_list(start: int = 0, *, filter: dict[str, Any] | None = None) -> Call:
    """One page of employees, dismissed ones included, by offset (bitrix24.md 12.1). Guests of the extranet are
    none: a client with an account there must not become somebody who signs or is written to as staff."""
    params: dict[str, Any] = {"SORT": "ID", "ORDER": "ASC", "select": USER_SELECT, "start": start}
    return Call("user.get", {"FILTER": {**(filter or {}), "USER_TYPE": "employee"}, **params})


def department_list(start: int = 0) -> Call:
    """One page of departments, by offset."""
    return Call("department.get", {"SORT": "ID", "ORDER": "ASC", "START": start})


# --- timeline


def comment_add(entity: Entity, id: int, text: str, key: str) -> Call:
    """A timeline comment. ``key``, short and unique per comment, ends the text in brackets and is what the
    probe looks for, since the portal has no other mark of ours on a comment (bitrix24.md 10.1)."""
    mark = f"({key})"
    fields = {"ENTITY_ID": id, "ENTITY_TYPE": entity, "COMMENT": f"{text}\n{mark}"}
    probe = Probe(
        "crm.timeline.comment.list", comment_list(entity, id).params, "COMMENT", mark, contains=True
    )
    return Call("crm.timeline.comment.add", {"fields": fields}, repeat=False, probe=probe)


def comment_list(entity: Entity, id: int, start: int = 0) -> Call:
    """Comments of a card, newest first."""
    params = {
        "filter": {"ENTITY_ID": id, "ENTITY_TYPE": entity},
        "select": ["ID", "ENTITY_ID", "ENTITY_TYPE", "CREATED", "COMMENT", "AUTHOR_ID"],
        "order": {"ID": "DESC"},
        "start": start,
    }
    return Call("crm.timeline.comment.list", params)


# --- tasks


def task_add(fields: dict[str, Any], key: str) -> Call:
    """A task whose ``XML_ID`` is ``key``; the probe reads the newest tasks of the same card, or of the same
    title when no card is bound, and compares (bitrix24.md 11.2: ``XML_ID`` itself cannot be filtered)."""
    bound = fields.get("UF_CRM_TASK")
    first = bound[0] if isinstance(bound, (list, tuple)) and bound else bound
    chosen = {"UF_CRM_TASK": first} if first else {"TITLE": fields["TITLE"]}
    params = {"filter": chosen, "select": ["ID", "TITLE", "XML_ID"], "order": {"ID": "desc"}, "start": 0}
    probe = Probe("tasks.task.list", params, "xmlId", key, many_path="tasks")
    return Call("tasks.task.add", {"fields": {**fields, "XML_ID": key}}, repeat=False, probe=probe)


def task_get(id: int) -> Call:
    """One task with the fields ``records.Task`` reads."""
    return Call("tasks.task.get", {"taskId": id, "select": TASK_SELECT})


def task_complete(id: int) -> Call:
    """Sets a task to "completed". Doing so twice changes nothing, unlike ``tasks.task.complete``, which is refused
    then (bitrix24.md 11.2)."""
    return Call("tasks.task.update", {"taskId": id, "fields": {"STATUS": 5}})


def task_change(id: int, fields: dict[str, Any]) -> Call:
    """Changes some fields of a task. Doing so twice changes nothing."""
    return Call("tasks.task.update", {"taskId": id, "fields": fields})


def task_list(filter: dict[str, Any], *, after_id: int | Ref = 0) -> Call:
    """One page of tasks by rising id; chain with id path ``[tasks][49][id]``: sorted by ID, answered as
    id."""
    params = {
        "filter": {**filter, ">ID": after_id},
        "select": TASK_SELECT,
        "order": {"ID": "asc"},
        "start": -1,
    }
    return Call("tasks.task.list", params)


def checklist_add(task_id: int | Ref, title: str, parent_id: int | Ref = 0) -> Call:
    """A checklist item, or with ``parent_id`` 0 a checklist named ``title``; parameters keep the documented
    order because the method is positional (bitrix24.md 4.1, 11.1)."""
    params = {"TASKID": task_id, "FIELDS": {"TITLE": title, "PARENT_ID": parent_id}}
    probe = Probe("task.checklistitem.getlist", {"TASKID": task_id}, "TITLE", title)
    return Call("task.checklistitem.add", params, repeat=False, probe=probe)


def checklist_list(task_id: int) -> Call:
    """Checklist items of a task."""
    return Call("task.checklistitem.getlist", {"TASKID": task_id})

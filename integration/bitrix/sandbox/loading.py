"""From an :class:`Agency` to the portal's tables."""

from __future__ import annotations

from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD, Agency, Json
from .fields import add_field
from .schema import KINDS, Kind
from .state import State
from .values import read, to_int


def load_agency_into(state: State, agency: Agency) -> None:
    """Fills an empty state. Raises ``ValueError`` or ``RestError`` for data the portal could not hold."""
    for user in agency.users:
        state.users[int(user["ID"])] = dict(user, ID=str(user["ID"]))
    for department in agency.departments:
        state.departments.insert(int(department["ID"]), dict(department, ID=str(department["ID"])))
    state.currencies = [dict(row) for row in agency.currencies]
    state.categories = [dict({"entityTypeId": DEAL, "isDefault": "N"}, **row) for row in agency.categories]
    for status in agency.statuses:
        add_status(state, status)
    for definition in agency.user_fields:
        add_field(state, str(definition["ENTITY_ID"]), definition)
    for kind_id in (COMPANY, CONTACT, LEAD, DEAL):
        for item in agency.items(kind_id):
            insert_item(state, KINDS[kind_id], item)
    for row in agency.stage_history:
        _insert_history(state, row)
    _load_addresses(state, agency)
    state.recurring = [dict(row) for row in agency.recurring]
    state.absences = [dict(row) for row in agency.absences]
    state.calendar = dict(agency.calendar)
    _load_tasks(state, agency.tasks)


def add_status(state: State, fields: Json) -> int:
    """One dictionary row; gives its id."""
    row_id = state.statuses.next_id()
    semantics = fields.get("SEMANTICS") or None
    row: Json = {
        "ID": row_id,
        "ENTITY_ID": str(fields["ENTITY_ID"]),
        "STATUS_ID": str(fields["STATUS_ID"]),
        "NAME": str(fields.get("NAME") or ""),
        "NAME_INIT": str(fields.get("NAME_INIT") or ""),
        "SORT": to_int(fields.get("SORT"), 10),
        "SYSTEM": str(fields.get("SYSTEM") or "N"),
        "CATEGORY_ID": fields.get("CATEGORY_ID"),
        "COLOR": str(fields.get("COLOR") or ""),
        "SEMANTICS": semantics,
        "EXTRA": {"SEMANTICS": {"S": "success", "F": "failure"}.get(str(semantics), "process"), "COLOR": ""},
    }
    state.statuses.insert(row_id, row)
    state.stages[(row["ENTITY_ID"], row["STATUS_ID"])] = row
    return row_id


def insert_item(state: State, kind: Kind, item: Json) -> Json:
    """One card as it was: given fields are kept (read-only ones too), the rest follows from them."""
    row = _typed(state, kind, item)
    _derive(state, kind, row)
    return state.items[kind.id].insert(row["id"], row)


def _typed(state: State, kind: Kind, item: Json) -> Json:
    fields = kind.fields
    user: dict[str, str] | None = None
    row: Json = {}
    for name, value in item.items():
        if name in fields:
            type_ = fields[name].type
        else:
            user = user or {
                field["FIELD_NAME"]: field["USER_TYPE_ID"] for field in state.fields_of(kind.uf_entity)
            }
            if name not in user:
                raise ValueError(f"{kind.name} has no field {name}")
            type_ = user[name]
        if name == "fm":
            row["fm"] = [_multifield(state, entry) for entry in value]
        elif isinstance(value, list):
            row[name] = [read(type_, one, state.zone, name) for one in value]
        else:
            row[name] = read(type_, value, state.zone, name)
    return row


def _multifield(state: State, entry: Json) -> Json:
    state.fm_last += 1
    return {
        "id": state.fm_last,
        "valueType": str(entry.get("valueType") or "WORK"),
        "value": str(entry["value"]),
        "typeId": str(entry["typeId"]),
    }


def _derive(state: State, kind: Kind, row: Json) -> None:
    created = row.setdefault("createdTime", state.now())
    row.setdefault("updatedTime", row.get("movedTime") or created)
    row.setdefault("assignedById", 1)
    if kind.id in (LEAD, DEAL):
        category = row.get("categoryId") or 0
        if "stageId" not in row:
            stages = state.stage_list("STATUS") if kind.id == LEAD else state.category_stages(category)
            row["stageId"] = stages[0]["STATUS_ID"] if stages else "NEW"
        row["stageSemanticId"] = state.semantic(kind.id, category, row["stageId"])
        row.setdefault("movedTime", created)
        row.setdefault("currencyId", state.info.base_currency)
        _contacts_in_order(row)
    if kind.id == DEAL:
        row["closed"] = "N" if row["stageSemanticId"] == "P" else "Y"
        if "begindate" not in row:
            row["begindate"] = state.zone.day_of(created)
        if "closedate" not in row:
            row["closedate"] = state.zone.day_of(created + 7 * 86400)
    if kind.id == CONTACT and row.get("companyId") and not row.get("companyIds"):
        row["companyIds"] = [row["companyId"]]
    row.pop("companyId", None) if kind.id == CONTACT else None


def _contacts_in_order(row: Json) -> None:
    """The primary contact stands first; it is not kept apart."""
    primary = row.pop("contactId", None)
    contacts: list[int] = list(row.get("contactIds") or [])
    if primary:
        contacts = [primary, *(c for c in contacts if c != primary)]
    if contacts:
        row["contactIds"] = contacts
    else:
        row.pop("contactIds", None)


def _insert_history(state: State, row: Json) -> None:
    kind = int(row.get("entityTypeId") or DEAL)
    table = state.history[kind]
    row_id = int(row.get("ID") or table.next_id())
    kept = {key: value for key, value in row.items() if key != "entityTypeId"}
    kept |= {"ID": row_id, "OWNER_ID": int(row["OWNER_ID"]), "TYPE_ID": int(row["TYPE_ID"])}
    kept["CREATED_TIME"] = state.zone.epoch(row["CREATED_TIME"])
    if kind == DEAL:
        kept["CATEGORY_ID"] = to_int(row.get("CATEGORY_ID"))
    table.insert(row_id, kept)


def _load_addresses(state: State, agency: Agency) -> None:
    for row in agency.requisites:
        row_id = int(row["ID"])
        plain = dict(
            row, ID=row_id, ENTITY_ID=int(row["ENTITY_ID"]), ENTITY_TYPE_ID=int(row["ENTITY_TYPE_ID"])
        )
        state.requisites.insert(row_id, plain)
    for row in agency.addresses:
        add_address(state, row)


def add_address(state: State, row: Json) -> None:
    """One address; a requisite's address is anchored to the client above it (bitrix24.md 7.11)."""
    kept: dict[str, Any] = dict(row)
    for name in ("TYPE_ID", "ENTITY_TYPE_ID", "ENTITY_ID", "ANCHOR_TYPE_ID", "ANCHOR_ID"):
        kept[name] = to_int(row.get(name))
    if kept["ENTITY_TYPE_ID"] == 8 and not kept["ANCHOR_ID"]:
        owner = state.requisites.get(kept["ENTITY_ID"]) or {}
        kept["ANCHOR_TYPE_ID"] = owner.get("ENTITY_TYPE_ID", 0)
        kept["ANCHOR_ID"] = owner.get("ENTITY_ID", 0)
    state.addresses.insert(state.addresses.next_id(), kept)


def _load_tasks(state: State, tasks: list[Json]) -> None:
    from .tasks import create_task

    for task in tasks:
        create_task(
            state, dict(task), int(task.get("CREATED_BY") or 1), int(task["ID"]) if "ID" in task else None
        )

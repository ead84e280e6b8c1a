"""Leads, deals, contacts, companies: what creating, changing and moving them does (bitrix24.md 7).

Every change may fire events in the name of ``actor`` (0 = a robot)."""

from __future__ import annotations

from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD, Json
from .errors import RestError, access_denied, not_found
from .events import Queue, id_data
from .fields import read_uf
from .forms import as_list
from .multifields import write_fm
from .robots import entered
from .schema import KINDS, Kind
from .state import State
from .values import is_empty, read, to_int

#: Fields that are kept on other cards or computed and thus are no plain columns of the row.
_LINKS = frozenset({"contactId", "contactIds", "companyIds", "fm"})


def kind_of(params: Json) -> Kind:
    """The kind of ``entityTypeId``; raises ``NOT_FOUND`` / ``ENTITY_TYPE_NOT_SUPPORTED``."""
    number = to_int(params.get("entityTypeId"))
    if number == 5:
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", "Entity type INVOICE is not supported")
    kind = KINDS.get(number)
    if kind is None:
        raise not_found("Smart process not found")
    return kind


def find(state: State, kind: Kind, item_id: Any, user_id: int) -> Json:
    """The row, if it exists and the user may read it; raises ``NOT_FOUND`` or ``ACCESS_DENIED``."""
    row = state.items[kind.id].get(to_int(item_id))
    if row is None:
        raise not_found("Element not found")
    if not may_read(state, row, user_id):
        raise access_denied()
    return row


def may_read(state: State, row: Json, user_id: int) -> bool:
    """CRM rights of the user for this card."""
    rights = state.rights(user_id)
    return rights == "all" or (rights == "own" and row.get("assignedById") == user_id)


def collect(state: State, kind: Kind, fields: Json) -> Json:
    """Written fields as the row keeps them; unknown and read-only names are ignored in silence."""
    user = {row["FIELD_NAME"]: row for row in state.fields_of(kind.uf_entity)}
    found: Json = {}
    for name, value in fields.items():
        field = kind.fields.get(name)
        if name in user:
            found[name] = read_uf(state, user[name], value)
        elif field is None or field.read_only:
            continue
        elif name == "fm":
            found["fm"] = value
        elif field.multiple:
            found[name] = [n for n in (to_int(one) for one in as_list(value)) if n > 0]
        else:
            found[name] = read(field.type, value, state.zone, name)
    return found


def create(state: State, queue: Queue, kind: Kind, fields: Json, actor: int) -> Json:
    """A new card with the platform's defaults; fires ``…ADD``. Raises refusals of values and rights."""
    if state.rights(actor) == "none":
        raise access_denied()
    given = collect(state, kind, fields)
    row_id = state.items[kind.id].next_id()
    now = state.now()
    row: Json = {
        "id": row_id,
        "createdTime": now,
        "updatedTime": now,
        "createdBy": actor,
        "updatedBy": actor,
        "lastActivityTime": now,
        "lastActivityBy": actor,
    }
    row |= {name: value for name, value in given.items() if name not in _LINKS and value is not None}
    row["assignedById"] = row.get("assignedById") or actor or 1
    _title(kind, row, given)
    if kind.id in (LEAD, DEAL):
        _first_stage(state, kind, row, actor)
    _write_links(state, kind, row, given)
    state.items[kind.id].insert(row_id, row)
    _back_links(state, kind, row_id, given)
    if kind.id in (LEAD, DEAL):
        add_history(state, kind, row, 1)
    queue.fire(f"ONCRM{kind.name}ADD", id_data(row_id), actor)
    entered(state, queue, kind.id, row)
    if kind.id == LEAD and state.info.crm_mode == 2:
        from .fates import convert

        convert(state, queue, row, actor)
        state.items[LEAD].remove(row_id)  # in simple mode nobody finds the lead any more (7.10)
    return row


def _title(kind: Kind, row: Json, given: Json) -> None:
    if kind.id in (LEAD, DEAL) and not row.get("title"):
        row["title"] = f"{kind.name.capitalize()} #{row['id']}"
    if kind.id == COMPANY and not given.get("title"):
        row["title"] = f"Company #{row['id']}"


def _first_stage(state: State, kind: Kind, row: Json, actor: int) -> None:
    category = row.get("categoryId") or 0
    stages = state.stage_list("STATUS") if kind.id == LEAD else state.category_stages(category)
    if kind.id == DEAL and not stages:
        raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", 'Invalid value for field "categoryId"')
    if not row.get("stageId"):
        row["stageId"] = stages[0]["STATUS_ID"] if stages else "NEW"
    elif row["stageId"] not in {stage["STATUS_ID"] for stage in stages}:
        raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", 'Invalid value for field "stageId"')
    row["stageSemanticId"] = state.semantic(kind.id, category, row["stageId"])
    row |= {"movedTime": row["createdTime"], "movedBy": actor}
    row.setdefault("currencyId", state.info.base_currency)
    if kind.id == DEAL:
        today = state.zone.day_of(row["createdTime"])
        row["closed"] = "N" if row["stageSemanticId"] == "P" else "Y"
        row["begindate"] = row.get("begindate") or today
        row["closedate"] = row.get("closedate") or state.zone.day_of(row["createdTime"] + 7 * 86400)


def contacts_of(row: Json, given: Json) -> list[int] | None:
    """The contact list after a write, primary first; ``None`` when the write does not speak of contacts."""
    if "contactIds" in given:
        ids = list(dict.fromkeys(given["contactIds"]))
        primary = given.get("contactId") or (row.get("contactIds") or [0])[0]
        return [primary, *(i for i in ids if i != primary)] if primary in ids else ids
    if "contactId" in given:
        primary = given["contactId"]
        if not primary:
            return []
        rest = row.get("contactIds") or []
        return [primary, *(i for i in rest if i != primary)] if primary in rest else [primary]
    return None


def _write_links(state: State, kind: Kind, row: Json, given: Json) -> None:
    if kind.id in (LEAD, DEAL):
        contacts = contacts_of(row, given)
        if contacts is not None:
            row["contactIds"] = contacts
    if kind.id == CONTACT:
        row.pop("companyId", None)
        if "companyIds" in given or "companyId" in given:
            companies: list[int] = given.get("companyIds", row.get("companyIds")) or []
            first = given.get("companyId")
            row["companyIds"] = [first, *(c for c in companies if c != first)] if first else companies
    if "fm" in given:
        row["fm"] = write_fm(state, row.get("fm") or [], given["fm"])


def _back_links(state: State, kind: Kind, row_id: int, given: Json) -> None:
    """A company's contacts are kept on the contacts."""
    if kind.id != COMPANY or "contactIds" not in given:
        return
    contacts, wanted = state.items[CONTACT], set(given["contactIds"])
    for contact_id in set(contacts.equal("companyIds", row_id)) - wanted:
        kept = [c for c in contacts.rows[contact_id]["companyIds"] if c != row_id]
        contacts.change(contact_id, {"companyIds": kept})
    for contact_id in wanted - contacts.equal("companyIds", row_id):
        if contact_id in contacts:
            contacts.change(
                contact_id, {"companyIds": [*(contacts.rows[contact_id].get("companyIds") or []), row_id]}
            )


def update(state: State, queue: Queue, kind: Kind, row: Json, fields: Json, actor: int) -> bool:
    """Changes a card; nothing is saved and no event fires when no value differs. Gives whether it did."""
    if state.rights(actor) == "none":
        raise access_denied()
    given = collect(state, kind, fields)
    changes = {n: v for n, v in given.items() if n not in _LINKS and _differs(row.get(n), v, n)}
    linked: Json = {name: row.get(name) for name in _LINKS if name in row}
    _write_links(state, kind, linked, given)
    changes |= {n: v for n, v in linked.items() if _differs(row.get(n), v)}
    moved = _stage_change(state, kind, row, changes, actor) if kind.id in (LEAD, DEAL) else ""
    before = state.items[CONTACT].equal("companyIds", row["id"]) if kind.id == COMPANY else set()
    if kind.id == COMPANY and "contactIds" in given and set(given["contactIds"]) != before:
        _back_links(state, kind, row["id"], given)
    elif not changes:
        return False
    now = state.now()
    changes |= {"updatedTime": now, "updatedBy": actor}
    state.items[kind.id].change(row["id"], changes)
    if moved:
        add_history(state, kind, row, _history_type(row, moved))
    if moved == "category":
        data = {
            "FIELDS": {
                "ID": str(row["id"]),
                "CATEGORY_ID": str(row["categoryId"]),
                "STAGE_ID": row["stageId"],
            }
        }
        queue.fire("ONCRMDEALMOVETOCATEGORY", data, actor)
    else:
        queue.fire(f"ONCRM{kind.name}UPDATE", id_data(row["id"]), actor)
    if moved:
        entered(state, queue, kind.id, row)
    return True


def _differs(old: Any, new: Any, name: str = "") -> bool:
    """Nothing, "" and 0 are the same in the portal's own fields; a user field that holds 0 or "0" is not empty."""
    if name.startswith("UF_") and None in (old, new) and "0" in (str(old), str(new)):
        return True
    return not (is_empty(old) and is_empty(new)) and old != new


def _history_type(row: Json, moved: str) -> int:
    if moved == "category":
        return 5
    return 2 if row["stageSemanticId"] == "P" else 3


def _stage_change(state: State, kind: Kind, row: Json, changes: Json, actor: int) -> str:
    """Completes ``changes`` for a move; gives "category", "stage" or ""."""
    category = changes.get("categoryId", row.get("categoryId") or 0) or 0
    to_category = kind.id == DEAL and category != (row.get("categoryId") or 0)
    if not to_category and "stageId" not in changes:
        return ""
    stages = state.stage_list("STATUS") if kind.id == LEAD else state.category_stages(category)
    known = [stage["STATUS_ID"] for stage in stages]
    if to_category and known and changes.get("stageId") is None:
        changes["stageId"] = known[0]
    if changes.get("stageId") not in known:
        raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", 'Invalid value for field "stageId"')
    if not to_category:
        _check_required(state, kind, row | changes)
    semantic = state.semantic(kind.id, category, changes["stageId"])
    now = state.now()
    changes |= {"stageSemanticId": semantic, "movedTime": now, "movedBy": actor}
    if kind.id == DEAL:
        changes["closed"] = "N" if semantic == "P" else "Y"
        if semantic != "P" and state.settings.close_date_on_final and row["stageSemanticId"] == "P":
            changes.setdefault("closedate", state.zone.day_of(now))
    elif semantic != "P":
        changes["dateClosed"] = now
    return "category" if to_category else "stage"


def _check_required(state: State, kind: Kind, row: Json) -> None:
    """Mandatory fields are checked when the stage changes inside the pipeline (7.4)."""
    for field in state.fields_of(kind.uf_entity):
        if field["MANDATORY"] == "Y" and is_empty(row.get(field["FIELD_NAME"])):
            name = field["FIELD_NAME"]
            raise RestError("CRM_FIELD_ERROR_REQUIRED", f'Required field "{name}" is not filled')


def add_history(state: State, kind: Kind, row: Json, type_id: int) -> None:
    """One row of the stage history (7.8)."""
    table = state.history[kind.id]
    entry: Json = {
        "ID": table.next_id(),
        "TYPE_ID": type_id,
        "OWNER_ID": row["id"],
        "CREATED_TIME": state.now(),
    }
    if kind.id == LEAD:
        entry |= {"STATUS_SEMANTIC_ID": row["stageSemanticId"], "STATUS_ID": row["stageId"]}
    else:
        entry |= {
            "CATEGORY_ID": row.get("categoryId") or 0,
            "STAGE_SEMANTIC_ID": row["stageSemanticId"],
            "STAGE_ID": row["stageId"],
        }
    table.insert(entry["ID"], entry)

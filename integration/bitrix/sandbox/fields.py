"""User fields: their definitions, their two names, and values written into them (bitrix24.md 7.3, 8)."""

from __future__ import annotations

import re
from typing import Any

from .agency import Json
from .errors import RestError, empty_code
from .forms import as_list, as_map
from .schema import KIND_BY_ABBR, Kind
from .state import State
from .values import is_empty, read, to_bool, to_int

TYPES = frozenset(
    {
        "string", "integer", "double", "boolean", "date", "datetime", "money", "url", "address", "enumeration",
        "file", "employee", "crm_status", "iblock_section", "iblock_element", "crm",
    }
)  # fmt: skip
LABELS = ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL", "ERROR_MESSAGE", "HELP_MESSAGE")
_NAME = re.compile(r"[A-Z0-9_]+")
_REGULAR = re.compile(r"(?:\d+_)?[A-Z_]+|\d+_[\d_]+")
_TARGETS = ("LEAD", "CONTACT", "COMPANY", "DEAL")


def add_field(state: State, entity: str, fields: Json) -> Json:
    """``crm.*.userfield.add``: checks, the prefix, defaults. Raises the documented refusals."""
    own = str(fields.get("FIELD_NAME") or "").upper()
    if not own:
        raise empty_code("The 'FIELD_NAME' field is not found.")
    name = own if own.startswith("UF_CRM_") else f"UF_CRM_{own}"
    if len(name) > 50:
        raise RestError("ERROR_CORE", "Field name is too long (more than 50 characters).<br>")
    if not _NAME.fullmatch(name):
        raise RestError(
            "ERROR_CORE",
            "Field name contains invalid characters. Allowed characters are: A-Z, 0-9 and _.<br>",
        )
    type_ = str(fields.get("USER_TYPE_ID") or "")
    if not type_:
        raise empty_code("The 'USER_TYPE_ID' field is not found.")
    if type_ not in TYPES:
        raise RestError("ERROR_CORE", "Incorrect custom type specified.<br>")
    if any(row["FIELD_NAME"] == name for row in state.fields_of(entity)):
        raise RestError("ERROR_CORE", f"Field {name} for object {entity} already exists.<br>")
    row = _definition(state, entity, name, type_, fields)
    return state.user_fields.insert(row["ID"], row)


def _definition(state: State, entity: str, name: str, type_: str, fields: Json) -> Json:
    row: Json = {
        "ID": state.user_fields.next_id(),
        "ENTITY_ID": entity,
        "FIELD_NAME": name,
        "USER_TYPE_ID": type_,
        "XML_ID": fields.get("XML_ID"),
        "SORT": to_int(fields.get("SORT"), 100),
        "MULTIPLE": "N" if type_ == "boolean" else to_bool(fields.get("MULTIPLE")),
        "MANDATORY": to_bool(fields.get("MANDATORY")),
        "SHOW_FILTER": shown_filter(type_, fields.get("SHOW_FILTER")),
        "SHOW_IN_LIST": to_bool(fields.get("SHOW_IN_LIST", "Y")),
        "EDIT_IN_LIST": to_bool(fields.get("EDIT_IN_LIST", "Y")),
        "IS_SEARCHABLE": to_bool(fields.get("IS_SEARCHABLE")),
        "SETTINGS": _settings(type_, as_map(fields.get("SETTINGS"))),
    }
    for label in LABELS:
        row[label] = fields.get(label, fields.get("LABEL"))
    if type_ == "enumeration":
        row["LIST"] = enum_list(state, fields.get("LIST"), [])
    return row


def shown_filter(type_: str, value: Any) -> str:
    """Written Y/N, read back as ``N`` or ``I``, ``E``, ``S`` (8.2)."""
    if str(value) in ("I", "E", "S"):
        return str(value)
    return "N" if to_bool(value) == "N" else ("S" if type_ == "string" else "E")


def _settings(type_: str, given: Json) -> Json:
    if type_ == "crm":
        chosen = {target: to_bool(given.get(target)) for target in _TARGETS}
        return chosen if "Y" in chosen.values() else chosen | {"LEAD": "Y"}
    defaults: dict[str, Json] = {
        "double": {"PRECISION": 2},
        "integer": {"DEFAULT_VALUE": None},
        "enumeration": {"DISPLAY": "LIST", "LIST_HEIGHT": 1, "CAPTION_NO_VALUE": "", "SHOW_NO_VALUE": "Y"},
        "date": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}},
        "datetime": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}},
        "string": {"SIZE": 20, "ROWS": 1, "DEFAULT_VALUE": ""},
    }
    return defaults.get(type_, {}) | given


def enum_list(state: State, given: Any, present: list[Json]) -> list[Json]:
    """List items after a write: those with a known ``ID`` change (or go, ``DEL`` = Y), the rest is new.
    Items not mentioned stay. Raises ``ERROR_CORE`` for a repeated ``XML_ID``."""
    rows = {row["ID"]: dict(row) for row in present}
    for entry in map(as_map, as_list(given)):
        known = str(entry.get("ID") or "")
        if known in rows and str(entry.get("DEL")) == "Y":
            del rows[known]
        elif known in rows:
            rows[known] |= {k: str(entry[k]) for k in ("VALUE", "SORT", "DEF", "XML_ID") if k in entry}
        elif entry.get("VALUE"):
            fresh = _enum_item(state, entry)
            rows[fresh["ID"]] = fresh
    marks = [row["XML_ID"] for row in rows.values()]
    for mark in marks:
        if marks.count(mark) > 1:
            raise RestError("ERROR_CORE", f"List item with value XML_ID={mark} already exists.<br>")
    return list(rows.values())


def _enum_item(state: State, entry: Json) -> Json:
    state.enum_last += 2
    return {
        "ID": str(state.enum_last),
        "SORT": str(to_int(entry.get("SORT"), 500)),
        "VALUE": str(entry["VALUE"]),
        "DEF": to_bool(entry.get("DEF")),
        "XML_ID": str(entry.get("XML_ID") or f"{state.enum_last:032x}"),
    }


def update_field(state: State, row: Json, fields: Json) -> None:
    """``crm.*.userfield.update``: type and name stay."""
    for name in ("SORT", "XML_ID", "MANDATORY", "SHOW_IN_LIST", "EDIT_IN_LIST", "IS_SEARCHABLE", *LABELS):
        if name in fields:
            row[name] = fields[name]
    if "SHOW_FILTER" in fields:
        row["SHOW_FILTER"] = shown_filter(row["USER_TYPE_ID"], fields["SHOW_FILTER"])
    if "SETTINGS" in fields:
        row["SETTINGS"] = row["SETTINGS"] | as_map(fields["SETTINGS"])
    if "LIST" in fields and row["USER_TYPE_ID"] == "enumeration":
        row["LIST"] = enum_list(state, fields["LIST"], row["LIST"])


def drop_values(state: State, kind: Kind, name: str) -> None:
    """Deleting a field loses its values."""
    for row in state.items[kind.id].rows.values():
        row.pop(name, None)


def camel_uf(name: str) -> str:
    """The name without ``useOriginalUfNames`` by the two rules of 7.3."""
    rest = name.removeprefix("UF_CRM_")
    if not _REGULAR.fullmatch(rest):
        return f"ufCrm_{rest}"
    number, _, tail = rest.partition("_") if rest[0].isdigit() else ("", "", rest)
    if tail.replace("_", "").isdigit():
        return f"ufCrm{number}_{tail}"
    return f"ufCrm{number}" + "".join(part.capitalize() for part in tail.lower().split("_"))


def uf_names(state: State, kind: Kind, original: bool) -> dict[str, str]:
    """User-field names as a request speaks them → original names; a clash keeps the original."""
    names: dict[str, str] = {}
    for row in state.fields_of(kind.uf_entity):
        name = str(row["FIELD_NAME"])
        short = name if original else camel_uf(name)
        names[name if short in names else short] = name
    return names


def read_uf(state: State, definition: Json, value: Any) -> Any:
    """A written value as it is kept. Raises code "100" for a scalar where a list is needed and
    ``CRM_FIELD_ERROR_VALUE_NOT_VALID``."""
    name = str(definition["FIELD_NAME"])
    if definition["MULTIPLE"] == "Y":
        if not isinstance(value, (list, dict)):
            if is_empty(value):
                return []
            kind = {str: "string", int: "integer", float: "double", bool: "boolean"}.get(type(value), "mixed")
            raise RestError("100", f"Expected iterable value for multiple field, but got {kind} instead")
        return [read_one(state, definition, one) for one in as_list(value) if one not in (None, "")]
    if isinstance(value, (list, dict)) and definition["USER_TYPE_ID"] != "file":
        value = next(iter(as_list(value)), None)
    return read_one(state, definition, value, name)


def read_one(state: State, definition: Json, value: Any, name: str = "") -> Any:
    """One value of one user field."""
    type_ = str(definition["USER_TYPE_ID"])
    label = name or str(definition["FIELD_NAME"])
    if type_ == "enumeration" and not is_empty(value):
        known = {row["ID"] for row in definition.get("LIST", ())}
        if str(value) not in known:
            raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", f'Invalid value for field "{label}"')
        return int(value)
    if type_ == "crm":
        return _binding(state, definition, value, label)
    return read(type_, value, state.zone, label)


def _binding(state: State, definition: Json, value: Any, label: str) -> Any:
    if is_empty(value):
        return None
    targets = [name for name, on in definition["SETTINGS"].items() if on == "Y"]
    abbr, _, number = str(value).rpartition("_")
    kind = KIND_BY_ABBR.get(abbr)
    if not abbr and len(targets) == 1:
        kind = next(k for k in KIND_BY_ABBR.values() if k.name == targets[0])
    if kind is None or kind.name not in targets or to_int(number) <= 0:
        raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", f'Invalid value for field "{label}"')
    bare = len(targets) == 1 and state.settings.crm_bare_ids
    return number if bare else f"{kind.abbr}_{number}"

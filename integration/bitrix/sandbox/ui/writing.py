"""What a card's form says, as the fields of ``crm.item.add`` and ``crm.item.update``."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.datastructures import MultiDict

from ..agency import Json
from ..schema import KIND_BY_NAME, Kind
from ..values import to_int
from .cells import Cells
from .visit import Refused, Visit

_CODE = re.compile(r"(?:\[|^)\s*((?:L|D|C|CO)_\d+)\s*\]?\s*$")
Form = MultiDict[str, str]


def fields_of(cells: Cells, form: Form) -> Json:
    """The written fields; only those the form had. Raises :class:`Refused` for a client nobody knows."""
    found: Json = {}
    for name in form.getlist("field"):
        if not cells.known(name):
            continue
        if name in ("phones", "emails"):
            found.setdefault("fm", {}).update(_records(form, name))
        else:
            found[name] = _value(cells, form, name)
    return found


def _value(cells: Cells, form: Form, name: str) -> Any:
    if name in cells.user:
        return _user_value(cells, form, name)
    field = cells.kind.fields[name]
    if field.type == "boolean":
        return "Y" if form.get(f"f.{name}") else "N"
    if field.type in ("crm_company", "crm_contact"):
        target = "COMPANY" if field.type == "crm_company" else "CONTACT"
        ids = [to_int(code.rpartition("_")[2]) for code in _codes(cells.visit, form, name, [target])]
        return ids if field.multiple else (ids[0] if ids else 0)
    return form.get(f"f.{name}", "").strip()


def _user_value(cells: Cells, form: Form, name: str) -> Any:
    row = cells.user[name]
    multiple = row["MULTIPLE"] == "Y"
    if row["USER_TYPE_ID"] == "boolean":
        return "1" if form.get(f"f.{name}") else "0"
    if row["USER_TYPE_ID"] == "crm":
        targets = [target for target, on in row["SETTINGS"].items() if on == "Y"]
        codes = _codes(cells.visit, form, name, targets)
        return codes if multiple else (codes[0] if codes else "")
    if multiple:
        given = form.getlist(f"f.{name}")
        parts = given if row["USER_TYPE_ID"] == "enumeration" else ",".join(given).split(",")
        return [part.strip() for part in parts if part.strip()]
    return form.get(f"f.{name}", "").strip()


def _records(form: Form, name: str) -> Json:
    """Phones or addresses keyed by their record; one that was emptied goes, one typed anew is added."""
    type_id = "PHONE" if name == "phones" else "EMAIL"
    found: Json = {}
    for key in form.getlist(f"key.{name}"):
        value, new = form.get(f"f.{name}.{key}", "").strip(), key.startswith("n")
        if new and value:
            found[type_id + key] = {"typeId": type_id, "valueType": "WORK", "value": value}
        elif not new:
            found[key] = {"value": value}
    return found


def _codes(visit: Visit, form: Form, name: str, targets: list[str]) -> list[str]:
    """``CO_5`` of every card kept or chosen by hand; a title alone is looked up."""
    found = [code for code in form.getlist(f"keep.{name}") if code]
    typed = form.get(f"f.{name}", "").strip()
    if typed:
        match = _CODE.search(typed)
        found.insert(0, match[1] if match else _by_title(visit, typed, targets))
    return list(dict.fromkeys(found))


def _by_title(visit: Visit, title: str, targets: list[str]) -> str:
    from .lists import finder

    for target in targets:
        kind: Kind = KIND_BY_NAME[target]
        test = finder(visit, kind, title)
        for row in visit.state.items[kind.id].rows.values():
            if test(row):
                return f"{kind.abbr}_{row['id']}"
    raise Refused(visit.t("Nothing is called “{title}”", title=title))

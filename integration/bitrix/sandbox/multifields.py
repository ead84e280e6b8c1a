"""Phones and e-mail addresses of a card: ``fm`` on its way in, and what it makes visible (bitrix24.md 7.4,
7.5)."""

from __future__ import annotations

from typing import Any

from .agency import Json
from .forms import as_list, as_map
from .state import State

TYPES = frozenset({"PHONE", "EMAIL", "WEB", "IM", "LINK"})


def write_fm(state: State, present: list[Json], given: Any) -> list[Json]:
    """A list adds records; an object keyed by record id changes (``"15"``), deletes (an empty value) and
    adds (``"n0"``)."""
    rows = {str(row["id"]): dict(row) for row in present}
    keyed = as_map(given) if isinstance(given, dict) else {f"n{i}": e for i, e in enumerate(as_list(given))}
    for key, entry in keyed.items():
        data = as_map(entry)
        known = str(data.get("id") or key)
        if known in rows:
            if "value" in data and not data["value"]:
                del rows[known]
            else:
                rows[known] |= {k: str(data[k]) for k in ("value", "valueType") if data.get(k)}
        elif data.get("value") and str(data.get("typeId")) in TYPES:
            state.fm_last += 1
            rows[str(state.fm_last)] = {
                "id": state.fm_last,
                "valueType": str(data.get("valueType") or "WORK"),
                "value": str(data["value"]),
                "typeId": str(data["typeId"]),
            }
    return list(rows.values())


def first(row: Json, type_id: str, value_type: str | None = None) -> str | None:
    """The first value of a kind (aliases ``phone``, ``emailWork`` …)."""
    for entry in row.get("fm") or []:
        if entry["typeId"] == type_id and value_type in (None, entry["valueType"]):
            return str(entry["value"])
    return None


#: Read-only aliases of ``crm.item.*`` for the first value of a kind.
ALIASES: dict[str, tuple[str, str | None]] = {
    "phone": ("PHONE", None),
    "phoneWork": ("PHONE", "WORK"),
    "phoneMobile": ("PHONE", "MOBILE"),
    "phoneMailing": ("PHONE", "MAILING"),
    "email": ("EMAIL", None),
    "emailWork": ("EMAIL", "WORK"),
    "emailHome": ("EMAIL", "HOME"),
    "emailMailing": ("EMAIL", "MAILING"),
}


def normal_phone(value: str) -> str:
    """Digits only, for the search for duplicates."""
    return "".join(c for c in value if c.isdigit())

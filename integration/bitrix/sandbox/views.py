"""How a card looks in ``crm.item.*`` and in the old methods, and how filters read its fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD, Json
from .fields import uf_names
from .filters import Getter, Row, UnknownField
from .multifields import ALIASES, first
from .schema import KINDS, NUMBER_TYPES, Field, Kind
from .state import State
from .values import Zone, show, show_classic, to_bool, to_float, to_int

_UNFILTERABLE = frozenset({"fm", "isWon", "isLose", "isWork"})


def getter(state: State, kind: Kind, name: str) -> Getter:
    """A function that gives the field's kept value of a row."""
    if name == "contactId" and kind.id in (LEAD, DEAL):
        return lambda row: (row.get("contactIds") or [0])[0]
    if name == "companyId" and kind.id == CONTACT:
        return lambda row: (row.get("companyIds") or [0])[0]
    if name == "contactIds" and kind.id == COMPANY:
        contacts = state.items[CONTACT]
        return lambda row: sorted(contacts.equal("companyIds", row["id"]))
    if name in ("contactIds", "companyIds", "observers", "fm"):
        return lambda row: row.get(name) or []
    if name in ("hasPhone", "hasEmail"):
        type_id = name[3:].upper()
        return lambda row: "Y" if first(row, type_id) else "N"
    if name in ALIASES and "fm" in kind.fields:
        type_id, value_type = ALIASES[name]
        return lambda row: first(row, type_id, value_type)
    if name in ("companyId", "quoteId"):
        return lambda row: row.get(name) or 0
    field = kind.fields.get(name)
    default = field.default if field else None
    return lambda row: row.get(name, default)


class ItemView:
    """Names and types of one kind in one way of speaking (``useOriginalUfNames`` or not)."""

    def __init__(self, state: State, kind: Kind, original: bool = True) -> None:
        self.state = state
        self.kind = kind
        self.original = original
        self.zone: Zone = state.zone_now()
        self.user = {row["FIELD_NAME"]: row for row in state.fields_of(kind.uf_entity)}
        #: name as spoken → name of the row
        self.names = uf_names(state, kind, original)
        self.spoken = {own: spoken for spoken, own in self.names.items()}

    def rows_name(self, name: str) -> str:
        """The row's name of a field as spoken; an original name where converted ones are spoken is unknown."""
        own = self.names.get(name)
        return own or (f"?{name}" if name in self.user else name)

    def fields_in(self, fields: Json) -> Json:
        """Fields of a write under the row's names."""
        return {self.rows_name(name): value for name, value in fields.items()}

    def type_of(self, name: str) -> str | None:
        """Type of a field by the row's name; ``None`` for an unknown one."""
        if name in self.user:
            return str(self.user[name]["USER_TYPE_ID"])
        field = self.kind.fields.get(name)
        if field:
            return field.type
        return "string" if name in ALIASES and "fm" in self.kind.fields else None

    def getter(self, name: str) -> Getter:
        """See :func:`getter`; a multiple user field without values is an empty list."""
        if name in self.user and self.user[name]["MULTIPLE"] == "Y":
            return lambda row: row.get(name) or []
        return getter(self.state, self.kind, name)

    def known(self, name: str) -> str:
        """For orders: the row's name, or :class:`UnknownField`. ``ID`` passes for ``id``: both SDKs order by it."""
        own = self.rows_name(name)
        if name == "ID" and self.type_of(own) is None:
            own = "id"
        if self.type_of(own) is None or own in _UNFILTERABLE:
            raise UnknownField(name)
        return own

    def normal(self, name: str, value: Any) -> tuple[str, Any]:
        """For filters: row's name and the value as rows hold it."""
        own = self.known(name)
        return own, self._filter_value(own, self.type_of(own) or "string", value)

    def _filter_value(self, name: str, type_: str, value: Any) -> Any:
        if value is None or value == "":
            return None
        if type_ == "boolean":
            if name in self.user:  # a custom yes/no is filtered with 1 and 0 only (bitrix24.md 4.6)
                return {"1": "Y", "0": "N", "True": "Y", "False": "N"}.get(str(value), "?")
            return to_bool(value)
        return filter_value(type_, value, self.zone)

    def item(self, row: Row, select: Iterable[str] | None = None) -> Json:
        """One card of ``crm.item.*``; ``select`` holds names as spoken, ``None`` means everything."""
        if select is None:
            select = self.all_names()
        shown: Json = {}
        for name in select:
            own = self.rows_name(name)
            type_ = self.type_of(own)
            if type_ is not None:
                shown[name] = self._shown(type_, self.getter(own)(row))
        return shown

    def _shown(self, type_: str, value: Any) -> Any:
        if type_ == "multifield":
            return [dict(entry) for entry in value]
        return show(type_, value, self.zone)

    def all_names(self) -> list[str]:
        """Every name as spoken: own fields, then user fields."""
        return [*self.kind.fields, *(self.spoken[name] for name in self.user)]

    def select_names(self, select: list[Any]) -> list[str] | None:
        """A ``select`` as a list of names; ``None`` for everything. ``fm`` comes with ``*`` only (4.6)."""
        names = [str(name) for name in select]
        if not names or "*" in names:
            return None
        return [name for name in names if name != "fm"]

    def classic(self, row: Row, select: Iterable[str] | None = None) -> Json:
        """One card of the old methods: upper-case names, values as strings."""
        shown: Json = {}
        for field in self._classic_fields(select):
            value = self.getter(field.name)(row)
            shown[field.classic] = show_classic(
                field.type, None if _no_ref(field, value) else value, self.zone
            )
        for name in self.user:
            if select is None or name in select or "UF_*" in select:
                shown[name] = show_classic(self.type_of(name) or "string", row.get(name), self.zone)
        return shown

    def _classic_fields(self, select: Iterable[str] | None) -> list[Field]:
        hidden = {"contactIds", "companyIds", "observers", "fm"}
        return [
            field
            for field in self.kind.fields.values()
            if field.name not in hidden and (select is None or field.classic in select or "*" in select)
        ]


def _no_ref(field: Field, value: Any) -> bool:
    return field.type in ("crm_company", "crm_contact", "crm_lead") and not value


def filter_value(type_: str, value: Any, zone: Zone) -> Any:
    """A filter's value as rows hold it; raises ``ValueError`` for a date that is none."""
    if value is None or value == "":
        return None
    if type_ in NUMBER_TYPES:
        return to_int(value)
    if type_ == "double":
        return to_float(value)
    if type_ == "datetime":
        return zone.epoch(value)
    if type_ == "date":
        return str(value)[:10]
    return value if isinstance(value, str) else str(value)


def describe(view: ItemView) -> Json:
    """Answer of ``crm.item.fields``: each field with ``upperName``; lists of enumerations as ``items``."""
    shown: Json = {}
    for field in view.kind.fields.values():
        entry = _entry(field.type, field.read_only, field.multiple, False, field.upper, field.upper)
        shown[field.name] = entry
    for name, row in view.user.items():
        label = row.get("EDIT_FORM_LABEL")
        title = label if isinstance(label, str) else (label or {}).get(view.state.info.language) or name
        entry = _entry(row["USER_TYPE_ID"], False, row["MULTIPLE"] == "Y", True, title, name)
        entry |= {"isRequired": row["MANDATORY"] == "Y", "settings": row["SETTINGS"]}
        if "LIST" in row:
            entry["items"] = [{"ID": item["ID"], "VALUE": item["VALUE"]} for item in row["LIST"]]
        shown[view.spoken[name]] = entry
    return shown


def _entry(type_: str, read_only: bool, multiple: bool, dynamic: bool, title: str, upper: str) -> Json:
    return {
        "type": "crm_multifield" if type_ == "multifield" else type_,
        "isRequired": False,
        "isReadOnly": read_only,
        "isImmutable": False,
        "isMultiple": multiple,
        "isDynamic": dynamic,
        "title": title,
        "upperName": upper,
    }


def plain_rows(state: State, kind_id: int) -> list[Json]:
    """All cards of a kind with original user-field names, for dumps."""
    view = ItemView(state, KINDS[kind_id])
    return [view.item(state.items[kind_id].rows[i]) for i in state.items[kind_id].ids]

"""What a portal must hold for Molva — event bindings, card fields, tabs — and the calls that add what is
missing.

Set-up is a comparison that may be run at any time: at installation, after an update has dropped the bindings,
after somebody deleted a field (bitrix24.md 2.5, 8.3; product.md B1). No field is ever deleted, and one
that somebody else made under our name is reported, not touched. Labels are handed in ready-made: ``{code:
{language: text}}``, with ``code.value`` for the items of enumerations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from integration.bitrix import sources, tabs
from integration.bitrix.call import Call, rows_at
from integration.bitrix.calls import event_bind, event_get, userfield_add, userfield_list, userfield_update
from integration.bitrix.links import Entity
from integration.bitrix.sources import FoundSources
from integration.bitrix.tabs import FoundTabs
from integration.bitrix.widgets import placement_get, placement_list

Row = dict[str, Any]
Labels = Mapping[str, Mapping[str, str]]
FieldType = Literal["string", "integer", "date", "boolean", "enumeration", "crm"]

_ALL: tuple[Entity, ...] = ("lead", "deal", "company", "contact")
_SCORED: tuple[Entity, ...] = ("deal", "company", "contact")
_CLIENTS: tuple[Entity, ...] = ("company", "contact")

EVENTS: tuple[str, ...] = (
    *("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPPAYMENT"),
    *("ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALDELETE", "ONCRMDEALMOVETOCATEGORY"),
    *(f"ONCRM{e.upper()}{v}" for e in ("company", "contact", "lead") for v in ("ADD", "UPDATE", "DELETE")),
    *("ONTASKUPDATE", "ONTASKDELETE", "ONCRMACTIVITYADD"),
    *(f"ONCRM{e.upper()}USERFIELD{v}" for e in _ALL for v in ("UPDATE", "DELETE", "SETENUMVALUES")),
)


@dataclass(frozen=True)
class FieldSpec:
    """One user field (interface.md 5): ``code`` with its prefix, the cards it is on, the XML_IDs of its
    items."""

    code: str
    type: FieldType
    on: tuple[Entity, ...]
    values: tuple[str, ...] = ()
    settings: Row = field(default_factory=dict)


_ONE_LINE = {"SIZE": 60, "ROWS": 1}
_CLIENT_ONLY = {"LEAD": "N", "DEAL": "N", "CONTACT": "Y", "COMPANY": "Y"}
REFERRAL_SOURCES = (
    *("client", "former_client", "partner", "employee"),
    *("publication", "event", "other", "unknown"),
)
SOURCE_FIELD = "UF_CRM_MOLVA_REFERRAL_SOURCE"
NPS_GROUPS = ("promoter", "passive", "detractor")
NPS_CHANNELS = ("phone", "email", "link", "messenger", "import", "in_person")
ROLES = ("decides", "daily", "other")

FIELDS: tuple[FieldSpec, ...] = (
    FieldSpec(SOURCE_FIELD, "enumeration", _ALL, REFERRAL_SOURCES),
    FieldSpec("UF_CRM_MOLVA_REFERRER", "crm", _ALL, settings=_CLIENT_ONLY),
    FieldSpec("UF_CRM_MOLVA_REFERRAL_DATE", "date", _ALL),
    FieldSpec("UF_CRM_MOLVA_REFERRALS", "integer", _CLIENTS),
    FieldSpec("UF_CRM_MOLVA_NPS_SCORE", "integer", _SCORED),
    FieldSpec("UF_CRM_MOLVA_NPS_GROUP", "enumeration", _SCORED, NPS_GROUPS),
    FieldSpec("UF_CRM_MOLVA_NPS_DATE", "date", _SCORED),
    FieldSpec("UF_CRM_MOLVA_NPS_COMMENT", "string", _SCORED, settings={"SIZE": 60, "ROWS": 5}),
    FieldSpec("UF_CRM_MOLVA_NPS_WAVE", "string", _SCORED, settings=_ONE_LINE),
    FieldSpec("UF_CRM_MOLVA_NPS_CHANNEL", "enumeration", _SCORED, NPS_CHANNELS),
    FieldSpec("UF_CRM_MOLVA_ROLE", "enumeration", ("contact",), ROLES),
    FieldSpec("UF_CRM_MOLVA_HOLD_UNTIL", "date", _CLIENTS),
    FieldSpec("UF_CRM_MOLVA_OPT_OUT", "boolean", _CLIENTS),
    FieldSpec("UF_CRM_MOLVA_SURVEY_URL", "string", ("contact",), settings=_ONE_LINE),
)


TAB = "tab"  # the label of the tab; with ``.about`` its description
SOURCE = "source"  # the label of the portal's own source "by recommendation"


def fields_with(sources: Sequence[str]) -> tuple[FieldSpec, ...]:
    """Our fields where the agency has referral sources of its own: standard items stay, own ones follow."""
    own = tuple(dict.fromkeys(one for one in sources if one not in REFERRAL_SOURCES))
    return tuple(
        replace(spec, values=spec.values + own) if spec.code == SOURCE_FIELD else spec for spec in FIELDS
    )


@dataclass(frozen=True)
class Wanted:
    """What should be there: one ``handler`` address for all ``events``, ``fields`` labelled by ``labels``,
    unless ``base`` is empty the tabs, which open addresses below it, and unless ``source`` is empty the source
    of that code, which ``add_source`` lets us make. Items and sources have one text only, in ``language``."""

    handler: str
    labels: Labels
    language: str = "en"
    events: tuple[str, ...] = EVENTS
    fields: tuple[FieldSpec, ...] = FIELDS
    base: str = ""
    source: str = ""
    add_source: bool = True


@dataclass(frozen=True)
class Problem:
    """A field under our name that is not ours: ``wrong_type`` or ``multiple``; ``found`` is its type."""

    entity: Entity
    code: str
    kind: Literal["wrong_type", "multiple"]
    found: str


@dataclass(frozen=True)
class Plan:
    """Calls that add what is missing, in an order that may be cut anywhere, and what a person must settle."""

    calls: tuple[Call, ...]
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        """How many calls are to be made."""
        return len(self.calls)


def look(wanted: Wanted) -> dict[str, Call]:
    """The reads ``plan`` needs, as one batch: bindings, tabs, and each field by its name, since a portal may
    hold more fields than fit on a page."""
    reads = {"events": event_get()} if wanted.events else {}
    if wanted.base:
        reads |= {"tabs": placement_get(), "places": placement_list()}
    if wanted.source:
        reads["sources"] = sources.source_list()
    for spec in wanted.fields:
        for entity in spec.on:
            reads[f"{entity}_{spec.code}"] = userfield_list(entity, name=spec.code)
    return reads


Found = tuple[list[Row], dict[Entity, list[Row]], FoundTabs, FoundSources]


def found_in(results: Mapping[str, Any], refused: Mapping[str, str] | None = None) -> Found:
    """Bindings, fields by entity, tabs and sources, from the results of ``look``; ``refused``: codes by key."""
    no = refused or {}
    fields: dict[Entity, list[Row]] = {entity: [] for entity in _ALL}
    for key, result in results.items():
        entity = next((e for e in _ALL if key.startswith(f"{e}_")), None)
        if entity is not None:
            fields[entity] += rows_at(result)
    asked = "tabs" in results and "places" in results
    problem = "" if asked else no.get("tabs") or no.get("places") or "not_asked"
    found_tabs = FoundTabs(tuple(rows_at(results.get("tabs"))), tabs.codes(results.get("places")), problem)
    problem = "" if "sources" in results else no.get("sources") or "not_asked"
    found_sources = FoundSources(tuple(rows_at(results.get("sources"))), problem)
    return rows_at(results.get("events")), fields, found_tabs, found_sources


def plan(
    wanted: Wanted,
    found_events: Sequence[Row],
    found_fields: Mapping[Entity, Sequence[Row]],
    found_tabs: FoundTabs | None = None,
    found_sources: FoundSources | None = None,
) -> Plan:
    """What to add so that all that is wanted is there; nothing when it is. ``found_events``: rows of
    ``event.get``; ``found_fields``: rows of ``crm.*.userfield.list`` by entity; ``found_tabs``,
    ``found_sources``: as read, none: they are left alone."""
    calls: list[Call] = []
    problems: list[Problem] = []
    for spec in wanted.fields:
        for entity in spec.on:
            row = _row(found_fields.get(entity, ()), spec.code)
            if row is None:
                calls.append(userfield_add(entity, _new_field(wanted, spec, entity)))
            elif problem := _problem(spec, entity, row):
                problems.append(problem)
            elif update := _missing_items(wanted, spec, entity, row):
                calls.append(update)
    bound = {(str(row.get("event", "")).upper(), str(row.get("handler", ""))) for row in found_events}
    calls += [event_bind(e, wanted.handler) for e in wanted.events if (e, wanted.handler) not in bound]
    if wanted.base and found_tabs is not None:
        title, about = (dict(wanted.labels.get(name) or {}) for name in (TAB, f"{TAB}.about"))
        texts = {code: {"TITLE": one, "DESCRIPTION": about.get(code, "")} for code, one in title.items()}
        calls += tabs.plan(wanted.base, title.get(wanted.language) or "Molva", texts, found_tabs)
    if wanted.source and wanted.add_source and found_sources is not None:
        names = dict(wanted.labels.get(SOURCE) or {})
        calls += sources.plan(wanted.source, names, wanted.language, found_sources)
    return Plan(tuple(calls), tuple(problems))


def _row(rows: Iterable[Row], code: str) -> Row | None:
    return next((row for row in rows if str(row.get("FIELD_NAME", "")).upper() == code), None)


def _problem(spec: FieldSpec, entity: Entity, row: Row) -> Problem | None:
    found = str(row.get("USER_TYPE_ID", ""))
    if found != spec.type:
        return Problem(entity, spec.code, "wrong_type", found)
    if row.get("MULTIPLE") == "Y":
        return Problem(entity, spec.code, "multiple", found)
    return None


def _new_field(wanted: Wanted, spec: FieldSpec, entity: Entity) -> Row:
    labels = dict(wanted.labels.get(spec.code) or {}) or {wanted.language: spec.code}
    name = spec.code.removeprefix("UF_CRM_")
    fields: Row = {
        "FIELD_NAME": name,
        "USER_TYPE_ID": spec.type,
        "XML_ID": f"{name}_{entity.upper()}",
        "MULTIPLE": "N",
        "MANDATORY": "N",
        "SHOW_FILTER": "Y",
        "SORT": 500 + 10 * wanted.fields.index(spec),
        "EDIT_FORM_LABEL": labels,
        "LIST_COLUMN_LABEL": labels,
        "LIST_FILTER_LABEL": labels,
    }
    if spec.settings:
        fields["SETTINGS"] = spec.settings
    if spec.values:
        fields["LIST"] = [_item(wanted, spec, value) for value in spec.values]
    return fields


def _item(wanted: Wanted, spec: FieldSpec, value: str) -> Row:
    texts = wanted.labels.get(f"{spec.code}.{value}") or {}
    text = texts.get(wanted.language) or texts.get("en") or value
    return {"VALUE": text, "XML_ID": value, "SORT": 10 * (spec.values.index(value) + 1), "DEF": "N"}


def _missing_items(wanted: Wanted, spec: FieldSpec, entity: Entity, row: Row) -> Call | None:
    """The list with what it lacks. A person's own item with the very text of a missing one becomes that one:
    somebody has deleted ours and typed it again, and two of the same text would be one too many."""
    items, missing = rows_at(row.get("LIST")), missing_items(spec, row)
    kept: list[Row] = [
        {k: item[k] for k in ("ID", "VALUE", "XML_ID", "SORT", "DEF") if k in item} for item in items
    ]
    renamed = _rename_own(wanted, spec, kept)
    if not missing and not renamed:
        return None
    fresh: list[Row] = []
    for value in missing:
        texts = {_plain(text) for text in (wanted.labels.get(f"{spec.code}.{value}") or {}).values()}
        same = (i for i in kept if i.get("XML_ID") not in spec.values and _plain(i.get("VALUE")) in texts)
        typed = next(same, None)
        if typed is not None:
            typed["XML_ID"] = value
        else:
            fresh.append(_item(wanted, spec, value))
    return userfield_update(entity, int(row["ID"]), {"LIST": kept + fresh})


def _rename_own(wanted: Wanted, spec: FieldSpec, items: Sequence[Row]) -> bool:
    """Give the agency's own sources the names they have in the settings; whether any had another."""
    if spec.code != SOURCE_FIELD:
        return False
    own = {
        value: _item(wanted, spec, value)["VALUE"] for value in spec.values if value not in REFERRAL_SOURCES
    }
    renamed = False
    for item in items:
        text = own.get(str(item.get("XML_ID")))
        if text and _plain(text) != _plain(item.get("VALUE")):
            item["VALUE"], renamed = text, True
    return renamed


def _plain(text: Any) -> str:
    return " ".join(str(text or "").casefold().split())


def missing_items(spec: FieldSpec, row: Row) -> list[str]:
    """XML_IDs of the items that a found field lacks."""
    there = {item.get("XML_ID") for item in rows_at(row.get("LIST"))}
    return [value for value in spec.values if value not in there]


@dataclass(frozen=True)
class FieldMap:
    """Which of our fields a portal has, and the ids of their items, which differ in every portal and on every
    kind of card (bitrix24.md 8.4): ``{entity: {code: {XML_ID: id}}}``, without items an empty map."""

    fields: Mapping[str, Mapping[str, Mapping[str, int]]]

    @classmethod
    def of(
        cls, found_fields: Mapping[Entity, Sequence[Row]], wanted: Sequence[FieldSpec] = FIELDS
    ) -> FieldMap:
        """The map of the usable fields among those found; fields with a problem are left out."""
        fields: dict[str, dict[str, dict[str, int]]] = {}
        for spec in wanted:
            for entity in spec.on:
                row = _row(found_fields.get(entity, ()), spec.code)
                if row is not None and _problem(spec, entity, row) is None:
                    fields.setdefault(entity, {})[spec.code] = _item_ids(row)
        return cls(fields)

    def has(self, entity: str, code: str) -> bool:
        """Whether the card has the field and it may be written."""
        return code in self.fields.get(entity, {})

    def id_of(self, entity: str, code: str, value: str) -> int | None:
        """The id to write for an item named by its XML_ID; None when the portal has none."""
        return self.fields.get(entity, {}).get(code, {}).get(value)

    def value_of(self, entity: str, code: str, item_id: Any) -> str | None:
        """The XML_ID of an item read from a card; None for no item or one the customer added."""
        items = self.fields.get(entity, {}).get(code, {})
        return next((value for value, one in items.items() if str(one) == str(item_id)), None)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form; ``FieldMap(data)`` reads it back."""
        return {e: {code: dict(items) for code, items in codes.items()} for e, codes in self.fields.items()}


def _item_ids(row: Row) -> dict[str, int]:
    ids: dict[str, int] = {}
    for item in rows_at(row.get("LIST")):
        value, number = str(item.get("XML_ID") or ""), str(item.get("ID") or "")
        if value and number.isascii() and number.isdigit():
            ids.setdefault(value, int(number))
    return ids

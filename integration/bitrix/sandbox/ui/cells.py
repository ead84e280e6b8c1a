"""One field of one card, ready to be shown or edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..agency import COMPANY, CONTACT, LEAD, Json
from ..forms import as_list
from ..schema import KIND_BY_ABBR, KINDS, Kind
from ..state import State
from ..values import is_empty, to_int
from .formats import day, moment, money, number, safe_url
from .labels import KIND_WORDS, LABELS
from .visit import Visit

_READ_ONLY = frozenset({"createdTime", "updatedTime", "leadId", "city", "isRecurring", "id", "fullName"})
_AREAS = frozenset({"comments", "statusDescription", "sourceDescription"})


@dataclass(frozen=True)
class Link:
    """A way to another page."""

    url: str
    text: str


@dataclass(frozen=True)
class Cell:
    """``kind`` says how to show and edit: text, area, number, money, day, moment, flag, choice, person,
    card, cards, fm, stage, score, url. ``value`` is what a form holds, ``text`` what people read."""

    name: str
    label: str
    kind: str
    value: Any
    text: str = ""
    tone: str = ""
    links: tuple[Link, ...] = ()
    rows: tuple[Json, ...] = ()
    multiple: bool = False
    editable: bool = True
    targets: str = ""
    #: What a cell offers to choose from: (value, text), asked for only by forms.
    options: Callable[[], list[tuple[str, str]]] | None = None

    @property
    def empty(self) -> bool:
        """Nothing to show."""
        return not (self.text or self.links or self.rows)


def card_title(state: State, kind: Kind, row: Json) -> str:
    """What a card is called."""
    if kind.id in (COMPANY,) or row.get("title"):
        return str(row.get("title") or f"#{row['id']}")
    name = f"{row.get('name') or ''} {row.get('lastName') or ''}".strip()
    return name or str(row.get("companyTitle") or f"#{row['id']}")


def card_url(kind: Kind, item_id: int) -> str:
    """Address of a card."""
    return f"/crm/{kind.code}/details/{item_id}/"


def link_to(state: State, kind: Kind, item_id: int) -> Link | None:
    """A link to another card; ``None`` when there is no such card."""
    row = state.items[kind.id].get(item_id)
    return Link(card_url(kind, item_id), card_title(state, kind, row)) if row else None


class Cells:
    """Makes cells of one kind of card for one viewer."""

    def __init__(self, visit: Visit, kind: Kind) -> None:
        self.visit, self.kind, self.state = visit, kind, visit.state
        self.user = {str(row["FIELD_NAME"]): row for row in self.state.fields_of(kind.uf_entity)}
        self.zone = self.state.zone_now()
        self.language = visit.language

    def label(self, name: str) -> str:
        """The field's name for people; a user field's in the portal's language."""
        if name not in self.user:
            return self.visit.t(LABELS.get(name, name))
        row = self.user[name]
        for key in ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL"):
            label = row.get(key)
            found = label if isinstance(label, str) else (label or {}).get(self.language)
            if found:
                return str(found)
        return name

    def known(self, name: str) -> bool:
        """Whether this kind of card has the field."""
        return (
            name in self.user or name in self.kind.fields or name in ("phones", "emails", "city", "fullName")
        )

    def cell(self, row: Json, name: str) -> Cell:
        """The field of this card."""
        if name in self.user:
            return self._user_cell(row, name)
        special = getattr(self, f"cell_{name}", None)
        if special is not None:
            return special(row)  # type: ignore[no-any-return]
        field = self.kind.fields[name]
        return self._plain(name, field.type, row.get(name, field.default))

    def _made(self, name: str, kind: str, value: Any, text: str = "", **more: Any) -> Cell:
        editable = more.pop("editable", name not in _READ_ONLY)
        return Cell(name, self.label(name), kind, value, text, editable=editable, **more)

    def _plain(self, name: str, type_: str, value: Any) -> Cell:
        if type_ == "date":
            return self._made(name, "day", value or "", day(value, self.language) if value else "")
        if type_ == "datetime":
            text = moment(value, self.zone, self.language, self.state.now()) if value else ""
            return self._made(name, "moment", value or "", text)
        if type_ == "boolean":
            return self._made(name, "flag", value == "Y", self.visit.t("yes") if value == "Y" else "")
        if type_ == "user":
            return self._people(name, as_list(value))
        if type_ == "crm_lead":
            link = link_to(self.state, KINDS[LEAD], to_int(value))
            return self._made(name, "cards", value, links=(link,) if link else ())
        if type_ in ("integer", "double"):
            text = "" if is_empty(value) else number(value, self.language)
            return self._made(name, "number", "" if is_empty(value) else value, text)
        return self._made(name, "area" if name in _AREAS else "text", value or "", str(value or ""))

    def _people(self, name: str, ids: Iterable[Any]) -> Cell:
        found = [to_int(one) for one in ids if to_int(one)]
        links = tuple(Link(f"/company/personal/user/{n}/", self.visit.name(n)) for n in found)
        value = str(found[0]) if found else ""
        return self._made(name, "person", value, links=links, options=lambda: staff(self.visit, found))

    def cell_assignedById(self, row: Json) -> Cell:
        return self._people("assignedById", [row.get("assignedById")])

    def cell_stageId(self, row: Json) -> Cell:
        stages = stages_of(self.state, self.kind, row)
        at = next((n for n, s in enumerate(stages) if s["STATUS_ID"] == row.get("stageId")), 0)
        name = stages[at]["NAME"] if stages else str(row.get("stageId"))
        return self._made(
            "stageId", "stage", row.get("stageId") or "", name, tone=stage_tone(stages, at),
            options=lambda: [(s["STATUS_ID"], s["NAME"]) for s in stages],
        )  # fmt: skip

    def cell_opportunity(self, row: Json) -> Cell:
        amount = row.get("opportunity") or 0
        text = money(amount, str(row.get("currencyId") or ""), self.language)
        return self._made("opportunity", "money", amount, text)

    def _status(self, name: str, entity: str, value: Any) -> Cell:
        rows = self.state.stage_list(entity)
        text = next((r["NAME"] for r in rows if r["STATUS_ID"] == value), str(value or ""))
        options = [("", "—"), *((r["STATUS_ID"], r["NAME"]) for r in rows)]
        return self._made(name, "choice", value or "", text, options=lambda: options)

    def cell_sourceId(self, row: Json) -> Cell:
        return self._status("sourceId", "SOURCE", row.get("sourceId"))

    def cell_categoryId(self, row: Json) -> Cell:
        value = row.get("categoryId") or 0
        rows = [(str(c["id"]), str(c["name"])) for c in self.state.categories]
        text = next((name for number, name in rows if number == str(value)), "")
        return self._made("categoryId", "choice", str(value), text, options=lambda: rows)

    def _cards(self, name: str, kind_id: int, ids: Iterable[int], **more: Any) -> Cell:
        kind = KINDS[kind_id]
        found = [(n, link) for n in ids if (link := link_to(self.state, kind, n))]
        rows = tuple({"id": n, "text": link.text} for n, link in found)
        links = tuple(link for _, link in found)
        return self._made(name, "cards", "", links=links, rows=rows, targets=kind.name, **more)

    def cell_companyId(self, row: Json) -> Cell:
        found = [row["companyId"]] if row.get("companyId") else []
        return self._cards("companyId", COMPANY, found)

    def cell_companyIds(self, row: Json) -> Cell:
        return self._cards("companyIds", COMPANY, row.get("companyIds") or [], multiple=True)

    def cell_contactIds(self, row: Json) -> Cell:
        ids = row.get("contactIds") or []
        if self.kind.id == COMPANY:
            ids = sorted(self.state.items[CONTACT].equal("companyIds", row.get("id", 0)))
        return self._cards("contactIds", CONTACT, ids, multiple=True)

    def _fm(self, name: str, row: Json, type_id: str, scheme: str) -> Cell:
        entries = tuple(e for e in row.get("fm") or [] if e["typeId"] == type_id)
        links = tuple(Link(f"{scheme}:{_bare(e['value'])}", str(e["value"])) for e in entries)
        return self._made(name, "fm", type_id, links=links, rows=entries, multiple=True)

    def cell_phones(self, row: Json) -> Cell:
        return self._fm("phones", row, "PHONE", "tel")

    def cell_emails(self, row: Json) -> Cell:
        return self._fm("emails", row, "EMAIL", "mailto")

    def cell_name(self, row: Json) -> Cell:
        return self._made("name", "text", row.get("name") or "", str(row.get("name") or ""))

    def cell_fullName(self, row: Json) -> Cell:
        text = f"{row.get('name') or ''} {row.get('lastName') or ''}".strip()
        return self._made("fullName", "text", text, text)

    def cell_city(self, row: Json) -> Cell:
        anchors = self.state.addresses.equal("ANCHOR_ID", row.get("id", 0))
        rows = [self.state.addresses.rows[i] for i in anchors]
        mine = [str(r.get("CITY") or "") for r in rows if r.get("ANCHOR_TYPE_ID") == self.kind.id]
        return self._made("city", "text", "", next(iter(mine), ""))

    def _user_cell(self, row: Json, name: str) -> Cell:
        field, value = self.user[name], row.get(name)
        type_, multiple = str(field["USER_TYPE_ID"]), field["MULTIPLE"] == "Y"
        if type_ == "enumeration":
            return self._enumeration(name, field, value, multiple)
        if type_ == "crm":
            return self._bindings(name, field, as_list(value), multiple)
        if name.endswith("_NPS_SCORE") and value is not None:
            return self._made(name, "score", value, str(value), tone=score_tone(value))
        if multiple:
            text = ", ".join(str(one) for one in as_list(value))
            return self._made(name, "text", ", ".join(map(str, as_list(value))), text, multiple=True)
        if type_ == "integer" and value is not None:
            return self._made(name, "number", value, number(value, self.language))
        if type_ == "string" and value and safe_url(str(value)) and str(value).startswith("http"):
            return self._made(name, "url", value, str(value), links=(Link(str(value), str(value)),))
        if type_ == "string" and to_int((field.get("SETTINGS") or {}).get("ROWS")) > 1:
            return self._made(name, "area", value or "", str(value or ""))
        return self._plain(name, type_, value)

    def _enumeration(self, name: str, field: Json, value: Any, multiple: bool) -> Cell:
        items = {str(item["ID"]): item for item in field.get("LIST", ())}
        chosen = [str(one) for one in as_list(value) if str(one) in items]
        text = ", ".join(str(items[one]["VALUE"]) for one in chosen)
        tone = _GROUPS.get(str(items[chosen[0]].get("XML_ID")), "") if chosen else ""
        options = [("", "—"), *((key, str(item["VALUE"])) for key, item in items.items())]
        value = chosen if multiple else (chosen[0] if chosen else "")
        return self._made(name, "choice", value, text, tone=tone, multiple=multiple, options=lambda: options)

    def _bindings(self, name: str, field: Json, values: list[Any], multiple: bool) -> Cell:
        targets = [target for target, on in field["SETTINGS"].items() if on == "Y"]
        found = [binding(self.state, str(one), targets) for one in values if not is_empty(one)]
        links = tuple(Link(card_url(kind, n), text) for kind, n, text in found)
        rows = tuple({"id": f"{kind.abbr}_{n}", "text": text} for kind, n, text in found)
        return self._made(
            name, "bindings", "", links=links, rows=rows, multiple=multiple, targets=",".join(targets)
        )


_GROUPS = {"promoter": "good", "passive": "warn", "detractor": "bad"}


def binding(state: State, text: str, targets: list[str]) -> tuple[Kind, int, str]:
    """``CO_5`` → the kind, the number, and what the card is called (its code when it is gone)."""
    abbr, _, number_ = text.rpartition("_")
    kind = KIND_BY_ABBR.get(abbr)
    if kind is None:
        kind = next(k for k in KINDS.values() if k.name == (targets[0] if targets else "COMPANY"))
    row = state.items[kind.id].get(to_int(number_))
    return kind, to_int(number_), card_title(state, kind, row) if row else text


def score_tone(score: Any) -> str:
    """Colour of a score from 0 to 10."""
    return "good" if to_int(score) >= 9 else "warn" if to_int(score) >= 7 else "bad"


def stages_of(state: State, kind: Kind, row: Json) -> list[Json]:
    """Stages of the card's pipeline in their order."""
    return (
        state.stage_list("STATUS") if kind.id == LEAD else state.category_stages(row.get("categoryId") or 0)
    )


def stage_tone(stages: list[Json], at: int) -> str:
    """Colour class of a stage: green for won, red for lost, else by its place."""
    mark = stages[at].get("SEMANTICS") if stages else None
    return {"S": "won", "F": "lost"}.get(str(mark), f"step{at % 6}")


def staff(visit: Visit, also: Iterable[int] = ()) -> list[tuple[str, str]]:
    """Employees to choose from, working ones and those named."""
    users = visit.state.users
    keep = set(also)
    numbers = [n for n in users if users[n].get("ACTIVE", True) or n in keep]
    return sorted(((str(n), visit.name(n)) for n in numbers), key=lambda pair: pair[1].lower())


def _bare(value: str) -> str:
    return "".join(c for c in value if c.isalnum() or c in "+@._-")


def kind_words(kind: Kind) -> tuple[str, str, str, str]:
    """Code, plural, singular and "new one" of a kind."""
    return KIND_WORDS[kind.id]

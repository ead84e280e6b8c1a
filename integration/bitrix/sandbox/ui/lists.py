"""Lists of cards: search, filters, sorting, pages of fifty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request

from ..agency import COMPANY, DEAL, LEAD, Json
from ..filters import Group, Test
from ..items import may_read
from ..lists import PAGE, Query, page
from ..schema import Kind
from ..values import to_int
from ..views import ItemView
from .cells import Cell, Cells, card_title, card_url
from .labels import COLUMNS
from .visit import Visit


@dataclass(frozen=True)
class Column:
    """One column: the field, its heading, whether one can sort by it."""

    name: str
    label: str
    sortable: bool


@dataclass(frozen=True)
class Line:
    """One card in the list."""

    id: int
    url: str
    title: str
    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Listing:
    """A page of a list with what was asked for."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int
    search: str
    mine: bool
    stage: str
    sort: str
    down: bool

    def query(self, **changes: Any) -> str:
        """The query string of the same list with something changed."""
        from urllib.parse import urlencode

        present = {
            "q": self.search, "mine": "1" if self.mine else "", "stage": self.stage,
            "sort": ("-" if self.down else "") + self.sort, "page": self.page,
        } | changes  # fmt: skip
        kept = {k: v for k, v in present.items() if v not in ("", None) and (k, v) != ("page", 1)}
        return "?" + urlencode(kept) if kept else "?"


_SORTED_BY = {"fullName": "lastName"}
_UNSORTABLE = frozenset({"phones", "emails", "city", "contactIds"})


def columns(cells: Cells) -> tuple[Column, ...]:
    """The columns this portal's cards of the kind can fill."""
    found = []
    for wanted in COLUMNS[cells.kind.id]:
        names = [n for n in cells.user if n.endswith(wanted[1:])] if wanted[0] == "*" else [wanted]
        found += [Column(name, cells.label(name), name not in _UNSORTABLE) for name in names[:1]]
    return tuple(found)


def listing(visit: Visit, kind: Kind) -> Listing:
    """What the address asks for."""
    cells, args = Cells(visit, kind), request.args
    search, mine = args.get("q", "").strip()[:200], args.get("mine") == "1"
    stage, sort = args.get("stage", ""), args.get("sort", "-id")
    down, name = sort.startswith("-"), sort.lstrip("-")
    shown = columns(cells)
    if name != "id" and name not in {c.name for c in shown if c.sortable}:
        down, name = True, "id"
    number = max(to_int(args.get("page")), 1)
    view = ItemView(visit.state, kind)
    keep = _keep(visit, kind, search, mine, stage)
    by = _SORTED_BY.get(name, name)
    query = Query(Group("AND", ()), ((by, down),), (number - 1) * PAGE, keep)
    found = page(visit.state.items[kind.id], query, view.getter)
    pages = max((found.total + PAGE - 1) // PAGE, 1)
    return Listing(
        shown, tuple(_line(cells, row, shown) for row in found.rows), found.total, number, pages, search,
        mine, stage, name, down,
    )  # fmt: skip


def _line(cells: Cells, row: Json, shown: tuple[Column, ...]) -> Line:
    url = card_url(cells.kind, row["id"])
    note = cells.cell(row, "post").text if "post" in cells.kind.fields and cells.kind.id != LEAD else ""
    if cells.kind.id == DEAL:
        note = cells.cell(row, "categoryId").text
    made = tuple(cells.cell(row, column.name) for column in shown[1:])
    return Line(row["id"], url, card_title(cells.state, cells.kind, row), made, note)


def _keep(visit: Visit, kind: Kind, search: str, mine: bool, stage: str) -> Test | None:
    tests: list[Callable[[Json], bool]] = []
    state, user = visit.state, visit.user_id
    if state.rights(user) != "all":
        tests.append(lambda row: may_read(state, row, user))
    if mine:
        tests.append(lambda row: row.get("assignedById") == user)
    if stage:
        tests.append(lambda row: row.get("stageId") == stage)
    if search:
        tests.append(finder(visit, kind, search))
    if not tests:
        return None
    return lambda row: all(test(row) for test in tests)


def finder(visit: Visit, kind: Kind, search: str) -> Callable[[Json], bool]:
    """Whether every word asked for stands in the card's names, phones, addresses or its company's name."""
    words = search.casefold().split()
    companies = visit.state.items[COMPANY]

    def text(row: Json) -> str:
        parts = [row.get(name) for name in ("title", "name", "lastName", "companyTitle", "post")]
        parts += [entry["value"] for entry in row.get("fm") or ()]
        for company in [row.get("companyId"), *(row.get("companyIds") or ())]:
            parts.append((companies.get(company or 0) or {}).get("title"))
        return " ".join(str(part) for part in parts if part).casefold()

    def test(row: Json) -> bool:
        if words == [str(row["id"])]:
            return True
        whole = text(row)
        return all(word in whole for word in words)

    return test


def stage_choices(visit: Visit, kind: Kind) -> list[tuple[str, list[tuple[str, str]]]]:
    """Stages to filter by: (pipeline, [(id, name)])."""
    if kind.id == LEAD:
        return [("", [(s["STATUS_ID"], s["NAME"]) for s in visit.state.stage_list("STATUS")])]
    if kind.id != DEAL:
        return []
    return [
        (str(c["name"]), [(s["STATUS_ID"], s["NAME"]) for s in visit.state.category_stages(to_int(c["id"]))])
        for c in visit.state.categories
    ]

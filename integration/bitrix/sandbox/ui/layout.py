"""Which sections and fields a card shows: the portal's common layout, else the built-in one (8.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..agency import DEAL, Json
from ..values import to_int
from .cells import Cell, Cells
from .labels import BUILT_IN, ELEMENTS


@dataclass(frozen=True)
class Section:
    """A titled group of fields; ``cells`` are all of them, ``shown`` those to be seen while reading."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    shown: tuple[Cell, ...]


def sections(cells: Cells, row: Json) -> list[Section]:
    """The card's sections; user fields with a value that stand in none of them come last."""
    part = to_int(row.get("categoryId")) if cells.kind.id == DEAL else 0
    layout = cells.state.layouts.get((cells.kind.id, "C", 0, part))
    found = _from_layout(cells, row, layout) if layout else _built_in(cells, row)
    placed = {cell.name for section in found for cell in section.cells}
    rest = tuple(
        cell for name in cells.user if name not in placed and not (cell := cells.cell(row, name)).empty
    )
    if rest:
        found.append(Section("more", cells.visit.t("Other fields"), rest, rest))
    return found


def editable_sections(cells: Cells, row: Json) -> list[Section]:
    """The same for a form: every user field of the portal can be filled in."""
    found = [section for section in sections(cells, row) if section.name != "more"]
    placed = {cell.name for section in found for cell in section.cells}
    rest = tuple(cells.cell(row, name) for name in cells.user if name not in placed)
    if rest:
        found.append(Section("more", cells.visit.t("Other fields"), rest, rest))
    return found


def _built_in(cells: Cells, row: Json) -> list[Section]:
    made = []
    for number, (title, names) in enumerate(BUILT_IN[cells.kind.id]):
        found = tuple(cells.cell(row, name) for name in names if cells.known(name))
        shown = tuple(cell for cell in found if not cell.empty or number == 0)
        made.append(Section(f"s{number}", cells.visit.t(title), found, shown))
    return made


def _from_layout(cells: Cells, row: Json, layout: list[Json]) -> list[Section]:
    made = []
    for section in layout:
        found: list[Cell] = []
        always: set[str] = set()
        for element in section["elements"]:
            for name in _names(cells, str(element["name"])):
                found.append(cells.cell(row, name))
                if to_int(element.get("optionFlags")):
                    always.add(name)
        shown = tuple(cell for cell in found if not cell.empty or cell.name in always)
        made.append(Section(str(section["name"]), str(section["title"]), tuple(found), shown))
    return made


def _names(cells: Cells, element: str) -> list[str]:
    upper = element.upper()
    if upper in cells.user:
        return [upper]
    wanted: tuple[Any, ...] = ELEMENTS.get(upper, ())
    wanted = wanted or (cells.kind.by_upper.get(upper, cells.kind.by_classic.get(upper, "")),)
    return [name for name in wanted if name and cells.known(name) and name != "fm"]

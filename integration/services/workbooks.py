"""Several tables as one workbook for people (product.md P5). Needs openpyxl, the extra `xlsx`.

A text stays a text: what begins like a formula is written as a string that says so, and no program works it out.
Rows are written as they come, so that a long table needs no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import IO, Any

Row = Sequence[object]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a text begins that a spreadsheet may take for a formula
LONGEST_CELL = 32_767  # characters, as spreadsheets have it
LONGEST_TITLE = 31
_DAY, _MOMENT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: the first row is the heading. `widths`: of its columns, in characters."""

    title: str
    rows: Iterable[Row]
    widths: Sequence[int] = ()


def available() -> bool:
    """Whether this Molva can write workbooks."""
    return find_spec("openpyxl") is not None


def write(sheets: Iterable[Sheet], out: IO[bytes]) -> None:
    """Write a workbook, sheet after sheet. Raises `ModuleNotFoundError` without openpyxl.

    Moments must be naive: spreadsheets know no time zones.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    def cell(page: Any, value: object, heading: bool) -> object:
        value = storable(value)
        guarded = isinstance(value, str) and value.startswith(FORMULA)
        if not (guarded or heading or hasattr(value, "isoformat")):
            return value
        made = WriteOnlyCell(page, value=value)
        if guarded:
            made.data_type, made.quotePrefix = "s", True
        elif not isinstance(value, str) and not heading:
            made.number_format = _MOMENT if isinstance(value, datetime) else _DAY
        if heading:
            made.font = Font(bold=True)
        return made

    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.title[:LONGEST_TITLE])
        page.freeze_panes = "A2"
        for number, width in enumerate(sheet.widths, 1):
            page.column_dimensions[get_column_letter(number)].width = width
        for place, row in enumerate(sheet.rows):
            page.append([cell(page, value, heading=place == 0) for value in row])
    book.save(out)


def storable(value: object) -> object:
    """A value as a cell takes it: no character that a workbook cannot hold, no text longer than one holds."""
    if not isinstance(value, str):
        return value
    if not value.isprintable():
        value = "".join(one for one in value if _holds(one))
    return value[:LONGEST_CELL]


def _holds(one: str) -> bool:
    if one in "\t\n\r":
        return True
    return one >= " " and not "\ud800" <= one <= "\udfff" and one not in "\ufffe\uffff"

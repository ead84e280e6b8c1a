"""A sheet as a file for a call centre: people with the wording, an empty list of calls, what the outcomes mean.

Nothing in it is a formula, whatever clients are called; outcomes are chosen from a list (product.md W9).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from integration import i18n
from integration.i18n import mark
from integration.services.calling.sheet_out import OnSheet, TakenOut, clock_there
from integration.services.calling.sheet_words import CALLS, FILLED, LEGEND, OUTCOMES, PEOPLE, ROLES, SHOWN
from integration.services.workbooks import FORMULA, LONGEST_TITLE, available, storable

__all__ = ["available", "rows", "write"]

MEANING = mark("What it means")
BLANK = 3_000  # rows of the empty list in which an outcome can be chosen


def rows(sheet: TakenOut, language: str) -> Iterator[list[object]]:
    """The first sheet as rows, the headings first; texts as they are, nothing guarded."""
    yield [i18n.text(language, heading) for _, heading, _ in (*SHOWN, *FILLED)]
    blanks = [""] * len(FILLED)
    for one in sheet.people:
        yield [*_cells(one, language, sheet.at), *blanks]


def write(sheet: TakenOut, language: str, out: IO[bytes]) -> None:
    """Write the workbook. Raises `ModuleNotFoundError` without openpyxl."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    people, calls, legend = (_page(book, i18n.text(language, title)) for title in (PEOPLE, CALLS, LEGEND))
    _columns(people, [width for _, _, width in (*SHOWN, *FILLED)])
    _columns(calls, [SHOWN[0][2], *(width for _, _, width in FILLED)])
    _columns(legend, [34, 80])
    place = len(SHOWN) + [name for name, _, _ in FILLED].index("outcome") + 1
    _choice(people, place, len(sheet.people) + 1, legend.title)
    _choice(calls, place - len(SHOWN) + 1, BLANK, legend.title)
    for number, row in enumerate(rows(sheet, language)):
        people.append([_cell(people, value, heading=number == 0) for value in row])
    headings = [SHOWN[0][1], *(heading for _, heading, _ in FILLED)]
    calls.append([_cell(calls, i18n.text(language, heading), heading=True) for heading in headings])
    for number, pair in enumerate(_legend(language)):
        legend.append([_cell(legend, text, heading=number == 0) for text in pair])
    book.save(out)


def _cells(one: OnSheet, language: str, at: datetime) -> list[object]:
    zone, away = clock_there(one.zone, at)
    first, last = one.hours
    script = one.script
    promised = one.promised.astimezone(zone).strftime("%Y-%m-%d %H:%M") if one.promised else ""
    return [
        one.code, one.client, one.person, i18n.text(language, ROLES[one.role]) if one.role in ROLES else "", one.phone,
        f"{one.zone}, {away}", f"{first}:00–{last}:00", one.calls, promised, one.email,
        i18n.NAMES.get(one.language, one.language), script.hello, script.about, script.question, script.comment,
        script.thanks, script.later, script.mail, script.refusal, script.never, script.colleague,
    ]  # fmt: skip


def _legend(language: str) -> Iterator[tuple[str, str]]:
    yield i18n.text(language, LEGEND), i18n.text(language, MEANING)
    for label, meaning in OUTCOMES.values():
        yield i18n.text(language, label), i18n.text(language, meaning)


def _page(book: Any, title: str) -> Any:
    page = book.create_sheet(title[:LONGEST_TITLE])
    page.freeze_panes = "B2"
    return page


def _columns(page: Any, widths: list[int]) -> None:
    from openpyxl.utils import get_column_letter

    for number, width in enumerate(widths, 1):
        page.column_dimensions[get_column_letter(number)].width = width


def _choice(page: Any, column: int, last: int, legend: str) -> None:
    """Let one of the outcomes be chosen, and nothing else be written."""
    from openpyxl.utils import get_column_letter, quote_sheetname
    from openpyxl.worksheet.datavalidation import DataValidation

    names = f"{quote_sheetname(legend)}!$A$2:$A${len(OUTCOMES) + 1}"
    rule = DataValidation(type="list", formula1=names, allow_blank=True, showErrorMessage=True)
    letter = get_column_letter(column)
    rule.add(f"{letter}2:{letter}{max(2, last)}")
    page.data_validations.append(rule)


def _cell(page: Any, value: object, *, heading: bool) -> object:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    value = storable(value)
    guarded = isinstance(value, str) and value.startswith(FORMULA)
    if not guarded and not heading:
        return value
    made = WriteOnlyCell(page, value=value)
    if guarded:
        made.data_type, made.quotePrefix = "s", True
    if heading:
        made.font = Font(bold=True)
    return made

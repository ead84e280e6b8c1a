"""A sheet as a file for a call centre: people with the wording, an empty list of calls, what the outcomes mean.

Nothing in it is a formula, whatever clients are called; outcomes are chosen from a list (product.md W9).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from integration import i18n
from integration.i18n import mark
from integration.nps.questions import NUMBERS, Question
from integration.nps.sheet_questions import heading, option_named
from integration.services.calling.sheet_out import OnSheet, TakenOut, clock_there
from integration.services.calling.sheet_words import (
    CALLS,
    EXTRA,
    FILLED,
    LEGEND,
    OUTCOMES,
    PEOPLE,
    ROLES,
    SHOWN,
)
from integration.services.questions import Field, fields
from integration.services.workbooks import FORMULA, LONGEST_TITLE, available, storable

__all__ = ["available", "rows", "write"]

MEANING = mark("What it means")
OUTCOME = [name for name, _, _ in FILLED].index("outcome")
BEHIND = [name for name, _, _ in FILLED].index("comment") + 1  # where the extra questions stand
ASKED, WIDTH = 44, 24  # characters of the columns of an extra question: as it is asked, as it is answered
LONGEST_PROMPT = 250  # what spreadsheets show beside a cell
BLANK = 3_000  # rows of the empty list in which an outcome can be chosen


def rows(sheet: TakenOut, language: str) -> Iterator[list[object]]:
    """The first sheet as rows, the headings first; texts as they are, nothing guarded."""
    asked = [i18n.text(language, EXTRA, number=number) for number, _ in enumerate(sheet.questions, 1)]
    yield [*(i18n.text(language, named) for _, named, _ in SHOWN), *asked, *filled(sheet, language)]
    blanks = [""] * (len(FILLED) + len(sheet.questions))
    for one in sheet.people:
        yield [*_cells(one, language, sheet.at), *map(_asked, one.extra), *blanks]


def filled(sheet: TakenOut, language: str) -> list[str]:
    """The headings of what is filled in: of a call, with a column for each extra question behind the comment."""
    named = [i18n.text(language, name) for _, name, _ in FILLED]
    extra = [
        heading(field.text, one) for one, field in zip(sheet.questions, _fields(sheet, language), strict=True)
    ]
    return [*named[:BEHIND], *extra, *named[BEHIND:]]


def write(sheet: TakenOut, language: str, out: IO[bytes]) -> None:
    """Write the workbook. Raises `ModuleNotFoundError` without openpyxl."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    people, calls, legend = (_page(book, i18n.text(language, title)) for title in (PEOPLE, CALLS, LEGEND))
    extra = [WIDTH] * len(sheet.questions)
    given = [width for _, _, width in FILLED]
    given = [*given[:BEHIND], *extra, *given[BEHIND:]]
    _columns(people, [*(width for _, _, width in SHOWN), *(ASKED for _ in extra), *given])
    _columns(calls, [SHOWN[0][2], *given])
    _columns(legend, [34, 80, *extra])
    lists = [
        _values(one, field) for one, field in zip(sheet.questions, _fields(sheet, language), strict=True)
    ]
    for page, shown, last in ((people, len(SHOWN) + len(extra), len(sheet.people) + 1), (calls, 1, BLANK)):
        _choice(page, shown + OUTCOME + 1, last, legend.title, 1, len(OUTCOMES))
        for number, values in enumerate(lists):
            if values:
                place = shown + BEHIND + number + 1
                _choice(page, place, last, legend.title, number + 3, len(values), _prompt(values))
    for number, row in enumerate(rows(sheet, language)):
        people.append([_cell(people, value, heading=number == 0) for value in row])
    headings = [i18n.text(language, SHOWN[0][1]), *filled(sheet, language)]
    calls.append([_cell(calls, one, heading=True) for one in headings])
    for number, line in enumerate(_legend(sheet, language, lists)):
        legend.append([_cell(legend, value, heading=number == 0) for value in line])
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


def _fields(sheet: TakenOut, language: str) -> tuple[Field, ...]:
    return fields(sheet.questions, language, sheet.main, {})


def _asked(field: Field) -> str:
    """What is asked besides, in the client's language, with what can be answered."""
    options = " / ".join(label for _, label in field.options) if not field.ends else ", ".join(field.ends)
    return f"{field.text} ({options})" if options else field.text


def _values(one: Question, field: Field) -> list[object]:
    """What a column takes, as it is chosen from the list; nothing for own words."""
    if one.kind in NUMBERS:
        return [int(value) for value, _ in field.options]
    return [option_named(one, value, label) for value, label in field.options]


def _prompt(values: list[object]) -> str:
    text = " / ".join(map(str, values))
    return text if len(text) <= LONGEST_PROMPT else f"{text[: LONGEST_PROMPT - 1]}…"


def _legend(sheet: TakenOut, language: str, lists: list[list[object]]) -> Iterator[list[object]]:
    """What the outcomes mean, and beside them what each extra question takes."""
    told: list[list[object]] = [[i18n.text(language, LEGEND), i18n.text(language, MEANING)]]
    told += [
        [i18n.text(language, label), i18n.text(language, meaning)] for label, meaning in OUTCOMES.values()
    ]
    beside = [[field.text, *values] for field, values in zip(_fields(sheet, language), lists, strict=True)]
    for number in range(max(len(told), *(len(one) for one in beside)) if beside else len(told)):
        row = told[number] if number < len(told) else ["", ""]
        yield [*row, *(one[number] if number < len(one) else "" for one in beside)]


def _page(book: Any, title: str) -> Any:
    page = book.create_sheet(title[:LONGEST_TITLE])
    page.freeze_panes = "B2"
    return page


def _columns(page: Any, widths: list[int]) -> None:
    from openpyxl.utils import get_column_letter

    for number, width in enumerate(widths, 1):
        page.column_dimensions[get_column_letter(number)].width = width


def _choice(
    page: Any, column: int, last: int, legend: str, listed: int, many: int, prompt: str = ""
) -> None:  # fmt: skip
    """Let one of the values in a column of the legend be chosen, and nothing else be written; `prompt`: shown beside
    the cell."""
    from openpyxl.utils import get_column_letter, quote_sheetname
    from openpyxl.worksheet.datavalidation import DataValidation

    of = get_column_letter(listed)
    names = f"{quote_sheetname(legend)}!${of}$2:${of}${many + 1}"
    rule = DataValidation(
        type="list", formula1=names, allow_blank=True, showErrorMessage=True, showInputMessage=bool(prompt),
        prompt=prompt or None,
    )  # fmt: skip
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

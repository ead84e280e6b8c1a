"""Files of past answers as tables of texts (product.md T9)."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from integration.nps.errors import NpsError

MAX_ROWS = 100_000
MAX_BYTES = 50_000_000


class ImportRefused(NpsError):
    """Nothing was imported: `no_such_portal`, `not_synced`, `bad_name`, `name_taken`, `portal_busy`, `too_big`,
    `no_xlsx`, `not_a_table`, or a code of `nps.past_answers.Unreadable`."""

    code = "import_refused"


def table_of(name: str, data: bytes) -> list[list[str]]:
    """The rows of a CSV file (UTF-8, UTF-16 or Windows-1251; comma, semicolon or tab) or an XLSX workbook's
    first sheet. Raises `ImportRefused`."""
    if len(data) > MAX_BYTES:
        raise ImportRefused(code="too_big")
    table = _workbook(data) if name.lower().endswith(".xlsx") else _text_table(data)
    if len(table) > MAX_ROWS:
        raise ImportRefused(code="too_big")
    return table


def _text_table(data: bytes) -> list[list[str]]:
    text = _decoded(data)
    head = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=head.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ImportRefused(str(error), code="not_a_table") from error


def _decoded(data: bytes) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1251"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ImportRefused(code="not_a_table")


def _workbook(data: bytes) -> list[list[str]]:
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise ImportRefused(code="no_xlsx") from error
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        finally:
            book.close()
    except Exception as error:  # a broken workbook raises whatever its zip, XML or cells run into
        raise ImportRefused(type(error).__name__, code="not_a_table") from error


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return "" if value is None else str(value)

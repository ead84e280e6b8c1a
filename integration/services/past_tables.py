"""Files from the past as tables of texts: old answers, old referrals (product.md T9, R)."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from itertools import islice
from typing import Any

from integration.nps.errors import NpsError

MAX_ROWS = 100_000
MAX_BYTES = 50_000_000
MAX_COLUMNS = 200
MAX_CELL = 32_767  # characters, as in a spreadsheet
MAX_UNPACKED = 200_000_000  # bytes of a workbook's parts: a small file may unpack to gigabytes
MAX_PARTS = 2_000


class ImportRefused(NpsError):
    """Nothing was imported: `no_such_portal`, `not_synced`, `bad_name`, `name_taken`, `portal_busy`, `too_big`,
    `no_xlsx`, `not_a_table`, or a code of `nps.past_answers.Unreadable`."""

    code = "import_refused"


def table_of(
    name: str, data: bytes, *, most_bytes: int = MAX_BYTES, most_rows: int = MAX_ROWS
) -> list[list[str]]:
    """The rows of a CSV file (UTF-8, UTF-16 or Windows-1251; comma, semicolon or tab) or an XLSX workbook's
    first sheet. Raises `ImportRefused`, `too_big` for more than `most_bytes` or `most_rows`, packed or unpacked."""
    if len(data) > most_bytes:
        raise ImportRefused(code="too_big")
    workbook = name.lower().endswith(".xlsx") or data.startswith(b"PK\x03\x04")
    table = _workbook(data, most_rows) if workbook else _text_table(data, most_rows)
    if len(table) > most_rows:
        raise ImportRefused(code="too_big")
    return table


def _text_table(data: bytes, rows: int) -> list[list[str]]:
    text = _decoded(data)
    if "\x00" in text:
        raise ImportRefused(code="not_a_table")
    head = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=head.count)
    try:
        return list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), rows + 1))
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


def _workbook(data: bytes, rows: int) -> list[list[str]]:
    return _workbook_pages(data, rows, 1)[0]


def _workbook_pages(data: bytes, rows: int, most: int) -> list[list[list[str]]]:
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise ImportRefused(code="no_xlsx") from error
    _bounded(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            sheets = book.worksheets[:most] or [book.worksheets[0]]  # one without any is no table
            return [
                [
                    _trimmed([_cell(value) for value in line])
                    for line in sheet.iter_rows(values_only=True, max_row=rows + 1, max_col=MAX_COLUMNS)
                ]
                for sheet in sheets
            ]
        finally:
            book.close()
    except Exception as error:  # a broken workbook raises whatever its zip, XML or cells run into
        raise ImportRefused(type(error).__name__, code="not_a_table") from error


def _bounded(data: bytes) -> None:
    """Refuse a workbook whose parts unpack to more than a table needs; no part is unpacked beyond its stated size."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise ImportRefused(type(error).__name__, code="not_a_table") from error
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise ImportRefused(code="too_big")


def _trimmed(cells: list[str]) -> list[str]:
    """A row without the blanks behind it: sheets are as wide as their widest row."""
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return "" if value is None else str(value)[:MAX_CELL]


def pages_of(
    name: str, data: bytes, *, most_bytes: int, most_rows: int, most_pages: int
) -> list[list[list[str]]]:
    """The first sheets of a workbook, each as `table_of` gives one, or the one table of a CSV file. Raises as it does;
    `most_rows` is of all of them together."""
    if not (name.lower().endswith(".xlsx") or data.startswith(b"PK\x03\x04")):
        return [table_of(name, data, most_bytes=most_bytes, most_rows=most_rows)]
    if len(data) > most_bytes:
        raise ImportRefused(code="too_big")
    pages = _workbook_pages(data, most_rows, most_pages)
    if sum(len(page) for page in pages) > most_rows:
        raise ImportRefused(code="too_big")
    return pages

"""Tables as files: CSV for programs, XLSX for people (product.md P5).

Texts that a spreadsheet would take for a formula get an apostrophe before them. Amounts and days are plain values.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Response, abort

from integration.services import workbooks
from integration.services.workbooks import Sheet
from integration.web.pages import zone

Row = Sequence[object]
BOM = "\ufeff"  # by which spreadsheets know the encoding of a CSV
TYPES = {
    "csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def answer(rows: Iterable[Row], kind: str, name: str, title: str) -> Response:
    """Rows as a file to be saved. `name`: without the ending, ASCII; `title`: of the sheet. Ends the request with 404
    for a kind that is none, or where this Molva writes no workbooks (extra `xlsx`)."""
    if kind not in TYPES:
        abort(404)
    body: Any = _csv(rows) if kind == "csv" else _workbook(rows, title)
    made = Response(body, 200, mimetype=TYPES[kind])
    made.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return made


def workbook(sheets: Iterable[Sheet], name: str) -> Response:
    """Several tables as one workbook. Ends the request with 404 where this Molva writes none (extra `xlsx`)."""
    if not workbooks.available():
        abort(404)
    out = io.BytesIO()
    workbooks.write(sheets, out)
    made = Response(out.getvalue(), 200, mimetype=TYPES["xlsx"])
    made.headers["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return made


def _harmless(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _csv(rows: Iterable[Row]) -> str:
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([_plain(_harmless(value)) for value in row])
    return out.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:.2f}" if isinstance(value, Decimal) else value


def _workbook(rows: Iterable[Row], title: str) -> bytes:
    try:
        from openpyxl import Workbook
    except ImportError:
        abort(404)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_cell(_harmless(value)) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(value: object) -> object:
    """A value as a cell takes it; no character that a workbook cannot hold, and no zone: moments are by the portal's
    clock, as on the pages."""
    if isinstance(value, str):
        return "".join(one for one in value if one >= " " or one in "\t\n\r")
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(zone()).replace(tzinfo=None)
    return value

"""Sheets of a partner call centre from the command line (product.md W9)."""

from __future__ import annotations

import csv
import getpass
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from integration.app import Application
from integration.cli.common import as_json, fail, show, with_app
from integration.i18n import LANGUAGES, text
from integration.services.calling import sheet_book, sheet_out, sheet_page, sheets
from integration.services.calling.sheet_page import RowShown
from integration.services.past_tables import ImportRefused
from integration.services.waves_errors import WaveError
from integration.web.partner_words import CODES, EXTRA, REFUSED, SETTLED, UPLOAD

portal_option = click.option("--portal", "portal_id", type=int, default=1, show_default=True)
who_option = click.option("--who", default=getpass.getuser, help="Who does it; kept with the survey.")


def register(cli: click.Group) -> None:
    """Add these commands."""
    cli.add_command(calls)


@click.group()
def calls() -> None:
    """Calls of a partner call centre: sheets out and in."""


@calls.command("export")
@click.argument("wave_id", type=int)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@portal_option
@who_option
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Through which day the clients are reserved."
)
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@with_app
def export_command(
    app: Application,
    wave_id: int,
    file: Path,
    portal_id: int,
    who: str,
    until: datetime | None,
    language: str,
) -> None:
    """Take a sheet out to FILE (.xlsx or .csv): everybody of WAVE_ID who may be called, with the wording.

    They are reserved: nobody else calls them until that day is over.
    """
    workbook = file.suffix.lower() != ".csv"
    if workbook and not sheet_book.available():
        fail("for XLSX install: pip install 'molva[xlsx]'; or name a .csv file")
    try:
        with file.open("xb") as out:
            taken = sheet_out.take_out(
                app.deps, portal_id, wave_id, who=who, until=until.date() if until else None
            )
            if workbook:
                sheet_book.write(taken, language, out)
            else:
                out.write(_csv(list(sheet_book.rows(taken, language))))
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    except WaveError as error:
        file.unlink()
        fail(text("en", REFUSED.get(error.code, REFUSED["no_calls"]), detail=error.detail))
    click.echo(f"{len(taken.people)} people, reserved until {taken.until:%Y-%m-%d %H:%M} UTC: {file}")


@calls.command("import")
@click.argument("wave_id", type=int)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@portal_option
@who_option
@click.option("--dry-run", is_flag=True, help="Only say what would be taken in.")
@as_json
@with_app
def import_command(
    app: Application, wave_id: int, file: Path, portal_id: int, who: str, dry_run: bool, as_json: bool
) -> None:
    """Take a filled-in sheet of WAVE_ID in: results beside each client, or on the sheet "Calls".

    The same sheet twice changes nothing; rows that cannot be taken are named, the others are taken.
    """
    try:
        number = sheets.begin(app.deps, portal_id, wave_id, file.name, file.read_bytes(), who=who)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except ImportRefused as error:
        fail(text("en", UPLOAD.get(error.code, UPLOAD["not_a_table"])))
    started = not dry_run and sheets.start(app.deps, portal_id, wave_id, number, who=who) == "done"
    while started and sheets.hurry(app.deps, portal_id, number):
        pass
    rows = list(sheet_page.report(app.deps, portal_id, number))
    if not started:
        sheets.drop(app.deps, portal_id, wave_id, number)
    show(_plain(rows), as_json, lambda _: _lines(rows))
    if rows and all(row.status == "refused" for row in rows):
        fail("no row could be taken in")


def _csv(rows: list[list[object]]) -> bytes:
    """As spreadsheets know it; a text that looks like a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow(
            [f"'{one}" if str(one)[:1] in ("=", "+", "-", "@", "\t", "\r") else one for one in row]
        )
    return out.getvalue().encode("utf-8-sig")


def _lines(rows: list[RowShown]) -> list[str]:
    told = [f"{row.page} row {row.number}: {why}" for row in rows if (why := _why(row))]
    counts = _plain(rows)
    return [
        *told,
        f"{counts['done']} taken in, {counts['new']} would be taken in, {counts['same']} there already, "
        f"{counts['refused']} not possible.",
    ]


def _why(row: RowShown) -> str:
    wrong = [
        text("en", EXTRA[one.problem], question=one.key, written=one.value)
        for one in row.extra
        if one.problem
    ]
    return " ".join([*(text("en", CODES.get(code, SETTLED)) for code in row.codes), *wrong])


def _plain(rows: list[RowShown]) -> dict[str, Any]:
    counts = {name: sum(row.status == name for row in rows) for name in ("done", "new", "same", "refused")}
    problems = []
    for row in rows:
        wrong = {one.key: one.problem for one in row.extra if one.problem}
        told = {"page": row.page, "row": row.number, "status": row.status, "codes": list(row.codes)}
        if row.codes or wrong:
            problems.append(told | ({"extra": wrong} if wrong else {}))
    return {**counts, "problems": problems}

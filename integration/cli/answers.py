"""Answers of old surveys from the command line (product.md T9)."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from integration.app import Application
from integration.cli.common import as_json, fail, show, with_app
from integration.nps.past_answers import RowProblem
from integration.services import past_answers
from integration.services.past_answers import Imported, ImportRefused

REFUSALS = {
    "no_such_portal": "there is no portal {detail}; see: molva portal list",
    "not_synced": "the cards of portal {detail} are not read yet; try again in a minute",
    "bad_name": "the wave's name must have 1 to 32 characters, e.g. 2024",
    "name_taken": "there is a wave {detail} that was not imported; choose another name",
    "portal_busy": "the portal does not answer just now ({detail}); try again in a minute",
    "too_big": "the file is too big; split it",
    "no_xlsx": "for XLSX install: pip install 'molva[xlsx]'; or save the sheet as CSV",
    "not_a_table": "the file is neither CSV nor a workbook that can be read",
    "no_rows": "the file has no rows",
    "no_score_column": "no column is called score",
    "no_date_column": "no column is called date",
    "no_client_column": "no column tells the client: name one client, company id, contact id or e-mail",
    "two_columns": "two columns mean the same: {detail}",
}
PROBLEMS = {
    "no_score": "no score",
    "not_a_score": "{detail!r} is no score from 0 to 10",
    "no_date": "no date",
    "not_a_date": "{detail!r} is no date",
    "ambiguous_date": "{detail!r}: day and month could be mixed up, write 2025-03-07",
    "in_future": "{detail} has not come yet",
    "too_long": "the comment is too long ({detail} characters)",
    "not_an_id": "{detail!r} is no id of a card",
    "not_an_address": "{detail!r} is no e-mail address",
    "nobody": "names neither a client nor a person",
    "no_such_client": "no client {detail!r}",
    "ambiguous_client": "several clients have this name, give the company id: {detail}",
    "own_company": "{detail!r} is the agency's own company",
    "no_such_person": "no contact {detail!r}",
    "ambiguous_person": "contacts of several clients have this address, name the client: {detail}",
    "of_another_client": "contact {detail} belongs to another client",
    "twice": "the same person answers otherwise in row {detail}; that one is taken",
    "own_client": "{detail} serves this client, so somebody else has to import its answer",
    "differs": "the wave has another answer of this person ({detail}); it stays",
}
STEPS = {
    "addresses": "Reading addresses from the portal…", "rows": "Looking for the clients…", "saving": "Saving…",
}  # fmt: skip


def register(cli: click.Group) -> None:
    """Add these commands."""
    cli.add_command(answers)


@click.group()
def answers() -> None:
    """Answers of old surveys."""


@answers.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--wave", required=True, help="Name of the past wave these answers make, e.g. 2024.")
@click.option("--portal", "portal_id", type=int, default=1, show_default=True)
@click.option("--who", default=getpass.getuser, help="Who imports; kept with every answer.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken.")
@as_json
@with_app
def import_command(
    app: Application, file: Path, wave: str, portal_id: int, who: str, dry_run: bool, as_json: bool
) -> None:
    """Make a closed wave of a CSV or XLSX FILE: client, score, date, and if there are comment, e-mail, channel.

    Columns are found by their headings (English, Russian, Ukrainian, Delighted's). Nothing is sent and no card
    is changed. The same file twice changes nothing; rows that cannot be taken are named, the others are taken.
    """

    def tell(step: str) -> None:
        click.echo(STEPS[step], err=True)

    try:
        table = past_answers.table_of(file.name, file.read_bytes())
        done = past_answers.import_answers(
            app.deps, portal_id, table, wave=wave, who=who, source=file.name, dry_run=dry_run, tell=tell
        )
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except ImportRefused as error:
        fail(REFUSALS.get(error.code, "{code}: {detail}").format(code=error.code, detail=error))
    show(_plain(done), as_json, lambda _: _lines(done))
    if done.problems and not done.taken and not done.unchanged:
        fail("no row could be taken")


def sentence(problem: RowProblem) -> str:
    """What is wrong with one row, with its number in the file."""
    return f"row {problem.number}: {PROBLEMS[problem.code].format(detail=problem.detail)}"


def _lines(done: Imported) -> list[str]:
    lines = [sentence(problem) for problem in done.problems]
    would = "would be taken" if done.dry_run else "taken"
    lines.append(f"Wave {done.wave}: {done.taken} answers of {done.clients} clients {would}.")
    if done.taken and done.nps is not None:
        lines.append(f"From {done.first} to {done.last}, NPS of these answers {done.nps:.1f}.")
    if done.unchanged:
        lines.append(f"{done.unchanged} answers are there already.")
    if done.problems:
        lines.append(f"{len(done.problems)} rows not taken.")
    return lines


def _plain(done: Imported) -> dict[str, Any]:
    return {
        "wave": done.wave, "taken": done.taken, "unchanged": done.unchanged, "clients": done.clients,
        "nps": done.nps, "first": done.first, "last": done.last, "dry_run": done.dry_run,
        "problems": [{"row": p.number, "code": p.code, "detail": p.detail} for p in done.problems],
    }  # fmt: skip

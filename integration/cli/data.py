"""What waits and what failed: the outbox and the letters."""

from __future__ import annotations

from typing import Any, Literal

import click

from integration.app import Application
from integration.cli.common import as_json, fail, show, with_app
from integration.services import letters, outbox

portal_option = click.option("--portal", "portal_id", type=int, default=1, show_default=True)


def register(cli: click.Group) -> None:
    """Add these commands."""
    cli.add_command(outbox_group)
    cli.add_command(letters_group)


@click.group("outbox")
def outbox_group() -> None:
    """Writes to the portal that wait or failed."""


@outbox_group.command("list")
@portal_option
@as_json
@with_app
def list_outbox(app: Application, portal_id: int, as_json: bool) -> None:
    """Show writes that are not done yet, the failed ones first."""

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        return [
            f"{r['id']:>6}  {r['status']:<8} {r['purpose']:<10} {r['lane']:<16} {r['attempts']:>3}×  {r['error']}"
            for r in rows
        ] or ["Everything is written."]

    show(outbox.unfinished(app.deps, portal_id), as_json, lines)


@outbox_group.command("retry")
@click.argument("row_id", type=int)
@portal_option
@with_app
def retry(app: Application, row_id: int, portal_id: int) -> None:
    """Try a failed write again."""
    if not outbox.resend(app.deps, portal_id, row_id):
        fail(f"write {row_id} has not failed; see: molva outbox list")
    click.echo(f"Write {row_id} will be tried again.")


@click.group("letters")
def letters_group() -> None:
    """Letters that wait, failed, or may or may not have gone."""


@letters_group.command("list")
@portal_option
@as_json
@with_app
def list_letters(app: Application, portal_id: int, as_json: bool) -> None:
    """Show letters that are not sent, the doubtful ones first."""

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        return [
            f"{r['id']:>6}  {r['status']:<9} {r['kind']:<13} {r['recipient']}  {r['error']}".rstrip()
            for r in rows
        ] or ["Every letter has gone."]

    show(letters.unfinished(app.deps, portal_id), as_json, lines)


@letters_group.command("decide")
@click.argument("letter_id", type=int)
@click.argument("verdict", type=click.Choice(["resend", "was_sent"]))
@click.option("--who", required=True, help="Who decides; kept with the letter.")
@portal_option
@with_app
def decide(
    app: Application, letter_id: int, verdict: Literal["resend", "was_sent"], who: str, portal_id: int
) -> None:
    """Say of a doubtful letter whether it is to be sent again or had gone."""
    if not letters.decide(app.deps, portal_id, letter_id, verdict, who):
        fail(f"letter {letter_id} is not in doubt; see: molva letters list")
    click.echo("Noted.")

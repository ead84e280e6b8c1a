"""`molva wave report`: the result of a wave on the terminal, for programs, or as a workbook."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from integration.app import Application
from integration.cli.common import as_json, fail, show, with_app
from integration.cli.waves import portal_option, wave
from integration.services import wave_export, wave_report, workbooks
from integration.web import wave_sheets

STANDINGS = {
    "planned": "has not begun", "running": "is under way", "cancelled": "was cancelled",
    "preliminary": "is over, the result is preliminary", "frozen": "is over, the result is final",
    "imported": "comes from an earlier survey",
}  # fmt: skip


def register(cli: click.Group) -> None:
    """Add this command to those about waves."""
    wave.add_command(report)


@click.command()
@click.argument("wave_id", type=int)
@click.option(
    "--xlsx", type=click.Path(dir_okay=False, path_type=Path), help="Write the whole wave to a workbook."
)
@click.option("--who", default=getpass.getuser, help="Who takes the file; kept in the audit trail.")
@portal_option
@as_json
@with_app
def report(
    app: Application, wave_id: int, xlsx: Path | None, who: str, portal_id: int, as_json: bool
) -> None:
    """Show the result of a wave: as frozen, else as it stands."""
    if xlsx is not None:
        _save(app, portal_id, wave_id, xlsx, who)
        return
    found = wave_report.numbers_of(app.deps, portal_id, wave_id)
    if found is None:
        fail(f"there is no wave {wave_id}; see: molva wave list")
    show(found, as_json, _lines)


def _save(app: Application, portal_id: int, wave_id: int, path: Path, who: str) -> None:
    if not workbooks.available():
        fail("workbooks need the extra: pip install 'molva[xlsx]'")
    try:
        with wave_export.opened_whole(app.deps, portal_id, wave_id) as found:
            if found is None:
                fail(f"there is no wave {wave_id}; see: molva wave list")
            with path.open("wb") as out:
                wave_sheets.write(found, out)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")
    wave_export.note(app.deps, portal_id, wave_id, who, "xlsx")
    click.echo(f"Wave {wave_id} is in {path}.")


def _lines(found: dict[str, Any]) -> list[str]:
    result = found["result"]
    clients, rests = result["clients"], result["coverage"]
    lines = [f"Wave {found['name']} {STANDINGS[found['standing']]}."]
    if not clients["n"]:
        lines.append("Nobody has answered yet.")
    else:
        lines.append(f"NPS {clients['nps']:.1f}{_between(clients)}")
        groups = ", ".join(f"{clients[name]} {name}" for name in ("promoters", "passives", "detractors"))
        lines.append(
            f"Clients: {clients['n']} of {clients.get('base', rests['eligible'])} answered: {groups}"
        )
    lines.append(
        f"List: {rests['clients']} clients, {rests['eligible']} asked, {rests['excluded']} excluded by hand"
    )
    if funnel := result.get("funnel"):
        lines.append(
            f"People: {funnel['people']}, got the question {funnel['asked']}, answered {funnel['answered']}, "
            f"refused {funnel['refused']}, reminded {funnel['reminded']}, answered after it {funnel['after_reminder']}"
        )
    lines += _calls(result.get("calls") or {})
    rates = result["rates"]
    if rates.get("rr1") is not None:
        lines.append(
            "Rates: " + ", ".join(f"{name.upper()} {100 * value:.1f} %" for name, value in rates.items())
        )
    return [*lines, *_change(result.get("change") or {})]


def _calls(calls: dict[str, Any]) -> list[str]:
    """How many calls, whom they reached, and the answers of each attempt."""
    if not calls:
        return []
    steps = ", ".join(f"{one['answered']} of {one['tried']}" for one in calls["yield"])
    return [
        f"Calls: {calls['calls']} to {calls['people']} people, reached {calls['reached']}, "
        f"declined {calls['declined']}, answered {calls['answered']}",
        f"Answered at each attempt: {steps}",
    ]


def _between(clients: dict[str, Any]) -> str:
    low, high = clients.get("interval") or clients["interval_large"]
    return f", with 95 % certainty between {low:.1f} and {high:.1f}"


def _change(change: dict[str, Any]) -> list[str]:
    if "verdict" not in change:
        return []
    low, high = change["interval"]
    chance = "hardly chance" if change["verdict"] in ("grew", "fell") else "this may be chance"
    lines = [
        f"Since {change['since']}: {change['difference']:+.1f} points; "
        f"{change['basis']} difference between {low:+.1f} and {high:+.1f}: {chance}"
    ]
    if mix := change.get("mix"):
        told = f"{100 * mix['mix_moved']:.0f} % of the clients answered by another channel"
        if mix["standardised"] is not None:
            told += f"; with the channels of {change['since']} the NPS would be {mix['standardised']:.1f}"
        lines.append(told)
    return lines

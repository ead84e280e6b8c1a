"""Waves from the command line: what the console will do with a mouse."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import Any

import click

from integration.app import Application
from integration.cli.common import as_json, fail, show, with_app
from integration.services import wave_dates, waves

portal_option = click.option("--portal", "portal_id", type=int, default=1, show_default=True)
why_option = click.option("--why", default="", help="The reason; kept in the audit trail.")
who_option = click.option(
    "--who", default=getpass.getuser, help="Whose decision this is; kept in the audit trail."
)


SAYINGS = {
    "no_such_wave": "there is no wave {detail}; see: molva wave list",
    "list_is_final": "the list of wave {detail} is final; exclude clients by name instead",
    "not_frozen": "the list of wave {detail} is not frozen yet; run: molva wave rehearse",
    "wrong_stage": "this is not possible now, the wave is {detail}; before approving run: molva wave rehearse",
    "not_running": "wave {detail} is not running",
    "not_paused": "wave {detail} is not paused",
    "is_over": "wave {detail} is over",
    "no_reason": "say why, for the audit trail",
    "portal_busy": "the portal does not answer just now ({detail}); try again in a minute",
    "already_approved": "the wave is approved already",
    "look_missing": "rehearse the wave first; run: molva wave rehearse",
    "look_is_old": "the rehearsal is older than a day; run: molva wave rehearse once more",
    "no_day": "name a day, for example 2026-03-02",
    "too_soon": "its announcement has to leave before; the earliest day is {detail}",
    "too_far": "a wave is planned at most a year ahead",
    "year_taken": "{detail} has a wave already",
    "not_read_yet": "the clients have not been read from the portal yet",
    "plan_is_past": "the planned dates have passed; cancel this wave, the next one is planned by itself",
}


def sentence(error: waves.WaveError) -> str:
    """What the use case refused, in one line with the way out; unknown codes stand for themselves."""
    return SAYINGS.get(error.code, "{code}: {detail}").format(code=error.code, detail=error.detail)


def register(cli: click.Group) -> None:
    """Add these commands."""
    cli.add_command(wave)


@click.group()
def wave() -> None:
    """The yearly wave: list, plan, rehearse, approve, pause, resume, cancel, close."""


@wave.command("list")
@portal_option
@as_json
@with_app
def list_waves(app: Application, portal_id: int, as_json: bool) -> None:
    """Show waves with their stage, dates and counts."""

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        if not rows:
            return ["No wave is planned yet; the worker plans one on the date in the settings."]
        return [
            f"{r['id']:>4}  {r['name']:<8} {r['stage']:<10} starts {r['starts']}  {r['counts']}" for r in rows
        ]

    show(waves.overview(app.deps, portal_id), as_json, lines)


@wave.command("plan")
@click.argument("start", type=click.DateTime(["%Y-%m-%d"]))
@portal_option
@who_option
@with_app
def plan_wave(app: Application, start: datetime, portal_id: int, who: str) -> None:
    """Plan a wave whose question goes out on a day; its other days follow from the settings."""
    try:
        wave_id = wave_dates.plan(app.deps, portal_id, start.date(), who)
    except waves.WaveError as error:
        fail(sentence(error))
    click.echo(f"Wave {wave_id} is planned; next: molva wave rehearse {wave_id}")


@wave.command()
@click.argument("wave_id", type=int)
@portal_option
@as_json
@with_app
def rehearse(app: Application, wave_id: int, portal_id: int, as_json: bool) -> None:
    """Show who would get what and when, who is out and why, and what is wrong."""
    try:
        report = waves.rehearse(app.deps, portal_id, wave_id)
    except waves.WaveError as error:
        fail(sentence(error))

    def lines(found: dict[str, Any]) -> list[str]:
        out = [f"{key}: {value}" for key, value in found.items() if key not in ("problems", "samples")]
        return out + [f"problem: {problem}" for problem in found.get("problems", [])]

    show(report, as_json, lines)


def _decision(name: str, doc: str, done: str, *, why: bool = False) -> None:
    """Add a command that hands one decision about a wave to the use case of the same name; `why`: it takes a reason."""

    def run(app: Application, wave_id: int, portal_id: int, who: str, **reason: str) -> None:
        try:
            getattr(waves, name)(app.deps, portal_id, wave_id, who, **reason)
        except waves.WaveError as error:
            fail(sentence(error))
        click.echo(f"Wave {wave_id} {done}.")

    run.__doc__ = doc
    made: Any = portal_option(who_option(with_app(run)))
    made = why_option(made) if why else made
    wave.add_command(click.command(name)(click.argument("wave_id", type=int)(made)))


_decision("approve", "Let the wave begin: letters go on the planned dates.", "is approved")
_decision("pause", "Send nothing more until resumed; answers are still taken.", "is paused", why=True)
_decision("resume", "Go on with a paused wave.", "goes on")
_decision("cancel", "End the wave for good; nobody else is asked.", "is cancelled", why=True)
_decision(
    "close", "End the wave now; those who did not answer are recorded as closed early.", "is closed", why=True
)

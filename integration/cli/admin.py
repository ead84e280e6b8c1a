"""Portals and policy from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from integration.app import Application
from integration.bitrix.errors import BitrixError
from integration.cli.common import as_json, fail, show, with_app
from integration.nps.policy_json import to_json
from integration.services import erasure, policies, portals
from integration.store.base import transaction


def register(cli: click.Group) -> None:
    """Add these commands."""
    cli.add_command(portal)
    cli.add_command(policy)


@click.group()
def portal() -> None:
    """Portals: list, add, remove, resynchronise."""


@portal.command("list")
@as_json
@with_app
def list_portals(app: Application, as_json: bool) -> None:
    """Show the portals of this installation."""

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        if not rows:
            return ["No portals yet. Install the application in a portal, or: molva portal add-webhook URL"]
        return [
            f"{r['id']:>4}  {r['status']:<12} {r['kind']:<8} {r['domain']}  {r['problem']}".rstrip()
            for r in rows
        ]

    show(portals.overview(app.deps), as_json, lines)


@portal.command("add-webhook")
@click.argument("url")
@with_app
def add_webhook(app: Application, url: str) -> None:
    """Connect one portal through an incoming webhook (no pages, no events: reconciliation alone)."""
    try:
        portal_id = portals.add_webhook(app.deps, url)
    except (BitrixError, ValueError) as error:
        fail(f"the webhook does not work: {error}")
    click.echo(f"Portal {portal_id} added; the worker synchronises it now.")


@portal.command("add-app")
@click.argument("domain")
@click.option("--client-id", required=True, help="client_id of the local application, local.…")
@click.option("--client-secret", required=True, prompt=True, hide_input=True, help="Its key.")
@with_app
def add_app(app: Application, domain: str, client_id: str, client_secret: str) -> None:
    """Register the keys of a local application, before it is installed in its portal."""
    try:
        portal_id = portals.add_app(app.deps, domain, client_id, client_secret)
    except ValueError as error:
        fail(str(error))
    click.echo(f"Portal {portal_id} registered. Now open the application in {domain}.")


@portal.command("remove")
@click.argument("portal_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_app
def remove(app: Application, portal_id: int, yes: bool) -> None:
    """Forget a portal with all its data. The cards in the portal keep what was written to them."""
    if not yes:
        click.confirm(f"Erase everything Molva knows of portal {portal_id}?", abort=True)
    if not portals.remove(app.deps, portal_id):
        fail(f"there is no portal {portal_id}; see: molva portal list")
    click.echo(f"Portal {portal_id} is erased.")


@portal.command("erased")
@as_json
@with_app
def erased_portals(app: Application, as_json: bool) -> None:
    """Show whose data were erased, when and why; nothing else is left of them."""

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        if not rows:
            return ["Nothing has been erased yet."]
        return [f"{r['erased_at']:%Y-%m-%d %H:%M} UTC  {r['why']:<12} {r['domain']}" for r in rows]

    show(erasure.lines(app.deps), as_json, lines)


@portal.command("resync")
@click.argument("portal_id", type=int)
@with_app
def resync(app: Application, portal_id: int) -> None:
    """Check fields and events again, and read all cards anew."""
    if not portals.resync(app.deps, portal_id):
        fail(f"there is no portal {portal_id}; see: molva portal list")
    click.echo(f"Portal {portal_id} will be synchronised by the worker.")


@click.group()
def policy() -> None:
    """A portal's business settings: who is a client, when, who signs, who follows up."""


@policy.command("show")
@click.option("--portal", "portal_id", type=int, default=1, show_default=True)
@with_app
def show_policy(app: Application, portal_id: int) -> None:
    """Print the settings in force as JSON, ready to be edited and given to `policy set`."""
    with transaction(app.deps.sessions) as session:
        found, version = policies.load(session, portal_id)
    click.echo(json.dumps({"version": version, "policy": to_json(found)}, ensure_ascii=False, indent=2))


@policy.command("set")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--portal", "portal_id", type=int, default=1, show_default=True)
@click.option(
    "--author", default="operator", show_default=True, help="Whose decision this is; kept with the version."
)
@with_app
def set_policy(app: Application, file: Path, portal_id: int, author: str) -> None:
    """Save settings from FILE (what `policy show` prints, or a part of "policy"); a new version is kept."""
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(f"{file} is not readable JSON: {error}")
    body, base = (given["policy"], given.get("version")) if "policy" in given else (given, None)
    with transaction(app.deps.sessions) as session:
        found, version = policies.load(session, portal_id)
    outcome = policies.save(
        app.deps, portal_id, to_json(found) | body, author, base if base is not None else version
    )
    if isinstance(outcome, list):
        fail(*[f"{problem.field}: {problem.code} {problem.params or ''}".rstrip() for problem in outcome])
    click.echo(f"Saved as version {outcome}.")

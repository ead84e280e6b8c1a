"""`molva doctor`: what is wrong and what to do about it, said to whoever runs the installation."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import click

from integration.cli.common import as_json, configuration, fail, show
from integration.nps.diagnosis import Finding
from integration.services import doctor
from integration.services.doctor import Examined
from integration.web.settings.health_words import TEXTS, words

SIGNS = {"danger": "FAIL", "warn": "warn", "info": "note", "ok": "ok"}

# What only the operator sees: what it is, and what to do.
HERE: dict[str, tuple[str, str]] = {
    "database": ("The database cannot be used: {why}", ""),
    "database_ok": ("The database: {engine}, schema {schema}, {size}", ""),
    "disk_full": (
        "The disk of the database has only {free} left",
        "Make room: a full disk stops everything. See docs/operating.md about PostgreSQL.",
    ),
    "public_ok": ("People reach Molva at {url}", ""),
    "public_plain": (
        "People reach Molva at {url}, unencrypted",
        "Put a proxy with a certificate in front and set MOLVA_PUBLIC_URL to its https:// address.",
    ),
    "no_keys": (
        "There are no keys of an application",
        "Set MOLVA_BITRIX_CLIENT_ID and MOLVA_BITRIX_CLIENT_SECRET, or register a local one: molva portal add-app.",
    ),
    "no_portals": ("There are no portals yet", "Install the application in a portal."),
}
# What the operator does where the page can only send people to the operator.
TODO = {
    "own_keys": "Set MOLVA_BITRIX_CLIENT_ID and MOLVA_BITRIX_CLIENT_SECRET, or: molva portal add-app. Then restart.",
    "removal_unproven": "Removed indeed: molva portal remove ID. Else an administrator opens it and keeps the data.",
    "webhook": "Make a new incoming webhook in the portal, then: molva portal add-webhook URL",
    "worker_never": "Start it: molva worker",
    "worker_silent": "Start it: molva worker. Its log says why it stopped.",
    "deaf": "See whether {public}/bitrix/events answers from the internet, then press “Repair” in the set-up.",
    "skew": "Set this machine's clock; let NTP keep it.",
    "no_mail_server": "Set MOLVA_SMTP_URL.",
    "mail_fails": "Check host, port, user and password in MOLVA_SMTP_URL.",
    "not_https": "Put a proxy with a certificate in front and set MOLVA_PUBLIC_URL to its https:// address.",
    "letters_late": "See: molva letters list",
    "calls_failed": "See: molva outbox list",
}


def register(cli: click.Group) -> None:
    """Add this command."""
    cli.add_command(doctor_command)


@click.command("doctor")
@click.option("--portal", "portal_id", type=int, help="This portal alone.")
@as_json
def doctor_command(portal_id: int | None, as_json: bool) -> None:
    """Say what is wrong with the installation and with each portal, and what to do about it.

    Looks at configuration, database, disk, worker, mail server, senders' domains, portals and clocks.
    """
    from integration.app import build
    from integration.store.base import make_engine

    config = configuration()
    app = build(config, make_engine(config.database_url))
    try:
        examined = doctor.examine(app.deps, app.engine, portal_id)
    except LookupError as error:
        fail(str(error.args[0]))
    rows = [row for one in examined for row in _rows(one, config.public_url)]
    show(rows, as_json, lambda found: list(_lines(found)))
    sys.exit(0 if all(one.well for one in examined) else 1)


def _rows(one: Examined, public_url: str) -> Iterator[dict[str, Any]]:
    for finding in one.findings:
        what, line, todo = _words(finding, public_url)
        yield {
            "portal": one.portal_id, "domain": one.domain, "area": finding.area, "code": finding.code,
            "level": finding.level, "ok": finding.level in ("ok", "info"), "what": what, "line": line, "do": todo,
        }  # fmt: skip


def _words(finding: Finding, public_url: str) -> tuple[str, str, str]:
    facts = _readable(finding.facts) | {"public": public_url}
    if finding.code in HERE:
        what, todo = HERE[finding.code]
        return what.format(**facts), "", todo
    said = words(finding, "en", UTC)
    key = "webhook" if finding.facts.get("webhook") else finding.code
    todo = TODO[key].format(**facts) if key in TODO else said.todo
    return said.heading, said.line, todo


def _readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {name: _size(facts[name]) for name in ("size", "free") if facts.get(name) is not None}
    return {**facts, **{"size": "empty"}, **sizes}


def _size(value: int) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:,.0f} {unit}"
        value = value // 1024
    return ""


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    place: tuple[Any, Any] = (0, 0)
    for row in rows:
        if (row["portal"], row["domain"]) != place:
            place = (row["portal"], row["domain"])
            if row["portal"] is not None:
                yield ""
            yield (
                f"Portal {row['portal']}, {row['domain']}"
                if row["portal"] is not None
                else "This installation"
            )
        yield f"  {SIGNS[row['level']]:<5} {row['what']}" + (f". {row['line']}" if row["line"] else "")
        if row["do"]:
            yield f"        → {row['do']}"


__all__ = ["HERE", "TEXTS", "TODO", "doctor_command", "register"]

"""Past referrals from the command line (product.md R, interface.md 2)."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import Any, cast

import click

from integration.app import Application
from integration.bitrix.errors import BitrixError
from integration.cli.common import as_json, fail, show, with_app
from integration.nps.people import CardKey
from integration.services import referral_import_page, referral_imports
from integration.services.past_tables import ImportRefused
from integration.services.referral_import_page import Brief, Named, RowView

REFUSALS = {
    "no_such_portal": "there is no portal {detail}; see: molva portal list",
    "not_synced": "the cards of portal {detail} are not read yet; try again in a minute",
    "too_big": "the file is too big (5 MB, 20,000 rows); split it",
    "no_xlsx": "for XLSX install: pip install 'molva[xlsx]'; or save the sheet as CSV",
    "not_a_table": "the file is neither CSV nor a workbook that can be read",
    "no_rows": "the file has no rows",
    "no_client_column": "no column tells the client: name one client or company id",
    "no_referrer_column": "no column tells who recommended: name one referrer",
    "no_date_column": "no column is called date",
    "two_columns": "two columns mean the same: {detail}",
}
WHY = {
    "no_client": "no client is named", "no_referrer": "nobody is named who recommended", "no_date": "no date",
    "not_a_date": "{said!r} is no date",
    "ambiguous_date": "{said!r}: day and month could be mixed up, say --dates dmy or --dates mdy",
    "in_future": "{said} has not come yet", "no_such_source": "there is no source {said!r}",
    "not_an_id": "{said!r} is no id of a card", "name_too_long": "the name is too long",
    "note_too_long": "the note is too long ({said} characters)",
    "many": "several cards have this name", "shared": "several cards have this phone or e-mail",
    "similar": "no card has exactly this name", "twins": "another card looks like the same client",
    "unknown": "no card is found", "wrong_kind": "a deal or lead cannot recommend",
    "own_client": "this is the agency's own company", "self_referral": "nobody recommends themselves",
    "own_contact": "the one named belongs to this very client",
    "own_company": "the one named is the agency's own company",
    "same_person": "both have the same {same}: they look like two cards of one client",
    "cycle": "that would close a circle: {chain}", "removed": "the card of the one named is gone",
    "twice": "row {other} names somebody else for this client at an earlier date", "again": "row {other} says the same",
    "repeat": "a later sale of somebody who was a client already",
    "no_fields": "the portal lacks the fields for recommendations", "no_source": "this source is not in use any more",
    "gone": "the card is gone", "failed": "a fault of ours, see the log", "rival": "so far {stands} counts",
    "other_day": "there already, dated {day}", "late": "client since {late}, recommended later: check the date",
    "changed": "changed since, so it stays",
}  # fmt: skip
_PICK = re.compile(r"(\d{1,9}):(client|referrer)=(company|contact|deal|lead):([1-9]\d{0,9})")
STEPS = {"looking": "Looking for the cards…", "applying": "Taking over…", "undoing": "Taking back…"}


def register(cli: click.Group) -> None:
    """Add these commands."""
    cli.add_command(referrals)


@click.group()
def referrals() -> None:
    """Referrals of earlier years."""


@referrals.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--portal", "portal_id", type=int, default=1, show_default=True)
@click.option("--who", default=getpass.getuser, help="Who imports; kept with every entry.")
@click.option(
    "--dates", type=click.Choice(["dmy", "mdy"]), help="How 03/04/2021 is read: day or month first."
)
@click.option(
    "--pick", multiple=True, metavar="ROW:SIDE=CARD", help="Which card a row means: 14:referrer=company:5."
)
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be taken over, and which choices there are."
)
@as_json
@with_app
def import_command(
    app: Application, file: Path, portal_id: int, who: str, dates: str | None, pick: tuple[str, ...], dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Take past referrals over from a CSV or XLSX FILE: client, referrer, date, and if there are source and note.

    Columns are found by their headings (English, Russian, Ukrainian). Clients and referrers are exact names, phones,
    e-mails, addresses of cards, or company:5. Nothing is guessed: rows that fit several cards are named with the
    choices, the others are taken. The same file twice changes nothing.
    """
    chosen = [_picked(text) for text in pick]
    try:
        number = referral_imports.begin(
            app.deps, portal_id, file.name, file.read_bytes(), who=who, order=cast("Any", dates or "")
        )
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except ImportRefused as error:
        fail(REFUSALS.get(error.code, "{code}: {detail}").format(code=error.code, detail=error))
    _run(app, portal_id, number, "looking", drop=True)
    for row, side, card in chosen:
        if referral_imports.pick(app.deps, portal_id, number, row, side, card) != "done":
            referral_imports.drop(app.deps, portal_id, number)
            fail(f"there is no row {row} to pick a card for")
    _run(app, portal_id, number, "looking" if chosen else "", drop=True)
    if not dry_run and referral_imports.start(app.deps, portal_id, number) == "done":
        _run(app, portal_id, number, "applying")
    found = _brief(app, portal_id, number)
    rows = list(referral_import_page.report(app.deps, portal_id, number))
    kept = found.of("done") > 0
    if not kept:
        referral_imports.drop(app.deps, portal_id, number)
    show(_plain(found, rows, dry_run, kept), as_json, lambda _: _lines(found, rows, dry_run, kept))
    if not dry_run and not kept and not found.of("same"):
        fail("no row could be taken over")


@referrals.command("undo")
@click.argument("number", type=int)
@click.option("--portal", "portal_id", type=int, default=1, show_default=True)
@with_app
def undo(app: Application, number: int, portal_id: int) -> None:
    """Take back what the list NUMBER entered, where nobody has changed it since."""
    if referral_imports.take_back(app.deps, portal_id, number) != "done":
        fail(f"there is no list {number} that was taken over; see: molva referrals lists")
    _run(app, portal_id, number, "undoing")
    found = _brief(app, portal_id, number)
    click.echo(
        f"List {number}: {found.of('undone')} rows taken back, {found.of('kept')} changed since and kept."
    )


@referrals.command("lists")
@click.option("--portal", "portal_id", type=int, default=1, show_default=True)
@as_json
@with_app
def lists(app: Application, portal_id: int, as_json: bool) -> None:
    """The latest lists."""
    found = referral_import_page.latest(app.deps, portal_id)
    plain = [{"list": one.id, "name": one.name, "who": one.who, "at": one.at, "stage": one.stage,
              "rows": dict(one.counts)} for one in found]  # fmt: skip
    show(plain, as_json, lambda _: [
        f"{one.id}  {one.at:%Y-%m-%d}  {one.stage}  {one.rows} rows  {one.name} ({one.who})" for one in found
    ] or ["There are no lists."])  # fmt: skip


def _picked(text: str) -> tuple[int, str, CardKey]:
    match = _PICK.fullmatch(text)
    if match is None or int(match[4]) >= 2**31:
        raise click.UsageError(f"--pick {text}: write it as 14:referrer=company:5")
    return int(match[1]), match[2], CardKey(cast("Any", match[3]), int(match[4]))


def _run(app: Application, portal_id: int, number: int, step: str, *, drop: bool = False) -> None:
    """Every slice, here and now; workers that do the same list's slices beside us do no harm."""
    if step:
        click.echo(STEPS[step], err=True)
    try:
        while referral_imports.step(app.deps, portal_id, number):
            pass
    except BitrixError as error:
        if drop:
            referral_imports.drop(app.deps, portal_id, number)
        fail(f"the portal does not answer just now ({error.code}); try again in a minute")


def _brief(app: Application, portal_id: int, number: int) -> Brief:
    found = referral_import_page.show(app.deps, portal_id, number)
    if found is None:
        fail(f"list {number} is gone")
    return found.brief


def sentence(row: RowView) -> str:
    """What is to be said about one row, with its number in the file and the choices."""
    stands = _stands(row)
    text = WHY.get(row.code, row.code).format(
        said=row.said, same=row.same or "address", other=row.other, late=row.late, stands=stands,
        day=row.stands[2] if row.stands else "", chain=" <- ".join(map(_card, row.chain)),
    )  # fmt: skip
    side = f"{row.side} " if row.status == "choose" else ""
    said = (row.referrer if row.side == "referrer" else row.client) if row.status == "choose" else ""
    named = f"{side}{said!r}: " if said else ""
    choices = f"; choices: {', '.join(map(_card, row.choices))}" if row.choices else ""
    return f"row {row.number}: {named}{text}{choices}"


def _stands(row: RowView) -> str:
    if row.stands is None:
        return "something else"
    return _card(row.stands[1]) if row.stands[1] else row.stands[0] or "something else"


def _card(named: Named) -> str:
    key, name = named
    return f"{key.kind}:{key.id} {name}".strip()


def _lines(found: Brief, rows: list[RowView], dry_run: bool, kept: bool) -> list[str]:
    lines = [sentence(row) for row in rows if row.status in ("choose", "rival", "bad") or row.code == "late"]
    count = found.of("ready") if dry_run else found.of("done")
    lines.append(f"{count} rows {'would be taken over' if dry_run else 'taken over'}.")
    if found.of("same"):
        lines.append(f"{found.of('same')} rows are there already.")
    if found.of("open"):
        lines.append(
            f"{found.of('open')} rows wait for a decision: give --pick, or load the file on the page."
        )
    if found.of("bad"):
        lines.append(f"{found.of('bad')} rows are not possible.")
    if kept:
        lines.append(f"The way back: molva referrals undo {found.id}")
    return lines


def _plain(found: Brief, rows: list[RowView], dry_run: bool, kept: bool) -> dict[str, Any]:
    return {
        "list": found.id if kept else None, "dry_run": dry_run,
        "counts": {"ready": found.of("ready"), "taken": found.of("done"), "same": found.of("same"),
                   "open": found.of("open"), "bad": found.of("bad")},
        "rows": [
            {"row": row.number, "status": row.status, "code": row.code, "side": row.side,
             "choices": [f"{key.kind}:{key.id}" for key, _ in row.choices],
             "chain": [f"{key.kind}:{key.id}" for key, _ in row.chain]}
            for row in rows
        ],
    }  # fmt: skip

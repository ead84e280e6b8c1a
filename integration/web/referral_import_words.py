"""The words of lists of past referrals: what is wrong with a file or a row, what became of it (product.md R, P4)."""

from __future__ import annotations

from datetime import date
from typing import Any

from integration.i18n import mark
from integration.services.referral_import_page import Brief, Named, RowView
from integration.web import referral_words
from integration.web.pages import day_text, say

#: Why a file is not taken.
REFUSED = {
    "no_file": mark("Choose a file first."),
    "too_big": mark("The file is too big: at most 5 MB and 20,000 rows. Split it."),
    "no_xlsx": mark("This Molva reads no XLSX files. Save the sheet as CSV and try again."),
    "not_a_table": mark("This is neither a CSV file nor a workbook that can be read."),
    "no_rows": mark("The file has no rows."),
    "no_client_column": mark("No column says who the client is. Name it “Client”."),
    "no_referrer_column": mark("No column says who recommended. Name it “Recommended by”."),
    "no_date_column": mark("No column says when it was. Name it “Date”."),
    "two_columns": mark("Two columns mean the same. Rename one of them."),
    "not_synced": mark("Your cards are still being read from Bitrix24. Try again in a few minutes."),
    "nobody": mark("Tick at least one client, or name who recommended one."),
}
#: What became of a decision.
DECIDED = {
    "gone": mark("This list is not there any more."),
    "late": mark("The list has moved on meanwhile. This page shows where it stands now."),
    "no_text": mark("Type whom you mean: a name, a phone, an e-mail or the address of the card."),
    "too_long": mark("That is too long for a name."),
    "nothing": mark("There is nothing to take over: no row is ready."),
}
DONE = {
    "start": mark("The list is being taken over. You may leave this page."),
    "undo": mark("The entries of this list are being taken back. You may leave this page."),
}
VIEWS = {
    "open": mark("To decide"), "ready": mark("Ready"), "done": mark("Taken over"), "undone": mark("Taken back"),
    "kept": mark("Kept"), "same": mark("There already"), "bad": mark("Not possible"), "left": mark("Left out"),
}  # fmt: skip
STAGES = {
    "looking": (mark("looking for the cards"), "brand"), "preview": (mark("not taken over yet"), "warn"),
    "applying": (mark("being taken over"), "brand"), "done": (mark("taken over"), "good"),
    "undoing": (mark("being taken back"), "brand"), "undone": (mark("taken back"), "neutral"),
}  # fmt: skip
STATUSES = {
    "new": mark("not looked at yet"), "ready": mark("will be taken over"), "same": mark("there already"),
    "choose": mark("choose the card"), "rival": mark("decide which counts"), "bad": mark("not possible"),
    "done": mark("taken over"), "undone": mark("taken back"), "kept": mark("changed since, kept"),
    "left": mark("left out"),
}  # fmt: skip
CHOOSE = {
    "many": mark("Several cards have this name."),
    "shared": mark("Several cards have this phone or e-mail. If they are one client, merge them in the portal."),
    "similar": mark("No card has exactly this name. Do you mean one of these?"),
    "twins": mark("Another card looks like the same client. Choose which one is meant, or merge them in the portal."),
    "unknown": mark("No card is found. Name it otherwise: phone, e-mail, exact name, or the address of the card."),
    "wrong_kind": mark("A deal or lead cannot recommend. Do you mean its client?"),
}  # fmt: skip
CODES = {
    **referral_words.PROBLEMS,
    "no_client": mark("No client is named."),
    "no_referrer": mark("Nobody is named who recommended this client."),
    "no_date": mark("There is no date."),
    "not_a_date": mark("“{said}” is no date."),
    "ambiguous_date": mark(
        "“{said}”: day and month could be mixed up. Say how dates are written when you load the file."
    ),
    "in_future": mark("“{said}” has not come yet."),
    "no_such_source": mark("There is no source “{said}”."),
    "not_an_id": mark("“{said}” is no number of a card."),
    "name_too_long": mark("The name is too long."),
    "note_too_long": mark("The note is too long."),
    "own_client": mark("This is your own company, not a client."),
    "twice": mark("Row {other} names somebody else for the same client at an earlier date; that one counts."),
    "again": mark("Row {other} says the same."),
    "repeat": mark("A later sale of somebody who was a client already: it says nothing about how they came."),
    "no_fields": mark(
        "The fields for recommendations are missing in the portal. Restore them in the settings."
    ),
    "no_source": mark("This source is not in use any more."),
    "gone": mark("The card is not there any more."),
    "failed": mark("It did not work, the fault is ours. The log of this Molva has more."),
    "changed": mark("Somebody has changed it since, so it stays."),
    "other_day": mark("There already, but dated {day}. The date stays."),
    "late": mark("Client since {day}, recommended later: check the date."),
}
ORDERS = (
    ("", mark("By themselves; where day and month could be mixed up, ask me")),
    ("dmy", mark("Day first: 03/04/2021 is the 3rd of April")),
    ("mdy", mark("Month first: 03/04/2021 is the 4th of March")),
)


def refused(code: str, detail: str = "") -> str:
    """Why a file is not taken."""
    text = say(REFUSED.get(code, REFUSED["not_a_table"]))
    return f"{text} ({detail})" if code == "two_columns" and detail else text


def stage(brief: Brief) -> dict[str, str]:
    """Where a list stands, as a badge."""
    text, tone = STAGES[brief.stage]
    return {"text": say(text), "tone": tone}


def views(brief: Brief) -> list[tuple[str, str, int]]:
    """What a page of a list may show."""
    return [(name, say(label), brief.of(name)) for name, label in VIEWS.items() if brief.of(name)]


def name(named: Named) -> str:
    """A card by its name, or its number."""
    return referral_words.card(*named)


def why(row: RowView, own: tuple[tuple[str, str], ...]) -> str:
    """What is to be said about a row, in one or two sentences; empty if nothing."""
    if row.status == "choose":
        return say(CHOOSE[row.code])
    if row.status == "rival" and row.stands:
        return rival(row, own)
    if row.code not in CODES:
        return ""
    day = row.late if row.code == "late" else row.stands[2] if row.stands else ""
    line = say(CODES[row.code], said=row.said, other=row.other, day=day_text(_day(day), "medium"))
    if row.code == "cycle":
        line = f"{line} {referral_words.chain(row.chain)}"
    return line


def rival(row: RowView, own: tuple[tuple[str, str], ...]) -> str:
    """What stands there instead."""
    source, named, day = row.stands or ("", None, "")
    what = name(named) if named else referral_words.source(source, own) if source else ""
    if not what:
        return say("Something else stands on the card.")
    if not day:
        return say("So far {name} counts.", name=what)
    found = _day(day)
    line = say("So far {name} counts, since {day}.", name=what, day=day_text(found, "medium"))
    if row.day and found and row.day < found:
        line = f"{line} {say('The list has an earlier date.')}"
    return line


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def status(row: RowView) -> str:
    """What became of a row, in a word."""
    return say(STATUSES[row.status])


def summary(brief: Brief) -> list[dict[str, Any]]:
    """The figures of a list."""
    tones = {"ready": "good", "done": "good", "open": "warn", "bad": "danger"}
    found = [
        {"label": label, "value": count, "tone": tones.get(view, "")} for view, label, count in views(brief)
    ]
    return found[:5]

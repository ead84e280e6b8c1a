"""The words of the call centre's pages: links, looks, sheets and what became of their rows (product.md W9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.services import questions
from integration.services.calling.partner_log import LogLine
from integration.services.calling.partners import LinkShown
from integration.services.calling.sheet_page import Brief, ExtraCell, RowShown
from integration.services.calling.sheet_words import CALLS, OUTCOMES, PEOPLE
from integration.services.card_texts import name_said
from integration.services.waves_errors import WaveError
from integration.web.pages import day_text, language, moment_text, number_text, say

#: Why a link is not made, or a sheet not taken out; by code.
REFUSED = {
    "is_over": mark("The survey is over: nobody is called any more."),
    "no_calls": mark("Nobody is called in this survey now."),
    "no_name": mark("Say who will call: each person gets a link of their own."),
    "name_too_long": mark("This name is too long."),
    "link_exists": mark("{detail} has a link that works. Make it anew if it was lost, or revoke it first."),
    "too_many_links": mark("There are {detail} links that work already. Revoke those that nobody needs."),
    "no_link": mark("There is no such link."),
    "end_past": mark("Choose today or a later day."),
    "end_late": mark("The latest day is {detail}."),
    "nobody": mark("Nobody is left for a sheet: the others are in somebody’s hands, on a sheet, or not to be called."),
    "no_xlsx": mark("This Molva writes no XLSX files. Take the sheet as CSV."),
}  # fmt: skip
FIELD = {
    "no_name": "name", "name_too_long": "name", "link_exists": "name", "end_past": "until", "end_late": "until",
}  # fmt: skip
#: Why a file is not taken.
UPLOAD = {
    "no_file": mark("Choose a file first."),
    "too_big": mark("The file is too big: at most 5 MB and 20,000 rows. Split it."),
    "no_xlsx": mark("This Molva reads no XLSX files. Save the sheet as CSV and try again."),
    "not_a_table": mark("This is neither a CSV file nor a workbook that can be read."),
    "no_rows": mark("The file has no rows."),
    "nothing_filled": mark("Nothing has been filled in: no row has a date, an outcome or a score."),
    "no_code_column": mark("No column has the codes of the rows. Bring back the sheet that was taken out here."),
    "no_outcome_column": mark("No column says what came of the call. Name it “Outcome”."),
    "no_date_column": mark("No column says when the call was. Name it “Date”."),
    "two_columns": mark("Two columns mean the same. Rename one of them."),
    "no_sheet_out": mark("No sheet was taken out in this survey yet, so no row of a file can be recognised."),
    "no_such_portal": mark("Nobody is called in this survey."),
}  # fmt: skip
STATES = {
    "works": (mark("works"), "good"), "revoked": (mark("revoked"), "neutral"), "expired": (mark("ended"), "neutral"),
    "over": (mark("survey over"), "neutral"),
}  # fmt: skip
STAGES = {
    "preview": (mark("not taken in yet"), "warn"), "applying": (mark("being taken in"), "brand"),
    "done": (mark("taken in"), "good"),
}  # fmt: skip
VIEWS = {
    "refused": mark("Not possible"), "new": mark("To be taken in"), "done": mark("Taken in"),
    "same": mark("There already"),
}  # fmt: skip
STATUSES = {
    "new": mark("will be taken in"), "done": mark("taken in"), "same": mark("there already"),
    "refused": mark("not taken in"),
}  # fmt: skip
#: Why a row was not taken in, or what is to be known about one that was.
CODES = {
    "no_code": mark("The code of the row is missing."),
    "unknown_code": mark("No row of this survey’s sheets has this code."),
    "no_outcome": mark("The outcome is missing."),
    "unknown_outcome": mark("This outcome is not in the list."),
    "no_date": mark("The date is missing."),
    "bad_date": mark("The date or time cannot be read. Write it like 2026-03-05 and 14:30."),
    "no_time": mark("The time of the call is missing."),
    "in_future": mark("The call would be in the future. Times are by the client’s clock."),
    "too_early": mark("The call would be before the calls of this survey began."),
    "no_score": mark("An answer needs a score from 0 to 10."),
    "bad_score": mark("The score is not a whole number from 0 to 10."),
    "score_without": mark("There is a score, but the outcome is not “Gave a score”."),
    "too_long": mark("The comment is too long: at most 4,000 characters."),
    "no_call_back": mark("The time to call back is missing."),
    "bad_call_back": mark("The time to call back cannot be read, or is before the call."),
    "call_back_without": mark("There is a time to call back, but the outcome is not “Call back later”."),
    "contradicts": mark("Two rows say different things about the same call. Keep the right one."),
    "differs": mark("This call was taken in before with something else. Correct it on the client’s page."),
    "excluded": mark("The client was taken off the list of this survey meanwhile."),
    "revoked": mark("The person is not asked any more in this survey."),
    "over": mark("The survey is over: nothing more is recorded."),
    "own_client": mark("Whoever called or brought the sheet serves this client: a colleague has to ask."),
    "failed": mark("It did not work; the fault is ours. Bring the sheet back once more."),
    "score_missing": mark("An answer needs a score from 0 to 10."),
    "score_unasked": mark("There is a score, but the outcome is not “Gave a score”."),
    "no_address": mark("There is no e-mail on the card, so no letter can be sent."),
    "call_back_missing": mark("The time to call back is missing."),
    "call_back_past": mark("The time to call back is before the call."),
    "call_back_outside_hours": mark("Nobody is called at the promised hour, or it is a day off."),
    "call_back_after_closing": mark("The survey is over by the promised time."),
    "answered": mark("The person has an answer already; the call is on record, the answer stays as it was."),
    "opted_out": mark("The person does not want to be asked, ever; the call is on record and changes nothing."),
    "too_often": mark("More calls than the settings allow. It is on record as it happened."),
    "too_often_today": mark("More calls on that day than the settings allow. It is on record as it happened."),
    "outside_hours": mark("Outside the allowed hours of the client. It is on record as it happened."),
}  # fmt: skip
#: Why an extra answer of a row was not taken.
EXTRA = {
    "not_an_option": mark(
        "“{question}”: “{written}” is none of the answers to choose from. Correct it and bring the sheet again."
    ),
    "too_long": mark("“{question}”: the answer is too long. Shorten it and bring the sheet again."),
    "unknown_version": mark("“{question}”: this question is not asked any more."),
    "without": mark("“{question}”: there is an answer, but the outcome is not “Gave a score”."),
}  # fmt: skip
SETTLED = mark("The person was done with this survey before; the call is on record and changes nothing.")
WHATS = {"desk": mark("opened the desk"), "client": mark("saw a client"), "sheet": mark("took a sheet out")}
DECIDED = {
    "gone": mark("This sheet is not there any more."),
    "late": mark("The sheet has moved on meanwhile. This page shows where it stands now."),
    "nothing": mark("There is nothing to take in: no row is new."),
}


def refused(error: WaveError) -> str:
    """Why it cannot be done."""
    detail = day_text(date.fromisoformat(error.detail)) if error.code == "end_late" else error.detail
    return say(REFUSED.get(error.code, REFUSED["no_calls"]), detail=detail)


def upload(code: str, detail: str = "") -> str:
    """Why a file is not taken."""
    text = say(UPLOAD.get(code, UPLOAD["not_a_table"]))
    return f"{text} ({detail})" if code == "two_columns" and detail else text


def through(until: datetime) -> str:
    """The last day before a midnight at which something ends."""
    return day_text(until - timedelta(seconds=1))


def links(found: Sequence[LinkShown]) -> list[dict[str, Any]]:
    """The links for the list; one can be made anew unless its person has another one that works."""
    working = {(one.name.casefold(), one.firm.casefold()) for one in found if one.state == "works"}
    return [
        _link(one)
        | {"anew": one.state == "works" or (one.name.casefold(), one.firm.casefold()) not in working}
        for one in found
    ]


def _link(one: LinkShown) -> dict[str, Any]:
    text, tone = STATES[one.state]
    ended = one.revoked_at if one.state == "revoked" else None
    return {
        "id": one.id, "name": one.name, "firm": one.firm, "works": one.state == "works", "state": say(text),
        "tone": tone,
        "language": i18n.NAMES.get(one.language, one.language), "until": through(one.until),
        "made": say("{who}, {when}", who=name_said(one.made_by), when=moment_text(one.made_at)),
        "ended": say("{who}, {when}", who=name_said(one.revoked_by), when=moment_text(ended)) if ended else "",
        "seen": moment_text(one.seen_at) if one.seen_at else say("not opened yet"),
        "people": number_text(one.people), "calls": number_text(one.work.calls),
        "answers": number_text(one.work.answers),
    }  # fmt: skip


def sheet(one: Brief) -> dict[str, Any]:
    """A sheet for the list."""
    if one.stage == "out":
        left = i18n.plural(language(), "{n} client reserved", "{n} clients reserved", one.reserved)
        state = (left, "brand") if one.reserved else (say("nobody reserved any more"), "neutral")
    else:
        text, tone = STAGES.get(one.stage, STAGES["done"])
        state = (say(text), tone)
    count = one.people if one.stage == "out" else one.rows
    return {
        "id": one.id, "out": one.stage == "out", "name": one.name, "who": name_said(one.who),
        "when": moment_text(one.at), "count": number_text(count), "state": state[0], "tone": state[1],
        "reserved": one.reserved,
        "until": through(one.until) if one.until and one.reserved else "",
        "bad": one.counts.get("refused", 0),
    }  # fmt: skip


def look(line: LogLine) -> dict[str, Any]:
    """One look for the log."""
    what = say(WHATS.get(line.what, WHATS["desk"]))
    if line.what == "sheet":
        what = f"{what}: {i18n.plural(language(), '{n} person', '{n} people', line.count)}"
    return {
        "when": moment_text(line.at), "what": what, "who": name_said(line.who), "client": line.client,
        "person": line.person, "line": line.line, "remote": line.remote,
    }  # fmt: skip


def page_name(page: str) -> str:
    """Which of the sheets a row stands on."""
    return say(PEOPLE if page.startswith("people") else CALLS)


def outcome(row: RowShown) -> str:
    """What came of the call, as the row says."""
    return say(OUTCOMES[row.outcome][0]) if row.outcome in OUTCOMES else ""


def why(row: RowShown) -> str:
    """Why a row was not taken in, or what is to be known about it."""
    known = (
        CODES if row.status != "done" else {**CODES, "excluded": SETTLED, "revoked": SETTLED, "over": SETTLED}
    )
    wrong = [one for one in row.extra if one.problem]
    return " ".join(
        [
            *(say(known.get(code, SETTLED)) for code in row.codes),
            *(say(EXTRA[one.problem], question=asked(one), written=one.value) for one in wrong),
        ]
    )


def asked(one: ExtraCell) -> str:
    """The extra question of a cell, as the viewer reads it."""
    if one.question is None:
        return one.key
    return questions.field_of(one.question, language(), one.main).text


def extra_answers(row: RowShown) -> list[tuple[str, str]]:
    """The extra answers of a row: question, and answer in words."""
    return [(asked(one), _said(one)) for one in row.extra if not one.problem]


def _said(one: ExtraCell) -> str:
    if one.question is None:
        return one.value
    return questions.field_of(one.question, language(), one.main, one.value).said


def views(brief: Brief) -> list[tuple[str, str, int]]:
    """What can be shown of a sheet: name, words, how many."""
    return [(name, say(text), brief.counts[name]) for name, text in VIEWS.items() if brief.counts.get(name)]


def when(row: RowShown) -> str:
    """When the call was, by the client's clock."""
    try:
        day = day_text(date.fromisoformat(row.day), "medium") if row.day else ""
    except ValueError:
        day = row.day
    return f"{day}, {row.hour}" if day and row.hour else day

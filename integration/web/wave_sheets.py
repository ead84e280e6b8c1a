"""The tables of a survey's file, in the language of whoever saves it (product.md P5, P6, W15).

Moments are those of the portal's clock, which the first sheet names; days are days, amounts are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import IO, Any

from flask import Flask, g

from integration import i18n
from integration.i18n import mark
from integration.nps.scoring import group
from integration.services import workbooks
from integration.services.wave_export import SHEETS, Export
from integration.services.workbooks import Row, Sheet
from integration.web import call_words, exclusion_words, question_sheets, report_words
from integration.web.card_words import CHANNELS, LETTERS, OUTCOMES, REASONS, ROLES, SINCE
from integration.web.pages import choose_language, say, zone
from integration.web.wave_list_words import EVENTS

TITLES = {
    "summary": mark("Summary"), "clients": mark("Clients"), "people": mark("People"), "letters": mark("Letters"),
    "left_out": mark("Not asked"), "calls": mark("Calls"), "yield": mark("Yield of calls"),
    "questions": mark("Extra questions"), "extra": mark("Extra answers"), "trail": mark("Who did what"),
}  # fmt: skip
GROUPS = {"promoter": mark("Promoter"), "passive": mark("Passive"), "detractor": mark("Detractor")}
STATES = {
    "done": mark("sent"), "waiting": mark("about to leave"), "working": mark("about to leave"),
    "buried": mark("did not arrive"), "unknown": mark("may not have arrived"), "cancelled": mark("taken back"),
}  # fmt: skip
WIDTHS = {
    "summary": (44, 18, 70), "clients": (38, 14, 18, 24, 24, 12, 18, 10, 14, 9, 9, 8, 14, 10, 16),
    "people": (38, 14, 28, 14, 18, 30, 18, 8, 10, 16, 24, 18, 8, 14, 50, 16, 16, 18, 24, 9),
    "letters": (38, 28, 30, 18, 18, 40, 24, 28, 18, 18, 18, 18, 24), "left_out": (38, 14, 30, 50, 18, 24, 12, 18),
    "questions": (50, 22, 24, 10, 8, 10, 10, 10, 10, 10, 10, 16, 10, 10, 10, 12),
    "extra": (38, 14, 28, 14, 8, 50, 9, 50, 16, 16, 18, 24),
    "trail": (18, 36, 28, 70), "calls": (38, 14, 28, 9, 18, 8, 28, 18, 18, 50, 24, 18, 24),
    "yield": (18, 30, 10, 10, 10),
}  # fmt: skip


def named(trail: bool) -> list[list[str]]:
    """The tables a viewer may choose from, with their names."""
    return [[name, say(TITLES[name])] for name in SHEETS if trail or name != "trail"]


def sheets(found: Export) -> Iterator[Sheet]:
    """All tables the viewer may have, each written before the next is read."""
    for name in found.sheets():
        yield Sheet(say(TITLES[name]), rows(found, name), WIDTHS[name])


def write(found: Export, out: IO[bytes]) -> None:
    """The whole as a workbook in the portal's language, where nobody has a page open."""
    with Flask("molva").app_context():
        choose_language(i18n.language_of(found.portal.language))
        g.time_zone = found.portal.time_zone
        workbooks.write(sheets(found), out)


def rows(found: Export, name: str) -> Iterator[Row]:
    """One table, its heading first."""
    return _TABLES[name](found)


# --- the summary


def _summary(found: Export) -> Iterator[Row]:
    report = found.report
    told = report_words.told(report)
    yield say("What"), say("Value"), say("Note")
    yield say("Survey"), found.wave.name, told["standing"]
    yield say("Times in this file"), found.portal.time_zone, say("the time zone of the portal")
    yield say("Money in this file"), found.portal.currency, say("the portal’s base currency")
    if not report.everyone:
        yield say("Clients"), "", say("Only the clients of whoever saved this file.")
    kept: Mapping[str, Any] = report.shown["clients"]
    hero = told["hero"]
    yield "NPS", kept["nps"] if hero["value"] is not None else None, hero.get("range") or hero.get("few", "")
    for part in hero["groups"]:
        yield part["label"], part["value"], ""
    for row in told["coverage"]:
        yield row["label"], row["value"], row["note"]
    for row in told["funnel"]:
        yield row["label"], row["value"], row["note"]
    for row in told["rates"].get("rows", []):
        yield row["name"], row["value"], f"{row['label']}: {row['formula']}"
    yield from _compared(told)
    if told["corrected"]:
        note = told["corrected"]["moved"]
        yield say("Corrections since the result is final"), len(told["corrected"]["rows"]), note


def _compared(told: Mapping[str, Any]) -> Iterator[Row]:
    change, channels = told["change"], told["channels"]
    if change:
        yield say("Since {wave}", wave=change["since"]), "", change["sentence"]
        for row in change["rows"]:
            yield row["label"], row["value"], row["note"]
    for row in channels.get("rows", []):
        yield f"NPS {row['name']}", row["nps"], say("{n} clients, {k} answers", n=row["n"], k=row["answers"])
    for line in (channels.get("warning"), channels.get("line")):
        if line:
            yield say("Channels"), "", line


# --- clients and people


def _clients(found: Export) -> Iterator[Row]:
    yield (
        say("Client"), say("Card"), say("City"), say("Account manager"), say("Salesperson"), say("Client since"),
        say("Known from"), say("Deal"), say("Yearly revenue"), say("People"), say("Answers"), say("Score"),
        say("Group"), say("Spread"), say("Channel"),
    )  # fmt: skip
    for row, value in found.clients():
        answered = (
            (
                value.answers,
                value.score,
                say(GROUPS[value.group]),
                value.spread,
                _said(CHANNELS, value.channel),
            )
            if value
            else (0, None, "", None, "")
        )
        yield (
            row.name, f"{row.client_kind}:{row.client_id}", row.city, _name(found, row.manager_id),
            _name(found, row.salesperson_id), row.since, _said(SINCE, row.since_source), row.deal_id,
            row.yearly_revenue, row.people, *answered,
        )  # fmt: skip


def _people(found: Export) -> Iterator[Row]:
    yield (
        say("Client"), say("Card"), say("Person"), say("Contact"), say("Role"), say("E-mail"), say("Phone"),
        say("Language"), say("Shared mailbox"), say("Time zone"), say("Outcome"), say("Since"), say("Score"),
        say("Group"), say("Comment"), say("Channel"), say("Counts"), say("Answered"), say("Written down by"),
        say("Versions"),
    )  # fmt: skip
    for row in found.people():
        given = row.score is not None and row.status != "rejected"
        counted = given and row.status == "counted"
        yield (
            row.client, f"{row.client_kind}:{row.client_id}", row.name, row.contact_id, _said(ROLES, row.role),
            row.address, row.phone, i18n.NAMES.get(row.language, row.language), say("yes") if row.shared else "",
            row.time_zone, _said(OUTCOMES, row.outcome) or say("silent so far"), _local(row.outcome_at),
            row.score if given else None, say(GROUPS[group(row.score)]) if given else "",
            row.comment if given else "", _said(CHANNELS, row.channel or "") if given else "",
            (say("yes") if counted else say("waits for confirmation")) if given else "",
            _local(row.answered_at) if given else None,
            "" if not given or row.recorded_by == "client" else row.recorded_by, row.revision if given else None,
        )  # fmt: skip


def _letters(found: Export) -> Iterator[Row]:
    yield (
        say("Client"), say("Person"), say("To whom"), say("Letter"), say("State"), say("Subject"), say("Signed by"),
        say("From"), say("Planned for"), say("Written at"), say("Sent at"), say("Came back at"), say("Problem"),
    )  # fmt: skip
    for row in found.letters():
        yield (
            row.client, row.person, row.recipient_address, _said(LETTERS, row.kind), _said(STATES, row.status),
            row.subject, row.sender_name, row.sender_address, _local(row.planned_for), _local(row.created_at),
            _local(row.sent_at or row.handed_at), _local(row.bounced_at), row.error or "",
        )  # fmt: skip


SOURCES = {
    "desk": mark("call desk"), "partner": mark("call centre’s link"), "sheet": mark("call centre’s sheet"),
}  # fmt: skip


def _calls(found: Export) -> Iterator[Row]:
    yield (
        say("Client"), say("Card"), say("Person"), say("Attempt"), say("When"), say("There"), say("Outcome"),
        say("Number"), say("Call back at"), say("Note"), say("Caller"), say("Noted through"), say("Taken back by"),
    )  # fmt: skip
    for row in found.calls():
        there = row.ended_at.astimezone(call_words.zone_of(row.time_zone, found.portal.time_zone))
        yield (
            row.client, f"{row.client_kind}:{row.client_id}", row.person, row.number, _local(row.ended_at),
            there.strftime("%H:%M"), call_words.outcome(row.outcome), row.phone, _local(row.call_back_at), row.note,
            row.caller_name, _said(SOURCES, row.source), row.undone_by if row.undone_at else "",
        )  # fmt: skip


def _yield(found: Export) -> Iterator[Row]:
    yield from call_words.table(found.report.shown.get("calls") or {}, found.trail_seen)


def _left_out(found: Export) -> Iterator[Row]:
    yield (
        say("Client"), say("Card"), say("Why"), say("Who, and what they said"), say("City"), say("Account manager"),
        say("Client since"), say("Known from"),
    )  # fmt: skip
    for row in found.left_out():
        detail = exclusion_words.detail(row.reason_detail) if row.reason == "excluded_by_hand" else ""
        yield (
            row.name, f"{row.client_kind}:{row.client_id}", _said(REASONS, row.reason), detail, row.city,
            _name(found, row.manager_id), row.since, _said(SINCE, row.since_source),
        )  # fmt: skip


def _trail(found: Export) -> Iterator[Row]:
    yield say("When"), say("What"), say("Who"), say("Note")
    for row in found.trail():
        yield _local(row.at), _said(EVENTS, row.what), "Molva" if row.who == "molva" else row.who, row.detail


_TABLES: dict[str, Callable[[Export], Iterator[Row]]] = {
    "summary": _summary, "clients": _clients, "people": _people, "letters": _letters, "calls": _calls,
    "yield": _yield, "questions": question_sheets.numbers, "extra": question_sheets.answers, "left_out": _left_out,
    "trail": _trail,
}  # fmt: skip


# --- cells


def _said(table: Mapping[str, str], code: str) -> str:
    return say(table[code]) if code in table else code


def _name(found: Export, user_id: int | None) -> str:
    return found.names.get(user_id, f"#{user_id}") if user_id else ""


def _local(value: datetime | None) -> datetime | None:
    """A moment as the portal's clock shows it: spreadsheets know no zones."""
    return value.astimezone(zone()).replace(tzinfo=None, microsecond=0) if value else None

"""What the page of one client in a survey says: facts of the list, letters, outcomes, in words (product.md E7, W15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.workdays import DAY
from integration.services.card_types import Event
from integration.services.wave_line import Letter, LinePage, Person
from integration.services.wave_page import Event as TrailLine
from integration.web import call_words, card_lines, card_words, exclusion_words, wave_list_words
from integration.web.pages import day_text, moment_text, money_text, number_text, say

ZONES = {
    "field": mark("from the contact’s card"), "address": mark("by the address"),
    "responsible": mark("as the account manager’s"), "portal": mark("as your portal’s"),
}  # fmt: skip
STATES = {
    "waiting": (mark("waits to leave"), "neutral"), "working": (mark("is leaving"), "brand"),
    "done": (mark("sent"), "good"), "unknown": (mark("fate unknown"), "warn"),
    "buried": (mark("not accepted"), "danger"), "cancelled": (mark("taken back"), "neutral"),
    "superseded": (mark("taken back"), "neutral"),
}  # fmt: skip
SKIPPED = {
    "overtaken": mark("left out: the next letter was near"), "closing": mark("left out: the survey ended"),
    "colleague": mark("left out: a colleague was named instead"),
    "expired": mark("left out: it was too late"), "portal_gone": mark("left out: Molva was not installed"),
}  # fmt: skip
STEPS = {
    "announcement": mark("announcement"), "invitation": mark("the question"), "reminder_1": mark("reminder"),
    "reminder_2": mark("second reminder"), "reminder_3": mark("third reminder"),
    "after_snooze": mark("asked once more"),
}  # fmt: skip


def facts(found: LinePage) -> list[list[Any]]:
    """The facts of the day the list was made (product.md E1, E7)."""
    row = found.line
    since = day_text(row.since) if row.since else "—"
    if row.since and row.since_source in card_words.SINCE:
        since = f"{since} ({say(card_words.SINCE[row.since_source])})"
    return [
        [say("A client since"), since],
        [say("Branch"), row.city or "—"],
        [say("Account manager"), found.manager or "—"],
        [say("Salesperson"), found.salesperson or "—"],
        [say("Revenue of the year before"),
         money_text(row.yearly_revenue, found.currency) if row.yearly_revenue else say("not known")],
    ]  # fmt: skip


def standing(found: LinePage) -> dict[str, str]:
    """Whether the client is asked, else the one reason with its detail."""
    row = found.line
    if row.reason == "":
        return {"text": say("asked"), "tone": "good", "line": ""}
    detail = exclusion_words.detail(row.reason_detail) if row.reason == "excluded_by_hand" else ""
    return {"text": wave_list_words.reason(row.reason), "tone": "warn", "line": detail}


def outcome(person: Person) -> dict[str, str]:
    """How it ended for a person, with who did it and why."""
    code = person.asked.invitation.outcome
    detail: Mapping[str, Any] = person.asked.invitation.outcome_detail or {}
    who, why = str(detail.get("who") or ""), str(detail.get("why") or "")
    by_itself = exclusion_words.by_itself(who, why)
    told = by_itself or (f"{card_words.who(who)}: {why}" if who and why and who != "molva" else "")
    tone = {"answered": "good", "": "brand", "refused": "warn", "unreachable": "danger"}.get(code, "neutral")
    text = say(card_words.OUTCOMES[code]) if code in card_words.OUTCOMES else say("silent so far")
    if person.status == "held" and not code:
        text, tone = say("waits for confirmation"), "warn"
    return {"text": text, "tone": tone, "line": told}


def reach(person: Person) -> list[list[Any]]:
    """Who it is and how we reach the person."""
    one = person.asked.invitation
    address = one.address or "—"
    if one.shared:
        address = say("{address}, a shared mailbox", address=address)
    zone = one.time_zone or "—"
    if one.zone_source in ZONES:
        zone = f"{zone} ({say(ZONES[one.zone_source])})"
    phone = [[say("Phone"), one.phone]] if one.phone else []
    return [
        [say("Role"), card_words.of(card_words.ROLES, one.role) if one.role else say("not said on the card")],
        [say("E-mail"), address],
        *phone,
        [say("Language"), i18n.NAMES.get(one.language, one.language)],
        [say("Time zone"), zone],
    ]


SOURCES = {"partner": mark("call centre"), "sheet": mark("from a sheet")}


def calls(person: Person, found: LinePage) -> list[dict[str, Any]]:
    """The calls with their hour, also as it was where the person is, who called, what was noted."""
    one = person.asked.invitation
    there = call_words.zone_of(one.time_zone, found.zone)
    rows = []
    for row in person.calls:
        clock = row.ended_at.astimezone(there).strftime("%H:%M")
        line = [moment_text(row.ended_at), say("{hour} there", hour=clock), card_words.who(row.caller_name)]
        line += [say(SOURCES[row.source])] if row.source in SOURCES else []
        if row.call_back_at is not None:
            line.append(say("call back on {moment}", moment=moment_text(row.call_back_at)))
        gone = row.undone_at is not None
        rows.append({
            "number": row.number, "what": call_words.outcome(row.outcome), "undone": gone,
            "line": " · ".join(part for part in line if part), "note": row.note if found.seen else "",
            "by": card_words.who(row.undone_by) if gone else "",
        })  # fmt: skip
    return rows


def phone(person: Person, found: LinePage) -> str:
    """Where the calls to a person stand: promised, due, waiting, or over and why."""
    one = person.asked.invitation
    if one.outcome or not found.calling:
        return ""
    if one.promised_at is not None:
        return say("A call-back is promised on {moment}.", moment=moment_text(one.promised_at))
    if one.calls_over:
        return say("No more calls: {why}.", why=call_words.over(one.calls_over))
    if not one.phone:
        return say("No more calls: {why}.", why=call_words.over("no_phone"))
    if one.call_due_at is None:
        return ""
    if one.call_due_at <= found.now:
        return say("May be called now.")
    return say("May be called from {moment} on.", moment=moment_text(one.call_due_at))


def letters(person: Person) -> list[dict[str, Any]]:
    """The letters with their moments; what went late, came back or was left out says so."""
    rows = [_letter(one) for one in person.letters]
    rows += [
        {"what": say(STEPS[step]) if step in STEPS else step, "badge": say(SKIPPED[why]) if why in SKIPPED else why,
         "tone": "neutral", "when": "", "line": ""}
        for step, why in sorted((person.asked.invitation.skipped or {}).items())
    ]  # fmt: skip
    return rows


def _letter(one: Letter) -> dict[str, Any]:
    text, tone = STATES.get(one.status, STATES["waiting"])
    left = one.sent_at or one.handed_at
    line = ""
    if one.bounced_at is not None:
        text, tone = mark("came back"), "danger"
        line = say("on {moment}", moment=moment_text(one.bounced_at))
    elif one.status == "done" and left and one.planned_for and left - one.planned_for > DAY / 2:
        tone, line = "warn", say("late: it was due on {moment}", moment=moment_text(one.planned_for))
    elif one.status == "buried":
        line = say("the mail server said: {words}", words=one.error.partition(" ")[2] or one.error)
    when = left if one.status in ("done", "unknown") else one.finished_at or one.due_at
    return {
        "what": card_words.of(card_words.LETTERS, one.kind), "badge": say(text), "tone": tone,
        "when": moment_text(when), "line": line, "sender": one.sender,
    }  # fmt: skip


def tasks(found: LinePage) -> list[dict[str, Any]]:
    """What was to be done because of the answers."""
    rows = []
    for one in found.tasks:
        text, tone = card_words.TASK_STATES.get(one.status, card_words.TASK_STATES["open"])
        rows.append({
            "what": card_words.of(card_words.TASKS, one.kind), "badge": say(text), "tone": tone,
            "owner": found.owners.get(one.owner_id, "") or number_text(one.owner_id), "task": one.task_id,
            "deadline": one.deadline, "closed": one.closed_at,
        })  # fmt: skip
    return rows


def happened(event: Event) -> str:
    """One line of what happened."""
    return card_lines.line(event)


def trail(found: LinePage) -> list[dict[str, Any]]:
    """What people decided about the client in this survey."""
    rows: tuple[TrailLine, ...] = found.trail
    return wave_list_words.events(rows)

"""What a rehearsal, a list and an audit trail say, in words (product.md W4, E4, E7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.scoring import group
from integration.services.wave_page import Event, Invited, Line, Report, WavePage
from integration.web import exclusion_words
from integration.web.card_words import HELD, REASONS
from integration.web.pages import day_text, moment_text, number_text, say

LETTERS = {
    "announcement": mark("Announcement letter"),
    "invitation": mark("Letter with the question"),
    "reminder": mark("Reminder"),
    "last_reminder": mark("Last reminder"),
}
FINDINGS = {
    "nobody_to_ask": mark("There is nobody to ask. Check in the settings who counts as a client."),
    "setting": mark("A setting cannot work: {field}."),
    "no_sender": mark("Nobody signs letters to clients of {city}. Letters: {letters}."),
    "no_such_sender": mark(
        "The person who should sign is no longer in the settings ({sender}). Letters: {letters}."
    ),
    "sender_serves_client": mark(
        "Everybody who may sign serves some of these clients. Name one more person. Letters: {letters}."
    ),
    "sender_unfit": mark("{sender} cannot sign: {why}."),
    "missing_placeholder": mark("A letter lacks something it needs: {placeholder}."),
    "missing_fact": mark("A letter lacks something it needs: {what}."),
    "no_mail_server": mark("There is no mail server: letters wait until whoever runs this Molva names one."),
    "no_public_holidays": mark(
        "The public holidays of your country are not known: only weekends count as days off."
    ),
    "no_channel": mark(
        "Clients without e-mail and phone: {clients}. Add an address, and make the list anew."
    ),
    "no_respondent": mark(
        "Clients without a person on the card: {clients}. Add one, and make the list anew."
    ),
    "nameless": mark("People without a name on their card: {respondents}. They are greeted without one."),
    "import_date": mark(
        "{share} % of the clients have been with you since {day}: probably the day of an import. Name a date field "
        "in the settings if they are older clients."
    ),
    "follow_ups_open": mark(
        "Tasks of the last survey still open: {open}. Asking again without having acted annoys."
    ),
    "people_without_address": mark(
        "People nobody can write to, at clients who are asked: {people}; of them decide: {deciding}. Add an e-mail to"
        " their cards."
    ),
    "no_we_did_letter": mark("The clients have not heard yet what the last survey has changed."),
}
UNFIT = {
    "lacks_name": mark("no name"),
    "lacks_position": mark("no position"),
    "lacks_email": mark("no reply address"),
    "lacks_phone": mark("no phone"),
    "bad_address": mark("the address is wrong"),
    "no_reply": mark("nobody reads the address"),
    "dismissed": mark("no longer works here"),
}
EVENTS = {
    "planned": mark("planned"),
    "merged": mark("two cards of a client became one"),
    "frozen": mark("list made"),
    "rehearsed": mark("rehearsed"),
    "approved": mark("approved"),
    "announced": mark("announced"),
    "paused": mark("paused"),
    "resumed": mark("resumed"),
    "cancelled": mark("cancelled"),
    "closed": mark("closed"),
    "excluded": mark("client excluded"),
    "result_frozen": mark("results final"),
    "task:plan_wave": mark("task to prepare the survey"),
    "task:approve_wave_28": mark("task to approve the survey"),
    "task:approve_wave_21": mark("task to approve the survey, once more"),
    "stage:announced": mark("announced"),
    "stage:calling": mark("calls"),
    "stage:mailing": mark("question sent"),
    "stage:reminders": mark("reminders"),
    "stage:closing": mark("last answers"),
    "stage:closed": mark("over"),
}
FILTERS = {
    "": mark("everybody"),
    "asked": mark("asked"),
    "answered": mark("have answered"),
    "open": mark("silent so far"),
    "other": mark("done without an answer"),
}
OUTCOMES = {
    "": mark("silent so far"),
    "answered": mark("answered"),
    "refused": mark("refused"),
    "unreachable": mark("unreachable"),
    "opted_out": mark("wants no questions"),
    "excluded": mark("excluded"),
    "postponed": mark("postponed"),
    "no_answer": mark("did not answer"),
    "closed_early": mark("survey ended before"),
}


def reason(code: str) -> str:
    """Why a client is not asked, in a few words."""
    return say(REASONS[code]) if code in REASONS else code


def report(found: Report) -> dict[str, Any]:
    """The rehearsal: counts, mistakes, warnings, who is out, letters as they would be read."""
    out = sorted(found.reasons.items(), key=lambda item: -item[1])
    return {
        "asked": number_text(found.eligible),
        "people": number_text(found.respondents),
        "clients": number_text(found.clients),
        "errors": _unique(_finding(one.code, one.params) for one in found.errors),
        "warnings": _unique(_finding(one.code, one.params) for one in found.warnings if not one.params.get("must")),
        "out": [
            {
                "code": code,
                "reason": reason(code),
                "count": number_text(number),
                "names": found.left_out.get(code, [])[:8],
            }
            for code, number in out
        ],
        "samples": [
            {
                "letter": say(LETTERS.get(one.letter, one.letter)), "language": i18n.NAMES.get(one.language, ""),
                "to": one.recipient, "subject": one.text.subject, "text": one.text.text,
            }
            for one in found.samples[:8]
        ],
    }  # fmt: skip


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _finding(code: str, params: Mapping[str, Any]) -> str:
    if code == "missing_placeholder" and "respondents" in params:
        code = "nameless"
    values = {
        name: day_text(date.fromisoformat(value)) if name == "day" else value
        for name, value in params.items()
    }
    if "why" in values:
        values["why"] = say(UNFIT[values["why"]]) if values["why"] in UNFIT else values["why"]
    if code in FINDINGS:
        return say(FINDINGS[code], **{"city": "—", "letters": "", "sender": "", **values})
    return code


def filters(found: WavePage) -> list[list[Any]]:
    """Choices of the list's filter, reasons that nobody has left out."""
    rows: list[list[Any]] = [[code, say(words)] for code, words in FILTERS.items()]
    for code in REASONS:
        if found.standing.get(code):
            rows.append([code, f"{reason(code)} ({number_text(found.standing[code])})"])
    return rows


def lines(found: WavePage) -> list[dict[str, Any]]:
    """Rows of the list."""
    early = found.wave.stage in ("draft", "rehearsed", "announced", "calling") and not found.funnel.asked
    return [_line(one, early) for one in found.lines]


def _line(one: Line, early: bool) -> dict[str, Any]:
    row = one.row
    people = []
    for person, by in one.people:
        shown = one.seen and person.score is not None
        people.append(
            {
                "name": person.name or say("unknown person"),
                "score": person.score if shown else None,
                "group": by if shown else "",
                "state": _state(person, early),
            }
        )
    return {
        "id": row.id, "kind": row.client_kind, "card": row.client_id, "name": row.name, "city": row.city,
        "manager": one.manager, "asked": row.reason == "", "reason": reason(row.reason) if row.reason else "",
        "detail": exclusion_words.detail(row.reason_detail) if row.reason == "excluded_by_hand" else "",
        "people": people,
    }  # fmt: skip


def _state(person: Invited, early: bool) -> str:
    if person.held:
        return say("waits for confirmation")
    if early and not person.outcome:
        return say("not asked yet")
    return say(OUTCOMES[person.outcome]) if person.outcome in OUTCOMES else person.outcome


def held(found: WavePage) -> list[dict[str, Any]]:
    """Held answers with why they are held."""
    return [
        {
            "id": one.response.id, "seen": one.response.revision, "score": one.response.score,
            "group": group(one.response.score),
            "comment": one.response.comment, "person": one.person, "client": one.client, "kind": one.client_kind,
            "card": one.client_id, "when": moment_text(one.response.answered_at),
            "why": say(HELD[one.response.held_reason]) if one.response.held_reason in HELD else "",
            "own": one.manager_id == found.rights.user_id,
        }
        for one in found.held
    ]  # fmt: skip


def events(found: Sequence[Event]) -> list[dict[str, Any]]:
    """The audit trail: what, who, when, and the words that people gave as a reason."""
    return [
        {
            "what": say(EVENTS[one.what]) if one.what in EVENTS else one.what,
            "who": "" if one.who == "molva" else one.who,
            "when": one.at,
            "detail": _reason_given(one.what, one.detail),
        }
        for one in found
    ]


def _reason_given(what: str, detail: str) -> str:
    if what in ("paused", "cancelled", "closed"):
        return detail
    return detail.split(": ", 1)[-1] if what == "excluded" else ""

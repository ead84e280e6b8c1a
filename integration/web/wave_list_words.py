"""What the list of a survey says, its filter, held answers and the audit trail, in words (product.md E4, E7, S1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from integration import i18n
from integration.i18n import mark
from integration.nps.scoring import group
from integration.services.wave_filter import NOBODY, OUTCOMES
from integration.services.wave_page import Event, Invited, Line, WavePage
from integration.web import call_words, exclusion_words
from integration.web.card_words import HELD, REASONS
from integration.web.pages import day_text, language, moment_text, number_text, say

STANDINGS = {
    "": mark("everybody"),
    "asked": mark("asked"),
    "answered": mark("have answered"),
    "open": mark("silent so far"),
    "other": mark("done without an answer"),
    "flagged": mark("answered, and a machine may have answered later"),
}
STATES = {
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
LETTERS = {
    "waiting": mark("wait to leave"),
    "sent": mark("sent"),
    "late": mark("left late"),
    "unknown": mark("fate unknown"),
    "refused": mark("not accepted"),
    "bounced": mark("came back"),
}
DATES = {
    "announce": mark("announcement letter"),
    "start": mark("question"),
    "reminder_1": mark("first reminder"),
    "reminder_2": mark("second reminder"),
    "reminder_3": mark("third reminder"),
    "closing": mark("end"),
}
EVENTS = {
    "planned": mark("planned"),
    "merged": mark("two cards of a client became one"),
    "frozen": mark("list made"),
    "rehearsed": mark("rehearsed"),
    "approved": mark("approved"),
    "announced": mark("announced"),
    "moved": mark("dates changed"),
    "paused": mark("paused"),
    "resumed": mark("resumed"),
    "cancelled": mark("cancelled"),
    "closed": mark("closed"),
    "excluded": mark("client excluded"),
    "included": mark("client back on the list"),
    "held": mark("client put on hold"),
    "lifted": mark("hold lifted"),
    "refused": mark("client refused"),
    "refusal_undone": mark("refusal undone"),
    "colleague_named": mark("client named a colleague"),
    "colleague_asked": mark("colleague is asked"),
    "colleague_dismissed": mark("colleague is not asked"),
    "colleague_reopened": mark("named colleague taken up again"),
    "phone": mark("new phone number"),
    "call_never": mark("asked by phone never to be asked again"),
    "call_undone": mark("a call taken back"),
    "call_link_made": mark("link for a caller made"),
    "call_link_revoked": mark("link of a caller revoked"),
    "call_sheet_out": mark("sheet for the call centre taken out"),
    "call_sheet_in": mark("sheet of the call centre taken in"),
    "calls_over:asks_email": mark("asked for an e-mail instead of a call"),
    "calls_over:wrong_number": mark("wrong number: no more calls"),
    "calls_over:out_of_service": mark("number out of service: no more calls"),
    "calls_over:used_up": mark("not reached: no more calls"),
    "revoke_link": mark("personal link ended"),
    "renew_link": mark("new personal link"),
    "result_frozen": mark("results final"),
    "exported": mark("saved as a file"),
    "letter_problem": mark("a letter could not be written"),
    "letter_resend": mark("letter sent once more"),
    "letter_was_sent": mark("letter counted as sent"),
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
_WITH_REASON = ("paused", "cancelled", "closed")
_ABOUT_CLIENT = (
    "excluded", "included", "held", "lifted", "refused", "refusal_undone", "colleague_named", "colleague_asked",
    "colleague_dismissed", "colleague_reopened", "revoke_link", "renew_link", "phone",
)  # fmt: skip


def reason(code: str) -> str:
    """Why a client is not asked, in a few words."""
    return say(REASONS[code]) if code in REASONS else code


def filters(found: WavePage) -> dict[str, list[list[Any]]]:
    """Choices of the list's filter by field; reasons that nobody has, and fields with one choice, are left out."""
    standings: list[list[Any]] = [[code, say(words)] for code, words in STANDINGS.items()]
    standings += [
        [code, f"{reason(code)} ({number_text(found.standing[code])})"]
        for code in REASONS
        if found.standing.get(code)
    ]
    everything = [["", say("all")]]
    branches = [
        [name or NOBODY, f"{name or say('no branch')} ({number_text(many)})"]
        for name, many in found.choices.branches
    ]
    managers = [
        [str(user) if user else NOBODY, f"{name or _nameless(user)} ({number_text(many)})"]
        for user, name, many in found.choices.managers
    ]
    languages = [[code, i18n.NAMES.get(code, code)] for code in found.choices.languages]
    return {
        "standing": standings,
        "branch": everything + branches if len(branches) > 1 else [],
        "manager": everything + managers if len(managers) > 1 else [],
        "outcome": everything + [[code, say(STATES[code])] for code in OUTCOMES],
        "language": everything + languages if len(languages) > 1 else [],
        "calls": everything + [[code, say(words)] for code, words in call_words.PHONES.items()]
        if found.calls is not None
        else [],
        "letters": everything + [[code, say(words)] for code, words in LETTERS.items()],
    }


def _nameless(user: int) -> str:
    return say("employee {number}", number=user) if user else say("no manager")


def lines(found: WavePage) -> list[dict[str, Any]]:
    """Rows of the list."""
    early = found.wave.stage in ("draft", "rehearsed", "announced", "calling") and not found.funnel.asked
    return [_line(one, early, found) for one in found.lines]


def _line(one: Line, early: bool, found: WavePage) -> dict[str, Any]:
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
    by_hand = row.reason == "excluded_by_hand"
    return {
        "id": row.id, "kind": row.client_kind, "card": row.client_id, "name": row.name, "city": row.city,
        "manager": one.manager, "asked": row.reason == "", "reason": reason(row.reason) if row.reason else "",
        "detail": exclusion_words.detail(row.reason_detail) if by_hand else "", "people": people,
        "tick": one.can_be_excluded, "back": by_hand and one.by_person,
        "hold": one.hold_until if one.hold_until and one.hold_until > found.today else None,
    }  # fmt: skip


def _state(person: Invited, early: bool) -> str:
    if person.held:
        return say("waits for confirmation")
    if not person.outcome and person.promised_at is not None:
        return say("a call-back is promised on {moment}", moment=moment_text(person.promised_at))
    if not person.outcome and person.calls:
        return i18n.plural(language(), "called {n} time", "called {n} times", person.calls)
    if early and not person.outcome:
        return say("not asked yet")
    state = say(STATES[person.outcome]) if person.outcome in STATES else person.outcome
    return f"{state} · {say('another answer came later, not counted')}" if person.flagged else state


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


def events(found: Sequence[Event], clients: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The audit trail: what, who, when, about whom (`clients`: names by `company:12`), and the reasons people gave."""
    return [
        {
            "what": say(EVENTS[one.what]) if one.what in EVENTS else one.what,
            "who": "" if one.who == "molva" else one.who,
            "when": one.at,
            "client": (clients or {}).get(one.detail.partition(": ")[0].partition(" ")[0], ""),
            "detail": _told(one.what, one.detail),
        }
        for one in found
    ]


def _told(what: str, detail: str) -> str:
    if what == "moved":
        return "; ".join(_moved(change) for change in detail.split("; "))
    if what in _WITH_REASON:
        return say("late") if detail == "late" else detail
    if what == "held":
        until, _, why = detail.partition(": ")[2].partition(" ")
        return say("until {day}: {why}", day=_day(until), why=why) if until else ""
    if what in _ABOUT_CLIENT:
        return detail.partition(": ")[2]
    if what.startswith(("call_link", "call_sheet")):
        return detail
    if what.startswith("stage:"):
        return say("late") if detail.startswith("late") else ""
    return ""


def _moved(change: str) -> str:
    name, _, days = change.partition(" ")
    before, _, after = days.partition(" ")
    return f"{say(DATES[name]) if name in DATES else name} {_day(before)} → {_day(after)}"


def _day(text: str) -> str:
    try:
        return day_text(date.fromisoformat(text), "medium")
    except ValueError:
        return text

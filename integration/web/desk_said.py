"""What the call desk says after something was done: saved, not saved and why, taken back (product.md W7, W8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from integration.i18n import mark
from integration.services.calling.types import DeskPage, LastCall, Recorded
from integration.web import extra_words
from integration.web.desk_card import OUTCOMES
from integration.web.pages import say

Notice: TypeAlias = Mapping[str, object]

SAVED = {
    "done": mark("Saved."),
    "again": mark("This was saved before; nothing has changed."),
    "late": mark("Saved. The client had been given back meanwhile, and nobody else had called."),
}
ENDED = mark("The survey has ended for this person meanwhile. Nothing else has been changed.")
LOST = {
    "unknown": mark("This client was not in your hands any more. Nothing has been saved."),
    "others": mark("A colleague has this client now. Nothing has been saved."),
    "answered": mark("There is an answer of this person already. It stays as it is."),
    "refused": mark("This person has refused meanwhile. Nothing else has been changed."),
    "excluded": mark("This client was taken out of the survey meanwhile."),
    "opted_out": mark("This person has asked never to be asked again. Nothing else has been changed."),
    "postponed": mark("This client was put off meanwhile."),
    "over": mark("The survey is over: nothing can be saved any more."),
}
KEPT_CALL = mark("The call itself is on record.")
NOT_WANTED = mark("A score is chosen: save the answer, or take the score away if there was none.")
NO_ADDRESS = mark(
    "There is no e-mail in the card, so no letter can be sent. Agree on a time to call back instead."
)
NO_OUTCOME = mark("Choose a score or what came of the call.")
PROBLEMS = {
    "unknown_outcome": NO_OUTCOME,
    "score_missing": mark("Choose a score from 0 to 10."),
    "score_unasked": NOT_WANTED,
    "no_address": NO_ADDRESS,
    "own_client": mark("This is your own client: a colleague has to ask."),
    "call_back_missing": mark("Say when the client wants to be called."),
    "call_back_past": mark("This time is over. Choose a later one."),
    "call_back_outside_hours": mark("Nobody is called at that hour, or it is a day off. Choose another time."),
    "call_back_after_closing": mark("The survey is over by then. Choose an earlier time."),
    "call_back_unreadable": mark("This day or time is not complete."),
}  # fmt: skip
BY_FIELD = {
    "score": mark("Choose a score from 0 to 10."),
    "comment": mark("The client’s words are too long. Please shorten them."),
    "note": mark("The note is too long. Please shorten it."),
    "call_back_at": mark("This day or time is not complete."),
}
AMEND_WRONG = {"score": BY_FIELD["score"], "comment": BY_FIELD["comment"]}
UNDONE = {
    "done": (mark("Taken back. The call counts nowhere."), "good"),
    "again": (mark("This was taken back before."), "info"),
    "too_late": (mark("It is too late to take this back. Ask whoever runs the survey to correct it."), "warn"),
    "followed": (
        mark("A letter or a change in the card has followed already. Ask whoever runs the survey to correct it."),
        "warn",
    ),
    "later": (mark("This client was called again since. Ask whoever runs the survey to correct it."), "warn"),
    "never": (mark("“Never again” is lifted by an administrator, in the client’s card."), "warn"),
    "": (mark("This cannot be taken back any more. Ask whoever runs the survey to correct it."), "warn"),
}  # fmt: skip

AMEND_LOST = {
    "unknown": mark("This cannot be corrected here. Ask whoever runs the survey to correct it."),
    "too_late": mark("It is too late to correct this here. Ask whoever runs the survey to correct it."),
    "changed": mark("The answer was changed by somebody else meanwhile. It stays as it is now."),
    "own_client": mark("This is your own client by now: a colleague has to correct it."),
}


def saved(done: Recorded, last: LastCall | None, now: datetime) -> tuple[Notice, ...]:
    """The notice after a call was posted and nothing was wrong with it. `now` is aware UTC."""
    if done.status == "lost":
        line = say(KEPT_CALL) if done.attempt_id else ""
        return ({"tone": "warn", "heading": say(LOST.get(done.why, ENDED)), "line": line},)
    tone = "info" if done.status == "again" else "good"
    undo = done.attempt_id if last and last.attempt_id == done.attempt_id and _undoable(last, now) else 0
    line = _what(done.client, done.person, done.outcome, done.score)
    return (
        {"tone": tone, "heading": say(SAVED.get(done.status, SAVED["done"])), "line": line, "undo": undo},
    )


def last(found: LastCall | None, now: datetime) -> tuple[Notice, ...]:
    """The caller's last call, while it can be taken back."""
    if found is None or not _undoable(found, now):
        return ()
    line = _what(found.client, found.person, found.outcome, found.score)
    return ({"tone": "quiet", "heading": say("Your last call:"), "line": line, "undo": found.attempt_id},)


def undone(code: str) -> tuple[Notice, ...]:
    """The notice after a call was to be taken back."""
    words, tone = UNDONE.get(code, UNDONE[""])
    return ({"tone": tone, "heading": say(words), "line": ""},)


def correct(
    last: LastCall | None, attempt: int, now: datetime, given: Mapping[str, str] | None = None,
    wrong: Iterable[tuple[str, str]] = (),
) -> tuple[Notice, ...]:  # fmt: skip
    """The notice with the fields in which the caller's own last answer is corrected; nothing if it cannot be.

    `given`, `wrong`: what was posted and could not be taken.
    """
    if last is None or last.attempt_id != attempt or last.score is None or not _undoable(last, now):
        return ()
    values = given or {"score": str(last.score), "comment": last.comment}
    told = {name: say(AMEND_WRONG.get(name, NO_OUTCOME)) for name, _ in wrong}
    return (
        {
            "tone": "warn", "heading": say("This answer is in the card already, so it cannot be taken back."),
            "line": say("Correct it here; the old one is kept in its history."), "amend": attempt,
            "whose": _what(last.client, last.person, last.outcome, last.score), "score": values["score"],
            "comment": values["comment"], "problems": told,
        },
    )  # fmt: skip


def amended(done: Recorded) -> tuple[Notice, ...]:
    """The notice after an answer was corrected, or could not be."""
    line = _what(done.client, done.person, done.outcome, done.score)
    if done.status == "done":
        return ({"tone": "good", "heading": say("Corrected."), "line": line},)
    return ({"tone": "warn", "heading": say(AMEND_LOST.get(done.why, AMEND_LOST["unknown"])), "line": line},)


def given_back() -> tuple[Notice, ...]:
    """The notice after a client was given back."""
    return ({"tone": "info", "heading": say("The client is back on the list."), "line": ""},)


def problems(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What is wrong with what was posted, by field."""
    told: dict[str, str] = {}
    extra: dict[str, str] = {}
    for name, code in found:
        if name.startswith(extra_words.FIELD):
            extra.setdefault(name, code)
        else:
            told.setdefault(name, say(PROBLEMS.get(code) or BY_FIELD.get(name, NO_OUTCOME)))
    return told | extra_words.problems(extra)


def nobody(page: DeskPage) -> tuple[Notice, ...]:
    """What is said to whoever asked for a client and got none, where the page itself does not say why."""
    if page.card or page.why:
        return ()
    return (
        {
            "tone": "info",
            "heading": say("A colleague was faster."),
            "line": say("Press the button once more."),
        },
    )


def _undoable(found: LastCall, now: datetime) -> bool:
    """Until its time is over; "never" is lifted by an administrator alone (product.md W12)."""
    return found.undo_until is not None and found.undo_until > now and found.outcome != "never"


def _what(client: str, person: str, outcome: str, score: int | None) -> str:
    came = say(OUTCOMES[outcome]) if outcome in OUTCOMES else ""
    if outcome == "answered" and score is not None:
        came = say("{score} of 10", score=score)
    return " · ".join(part for part in (client, person if person != client else "", came) if part)

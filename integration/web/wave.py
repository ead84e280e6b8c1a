"""The console of one survey: where it stands, its letters, the list, and the decisions (product.md W, E7).

`POST /app/wave/<id>` shows it; with a `do` it first does what was decided and then shows what came of it. Which part
of the list is shown stands in the address (`?standing=open&branch=Kazan`), and every form of the page keeps it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, request

from integration.current import deps
from integration.i18n import mark
from integration.services import wave_acts, wave_page
from integration.services.frames import Viewer
from integration.services.wave_acts import DatesRefused
from integration.services.wave_page import Filter, WavePage
from integration.services.waves import WaveError
from integration.web import call_words, frame, wave_list_words, wave_words
from integration.web.forms.wave import KEPT, LARGEST, WaveForm, read
from integration.web.pages import say

blueprint = Blueprint("wave", __name__)

DONE = {
    "ordered": (mark("The list is being made."), mark("It goes on by itself; you may leave this page.")),
    "approved": (mark("The survey is approved."), mark("The letters leave by themselves on their days.")),
    "paused": (mark("The survey is paused."), mark("Nothing is sent until somebody resumes it.")),
    "resumed": (
        mark("The survey goes on."),
        mark("What was still to come has moved by as long as it stood still."),
    ),
    "cancelled": (mark("The survey is cancelled."), mark("Letters that waited are taken back.")),
    "closed": (
        mark("The survey is closed."),
        mark("Nothing more is sent. The result is preliminary for a while."),
    ),
    "moved": (mark("The dates are changed."), mark("Days off were moved on to the next working day.")),
    "excluded": (mark("Taken off the list."), mark("Who did it and why is kept with the list.")),
    "excluded_some": (
        mark("Taken off the list, except for those who cannot be."),
        mark(
            "Who has answered stays: the answer counts, and the client with it. So does who was out before."
        ),
    ),
    "included": (mark("Back on the list."), mark("Letters that had been taken back for this wait again.")),
    "included_anew": (
        mark("Back on the list."),
        mark("The list is being made anew, with the people of this client."),
    ),
    "held": (
        mark("On hold."),
        mark("Nothing is sent to them before that day; the card in Bitrix24 says so, too."),
    ),
    "held_some": (mark("On hold, except for clients whose cards are gone."), ""),
    "lifted": (mark("The hold is lifted."), mark("They are asked as planned.")),
    "refused": (
        mark("The refusal is written down."),
        mark("Nothing more is sent to this person in this survey."),
    ),
    "refusal_undone": (mark("The refusal is undone."), mark("The person is asked again as planned.")),
    "phone_changed": (mark("The number is changed."), mark("The person is called on it from now on.")),
    "confirmed": (mark("The answer counts now."), mark("The cards and tasks follow by themselves.")),
    "rejected": (mark("The answer stays out."), mark("It counts nowhere; the person may still answer.")),
}
REFUSED = {
    "wrong_stage": mark("The survey has moved on meanwhile. This page shows where it stands now."),
    "not_frozen": mark("The list has to be made first."),
    "already_approved": mark("Somebody has approved the survey already."),
    "dates_moved": mark("Somebody has changed the dates meanwhile. Look at the new ones, then approve."),
    "plan_is_past": mark(
        "The day of the question has passed. Cancel this survey; the next one is planned by itself."
    ),
    "not_running": mark("The survey is not under way."),
    "not_paused": mark("The survey is not paused."),
    "is_over": mark("The survey is over."),
    "has_answered": mark("This client has answered: the answer counts, so the client stays on the list."),
    "is_out": mark("This client is not on the list of those asked anyway."),
    "no_reason": mark("Please say why: it is kept with the survey."),
    "nobody_chosen": mark("Tick the clients first."),
    "hold_missing": mark("Choose the day until which nobody asks them."),
    "hold_past": mark("Choose a day after today."),
    "hold_too_far": mark(
        "A hold lasts a year at most. Whoever wants no questions at all is marked on the card."
    ),
    "hold_reason_too_long": mark("Please say it in fewer words."),
    "card_gone": mark("The card is gone from Bitrix24. Nothing has been changed."),
    "cannot_refuse": mark(
        "It cannot be written down: the person has answered, or is done for another reason."
    ),
    "nothing_to_undo": mark("There is nothing to undo any more."),
    "by_machine": mark("The card is gone or was merged with another one, so the client cannot come back."),
    "not_invited": mark(
        "The people of this client were never on the list of this survey; the next one asks them."
    ),
    "paused_first": mark("The survey is paused. Resume it: its dates move by themselves, then change them."),
    "no_dates": mark("This survey has no dates."),
    "look_missing": mark("Rehearse the survey first, then approve it."),
    "look_is_old": mark("The rehearsal is older than a day. Rehearse once more, then approve."),
    "bad_phone": mark("This is no phone number. Write it with the country’s code, like +7 843 200-10-20."),
    "same_phone": mark("This is the number the person has already."),
    "never_again": mark("The person asked for no more questions, so nobody calls them."),
    "number_taken": mark("Somebody else on this list has this number: nobody is called twice on one number."),
    "has_ended": mark("This person is done: nobody calls them any more in this survey."),
    "no_calls": mark("Nobody is called in this survey."),
    "not_held": mark("Somebody has settled this answer already."),
    "own_client": mark("This is your own client: somebody else has to judge the answer."),
    "changed_meanwhile": mark("The client has answered again meanwhile. Look at the new answer first."),
    "portal_busy": mark("Bitrix24 is busy. Try again in a few minutes."),
    "list_is_final": mark("The survey is approved; its list can no longer be made anew."),
}


@blueprint.post(f"/app/wave/<int(max={LARGEST}):wave_id>")
def page(wave_id: int) -> Response:
    """Show a survey, after doing what was decided."""
    who = frame.entered()
    form = read(WaveForm)
    if form["part"] in PARTS:
        return _part(who, wave_id, form["part"])
    notices = done(who, wave_id, form) if form["do"] else []
    found = wave_page.read(deps(), who, wave_id, chosen(form))
    if found is None:
        raise frame.Refusal("no_survey", who)
    typed = _typed(form) if any(one["tone"] == "warn" for one in notices) else {}
    path = request.path
    return frame.page(
        "app/wave/page.html", who, found=found, notices=notices, typed=typed, **_told(found), path=path,
        here=address(path, found.filter, page=str(found.page)), part_of=lambda **more: address(path, **more),
        part_of_page=address(path, found.filter), status=422 if typed else 200,
        places=[name for name in PLACES if name in current_app.blueprints],
    )  # fmt: skip


PARTS = ("making", "watch")
# Other pages about a survey.
PLACES = ("wave_report", "rehearsal", "replies", "colleagues", "desk", "partners")


def chosen(form: dict[str, Any]) -> Filter:
    """Which part of the list is asked for."""
    return Filter(**{name: form[name].strip() for name in KEPT}, page=form["page"])


def address(path: str, around: Filter | None = None, **more: str) -> str:
    """The address of the page with a filter: what is chosen, changed by `more`."""
    kept = {name: getattr(around, name) for name in KEPT} if around else {}
    if more.get("page") == "1":
        more.pop("page")
    query = urlencode({name: value for name, value in {**kept, **more}.items() if value})
    return f"{path}?{query}" if query else path


def _typed(form: dict[str, Any]) -> dict[str, Any]:
    return {
        "do": form["do"], "why": form["why"], "lines": form["lines"], "until": form["until"] or "",
        **{name: form[name] or "" for name in ("announce", "start", "closing")}, "reminders": form["reminders"],
    }  # fmt: skip


def done(who: Viewer, wave_id: int, form: dict[str, Any]) -> list[dict[str, str]]:
    """Do what somebody has decided about a survey, or a client of it, and say what came of it. Raises `Refusal`."""
    try:
        came = wave_acts.act(deps(), who, wave_id, form["do"], form)
    except WaveError as error:
        return [{"tone": "warn", "heading": _refused(error), "line": ""}]
    except DatesRefused as refused:
        return [
            {
                "tone": "warn",
                "heading": say("The dates stay as they were."),
                "line": wave_words.dates(refused.problems),
            }
        ]
    except PermissionError:
        raise frame.Refusal("wave_owners", who) from None
    except LookupError:
        raise frame.Refusal("no_survey", who) from None
    if came not in DONE:
        return []
    heading, line = DONE[came]
    return [{"tone": "good", "heading": say(heading), "line": say(line) if line else ""}]


def _refused(error: WaveError) -> str:
    """What stands in the way; mistakes of a rehearsal are listed on its own page."""
    return say(REFUSED.get(error.code, mark("The rehearsal still finds mistakes. Look through them.")))


def _part(who: Viewer, wave_id: int, part: str) -> Response:
    """How far the list or the letters are, for the script of the page."""
    if part == "watch":
        watched = wave_page.watch(deps(), who, wave_id)
        if watched is None:
            raise frame.Refusal("no_survey", who)
        return frame.fragment(
            "app/wave/_watch.html",
            who,
            watch=wave_words.watch(watched),
            part_of=lambda **more: address(request.path, **more),
        )
    found = wave_page.read(deps(), who, wave_id)
    if found is None:
        raise frame.Refusal("no_survey", who)
    return frame.fragment("app/wave/_making.html", who, found=found)


def _told(found: WavePage) -> dict[str, Any]:
    now = deps().clock.now()
    return {
        "wave": wave_words.wave(found.wave, found.standing, found.funnel, now),
        "filters": wave_list_words.filters(found),
        "lines": wave_list_words.lines(found),
        "held": wave_list_words.held(found),
        "events": wave_list_words.events(found.events),
        "watch": wave_words.watch(found.watch),
        "calls": call_words.now(found.calls),
        "out": wave_words.left_out(found.standing),
        "steps": wave_words.steps(found),
        "listed": sum(found.standing.values()),
        "announce": found.wave.day("announced"),
        "runs": found.wave.stage in ("announced", "calling", "mailing", "reminders", "closing")
        or (found.wave.stage == "rehearsed" and bool(found.wave.approved_by)),
    }

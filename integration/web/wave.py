"""The page of one survey: where it stands, the rehearsal, the list, held answers, and the decisions (product.md W, E7).

`POST /app/wave/<id>` shows it; with a `do` it first does what was decided and then shows what came of it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from marshmallow import fields, validate

from integration.current import deps
from integration.i18n import mark
from integration.services import wave_acts, wave_page
from integration.services.frames import Viewer
from integration.services.wave_page import STANDINGS, WavePage
from integration.services.waves import WaveError
from integration.web import forms, frame, rehearsal_words, wave_words
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
    "excluded": (mark("Taken off the list."), mark("Who did it and why is kept with the list.")),
    "excluded_some": (
        mark("Taken off the list, except for those who cannot be."),
        mark(
            "Who has answered stays: the answer counts, and the client with it. So does who was out before."
        ),
    ),
    "confirmed": (mark("The answer counts now."), mark("The cards and tasks follow by themselves.")),
    "rejected": (mark("The answer stays out."), mark("It counts nowhere; the person may still answer.")),
}
REFUSED = {
    "wrong_stage": mark("The survey has moved on meanwhile. This page shows where it stands now."),
    "not_frozen": mark("The list has to be made first."),
    "already_approved": mark("Somebody has approved the survey already."),
    "plan_is_past": mark(
        "The day of the question has passed. Cancel this survey; the next one is planned by itself."
    ),
    "not_running": mark("Only a survey that is under way can be paused."),
    "not_paused": mark("The survey is not paused."),
    "is_over": mark("The survey is over."),
    "has_answered": mark("This client has answered: the answer counts, so the client stays on the list."),
    "is_out": mark("This client is not on the list of those asked anyway."),
    "no_reason": mark("Please say why: it is kept with the survey."),
    "nobody_chosen": mark("Tick the clients that are to be taken out."),
    "not_held": mark("Somebody has settled this answer already."),
    "own_client": mark("This is your own client: somebody else has to judge the answer."),
    "changed_meanwhile": mark("The client has answered again meanwhile. Look at the new answer first."),
    "portal_busy": mark("Bitrix24 is busy. Try again in a few minutes."),
    "list_is_final": mark("The survey is approved; its list can no longer be made anew."),
}


class WaveForm(forms.Form):
    """What the page of a survey posts: what to do, with a reason; the filter and page of the list."""

    do = fields.String(load_default="", validate=validate.Length(max=20))
    part = fields.String(load_default="", validate=validate.Length(max=20))
    why = fields.String(load_default="", validate=validate.Length(max=2000))
    standing = fields.String(load_default="", validate=validate.OneOf(STANDINGS))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    response = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))
    seen = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))
    lines = fields.List(fields.Integer(validate=validate.Range(1, 2**31 - 1)), load_default=list)


@blueprint.post(f"/app/wave/<int(max={2**31 - 1}):wave_id>")
def page(wave_id: int) -> Response:
    """Show a survey, after doing what was decided."""
    who = frame.entered()
    form = _form()
    if form["part"] == "making":
        return _making(who, wave_id)
    notices = _act(who, wave_id, form) if form["do"] else []
    found = wave_page.read(deps(), who, wave_id, form["standing"], form["page"])
    if found is None:
        raise frame.Refusal("no_survey", who)
    typed = {"why": form["why"], "lines": form["lines"]} if any(n["tone"] == "warn" for n in notices) else {}
    return frame.page(
        "app/wave/page.html", who, found=found, notices=notices, typed=typed, **_told(found), path=request.path,
        status=422 if typed else 200,
    )  # fmt: skip


def _form() -> dict[str, Any]:
    posted: dict[str, Any] = {**request.form.to_dict(), "lines": request.form.getlist("lines")}
    found: dict[str, Any] = forms.read(WaveForm, posted)
    return found


def _act(who: Viewer, wave_id: int, form: dict[str, Any]) -> list[dict[str, str]]:
    try:
        done = wave_acts.act(deps(), who, wave_id, form["do"], form)
    except WaveError as error:
        return [{"tone": "warn", "heading": _refused(error), "line": ""}]
    except PermissionError:
        raise frame.Refusal("wave_owners", who) from None
    except LookupError:
        raise frame.Refusal("no_survey", who) from None
    if done not in DONE:
        return []
    heading, line = DONE[done]
    return [{"tone": "good", "heading": say(heading), "line": say(line)}]


def _refused(error: WaveError) -> str:
    """What stands in the way; mistakes of a rehearsal are listed on the page itself."""
    return say(REFUSED.get(error.code, mark("The rehearsal still finds mistakes. They are listed below.")))


def _making(who: Viewer, wave_id: int) -> Response:
    """How far the list is, for the script of the page."""
    found = wave_page.read(deps(), who, wave_id)
    if found is None:
        raise frame.Refusal("no_survey", who)
    return frame.fragment("app/wave/_making.html", who, found=found)


def _told(found: WavePage) -> dict[str, Any]:
    now = deps().clock.now()
    return {
        "wave": wave_words.wave(found.wave, found.standing, found.funnel, now),
        "report": rehearsal_words.report(found.report) if found.report else None,
        "filters": rehearsal_words.filters(found),
        "lines": rehearsal_words.lines(found),
        "held": rehearsal_words.held(found),
        "events": rehearsal_words.events(found.events),
        "announce": found.wave.day("announced"),
        "runs": found.wave.stage in ("announced", "calling", "mailing", "reminders", "closing")
        or (found.wave.stage == "rehearsed" and bool(found.wave.approved_by)),
    }

"""The list of all surveys, and planning one by hand: `POST /app/waves` (product.md W2, E7)."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, current_app

from integration.current import deps
from integration.i18n import mark
from integration.services import waves_list
from integration.services.frames import Viewer
from integration.services.waves import WaveError
from integration.services.waves_list import Row, WavesPage
from integration.web import frame, wave_words
from integration.web.forms.wave import PlanForm, read
from integration.web.pages import day_text, number_text, say

blueprint = Blueprint("waves", __name__)

PATH = "/app/waves"
REFUSED = {
    "no_day": mark("Choose the day on which the clients get the question."),
    "too_soon": mark("The announcement has to leave before it. The earliest day is {day}."),
    "too_far": mark("At most a year ahead."),
    "year_taken": mark("{year} has a survey already: one a year is enough for any client."),
    "not_read_yet": mark("The clients are still being read from Bitrix24. Try again when that is done."),
}


@blueprint.post(PATH)
def page() -> Response:
    """Show all surveys, after planning one if somebody wished to."""
    who = frame.entered()
    form = read(PlanForm)
    notices = _planned(who, form["start"]) if form["do"] == "plan" else []
    try:
        found = waves_list.read(deps(), who)
    except LookupError:
        raise frame.Refusal("no_survey", who) from None
    failed = any(one["tone"] == "warn" for one in notices)
    return frame.page(
        "app/wave/list.html", who, current="wave", found=found, notices=notices, path=PATH,
        rows=[_row(one) for one in found.rows], ahead=_ahead(found), status=422 if failed else 200,
        typed=form["start"].isoformat() if failed and form["start"] else "",
        report_there="wave_report" in current_app.blueprints,
    )  # fmt: skip


def _planned(who: Viewer, start: date | None) -> list[dict[str, Any]]:
    try:
        waves_list.plan(deps(), who, start)
    except WaveError as error:
        words = REFUSED.get(error.code, REFUSED["no_day"])
        values = {"day": "", "year": error.detail}
        if error.code == "too_soon":
            values["day"] = day_text(date.fromisoformat(error.detail))
        return [{"tone": "warn", "heading": say("Nothing has been planned."), "line": say(words, **values)}]
    except PermissionError:
        raise frame.Refusal("wave_owners", who) from None
    line = say("Open it to make the list and rehearse. Nothing is sent before somebody approves it.")
    return [{"tone": "good", "heading": say("The survey is planned."), "line": line}]


def _row(one: Row) -> dict[str, Any]:
    head, view = one.headline, one.view
    interval = head.interval
    base = number_text(head.base) if head.known else ""
    return {
        "id": view.id, "name": view.name, "badge": wave_words.badge(view), "imported": view.imported,
        "day": one.day, "closing": view.day("closing"), "listed": one.listed, "n": head.n,
        "answered": say("{n} of {of}", n=number_text(head.n), of=base) if base else number_text(head.n),
        "share": head.n / head.base if head.known and head.base else None,
        "nps": head.nps, "few": head.n > 0 and head.nps is None,
        "range": f"{number_text(interval.low)} … {number_text(interval.high)}" if interval else "",
        "report": view.stage not in ("draft", "rehearsed", "cancelled"),
    }  # fmt: skip


def _ahead(found: WavesPage) -> str:
    if found.ahead is None:
        return ""
    return say(
        "The next one is planned by itself on {drafted}, for {start}.",
        drafted=day_text(found.ahead.drafted), start=day_text(found.ahead.start),
    )  # fmt: skip

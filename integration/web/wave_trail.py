"""The audit trail of one survey: `POST /app/wave/<id>/trail`, as a page or as a file (product.md W15, P5)."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request

from integration.current import deps
from integration.services import wave_trail
from integration.services.frames import Viewer
from integration.services.wave_trail import TrailPage
from integration.web import frame, table_files, wave_list_words
from integration.web.forms.wave import LARGEST, TrailForm, read
from integration.web.pages import say, zone
from integration.web.table_files import Row

blueprint = Blueprint("wave_trail", __name__)


@blueprint.post(f"/app/wave/<int(max={LARGEST}):wave_id>/trail")
def page(wave_id: int) -> Response:
    """Show a page of the trail, or give all of it as CSV."""
    who = frame.entered()
    form = read(TrailForm)
    found = _found(who, wave_id, form["page"], whole=form["format"] == "csv")
    if form["format"] == "csv":
        return table_files.answer(_rows(found), "csv", f"survey-{wave_id}-trail", say("Who did what"))
    return frame.page(
        "app/wave/trail.html", who, current="wave", found=found, path=request.path, back=f"/app/wave/{wave_id}",
        events=wave_list_words.events(found.lines, found.clients),
    )  # fmt: skip


def _found(who: Viewer, wave_id: int, page: int, *, whole: bool) -> TrailPage:
    try:
        found = wave_trail.read(deps(), who, wave_id, page, whole=whole)
    except PermissionError:
        raise frame.Refusal("wave_owners", who) from None
    if found is None:
        raise frame.Refusal("no_survey", who)
    return found


def _rows(found: TrailPage) -> Iterator[Row]:
    yield say("When"), say("Who"), say("What"), say("Client"), say("Detail")
    for one in wave_list_words.events(found.lines, found.clients):
        moment = one["when"].astimezone(zone()).replace(tzinfo=None)
        yield moment, one["who"] or say("by itself"), one["what"], one["client"], one["detail"]

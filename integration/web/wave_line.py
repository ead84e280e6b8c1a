"""One client in one survey: `POST /app/wave/<id>/client/<line>`, and what can be decided about it (product.md W15)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from integration.current import deps
from integration.services import wave_line
from integration.web import frame, wave_line_words
from integration.web.forms.wave import LARGEST, WaveForm, read
from integration.web.wave import done

blueprint = Blueprint("wave_line", __name__)


@blueprint.post(f"/app/wave/<int(max={LARGEST}):wave_id>/client/<int(max={LARGEST}):line_id>")
def page(wave_id: int, line_id: int) -> Response:
    """Show a client's line, after doing what was decided about it."""
    who = frame.entered()
    form = read(WaveForm)
    if form["do"] and not g.admitted.rights.may_run_waves:
        raise frame.Refusal("wave_owners", who)
    if wave_line.read(deps(), who, wave_id, line_id) is None:
        raise frame.Refusal("no_survey", who)
    notices = done(who, wave_id, {**form, "lines": [line_id]}) if form["do"] else []
    found = wave_line.read(deps(), who, wave_id, line_id)
    if found is None:
        raise frame.Refusal("no_survey", who)
    failed = any(one["tone"] == "warn" for one in notices)
    typed: dict[str, Any] = {
        "do": form["do"],
        "why": form["why"],
        "until": form["until"],
        "who": form["invitation"],
        "phone": form["phone"],
    }
    return frame.page(
        "app/wave/line.html", who, current="wave", found=found, notices=notices, path=request.path,
        back=f"/app/wave/{wave_id}", typed=typed if failed else {}, words=wave_line_words,
        status=422 if failed else 200,
    )  # fmt: skip

"""The report of a survey, and the survey as a file (product.md N, W14, P5).

`POST /app/wave/<id>/report` shows it; `POST /app/wave/<id>/export` gives a workbook, or one table of it as CSV. Whoever
takes a file is named in the survey's audit trail.
"""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, Response, abort, request
from marshmallow import fields, validate

from integration.current import deps
from integration.services import rights, wave_export, wave_report, workbooks
from integration.services.frames import Viewer
from integration.services.wave_export import SHEETS, Export
from integration.web import forms, frame, report_words, table_files, wave_sheets
from integration.web.pages import zone

blueprint = Blueprint("wave_report", __name__)

_WAVE = f"/app/wave/<int(max={2**31 - 1}):wave_id>"


class ExportForm(forms.Form):
    """What is to be saved: the whole as a workbook, or one table as CSV; nothing without a format."""

    format = fields.String(load_default="", validate=validate.OneOf(("xlsx", "csv")))
    sheet = fields.String(load_default="clients", validate=validate.OneOf(SHEETS))


@blueprint.post(f"{_WAVE}/report")
def page(wave_id: int) -> Response:
    """Show the report of a survey, as far as the viewer may see its clients."""
    return _page(frame.entered(), wave_id)


def _page(who: Viewer, wave_id: int) -> Response:
    found = wave_report.read(deps(), who, wave_id)
    if found is None:
        raise frame.Refusal("no_survey", who)
    sheets = wave_sheets.named(found.rights.may_run_waves)
    return frame.page(
        "app/report/page.html", who, found=found, told=report_words.told(found), sheets=sheets,
        min_group=found.min_group, workbooks=found.workbooks,
        base=f"/app/wave/{wave_id}",
    )  # fmt: skip


@blueprint.post(f"{_WAVE}/export")
def export(wave_id: int) -> Response:
    """The survey as a file: what the viewer may see of it, and nothing else; the report where none is asked for."""
    who = frame.entered()
    form: dict[str, Any] = forms.read(ExportForm, request.form.to_dict())
    kind, sheet = form["format"], form["sheet"]
    if not kind:
        return _page(who, wave_id)
    if kind == "xlsx" and not workbooks.available():
        abort(404)
    with wave_export.opened(deps(), who, wave_id) as found:
        if found is None:
            raise frame.Refusal("no_survey", who)
        if found.report.sees_none:
            raise frame.Refusal("foreign", who)
        if kind == "csv" and sheet not in found.sheets():
            abort(404)
        made = _workbook(found) if kind == "xlsx" else _table(found, sheet)
    _noted(who, wave_id, kind if kind == "xlsx" else f"{kind}: {sheet}")
    return made


def _workbook(found: Export) -> Response:
    out = io.BytesIO()
    workbooks.write(wave_sheets.sheets(found), out)
    made = Response(out.getvalue(), 200, mimetype=table_files.TYPES["xlsx"])
    made.headers["Content-Disposition"] = f'attachment; filename="{_name(found)}.xlsx"'
    return made


def _table(found: Export, sheet: str) -> Response:
    return table_files.answer(wave_sheets.rows(found, sheet), "csv", f"{_name(found)}-{sheet}", sheet)


def _name(found: Export) -> str:
    """Without the ending, ASCII, with the day on which it was taken: surveys may be called anything."""
    called = "".join(one for one in found.wave.name if one.isascii() and (one.isalnum() or one in "-_"))
    day = deps().clock.now().astimezone(zone()).strftime("%Y-%m-%d")
    return f"molva-{called or found.wave.id}-{day}"


def _noted(who: Viewer, wave_id: int, what: str) -> None:
    wave_export.note(deps(), who.portal_id, wave_id, rights.recorded_as(deps(), who), what)

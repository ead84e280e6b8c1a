"""The call centre of a survey: links for its people, who looked at whom, sheets out and in (product.md W9).

For those who run surveys: administrators, the head, the owner. `web.calls` is what a link opens.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, g, request

from integration.current import deps
from integration.i18n import LANGUAGES, NAMES
from integration.services import rights
from integration.services.calling import partner_log, partners, sheet_book, sheet_out, sheet_page, sheets
from integration.services.calling.partners import Made
from integration.services.calling.sheet_page import Listing
from integration.services.frames import Viewer
from integration.services.past_tables import ImportRefused
from integration.services.waves_errors import WaveError
from integration.web import forms, frame, table_files
from integration.web import partner_words as words
from integration.web.forms.partners import LogForm, PartnersForm, SheetForm
from integration.web.forms.wave import LARGEST
from integration.web.pages import language, say
from integration.web.table_files import Row

blueprint = Blueprint("partners", __name__)

PATH = f"/app/wave/<int(max={LARGEST}):wave_id>/partners"
SHEET = f"{PATH}/sheet/<int(max={LARGEST}):sheet_id>"
UPLOAD = sheets.MOST_BYTES + 64 * 1024  # the file with the form around it


@blueprint.post(PATH)
def page(wave_id: int) -> Response:
    """The call centre of a survey, after doing what was decided."""
    who = _entered(size=UPLOAD)
    form = forms.read(PartnersForm, request.form.to_dict())
    match form["do"]:
        case "make" | "anew":
            return _made(who, wave_id, form)
        case "revoke":
            done = partners.revoke(deps(), who.portal_id, wave_id, form["link"], who=_author(who))
            text = say("The link is revoked.") if done else say("This link had ended before.")
            line = (
                say("Nothing more is recorded under it; the client it had in hand goes back.") if done else ""
            )
            return _page(who, wave_id, notices=[_notice("good" if done else "info", text, line)])
        case "return":
            count = sheet_out.give_back(deps(), who.portal_id, wave_id, form["sheet"])
            line = say("Results that come back later are still taken in.") if count else ""
            return _page(who, wave_id, notices=[_notice("good", say("The clients are free again."), line)])
        case "upload":
            return _uploaded(who, wave_id)
    return _page(who, wave_id)


def _made(who: Viewer, wave_id: int, form: dict[str, Any]) -> Response:
    try:
        if form["do"] == "anew":
            made = partners.anew(deps(), who.portal_id, wave_id, form["link"], who=_author(who))
        else:
            made = partners.make(
                deps(), who.portal_id, wave_id, name=form["name"], firm=form["firm"], language=form["language"],
                until=form["until"], who=_author(who),
            )  # fmt: skip
    except WaveError as error:
        field, text = words.FIELD.get(error.code, ""), words.refused(error)
        notices = [] if field else [_notice("warn", text)]
        return _page(
            who, wave_id, notices=notices, problems={field: text} if field else {}, typed=form, status=422
        )
    return _page(who, wave_id, made=made)


def _uploaded(who: Viewer, wave_id: int) -> Response:
    file = request.files.get("file")
    data = file.read(sheets.MOST_BYTES + 1) if file is not None else b""
    if file is None or not file.filename or not data:
        return _page(who, wave_id, problems={"file": words.upload("no_file")}, status=422)
    try:
        made = sheets.begin(deps(), who.portal_id, wave_id, _file_name(file.filename), data, who=_author(who))
    except ImportRefused as error:
        problem = words.upload(error.code, str(error))
        return _page(who, wave_id, problems={"file": problem}, status=422)
    return _listing(who, wave_id, made)


def _page(
    who: Viewer, wave_id: int, *, notices: list[dict[str, str]] | None = None, made: Made | None = None,
    problems: dict[str, str] | None = None, typed: dict[str, Any] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    days = partners.last_day(deps(), who.portal_id, wave_id)
    span = sheet_out.span(deps(), who.portal_id, wave_id)
    log = partner_log.page(deps(), who.portal_id, wave_id)
    return frame.page(
        "app/wave/partners.html", who, current="wave", status=status, notices=notices or [], made=made,
        until=words.through(made.until) if made else "", problems=problems or {}, typed=typed or {}, days=days,
        span=span, path=_path(wave_id), back=f"/app/wave/{wave_id}",
        languages_of=[(one, NAMES[one]) for one in LANGUAGES],
        links=words.links(partners.of(deps(), who.portal_id, wave_id)),
        sheets=[words.sheet(one) for one in sheet_page.latest(deps(), who.portal_id, wave_id)],
        looks=[words.look(one) for one in log.lines[:8]], xlsx=sheet_book.available(),
    )  # fmt: skip


# --- a sheet out


@blueprint.post(f"{PATH}/out")
def out(wave_id: int) -> Response:
    """A sheet as a file (`do=out`); whoever is on it is reserved."""
    who = _entered()
    form = forms.read(PartnersForm, request.form.to_dict())
    kind = form["format"]
    if form["do"] != "out":
        return _page(who, wave_id)
    if kind == "xlsx" and not sheet_book.available():
        return _page(who, wave_id, notices=[_notice("warn", words.refused(WaveError("no_xlsx")))], status=422)
    try:
        taken = sheet_out.take_out(
            deps(),
            who.portal_id,
            wave_id,
            who=_author(who),
            remote=request.remote_addr or "",
            until=form["until"],
        )
    except WaveError as error:
        return _page(who, wave_id, notices=[_notice("warn", words.refused(error))], status=422)
    name = f"calls-{taken.wave if taken.wave.isascii() and taken.wave.isalnum() else wave_id}-{taken.id}"
    if kind == "csv":
        return table_files.answer(sheet_book.rows(taken, language()), kind, name, "")
    file = io.BytesIO()
    sheet_book.write(taken, language(), file)
    answer = Response(file.getvalue(), 200, mimetype=table_files.TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


# --- a sheet that came back


@blueprint.post(SHEET)
def sheet(wave_id: int, sheet_id: int) -> Response:
    """A sheet that came back with its rows, after doing what was decided."""
    who = _entered()
    form = forms.read(SheetForm, request.form.to_dict())
    if form["part"] == "progress":
        return _progress(who, wave_id, sheet_id)
    done = ""
    if form["do"] == "start":
        done = sheets.start(deps(), who.portal_id, wave_id, sheet_id, who=_author(who))
        if done == "done":
            sheets.hurry(deps(), who.portal_id, sheet_id)
    elif form["do"] == "drop":
        done = sheets.drop(deps(), who.portal_id, wave_id, sheet_id)
        if done == "done":
            return _page(
                who, wave_id, notices=[_notice("info", say("The sheet is forgotten; nothing was recorded."))]
            )
    notices = [_notice("warn", say(words.DECIDED[done]))] if done in words.DECIDED else []
    return _listing(who, wave_id, sheet_id, form["view"], form["page"], notices)


def _listing(
    who: Viewer, wave_id: int, sheet_id: int, view: str = "", page: int = 1,
    notices: list[dict[str, str]] | None = None,
) -> Response:  # fmt: skip
    found = _found(who, wave_id, sheet_id, view, page)
    brief = found.brief
    return frame.page(
        "app/wave/call_sheet.html", who, current="wave", status=409 if notices else 200, notices=notices or [],
        found=found, brief=brief, told=words.sheet(brief), views=words.views(brief), words=words,
        path=f"{_path(wave_id)}/sheet/{sheet_id}", parent=_path(wave_id), active=brief.stage == "applying",
        line_path=f"/app/wave/{wave_id}/client/",
    )  # fmt: skip


def _progress(who: Viewer, wave_id: int, sheet_id: int) -> Response:
    found = _found(who, wave_id, sheet_id)
    return frame.fragment(
        "app/wave/_call_sheet_progress.html", who, current="wave", found=found, brief=found.brief,
        active=found.brief.stage == "applying",
    )  # fmt: skip


def _found(who: Viewer, wave_id: int, sheet_id: int, view: str = "", page: int = 1) -> Listing:
    found = sheet_page.show(deps(), who.portal_id, wave_id, sheet_id, view, page)
    if found is None:
        raise frame.Refusal("no_list", who)
    return found


@blueprint.post(f"{SHEET}/report")
def report(wave_id: int, sheet_id: int) -> Response:
    """What became of every row of a sheet, as a file."""
    who = _entered()
    form = forms.read(SheetForm, request.form.to_dict())
    _found(who, wave_id, sheet_id)
    return table_files.answer(
        _report(who, sheet_id), form["format"], f"calls-report-{sheet_id}", say("Calls")
    )


def _report(who: Viewer, sheet_id: int) -> Iterator[Row]:
    yield (
        say("Sheet"), say("Row"), say("Code"), say("Client"), say("Person"), say("Date"), say("Time"), say("Outcome"),
        say("Score"), say("Comment"), say("Call back at"), say("Who called"), say("What became of it"), say("Reason"),
        say("Extra answers"),
    )  # fmt: skip
    for row in sheet_page.report(deps(), who.portal_id, sheet_id):
        yield (
            words.page_name(row.page), row.number, row.code, row.client, row.person, row.day, row.hour,
            words.outcome(row), row.score if row.score is not None else "", row.comment, row.back.replace("T", " "),
            row.caller, say(words.STATUSES.get(row.status, words.STATUSES["new"])), words.why(row),
            "\n".join(f"{question}: {value}" for question, value in words.extra_answers(row)),
        )  # fmt: skip


# --- who looked at whom


@blueprint.post(f"{PATH}/log")
def looks(wave_id: int) -> Response:
    """Who of the call centre looked at whom; all of it as a file, too."""
    who = _entered()
    form = forms.read(LogForm, request.form.to_dict())
    if form["format"]:
        lines = _looks(who, wave_id)
        return table_files.answer(lines, form["format"], f"calls-views-{wave_id}", say("Looks"))
    found = partner_log.page(deps(), who.portal_id, wave_id, link_id=form["link"], before=form["before"])
    return frame.page(
        "app/wave/partner_log.html", who, current="wave", looks=[words.look(one) for one in found.lines],
        following=found.following, link=form["link"], first=not form["before"], path=f"{_path(wave_id)}/log",
        parent=_path(wave_id), line_path=f"/app/wave/{wave_id}/client/",
    )  # fmt: skip


def _looks(who: Viewer, wave_id: int) -> Iterator[Row]:
    yield (
        say("When"),
        say("Who"),
        say("What"),
        say("Client"),
        say("Person"),
        say("People"),
        say("Network address"),
    )
    for one in partner_log.whole(deps(), who.portal_id, wave_id):
        what = say(words.WHATS.get(one.what, words.WHATS["desk"]))
        yield one.at, one.who, what, one.client, one.person, one.count, one.remote


# --- what they share


def _entered(size: int = forms.PAGE) -> Viewer:
    """Somebody who runs surveys, and a survey of their portal, else a refusal."""
    who = frame.entered(size=size)
    if not g.admitted.rights.may_run_waves:
        raise frame.Refusal("wave_owners", who)
    number = (request.view_args or {}).get("wave_id", 0)
    if not partners.exists(deps(), who.portal_id, number):
        raise frame.Refusal("no_survey", who)
    return who


def _path(wave_id: int) -> str:
    return f"/app/wave/{wave_id}/partners"


def _author(who: Viewer) -> str:
    return rights.recorded_as(deps(), who)


def _notice(tone: str, heading: str, line: str = "") -> dict[str, str]:
    return {"tone": tone, "heading": heading, "line": line}


def _file_name(name: str) -> str:
    return " ".join(name.replace("\\", "/").rpartition("/")[2].split())[-200:] or "file"

"""Past referrals: a file or the portal's own source becomes a list that is looked at, decided on, taken over and, if
need be, taken back; for administrators (product.md R, P4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, request

from integration.current import deps
from integration.nps.people import CardKey
from integration.services import referral_candidates, referral_import_page, referral_imports, rights
from integration.services.frames import Viewer
from integration.services.past_tables import ImportRefused
from integration.services.referral_candidates import Candidate
from integration.services.referral_import_page import Listing, RowView
from integration.services.referral_imports import ACTIVE, MOST_BYTES
from integration.services.referral_imports import Candidate as Chosen
from integration.web import forms, frame, referral_words, table_files
from integration.web import referral_import_words as words
from integration.web.forms.referral_import import ListForm, SourcesForm, UploadForm, card
from integration.web.pages import day_text, say
from integration.web.table_files import Row

blueprint = Blueprint("referral_import", __name__)
PATH = "/app/referrals/import"
UPLOAD = MOST_BYTES + 64 * 1024  # the file with the form around it
LONGEST = 300  # characters of a name
_LIST = f"{PATH}/<int(max={2**31 - 1}):import_id>"


@blueprint.post(PATH)
def overview() -> Response:
    """Choose a file, or go on with an earlier list."""
    who = frame.entered(administrator=True, size=UPLOAD)
    form = forms.read(UploadForm, request.form.to_dict())
    if form["do"] != "upload":
        return _overview(who, form)
    file = request.files.get("file")
    data = file.read(MOST_BYTES + 1) if file is not None else b""
    if file is None or not file.filename or not data:
        return _overview(who, form, problem=words.refused("no_file"))
    try:
        made = referral_imports.begin(
            deps(), who.portal_id, _file_name(file.filename), data, who=_author(who), order=form["order"]
        )
    except ImportRefused as error:
        return _overview(who, form, problem=words.refused(error.code, str(error)))
    referral_imports.hurry(deps(), who.portal_id, made)
    return _listing(who, made)


def _overview(who: Viewer, form: dict[str, Any], *, problem: str = "") -> Response:
    found = referral_import_page.latest(deps(), who.portal_id)
    return frame.page(
        "app/referrals/import.html", who, status=422 if problem else 200, path=PATH, problem=problem,
        order=form["order"], orders=[(code, say(text)) for code, text in words.ORDERS], words=words,
        lists=[(brief, words.stage(brief)) for brief in found],
    )  # fmt: skip


def _file_name(name: str) -> str:
    return " ".join(name.replace("\\", "/").rpartition("/")[2].split())[-200:] or "file"


def _author(who: Viewer) -> str:
    return rights.recorded_as(deps(), who)


# --- one list


@blueprint.post(_LIST)
def listing(import_id: int) -> Response:
    """A list with its rows, after doing what was decided."""
    who = frame.entered(administrator=True)
    form = forms.read(ListForm, request.form.to_dict())
    if form["part"] == "progress":
        return _progress(who, import_id)
    done = DOINGS[form["do"]](who, import_id, form) if form["do"] in DOINGS else ""
    if (form["do"], done) == ("drop", "done"):
        return _overview(who, {"order": ""})
    notices = [_notice(form["do"], done)] if done else []
    return _listing(who, import_id, form["view"], form["page"], [one for one in notices if one])


def _start(who: Viewer, import_id: int, form: dict[str, Any]) -> str:
    return referral_imports.start(deps(), who.portal_id, import_id)


def _undo(who: Viewer, import_id: int, form: dict[str, Any]) -> str:
    return referral_imports.take_back(deps(), who.portal_id, import_id)


def _drop(who: Viewer, import_id: int, form: dict[str, Any]) -> str:
    return referral_imports.drop(deps(), who.portal_id, import_id)


def _decide(who: Viewer, import_id: int, form: dict[str, Any]) -> str:
    """Another name beats a choice: whoever types one did not find theirs among the choices."""
    picked = card(form["pick"])
    if form["said"].strip() or picked is None:
        done = referral_imports.reword(
            deps(), who.portal_id, import_id, form["number"], form["side"], form["said"]
        )
    else:
        done = referral_imports.pick(deps(), who.portal_id, import_id, form["number"], form["side"], picked)
    return _looked(who, import_id, done)


def _replace(who: Viewer, import_id: int, form: dict[str, Any]) -> str:
    return _looked(who, import_id, referral_imports.replace(deps(), who.portal_id, import_id, form["number"]))


def _leave(who: Viewer, import_id: int, form: dict[str, Any]) -> str:
    return _looked(who, import_id, referral_imports.leave(deps(), who.portal_id, import_id, form["number"]))


def _looked(who: Viewer, import_id: int, done: str) -> str:
    if done == "done":
        referral_imports.hurry(deps(), who.portal_id, import_id)
    return done


DOINGS = {
    "start": _start, "undo": _undo, "drop": _drop, "decide": _decide, "replace": _replace, "leave": _leave,
}  # fmt: skip


def _notice(do: str, done: str) -> dict[str, str]:
    if done != "done":
        return {"tone": "warn", "heading": say(words.DECIDED[done]), "line": ""}
    if do in words.DONE:
        return {"tone": "good", "heading": say(words.DONE[do]), "line": ""}
    return {}


def _listing(
    who: Viewer, import_id: int, view: str = "", page: int = 1, notices: list[dict[str, str]] | None = None
) -> Response:
    found = referral_import_page.show(deps(), who.portal_id, import_id, view, page)
    if found is None:
        raise frame.Refusal("no_list", who)
    own = tuple(found.names.items())
    wrong = any(one["tone"] == "warn" for one in notices or [])
    return frame.page(
        "app/referrals/import_list.html", who, notices=notices or [], status=409 if wrong else 200, found=found,
        brief=found.brief, path=f"{PATH}/{import_id}", parent=PATH, stage=words.stage(found.brief), words=words,
        views=words.views(found.brief), active=found.brief.stage in ACTIVE, rows=[_row(row, own) for row in found.rows],
    )  # fmt: skip


def _row(row: RowView, own: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "row": row, "why": words.why(row, own), "day": day_text(row.day, "medium") if row.day else "",
        "source": referral_words.source(row.source, own) if row.source else "", "status": words.status(row),
        "choices": [(f"{key.kind}:{key.id}", key, words.name((key, text))) for key, text in row.choices],
    }  # fmt: skip


def _progress(who: Viewer, import_id: int) -> Response:
    found = referral_import_page.show(deps(), who.portal_id, import_id)
    if found is None:
        raise frame.Refusal("no_list", who)
    return frame.fragment(
        "app/referrals/_import_progress.html", who, found=found, brief=found.brief,
        active=found.brief.stage in ACTIVE,
    )  # fmt: skip


@blueprint.post(f"{_LIST}/report")
def report(import_id: int) -> Response:
    """What became of every row, as a file."""
    who = frame.entered(administrator=True)
    form = forms.read(ListForm, request.form.to_dict())
    found = referral_import_page.show(deps(), who.portal_id, import_id)
    if found is None:
        raise frame.Refusal("no_list", who)
    lines = _report(who, import_id, found)
    return table_files.answer(lines, form["format"], f"referrals-import-{import_id}", say("Recommendations"))


def _report(who: Viewer, import_id: int, found: Listing) -> Iterator[Row]:
    own = tuple(found.names.items())
    yield (
        say("Row"), say("Client"), say("Recommended by"), say("Date"), say("Source"), say("Note"), say("Outcome"),
        say("Why"), say("Client’s card"), say("Referrer’s card"), say("Choices"),
    )  # fmt: skip
    for row in referral_import_page.report(deps(), who.portal_id, import_id):
        yield (
            row.number, row.client, row.referrer, row.day,
            referral_words.source(row.source, own) if row.source else "", row.note, words.status(row),
            words.why(row, own), _card(row.client_card), _card(row.referrer_card),
            "; ".join(f"{_card(one)} {one[1]}" for one in row.choices),
        )  # fmt: skip


def _card(named: tuple[CardKey, str] | None) -> str:
    return f"{named[0].kind}:{named[0].id}" if named else ""


# --- candidates


@blueprint.post(f"{PATH}/sources")
def sources() -> Response:
    """Clients whom the portal's own source says to have come by recommendation."""
    who = frame.entered(administrator=True)
    form = forms.read(SourcesForm, request.form.to_dict())
    after = card(form["after"])
    if form["do"] not in ("check", "all"):
        return _sources(who, after)
    try:
        chosen = _chosen() if form["do"] == "check" else referral_candidates.everybody(deps(), who.portal_id)
        made = referral_imports.begin_sources(
            deps(), who.portal_id, chosen, name=say("By recommendation in Bitrix24"), who=_author(who)
        )
    except ImportRefused as error:
        return _sources(who, after, words.refused("nobody" if error.code == "no_rows" else error.code))
    referral_imports.hurry(deps(), who.portal_id, made)
    return _listing(who, made)


def _chosen() -> list[Chosen]:
    """The clients that were ticked or for whom somebody was named, as the page posted them."""
    ticked = set(request.form.getlist("take"))
    found = []
    for text in request.form.getlist("card")[: referral_candidates.PAGE]:
        key = card(text)
        said = " ".join(request.form.get(f"said-{text}", "").split())[:LONGEST]
        if key is not None and key.kind in ("lead", "deal") and (text in ticked or said):
            found.append(Chosen(key, request.form.get(f"name-{text}", "")[:LONGEST], _posted_day(text), said))
    return found


def _posted_day(text: str) -> date | None:
    try:
        return date.fromisoformat(request.form.get(f"day-{text}", ""))
    except ValueError:
        return None


def _sources(who: Viewer, after: CardKey | None, problem: str = "") -> Response:
    found = referral_candidates.page(deps(), who.portal_id, after)
    following = found.following
    return frame.page(
        "app/referrals/import_sources.html", who, status=422 if problem else 200, path=f"{PATH}/sources", parent=PATH,
        problem=problem, source=found.source, candidates=[_candidate(one) for one in found.candidates],
        after=f"{after.kind}:{after.id}" if after else "",
        following=f"{following.kind}:{following.id}" if following else "",
    )  # fmt: skip


def _candidate(one: Candidate) -> dict[str, Any]:
    key = one.card
    return {
        "id": f"{key.kind}:{key.id}", "card": key, "client": one.client,
        "name": referral_words.card(one.client, one.name), "plain": one.name, "unknown": one.unknown,
        "day": one.day.isoformat() if one.day else "", "since": day_text(one.day, "medium") if one.day else "",
    }  # fmt: skip

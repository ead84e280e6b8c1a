"""The page of a survey's rehearsal: what is wrong, who gets what and when, letters on real data (product.md W4, P4).

`POST /app/wave/<id>/rehearsal` shows it; with a `do` it first does what was decided. Who is shown stands in the address
(`?show=shared&q=Anna`). `…/letter` is one letter for a frame of its own, `…/people` the plan as a file.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

from integration.current import deps
from integration.i18n import mark
from integration.nps.intents import LetterKind
from integration.nps.letter_source import Received
from integration.services import (
    letter_tests,
    letter_texts,
    rehearsal_letters,
    rehearsal_page,
    rehearsal_plan,
    rehearsals,
    rights,
    signatures,
)
from integration.services.frames import Viewer
from integration.services.letter_tests import NotSent
from integration.services.rehearsal_letters import Shown
from integration.services.rehearsal_page import RehearsalPage
from integration.services.rehearsals import Making
from integration.services.waves_errors import WaveError
from integration.web import forms, frame, rehearsal_words, table_files
from integration.web.finding_words import LETTERS
from integration.web.forms.rehearsal import SOURCE, RehearsalForm
from integration.web.pages import say, show
from integration.web.settings.letter_words import test_refused, unsigned

blueprint = Blueprint("rehearsal", __name__)
_WAVE = f"/app/wave/<int(max={2**31 - 1}):wave_id>/rehearsal"
REFUSED = {
    "wrong_stage": mark("The survey has moved on meanwhile. This page shows where it stands now."),
    "no_sender": mark("This person signs nothing any more."),
    "bad_selector": mark("A selector is one word, as it stands before “._domainkey”."),
    "no_letter": mark(
        "This is not the source of a letter. Copy it from “Show original” of your mail program."
    ),
    "other_sender": mark("Somebody else has sent this letter. Take a test letter that this person signs."),
    "no_verdict": mark(
        "This letter does not tell whether it is signed. Copy the whole source, from its first line."
    ),
}
SHOWN = {
    "pass": (mark("The letter was signed."), mark("The look at the domain is made once more.")),
    "fail": (mark("The letter was signed, but the signature did not hold."), ""),
    "none": (mark("The letter was not signed."), ""),
}


@blueprint.post(_WAVE)
def page(wave_id: int) -> Response:
    """Show the rehearsal of a survey, after doing what was decided."""
    who = _entered(size=SOURCE)
    form = _form()
    if form["part"] == "making":
        return _making(who, wave_id)
    if form["part"] == "fate":
        fate = letter_tests.fate(deps(), who.portal_id, form["test_letter"]) if form["test_letter"] else None
        return frame.fragment("app/settings/letters_fate.html", who, fate=fate)
    done = _ACTS[form["do"]](who, wave_id, form) if form["do"] in _ACTS else {}
    found = rehearsal_page.read(deps(), who, wave_id, form["q"], form["show"], form["page"])
    if found is None:
        raise frame.Refusal("no_survey", who)
    status = int(done.pop("status", 200))
    base = f"/app/wave/{wave_id}"
    return frame.page(
        "app/wave/rehearsal.html", who, status=status, found=found, form=form, base=base, path=f"{base}/rehearsal",
        here=_here(base, found), current="wave", **{**_told(who, wave_id, found, form), **done},
    )  # fmt: skip


@blueprint.post(f"{_WAVE}/letter", endpoint="letter")
def letter(wave_id: int) -> Response:
    """One letter to one person, for a frame of its own: nothing in it runs, loads or leads anywhere."""
    who = _entered()
    form = _form()
    made = _shown(who, wave_id, form)
    if made is None:
        raise frame.Refusal("no_survey", who)
    if made.html and form["view"] == "letter":
        answer = Response(made.html, mimetype="text/html")
    else:
        text = made.text or say("This letter cannot be shown yet.")
        answer = show("app/settings/letters_text.html", text=text, language=made.language)
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
        f"frame-ancestors 'self' {who.origin}; sandbox"
    )
    return answer


@blueprint.post(f"{_WAVE}/people", endpoint="people")
def people(wave_id: int) -> Response:
    """Who gets what and when, as a file for a spreadsheet: a line per letter."""
    who = _entered()
    _known(who, wave_id)
    rows = rehearsal_words.table(rehearsal_plan.everybody(deps(), who.portal_id, wave_id))
    return table_files.answer(rows, "csv", f"rehearsal-{wave_id}", "")


def _entered(size: int = forms.PAGE) -> Viewer:
    """Whoever may run surveys; somebody else is told whose business it is."""
    who = frame.entered(size=size)
    if not g.admitted.rights.may_run_waves:
        raise frame.Refusal("wave_owners", who)
    return who


def _form() -> dict[str, Any]:
    found: dict[str, Any] = forms.read(RehearsalForm, {**request.args.to_dict(), **request.form.to_dict()})
    return found


def _here(base: str, found: RehearsalPage) -> str:
    """The address of this page with the people it shows, kept by every form."""
    plan = found.plan
    chosen = {"q": plan.words, "show": plan.show, "page": plan.page if plan.page > 1 else ""} if plan else {}
    kept = urlencode({name: value for name, value in chosen.items() if value})
    return f"{base}/rehearsal" + (f"?{kept}" if kept else "")


def _making(who: Viewer, wave_id: int) -> Response:
    return frame.fragment("app/wave/rehearsal_making.html", who, making=_known(who, wave_id))


def _known(who: Viewer, wave_id: int) -> Making | None:
    """How far the rehearsal of a survey is; ends the request for a survey the portal does not have."""
    try:
        return rehearsal_page.making(deps(), who, wave_id)
    except LookupError:
        raise frame.Refusal("no_survey", who) from None


def _shown(who: Viewer, wave_id: int, form: dict[str, Any]) -> Shown | None:
    kind = letter_texts.kind_of(form["letter"])
    if kind is None or not form["person"]:
        return None
    return rehearsal_letters.shown(deps(), who.portal_id, wave_id, form["person"], kind)


def _told(who: Viewer, wave_id: int, found: RehearsalPage, form: dict[str, Any]) -> dict[str, Any]:
    base = f"/app/wave/{wave_id}"
    settings = g.admitted.rights.may_set_up
    rows = rehearsal_words.people(found)
    person, kind = _chosen(who, wave_id, found, form)
    return {
        "told": rehearsal_words.found(found.kept, found.policy, base, settings),
        "out": rehearsal_words.out(found, base), "people": rows, "mail": rehearsal_words.mail(found),
        "zones": rehearsal_words.zones(found.kept.zones) if found.kept else [],
        "shows": rehearsal_words.shows(found),
        "letters": [[one, say(LETTERS[one])] for one in found.letters if one in LETTERS],
        "letter": kind, "person": person, "chosen": form["person"] if person else 0,
        "unsigned": unsigned(person.problem) if person and person.problem else "",
        "address": form["address"] or letter_tests.own_address(deps(), who.portal_id, who.user_id),
        "once": secrets.token_urlsafe(12), "wrong": {},
    }  # fmt: skip


def _chosen(
    who: Viewer, wave_id: int, found: RehearsalPage, form: dict[str, Any]
) -> tuple[Shown | None, LetterKind]:
    """Whose letter stands on the page: the person chosen, else the first of those shown."""
    kind: LetterKind = letter_texts.kind_of(form["letter"]) or "invitation"
    if not form["person"] and found.plan and found.plan.people:
        form["person"] = found.plan.people[0].id
    return _shown(who, wave_id, {**form, "letter": kind}), kind


def _rehearse(who: Viewer, wave_id: int, form: dict[str, Any]) -> dict[str, Any]:
    return _ordered(who, wave_id, anew=True)


def _look(who: Viewer, wave_id: int, form: dict[str, Any]) -> dict[str, Any]:
    return _ordered(who, wave_id, anew=False)


def _ordered(who: Viewer, wave_id: int, *, anew: bool) -> dict[str, Any]:
    try:
        rehearsals.order(deps(), who.portal_id, wave_id, rights.recorded_as(deps(), who), anew=anew)
    except WaveError as error:
        if error.code == "no_such_wave":
            raise frame.Refusal("no_survey", who) from None
        return _warned(error.code)
    return {}


def _warned(code: str) -> dict[str, Any]:
    return {"status": 422, "notices": [{"tone": "warn", "heading": say(REFUSED[code]), "line": ""}]}


def _selector(who: Viewer, wave_id: int, form: dict[str, Any]) -> dict[str, Any]:
    author = rights.recorded_as(deps(), who)
    refused = signatures.keep_selector(deps(), who.portal_id, form["sender"], form["selector"], author)
    if refused is not None:
        return {**_warned(refused), "wrong": {form["sender"]: ("selector", say(REFUSED[refused]))}}
    return _ordered(who, wave_id, anew=False) or {}


def _source(who: Viewer, wave_id: int, form: dict[str, Any]) -> dict[str, Any]:
    author = rights.recorded_as(deps(), who)
    seen = signatures.keep_letter(deps(), who.portal_id, form["sender"], form["source"], author)
    if not isinstance(seen, Received):
        return {**_warned(seen), "wrong": {form["sender"]: ("source", say(REFUSED[seen]))}}
    heading, line = SHOWN[seen.dkim]
    notice = {
        "tone": "good" if seen.dkim == "pass" else "warn",
        "heading": say(heading),
        "line": say(line) if line else "",
    }
    return {**_ordered(who, wave_id, anew=False), "notices": [notice], "status": 200}


def _test(who: Viewer, wave_id: int, form: dict[str, Any]) -> dict[str, Any]:
    """A test letter on the chosen person's client, to somebody of the agency."""
    made = _shown(who, wave_id, form)
    kind = letter_texts.kind_of(form["letter"])
    if made is None or kind is None:
        return _warned("wrong_stage")
    ordered = letter_tests.order(
        deps(), who.portal_id, kind, made.language, form["address"], client=made.client_key, once=form["once"]
    )
    if isinstance(ordered, NotSent):
        return {"test_problem": test_refused(ordered), "status": 422}
    return {"fate": letter_tests.fate(deps(), who.portal_id, ordered)}


_ACTS = {"rehearse": _rehearse, "look": _look, "selector": _selector, "source": _source, "test": _test}

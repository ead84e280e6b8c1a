"""The letters of a survey: the agency's own words, shown on a real client, back to the standard (W5, W13, W20)."""

from __future__ import annotations

from typing import Any

from flask import Response, abort

from integration.current import deps
from integration.i18n import LANGUAGES, NAMES, mark
from integration.nps import wording
from integration.nps.intents import LetterKind
from integration.nps.wording import OwnText
from integration.services import letter_samples, letter_tests, letter_texts
from integration.services.frames import Viewer
from integration.services.letter_samples import MissingFact, Sample
from integration.services.letter_tests import Fate, NotSent
from integration.services.letter_texts import ChangedMeanwhile, Version
from integration.web import forms, frame
from integration.web.forms.letters import FateForm, LetterForm, LookForm
from integration.web.pages import say, show
from integration.web.settings import letter_words as words
from integration.web.settings import script
from integration.web.settings.sections import blueprint, page, part, section

BASE = "/app/settings/letters"
_EDIT = f"{BASE}/<letter>/<language>"


@section("letters", mark("Letters"), mark("What clients read, in your own words"), glyph="letter")
def overview(who: Viewer) -> Response:
    """All letters in all languages, and which of them have the agency's own words."""
    found = letter_texts.newest(deps(), who.portal_id)
    used = letter_samples.languages(deps(), who.portal_id)
    codes = [*used, *(code for code in LANGUAGES if code not in used)]
    groups = [
        {
            "heading": say(heading), "line": say(line),
            "letters": [
                {**words.about(kind), "languages": [_state(found[kind, code], used) for code in codes]}
                for kind in kinds
            ],
        }
        for heading, line, kinds in words.GROUPS
    ]  # fmt: skip
    said = script.rows(who, codes, used)
    return page(who, "letters", "app/settings/letters.html", groups=groups, said=said)


@part("letters", "clients")
def clients(who: Viewer) -> Response:
    """Clients to choose the example from, as a part of the page."""
    form = forms.posted(LookForm, forms.PAGE)
    found = letter_samples.find(deps(), who.portal_id, form["wanted"])
    return frame.fragment("app/settings/letters_clients.html", who, clients=found, client=form["client"])


@part("letters", "fate")
def fate(who: Viewer) -> Response:
    """What became of a test letter, as a part of the page."""
    form = forms.posted(FateForm, forms.PAGE)
    return frame.fragment("app/settings/letters_fate.html", who, fate=fate_of(who, form["test_letter"]))


@blueprint.post(_EDIT, endpoint="letter")
def edit(letter: str, language: str) -> Response:
    """The words of one letter in one language: shown, saved, tested, taken back, restored."""
    who, kind, form = _opened(letter, language)
    acts = {"save": _save, "standard": _standard, "restore": _restore, "test": _test}
    values = acts[form["do"]](who, kind, language, form) if form["do"] in acts else {}
    return _page(who, kind, language, form, values)


@blueprint.post(f"{_EDIT}/look", endpoint="letter_look")
def look(letter: str, language: str) -> Response:
    """Around the preview while somebody types: who writes to whom, what the places become, what is wrong."""
    who, kind, form = _opened(letter, language)
    return frame.fragment("app/settings/letters_look.html", who, **_looked(who, kind, language, form, {}))


@blueprint.post(f"{_EDIT}/shown", endpoint="letter_shown")
def shown(letter: str, language: str) -> Response:
    """The letter itself, for a frame of its own: nothing in it runs, loads or leads anywhere."""
    who, kind, form = _opened(letter, language)
    text, _problems = _typed(who, kind, language, form)
    made = letter_samples.sample(deps(), who.portal_id, kind, language, form["client"], text)
    try:
        if form["view"] == "text":
            body = letter_samples.written(deps(), made).text
            answer = show("app/settings/letters_text.html", text=body, language=language)
        else:
            answer = Response(letter_samples.shown(made), mimetype="text/html")
    except MissingFact:
        answer = show(
            "app/settings/letters_text.html", text=say("This letter cannot be shown yet."), language=language
        )
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
        f"frame-ancestors 'self' {who.origin}; sandbox"
    )
    return answer


def fate_of(who: Viewer, letter_id: int) -> Fate | None:
    """What became of a test letter of this portal; nothing for none."""
    return letter_tests.fate(deps(), who.portal_id, letter_id) if letter_id else None


def _opened(letter: str, language: str) -> tuple[Viewer, LetterKind, dict[str, Any]]:
    who = frame.entered(administrator=True)
    kind = letter_texts.kind_of(letter)
    if kind is None or language not in LANGUAGES:
        abort(404)
    return who, kind, forms.posted(LetterForm, forms.PAGE)


def _typed(
    who: Viewer, kind: LetterKind, language: str, form: dict[str, Any]
) -> tuple[OwnText | None, dict[str, str]]:
    """The words in the form and what is wrong with them by field; nothing if they are wrong or nothing was typed."""
    if not form["started"]:
        return None, {}
    text = _words(kind, form)
    problems = words.problems(kind, wording.problems(kind, text), form)
    return (None if problems else text), problems


def _words(kind: LetterKind, form: dict[str, Any]) -> OwnText:
    asks = kind in wording.ASKING
    body = wording.joined(form["before"], form["after"]) if asks else form["before"]
    return wording.cleaned(OwnText(form["subject"], body))


def _save(who: Viewer, kind: LetterKind, language: str, form: dict[str, Any]) -> dict[str, Any]:
    text = _words(kind, form)
    done = letter_texts.save(deps(), who.portal_id, kind, language, text, who.user_id, form["version"])
    return _outcome(kind, form, done, say("Saved. New letters carry these words from now on."))


def _standard(who: Viewer, kind: LetterKind, language: str, form: dict[str, Any]) -> dict[str, Any]:
    done = letter_texts.save(deps(), who.portal_id, kind, language, None, who.user_id, form["version"])
    return _outcome(kind, form, done, say("The standard words are back. Yours are kept in the history."))


def _restore(who: Viewer, kind: LetterKind, language: str, form: dict[str, Any]) -> dict[str, Any]:
    done = letter_texts.restore(
        deps(), who.portal_id, kind, language, form["restore"], who.user_id, form["version"]
    )
    if done is None:
        abort(404)
    if not isinstance(done, int):  # the button brings no words along: those it meant go into the fields
        past = letter_texts.history(deps(), who.portal_id, kind, language)
        text = next(one.text for one in past if one.number == form["restore"])
        before, after = wording.parted(text.body)
        form.update(subject=text.subject, before=before, after=after, started=True)
    line = say("The words of version {number} count again.", number=form["restore"])
    return _outcome(kind, form, done, line)


def _outcome(kind: LetterKind, form: dict[str, Any], done: Any, line: str) -> dict[str, Any]:
    """What a page says after somebody saved: done, wrong at its fields, or somebody else was first."""
    if isinstance(done, ChangedMeanwhile):
        theirs = done.version
        line = say(
            "Your words are still in the fields. Save again to replace theirs; the history keeps both."
        )
        heading = say("{author} has changed this letter meanwhile.", author=theirs.author)
        return {"notices": [{"tone": "warn", "heading": heading, "line": line}], "keep": True, "status": 409}
    if isinstance(done, list):
        return {"problems": words.problems(kind, done, form), "keep": True, "status": 422}
    return {"notices": [{"tone": "good", "heading": line, "line": ""}]}


def _test(who: Viewer, kind: LetterKind, language: str, form: dict[str, Any]) -> dict[str, Any]:
    text, problems = _typed(who, kind, language, form)
    if problems:
        return {"problems": problems, "keep": True, "status": 422}
    ordered = letter_tests.order(
        deps(),
        who.portal_id,
        kind,
        language,
        form["address"],
        client=form["client"],
        own=text,
        once=form["once"],
    )
    if isinstance(ordered, NotSent):
        return {"keep": True, "test_problem": words.test_refused(ordered), "status": 422}
    return {"keep": True, "fate": fate_of(who, ordered)}


def _page(
    who: Viewer, kind: LetterKind, language: str, form: dict[str, Any], values: dict[str, Any]
) -> Response:
    history = letter_texts.history(deps(), who.portal_id, kind, language)
    newest = letter_texts.newest(deps(), who.portal_id)
    used = letter_samples.languages(deps(), who.portal_id)
    kept = bool(values.pop("keep", False)) or (form["started"] and not form["do"])
    if not kept:
        before, after = wording.parted(history[0].text.body)
        form = {
            **form,
            "subject": history[0].text.subject,
            "before": before,
            "after": after,
            "started": False,
        }
    status = values.pop("status", 200)
    address = form["address"] or letter_tests.own_address(deps(), who.portal_id, who.user_id)
    return frame.page(
        "app/settings/letter.html", who, status=status, current="settings",
        **{
            "about": words.about(kind), "letter": kind, "language": language, "language_name": NAMES[language],
            "form": form, "problems": {}, "test_problem": "", "fate": None, "address": address,
            "once": deps().dice.token(),
            "version": history[0], "history": history, "parts": [wording.parted(one.text.body) for one in history],
            "languages": [_state(newest[kind, code], used) for code in LANGUAGES], "places": words.places(kind),
            "limits": {"subject": wording.MAX_SUBJECT, "body": wording.MAX_BODY},
            "clients": letter_samples.find(deps(), who.portal_id, form["wanted"]), "path": f"{BASE}/{kind}/{language}",
            "asks": kind in wording.ASKING, "sent": kind in (*words.SENT, *words.OF_PROJECTS),
            **_looked(who, kind, language, form, values.get("problems", {})), **values,
        },
    )  # fmt: skip


def _looked(
    who: Viewer, kind: LetterKind, language: str, form: dict[str, Any], known: dict[str, str]
) -> dict[str, Any]:
    """The envelope of the letter on its example, and what each place becomes there."""
    text, problems = _typed(who, kind, language, form)
    made: Sample = letter_samples.sample(deps(), who.portal_id, kind, language, form["client"], text)
    try:
        told, subject = letter_samples.told(made), letter_samples.written(deps(), made).subject
    except MissingFact:
        told, subject = {}, ""
    return {
        "sample": made, "subject": subject, "trouble": known or problems, "labels": words.labels(),
        "unsigned": words.unsigned(made.problem) if made.problem else "",
        "told": [(place["label"], place["name"], told.get(place["name"], "")) for place in words.places(kind)],
    }  # fmt: skip


def _state(version: Version, used: tuple[str, ...]) -> dict[str, Any]:
    return {
        "used": version.language in used, "code": version.language, "name": NAMES[version.language],
        "own": not version.standard, "version": version,
        "path": f"{BASE}/{version.letter}/{version.language}",
    }  # fmt: skip

"""The words of a call: the agency's own, shown on a real client, back to the standard (product.md W8, W13, W20).

`POST /app/settings/letters/call/<language>`, beside the letters and by the same ways.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response, abort

from integration.current import deps
from integration.i18n import LANGUAGES, NAMES
from integration.nps import call_wording as rules
from integration.nps.call_wording import Parts
from integration.services import letter_samples
from integration.services.calling import script_samples, script_texts
from integration.services.calling.script_texts import ChangedMeanwhile, Version
from integration.services.frames import Viewer
from integration.web import desk_card, forms, frame
from integration.web.forms.letters import ScriptForm
from integration.web.pages import say
from integration.web.settings import script_words as words
from integration.web.settings.sections import blueprint

BASE = "/app/settings/letters/call"
_EDIT = f"{BASE}/<language>"


def rows(who: Viewer, codes: Iterable[str], used: Iterable[str]) -> dict[str, Any]:
    """The line of a call's words on the page of all letters."""
    found = script_texts.newest(deps(), who.portal_id)
    return {
        "title": say(words.TITLE), "line": say(words.LINE),
        "languages": [_state(found[code], used) for code in codes],
    }  # fmt: skip


@blueprint.post(_EDIT, endpoint="script")
def edit(language: str) -> Response:
    """The words in one language: shown, saved, taken back, restored."""
    who, form = _opened(language)
    acts = {"save": _save, "standard": _standard, "restore": _restore}
    values = acts[form["do"]](who, language, form) if form["do"] in acts else {}
    return _page(who, language, form, values)


@blueprint.post(f"{_EDIT}/look", endpoint="script_look")
def look(language: str) -> Response:
    """The preview while somebody types: what is said, what the places become, what is wrong."""
    who, form = _opened(language)
    return frame.fragment("app/settings/script_look.html", who, **_looked(who, language, form))


def _opened(language: str) -> tuple[Viewer, dict[str, Any]]:
    who = frame.entered(administrator=True)
    if language not in LANGUAGES:
        abort(404)
    return who, forms.posted(ScriptForm, forms.PAGE)


def _parts(form: dict[str, Any]) -> Parts:
    return rules.cleaned({name: form[name] for name in rules.PARTS})


def _save(who: Viewer, language: str, form: dict[str, Any]) -> dict[str, Any]:
    done = script_texts.save(deps(), who.portal_id, language, _parts(form), who.user_id, form["version"])
    return _outcome(done, say("Saved. The next client is called with these words."))


def _standard(who: Viewer, language: str, form: dict[str, Any]) -> dict[str, Any]:
    done = script_texts.save(deps(), who.portal_id, language, None, who.user_id, form["version"])
    return _outcome(done, say("The standard words are back. Yours are kept in the history."))


def _restore(who: Viewer, language: str, form: dict[str, Any]) -> dict[str, Any]:
    done = script_texts.restore(
        deps(), who.portal_id, language, form["restore"], who.user_id, form["version"]
    )
    if done is None:
        abort(404)
    if not isinstance(done, int):  # the button brings no words along: those it meant go into the fields
        past = script_texts.history(deps(), who.portal_id, language)
        form.update(next(one.parts for one in past if one.number == form["restore"]), started=True)
    return _outcome(done, say("The words of version {number} count again.", number=form["restore"]))


def _outcome(done: script_texts.Kept, line: str) -> dict[str, Any]:
    """What a page says after somebody saved: done, wrong at its fields, or somebody else was first."""
    if isinstance(done, ChangedMeanwhile):
        heading = say("{author} has changed these words meanwhile.", author=done.version.author)
        line = say(
            "Your words are still in the fields. Save again to replace theirs; the history keeps both."
        )
        return {"notices": [{"tone": "warn", "heading": heading, "line": line}], "keep": True, "status": 409}
    if isinstance(done, list):
        return {"problems": words.problems(done), "keep": True, "status": 422}
    return {"notices": [{"tone": "good", "heading": line, "line": ""}]}


def _page(who: Viewer, language: str, form: dict[str, Any], values: dict[str, Any]) -> Response:
    history = script_texts.history(deps(), who.portal_id, language)
    newest = script_texts.newest(deps(), who.portal_id)
    used = letter_samples.languages(deps(), who.portal_id)
    if not (values.pop("keep", False) or (form["started"] and not form["do"]) or form["do"] == "find"):
        form = {**form, **history[0].parts, "started": False}
    return frame.page(
        "app/settings/script.html", who, status=values.pop("status", 200), current="settings",
        **{
            "title": say(words.TITLE), "line": say(words.LINE), "language": language,
            "language_name": NAMES[language], "form": form, "problems": {}, "version": history[0],
            "history": history, "languages": [_state(newest[code], used) for code in LANGUAGES],
            "places": words.places(), "most": rules.MAX_PART, "labels": words.labels(),
            "clients": letter_samples.find(deps(), who.portal_id, form["wanted"]), "path": f"{BASE}/{language}",
            **_looked(who, language, form), **values,
        },
    )  # fmt: skip


def _looked(who: Viewer, language: str, form: dict[str, Any]) -> dict[str, Any]:
    """The words on their example, and what each place becomes there."""
    parts: Parts | None = None
    trouble: dict[str, str] = {}
    if form["started"]:
        parts = _parts(form)
        trouble = words.problems(rules.problems(parts))
    made = script_samples.sample(deps(), who.portal_id, language, form["client"], None if trouble else parts)
    return {
        "sample": made, "script": desk_card.script_told(made.script), "trouble": trouble,
        "labels": words.labels(),
        "told": [(place["label"], place["name"], made.told.get(place["name"], "")) for place in words.places()],
    }  # fmt: skip


def _state(version: Version, used: Iterable[str]) -> dict[str, Any]:
    return {
        "used": version.language in used, "code": version.language, "name": NAMES[version.language],
        "own": not version.standard, "version": version, "path": f"{BASE}/{version.language}",
    }  # fmt: skip

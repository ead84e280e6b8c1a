"""The call desk (product.md W8): one client at a time, everything by one form that is posted to one address.

`POST /app/desk` shows the desk; `do` first takes a client, keeps or gives it back, saves what came of the call, or
takes the last one back. The desk of a call centre (`web.calls`) is the same page at another address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from marshmallow import fields, validate

from integration.current import deps
from integration.services.calling import desk, record
from integration.services.calling.types import Caller, DeskPage
from integration.services.frames import Viewer
from integration.web import desk_said, desk_words, extra_words, forms, frame
from integration.web.desk_words import DeskTold, Said
from integration.web.pages import language

blueprint = Blueprint("desk", __name__)

ADDRESS = "/app/desk"
PART = "app/desk/_desk.html"
ANSWER_FIELDS = ("outcome", "score", "comment", "call_back_at", "note", "language", "wording")
TYPED = ("score", "comment", "call_back_at", "note")
LARGEST = 2**31 - 1


def _text(length: int) -> fields.String:
    return fields.String(load_default="", validate=validate.Length(max=length))


class DeskForm(forms.Form):
    """What the desk posts. `do` may carry what it is about: `save:busy`, `later:2026-11-22T15:30`, `undo:17`,
    `amend:17`."""

    do = _text(60)
    key = _text(1000)
    skip = _text(1000)
    outcome = _text(24)
    score = _text(8)
    comment = _text(40_000)
    call_back_at = _text(40)
    note = _text(10_000)
    language = _text(8)
    wording = _text(200)
    amend_score = _text(8)
    amend_comment = _text(40_000)
    attempt = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


@dataclass(frozen=True, slots=True)
class Done:
    """What a post has done: the desk as it is now, in words, and the status of the answer."""

    told: DeskTold
    status: int = 200


@blueprint.post(ADDRESS)
def page() -> Response:
    """The desk for somebody who may call; only its changing part for our script."""
    who = frame.entered(callers=True, size=forms.ANSWER)
    caller = caller_of(who)
    form = posted()
    if form["do"] == "keep":
        return kept(caller, form)
    done = act(caller, form)
    values: dict[str, Any] = {"desk": done.told, "post_url": ADDRESS, "place": _place()}
    if frame.for_script():
        return frame.fragment(PART, who, status=done.status, current="desk", **values)
    return frame.page("app/desk/page.html", who, status=done.status, current="desk", **values)


def entry(who: Viewer) -> Response:
    """The desk for a caller who has just opened the application from the portal's menu."""
    told = _told(desk.page(deps(), caller_of(who)), Said())
    return frame.page("app/desk/page.html", who, current="desk", desk=told, post_url=ADDRESS, place=_place())


def _place() -> dict[str, bool]:
    """What the portal around the page offers: its telephony, and cards for those who may see clients."""
    return {"telephony": True, "cards": g.admitted.rights.sees_clients}


def caller_of(who: Viewer) -> Caller:
    """The viewer as a caller. Raises `Refusal` for somebody who may not call; `frame.entered` comes first."""
    if not g.admitted.rights.may_call:
        raise frame.Refusal("no_calls", who)
    return Caller(
        who.portal_id,
        f"user:{who.user_id}",
        g.admitted.recorded_as,
        language=language(),
        user_id=who.user_id,
    )


def posted() -> dict[str, Any]:
    """The desk's form, with `do` and what it is about taken apart, and the extra questions under `values`."""
    found = forms.read(DeskForm, request.form.to_dict())
    do, _, about = found["do"].partition(":")
    match do:
        case "save" if about:
            found["outcome"] = about
        case "later":
            do, found["outcome"], found["call_back_at"] = "save", "call_back", about[:40]
        case "undo" | "amend" if about.isascii() and about.isdigit():
            found["attempt"] = min(int(about), LARGEST)
    found["do"] = do
    found["auto"] = "1" in request.form.getlist("auto") or "auto" not in request.form
    found["values"] = {name: found[name] for name in ANSWER_FIELDS} | _questions()
    return found


def act(caller: Caller, form: Mapping[str, Any], carry: Mapping[str, str] | None = None) -> Done:
    """Do what was posted, then look at the desk. `carry`: hidden fields of the page's forms."""
    said = Said(auto=form["auto"], carry=carry or {})
    match form["do"]:
        case "take" | "next":
            return _taken(caller, said, form["skip"])
        case "save":
            return _saved(caller, form, said)
        case "give":
            if desk.give_back(deps(), caller, form["key"]):
                said = replace(said, skip=form["key"], notices=desk_said.given_back())
        case "undo":
            return _undone(caller, form, said)
        case "amend":
            return _amended(caller, form, said)
    return Done(_told(desk.page(deps(), caller), said))


def kept(caller: Caller, form: Mapping[str, Any]) -> Response:
    """The word for the script that keeps a client: whether it is still this caller's."""
    return jsonify({"mine": bool(form["key"]) and desk.keep(deps(), caller, form["key"])})


def _taken(caller: Caller, said: Said, skip: str) -> Done:
    code = desk.take(deps(), caller, skip=skip)
    found = desk.page(deps(), caller)
    if code == "nobody" and not said.notices:
        said = replace(said, notices=desk_said.nobody(found))
    return Done(_told(found, said))


def _saved(caller: Caller, form: Mapping[str, Any], said: Said) -> Done:
    done = record.record(deps(), caller, form["key"], _folded(form["values"]))
    if done.status == "problem":
        said = replace(said, problems=desk_said.problems(done.problems), typed=_typed(form))
        own = ("outcome", "own_client") in done.problems  # a client one serves is not shown again for that
        found = desk.page(deps(), caller, key="" if own else form["key"])
        if found.card is None or found.card.key != form["key"]:
            said = replace(said, typed={}, kept=_words(form))
        return Done(_told(found, said), 422)
    if form["auto"] and done.status != "lost":
        desk.take(deps(), caller)
    found, now = desk.page(deps(), caller), deps().clock.now()
    said = replace(said, notices=desk_said.saved(done, found.last, now))
    if done.status == "lost":
        said = replace(said, kept=_words(form))
    return Done(_told(found, said), 409 if done.status == "lost" else 200)


def _undone(caller: Caller, form: Mapping[str, Any], said: Said) -> Done:
    """Take a call back; an answer that is on the cards already is corrected instead."""
    code = record.undo(deps(), caller, form["attempt"])
    found = desk.page(deps(), caller)
    notices = desk_said.undone(code)
    if code == "followed":
        notices = desk_said.correct(found.last, form["attempt"], deps().clock.now()) or notices
    return Done(_told(found, replace(said, notices=notices, typed=_typed(form))))


def _amended(caller: Caller, form: Mapping[str, Any], said: Said) -> Done:
    """Another score and other words in place of those just typed; what is being typed now stays."""
    given = {"score": form["amend_score"], "comment": form["amend_comment"]}
    done = record.amend(deps(), caller, form["attempt"], given)
    found, notices = desk.page(deps(), caller), desk_said.amended(done)
    if done.status == "problem":
        again = desk_said.correct(found.last, form["attempt"], deps().clock.now(), given, done.problems)
        notices = again or desk_said.amended(replace(done, status="lost", why="too_late"))
    status = {"problem": 422, "lost": 409}.get(done.status, 200)
    kept = (given["score"], given["comment"]) if done.status == "lost" else ()
    return Done(
        _told(found, replace(said, notices=notices, typed=_typed(form), kept=tuple(filter(None, kept)))),
        status,
    )


def _folded(values: Mapping[str, str]) -> dict[str, str]:
    """What was posted, with nothing lost: words of somebody who gave no score go into the note of the call."""
    if values["outcome"] in ("", "answered") or not values["comment"].strip():
        return dict(values)
    note = "\n".join(words for words in (values["comment"], values["note"]) if words.strip())
    return {**values, "comment": "", "note": note}


def _told(found: DeskPage, said: Said) -> DeskTold:
    return desk_words.told(found, deps().clock.now(), said)


def _questions() -> dict[str, str]:
    """The extra questions of this request, by the names of their fields (product.md W13)."""
    return extra_words.posted(request.form)


def _typed(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: form[name] for name in TYPED} | {
        name: text for name, text in form["values"].items() if name.startswith(extra_words.FIELD)
    }


def _words(form: Mapping[str, Any]) -> tuple[str, ...]:
    """What was typed and could not be saved, to be copied."""
    return tuple(form[name] for name in ("score", "comment", "note") if form[name].strip())

"""Settings: who changed what and when, and bringing a version back (product.md P; architecture.md flow 4)."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import fields, validate

from integration.current import deps
from integration.i18n import mark
from integration.services import choices, policy_history
from integration.services.choices import CardFields
from integration.services.frames import Viewer
from integration.services.policies import Saved
from integration.web import forms
from integration.web.pages import say
from integration.web.settings import problems, words
from integration.web.settings.sections import page, section
from integration.web.settings.sheet import Situation, rereading


def _number() -> fields.Integer:
    return fields.Integer(load_default=0, validate=validate.Range(0, 1_000_000_000))


class HistoryForm(forms.Form):
    """Which page of versions, and which version to look at or to bring back. `version`: the one that counted."""

    before = _number()
    number = _number()
    version = _number()


@section(
    "history",
    mark("Who changed what"),
    mark("Every saved version of these settings, with its author. An earlier one can be brought back."),
    glyph="history",
)
def show(who: Viewer) -> Response:
    """The page: a list, a version looked at before it is brought back, or the answer to that."""
    form = forms.read(HistoryForm, request.form.to_dict())
    what = (request.form.getlist("do") or [""])[-1]
    values: dict[str, Any] = {"notices": [], "done": None, "offer": None}
    status = 200
    if what == "restore":
        status = _restore(who, form, values)
    elif what == "look":
        values["offer"] = _offer(who, form["number"])
    here = _here(who)
    versions, older = policy_history.versions(deps(), who.portal_id, form["before"])
    rows = [
        {"version": one, "lines": [words.line(change, here.names) for change in one.changes],
         "counts": one.number == here.version}
        for one in versions
    ]  # fmt: skip
    next_before = versions[-1].number if older else 0
    return page(
        who, "history", "app/settings/history.html", status=status, rows=rows, here=here, next_before=next_before,
        before=form["before"], kept=here.kept, **values,
    )  # fmt: skip


def _here(who: Viewer) -> Situation:
    desk = choices.desk(deps(), who.portal_id)
    return Situation(
        who,
        desk.policy,
        desk.version,
        desk.choices,
        CardFields(),
        desk.kept,
        desk.version,
        wanted=desk.policy,
    )


def _offer(who: Viewer, number: int) -> dict[str, Any] | None:
    """What bringing a version back would change now."""
    changed = policy_history.difference(deps(), who.portal_id, number)
    if changed is None:
        return None
    names = _here(who).names
    return {"number": number, "lines": [words.line(change, names) for change in changed]}


def _restore(who: Viewer, form: dict[str, Any], values: dict[str, Any]) -> int:
    author = policy_history.author(deps(), who.portal_id, who.user_id)
    done = policy_history.restore(deps(), who.portal_id, form["number"], author, form["version"])
    names = _here(who).names
    if isinstance(done, Saved):
        values["done"] = {
            "number": form["number"],
            "lines": [words.line(change, names) for change in done.changes],
        }
        if done.rereads:
            values["notices"].append(rereading())
        return 200
    values["notices"] = [
        {"tone": "danger", "heading": say("The version was not brought back."),
         "line": f"{words.label(one.field)}: {text}" if one.field else text}
        for one in done.problems
        for text in [problems.words(one, names, done.policy)]
    ]  # fmt: skip
    values["offer"] = _offer(who, form["number"])
    return 422

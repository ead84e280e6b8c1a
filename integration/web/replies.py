"""Pages of what clients wrote back to letters (product.md W18): those that wait, all of them, one by itself.

`POST /app/replies` shows the list, `POST /app/replies/<id>` one of them; with a `do` it first does what was decided.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from marshmallow import fields, validate

from integration.current import deps
from integration.i18n import mark
from integration.services import reply_acts, reply_page
from integration.services.frames import Viewer
from integration.services.reply_acts import ReplyError
from integration.web import forms, frame, reply_words
from integration.web.pages import say

blueprint = Blueprint("replies", __name__)

HOME = "/app/replies"
DONE = {
    "recorded": (mark("The score is written down."), mark("The cards and tasks follow by themselves.")),
    "refused": (
        mark("Noted: this person does not want to answer."),
        mark("Nothing more is sent to them in this survey."),
    ),
    "opted_out": (
        mark("This person is never asked again."),
        mark("Letters that waited are taken back, the card says so as well."),
    ),
    "returned": (mark("Noted: the address does not work."), mark("No more letters are sent to it.")),
    "dismissed": (mark("Put aside."), mark("It stays among all replies; you can take it back.")),
    "restored": (mark("The reply waits again."), ""),
}
REFUSED = {
    "own_client": mark("This is your own client: somebody else has to decide about the reply."),
    "settled": mark("Somebody has settled this reply already. The page shows how."),
    "closed": mark(
        "Nothing can be written down for this person any more: there is an answer, or the survey is over."
    ),
    "bad_score": mark("Choose the score, 0 to 10."),
    "too_long": mark("The comment is too long: 4000 characters at most."),
    "no_person": mark("This person is no longer on the client’s card. Look there who is meant."),
}


class ReplyForm(forms.Form):
    """What the pages post: what to do about one reply; the filter and page of the list."""

    do = fields.String(load_default="", validate=validate.Length(max=20))
    show = fields.String(load_default="", validate=validate.OneOf(("", "all")))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    score = fields.String(load_default="", validate=validate.Length(max=8))
    comment = fields.String(load_default="", validate=validate.Length(max=40_000))


@blueprint.post(HOME)
def listed() -> Response:
    """The list."""
    who = frame.entered()
    form = forms.posted(ReplyForm, forms.PAGE)
    return _list(who, form, [])


@blueprint.post(f"{HOME}/<int(max={2**31 - 1}):reply_id>")
def single(reply_id: int) -> Response:
    """One reply; after a decision that worked the list, since there is mostly a next one."""
    who = frame.entered()
    form = forms.posted(ReplyForm, forms.PAGE)
    if not form["do"]:
        return _one(who, reply_id, form, None)
    try:
        done = reply_acts.act(deps(), who, reply_id, form["do"], form)
    except ReplyError as error:
        return _one(who, reply_id, form, error.code)
    except PermissionError:
        raise frame.Refusal("foreign", who) from None
    except LookupError:
        raise frame.Refusal("no_reply", who) from None
    if done not in DONE:
        return _one(who, reply_id, form, None)
    heading, line = DONE[done]
    notice = {"tone": "good", "heading": say(heading), "line": say(line) if line else ""}
    undo = reply_id if done == "dismissed" else 0
    return _list(who, form, [notice], undo=undo)


def _list(who: Viewer, form: dict[str, Any], notices: list[dict[str, str]], undo: int = 0) -> Response:
    found = reply_page.read(deps(), who, everything=form["show"] == "all", page=form["page"])
    return frame.page(
        "app/replies/list.html", who, current="wave", found=found, notices=notices, undo=undo, words=reply_words,
        home=HOME, chosen={"show": form["show"]} if form["show"] else {},
        lines=[reply_words.line(one) for one in found.lines],
    )  # fmt: skip


def _one(who: Viewer, reply_id: int, form: dict[str, Any], code: str | None) -> Response:
    try:
        found = reply_page.one(deps(), who, reply_id)
    except PermissionError:
        raise frame.Refusal("foreign", who) from None
    if found is None:
        raise frame.Refusal("no_reply", who)
    problems = {"bad_score": {"score": True}, "too_long": {"comment": True}}.get(code or "", {})
    notices = [{"tone": "warn", "heading": say(REFUSED[code]), "line": ""}] if code else []
    status = 422 if problems else 403 if code == "own_client" else 409 if code else 200
    return frame.page(
        "app/replies/one.html", who, current="wave", status=status, one=reply_words.line(found), notices=notices,
        words=reply_words, home=HOME, typed=form if problems else {}, problems=problems,
    )  # fmt: skip

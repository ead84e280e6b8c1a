"""Messages of the direct line that nobody was given, for the head: let through or drop (product.md S1, S5).

The account manager never sees this page: it shows what clients wrote past them.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from marshmallow import fields, validate

from integration.current import deps
from integration.i18n import mark
from integration.services import direct_cases
from integration.web import forms, frame
from integration.web.card_words import HELD
from integration.web.pages import say

blueprint = Blueprint("direct_desk", __name__)

DONE = {
    "release": (mark("The message is on its way."), mark("It is a task with a deadline now.")),
    "drop": (mark("Put aside as a machine's."), mark("You can take it back below.")),
    "restore": (mark("It waits again."), ""),
}
REFUSED = {
    "unknown": mark("Somebody has settled this message already."),
    "nobody": mark(
        "There is nobody at work who could own it. Name the head or a default owner in the settings of the tasks."
    ),
}


class DeskForm(forms.Form):
    """What to do with one message."""

    do = fields.String(load_default="", validate=validate.OneOf(("", "release", "drop", "restore")))
    message = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))


@blueprint.post("/app/direct")
def page() -> Response:
    """Show the messages, after doing what was decided."""
    who = frame.entered()
    form = forms.posted(DeskForm, forms.PAGE)
    try:
        code = direct_cases.settle(deps(), who, form["message"], form["do"]) if form["do"] else ""
        found = direct_cases.page(deps(), who)
    except PermissionError:
        raise frame.Refusal("foreign", who) from None
    notices = []
    if code == "done":
        heading, line = DONE[form["do"]]
        notices = [{"tone": "good", "heading": say(heading), "line": say(line) if line else ""}]
    elif code:
        notices = [{"tone": "warn", "heading": say(REFUSED[code]), "line": ""}]
    return frame.page(
        "app/main/direct.html", who, notices=notices, path=request.path, found=found, why=HELD, current="main"
    )

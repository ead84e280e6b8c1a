"""Colleagues whom clients named, for those who run the survey: choose a contact, or leave it (product.md W12)."""

from __future__ import annotations

from flask import Blueprint, Response, request
from marshmallow import fields, validate

from integration.current import deps
from integration.i18n import mark
from integration.services import colleague_acts, rights
from integration.services.frames import Viewer
from integration.web import forms, frame
from integration.web.pages import say

blueprint = Blueprint("colleagues", __name__)

LARGEST = 2**31 - 1
DONE = {
    "ask": (
        mark("They are on the list."),
        mark("The letter with the question leaves at the next hour at which letters may."),
    ),
    "dismiss": (mark("Nobody is asked on this."), mark("You can take it up again below.")),
    "reopen": (mark("Taken up again."), ""),
}
REFUSED = {
    "settled": mark("Somebody has decided about this meanwhile. This page shows what."),
    "wave_over": mark("Nobody else can be asked in this survey any more."),
    "not_of_client": mark("Choose one of the contacts of this client."),
    "asked_already": mark("This person is being asked in this survey already."),
    "asked_recently": mark(
        "This person was asked not long ago. Your settings say how long nobody is asked again."
    ),
    "opted_out": mark("This person does not want to be asked, ever. We keep to that."),
    "on_hold": mark("This person is not to be asked before a day that stands on the card."),
    "no_channel": mark("There is no e-mail on this card. Add one in Bitrix24, then choose the person again."),
    "dead_address": mark(
        "Letters to this address come back. Put another one on the card, then choose again."
    ),
    "shared_mailbox": mark(
        "Only a shared mailbox stands on this card. Add the person's own e-mail, then choose again."
    ),
    "too_many": mark("As many people of this client are asked as may be. Take somebody off first."),
    "no_reason": mark("Please say why: it is kept with the survey."),
    "portal_busy": mark("Bitrix24 did not give the address of this contact. Try again in a few minutes."),
}
WHY = {
    "asked_already": mark("is being asked already"),
    "opted_out": mark("does not want to be asked"),
    "on_hold": mark("not to be asked for now"),
}


class ColleaguesForm(forms.Form):
    """What staff decide: `ask` a contact, `dismiss` with a reason, `reopen`."""

    do = fields.String(load_default="", validate=validate.OneOf(("", "ask", "dismiss", "reopen")))
    proposal = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    contact = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    why = fields.String(load_default="", validate=validate.Length(max=2000))


@blueprint.post(f"/app/wave/<int(max={LARGEST}):wave_id>/colleagues")
def page(wave_id: int) -> Response:
    """Show the proposals of a survey, after doing what was decided."""
    who = frame.entered()
    form = forms.posted(ColleaguesForm, forms.PAGE)
    _allowed(who, wave_id)
    code = _act(who, wave_id, form) if form["do"] else ""
    found = colleague_acts.page(deps(), who, wave_id)
    if found is None:
        raise frame.Refusal("no_survey", who)
    notices = []
    if code == "done":
        heading, line = DONE[form["do"]]
        notices = [{"tone": "good", "heading": say(heading), "line": say(line) if line else ""}]
    elif code:
        notices = [{"tone": "warn", "heading": say(REFUSED.get(code, REFUSED["settled"])), "line": ""}]
    kept = form if code not in ("", "done") else {}
    return frame.page(
        "app/wave/colleagues.html", who, found=found, notices=notices, path=request.path, kept=kept, why=WHY,
        status=422 if kept else 200,
    )  # fmt: skip


def _allowed(who: Viewer, wave_id: int) -> None:
    try:
        found = colleague_acts.page(deps(), who, wave_id)
    except PermissionError:
        raise frame.Refusal("wave_owners", who) from None
    if found is None:
        raise frame.Refusal("no_survey", who)


def _act(who: Viewer, wave_id: int, form: dict[str, object]) -> str:
    author, proposal = rights.recorded_as(deps(), who), int(str(form["proposal"]))
    match form["do"]:
        case "ask":
            return colleague_acts.ask(
                deps(), who.portal_id, wave_id, proposal, int(str(form["contact"])), author
            )
        case "dismiss":
            return colleague_acts.dismiss(deps(), who.portal_id, wave_id, proposal, str(form["why"]), author)
        case _:
            return colleague_acts.reopen(deps(), who.portal_id, wave_id, proposal, author)

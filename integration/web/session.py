"""Renewing the session of a page that has been open for long, and what a browser sees at the pages' addresses."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from marshmallow import fields, validate

from integration.current import deps
from integration.services import frames
from integration.services.frames import FrameRefused
from integration.web import forms, frame
from integration.web.pages import choose_language, show
from integration.web.refusals import REFUSALS

blueprint = Blueprint("session", __name__)


class RenewalForm(forms.Form):
    """The session that has run out and a token of the same person, fresh from the portal's frame."""

    session = fields.String(required=True, validate=validate.Length(min=1, max=frame.LONGEST_SESSION))
    token = fields.String(required=True, validate=validate.Length(min=1, max=500))


@blueprint.post("/bitrix/session")
def renew() -> Response:
    """A new session for the same person of the same portal, or a word why not (product.md P2, P3)."""
    form = forms.posted(RenewalForm, 2 * forms.SMALL)
    try:
        who = frames.renew(deps(), form["session"], form["token"])
    except FrameRefused as refused:
        answer = jsonify({"error": refused.code})
        answer.status_code = REFUSALS[refused.code][2] if refused.code in REFUSALS else 403
        return answer
    return jsonify({"session": frames.seal(deps(), who), "seconds": frames.SESSION_SECONDS})


@blueprint.get("/bitrix/session")
@blueprint.get("/app/<path:rest>")
def about(rest: str = "") -> Response:
    """What a browser sees that was not led here by the portal; pages of the portal come by POST."""
    choose_language(request.args.get("lang"))
    return show("frame/about.html")

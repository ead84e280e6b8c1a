"""Asking about a project from the tab of its deal: `POST /app/card/deal/<id>/project` (product.md W16)."""

from __future__ import annotations

from flask import Blueprint, Response, abort

from integration.current import deps
from integration.services.projects import acts
from integration.web import card, forms, frame, project_words
from integration.web.forms.projects import ProjectsForm
from integration.web.frame import Refusal

blueprint = Blueprint("card_project", __name__)


@blueprint.post("/app/card/<kind>/<int:card_id>/project")
def ask(kind: str, card_id: int) -> Response:
    """The tab again, after the client was asked about the deal, or with the reason why not."""
    if kind not in card.KINDS:
        abort(404)
    who = frame.entered()
    form = forms.posted(ProjectsForm, forms.PAGE)
    if who.card != (kind, card_id):
        raise Refusal("no_card", who)
    if form["do"] != "start" or kind != "deal":
        return card.page(who, kind, card_id)
    card.look(who, kind, card_id)  # whoever may not read the card is refused before anything is done
    did, reason = acts.ask_now(deps(), who, card_id, form["once"])
    notice = project_words.came_of(did, reason)
    failed = 403 if did == "not_yours" else 422 if notice["tone"] == "warn" else 200
    return card.page(who, kind, card_id, told={"status": failed, "notice": notice})

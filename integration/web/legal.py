"""Licence agreement, privacy policy and support: what the Market asks of every application, for anybody to read.

Who runs this Molva is the operator's to say (`MOLVA_OPERATOR_…`); until then the pages say that nobody has.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, request

from integration.bitrix.scopes import SCOPES
from integration.i18n import mark
from integration.nps.policy import Policy
from integration.web.pages import choose_language, say, show
from integration.web.settings.privacy import kept

PAGES = {
    "licence": mark("Licence agreement"),
    "privacy": mark("Privacy policy"),
    "support": mark("Support"),
}

blueprint = Blueprint("legal", __name__)


@blueprint.get("/legal/<name>")
def show_page(name: str) -> Response:
    """One of the three pages, in the language of the address, else of the browser. Needs no session."""
    if name not in PAGES:
        abort(404)
    choose_language(request.args.get("lang"))
    operator = dict(current_app.config["OPERATOR"])
    return show(
        f"legal/{name}.html", name=name, operator=operator, contacts=_links(operator["contacts"]),
        who=operator["name"] or say("whoever runs this Molva"),
        pages=[(one, say(title)) for one, title in PAGES.items()], heading_text=say(PAGES[name]),
        kept=kept(Policy().retention_months), scopes=[(one.code, say(one.reason)) for one in SCOPES],
    )  # fmt: skip


def _links(contacts: tuple[str, ...]) -> list[dict[str, str]]:
    """Each contact as a person reads it and as a link opens it."""
    return [{"text": one.removeprefix("https://"), "href": _href(one)} for one in contacts]


def _href(contact: str) -> str:
    if contact.startswith("https://"):
        return contact
    if "@" in contact:
        return f"mailto:{contact}"
    return "tel:" + "".join(c for c in contact if c.isdigit() or c == "+")

"""One-click unsubscribe, posted by mail providers on behalf of a reader (RFC 8058, product.md W12)."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, redirect, request, url_for

from integration.current import deps
from integration.services import optouts

LIMIT = 4 * 1024  # bytes; the body is one short field

blueprint = Blueprint("one_click", __name__)


@blueprint.post("/u/<token>")
def one_click(token: str) -> Response:
    """Act on `List-Unsubscribe=One-Click` alone; anything else is passed on to the page, which asks a person."""
    request.max_content_length = LIMIT
    request.max_form_memory_size = LIMIT
    if request.form.get("List-Unsubscribe") != "One-Click":
        return cast(Response, redirect(url_for("unsubscribe.act", token=token), 307))
    result = optouts.opt_out(deps(), token, one_click=True)
    if result.status == "unknown":
        return Response("unknown address\n", 404, mimetype="text/plain")
    return Response("unsubscribed\n", 200, mimetype="text/plain")

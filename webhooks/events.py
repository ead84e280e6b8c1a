"""The one address for all events of all portals: bounded, checked, stored, answered (product.md T2).

4xx: not to be believed, not readable, too large; nothing is stored and one line is logged. 200: stored,
or genuine and of no use to us. No request to the portal is made, except to prove an installation.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from integration.current import deps
from integration.logs import log
from integration.services import inbox
from webhooks.schemas import Unreadable, read_event

LIMIT = 64 * 1024  # bytes; a real event has about one kilobyte
FIELDS = 400  # of a form

blueprint = Blueprint("events", __name__)


@blueprint.route("/bitrix/events", methods=["GET", "HEAD"])
def look() -> Response:
    """A portal looks whether the address answers (interface.md 4)."""
    return _answer("ok", 200)


@blueprint.post("/bitrix/events")
def receive() -> Response:
    """One event."""
    request.max_content_length = None  # the limit below answers before anything is read
    if (request.content_length or 0) > LIMIT:
        return _refuse("too_large", 413)
    body = request.stream.read(LIMIT + 1)
    if len(body) > LIMIT:
        return _refuse("too_large", 413)
    if request.mimetype != "application/x-www-form-urlencoded":
        return _refuse("not_a_form", 415)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
        event = read_event(pairs)
    except Unreadable as error:
        return _refuse(str(error), 400)
    except ValueError:  # not UTF-8, or too many fields
        return _refuse("unreadable", 400)
    verdict = inbox.accept(deps(), event)
    if verdict.outcome == "rejected":
        return _refuse(verdict.reason, 503 if verdict.reason == "unreachable" else 403, event.name)
    return _answer(verdict.outcome, 200)


def _refuse(reason: str, status: int, event: str = "") -> Response:
    log(__name__).warning("event.refused", reason=reason, event_name=event, remote=request.remote_addr)
    return _answer("refused", status)


def _answer(word: str, status: int) -> Response:
    return Response(word + "\n", status, mimetype="text/plain")

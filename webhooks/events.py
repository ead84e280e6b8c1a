"""The one address for all events of all portals: bounded, checked, stored, answered (product.md T2).

4xx: not to be believed, not readable, too large; nothing is stored and one line is logged. 200: stored,
or genuine and of no use to us. No request to the portal is made, except to prove an installation.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from integration.current import deps
from integration.logs import log
from integration.services import inbox
from webhooks.posted import NotTaken, answer, read_form
from webhooks.schemas import read_event

blueprint = Blueprint("events", __name__)


@blueprint.route("/bitrix/events", methods=["GET", "HEAD"])
def look() -> Response:
    """A portal looks whether the address answers (interface.md 4)."""
    return answer("ok")


@blueprint.post("/bitrix/events")
def receive() -> Response:
    """One event."""
    try:
        event = read_form(read_event)
    except NotTaken as refused:
        return _refuse(refused.reason, refused.status)
    verdict = inbox.accept(deps(), event)
    if verdict.outcome == "rejected":
        return _refuse(verdict.reason, 503 if verdict.reason == "unreachable" else 403, event.name)
    return answer(verdict.outcome)


def _refuse(reason: str, status: int, event: str = "") -> Response:
    log(__name__).warning("event.refused", reason=reason, event_name=event, remote=request.remote_addr)
    return answer("refused", status)

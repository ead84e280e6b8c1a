"""The address that the portal's automation rules call: bounded, checked, stored, answered (product.md W16).

4xx: not to be believed, not readable, too large; nothing is stored. 200: stored, or genuine and of no use to us. No
request to the portal is made; the tokens of a user that come along are not looked at.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from integration.current import deps
from integration.logs import log
from integration.services.projects import robots
from webhooks.schemas import Unreadable, read_robot

LIMIT = 64 * 1024  # bytes; a real call has about two kilobytes
FIELDS = 400  # of a form

blueprint = Blueprint("robot", __name__)


@blueprint.route("/bitrix/robot", methods=["GET", "HEAD"])
def look() -> Response:
    """A portal looks whether the address answers (interface.md 4)."""
    return _answer("ok", 200)


@blueprint.post("/bitrix/robot")
def receive() -> Response:
    """One robot on one card."""
    request.max_content_length = None  # the limit below answers before anything is read
    if (request.content_length or 0) > LIMIT:
        return _refuse("too_large", 413)
    body = request.stream.read(LIMIT + 1)
    if len(body) > LIMIT:
        return _refuse("too_large", 413)
    if request.mimetype != "application/x-www-form-urlencoded":
        return _refuse("not_a_form", 415)
    try:
        call = read_robot(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except Unreadable as error:
        return _refuse(str(error), 400)
    except ValueError:  # not UTF-8, or too many fields
        return _refuse("unreadable", 400)
    verdict = robots.accept(deps(), call)
    if verdict.outcome == "rejected":
        return _refuse(verdict.reason, 403)
    return _answer(verdict.outcome, 200)


def _refuse(reason: str, status: int) -> Response:
    log(__name__).warning("robot.refused", reason=reason, remote=request.remote_addr)
    return _answer("refused", status)


def _answer(word: str, status: int) -> Response:
    return Response(word + "\n", status, mimetype="text/plain")

"""The address that the portal's automation rules call: bounded, checked, stored, answered (product.md W16).

4xx: not to be believed, not readable, too large; nothing is stored. 200: stored, or genuine and of no use to us. No
request to the portal is made; the tokens of a user that come along are not looked at.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from integration.current import deps
from integration.logs import log
from integration.services.projects import robots
from webhooks.posted import NotTaken, answer, read_form
from webhooks.schemas import read_robot

blueprint = Blueprint("robot", __name__)


@blueprint.route("/bitrix/robot", methods=["GET", "HEAD"])
def look() -> Response:
    """A portal looks whether the address answers (interface.md 4)."""
    return answer("ok")


@blueprint.post("/bitrix/robot")
def receive() -> Response:
    """One robot on one card."""
    try:
        call = read_form(read_robot)
    except NotTaken as refused:
        return _refuse(refused.reason, refused.status)
    verdict = robots.accept(deps(), call)
    if verdict.outcome == "rejected":
        return _refuse(verdict.reason, 403)
    return answer(verdict.outcome)


def _refuse(reason: str, status: int) -> Response:
    log(__name__).warning("robot.refused", reason=reason, remote=request.remote_addr)
    return answer("refused", status)

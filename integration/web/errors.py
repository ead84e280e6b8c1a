"""Error pages for people and problem details for programs; never a traceback (RFC 9457)."""

from __future__ import annotations

import logging
from typing import cast

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException, InternalServerError

from integration.i18n import mark
from integration.web import frame
from integration.web.pages import frame_policy, say, show

log = logging.getLogger(__name__)

TEXTS = {
    400: (mark("This request cannot be read"), mark("Please go back, reload the page and try once more.")),
    403: (mark("This is not allowed"), mark("Please open the page again from where you came.")),
    404: (
        mark("There is no such page"),
        mark(
            "The address may have been cut off. Please copy it whole, or press the button in the letter again."
        ),
    ),
    405: (mark("This page cannot be opened this way"), mark("Please open it from the letter or the portal.")),
    413: (mark("This is too long"), mark("Please shorten your text and send it once more.")),
    500: (
        mark("Something went wrong on our side"),
        mark("It has been recorded. Please try again in a few minutes; what you sent before is kept."),
    ),
    503: (mark("We are back in a moment"), mark("Please try again in a few minutes.")),
}
INSIDE = ("/app/", "/bitrix/")  # seen in the portal's frame: so are their errors
MACHINES = ("/api/", "/bitrix/events", "/bitrix/robot", "/metrics", "/healthz", "/readyz")


def register(app: Flask) -> None:
    """Answer every HTTP error and every failure of a view with a page or with problem details."""
    app.register_error_handler(frame.Refusal, frame.refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _failure)


def error_page(status: int) -> Response:
    """The page for a status; one we have no words for is shown as the next general one."""
    heading, line = TEXTS.get(status) or TEXTS[500 if status >= 500 else 400]
    origin = frame.origin() if request.method == "POST" and request.path.startswith(INSIDE) else ""
    template = "app/refused.html" if origin else "error.html"
    answer = show(template, status, heading=say(heading), line=say(line), code=status)
    if origin:
        answer.headers["Content-Security-Policy"] = frame_policy(origin)
    return answer


def _http(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return cast(Response, Response.force_type(error.get_response()))
    answer = _problem(error.code, error.name) if _for_machines() else error_page(error.code)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            answer.headers[name] = value
    return answer


def _failure(error: Exception) -> Response:
    log.error(
        "request failed", exc_info=error, extra={"method": request.method, "endpoint": request.endpoint}
    )
    return _http(InternalServerError())


def _problem(status: int, title: str) -> Response:
    body = json.dumps({"type": "about:blank", "title": title, "status": status})
    return Response(body + "\n", status, mimetype="application/problem+json")


def _for_machines() -> bool:
    if request.path.startswith(MACHINES):
        return True
    return frame.for_script()

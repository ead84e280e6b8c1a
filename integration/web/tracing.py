"""A name for each request, in every log line it causes and in its answer (product.md T8)."""

from __future__ import annotations

import re
import uuid

import structlog
from flask import Flask, Response, request

from integration.logs import REQUEST, request_id
from integration.services import request_log

HEADER = "X-Request-Id"
MACHINES = ("events", "one_click")  # blueprints that no person waits for
USABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def register(app: Flask) -> None:
    """Bind a request id to the logs; one given by a proxy is kept."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    name = given if USABLE.fullmatch(given) else uuid.uuid4().hex
    structlog.contextvars.bind_contextvars(**{REQUEST: name})
    request_log.called("event" if request.blueprint in MACHINES else "click", name)


def _end(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    return response


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars(REQUEST)
    request_log.called()

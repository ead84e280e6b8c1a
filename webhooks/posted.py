"""A form that a machine posts: bounded, and read only as far as the bounds go (product.md T2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl

from flask import Response, request

from webhooks.schemas import Unreadable

LIMIT = 64 * 1024  # bytes; a real event has about one kilobyte, a robot's call about two
FIELDS = 400  # of a form

T = TypeVar("T")


class NotTaken(Exception):
    """What was posted is not looked at any further: `reason` for the log, never the content; `status` of the answer."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


def read_form(read: Callable[[list[tuple[str, str]]], T]) -> T:
    """What `read` makes of the pairs of the posted form; raises `NotTaken`, also for what it finds `Unreadable`."""
    request.max_content_length = None  # the limit below answers before anything is read
    if (request.content_length or 0) > LIMIT:
        raise NotTaken("too_large", 413)
    body = request.stream.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise NotTaken("too_large", 413)
    if request.mimetype != "application/x-www-form-urlencoded":
        raise NotTaken("not_a_form", 415)
    try:
        return read(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except Unreadable as error:
        raise NotTaken(str(error), 400) from None
    except ValueError:  # not UTF-8, or too many fields
        raise NotTaken("unreadable", 400) from None


def answer(word: str, status: int = 200) -> Response:
    """One word for a machine."""
    return Response(word + "\n", status, mimetype="text/plain")

"""Bodies that do not come, or come as nonsense, cost a thread a while and nobody a traceback.

A proxy in front reads bodies first (`deploy/nginx.conf`); without one whoever sends half a body and waits would hold
a thread for as long as they please. Whoever waits within the head, or lets a body drip, still does: that is for the
proxy alone to end, and why `docs/install.md` puts one in front.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

SILENCE = 10.0  # seconds in which something of a body has to come, and a piece of an answer be taken
PIECE = 64 * 1024  # bytes: whoever takes seven kilobytes a second gets the longest list


class Patient:
    """A WSGI application that gives a request's body up after a while of silence, as `ClientDisconnected` (400)."""

    def __init__(self, app: WSGIApplication, silence: float = SILENCE) -> None:
        self._app, self._silence = app, silence

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        link = environ.get("gunicorn.socket")
        if isinstance(link, socket.socket):
            link.settimeout(self._silence)  # gunicorn takes it off again for the next request
        environ["wsgi.input"] = _Body(environ["wsgi.input"])
        return _Answer(self._app(environ, start_response))


class _Answer:
    """An answer in small pieces: a socket's time-out is for all that is handed to it at once, however much."""

    def __init__(self, answer: Iterable[bytes]) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        for part in self._answer:
            for start in range(0, len(part), PIECE):
                yield part[start : start + PIECE]

    def close(self) -> None:
        """To be called by the server when the answer is over, for whatever reason."""
        if callable(close := getattr(self._answer, "close", None)):
            close()


class _Body:
    """A body whose faults are the sender's."""

    def __init__(self, body: InputStream) -> None:
        self._body = body

    def read(self, *size: int) -> bytes:
        return bytes(self._asked(self._body.read, *size))

    def readline(self, *size: int) -> bytes:
        return bytes(self._asked(self._body.readline, *size))

    def readlines(self, *hint: int) -> list[bytes]:
        return list(self._asked(self._body.readlines, *hint))

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _asked(self, method: Any, *given: int) -> Any:
        try:
            return method(*given)
        except (
            Exception
        ):  # silence, a broken connection, chunks that are none: servers have classes of their own
            raise ClientDisconnected from None

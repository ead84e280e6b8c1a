"""A real mail server in a thread of the test, on a port that nobody can take in between."""

from __future__ import annotations

import socket
from typing import Any

from aiosmtpd.controller import Controller

#: Seconds until something that does not come is given up, on a machine that has other things to do.
PATIENCE = 60.0


class MailServer(Controller):
    """aiosmtpd's own server, but its socket listens from the beginning, and a slow machine has time."""

    def __init__(self, handler: Any, **more: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        super().__init__(handler, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE, **more)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listener, ssl=self.ssl_context)

    def _trigger_server(self) -> None:
        with socket.create_connection((self.hostname, self.port), PATIENCE) as line:
            line.recv(1024)


def dead_end() -> socket.socket:
    """Bound and not listening: its port refuses every connection as long as the socket is open."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound

"""A small threaded HTTP/1.1 server for WSGI applications, on the standard library.

Werkzeug's own server closes every connection after one answer; a portal keeps them open, and a client's
connection pool is part of what is tested. It can also cut a connection instead of answering.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, cast
from urllib.parse import unquote

#: An application sets this header to have the connection cut without an answer: "close", "reset" or "hang".
CUT_HEADER = "X-Sandbox-Cut"

_Headers = list[tuple[str, str]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 75

    def serve(self) -> None:
        """One request: the whole body is read, the whole answer is sent at once."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        status, headers, content = _run(cast("Server", self.server).application, self._environ(body))
        cut = next((value for name, value in headers if name == CUT_HEADER), "")
        if cut:
            self.close_connection = True
            self._cut(cut)
            return
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = serve

    def _cut(self, how: str) -> None:
        """No answer: closed in order, reset, or nothing said until the other side goes away."""
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # nothing but closing it with no lingering resets it
            return
        if how == "hang":
            self.connection.recv(1)
        self.connection.shutdown(socket.SHUT_RDWR)

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        server = cast("Server", self.server)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": server.server_name,
            "SERVER_PORT": str(server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if isinstance(self.connection, ssl.SSLSocket) else "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
        return environ

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the journal keeps what is worth knowing."""


def _run(application: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> tuple[str, _Headers, bytes]:
    started: list[Any] = []

    def start_response(status: str, headers: _Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        started[:] = [status, headers]
        return lambda data: None

    chunks = application(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()
    return started[0], started[1], content


class Server(ThreadingHTTPServer):
    """Serves one application; ``tls`` wraps every connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(
        self,
        host: str,
        port: int,
        application: Callable[..., Iterable[bytes]],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.application = application
        self._tls = tls
        self._open: set[Any] = set()
        self._closed = False
        #: Connections accepted so far.
        self.accepted = 0
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Without the name lookup of the base class."""
        self.allow_reuse_address = True
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        """A connection; its TLS handshake happens in its own thread, at the first read."""
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        self.accepted += 1
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Ends one connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serves until ``shutdown``; a thread that gets its turn only after that serves nothing."""
        try:
            super().serve_forever(poll_interval)
        except (OSError, ValueError):
            if not self._closed:
                raise

    def server_close(self) -> None:
        """Stops listening and ends the connections that are still kept open."""
        self._closed = True
        super().server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news; anything else is printed."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)

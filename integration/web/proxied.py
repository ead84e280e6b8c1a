"""Behind a proxy on the same machine a request bears the address of who sent it, not the proxy's.

Only the loopback is believed: whoever reaches the web processes from elsewhere speaks for themselves alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Proxied:
    """A WSGI application that believes `X-Forwarded-For` and `X-Forwarded-Proto` of a proxy on the loopback."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app, self._told = app, ProxyFix(app, x_for=1, x_proto=1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._told if _loopback(str(environ.get("REMOTE_ADDR") or "")) else self._app
        return app(environ, start_response)


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

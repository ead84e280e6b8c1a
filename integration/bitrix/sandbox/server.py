"""The sandbox as a process of its own: two ports, one portal (``python -m integration.bitrix.sandbox.server``).

The first line on standard output is JSON and says that the server listens, and where.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from .agency import Agency, Json, load_agency
from .clock import VirtualClock
from .control import HEADER
from .httpd import Server
from .portal import Portal
from .state import Origin
from .web import create_oauth_server, create_sandbox


@dataclass
class Sandbox:
    """A running sandbox: its addresses, the portal behind them, and the control calls."""

    portal: Portal
    portal_url: str
    oauth_url: str
    control_token: str
    servers: tuple[Server, ...]

    @property
    def domain(self) -> str:
        """Host and port of the portal."""
        return self.portal.state.origin.domain

    def ready(self) -> Json:
        """What the ready line says."""
        return {
            "ready": True,
            "portal": self.portal_url,
            "oauth": self.oauth_url,
            "domain": self.domain,
            "member_id": self.portal.state.info.member_id,
            "control_token": self.control_token,
            "pid": os.getpid(),
        }

    def control(self, path: str, data: Any = None, verb: str = "POST") -> Any:
        """A control call by HTTP; raises ``requests.HTTPError`` for a refusal."""
        return control(self.portal_url, self.control_token, path, data, verb)

    def close(self) -> None:
        """Stops listening and delivering."""
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.portal.stop()


def control(
    portal_url: str, token: str, path: str, data: Any = None, verb: str = "POST", verify: bool | str = True
) -> Any:
    """One control call to a sandbox wherever it runs; ``path`` without ``/_sandbox``, ``verify`` as in
    requests. Raises ``requests.HTTPError`` with the answer's text for a refusal."""
    headers = {HEADER: token}
    with requests.Session() as session:
        answer = session.request(
            verb, f"{portal_url}/_sandbox{path}", json=data, headers=headers, timeout=120, verify=verify
        )
    if not answer.ok:
        raise requests.HTTPError(f"{answer.status_code} for {path}: {answer.text[:500]}", response=answer)
    return answer.json()


def start(
    agency: Agency,
    clock: VirtualClock | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    oauth_port: int = 0,
    control_token: str | None = None,
    tls: ssl.SSLContext | None = None,
    origin: Origin | None = None,
) -> Sandbox:
    """Starts listening in threads of this process; ports 0 mean any free ones. ``origin`` overrides the
    addresses the portal tells others (for TLS under another name). Raises ``OSError`` for a busy port."""
    portal = Portal(clock or VirtualClock(), origin or Origin())
    portal.load(agency)
    token = control_token or secrets.token_hex(16)
    running: list[Sandbox] = []
    apps = (create_sandbox(portal, token, lambda: running[0].ready()), create_oauth_server(portal))
    servers = tuple(
        Server(host, number, app, tls) for app, number in zip(apps, (port, oauth_port), strict=True)
    )
    urls = [f"{'https' if tls else 'http'}://{host}:{server.port}" for server in servers]
    portal.state.origin = origin or Origin(*urls)
    running.append(Sandbox(portal, urls[0], urls[1], token, servers))
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    portal.start()
    return running[0]


@contextmanager
def running(agency: Agency, clock: VirtualClock | None = None, **options: Any) -> Iterator[Sandbox]:
    """A sandbox in this process for the length of a ``with`` block."""
    box = start(agency, clock, **options)
    try:
        yield box
    finally:
        box.close()


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="portal; 0: any free port")
    parser.add_argument("--oauth-port", type=int, default=0, help="authorisation server; 0: any free port")
    parser.add_argument("--agency", type=Path, help="JSON file with an agency")
    parser.add_argument("--bulk", type=int, metavar="DEALS", help="a dull agency with so many deals")
    parser.add_argument("--companies", type=int, default=1000, help="companies of --bulk")
    parser.add_argument("--clock-file", type=Path, help="file with the offset of virtual time, seconds")
    parser.add_argument("--control-token", help="guards /_sandbox; made up when left out")
    return parser.parse_args(argv)


def _agency(arguments: argparse.Namespace) -> Agency:
    from .agency import bulk_deals

    if arguments.agency:
        return load_agency(arguments.agency)
    return bulk_deals(arguments.bulk, arguments.companies) if arguments.bulk else Agency()


def main(argv: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; exit status 1 and one line when it cannot start."""
    arguments = _arguments(argv)
    try:
        box = start(
            _agency(arguments),
            VirtualClock(arguments.clock_file),
            host=arguments.host,
            port=arguments.port,
            oauth_port=arguments.oauth_port,
            control_token=arguments.control_token,
        )
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    print(json.dumps(box.ready()), flush=True)
    while not over.wait(1.0):
        pass
    box.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A served sandbox, a receiver of its messages, and the official SDK talking to it over TLS."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import trustme
from b24pysdk.client import BaseClient
from b24pysdk.credentials import BitrixApp, BitrixToken, BitrixWebhook

from integration.bitrix.sandbox.forms import decode
from integration.bitrix.sandbox.httpd import Server
from integration.bitrix.sandbox.install import DEFAULT_SCOPE
from integration.bitrix.sandbox.server import Sandbox, running
from integration.bitrix.sandbox.state import Origin
from tests.bitrix.sandbox.agencies import small_agency
from tests.clocks import midday

PORTAL_HOST, OAUTH_HOST = "agency.sandbox.test", "oauth.bitrix24.tech"
#: The name the portal had before it was renamed.
OLD_HOST = f"old.{PORTAL_HOST}"
CLIENT_ID, SECRET = "local.sandbox", "not-a-secret"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A fresh sandbox with the small agency, in this process, on free ports."""
    with running(small_agency(), midday()) as sandbox:
        yield sandbox


@dataclass
class Caller:
    """Calls REST methods over real HTTP with one authorisation."""

    base: str
    token: str | None = None
    session: requests.Session = field(default_factory=requests.Session)

    def raw(self, method: str, params: dict[str, Any] | None = None) -> requests.Response:
        """One JSON call."""
        body = dict(params or {})
        if self.token:
            body["auth"] = self.token
        return self.session.post(self.base + method, json=body, timeout=30)

    def __call__(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The ``result`` of a call that must succeed."""
        answer = self.raw(method, params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def error(self, method: str, params: dict[str, Any] | None = None) -> tuple[int, Any]:
        """HTTP status and code of a call that must be refused."""
        answer = self.raw(method, params)
        return answer.status_code, answer.json()["error"]


@pytest.fixture
def hook(box: Sandbox) -> Iterator[Caller]:
    """The administrator's webhook."""
    caller = Caller(box.control("/webhooks", {"user_id": 1})["url"])
    yield caller
    caller.session.close()


@pytest.fixture
def as_user(box: Sandbox) -> Iterator[Callable[[int], Caller]]:
    """Callers with an application's token of a given user; the application is installed without a page."""
    register(box)
    box.portal.state.apps[CLIENT_ID].state = "installed"
    made: list[Caller] = []

    def caller(user_id: int) -> Caller:
        token = box.control(f"/apps/{CLIENT_ID}/tokens", {"user_id": user_id})["access_token"]
        made.append(Caller(f"{box.portal_url}/rest/", token))
        return made[-1]

    yield caller
    for one in made:
        one.session.close()


def register(box: Sandbox, **more: Any) -> dict[str, Any]:
    """The application the tests install."""
    data: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": SECRET} | more
    answer: dict[str, Any] = box.control("/apps", data)
    return answer


@dataclass
class Receiver:
    """An application's server: remembers every POST, answers what it is told to."""

    server: Server
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    page: str = "<html>ok</html>"
    status: int = 200

    def url(self, path: str) -> str:
        """Address of a path."""
        return f"http://127.0.0.1:{self.server.port}{path}"

    def on(self, path: str) -> list[dict[str, Any]]:
        """Decoded bodies posted to a path."""
        return [body for where, body in self.posts if where.partition("?")[0] == path]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A listening application."""
    holder: list[Receiver] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read().decode()
        where = environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else "")
        holder[0].posts.append((where, decode(body) | {"_query": dict(parse_qsl(environ["QUERY_STRING"]))}))
        start_response(f"{holder[0].status} X", [("Content-Type", "text/html")])
        return [holder[0].page.encode()]

    holder.append(Receiver(Server("127.0.0.1", 0, application)))
    threading.Thread(
        target=holder[0].server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    yield holder[0]
    holder[0].server.shutdown()
    holder[0].server.server_close()


@dataclass
class Sdk:
    """The official SDK bound to a sandbox that answers as https portal and authorisation server."""

    box: Sandbox

    def reset(self) -> None:
        """A fresh agency, limits off, an installed application."""
        portal = self.box.portal
        portal.load(small_agency())
        portal.state.settings.update({"rate_limit": {"on": False}, "suspended": False, "rights": {}})
        portal.state.bindings.clear()
        portal.state.placements.clear()
        portal.faults.orders.clear()
        self.app(DEFAULT_SCOPE)

    def app(self, scope: tuple[str, ...]) -> None:
        """Registers and installs the application with the given scopes."""
        from integration.bitrix.sandbox.install import register as add

        app = add(self.box.portal, {"client_id": CLIENT_ID, "client_secret": SECRET, "scope": list(scope)})
        app.state = "installed"

    def token(self, user_id: int = 1, refresh: str | None = None) -> BitrixToken:
        """A user's token pair."""
        pair = self.box.portal.tokens.issue(self.box.portal.state.apps[CLIENT_ID], user_id)
        app = BitrixApp(client_id=CLIENT_ID, client_secret=SECRET)
        return BitrixToken(
            domain=PORTAL_HOST, auth_token=pair.access, refresh_token=refresh or pair.refresh, bitrix_app=app
        )

    def client(self, user_id: int = 1) -> BaseClient:
        """The typed client with a user's token."""
        return self.token(user_id).get_client()

    def webhook(self, user_id: int = 1) -> BitrixWebhook:
        """A webhook of a user."""
        from integration.bitrix.sandbox.install import add_webhook

        path = add_webhook(self.box.portal, user_id, None).rstrip("/").split("/rest/")[1]
        return BitrixWebhook(domain=PORTAL_HOST, webhook_token=path)


@pytest.fixture(scope="module")
def tls_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox behind TLS under the SDK's fixed host names: a private authority signs, names lead to
    loopback."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(PORTAL_HOST, OLD_HOST, OAUTH_HOST).configure_cert(context)
    bundle = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    origin = Origin(f"https://{PORTAL_HOST}", f"https://{OAUTH_HOST}")
    with (
        running(small_agency(), midday(), tls=context, origin=origin) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        _lead_names_home(patch, sandbox)
        _trust(patch, bundle)
        yield sandbox


def _trust(patch: pytest.MonkeyPatch, bundle: Path) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        patch.setenv(name, os.fspath(bundle))


def _lead_names_home(patch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    real = socket.getaddrinfo
    ports = {PORTAL_HOST: sandbox.servers[0].port, OAUTH_HOST: sandbox.servers[1].port}
    ports[OLD_HOST] = ports[PORTAL_HOST]

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return (
            real("127.0.0.1", ports[name], *rest, **more)
            if name in ports
            else real(host, port, *rest, **more)
        )

    patch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def sdk(tls_sandbox: Sandbox) -> Sdk:
    """The SDK with a fresh agency."""
    tool = Sdk(tls_sandbox)
    tool.reset()
    return tool

"""Addresses, connections and what becomes of them: real sockets, real TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

from integration.bitrix.call import Call
from integration.bitrix.client import ClientPool
from integration.bitrix.errors import Retryable
from integration.bitrix.sandbox.httpd import Server


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://portal.bitrix24.ru/rest/",
        "ftp://x/rest/",
        "//x/rest/",
        "https:///rest",
        "https://u:p@h/rest/",
        "",
    ],
)
def test_only_https_portals_are_called(endpoint: str) -> None:
    """bitrix24.md 4.1; plain http needs the switch of on-premise portals."""
    with pytest.raises(ValueError, match="address"):
        ClientPool().client(endpoint, "t")


def test_plain_http_portals_need_the_switch() -> None:
    """interface.md 3: MOLVA_ALLOW_HTTP_PORTALS."""
    assert (
        ClientPool(allow_http=True).client("http://box.local/rest", "t").endpoint == "http://box.local/rest/"
    )


def test_nothing_is_sent_to_a_port_that_refuses() -> None:
    """A refused connection had no effect, unlike one that broke later."""
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}/rest/"
        with pytest.raises(Retryable) as caught:
            ClientPool(allow_http=True).client(endpoint, "t").call(Call("profile"))
    assert (caught.value.effect, caught.value.code) == ("none", "no_connection")


def test_a_host_that_does_not_exist_had_no_effect() -> None:
    """`.invalid` never resolves."""
    with pytest.raises(Retryable) as caught:
        ClientPool().client("https://portal.invalid/rest/", "t").call(Call("profile"))
    assert caught.value.effect == "none"


@contextmanager
def listener(answers: list[bytes | None]) -> Iterator[tuple[str, list[int]]]:
    """A server that answers request after request with raw bytes, None breaks the connection without a word;
    tells its address and on which connection each request came."""
    taken: list[int] = []
    waiting = list(answers)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def serve() -> None:
            connection = 0
            while waiting:
                peer, _ = server.accept()
                peer.settimeout(60)
                connection += 1
                with peer:
                    while waiting and read_request(peer):
                        taken.append(connection)
                        answer = waiting.pop(0)
                        if answer is None:
                            break
                        peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/rest/", taken
        thread.join(120)


def read_request(peer: socket.socket) -> bool:
    head = b""
    while b"\r\n\r\n" not in head:
        part = peer.recv(65_536)
        if not part:
            return False
        head += part
    top, _, body = head.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in top.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += peer.recv(65_536)
    return True


def http(
    body: bytes, head: bytes = b"200 OK\r\nSet-Cookie: PHPSESSID=u1", length: int | None = None
) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (
        head,
        len(body) if length is None else length,
        body,
    )


def test_one_connection_serves_many_calls() -> None:
    """A new TLS handshake per call would cost more than the call."""
    good = http(b'{"result": true}')
    pool = ClientPool(allow_http=True)
    with listener([good, good, good]) as (endpoint, taken):
        for token in ("t1", "t2", "t3"):
            assert pool.client(endpoint, token).call(Call("profile")).result is True
        pool.close()
    assert taken == [1, 1, 1]


class Counting(Server):
    """A server that keeps connections open and counts them."""

    made = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.made += 1
        super().process_request(request, client_address)


def test_a_portal_never_sees_more_connections_than_its_pool_holds() -> None:
    """Twenty callers at once share the connections of one portal, and each connection serves several calls."""
    portal, asked = Flask("portal"), []

    @portal.post("/rest/profile")
    def profile() -> dict[str, Any]:
        asked.append(threading.get_ident())
        time.sleep(0.01)  # so that the callers are there at the same time
        return {"result": True}

    server = Counting("127.0.0.1", 0, portal)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    pool = ClientPool(allow_http=True, connections=4)
    client = pool.client(f"http://127.0.0.1:{server.port}/rest/", "t")
    with ThreadPoolExecutor(20) as callers:
        assert all(callers.map(lambda _: client.call(Call("profile")).result, range(60)))
    pool.close()
    server.shutdown()
    server.server_close()
    assert len(asked) == 60
    assert server.made <= 4


@pytest.mark.parametrize("answer", [None, http(b'{"result"', length=99)], ids=["no answer", "half an answer"])
def test_a_connection_broken_after_the_request_leaves_the_effect_unknown(answer: bytes | None) -> None:
    """The portal may have carried it out."""
    pool = ClientPool(allow_http=True)
    with listener([answer]) as (endpoint, taken):
        with pytest.raises(Retryable) as caught:
            pool.client(endpoint, "t").call(Call("tasks.task.add"))
        pool.close()
    assert (caught.value.effect, len(taken)) == ("unknown", 1)


def test_a_silent_portal_is_given_up_with_unknown_effect() -> None:
    """A request dies at 60 s in the portal, here after the read time-out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        pool = ClientPool(allow_http=True, timeout=(30.0, 0.2))
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}/rest/"
        with pytest.raises(Retryable) as caught:
            pool.client(endpoint, "t").call(Call("tasks.task.add"))
        pool.close()
    assert (caught.value.code, caught.value.effect) == ("read_timeout", "unknown")


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("drip", [b"X", http(b"", length=9_999) + b" "], ids=["in the head", "in the body"])
def test_an_answer_that_drips_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secure: bool, drip: bytes
) -> None:
    """Each byte comes in time; the whole must as well, or a portal could hold a worker for hours. The next call on
    the same portal is answered."""
    monkeypatch.setattr("integration.bitrix.exchange.REST_SECONDS", 0.2)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # would go before our own bundle
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in (drip, http(b'{"result": 7}')):
                peer, _ = server.accept()
                with contextlib.suppress(OSError):
                    peer = context.wrap_socket(peer, server_side=True) if secure else peer
                    read_request(peer)
                    peer.sendall(answer)
                    while answer is drip and time.monotonic() - began < 120:
                        peer.sendall(drip[-1:])
                        time.sleep(0.05)
                peer.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        pool = ClientPool(allow_http=True, timeout=(60.0, 0.6), verify=str(tmp_path / "ca.pem"))
        scheme = "https" if secure else "http"
        client = pool.client(f"{scheme}://localhost:{server.getsockname()[1]}/rest/", "t")
        with pytest.raises(Retryable) as caught:
            client.call(Call("tasks.task.add"))
        assert caught.value.effect == "unknown"
        given_up = time.monotonic() - began
        client._timeout = (60.0, 60.0)
        assert client.call(Call("profile")).result == 7
        assert given_up < 60
        pool.close()
        thread.join(120)


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any portal may install the application; none may fill its memory."""
    monkeypatch.setattr("integration.bitrix.exchange.MAX_BODY", 1000)
    pool = ClientPool(allow_http=True)
    with listener([http(b" " * 5000)]) as (endpoint, _):
        with pytest.raises(Retryable) as caught:
            pool.client(endpoint, "t").call(Call("profile"))
        pool.close()
    assert caught.value.code == "too_large"


def test_cookies_of_one_user_do_not_go_with_the_token_of_another() -> None:
    """Sessions are shared between tokens of a portal."""
    pool = ClientPool(allow_http=True)
    with listener([http(b'{"result": 1}')]) as (endpoint, _):
        client = pool.client(endpoint, "t")
        client.call(Call("profile"))
        assert len(client._session.cookies) == 0
        pool.close()


def test_the_pool_keeps_one_session_per_portal_and_no_more_than_its_size() -> None:
    """Thousands of portals must not hold thousands of connections."""
    pool = ClientPool(size=2)
    first = pool.client("https://a.example/rest/", "t1")
    assert pool.client("https://A.example/rest/", "t2")._session is first._session
    pool.client("https://b.example/rest/", "t")
    pool.client("https://c.example/rest/", "t")
    assert pool.client("https://a.example/rest/", "t")._session is not first._session


def test_an_untrusted_certificate_had_no_effect() -> None:
    """Nothing was sent, and it is never accepted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def handshake() -> None:
            peer, _ = server.accept()
            try:
                context.wrap_socket(peer, server_side=True).close()
            except (ssl.SSLError, OSError):
                peer.close()

        thread = threading.Thread(target=handshake, daemon=True)
        thread.start()
        with pytest.raises(Retryable) as caught:
            ClientPool().client(f"https://localhost:{server.getsockname()[1]}/rest/", "t").call(
                Call("profile")
            )
        thread.join(120)
    assert caught.value.effect == "none"

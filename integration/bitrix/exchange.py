"""One HTTP exchange, shared by the portal's client and the authorisation server's: a POST without redirects,
bounded in time and size, and the answer read into a JSON object or a sorted error (bitrix24.md 4.1-4.3)."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from integration.bitrix.bounds import CONNECT_SECONDS as CONNECT_SECONDS
from integration.bitrix.bounds import READ_SECONDS as READ_SECONDS
from integration.bitrix.bounds import REST_SECONDS
from integration.bitrix.errors import Moved, Refused, Retryable, classify

MAX_BODY = 64 * 1024 * 1024
_HEADERS = {"Accept": "application/json", "User-Agent": "Molva/1"}
_ODD = re.compile(  # a zero byte, half a surrogate pair; PHP escapes whatever is not ASCII
    rb"\\u0000|\xed[\xa0-\xbf]|\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]",
    re.DOTALL,
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Raw:
    """A whole answer: status, where a redirect points, ``Retry-After`` in seconds, and the body's bytes."""

    status: int
    location: str
    retry_after: float | None
    body: bytes


def checked_origin(url: str, allow_http: bool) -> str:
    """``scheme://host[:port]`` of an address, lower case. ValueError unless https, or http where allowed,
    and for addresses with user names in them."""
    parts = urlsplit(url)
    schemes = ("https", "http") if allow_http else ("https",)
    if parts.scheme.lower() not in schemes or not parts.hostname or "@" in parts.netloc:
        raise ValueError(
            "the address is not https" if not allow_http else "the address is neither https nor http"
        )
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}"


class _Watched(io.RawIOBase):
    """The bytes of one answer, to its end or to the moment when it must have come: a time-out of the socket alone
    begins anew with every byte, so that a server that lets them drip would hold us for hours."""

    def __init__(self, link: socket.socket) -> None:
        super().__init__()
        self._file = link.makefile("rb", buffering=0)
        self._link = link
        self._patience = link.gettimeout()
        self._over = None if self._patience is None else time.monotonic() + self._patience + REST_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._over is not None and self._patience is not None:
            left = self._over - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer takes too long")
            self._link.settimeout(min(self._patience, left))
        return self._file.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            with contextlib.suppress(OSError):  # closed by the other side, say
                self._link.settimeout(self._patience)  # for the next request on this connection
            self._file.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, link: socket.socket, *more: Any, **named: Any) -> None:
        super().__init__(link, *more, **named)
        plain, self.fp = self.fp, io.BufferedReader(_Watched(link))
        plain.close()


class _Plain(HTTPConnection):
    response_class = _Answer


class _Secure(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    """Connections whose answers end in time."""

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


def new_session(connections: int = 8, verify: bool | str = True) -> requests.Session:
    """A session that repeats nothing and keeps no cookies: one portal's calls come with different users'
    tokens. It holds ``connections`` to a host at most; one call more waits until another has its answer."""
    session = requests.Session()
    adapter = _Adapter(pool_connections=4, pool_maxsize=connections, max_retries=0, pool_block=True)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.verify = verify
    return session


def send(
    session: requests.Session, url: str, method: str, timeout: tuple[float, float], **content: Any
) -> Raw:
    """Posts and reads the whole answer. ``Retryable`` when none came: effect "none" only where no connection
    was made, since any later fault may follow a request that was carried out."""
    headers = {**_HEADERS, **content.pop("headers", {})}
    try:
        with session.post(
            url, headers=headers, timeout=timeout, allow_redirects=False, stream=True, **content
        ) as answer:
            return Raw(
                status=answer.status_code,
                location=answer.headers.get("Location", ""),
                retry_after=_seconds(answer.headers.get("Retry-After")),
                body=_body(answer, method),
            )
    except requests.exceptions.ConnectTimeout:
        raise Retryable(method, "connect_timeout", effect="none") from None
    except requests.exceptions.ConnectionError as error:
        if _never_connected(error):
            raise Retryable(method, "no_connection", effect="none") from None
        raise Retryable(method, "connection_lost", effect="unknown") from None
    except requests.exceptions.Timeout:
        raise Retryable(method, "read_timeout", effect="unknown") from None
    except requests.exceptions.RequestException:
        raise Retryable(method, "connection_lost", effect="unknown") from None


def _body(answer: requests.Response, method: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in answer.iter_content(65_536):
        size += len(chunk)
        if size > MAX_BODY:
            raise Retryable(method, "too_large", effect="unknown")
        chunks.append(chunk)
    return b"".join(chunks)


def _never_connected(error: BaseException) -> bool:
    """Whether the fault came before a byte could be sent: refused, no such host, an untrusted certificate."""
    return any(
        isinstance(cause, (NewConnectionError, ssl.SSLCertVerificationError)) for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting: list[BaseException] = [error]
    for _ in range(20):
        if not waiting:
            return
        cause = waiting.pop()
        yield cause
        if isinstance(cause, MaxRetryError) and isinstance(cause.reason, BaseException):
            waiting.append(cause.reason)
        waiting += [inner for inner in cause.args if isinstance(inner, BaseException)]


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 7 else None


def read(raw: Raw, method: str, expected: str = "result") -> dict[str, Any]:
    """The JSON object of a good answer, which has the key ``expected``; otherwise raises what the answer
    means. A body with ``error`` is a failure whatever its status (bitrix24.md 4.2)."""
    if raw.status in _REDIRECTS and raw.location:
        raise Moved(method, raw.location)
    try:
        body = _storable(raw.body, json.loads(raw.body))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise classify(raw.status, "", body_ok=False, method=method, after=raw.retry_after)
    if body.get("error") is not None or raw.status >= 300:
        code, text = code_of(body)
        until = moment(_map(body.get("time")).get("operating_reset_at"))
        raise classify(raw.status, code, text, method=method, until=until, after=raw.retry_after)
    if expected not in body:
        raise Retryable(method, "malformed", effect="unknown")
    return body


def _storable(raw: bytes, value: Any) -> Any:
    """An answer's texts without the characters that no database takes: one such card must not stop all others."""
    return _cleaned(value) if _ODD.search(raw) else value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    return value


def code_of(body: dict[str, Any]) -> tuple[str, str]:
    """Code and text of an error: empty, numeric and nested codes occur (bitrix24.md 4.2, 4.8)."""
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return str(error if error is not None else ""), str(body.get("error_description") or "")


def moment(value: Any) -> datetime | None:
    """Seconds since the epoch as aware UTC; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e11:
        return None
    return datetime.fromtimestamp(value, UTC)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def refused_origin(method: str) -> Refused:
    """The error for an address that is not among those allowed: nothing was sent."""
    return Refused(method, "origin_not_allowed")

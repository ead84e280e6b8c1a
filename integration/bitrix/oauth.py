"""The authorisation server: renewing a token pair, and proving whose token it is (bitrix24.md 2.9, 3.2-3.5).

The application's secret goes to configured origins only, whatever a portal, a frame or an event says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests

from integration.bitrix.errors import BitrixError, Retryable
from integration.bitrix.exchange import (
    CONNECT_SECONDS,
    READ_SECONDS,
    checked_origin,
    new_session,
    read,
    refused_origin,
    send,
)
from integration.bitrix.protocol import scopes
from integration.bitrix.report import Observer, Watch, unobserved

# How the two exchanges are named in errors and logs.
RENEWAL = "oauth.token"
APP_INFO = "oauth.app.info"


@dataclass(frozen=True)
class TokenPair:
    """A renewed pair; all of it replaces what was stored (bitrix24.md 3.4). ``expires_in`` seconds.
    ``domain`` is the portal's, taken from ``client_endpoint``: the answer's own ``domain`` is the
    server's."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    client_endpoint: str
    server_endpoint: str
    domain: str
    member_id: str
    scope: tuple[str, ...]
    status: str
    user_id: int | None


@dataclass(frozen=True)
class GrantInfo:
    """Whose token it is, as the authorisation server knows it: the application, the portal and the user.
    Compare all of ``client_id``, ``member_id`` and ``domain`` with what was claimed (bitrix24.md 2.9)."""

    client_id: str
    member_id: str
    domain: str
    user_id: int
    client_endpoint: str
    installed: bool
    status: str
    scope: tuple[str, ...]


QUESTION_SECONDS = 15.0  # whose token it is: a person waits, and anybody may make us ask


class OAuthClient:
    """Talks to the allowed authorisation servers and to no other address. Thread-safe as its session is."""

    def __init__(
        self,
        allowed: Iterable[str],
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        *,
        allow_http: bool = False,
        session: requests.Session | None = None,
        observer: Observer = unobserved,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """``allowed``: origins; the first is the default. ValueError for none, or one that is not https (or
        http where that is allowed). ``observer`` learns of every request that is sent."""
        self.allowed = tuple(checked_origin(origin, allow_http) for origin in allowed)
        if not self.allowed:
            raise ValueError("no authorisation server is configured")
        self._allow_http = allow_http
        self._timeout = timeout
        self._session = session or new_session()
        self._observer = observer
        self._stopwatch = stopwatch

    def origin_of(self, server_endpoint: str) -> str:
        """The allowed origin a ``server_endpoint`` names, else the default one."""
        try:
            origin = checked_origin(server_endpoint, self._allow_http)
        except ValueError:
            return self.allowed[0]
        return origin if origin in self.allowed else self.allowed[0]

    def refresh(self, origin: str, client_id: str, secret: str, refresh_token: str) -> TokenPair:
        """Renews a pair; the old refresh token is to be taken as dead from now on. ``Refused`` without
        sending anything when ``origin`` is not allowed; otherwise as ``errors.classify`` sorts the answer. An
        unknown effect may mean that a pair was issued and lost."""
        form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": secret,
            "refresh_token": refresh_token,
        }
        body = self._post(origin, "/oauth/token/", RENEWAL, form, "access_token")
        pair = _token_pair(body)
        if not (pair.access_token and pair.refresh_token and pair.member_id and pair.domain):
            raise Retryable(RENEWAL, "malformed", effect="unknown")
        return pair

    def app_info(self, origin: str, token: str) -> GrantInfo:
        """Whose ``token`` it is. Errors as ``refresh``."""
        body = self._post(origin, "/rest/app.info/", APP_INFO, {"auth": token}, "result", QUESTION_SECONDS)
        info = _grant_info(body["result"])
        if info is None:
            raise Retryable(APP_INFO, "malformed", effect="none")
        return info

    def _post(
        self,
        origin: str,
        path: str,
        method: str,
        form: dict[str, str],
        expected: str,
        patience: float = READ_SECONDS,
    ) -> dict[str, Any]:
        try:
            target = checked_origin(origin, self._allow_http)
        except ValueError:
            raise refused_origin(method) from None
        if target not in self.allowed:
            raise refused_origin(method)
        watch = Watch(method, self._stopwatch, len(urlencode(form)))
        connect, answer = self._timeout
        try:
            raw = send(self._session, target + path, method, (connect, min(answer, patience)), data=form)
            watch.answered(raw.status, len(raw.body))
            body = read(raw, method, expected)
            watch.told(body)
            return body
        except BitrixError as error:
            watch.failed(error)
            raise
        finally:
            self._observer(watch.report())


def _token_pair(body: Mapping[str, Any]) -> TokenPair:
    endpoint = _text(body.get("client_endpoint"))
    return TokenPair(
        access_token=_text(body.get("access_token")),
        refresh_token=_text(body.get("refresh_token")),
        expires_in=_number(body.get("expires_in")) or 3600,
        client_endpoint=endpoint,
        server_endpoint=_text(body.get("server_endpoint")),
        domain=host_of(endpoint),
        member_id=_text(body.get("member_id")),
        scope=scopes(body.get("scope")),
        status=_text(body.get("status")),
        user_id=_number(body.get("user_id")),
    )


def _grant_info(result: Any) -> GrantInfo | None:
    install = result.get("install") if isinstance(result, dict) else None
    user_id = _number(result.get("user_id")) if isinstance(result, dict) else None
    if not isinstance(install, dict) or user_id is None:
        return None
    endpoint = _text(install.get("client_endpoint"))
    info = GrantInfo(
        client_id=_text(result.get("client_id")),
        member_id=_text(install.get("member_id")),
        domain=_text(install.get("domain")).lower() or host_of(endpoint),
        user_id=user_id,
        client_endpoint=endpoint,
        installed=install.get("installed") in (True, "Y", "1", 1),
        status=_text(install.get("status")),
        scope=scopes(install.get("scope") or result.get("scope")),
    )
    return info if info.client_id and info.member_id and info.domain else None


def host_of(endpoint: str) -> str:
    """``host[:port]`` of an endpoint, lower case; empty when it is no address."""
    try:
        return checked_origin(endpoint, allow_http=True).partition("://")[2]
    except ValueError:
        return ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None

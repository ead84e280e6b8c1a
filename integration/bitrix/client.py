"""HTTP to one portal: one request in, an answer or a sorted error out. Neither sleeps nor repeats.

The caller (an outbox under the portal's limits) decides what follows from an error; see ``errors``
(bitrix24.md 4.1-4.4).
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from integration.bitrix.answers import flaw
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable, classify
from integration.bitrix.exchange import (
    CONNECT_SECONDS,
    READ_SECONDS,
    checked_origin,
    code_of,
    moment,
    new_session,
    read,
    send,
)
from integration.bitrix.protocol import command
from integration.bitrix.report import Observer as Observer
from integration.bitrix.report import Report as Report
from integration.bitrix.report import Watch, keyed, unobserved

MAX_COMMANDS = 50


@dataclass(frozen=True)
class Answer:
    """One good answer; ``time`` as the portal told it (seconds, bitrix24.md 4.2)."""

    result: Any
    total: int | None = None
    next: int | None = None
    time: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchAnswer:
    """A batch by command key. A key in neither ``results`` nor ``errors`` was not executed (halted).
    ``times`` are the inner times in the order of execution; ``time`` is that of the whole request."""

    results: dict[str, Any]
    errors: dict[str, BitrixError]
    totals: dict[str, int]
    times: dict[str, dict[str, Any]]
    time: dict[str, Any]

    def metered(self, calls: Mapping[str, Call]) -> list[tuple[str, dict[str, Any]]]:
        """(method, inner time) in order, as ``limits.observed`` takes them."""
        return [(calls[key].method, inner) for key, inner in self.times.items()]


class PortalClient:
    """Calls one portal with one token, over a session that others may share."""

    def __init__(
        self,
        endpoint: str,
        token: str,
        session: requests.Session,
        *,
        observer: Observer = unobserved,
        allow_http: bool = False,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """``endpoint``: the portal's ``client_endpoint``; or, with an empty ``token``, the address of an
        incoming webhook. ValueError for an address that is not https, or http where that is allowed."""
        checked_origin(endpoint, allow_http)
        self.endpoint = endpoint.rstrip("/") + "/"
        self._token = token
        self._session = session
        self._observer = observer
        self._timeout = timeout
        self._stopwatch = stopwatch

    def call(self, call: Call) -> Answer:
        """One method. Raises a ``BitrixError``."""
        body = self._post(call.method, call.params, {})
        if (bad := flaw(call.method, body.get("result"))) is not None:
            raise bad
        return Answer(
            result=body.get("result"),
            total=_int(body.get("total")),
            next=_int(body.get("next")),
            time=keyed(body.get("time")),
        )

    def batch(self, calls: Mapping[str, Call], halt: bool = False) -> BatchAnswer:
        """Up to 50 commands in one request, executed in order; with ``halt`` the first failing one is the
        last. Raises a ``BitrixError`` when the request as a whole failed, ValueError for none or more than
        50."""
        if not 0 < len(calls) <= MAX_COMMANDS:
            raise ValueError(f"a batch holds 1 to {MAX_COMMANDS} commands, not {len(calls)}")
        commands = {key: command(call) for key, call in calls.items()}
        methods = {key: call.method for key, call in calls.items()}
        body = self._post("batch", {"halt": int(halt), "cmd": commands}, methods)
        return read_batch(body, methods)

    def _post(self, method: str, params: Mapping[str, Any], inner: Mapping[str, str]) -> dict[str, Any]:
        payload = json.dumps({**params, "auth": self._token} if self._token else dict(params)).encode()
        headers = {"Content-Type": "application/json"}
        watch = Watch(method, self._stopwatch, len(payload), inner)
        url = self.endpoint + method
        try:
            raw = send(self._session, url, method, self._timeout, data=payload, headers=headers)
            watch.answered(raw.status, len(raw.body))
            body = read(raw, method)
            watch.told(body)
            return body
        except BitrixError as error:
            watch.failed(error)
            raise
        finally:
            self._observer(watch.report())


def read_batch(body: Mapping[str, Any], methods: Mapping[str, str]) -> BatchAnswer:
    """A batch's envelope by command key; empty maps come as lists, and lists where all keys are numbers
    (bitrix24.md 4.4). ``Retryable`` when it is no batch answer at all."""
    inner = body.get("result")
    if not isinstance(inner, dict) or not ("result" in inner or "result_error" in inner):
        raise Retryable("batch", "malformed", effect="unknown")
    spans = {key: keyed(one) for key, one in keyed(inner.get("result_time")).items()}
    errors = {
        key: _inner_error(methods[key], one, spans.get(key, {}))
        for key, one in keyed(inner.get("result_error")).items()
        if key in methods
    }
    results = {
        key: one for key, one in keyed(inner.get("result")).items() if key in methods and key not in errors
    }
    for key in list(results):
        if (bad := flaw(methods[key], results[key])) is not None:
            errors[key] = bad
            del results[key]
    totals = {key: _int(one) for key, one in keyed(inner.get("result_total")).items()}
    return BatchAnswer(
        results=results,
        errors=errors,
        totals={key: total for key, total in totals.items() if total is not None},
        times={key: spans[key] for key in methods if key in spans},
        time=keyed(body.get("time")),
    )


def _inner_error(method: str, error: Any, span: Mapping[str, Any]) -> BitrixError:
    code, text = code_of(error) if isinstance(error, dict) else (str(error or ""), "")
    return classify(200, code, text, method=method, until=moment(span.get("operating_reset_at")))


def _int(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return int(value)
    except ValueError:
        return None


class ClientPool:
    """One session, and so one pool of connections, per portal; thread-safe. The least recently used sessions
    beyond ``size`` are closed. ``observer`` and the rest are passed on to every client."""

    def __init__(
        self,
        *,
        observer: Observer = unobserved,
        allow_http: bool = False,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        size: int = 200,
        connections: int = 8,
        verify: bool | str = True,
    ) -> None:
        """``connections``: kept per portal; ``verify``: False is refused, a path names a bundle of
        authorities."""
        if verify is False:
            raise ValueError("certificates are always checked")
        self._observer = observer
        self._allow_http = allow_http
        self._timeout = timeout
        self._size = size
        self._connections = connections
        self._verify = verify
        self._sessions: OrderedDict[str, requests.Session] = OrderedDict()
        self._lock = threading.Lock()

    def client(self, endpoint: str, token: str, observer: Observer | None = None) -> PortalClient:
        """A client of the portal at ``endpoint``. ValueError for an address that is not allowed."""
        origin = checked_origin(endpoint, self._allow_http)
        return PortalClient(
            endpoint,
            token,
            self._session(origin),
            observer=observer or self._observer,
            allow_http=self._allow_http,
            timeout=self._timeout,
        )

    def _session(self, origin: str) -> requests.Session:
        with self._lock:
            session = self._sessions.pop(origin, None) or new_session(self._connections, self._verify)
            self._sessions[origin] = session
            while len(self._sessions) > self._size:
                self._sessions.popitem(last=False)[1].close()
            return session

    def close(self) -> None:
        """Closes every connection; the pool may be used again."""
        with self._lock:
            while self._sessions:
                self._sessions.popitem()[1].close()

"""Faults a test orders: what a request meets instead of, or after, its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .agency import Json
from .errors import ConnectionCut, RestError

#: Kinds that end a request before anything happened (unless ``after`` is set), as refusals.
_REFUSALS: dict[str, RestError] = {
    "503": RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503),
    "overload": RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", 503),
    "429": RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429),
    "500": RestError("INTERNAL_SERVER_ERROR", "Internal server error", 500),
    "expired_token": RestError("expired_token", "The access token provided has expired.", 401),
    "invalid_token": RestError("invalid_token", "Unable to get application by token", 401),
    "no_auth": RestError("NO_AUTH_FOUND", "Wrong authorization data", 401),
    "not_installed": RestError("ERROR_OAUTH", "Application not installed", 401),
    "app_not_found": RestError("APPLICATION_NOT_FOUND", "Application not found", 401),
    "user_gone": RestError("authorization_error", "Unable to authorize user", 401),
    "payment": RestError("PAYMENT_REQUIRED", "Subscription has been ended", 401),
    "suspended": RestError("ACCESS_DENIED", "REST API is available only on commercial plans", 403),
    "portal_deleted": RestError("PORTAL_DELETED", "Portal was deleted", 410),
    "unexpected": RestError("ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response.", 500),
    "error_200": RestError("INTERNAL_SERVER_ERROR", "Internal server error", 200),
}
#: Kinds whose body is no JSON.
RAW = {
    "502": (502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    "403_html": (403, b"<html><head><title>403 Forbidden</title></head><body>proxy</body></html>"),
    "bad_json": (200, b'{"result": {"items": [{"id": 1, '),
    "empty": (200, b""),
}
#: Kinds that end the connection without an answer, and how: closed, reset, or silent until the caller gives up.
#: ``late`` is silent too, and takes effect ``seconds`` of virtual time later, when nobody listens any more.
_CUTS = {
    "down": "close", "drop_before": "close", "drop_after": "close", "half_batch": "close",
    "reset_before": "reset", "reset_after": "reset", "hang_before": "hang", "hang_after": "hang", "late": "hang",
}  # fmt: skip
#: Kinds that come when the request has done its work.
_AFTERWARDS = frozenset({"drop_after", "reset_after", "hang_after", "half_batch"})
#: Kinds that make single calls fail with ``code`` under HTTP 200: all that match, or every other of them.
_INSIDE = frozenset({"inside", "half_inside"})
#: The kind that empties the answers of the calls that match: null where something should be.
HOLLOW = "hollow"
#: The kind that only makes the authorisation server take ``seconds`` of real time.
SLOW = "slow"
SLOW_METHODS = ("oauth.token", "oauth.app.info")
KINDS = frozenset([*_REFUSALS, *RAW, *_CUTS, *_INSIDE, HOLLOW, SLOW])


class RawAnswer(Exception):
    """An answer that is no JSON; ``args`` are the HTTP status and the body."""


@dataclass
class Fault:
    """One order: meets ``count`` matching requests after letting ``skip`` pass. ``method`` matches the
    outer method or any command of a batch; ``None`` or "*" any. ``after``: the effect happens first.
    ``seconds`` and ``code`` are of the kinds that name them. ``about``: only requests in which this text stands."""

    kind: str
    count: int = 1
    method: str | None = None
    skip: int = 0
    after: bool = False
    seconds: float = 59.0
    code: str = "INTERNAL_SERVER_ERROR"
    hit: int = 0
    about: str = ""

    @property
    def before(self) -> bool:
        """Whether the request ends before anything happened."""
        return not self.after and self.kind not in _AFTERWARDS | _INSIDE | {HOLLOW}

    def hollows(self, name: str) -> bool:
        """Whether this call's answer is null."""
        return self.kind == HOLLOW and self.matches([name])

    def inside(self, name: str) -> RestError | None:
        """The refusal of this one call of the request, if the fault means it."""
        if self.kind not in _INSIDE or not self.matches([name]):
            return None
        self.hit += 1
        spared = self.kind == "half_inside" and self.hit % 2 == 0
        return None if spared else RestError(self.code, "This call failed", 200)

    def matches(self, methods: Iterable[str]) -> bool:
        """Whether the fault wants this request."""
        return self.method in (None, "*") or self.method in set(methods)


@dataclass
class Faults:
    """The orders in force."""

    orders: list[Fault] = field(default_factory=list)
    met: int = 0
    #: Requests given up by their callers, with the moment (virtual seconds) at which they take effect.
    late: list[tuple[float, Any]] = field(default_factory=list)

    def overdue(self, now: float) -> list[Any]:
        """The late requests whose moment has come; they are forgotten here."""
        due = [request for moment, request in self.late if moment <= now]
        self.late = [one for one in self.late if one[0] > now]
        return due

    def add(self, data: Json) -> Fault:
        """From the control endpoint; raises ``ValueError`` for an unknown kind."""
        fault = Fault(**data)
        if fault.kind not in KINDS:
            raise ValueError(f"no fault {fault.kind!r}")
        if fault.kind == SLOW and fault.method not in SLOW_METHODS:
            raise ValueError("only the authorisation server can be slow")
        self.orders.append(fault)
        return fault

    def take(self, methods: list[str], text: str = "") -> Fault | None:
        """The fault for this request, if one is due; uses it up. ``text``: what was asked, as it came."""
        for fault in self.orders:
            if not fault.matches(methods) or fault.about not in text:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.count -= 1
            self.met += 1
            if fault.count <= 0:
                self.orders.remove(fault)
            return fault
        return None


def strike(fault: Fault) -> None:
    """Raises what the fault stands for, if it is one of the whole request."""
    if fault.kind in RAW:
        raise RawAnswer(*RAW[fault.kind])
    if fault.kind in _REFUSALS:
        raise _REFUSALS[fault.kind]
    if fault.kind in _CUTS:
        raise ConnectionCut(fault.kind, _CUTS[fault.kind])

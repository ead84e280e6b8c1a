"""Faults a test orders: what a request meets instead of, or after, its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

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
}
#: Kinds whose body is no JSON.
RAW = {
    "502": (502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    "bad_json": (200, b'{"result": {"items": [{"id": 1, '),
    "empty": (200, b""),
}
KINDS = frozenset([*_REFUSALS, *RAW, "drop_before", "drop_after", "half_batch", "down"])


class RawAnswer(Exception):
    """An answer that is no JSON; ``args`` are the HTTP status and the body."""


@dataclass
class Fault:
    """One order: meets ``count`` matching requests after letting ``skip`` pass. ``method`` matches the
    outer method or any command of a batch; ``None`` or "*" any. ``after``: the effect happens first."""

    kind: str
    count: int = 1
    method: str | None = None
    skip: int = 0
    after: bool = False

    def matches(self, methods: Iterable[str]) -> bool:
        """Whether the fault wants this request."""
        return self.method in (None, "*") or self.method in set(methods)


@dataclass
class Faults:
    """The orders in force."""

    orders: list[Fault] = field(default_factory=list)
    met: int = 0

    def add(self, data: Json) -> Fault:
        """From the control endpoint; raises ``ValueError`` for an unknown kind."""
        fault = Fault(**data)
        if fault.kind not in KINDS:
            raise ValueError(f"no fault {fault.kind!r}")
        self.orders.append(fault)
        return fault

    def take(self, methods: list[str]) -> Fault | None:
        """The fault for this request, if one is due; uses it up."""
        for fault in self.orders:
            if not fault.matches(methods):
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
    """Raises what the fault stands for."""
    if fault.kind in RAW:
        raise RawAnswer(*RAW[fault.kind])
    refusal = _REFUSALS.get(fault.kind)
    if refusal is not None:
        raise refusal
    raise ConnectionCut(fault.kind)

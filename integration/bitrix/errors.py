"""What can go wrong on the wire, sorted by what the caller has to do about it.

Codes decide, compared without regard to case; a status decides only where the code is unknown, because
documentation and portals disagree about statuses (bitrix24.md 3.5, 3.6, 4.2, 4.3, 19).
``str(error)`` is always "method: CODE": no tokens, no bodies, no words of the portal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

Effect = Literal["none", "unknown"]
LossKind = Literal["uninstalled", "reauthorise", "scope"]

OVERLOAD_WAIT = 3600.0
CONFIRM_WAIT = 3600.0


class BitrixError(Exception):
    """Any failure of a call; ``code`` is the portal's code or one of ours in lower case."""

    def __init__(self, method: str, code: str = "") -> None:
        self.method = method
        self.code = code
        super().__init__(method, code)

    def __str__(self) -> str:
        return f"{self.method}: {self.code or 'no code'}"


class Retryable(BitrixError):
    """May work later. ``after``: seconds to wait at least, None when the portal names no time;
    ``until``: a moment (aware UTC) before which a repeat is in vain; ``effect``: "none" when the call
    certainly did nothing, "unknown" when it may have taken effect (ask the call's probe first)."""

    def __init__(
        self,
        method: str,
        code: str,
        *,
        effect: Effect,
        after: float | None = None,
        until: datetime | None = None,
    ) -> None:
        super().__init__(method, code)
        self.effect: Effect = effect
        self.after = after
        self.until = until


class TokenExpired(BitrixError):
    """The access token is over or unknown: refresh once and repeat; a second time means access is lost."""


class AccessLost(BitrixError):
    """No refresh helps: the application was removed, an administrator has to open it again, or a scope is
    missing."""

    def __init__(self, method: str, code: str, kind: LossKind) -> None:
        super().__init__(method, code)
        self.kind: LossKind = kind


class Suspended(BitrixError):
    """REST, the trial or the payment has lapsed, or the portal is closed: keep the data, ask again rarely."""


class Moved(BitrixError):
    """The portal was renamed; ``location`` is the unproven new address (bitrix24.md 4.1)."""

    def __init__(self, method: str, location: str) -> None:
        super().__init__(method, "moved")
        self.location = location


class Refused(BitrixError):
    """Repeating is useless. ``text`` is the portal's own wording, possibly localised HTML and personal:
    for staff who ask for it, never for logs or end users."""

    def __init__(self, method: str, code: str, text: str = "") -> None:
        super().__init__(method, code)
        self.text = text


class NotFound(Refused):
    """The card, task or owner is not there (any more)."""


_TOKEN = {"EXPIRED_TOKEN", "INVALID_TOKEN"}
_LOST: dict[str, LossKind] = {
    "APPLICATION_NOT_FOUND": "uninstalled",
    "ERROR_OAUTH": "uninstalled",
    "NOT_INSTALLED": "uninstalled",
    "AUTHORIZATION_ERROR": "reauthorise",
    "INVALID_GRANT": "reauthorise",
    "BAD_VERIFICATION_CODE": "reauthorise",
    "NO_AUTH_FOUND": "reauthorise",
    "INVALID_CLIENT": "reauthorise",
    "WRONG_CLIENT": "reauthorise",
    "USER_ACCESS_ERROR": "reauthorise",
    "ALLOWED_ONLY_INTRANET_USER": "reauthorise",
    "WRONG_AUTH_TYPE": "scope",
    "INSUFFICIENT_SCOPE": "scope",
    "INVALID_SCOPE": "scope",
    "METHOD_CONFIRM_DENIED": "scope",
}
_SUSPENDED = {"PAYMENT_REQUIRED", "PORTAL_DELETED"}
_NOT_FOUND = {"NOT_FOUND", "ERROR_NOT_FOUND", "OWNER_NOT_FOUND"}
_REFUSED = {
    "ACCESS_DENIED", "INVALID_CREDENTIALS", "INVALID_REQUEST", "ERROR_METHOD_NOT_FOUND", "ERROR_CORE", "100", "0",
    "ERROR_MANIFEST_IS_NOT_AVAILABLE", "ERROR_BATCH_LENGTH_EXCEEDED", "ERROR_BATCH_METHOD_NOT_ALLOWED",
    "INVALID_ARG_VALUE", "CRM_FIELD_ERROR_VALUE_NOT_VALID", "CRM_FIELD_ERROR_REQUIRED",
    "CREATE_DYNAMIC_ITEM_RESTRICTED", "UPDATE_DYNAMIC_ITEM_RESTRICTED",
}  # fmt: skip
_CONSENT = "METHOD_CONFIRM_WAITING"
_UNKNOWN_EFFECT = {"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"}
# These ask for no right a user could lack, so a denial means REST as a whole (bitrix24.md 1.2).
_FREE_METHODS = {"batch", "profile", "scope", "server.time", "method.get"}


def lacks_right(error: BitrixError) -> bool:
    """Whether the application lacks a right for this call, or an administrator's consent to it: it may work as soon as
    somebody in the portal grants it, and calls that need another right work meanwhile (bitrix24.md 3.5)."""
    return (isinstance(error, AccessLost) and error.kind == "scope") or error.code.upper() == _CONSENT


def classify(
    status: int,
    code: str,
    text: str = "",
    body_ok: bool = True,
    *,
    method: str = "",
    until: datetime | None = None,
    after: float | None = None,
) -> BitrixError:
    """The error for one failed answer. ``body_ok`` is False when the body was no JSON object;
    ``until`` and ``after`` are what the answer said about waiting (bitrix24.md 3.5, 3.6, 4.3)."""
    known = code.strip().upper()
    waiting = _waiting(known, method, until, after)
    if waiting is not None:
        return waiting
    if known in _TOKEN:
        return TokenExpired(method, code)
    if known in _LOST:
        return AccessLost(method, code, _LOST[known])
    if known in _SUSPENDED or (known == "ACCESS_DENIED" and method in _FREE_METHODS):
        return Suspended(method, code)
    if known in _NOT_FOUND:
        return NotFound(method, code, text)
    if known in _REFUSED:
        return Refused(method, code, text)
    return _by_status(status, code, text, body_ok, method, until, after)


def _waiting(code: str, method: str, until: datetime | None, after: float | None) -> Retryable | None:
    if code == "QUERY_LIMIT_EXCEEDED":
        return Retryable(method, code, effect="none", after=after)
    if code == "OPERATION_TIME_LIMIT":
        return Retryable(method, code, effect="none", after=after, until=until)
    if code == "OVERLOAD_LIMIT":
        return Retryable(method, code, effect="none", after=OVERLOAD_WAIT)
    if code == _CONSENT:
        return Retryable(method, code, effect="none", after=CONFIRM_WAIT)
    if code in _UNKNOWN_EFFECT:
        return Retryable(method, code, effect="unknown", after=after)
    return None


def _by_status(
    status: int, code: str, text: str, body_ok: bool, method: str, until: datetime | None, after: float | None
) -> BitrixError:
    if status == 429:
        return Retryable(method, code or "http_429", effect="none", after=after, until=until)
    if status >= 500 or status == 408 or (200 <= status < 400 and not body_ok):
        shown = code or ("malformed" if status < 400 else f"http_{status}")
        return Retryable(method, shown, effect="unknown", after=after)
    if status == 401:
        return TokenExpired(method, code or "http_401")
    return Refused(method, code or ("refused" if status < 300 else f"http_{status}"), text)

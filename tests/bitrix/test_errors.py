"""Errors are sorted by code, and say nothing they should not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integration.bitrix.errors import (
    AccessLost,
    BitrixError,
    Moved,
    NotFound,
    Refused,
    Retryable,
    Suspended,
    TokenExpired,
    classify,
)

TABLE: list[tuple[int, str, type[BitrixError], dict[str, Any]]] = [
    (503, "QUERY_LIMIT_EXCEEDED", Retryable, {"effect": "none", "after": None}),
    (503, "OVERLOAD_LIMIT", Retryable, {"effect": "none", "after": 3600}),
    (429, "OPERATION_TIME_LIMIT", Retryable, {"effect": "none"}),
    (200, "OPERATION_TIME_LIMIT", Retryable, {"effect": "none"}),
    (429, "", Retryable, {"effect": "none"}),
    (500, "INTERNAL_SERVER_ERROR", Retryable, {"effect": "unknown"}),
    (200, "ERROR_UNEXPECTED_ANSWER", Retryable, {"effect": "unknown"}),
    (500, "", Retryable, {"effect": "unknown"}),
    (502, "", Retryable, {"effect": "unknown"}),
    (503, "", Retryable, {"effect": "unknown"}),
    (401, "METHOD_CONFIRM_WAITING", Retryable, {"effect": "none", "after": 3600}),
    (401, "expired_token", TokenExpired, {}),
    (401, "invalid_token", TokenExpired, {}),
    (401, "", TokenExpired, {}),
    (401, "APPLICATION_NOT_FOUND", AccessLost, {"kind": "uninstalled"}),
    (401, "ERROR_OAUTH", AccessLost, {"kind": "uninstalled"}),
    (401, "NOT_INSTALLED", AccessLost, {"kind": "uninstalled"}),
    (401, "authorization_error", AccessLost, {"kind": "reauthorise"}),
    (400, "invalid_grant", AccessLost, {"kind": "reauthorise"}),
    (400, "bad_verification_code", AccessLost, {"kind": "reauthorise"}),
    (401, "NO_AUTH_FOUND", AccessLost, {"kind": "reauthorise"}),
    (200, "WRONG_CLIENT", AccessLost, {"kind": "reauthorise"}),
    (400, "invalid_client", AccessLost, {"kind": "reauthorise"}),
    (401, "invalid_client", AccessLost, {"kind": "reauthorise"}),
    (403, "insufficient_scope", AccessLost, {"kind": "scope"}),
    (401, "insufficient_scope", AccessLost, {"kind": "scope"}),
    (403, "METHOD_CONFIRM_DENIED", AccessLost, {"kind": "scope"}),
    (401, "PAYMENT_REQUIRED", Suspended, {}),
    (500, "PORTAL_DELETED", Suspended, {}),
    (410, "PORTAL_DELETED", Suspended, {}),
    (400, "NOT_FOUND", NotFound, {}),
    (400, "OWNER_NOT_FOUND", NotFound, {}),
    (403, "ACCESS_DENIED", Refused, {}),
    (403, "INVALID_CREDENTIALS", Refused, {}),
    (401, "INVALID_CREDENTIALS", Refused, {}),
    (400, "100", Refused, {}),
    (400, "0", Refused, {}),
    (400, "", Refused, {}),
    (200, "", Refused, {}),
    (404, "ERROR_METHOD_NOT_FOUND", Refused, {}),
    (405, "ERROR_BATCH_METHOD_NOT_ALLOWED", Refused, {}),
]


@pytest.mark.parametrize(("status", "code", "kind", "more"), TABLE)
def test_a_code_has_one_meaning_in_any_case(
    status: int, code: str, kind: type[BitrixError], more: dict[str, Any]
) -> None:
    """bitrix24.md 3.5, 3.6, 4.3, 19: codes decide, compared without regard to case."""
    for spelling in (code, code.upper(), code.lower()):
        error = classify(status, spelling, "text", method="crm.item.list")
        assert type(error) is kind
        assert {name: getattr(error, name) for name in more} == more


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 410, 429, 500, 503])
def test_a_known_code_means_the_same_with_every_status(status: int) -> None:
    """Documentation and portals disagree about statuses."""
    assert isinstance(classify(status, "PORTAL_DELETED"), Suspended)
    assert isinstance(classify(status, "EXPIRED_TOKEN"), TokenExpired)
    assert isinstance(classify(status, "NOT_FOUND"), NotFound)


def test_a_denial_of_a_call_that_needs_no_right_means_the_portal_is_suspended() -> None:
    """bitrix24.md 1.2: REST on a lapsed plan answers ACCESS_DENIED to everything, in the portal's
    language."""
    assert isinstance(classify(403, "ACCESS_DENIED", "…", method="batch"), Suspended)
    assert isinstance(classify(403, "ACCESS_DENIED", "…", method="profile"), Suspended)
    assert not isinstance(classify(403, "ACCESS_DENIED", "…", method="crm.item.get"), Suspended)


def test_an_unreadable_body_leaves_the_effect_unknown() -> None:
    """The portal may have done the work before it stumbled over the answer."""
    error = classify(200, "", body_ok=False, method="tasks.task.add")
    assert isinstance(error, Retryable)
    assert error.effect == "unknown"


def test_the_moment_to_wait_for_is_kept() -> None:
    """bitrix24.md 5.2: a used-up budget says when it frees."""
    until = datetime(2026, 1, 1, tzinfo=UTC)
    error = classify(429, "OPERATION_TIME_LIMIT", until=until, after=7.0)
    assert isinstance(error, Retryable)
    assert (error.until, error.after) == (until, 7.0)


@pytest.mark.parametrize(
    "error",
    [
        classify(400, "ERROR_CORE", "Ivan Petrov, +7 999", method="crm.item.update"),
        classify(400, "NOT_FOUND", "Ivan Petrov, +7 999", method="crm.item.update"),
        Moved("crm.item.update", "https://secret.example/?auth=TOKEN"),
    ],
)
def test_an_error_says_method_and_code_only(error: BitrixError) -> None:
    """Nothing personal or secret reaches a log by str() or repr()."""
    for shown in (str(error), repr(error)):
        assert "crm.item.update" in shown
        assert not {"Petrov", "TOKEN", "secret"} & set(shown.replace("?", " ").replace("=", " ").split())
        assert "Petrov" not in shown
        assert "TOKEN" not in shown

"""Errors are sorted by code, and say nothing they should not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

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

HOUR = 3600.0


@dataclass(frozen=True)
class Said:
    """A documented code with the statuses it comes with: all of them where sources disagree. ``verdict``: again
    (``after`` so many seconds, else with growing pauses or when the answer says), renew the token and go on,
    ask for access (an administrator opens the application, or the application is gone from the portal, or a right
    is missing), suspended, or never. ``effect`` of what may be repeated."""

    code: str
    statuses: tuple[int, ...]
    verdict: Literal["again", "renew", "administrator", "removed", "right", "suspended", "never"]
    effect: str = ""
    after: float | None = None


# Every code of bitrix24.md 3.5, 3.6, 4.2, 4.3, 5 and 7.4.
TABLE = [
    # the authorisation server, 3.5
    Said("invalid_request", (400,), "never"),
    Said("invalid_client", (400, 401), "administrator"),
    Said("invalid_grant", (400,), "administrator"),
    Said("bad_verification_code", (400,), "administrator"),
    Said("insufficient_scope", (403, 401, 200), "right"),
    Said("invalid_scope", (403, 401), "right"),
    Said("PAYMENT_REQUIRED", (401, 200, 403), "suspended"),
    Said("wrong_client", (200,), "administrator"),
    Said("NOT_INSTALLED", (401,), "removed"),
    Said("NO_AUTH_FOUND", (401,), "administrator"),
    # REST calls, 3.6
    Said("expired_token", (401,), "renew"),
    Said("invalid_token", (401,), "renew"),
    Said("APPLICATION_NOT_FOUND", (401,), "removed"),
    Said("ERROR_OAUTH", (401,), "removed"),
    Said("authorization_error", (401,), "administrator"),
    Said("METHOD_CONFIRM_WAITING", (401,), "again", "none", HOUR),
    Said("METHOD_CONFIRM_DENIED", (403,), "right"),
    Said("user_access_error", (403,), "administrator"),
    Said("INVALID_CREDENTIALS", (403, 401), "never"),
    Said("ACCESS_DENIED", (403, 400, 401), "never"),
    Said("WRONG_AUTH_TYPE", (403,), "right"),
    Said("allowed_only_intranet_user", (403,), "administrator"),
    Said("PORTAL_DELETED", (500, 410), "suspended"),
    # envelopes, 4.2: empty, numeric, "0", "100"
    Said("", (400, 403, 404, 200), "never"),
    Said("0", (400, 200), "never"),
    Said("100", (400, 500, 200), "never"),
    # statuses, 4.3
    Said("ERROR_BATCH_LENGTH_EXCEEDED", (400, 200), "never"),
    Said("INVALID_REQUEST", (400, 403), "never"),
    Said("ERROR_METHOD_NOT_FOUND", (404, 200), "never"),
    Said("ERROR_MANIFEST_IS_NOT_AVAILABLE", (404,), "never"),
    Said("ERROR_BATCH_METHOD_NOT_ALLOWED", (405, 200), "never"),
    Said("OPERATION_TIME_LIMIT", (429, 200), "again", "none"),
    Said("INTERNAL_SERVER_ERROR", (500, 200), "again", "unknown"),
    Said("ERROR_UNEXPECTED_ANSWER", (500, 200), "again", "unknown"),
    Said("QUERY_LIMIT_EXCEEDED", (503, 429), "again", "none"),
    Said("OVERLOAD_LIMIT", (503, 429), "again", "none", HOUR),
    # cards, 7.4
    Said("NOT_FOUND", (400, 404, 200), "never"),
    Said("OWNER_NOT_FOUND", (400, 200), "never"),
    Said("CRM_FIELD_ERROR_VALUE_NOT_VALID", (400, 200), "never"),
    Said("CRM_FIELD_ERROR_REQUIRED", (400, 200), "never"),
    Said("INVALID_ARG_VALUE", (400, 200), "never"),
    Said("CREATE_DYNAMIC_ITEM_RESTRICTED", (400, 403), "never"),
    Said("UPDATE_DYNAMIC_ITEM_RESTRICTED", (400, 403), "never"),
]
KINDS = {"administrator": "reauthorise", "removed": "uninstalled", "right": "scope"}
CLASSES: dict[str, type[BitrixError]] = {
    "again": Retryable, "renew": TokenExpired, "suspended": Suspended, "never": Refused,
    **dict.fromkeys(KINDS, AccessLost),
}  # fmt: skip
STATUSES = (200, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503)


@pytest.mark.parametrize("said", TABLE, ids=lambda said: said.code or "empty")
def test_every_documented_code_has_one_verdict_whatever_its_status_and_case(said: Said) -> None:
    """bitrix24.md 3.5, 3.6, 4.2, 4.3, 5, 7.4, 19: the code decides; the status only where there is no code."""
    for status in (*said.statuses, *(STATUSES if said.code else ())):
        for spelling in {said.code, said.code.upper(), said.code.lower()}:
            error = classify(status, spelling, "text", method="crm.item.list")
            assert isinstance(error, CLASSES[said.verdict]), status
            if isinstance(error, Retryable):
                assert (error.effect, error.after) == (said.effect, said.after)
            if isinstance(error, AccessLost):
                assert error.kind == KINDS[said.verdict]


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        (401, TokenExpired, {}),
        (408, Retryable, {"effect": "unknown"}),
        (429, Retryable, {"effect": "none"}),
        (500, Retryable, {"effect": "unknown"}),
        (502, Retryable, {"effect": "unknown"}),
        (503, Retryable, {"effect": "unknown"}),
        (504, Retryable, {"effect": "unknown"}),
        (404, Refused, {}),
        (400, Refused, {}),
    ],
)
def test_where_nothing_says_why_the_status_decides(
    status: int, kind: type[BitrixError], more: dict[str, Any]
) -> None:
    """A page of a server in between, an empty body, a code nobody has documented."""
    for error in (classify(status, "", body_ok=False), classify(status, "SOMETHING_NEW")):
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

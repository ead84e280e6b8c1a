"""The official SDK as an independent reader of the sandbox: every method once well, once refused."""

from __future__ import annotations

import pytest

from integration.bitrix.sandbox.portal import METHODS
from tests.bitrix.sandbox import sdk_success_work  # noqa: F401  (adds its half of the table)
from tests.bitrix.sandbox.conftest import Sdk
from tests.bitrix.sandbox.sdk_errors import REFUSALS, Refusal
from tests.bitrix.sandbox.sdk_success import SUCCESSES, Success

#: Methods that the official SDK performs successfully and is refused by, in this directory.
CONFORMANCE_COVERED: set[str] = {one.method for one in SUCCESSES} & {one.method for one in REFUSALS} | {
    "batch"
}


@pytest.mark.parametrize("case", SUCCESSES, ids=lambda case: case.method)
def test_the_sdk_succeeds(sdk: Sdk, case: Success) -> None:
    """The SDK makes the call and finds in the answer what the documentation promises."""
    result = case.do(sdk)
    assert case.check(result), result


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.method)
def test_the_sdk_meets_the_documented_refusal(sdk: Sdk, case: Refusal) -> None:
    """The SDK raises its class for the refusal, with the documented code."""
    with pytest.raises(case.exception) as caught:
        case.do(sdk)
    assert str(caught.value.json_response["error"]) == case.code, caught.value.json_response


def test_every_method_of_the_sandbox_is_checked_by_the_sdk() -> None:
    """No method stands in the sandbox's table without a success and a refusal seen by the SDK."""
    offered = {name for name, method in METHODS.items() if not method.control_only}
    assert offered - CONFORMANCE_COVERED == set()

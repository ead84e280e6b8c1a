"""The authorisation server: rotation, its refusals, its own app.info; by hand and by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from b24pysdk.credentials import BitrixApp
from b24pysdk.errors import oauth as errors

from integration.bitrix.sandbox.server import Sandbox
from tests.bitrix.sandbox.conftest import CLIENT_ID, PORTAL_HOST, SECRET, Sdk, register


def _grant(box: Sandbox) -> dict[str, Any]:
    register(box, app_url="http://127.0.0.1:1/app")
    answer: dict[str, Any] = box.control(f"/apps/{CLIENT_ID}/tokens", {"user_id": 6})
    return answer


def _token(box: Sandbox, verb: str = "POST", **params: Any) -> tuple[int, dict[str, Any]]:
    data = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": SECRET} | params
    url = f"{box.oauth_url}/oauth/token/"
    answer = (
        requests.post(url, data=data, timeout=60)
        if verb == "POST"
        else requests.get(url, params=data, timeout=60)
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_refresh_token_works_once(box: Sandbox, verb: str) -> None:
    """The answer is a new pair; the old refresh token is dead at once, the old access token lives on."""
    old = _grant(box)
    status, new = _token(box, verb, refresh_token=old["refresh_token"])
    assert status == 200
    assert new["refresh_token"] != old["refresh_token"]
    assert (new["user_id"], new["expires_in"], new["member_id"]) == (6, 3600, box.portal.state.info.member_id)
    assert new["client_endpoint"] == f"{box.portal_url}/rest/"
    assert new["domain"] == box.oauth_url.split("://")[1]
    assert _token(box, refresh_token=old["refresh_token"]) == (
        400,
        {"error": "invalid_grant", "error_description": "Refresh token is bad or expired"},
    )
    answer = requests.post(f"{box.portal_url}/rest/profile", json={"auth": old["access_token"]}, timeout=60)
    assert answer.json()["result"]["ID"] == "6"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"client_id": "app.unknown"}, 200, "WRONG_CLIENT"),
        ({"client_secret": "wrong"}, 400, "invalid_client"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"refresh_token": "f" * 70}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "invalid_request"),
    ],
)
def test_refusals(box: Sandbox, change: dict[str, str], status: int, code: str) -> None:
    """Codes and statuses of bitrix24.md 3.5 and 19; an unknown client is refused with HTTP 200."""
    grant = _grant(box)
    got, body = _token(box, **({"refresh_token": grant["refresh_token"]} | change))
    assert (got, body["error"]) == (status, code)


def test_after_uninstallation(box: Sandbox) -> None:
    """Refreshing tells that the application is gone."""
    grant = _grant(box)
    box.control(f"/apps/{CLIENT_ID}/uninstall")
    status, body = _token(box, refresh_token=grant["refresh_token"])
    assert (status, body["error"]) == (401, "NOT_INSTALLED")


def test_refresh_tokens_live_180_days(box: Sandbox) -> None:
    """After that a new opening by an administrator is needed."""
    grant = _grant(box)
    box.control("/clock/advance", {"seconds": 181 * 86400})
    assert _token(box, refresh_token=grant["refresh_token"])[1]["error"] == "invalid_grant"


def test_codes_are_single_use_and_short(box: Sandbox) -> None:
    """The full flow: redirect with a code, thirty seconds, once."""
    _grant(box)
    url = f"{box.portal_url}/oauth/authorize/?client_id={CLIENT_ID}&state=s"
    where = requests.get(url, allow_redirects=False, timeout=60).headers["Location"]
    code = where.split("code=")[1].split("&")[0]
    assert f"domain={box.domain}" in where
    data = {"grant_type": "authorization_code", "code": code}
    assert _token(box, **data)[0] == 200
    assert _token(box, **data)[1]["error"] == "invalid_grant"
    later = (
        requests.get(url, allow_redirects=False, timeout=60)
        .headers["Location"]
        .split("code=")[1]
        .split("&")[0]
    )
    box.control("/clock/advance", {"seconds": 31})
    assert _token(box, grant_type="authorization_code", code=later)[1]["error"] == "invalid_grant"


def _info(box: Sandbox, token: str) -> tuple[int, dict[str, Any]]:
    answer = requests.post(f"{box.oauth_url}/rest/app.info/", data={"auth": token}, timeout=60)
    return answer.status_code, answer.json()


def test_app_info_of_the_authorisation_server(box: Sandbox) -> None:
    """Client, user and installation of a token, in another shape than the portal's app.info."""
    grant = _grant(box)
    status, body = _info(box, grant["access_token"])
    info = body["result"]
    assert (status, info["client_id"], info["user_id"]) == (200, CLIENT_ID, 6)
    assert info["install"]["installed"] is True
    assert info["install"]["domain"] == box.domain
    assert info["install"]["member_id"] == box.portal.state.info.member_id


def test_app_info_refuses_what_is_no_token_of_ours(box: Sandbox) -> None:
    """Nothing, a foreign token, an expired one."""
    grant = _grant(box)
    assert _info(box, "")[1]["error"] == "NO_AUTH_FOUND"
    assert _info(box, "a" * 70)[1]["error"] == "invalid_client"
    box.control("/tokens/expire")
    assert _info(box, grant["access_token"])[1]["error"] == "expired_token"


def test_faults_of_the_authorisation_server_name_it(box: Sandbox) -> None:
    """An order for ``oauth.token`` meets the refresh and nothing else."""
    grant = _grant(box)
    box.control("/faults", {"kind": "500", "method": "oauth.token"})
    assert _info(box, grant["access_token"])[0] == 200
    assert _token(box, refresh_token=grant["refresh_token"])[0] == 500
    assert _token(box, refresh_token=grant["refresh_token"])[0] == 200


def test_the_sdk_refreshes_an_expired_token_by_itself(sdk: Sdk) -> None:
    """The SDK meets 401 expired_token, refreshes at the authorisation server and repeats the call."""
    token = sdk.token(6)
    old = token.auth_token
    sdk.box.portal.tokens.expire()
    assert token.get_client().profile().response.result["ID"] == "6"
    assert token.auth_token != old


def test_the_sdk_reads_app_info(sdk: Sdk) -> None:
    """The typed answer of the authorisation server."""
    info = sdk.token(6).get_app_info().result
    assert (info.client_id, info.user_id, info.install.domain) == (CLIENT_ID, 6, PORTAL_HOST)


def test_the_sdk_meets_the_refusals(sdk: Sdk) -> None:
    """The SDK's own exceptions for a wrong client, a wrong secret and a dead refresh token."""
    refresh = sdk.token(6).refresh_token
    with pytest.raises(errors.BitrixOauthWrongClient):
        BitrixApp(client_id="app.unknown", client_secret=SECRET).refresh_oauth_token(refresh_token=refresh)
    with pytest.raises(errors.BitrixOAuthInvalidClient):
        BitrixApp(client_id=CLIENT_ID, client_secret="wrong").refresh_oauth_token(refresh_token=refresh)
    app = BitrixApp(client_id=CLIENT_ID, client_secret=SECRET)
    assert app.refresh_oauth_token(refresh_token=refresh)
    with pytest.raises(errors.BitrixOAuthInvalidGrant):
        app.refresh_oauth_token(refresh_token=refresh)
    with pytest.raises(errors.BitrixOAuthInvalidClient):
        app.get_app_info("a" * 70)

"""One exchange each with an authorisation server (bitrix24.md 2.9, 3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses

from integration.bitrix.errors import AccessLost, BitrixError, Refused, Retryable, Suspended
from integration.bitrix.oauth import GrantInfo, OAuthClient, TokenPair, host_of

SERVER = "https://oauth.bitrix24.tech"
OTHER = "https://oauth.bitrix.info"
PAIR: dict[str, Any] = {
    "access_token": "acc-2", "refresh_token": "ref-2", "expires": 1780319382, "expires_in": 3600,
    "client_endpoint": "https://portal.bitrix24.ru/rest/", "server_endpoint": "https://oauth.bitrix.info/rest/",
    "domain": "oauth.bitrix.info", "member_id": "a223", "scope": "crm,entity,im,task", "status": "F", "user_id": 67,
}  # fmt: skip
INSTALL = {
    "installed": True, "version": 3, "status": "F", "scope": "crm,task", "domain": "portal.bitrix24.ru",
    "client_endpoint": "https://portal.bitrix24.ru/rest/", "member_id": "a223",
}  # fmt: skip
INFO = {"client_id": "app.573ad8", "scope": "crm", "user_id": "67", "install": INSTALL}


@pytest.fixture
def oauth() -> OAuthClient:
    return OAuthClient([SERVER, OTHER])


def refresh(oauth: OAuthClient, origin: str = SERVER) -> TokenPair:
    return oauth.refresh(origin, "app.1", "secret-1", "ref-1")


@responses.activate
def test_a_pair_is_renewed_by_a_posted_form(oauth: OAuthClient) -> None:
    """bitrix24.md 3.4: in the body, so that the secret lands in no log of addresses."""
    responses.post(SERVER + "/oauth/token/", json=PAIR)
    pair = refresh(oauth)
    sent = responses.calls[0].request
    assert parse_qs(str(sent.body)) == {
        "grant_type": ["refresh_token"], "client_id": ["app.1"], "client_secret": ["secret-1"],
        "refresh_token": ["ref-1"],
    }  # fmt: skip
    assert "secret-1" not in str(sent.url)
    assert (pair.access_token, pair.refresh_token, pair.expires_in, pair.member_id) == (
        "acc-2",
        "ref-2",
        3600,
        "a223",
    )
    assert (pair.scope, pair.status, pair.user_id) == (("crm", "entity", "im", "task"), "F", 67)


@responses.activate
def test_the_portal_is_taken_from_the_client_endpoint(oauth: OAuthClient) -> None:
    """bitrix24.md 3.3, pitfall 2: `domain` of a token answer is the authorisation server."""
    responses.post(SERVER + "/oauth/token/", json=PAIR)
    pair = refresh(oauth)
    assert pair.domain == "portal.bitrix24.ru"
    assert pair.client_endpoint == "https://portal.bitrix24.ru/rest/"
    assert oauth.origin_of(pair.server_endpoint) == OTHER
    assert "acc-2" not in repr(pair)
    assert "ref-2" not in repr(pair)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://oauth.bitrix24.tech", "https://oauth.bitrix24.tech.evil.example", "https://oauth.bitrix24.tech:8443",
     "https://oauth.bitrix24.tech@evil.example", "", "oauth.bitrix24.tech", "https://evil.example/https://oauth.bitrix24.tech"],
)  # fmt: skip
@responses.activate
def test_the_secret_goes_to_configured_origins_only(origin: str, oauth: OAuthClient) -> None:
    """interface.md 3: whatever a request says. `responses` would fail the test on any call."""
    with pytest.raises(Refused) as caught:
        refresh(oauth, origin)
    assert caught.value.code == "origin_not_allowed"
    with pytest.raises(Refused):
        oauth.app_info(origin, "acc-1")
    assert oauth.origin_of(origin) == SERVER
    assert len(responses.calls) == 0


@responses.activate
def test_an_endpoint_of_an_allowed_server_is_as_good_as_its_origin(oauth: OAuthClient) -> None:
    """`server_endpoint` carries `/rest/`."""
    responses.post(OTHER + "/oauth/token/", json=PAIR)
    assert refresh(oauth, OTHER + "/rest/").member_id == "a223"


FAULTS: list[tuple[dict[str, Any], type[BitrixError], dict[str, Any]]] = [
    ({"status": 400, "json": {"error": "invalid_grant"}}, AccessLost, {"kind": "reauthorise"}),
    ({"status": 401, "json": {"error": "invalid_client"}}, AccessLost, {"kind": "reauthorise"}),
    ({"status": 200, "json": {"error": "WRONG_CLIENT"}}, AccessLost, {"kind": "reauthorise"}),
    ({"status": 401, "json": {"error": "NOT_INSTALLED"}}, AccessLost, {"kind": "uninstalled"}),
    ({"status": 401, "json": {"error": "NO_AUTH_FOUND"}}, AccessLost, {"kind": "reauthorise"}),
    ({"status": 403, "json": {"error": "invalid_scope"}}, AccessLost, {"kind": "scope"}),
    ({"status": 402, "json": {"error": "PAYMENT_REQUIRED"}}, Suspended, {}),
    ({"status": 400, "json": {"error": "invalid_request"}}, Refused, {}),
    ({"status": 404, "body": "<html>"}, Refused, {}),
    ({"status": 500, "body": "<html>"}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "body": "<html>"}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "json": {"access_token": "x"}}, Retryable, {"effect": "unknown"}),
    ({"status": 200, "json": {**PAIR, "client_endpoint": "portal"}}, Retryable, {"effect": "unknown"}),
    ({"body": requests.exceptions.ReadTimeout()}, Retryable, {"effect": "unknown"}),
    ({"body": requests.exceptions.ConnectTimeout()}, Retryable, {"effect": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "more"), FAULTS)
@responses.activate
def test_every_refusal_has_its_error(
    answer: dict[str, Any], kind: type[BitrixError], more: dict[str, Any], oauth: OAuthClient
) -> None:
    """bitrix24.md 3.5: a body with `error` is a failure whatever its status."""
    responses.post(SERVER + "/oauth/token/", **answer)
    with pytest.raises(BitrixError) as caught:
        refresh(oauth)
    assert type(caught.value) is kind
    assert {name: getattr(caught.value, name) for name in more} == more
    assert "secret-1" not in str(caught.value)


@responses.activate
def test_a_redirect_is_not_followed_with_the_secret(oauth: OAuthClient) -> None:
    """A server that moved would take it elsewhere."""
    responses.post(
        SERVER + "/oauth/token/", status=302, headers={"Location": "https://evil.example/oauth/token/"}
    )
    with pytest.raises(BitrixError):
        refresh(oauth)
    assert len(responses.calls) == 1


@responses.activate
def test_a_grant_is_proven_by_the_server(oauth: OAuthClient) -> None:
    """bitrix24.md 2.9: application, portal and user, the user's id as a number."""
    responses.post(SERVER + "/rest/app.info/", json={"result": INFO, "time": {}})
    grant = oauth.app_info(SERVER, "acc-1")
    endpoint = "https://portal.bitrix24.ru/rest/"
    assert grant == GrantInfo(
        "app.573ad8", "a223", "portal.bitrix24.ru", 67, endpoint, True, "F", ("crm", "task")
    )
    assert parse_qs(str(responses.calls[0].request.body)) == {"auth": ["acc-1"]}


@pytest.mark.parametrize("flag", [False, "N", 0, None])
@responses.activate
def test_an_unfinished_installation_is_told(flag: Any, oauth: OAuthClient) -> None:
    """bitrix24.md 2.2."""
    responses.post(
        SERVER + "/rest/app.info/", json={"result": {**INFO, "install": {**INSTALL, "installed": flag}}}
    )
    assert not oauth.app_info(SERVER, "acc-1").installed


@pytest.mark.parametrize("result", [[], {}, "x", {"client_id": "a"}, {**INFO, "install": []}, {**INFO, "user_id": None},
                                    {**INFO, "install": {**INSTALL, "member_id": ""}}])  # fmt: skip
@responses.activate
def test_half_a_grant_is_none(result: Any, oauth: OAuthClient) -> None:
    """Whose token it is must be known whole; the portal's own app.info looks different."""
    responses.post(SERVER + "/rest/app.info/", json={"result": result})
    with pytest.raises(Retryable):
        oauth.app_info(SERVER, "acc-1")


@responses.activate
def test_a_foreign_token_proves_nothing(oauth: OAuthClient) -> None:
    """bitrix24.md 2.9: `invalid_client` for a token-shaped but invalid token."""
    responses.post(SERVER + "/rest/app.info/", status=401, json={"error": "invalid_client"})
    with pytest.raises(AccessLost):
        oauth.app_info(SERVER, "forged")


@pytest.mark.parametrize("origins", [[], ["http://oauth.local"], ["oauth.bitrix.info"], ["ftp://x"]])
def test_servers_are_https_origins(origins: list[str]) -> None:
    """interface.md 3."""
    with pytest.raises(ValueError, match=r"address|server"):
        OAuthClient(origins)
    assert OAuthClient(["http://oauth.local"], allow_http=True).allowed == ("http://oauth.local",)


def test_the_host_of_an_endpoint() -> None:
    """With its port, in lower case."""
    assert host_of("https://Portal.bitrix24.ru:8443/rest/") == "portal.bitrix24.ru:8443"
    assert host_of("nonsense") == ""

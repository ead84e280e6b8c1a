"""Whom we trust with what: keys of the application, allowed authorisation servers, addresses fit for tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from integration.services.deps import Deps, TokenPair
from integration.store.portals import Portal


def keys(deps: Deps, portal: Portal) -> tuple[str, str]:
    """The application's own id and key: a local application's, else the operator's."""
    if portal.client_secret:
        return portal.client_id, portal.client_secret
    return deps.settings.client_id, deps.settings.client_secret


def parts_of(address: str) -> SplitResult:
    """The parts of an address that anybody may have posted; empty ones if it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def origin_of(deps: Deps, endpoint: str) -> str:
    """The allowed origin that an endpoint belongs to; empty if it is not allowed (bitrix24.md 3.2)."""
    parts = parts_of(endpoint)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return origin if origin in deps.settings.oauth_origins else ""


def usable(deps: Deps, endpoint: str) -> bool:
    """Whether tokens may be sent to this address: https, or http where the operator allows it."""
    parts = parts_of(endpoint)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and deps.settings.allow_http)
    )


def scope_text(scope: str | Sequence[str]) -> str:
    """Scopes as one text, separated by commas."""
    return (scope if isinstance(scope, str) else ",".join(scope))[:500]


def pair_columns(deps: Deps, portal: Portal, pair: TokenPair) -> dict[str, object]:
    """The portal's columns that a token answer overwrites: all it holds (bitrix24.md 3.4), addresses only if tokens
    may be sent there."""
    columns: dict[str, object] = {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_expires_at": deps.clock.now() + timedelta(seconds=pair.expires_in),
        "scope": scope_text(pair.scope),
        "token_user_id": pair.user_id or portal.token_user_id,
    }
    if pair.endpoint and usable(deps, pair.endpoint):
        columns |= {"endpoint": pair.endpoint, "domain": urlsplit(pair.endpoint).netloc.lower()}
    origin = origin_of(deps, pair.oauth_origin)
    return columns | ({"oauth_origin": origin} if origin else {})

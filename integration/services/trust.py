"""Whom we trust with what: keys of the application, allowed authorisation servers, addresses fit for tokens."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from integration.services.deps import Deps
from integration.store.portals import Portal


def keys(deps: Deps, portal: Portal) -> tuple[str, str]:
    """The application's own id and key: a local application's, else the operator's."""
    if portal.client_secret:
        return portal.client_id, portal.client_secret
    return deps.settings.client_id, deps.settings.client_secret


def origin_of(deps: Deps, endpoint: str) -> str:
    """The allowed origin that an endpoint belongs to; empty if it is not allowed (bitrix24.md 3.2)."""
    parts = urlsplit(endpoint)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return origin if origin in deps.settings.oauth_origins else ""


def usable(deps: Deps, endpoint: str) -> bool:
    """Whether tokens may be sent to this address: https, or http where the operator allows it."""
    parts = urlsplit(endpoint)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and deps.settings.allow_http)
    )


def scope_text(scope: str | Sequence[str]) -> str:
    """Scopes as one text, separated by commas."""
    return (scope if isinstance(scope, str) else ",".join(scope))[:500]

"""The authorisation server: tokens for codes and refresh tokens, and its own ``app.info`` (bitrix24.md 2.9,
3.3–3.5)."""

from __future__ import annotations

from .agency import Json
from .errors import RestError
from .portal import Portal
from .rest import method_name
from .state import App
from .tokens import Pair
from .values import utc_iso


def token(portal: Portal, params: Json) -> tuple[int, Json]:
    """``/oauth/token/``: HTTP status and body."""
    with portal.state.lock:
        portal.journal.oauth += 1
        try:
            return 200, _token(portal, params)
        except RestError as error:
            return error.status, error.body()


def _token(portal: Portal, params: Json) -> Json:
    grant = str(params.get("grant_type") or "")
    if grant not in ("refresh_token", "authorization_code"):
        raise RestError("invalid_request", "Unsupported grant type", 400)
    app = portal.state.apps.get(str(params.get("client_id") or ""))
    if app is None:
        raise RestError("WRONG_CLIENT", "Wrong client", 200)
    if str(params.get("client_secret") or "") != app.client_secret:
        raise RestError("invalid_client", "Invalid client secret", 400)
    name = "refresh_token" if grant == "refresh_token" else "code"
    value = str(params.get(name) or "")
    if not value:
        raise RestError("invalid_request", f'No "{name}" parameter found', 400)
    if app.state in ("removed", "absent"):
        raise RestError("NOT_INSTALLED", "Application not installed", 401)
    if portal.state.settings.suspended:
        raise RestError("PAYMENT_REQUIRED", "Payment required", 401)
    pair = portal.tokens.rotate(app, value) if name == "refresh_token" else portal.tokens.redeem(app, value)
    return token_answer(portal, pair)


def token_answer(portal: Portal, pair: Pair) -> Json:
    """A pair as the server hands it out; ``domain`` is the server's own, not the portal's (3.3)."""
    origin = portal.state.origin
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "expires": int(pair.expires),
        "expires_in": 3600,
        "client_endpoint": origin.client_endpoint,
        "server_endpoint": origin.server_endpoint,
        "domain": origin.oauth.split("://", 1)[1],
        "member_id": portal.state.info.member_id,
        "scope": ",".join(pair.app.scope),
        "status": pair.app.status,
        "user_id": pair.user_id,
    }


def rest(portal: Portal, method: str, params: Json) -> tuple[int, Json]:
    """``/rest/app.info`` of the authorisation server; it has no other methods here."""
    with portal.state.lock:
        portal.journal.oauth += 1
        try:
            if method_name(method) != "app.info":
                raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
            return 200, {"result": _app_info(portal, str(params.get("auth") or "")), "time": _time(portal)}
        except RestError as error:
            return error.status, error.body()


def _time(portal: Portal) -> Json:
    now = portal.clock.time()
    return {
        "start": now,
        "finish": now,
        "duration": 0.0,
        "processing": 0.0,
        "date_start": utc_iso(now),
        "date_finish": utc_iso(now),
    }


def _app_info(portal: Portal, access: str) -> Json:
    if not access:
        raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
    pair = portal.tokens.by_access.get(access)
    if pair is None or pair.app.state == "removed":
        if len(access) < 32:
            raise RestError("invalid_request", "Malformed token", 400)
        raise RestError("invalid_client", "Invalid client", 400)
    if pair.expires <= portal.clock.time():
        raise RestError("expired_token", "The access token provided has expired.", 401)
    scope = ",".join(pair.app.scope)
    return {
        "client_id": pair.app.client_id,
        "scope": scope,
        "expires": utc_iso(pair.expires),
        "install": _install(portal, pair.app, scope),
        "user_id": pair.user_id,
    }


def _install(portal: Portal, app: App, scope: str) -> Json:
    origin = portal.state.origin
    return {
        "installed": app.state in ("added", "installed"),
        "version": app.version,
        "status": app.status,
        "scope": scope,
        "domain": origin.domain,
        "uri": origin.portal,
        "client_endpoint": origin.client_endpoint,
        "member_id": portal.state.info.member_id,
        "member_type": "B24",
    }

"""Applications: registration, the frame's POST, installation, update, uninstallation (bitrix24.md 2)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests

from .agency import Json
from .portal import Portal
from .state import App, Webhook
from .tokens import Pair

_TIMEOUT = 60.0
DEFAULT_SCOPE = (
    "crm",
    "task",
    "user_basic",
    "user_brief",
    "department",
    "placement",
    "im",
    "calendar",
    "bizproc",
)


@dataclass(frozen=True)
class Frame:
    """One opening of a handler in the user's browser: address with query, form fields of the body, the
    number of this rendering (``APP_SID``) and the tokens it was given."""

    url: str
    fields: dict[str, str]
    sid: str = ""
    pair: Pair | None = None


def register(portal: Portal, data: Json) -> App:
    """Adds an application to the portal's card index; ``ValueError`` without ``client_id``."""
    if not data.get("client_id"):
        raise ValueError("client_id is needed")
    with portal.state.lock:
        app = App(
            id=portal.state.serial(),
            client_id=str(data["client_id"]),
            client_secret=str(data.get("client_secret") or secrets.token_hex(20)),
            install_url=str(data.get("install_url") or ""),
            app_url=str(data.get("app_url") or ""),
            kind=str(data.get("kind") or "local"),
            ui=bool(data.get("ui", True)),
            scope=DEFAULT_SCOPE if data.get("scope") is None else tuple(data["scope"]),
            title=str(data.get("title") or "App"),
            application_token=secrets.token_hex(16),
        )
        portal.state.apps[app.client_id] = app
    return app


def publish(portal: Portal, data: Json) -> App:
    """A Market application appears in the portal's catalogue, as the vendor's console lets it: its addresses answer
    HEAD with 200, 301 or 302. ``ValueError`` for one that does not (1.4; market/preparing-to-publish/faq.md)."""
    for name in ("app_url", "install_url"):
        url = str(data.get(name) or "")
        try:
            status = requests.head(url, timeout=_TIMEOUT, allow_redirects=False).status_code
        except requests.RequestException as error:
            raise ValueError(f"The specified URL is not accessible: {url} ({type(error).__name__})") from None
        if status not in (200, 301, 302):
            raise ValueError(f"The specified URL is not accessible: {url} ({status})")
    return register(portal, data | {"kind": "market"})


def add_webhook(portal: Portal, user_id: int, scope: list[str] | None) -> str:
    """An incoming webhook; gives its address."""
    hook = Webhook(user_id, secrets.token_hex(8), DEFAULT_SCOPE if scope is None else tuple(scope))
    portal.state.webhooks[(user_id, hook.code)] = hook
    return f"{portal.state.origin.client_endpoint}{user_id}/{hook.code}/"


def frame(
    portal: Portal,
    app: App,
    user_id: int,
    placement: str = "DEFAULT",
    options: Json | None = None,
    lang: str | None = None,
    handler: str = "",
) -> Frame:
    """What the browser posts into a handler (2.3); ``handler`` chooses one of several bindings of a
    placement. Raises ``LookupError`` for a placement not bound."""
    with portal.state.lock:
        pair = portal.tokens.issue(app, user_id)
        origin = portal.state.origin
        url, sid = _handler(portal, app, placement, handler), secrets.token_hex(16)
        query = {
            "DOMAIN": origin.domain,
            "PROTOCOL": "1" if origin.portal.startswith("https") else "0",
            "LANG": lang or portal.state.info.language,
            "APP_SID": sid,
        }
        fields = {
            "AUTH_ID": pair.access,
            "AUTH_EXPIRES": "3600",
            "REFRESH_ID": pair.refresh,
            "SERVER_ENDPOINT": origin.server_endpoint,
            "APPLICATION_TOKEN": app.application_token,
            "APPLICATION_SCOPE": ",".join(app.scope),
            "member_id": portal.state.info.member_id,
            "status": app.status,
            "PLACEMENT": placement,
        }
        if placement != "DEFAULT" or options:
            fields["PLACEMENT_OPTIONS"] = json.dumps(options or {})
    return Frame(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}", fields, sid, pair)


def _handler(portal: Portal, app: App, placement: str, wanted: str) -> str:
    if app.state != "installed":
        return app.install_url or app.app_url
    if placement == "DEFAULT":
        return app.app_url
    for row in portal.state.placements:
        same = row["client_id"] == app.client_id and row["placement"] == placement
        if same and wanted in ("", row["handler"]):
            return str(row["handler"])
    raise LookupError(f"{placement} is not bound")


def post_frame(opened: Frame) -> Json:
    """Posts a frame the way a browser does and gives what came back; status 0 when nobody answered."""
    try:
        answer = requests.post(opened.url, data=opened.fields, timeout=_TIMEOUT, allow_redirects=True)
    except requests.RequestException as error:
        return {"status": 0, "headers": {}, "body": type(error).__name__}
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.text}


def begin_install(portal: Portal, app: App, user_id: int) -> None:
    """Adds the application in the name of an administrator; one with a page shows its installer from now
    on, one without gets ``ONAPPINSTALL`` at its install address at once."""
    with portal.state.lock:
        if app.state == "removed":
            app.application_token = secrets.token_hex(16)
        app.state, app.installed_by = "added", user_id
        if not app.ui or not app.install_url:
            app.state = "installed"
    if not app.ui:
        _send_install(portal, app, app.install_url)


def install(portal: Portal, app: App, user_id: int, finish: Any, lang: str | None = None) -> Json:
    """Adds the application in the name of an administrator. With a page: the installer's frame is posted
    and, when ``finish`` says so, ``installFinish`` done; without one: ``ONAPPINSTALL`` goes to the install
    address at once."""
    begin_install(portal, app, user_id)
    if not app.ui:
        return {"status": 200, "body": "", "installed": True, "calls_finish": False}
    answer = post_frame(frame(portal, app, user_id, lang=lang))
    calls = "installfinish" in str(answer["body"]).lower()
    if answer["status"] == 200 and (finish is True or (finish == "auto" and calls)):
        finish_install(portal, app)
    return answer | {"installed": app.state == "installed", "calls_finish": calls}


def finish_install(portal: Portal, app: App) -> None:
    """What ``BX24.installFinish`` does; outside the installer it does nothing."""
    with portal.state.lock:
        if app.state != "added":
            return
        app.state = "installed"
        for row in list(portal.state.bindings):
            if row["client_id"] == app.client_id and row["event"] == "ONAPPINSTALL":
                _send_install(portal, app, row["handler"])


def _send_install(portal: Portal, app: App, url: str) -> None:
    data = {
        "VERSION": str(app.version),
        "ACTIVE": "Y",
        "INSTALLED": "Y" if app.state == "installed" else "N",
        "LANGUAGE_ID": portal.state.info.language,
    }
    portal.queue.put(app, "ONAPPINSTALL", url, data, app.installed_by, 0)


def update_app(portal: Portal, app: App, version: int) -> int:
    """A new version: bindings are dropped, the application token changes, ``ONAPPUPDATE`` goes to who had
    bound it; an application with a page shows its installer again (2.5)."""
    with portal.state.lock:
        handlers = _handlers(portal, app, "ONAPPUPDATE")
        data = {"VERSION": str(version), "PREVIOUS_VERSION": str(app.version)}
        app.version, app.application_token = version, secrets.token_hex(16)
        _drop_bindings(portal, app)
        if app.ui and app.install_url:
            app.state = "added"
        for url in handlers:
            language = {"LANGUAGE_ID": portal.state.info.language}
            portal.queue.put(app, "ONAPPUPDATE", url, data | language, app.installed_by, 0)
    return len(handlers)


def uninstall(portal: Portal, app: App, clean: int) -> int:
    """Removes the application: handlers and tokens go, ``ONAPPUNINSTALL`` carries the application token
    only (2.6, 2.7)."""
    with portal.state.lock:
        handlers = _handlers(portal, app, "ONAPPUNINSTALL")
        auth = portal.queue.auth_block(app, "ONAPPUNINSTALL", 0)
        _drop_bindings(portal, app)
        portal.tokens.revoke_app(app)
        app.state = "removed"
        app.triggers.clear()
        if clean or app.kind == "local":
            app.options.clear()
        data = {"LANGUAGE_ID": portal.state.info.language, "CLEAN": clean}
        for url in handlers:
            portal.queue.put(app, "ONAPPUNINSTALL", url, data, 0, 0, auth)
    return len(handlers)


def _handlers(portal: Portal, app: App, event: str) -> list[str]:
    return [
        r["handler"] for r in portal.state.bindings if r["client_id"] == app.client_id and r["event"] == event
    ]


def _drop_bindings(portal: Portal, app: App) -> None:
    for rows in (portal.state.bindings, portal.state.placements):
        rows[:] = [row for row in rows if row["client_id"] != app.client_id]

"""Molva's application in a served sandbox portal, for the tests of the adapter."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from integration.bitrix.client import ClientPool, PortalClient
from integration.bitrix.oauth import OAuthClient
from integration.bitrix.protocol import Frame, parse_frame
from integration.bitrix.sandbox.server import Sandbox

CLIENT_ID, SECRET = "local.molva", "secret-1"
SCOPE = ["crm", "task", "user", "department", "calendar", "placement", "user_basic"]


@dataclass
class Place:
    """A sandbox portal with Molva's application in it."""

    box: Sandbox
    pool: ClientPool
    oauth: OAuthClient
    frame: Frame

    @property
    def client(self) -> PortalClient:
        return self.pool.client(self.frame.grant.client_endpoint, self.frame.grant.access_token)


def opened(box: Sandbox, user_id: int = 1) -> Frame:
    """The frame as the portal's page would post it, now."""
    post = box.control(f"/apps/{CLIENT_ID}/open", {"user_id": user_id, "dry": True})
    return parse_frame(dict(parse_qsl(post["url"].partition("?")[2])), post["fields"])


def placed(box: Sandbox, pool: ClientPool) -> Place:
    app = {
        "client_id": CLIENT_ID, "client_secret": SECRET, "install_url": "", "app_url": "http://127.0.0.1:9/bitrix/app",
        "kind": "local", "ui": True, "scope": SCOPE,
    }  # fmt: skip
    box.control("/apps", app)
    box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1})
    return Place(box, pool, OAuthClient([box.oauth_url], allow_http=True), opened(box))

"""Portals come, are set up and go (product.md T1; bitrix24.md 2, 3).

Whatever a frame or an event says about itself is user input: whose token it is says the authorisation
server, and only one of those that the operator allows; whether the person may manage applications says the
portal, at the address that the authorisation server named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from integration.bitrix import calls
from integration.bitrix.errors import AccessLost, BitrixError, Refused, Retryable, Suspended, TokenExpired
from integration.bitrix.protocol import Event
from integration.bitrix.protocol import Grant as Claim
from integration.i18n import language_of
from integration.logs import log
from integration.services import deps as ports
from integration.services.access import PortalRest
from integration.services.deps import Deps
from integration.services.trust import origin_of, scope_text, usable
from integration.store import chores as chore_rows
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

DEAD = (TokenExpired, AccessLost, Refused)


class InstallRefused(Exception):
    """The installation was not accepted; `code` says why, for a catalogue.

    `not_allowed`, `dead_token`, `not_ours`, `wrong_portal`, `insecure`, `not_admin`, `suspended`,
    `unreachable` (worth another try).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Installed:
    """A portal that is ours now; `created`: it was not before."""

    portal_id: int
    created: bool
    user_id: int


def rest_for(deps: Deps, portal_id: int, *, interactive: bool = False) -> PortalRest:
    """The portal's REST under its own token and limits. `interactive`: for a person who waits."""
    return PortalRest(deps, portal_id, interactive)


def install(deps: Deps, claim: Claim, language: str = "") -> Installed:
    """Take a portal in, or take it in again; raise `InstallRefused` (product.md T1, bitrix24.md 2.9).

    `claim` comes from the installer frame or from `ONAPPINSTALL`. The portal is active at once; setting it up
    and the first synchronisation are ordered. `language`: a Bitrix24 code, for the portal's texts.
    """
    grant = prove(deps, claim)
    _check_administrator(deps, grant, claim)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.installation(session, grant.member_id, grant.client_id)
        created = portal is None
        if portal is None:
            portal = Portal(member_id=grant.member_id, client_id=grant.client_id, installed_at=now)
            session.add(portal)
        if portal.status != "active":
            portal.installed_at = portal.status_since = now
        _fill(portal, claim, grant, _origin_for(deps, claim))
        if language and (created or not portal.synced_at):
            portal.language = language_of(language, portal.language or "en")
        session.flush()
        chore_rows.close_all(session, portal.id, now)
        chore_rows.schedule(session, portal.id, "setup", now)
        chore_rows.schedule(session, portal.id, "first_sync", now)
        portal_id = portal.id
    log(__name__).info("portal.installed", portal=portal_id, domain=grant.domain, created=created)
    return Installed(portal_id, created, grant.user_id)


def _check_allowed(deps: Deps, claim: Claim) -> None:
    allowed = deps.settings.allowed_portals
    if allowed and not {claim.domain.lower(), claim.member_id.lower()} & allowed:
        raise InstallRefused("not_allowed")
    if not claim.access_token or not claim.domain or len(claim.access_token) > 500:
        raise InstallRefused("dead_token")


def prove(deps: Deps, claim: Claim) -> ports.Grant:
    """The authorisation server's word on a token: ours, alive, and of the portal it claims to be of.

    Raises `InstallRefused`. Says nothing about the rights of the person (bitrix24.md 2.9).
    """
    _check_allowed(deps, claim)
    try:
        grant = deps.oauth.grant(_origin_for(deps, claim), claim.access_token)
    except Retryable:
        raise InstallRefused("unreachable") from None
    except Suspended:
        raise InstallRefused("suspended") from None
    except DEAD:
        raise InstallRefused("dead_token") from None
    if not _is_ours(deps, grant):
        raise InstallRefused("not_ours")
    if grant.member_id != claim.member_id or grant.domain.lower() != claim.domain.lower():
        raise InstallRefused("wrong_portal")
    if not usable(deps, grant.endpoint):
        raise InstallRefused("insecure")
    return grant


def _origin_for(deps: Deps, claim: Claim) -> str:
    """The claimed server chooses among those the operator allows, and nothing more (bitrix24.md 3.2)."""
    return origin_of(deps, claim.server_endpoint) or next(iter(deps.settings.oauth_origins), "")


def _is_ours(deps: Deps, grant: ports.Grant) -> bool:
    if grant.client_id and grant.client_id == deps.settings.client_id:
        return True
    with reading(deps.sessions) as session:
        local = rows.registered(session, grant.client_id) if grant.client_id else None
    return local is not None and local.domain == grant.domain.lower()


def _check_administrator(deps: Deps, grant: ports.Grant, claim: Claim) -> None:
    """The portal's word on the person, asked with the person's own token (bitrix24.md 2.9)."""
    try:
        profile = deps.rest(grant.endpoint, claim.access_token).call(calls.profile()).result
    except Retryable:
        raise InstallRefused("unreachable") from None
    except Suspended:
        raise InstallRefused("suspended") from None
    except BitrixError:
        raise InstallRefused("dead_token") from None
    if not isinstance(profile, dict) or profile.get("ADMIN") not in (True, "Y", "true", "1"):
        raise InstallRefused("not_admin")


def _fill(portal: Portal, claim: Claim, grant: ports.Grant, origin: str) -> None:
    portal.member_id, portal.client_id = grant.member_id, grant.client_id
    portal.kind = "local" if portal.client_secret else "market"
    portal.status, portal.problem = "active", ""
    portal.domain, portal.endpoint, portal.oauth_origin = grant.domain.lower(), grant.endpoint, origin
    portal.application_token = claim.application_token or portal.application_token
    portal.access_token, portal.refresh_token = (
        claim.access_token,
        claim.refresh_token or portal.refresh_token,
    )
    portal.token_user_id, portal.scope = grant.user_id, scope_text(grant.scope)
    portal.token_version = (portal.token_version or 0) + 1
    portal.refreshing_until = portal.setup_at = None


def accept_event_install(deps: Deps, event: Event) -> Installed:
    """`ONAPPINSTALL` or `ONAPPUPDATE` whose token we do not know: prove it like an installation, or raise
    `InstallRefused`. One question to the authorisation server and one to the portal, each bounded in time."""
    return install(deps, event.grant, str(event.data.get("LANGUAGE_ID") or ""))


def portals_active(deps: Deps) -> list[int]:
    """Ids of the portals that work."""
    with reading(deps.sessions) as session:
        return rows.ids(session)


def overview(deps: Deps) -> list[dict[str, Any]]:
    """All portals for the operator; nothing secret."""
    with reading(deps.sessions) as session:
        return [
            {
                "id": p.id, "status": p.status, "kind": p.kind, "domain": p.domain, "problem": p.problem,
                "member_id": p.member_id, "installed_at": p.installed_at, "setup_at": p.setup_at,
                "synced_at": p.synced_at, "language": p.language, "time_zone": p.time_zone,
            }
            for p in rows.everyone(session)
        ]  # fmt: skip


def add_app(deps: Deps, domain: str, client_id: str, client_secret: str) -> int:
    """Register the keys of a local application before it is installed; ValueError for keys that cannot be."""
    host = (urlsplit(domain if "//" in domain else f"//{domain}").netloc).lower()
    if not host or not client_id.strip() or not client_secret.strip():
        raise ValueError("give the portal's domain, the application's id and its key")
    with transaction(deps.sessions) as session:
        portal = rows.registered(session, client_id)
        if portal is None:
            portal = Portal(
                member_id="", client_id=client_id, kind="local", status="new", endpoint="", domain=host,
                installed_at=deps.clock.now(),
            )  # fmt: skip
            session.add(portal)
        elif portal.domain != host and portal.status != "new":
            raise ValueError(f"this application is already installed in {portal.domain}")
        portal.domain, portal.client_secret = host, client_secret.strip()
        session.flush()
        return portal.id


def add_webhook(deps: Deps, url: str) -> int:
    """Connect a portal through an incoming webhook (product.md T1): reconciliation alone.

    Raises ValueError for an address that is none, `BitrixError` when the portal does not answer.
    """
    parts = urlsplit(url.strip())
    path = [part for part in parts.path.split("/") if part]
    if len(path) != 3 or path[0] != "rest" or not path[1].isdigit() or not usable(deps, url.strip()):
        raise ValueError("a webhook's address looks like https://portal/rest/1/code/")
    host, secret = parts.netloc.lower(), f"{path[1]}/{path[2]}"
    deps.rest(f"{parts.scheme}://{host}/rest/{secret}/", "").call(calls.profile())
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.installation(session, f"webhook-{host}"[:64], "webhook")
        if portal is None:
            portal = Portal(
                member_id=f"webhook-{host}"[:64], client_id="webhook", kind="webhook", installed_at=now
            )
            session.add(portal)
        portal.status, portal.problem, portal.domain = "active", "", host
        portal.endpoint, portal.access_token = f"{parts.scheme}://{host}/rest/", secret
        session.flush()
        chore_rows.schedule(session, portal.id, "setup", now)
        chore_rows.schedule(session, portal.id, "first_sync", now)
        return portal.id


def remove(deps: Deps, portal_id: int) -> bool:
    """Erase a portal with everything that belongs to it; False if there is none."""
    with transaction(deps.sessions) as session:
        return rows.remove(session, portal_id)


def resync(deps: Deps, portal_id: int) -> bool:
    """Order set-up and a full synchronisation anew; False if there is no such portal."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if rows.get(session, portal_id) is None:
            return False
        chore_rows.schedule(session, portal_id, "setup", now)
        chore_rows.schedule(session, portal_id, "first_sync", now)
    return True


__all__ = [
    "InstallRefused", "Installed", "accept_event_install", "add_app", "add_webhook", "install", "overview",
    "portals_active", "prove", "remove", "rest_for", "resync",
]  # fmt: skip

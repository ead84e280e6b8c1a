"""Portals come, are set up and go (product.md T1; bitrix24.md 2, 3).

Whatever a frame or an event says about itself is user input: whose token it is says the authorisation
server, and only one of those that the operator allows; whether the person may manage applications says the
portal, at the address that the authorisation server named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from integration.bitrix.errors import BitrixError
from integration.bitrix.protocol import Event
from integration.bitrix.protocol import Grant as Claim
from integration.i18n import language_of
from integration.logs import log
from integration.services import access, erasure, pace, spare
from integration.services.access import PortalRest
from integration.services.deps import Deps, Grant
from integration.services.proof import LONGEST_TOKEN, InstallRefused, check_administrator, origin_for, prove
from integration.services.registration import add_app, add_webhook
from integration.services.states import order_set_up
from integration.services.trust import scope_text
from integration.store import chores as chore_rows
from integration.store import erased
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal


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
    """Take a portal in, or take it in again; raise `InstallRefused` (product.md T1, bitrix24.md 2.9, docs/adr/0009).

    `claim` comes from the installer frame or from `ONAPPINSTALL`. The portal is active at once; setting it up
    and the first synchronisation are ordered. One whose data were to be erased, or perhaps were, is `undecided` first:
    nothing happens until an administrator has said what becomes of them. `language`: a Bitrix24 code, for the
    portal's texts.
    """
    grant = prove(deps, claim, installing=True)
    with reading(deps.sessions) as session:
        known = next(iter(rows.by_member(session, grant.member_id)), None)
    check_administrator(deps, grant, claim.access_token, known)
    _only_one(deps, grant)
    try:
        installed = _take(deps, claim, grant, language)
    except IntegrityError:
        # The event and the page came at the same moment: whoever lost finds the other's row.
        installed = _take(deps, claim, grant, language)
    log(__name__).info(
        "portal.installed", portal=installed.portal_id, domain=grant.domain, created=installed.created
    )
    return installed


def _take(deps: Deps, claim: Claim, grant: Grant, language: str) -> Installed:
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = _row(session, grant, now)
        created = portal is None
        if portal is None:
            portal = Portal(member_id=grant.member_id, client_id=grant.client_id, installed_at=now)
            session.add(portal)
        if portal.status != "active":
            portal.installed_at = now if portal.status == "new" else portal.installed_at
            portal.status_since = now
        _fill(portal, claim, grant, origin_for(deps, claim.server_endpoint))
        if language and (created or not portal.synced_at):
            portal.language = language_of(language, portal.language or "en")
        session.flush()
        if created:
            pace.spent(session, portal.id, portal.license_family, now)  # the question about the administrator
        chore_rows.close_all(session, portal.id, now)
        if portal.erase_after is not None:
            chore_rows.schedule(session, portal.id, "erase", now, portal.erase_after)
        elif portal.status == "active":
            order_set_up(session, portal.id, now)
        return Installed(portal.id, created, grant.user_id)


def _only_one(deps: Deps, grant: Grant) -> None:
    """Two applications of ours in one portal, or one and a webhook, would ask its clients twice: the other must be
    gone (docs/adr/0009)."""
    with reading(deps.sessions) as session:
        others = _others(session, grant)
        beside = rows.working_at(session, grant.domain.lower(), webhook=True)
    if beside:
        raise InstallRefused("already_connected")
    for other in others:
        try:
            alive = other.status != "uninstalled" and access.lives(deps, other)
        except BitrixError:
            raise InstallRefused("unreachable") from None
        if alive:
            raise InstallRefused("already_connected")


def _others(session: Session, grant: Grant) -> Sequence[Portal]:
    return [one for one in rows.by_member(session, grant.member_id) if one.client_id != grant.client_id]


def _row(session: Session, grant: Grant, now: datetime) -> Portal | None:
    """The row of this installation, locked. An application added anew takes over the row, and so the data, of the
    one that was there before; keys that `add-app` registered for it move there (bitrix24.md pitfall 14)."""
    found = rows.installation(session, grant.member_id, grant.client_id)
    if found is not None and found.member_id:
        return found
    before = max(_others(session, grant), key=lambda one: one.removed_at or one.installed_at, default=None)
    if before is None:
        return found
    portal = rows.locked(session, before.id)
    if portal is None:
        return found
    log(__name__).info("portal.taken_over", portal=portal.id, client_id=grant.client_id)
    portal.removed_at = portal.removed_at if portal.status == "uninstalled" else now
    erased.forget_access(portal)
    portal.client_secret = found.client_secret if found is not None else None
    if found is not None:
        session.delete(found)
        session.flush()
    portal.client_id = grant.client_id
    return portal


def _fill(portal: Portal, claim: Claim, grant: Grant, origin: str) -> None:
    portal.member_id, portal.client_id = grant.member_id, grant.client_id
    portal.kind = "local" if portal.client_secret else "market"
    asked = portal.erase_after is not None or portal.erase_wished_at is not None
    portal.status, portal.problem = "undecided" if asked else "active", ""
    portal.domain, portal.endpoint, portal.oauth_origin = grant.domain.lower(), grant.endpoint, origin
    portal.application_token = claim.application_token or portal.application_token
    portal.access_token, portal.refresh_token = (
        claim.access_token,
        claim.refresh_token or portal.refresh_token,
    )
    portal.token_user_id, portal.scope = grant.user_id, scope_text(grant.scope)
    portal.token_version = (portal.token_version or 0) + 1
    portal.refreshing_until = portal.setup_at = None
    portal.farewell = ""


def acquaint(deps: Deps, portal: Portal, claim: Claim, grant: Grant, *, administrator: bool) -> Portal:
    """What a proven opening of the application tells about the portal: a new name, and from an administrator a new
    application token, after which bindings may be gone (bitrix24.md 2.5), and a spare pair of tokens.

    Gives the portal as it is stored now.
    """
    now = deps.clock.now()
    domain = grant.domain.lower()
    renamed = (portal.domain, portal.endpoint) != (domain, grant.endpoint)
    token = claim.application_token if administrator else ""
    changed = 0 < len(token) <= LONGEST_TOKEN and token != portal.application_token
    spared = administrator and spare.wanted(portal, grant.user_id, claim.refresh_token, now)
    if not (renamed or changed or spared):
        return portal
    with transaction(deps.sessions) as session:
        row = rows.locked(session, portal.id)
        if row is None or row.status == "uninstalled":
            return portal
        if renamed:
            row.domain, row.endpoint = domain, grant.endpoint
            log(__name__).info("portal.moved", portal=row.id, domain=domain)
        if changed:
            row.application_token = token
            if row.status == "active":
                chore_rows.schedule(session, row.id, "setup", now)
            log(__name__).info("portal.application_token_changed", portal=row.id)
        if spared:
            spare.put(row, grant.user_id, claim.refresh_token, now)
        return row


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


def remove(deps: Deps, portal_id: int) -> bool:
    """Erase a portal with everything that belongs to it; False if there is none."""
    return erasure.wipe(deps, portal_id, "operator")


def resync(deps: Deps, portal_id: int) -> bool:
    """Order set-up and a full synchronisation anew; False if there is no such portal."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        if rows.get(session, portal_id) is None:
            return False
        order_set_up(session, portal_id, now)
    return True


__all__ = [
    "InstallRefused", "Installed", "accept_event_install", "acquaint", "add_app", "add_webhook", "install",
    "order_set_up", "overview", "portals_active", "prove", "remove", "rest_for", "resync",
]  # fmt: skip

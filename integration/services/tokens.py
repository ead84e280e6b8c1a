"""A portal's tokens: renewed when they have expired, one renewer at a time; replaced, followed, given up.

Tokens are renewed on `expired_token` only, never on a timer (bitrix24.md 3.4). The renewer is found by
compare-and-set on the token's version; the others wait for the new version and go on with it. No network
request is made inside a transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

from integration.bitrix.errors import (
    AccessLost,
    BitrixError,
    Moved,
    Refused,
    Retryable,
    Suspended,
    TokenExpired,
)
from integration.logs import log
from integration.nps.diagnosis import OUR_KEYS
from integration.services import spare, states
from integration.services.deps import Deps
from integration.services.request_log import of_its_portal
from integration.services.trust import keys, pair_columns, parts_of, usable
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

RENEWAL_LEASE = timedelta(seconds=90)  # longer than the longest exchange with the authorisation server
PATIENCE = 100  # looks of 0.05 s at a renewal that somebody else has begun
# A refusal that speaks of the pair; one that speaks of our own keys says nothing about the portal.
DEAD_PAIR = frozenset({"INVALID_GRANT", "EXPIRED_TOKEN", "INVALID_TOKEN", "NO_REFRESH_TOKEN"})
WORKING = ("active", "suspended")
NO_WORD = 600.0  # seconds until the authorisation server is asked again when something else answered for it


@dataclass(frozen=True, slots=True)
class Access:
    """What one request needs; read anew for each."""

    portal_id: int
    kind: str
    status: str
    endpoint: str
    token: str = field(repr=False)
    version: int
    license_family: str


def access(deps: Deps, portal_id: int) -> Access:
    """The portal's access as stored; raises `AccessLost` for a portal that is gone or waits for its administrator."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.status == "uninstalled":
        raise AccessLost("access", "uninstalled", "uninstalled")
    if portal.status in ("reauthorise", "undecided"):
        raise AccessLost("access", portal.problem or portal.status, "reauthorise")
    return _of(portal)


def _of(portal: Portal) -> Access:
    return Access(
        portal_id=portal.id, kind=portal.kind, status=portal.status, endpoint=portal.endpoint,
        token=portal.access_token or "", version=portal.token_version, license_family=portal.license_family,
    )  # fmt: skip


def settle_loss(deps: Deps, portal_id: int, error: AccessLost, seen: int | None = None) -> Access | None:
    """Store what a lost access means, or mend it: gives an access that may be tried instead of version `seen`.

    A removal is believed only if the authorisation server confirms it.
    """
    if error.kind == "scope":
        states.note(deps, portal_id, f"scope:{error.code.lower()}")
    elif error.kind == "uninstalled":
        if removed(deps, portal_id):
            states.uninstall(deps, portal_id, clean=None)
    else:
        held = rescue(deps, portal_id, seen) if seen is not None else None
        if held is not None:
            return held
        states.lose(deps, portal_id, error.code, "reauthorise")
    return None


def rescue(deps: Deps, portal_id: int, seen: int) -> Access | None:
    """Another administrator's pair at work instead of version `seen`, or nothing; what another process has done
    meanwhile counts. Raises `Retryable` when it cannot be found out now."""
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.status not in WORKING or portal.kind == "webhook":
            return None
        if portal.token_version != seen:
            return _of(portal)
        if portal.spare_refresh_token is None:
            return None
        mine = rows.take_renewal(session, portal_id, seen, now, RENEWAL_LEASE)
    if not mine:
        return _await(deps, portal_id, seen)
    try:
        adopted = spare.adopt(deps, portal, seen)
    finally:
        _end_renewal(deps, portal_id, seen)
    return access(deps, portal_id) if adopted else None


def renew(deps: Deps, portal_id: int, seen: int) -> Access:
    """Exchange the refresh token of version `seen`; whoever comes second gets the first one's result.

    Raises `AccessLost` when the authorisation server refuses for good, `Retryable` when it cannot be asked
    or another process is still asking.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None:
            raise AccessLost("access", "uninstalled", "uninstalled")
        if portal.token_version != seen:
            return _of(portal)
        mine = bool(portal.refresh_token) and rows.take_renewal(session, portal_id, seen, now, RENEWAL_LEASE)
    if not portal.refresh_token:
        states.lose(deps, portal_id, "no_refresh_token", "reauthorise")
        raise AccessLost("access", "no_refresh_token", "reauthorise")
    return _exchange(deps, portal, seen) if mine else _await(deps, portal_id, seen)


def _await(deps: Deps, portal_id: int, seen: int) -> Access:
    for _ in range(PATIENCE):
        time.sleep(0.05)  # real time: another process is talking to the authorisation server
        held = access(deps, portal_id)
        if held.version != seen:
            return held
    raise Retryable("access", "renewal_under_way", effect="none", after=2.0)


@of_its_portal
def _exchange(deps: Deps, portal: Portal, seen: int) -> Access:
    client_id, secret = keys(deps, portal)
    try:
        pair = deps.oauth.refresh(portal.oauth_origin, client_id, secret, portal.refresh_token or "")
    except (AccessLost, TokenExpired, Refused) as error:
        if error.code.startswith("http_") or error.code == "origin_not_allowed":
            _end_renewal(deps, portal.id, seen)  # a proxy's page, or our own settings: no word on the pair
            raise Retryable(error.method, error.code, effect="none", after=NO_WORD) from None
        return _refused(deps, portal.id, seen, error)
    except Suspended as error:
        _end_renewal(deps, portal.id, seen)
        states.suspend(deps, portal.id, error.code)
        raise
    except BitrixError:
        _end_renewal(deps, portal.id, seen)
        raise
    if pair.member_id != portal.member_id:
        log(__name__).warning("portal.foreign_refresh_token", portal=portal.id)
        return _refused(deps, portal.id, seen, Refused("oauth.token", "foreign_member"))
    with transaction(deps.sessions) as session:
        rows.store_tokens(session, portal.id, seen, **pair_columns(deps, portal, pair))
    log(__name__).info("portal.token_renewed", portal=portal.id)
    return access(deps, portal.id)


def _refused(deps: Deps, portal_id: int, seen: int, error: BitrixError) -> Access:
    """The pair is dead, unless somebody has stored a newer one meanwhile: read once more (bitrix24.md 3.4)."""
    if not _end_renewal(deps, portal_id, seen):
        return access(deps, portal_id)
    if isinstance(error, AccessLost) and error.kind == "uninstalled":
        states.uninstall(deps, portal_id, clean=None)
        raise AccessLost(error.method, error.code, "uninstalled")
    held = rescue(deps, portal_id, seen)
    if held is not None:
        return held
    states.lose(deps, portal_id, error.code, "reauthorise")
    raise AccessLost(error.method, error.code, "reauthorise")


def _end_renewal(deps: Deps, portal_id: int, seen: int) -> bool:
    """Let others renew version `seen`; False if another version is there by now."""
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.token_version != seen:
            return False
        portal.refreshing_until = None
        return True


@of_its_portal
def follow(deps: Deps, portal_id: int, moved: Moved) -> Access:
    """Take over a renamed portal's address, if the authorisation server names the same (bitrix24.md 4.1)."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.kind == "webhook":
        raise Retryable(moved.method, "moved", effect="none", after=3600)
    host = parts_of(moved.location).netloc.lower()
    try:
        grant = deps.oauth.grant(portal.oauth_origin, portal.access_token or "")
    except (TokenExpired, AccessLost):
        held = renew(deps, portal_id, portal.token_version)  # the new pair names the portal's address
        if parts_of(held.endpoint).netloc.lower() == host:
            return held
        raise Retryable(moved.method, "moved", effect="none", after=600) from None
    if (
        grant.member_id != portal.member_id
        or grant.domain.lower() != host
        or not usable(deps, grant.endpoint)
    ):
        log(__name__).warning("portal.unproven_move", portal=portal_id)
        raise Retryable(moved.method, "moved", effect="none", after=600)
    with transaction(deps.sessions) as session:
        row = rows.locked(session, portal_id)
        if row is not None:
            row.endpoint, row.domain = grant.endpoint, grant.domain.lower()
    log(__name__).info("portal.moved", portal=portal_id, domain=grant.domain)
    return access(deps, portal_id)


@of_its_portal
def removed(deps: Deps, portal_id: int) -> bool:
    """Whether the authorisation server says that the portal's tokens are dead. Raises `Retryable` if it cannot say.

    Any user of a portal can see the token that an uninstall event is proven by, so the event alone is
    not believed (product.md T1). Of a portal that has lost its access before, dead tokens say nothing new: there
    the server has to name the removal.
    """
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.status == "uninstalled":
        return True
    if portal.kind == "webhook":
        return False
    try:
        grant = deps.oauth.grant(portal.oauth_origin, portal.access_token or "")
        return not grant.installed
    except (TokenExpired, AccessLost):
        pass  # perhaps only expired: the refresh token decides, spent by one renewer at a time as always
    try:
        renew(deps, portal_id, portal.token_version)
    except AccessLost as error:
        dead = error.code.upper() in DEAD_PAIR and portal.status != "reauthorise"
        return error.kind == "uninstalled" or dead
    except Suspended:
        return False
    return False


@of_its_portal
def regained(deps: Deps, portal_id: int) -> bool:
    """Whether a portal that was lost because our own keys were refused is at work again, since they are taken now.

    Raises `BitrixError` when they still are not, or nobody could be asked.
    """
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.status != "reauthorise" or portal.problem.rpartition(":")[2] not in OUR_KEYS:
        return False
    try:
        renew(deps, portal_id, portal.token_version)
    except AccessLost:
        with reading(deps.sessions) as session:
            now = rows.get(session, portal_id)
        if now is None or now.status != "reauthorise" or now.token_version == portal.token_version:
            raise
    states.regain(deps, portal_id)
    return True


@of_its_portal
def lives(deps: Deps, portal: Portal) -> bool:
    """Whether any of the portal's tokens is still good. Raises `Retryable` if that cannot be found out."""
    try:
        return deps.oauth.grant(portal.oauth_origin, portal.access_token or "").installed
    except (TokenExpired, AccessLost, Refused):
        pass
    try:
        renew(deps, portal.id, portal.token_version)
    except AccessLost:
        return False
    except Suspended:
        pass  # the portal lets nobody in at the moment; the application is still there
    return True

"""A portal's tokens: renewed when they have expired, one renewer at a time; replaced, followed, given up.

Tokens are renewed on `expired_token` only, never on a timer (bitrix24.md 3.4). The renewer is found by
compare-and-set on the token's version; the others wait for the new version and go on with it. No network
request is made inside a transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integration.bitrix.bounds import EXCHANGE_SECONDS
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

# Longer than the two requests a renewal makes at most (`rescue`: the pair, then whose it is), and their commits.
RENEWAL_LEASE = timedelta(seconds=2 * EXCHANGE_SECONDS + 20)
PATIENCE = 100  # looks of 0.05 s at a renewal that somebody else has begun
WORKING = ("active", "suspended")
PAIR_REFUSED = frozenset({"invalid_grant", *OUR_KEYS})  # lost for reasons that a new pair disproves
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


def rescue(deps: Deps, portal_id: int, seen: int) -> Access | None:
    """Another administrator's pair at work instead of version `seen`, or nothing; what another process has done
    meanwhile counts. Raises `Retryable` when it cannot be found out now, `AccessLost` when the server names a removal.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.status not in WORKING or portal.kind == "webhook":
            return None
        if portal.token_version != seen:
            return _of(portal)
        if portal.spare_refresh_token is None:
            return None
        until = rows.take_renewal(session, portal_id, seen, now, RENEWAL_LEASE)
    if until is None:
        return _await(deps, portal_id, seen)
    try:
        adopted = spare.adopt(deps, portal, seen)
    finally:
        _end_renewal(deps, portal_id, seen, until)
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
        held = bool(portal.refresh_token)
        until = rows.take_renewal(session, portal_id, seen, now, RENEWAL_LEASE) if held else None
    if not portal.refresh_token:
        states.lose(deps, portal_id, "no_refresh_token", "reauthorise")
        raise AccessLost("access", "no_refresh_token", "reauthorise")
    return _await(deps, portal_id, seen) if until is None else _exchange(deps, portal, seen, until)


def _await(deps: Deps, portal_id: int, seen: int) -> Access:
    for _ in range(PATIENCE):
        time.sleep(0.05)  # real time: another process is talking to the authorisation server
        held = access(deps, portal_id)
        if held.version != seen:
            return held
    raise Retryable("access", "renewal_under_way", effect="none", after=2.0)


@of_its_portal
def _exchange(deps: Deps, portal: Portal, seen: int, until: datetime) -> Access:
    client_id, secret = keys(deps, portal)
    try:
        pair = deps.oauth.refresh(portal.oauth_origin, client_id, secret, portal.refresh_token or "")
    except (AccessLost, TokenExpired, Refused) as error:
        if error.code.startswith("http_") or error.code == "origin_not_allowed":
            _end_renewal(
                deps, portal.id, seen, until
            )  # a proxy's page, or our own settings: no word on the pair
            raise Retryable(error.method, error.code, effect="none", after=NO_WORD) from None
        return _refused(deps, portal.id, seen, until, error)
    except Suspended as error:
        _end_renewal(deps, portal.id, seen, until)
        states.suspend(deps, portal.id, error.code)
        raise
    except BitrixError:
        _end_renewal(deps, portal.id, seen, until)
        raise
    if pair.member_id != portal.member_id:
        log(__name__).warning("portal.foreign_refresh_token", portal=portal.id)
        return _refused(deps, portal.id, seen, until, Refused("oauth.token", "foreign_member"))
    with transaction(deps.sessions) as session:
        stored = rows.store_tokens(session, portal.id, seen, **pair_columns(deps, portal, pair))
        now = rows.get(session, portal.id)
    log(__name__).info("portal.token_renewed", portal=portal.id)
    if stored and now is not None and now.problem.rpartition(":")[2] in PAIR_REFUSED:
        states.regain(deps, portal.id)
    return access(deps, portal.id)


def _refused(deps: Deps, portal_id: int, seen: int, until: datetime, error: BitrixError) -> Access:
    """The pair is dead, unless somebody else renews it or has done so: read once more (bitrix24.md 3.4)."""
    if not _end_renewal(deps, portal_id, seen, until):
        return _await(deps, portal_id, seen)
    try:
        if isinstance(error, AccessLost) and error.kind == "uninstalled":
            raise error
        held = rescue(deps, portal_id, seen)
    except AccessLost as named:
        if named.kind == "uninstalled":
            states.uninstall(deps, portal_id, clean=None)
        raise AccessLost(named.method, named.code, named.kind) from None
    if held is not None:
        return held
    states.lose(deps, portal_id, error.code, "reauthorise")
    raise AccessLost(error.method, error.code, "reauthorise")


def _end_renewal(deps: Deps, portal_id: int, seen: int, until: datetime) -> bool:
    """Let others renew version `seen`; False if another version is there by now, or somebody else at it."""
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None or portal.token_version != seen or portal.refreshing_until != until:
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

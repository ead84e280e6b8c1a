"""A portal's access: calls that renew the token when it has expired, one renewer at a time.

Tokens are renewed on `expired_token` only, never on a timer (bitrix24.md 3.4). The renewer is found by
compare-and-set on the token's version; the others wait for the new version and go on with it. No network
request is made inside a transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from integration.bitrix.call import Call
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
from integration.services import pace, states
from integration.services.deps import Answer, BatchAnswer, Deps, Rest, TokenPair
from integration.services.trust import keys, origin_of, scope_text, usable
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

RENEWAL_LEASE = timedelta(seconds=90)  # longer than the longest exchange with the authorisation server
PATIENCE = 100  # looks of 0.05 s at a renewal that somebody else has begun
# A refusal that speaks of the pair; one that speaks of our own keys says nothing about the portal.
DEAD_PAIR = frozenset({"INVALID_GRANT", "EXPIRED_TOKEN", "INVALID_TOKEN", "NO_REFRESH_TOKEN"})
T = TypeVar("T", Answer, BatchAnswer)


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
    if portal.status == "reauthorise":
        raise AccessLost("access", portal.problem or "reauthorise", "reauthorise")
    return _of(portal)


def _of(portal: Portal) -> Access:
    return Access(
        portal_id=portal.id, kind=portal.kind, status=portal.status, endpoint=portal.endpoint,
        token=portal.access_token or "", version=portal.token_version, license_family=portal.license_family,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PortalRest:
    """One portal with its own service token. `interactive`: a person waits, so the reserve may be used.

    Raises what the network raises; `Retryable` with the code `paced` when the portal's limits say wait.
    A state that an answer reveals (suspended, moved, removed) is stored before the error goes on.
    """

    deps: Deps
    portal_id: int
    interactive: bool = False

    def call(self, call: Call) -> Answer:
        """Make one call."""
        got = self._run({"call": call}, lambda rest: rest.call(call))
        seen = BatchAnswer({"call": got}, {}, got.duration, {"call": pace.span(got)}, got.time)
        pace.record(self.deps, self.portal_id, {"call": call}, seen)
        return got

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        """Make up to 50 calls in one request."""
        got = self._run(calls, lambda rest: rest.batch(calls, halt=halt))
        pace.record(self.deps, self.portal_id, calls, got)
        return got

    def _run(self, calls: Mapping[str, Call], ask: Callable[[Rest], T]) -> T:
        held = access(self.deps, self.portal_id)
        try:
            return self._once(held, calls, ask)
        except TokenExpired:
            held = renew(self.deps, self.portal_id, held.version)
        except Moved as moved:
            held = follow(self.deps, self.portal_id, moved)
        try:
            return self._once(held, calls, ask)
        except TokenExpired as error:
            states.lose(self.deps, self.portal_id, error.code, "reauthorise")
            raise AccessLost(error.method, error.code, "reauthorise") from None
        except Moved as error:
            raise Retryable(error.method, "moved", effect="none") from None

    def _once(self, held: Access, calls: Mapping[str, Call], ask: Callable[[Rest], T]) -> T:
        methods = [call.method for call in calls.values()]
        pace.admit(self.deps, self.portal_id, held.license_family, methods[0], self.interactive)
        endpoint, token = held.endpoint, held.token
        if held.kind == "webhook":  # the secret part of the address is kept like a token
            endpoint, token = f"{endpoint}{token}/", ""
        rest = self.deps.rest(endpoint, token, portal_id=self.portal_id)
        try:
            got = ask(rest)
        except Retryable as error:
            pace.refuse(self.deps, self.portal_id, held.license_family, methods, error)
            raise
        except Suspended as error:
            states.suspend(self.deps, self.portal_id, error.code)
            raise
        except AccessLost as error:
            settle_loss(self.deps, self.portal_id, error)
            raise
        if held.status == "suspended":
            states.resume(self.deps, self.portal_id)
        return got


def settle_loss(deps: Deps, portal_id: int, error: AccessLost) -> None:
    """Store what a lost access means. A removal is believed only if the authorisation server confirms it."""
    if error.kind == "scope":
        states.note(deps, portal_id, f"scope:{error.code.lower()}")
    elif error.kind == "uninstalled":
        if removed(deps, portal_id):
            states.uninstall(deps, portal_id, clean=False)
    else:
        states.lose(deps, portal_id, error.code, "reauthorise")


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


def _exchange(deps: Deps, portal: Portal, seen: int) -> Access:
    client_id, secret = keys(deps, portal)
    try:
        pair = deps.oauth.refresh(portal.oauth_origin, client_id, secret, portal.refresh_token or "")
    except (AccessLost, TokenExpired, Refused) as error:
        return _refused(deps, portal.id, seen, error)
    except Suspended as error:
        _end_renewal(deps, portal.id)
        states.suspend(deps, portal.id, error.code)
        raise
    except BitrixError:
        _end_renewal(deps, portal.id)
        raise
    if pair.member_id != portal.member_id:
        log(__name__).warning("portal.foreign_refresh_token", portal=portal.id)
        return _refused(deps, portal.id, seen, Refused("oauth.token", "foreign_member"))
    with transaction(deps.sessions) as session:
        rows.store_tokens(session, portal.id, seen, **_columns(deps, portal, pair))
    log(__name__).info("portal.token_renewed", portal=portal.id)
    return access(deps, portal.id)


def _refused(deps: Deps, portal_id: int, seen: int, error: BitrixError) -> Access:
    """The pair is dead, unless somebody has stored a newer one meanwhile: read once more (bitrix24.md 3.4)."""
    _end_renewal(deps, portal_id)
    held = access(deps, portal_id)
    if held.version != seen:
        return held
    kind = error.kind if isinstance(error, AccessLost) and error.kind == "uninstalled" else "reauthorise"
    if kind == "uninstalled":
        states.uninstall(deps, portal_id, clean=False)
    else:
        states.lose(deps, portal_id, error.code, "reauthorise")
    raise AccessLost(error.method, error.code, "uninstalled" if kind == "uninstalled" else "reauthorise")


def _columns(deps: Deps, portal: Portal, pair: TokenPair) -> dict[str, object]:
    """Everything in a token answer overwrites what was stored (bitrix24.md 3.4)."""
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


def _end_renewal(deps: Deps, portal_id: int) -> None:
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is not None:
            portal.refreshing_until = None


def follow(deps: Deps, portal_id: int, moved: Moved) -> Access:
    """Take over a renamed portal's address, if the authorisation server names the same (bitrix24.md 4.1)."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.kind == "webhook":
        raise Retryable(moved.method, "moved", effect="none", after=3600)
    host = urlsplit(moved.location).netloc.lower()
    try:
        grant = deps.oauth.grant(portal.oauth_origin, portal.access_token or "")
    except (TokenExpired, AccessLost):
        held = renew(deps, portal_id, portal.token_version)  # the new pair names the portal's address
        if urlsplit(held.endpoint).netloc.lower() == host:
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


def removed(deps: Deps, portal_id: int) -> bool:
    """Whether the authorisation server says that the portal's tokens are dead. Raises `Retryable` if it cannot say.

    Any user of a portal can see the token that an uninstall event is proven by, so the event alone is
    not believed (product.md T1).
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
        return error.kind == "uninstalled" or error.code.upper() in DEAD_PAIR
    except Suspended:
        return False
    return False

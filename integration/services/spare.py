"""The spare pair of tokens: the newest of an administrator other than the one whose pair is at work.

The pair at work belongs to one employee. When that employee is dismissed the portal refuses it, and for a local
application nobody but us can help (bitrix24.md 1.4, 3.6, pitfall 9). So every administrator who opens the
application leaves a pair for that day; it is never used for anything else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from integration.bitrix import calls
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
from integration.services.deps import Deps, TokenPair
from integration.services.proof import LONGEST_TOKEN
from integration.services.request_log import of_its_portal
from integration.services.trust import keys, pair_columns
from integration.store import portals as rows
from integration.store.base import transaction
from integration.store.portals import Portal

LIFE = timedelta(days=180)  # of a refresh token (bitrix24.md 3.1)
FRESH = timedelta(hours=1)  # one person's pair is not stored anew more often
# Refusals that say nothing about the pair: our own keys, our own list of servers.
OUR_OWN_FAULT = frozenset({"INVALID_CLIENT", "WRONG_CLIENT", "ORIGIN_NOT_ALLOWED"})


def wanted(portal: Portal, user_id: int, refresh_token: str, now: datetime) -> bool:
    """Whether a pair that an administrator has just brought should become the spare one.

    The owner of the pair at work pushes out nobody else's: the spare is for the day they are dismissed.
    """
    if not 0 < len(refresh_token) <= LONGEST_TOKEN:
        return False
    if portal.spare_refresh_token is None or portal.spare_at is None or now - portal.spare_at > LIFE:
        return True
    if portal.spare_user_id == user_id:
        return now - portal.spare_at > FRESH
    return user_id != portal.token_user_id


def put(portal: Portal, user_id: int, refresh_token: str, now: datetime) -> None:
    """Keep a pair as the spare one, in the caller's transaction."""
    portal.spare_refresh_token, portal.spare_user_id, portal.spare_at = refresh_token, user_id, now


def adopt(deps: Deps, portal: Portal, seen: int) -> bool:
    """Put the spare pair to work in place of version `seen`; False: there is none, or it is no good either.

    The caller holds the renewal of this version. Raises `Retryable` or `Suspended` when it cannot be found out now;
    the spare pair is then kept. Raises `AccessLost` when the server says that the application was removed.
    """
    if not portal.spare_refresh_token or portal.spare_user_id is None:
        return False
    pair = _exchanged(deps, portal)
    if pair is None or not _is_administrator(deps, portal, pair):
        return False
    empty = {"spare_refresh_token": None, "spare_user_id": None, "spare_at": None}
    with transaction(deps.sessions) as session:
        stored = rows.store_tokens(session, portal.id, seen, **(pair_columns(deps, portal, pair) | empty))
    log(__name__).warning("portal.spare_used", portal=portal.id, user=pair.user_id)
    return stored


@of_its_portal
def _exchanged(deps: Deps, portal: Portal) -> TokenPair | None:
    """A pair for the spare refresh token, which is spent by that: the new one is stored at once."""
    client_id, secret = keys(deps, portal)
    try:
        pair = deps.oauth.refresh(portal.oauth_origin, client_id, secret, portal.spare_refresh_token or "")
    except (AccessLost, TokenExpired, Refused) as error:
        if isinstance(error, AccessLost) and error.kind == "uninstalled":
            raise
        if error.code.upper() not in OUR_OWN_FAULT:
            _drop(deps, portal)
        return None
    except Moved as error:
        raise Retryable(error.method, "moved", effect="none") from None
    right = pair.member_id == portal.member_id and pair.user_id in (None, portal.spare_user_id)
    if not right:
        log(__name__).warning("portal.foreign_refresh_token", portal=portal.id)
        _drop(deps, portal)
        return None
    with transaction(deps.sessions) as session:
        row = rows.locked(session, portal.id)
        if row is not None and row.spare_refresh_token == portal.spare_refresh_token:
            row.spare_refresh_token = pair.refresh_token
    return pair


def _is_administrator(deps: Deps, portal: Portal, pair: TokenPair) -> bool:
    """The portal's word, asked with the pair itself: the person may have lost the right, or the job, since."""
    endpoint = str(pair_columns(deps, portal, pair).get("endpoint") or portal.endpoint)
    try:
        profile = deps.rest(endpoint, pair.access_token, portal_id=portal.id).call(calls.profile()).result
    except (Retryable, Suspended):
        raise
    except BitrixError:
        profile = None
    good = isinstance(profile, dict) and profile.get("ADMIN") in (True, "Y", "true", "1")
    if not good or str(profile.get("ID") or "") != str(portal.spare_user_id):
        _drop(deps, portal)
        return False
    return True


def _drop(deps: Deps, portal: Portal) -> None:
    """The spare pair is no good; one that was brought meanwhile stays."""
    with transaction(deps.sessions) as session:
        row = rows.locked(session, portal.id)
        if row is not None and row.spare_user_id == portal.spare_user_id and row.spare_at == portal.spare_at:
            row.spare_refresh_token = row.spare_user_id = row.spare_at = None

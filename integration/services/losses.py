"""What a lost access means: mended, waited for, or a removal, and how a removal is proven (product.md T1).

Any user of a portal can see the token that an uninstall event is proven by, and a pair of tokens dies for many
reasons. So nothing but an answer that names the removal is taken for one: of the authorisation server
(`NOT_INSTALLED`), or of the portal at the address that this server named (`APPLICATION_NOT_FOUND`, `ERROR_OAUTH`;
bitrix24.md 3.5, 3.6).
"""

from __future__ import annotations

from typing import Literal

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
from integration.nps.diagnosis import OUR_KEYS
from integration.services import states
from integration.services.deps import Deps
from integration.services.limited import Limited
from integration.services.request_log import of_its_portal
from integration.services.tokens import Access, renew, rescue
from integration.store import portals as rows
from integration.store.base import reading
from integration.store.portals import Portal

# `unproven`: none of the portal's tokens is good, and nobody says why.
Verdict = Literal["removed", "installed", "unproven"]


def settle_loss(deps: Deps, portal_id: int, error: AccessLost, seen: int | None = None) -> Access | None:
    """Store what a lost access means, or mend it: gives an access that may be tried instead of version `seen`.

    A removal is believed only if it is proven.
    """
    if error.kind == "scope":
        states.note(deps, portal_id, f"scope:{error.code.lower()}")
    elif error.kind == "uninstalled":
        if removed(deps, portal_id):
            states.uninstall(deps, portal_id, clean=None)
    else:
        try:
            held = rescue(deps, portal_id, seen) if seen is not None else None
        except AccessLost as named:
            if named.kind == "uninstalled":
                states.uninstall(deps, portal_id, clean=None)
            return None
        if held is not None:
            return held
        states.lose(deps, portal_id, error.code, "reauthorise")
    return None


def removed(deps: Deps, portal_id: int) -> bool:
    """Whether the removal of the application is proven. Raises `Retryable` if that cannot be found out now."""
    return removal(deps, portal_id) == "removed"


@of_its_portal
def removal(deps: Deps, portal_id: int) -> Verdict:
    """What the authorisation server, and after it the portal, say of a removal that somebody has told us of.

    Raises `Retryable` if nobody can say now. A portal whose access has lapsed for want of payment is `installed`.
    """
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.status == "uninstalled":
        return "removed"
    if portal.kind == "webhook":
        return "installed"
    try:
        if deps.oauth.grant(portal.oauth_origin, portal.access_token or "").installed:
            return "installed"
        return (
            "removed" if _asked(deps, portal) != "installed" else "installed"
        )  # an update awaits its installer
    except AccessLost as error:
        if error.kind == "uninstalled":
            return "removed"
    except Suspended:
        return "installed"
    except (TokenExpired, Refused):
        pass
    return _by_renewal(deps, portal)


def _by_renewal(deps: Deps, portal: Portal) -> Verdict:
    """Perhaps only expired: the refresh token decides, spent by one renewer at a time as always; then the portal."""
    try:
        renew(deps, portal.id, portal.token_version)
    except AccessLost as error:
        return "removed" if error.kind == "uninstalled" else _asked(deps, portal)
    except Suspended:
        pass
    return "installed"


def _asked(deps: Deps, portal: Portal) -> Verdict:
    """The portal's own word: it knows an application that is gone even by a token that is over."""
    rest = deps.rest(portal.endpoint, portal.access_token or "", portal_id=portal.id)
    try:
        Limited(deps, portal.id, portal.license_family, True, rest).call(calls.profile())
    except AccessLost as error:
        return "removed" if error.kind == "uninstalled" else "unproven"
    except Moved as error:
        raise Retryable(error.method, "moved", effect="none") from None
    except Retryable:
        raise
    except Suspended:
        return "installed"
    except BitrixError:
        return "unproven"
    return "installed"


@of_its_portal
def regained(deps: Deps, portal_id: int) -> bool:
    """Whether a portal that was lost because our own keys were refused is at work again, since they are taken now.

    Raises `BitrixError` when they still are not, or nobody could be asked.
    """
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
    if portal is None or portal.status != "reauthorise" or portal.problem.rpartition(":")[2] not in OUR_KEYS:
        return False
    renew(deps, portal_id, portal.token_version)
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

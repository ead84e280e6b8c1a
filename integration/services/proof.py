"""Whose token it is: the authorisation server's word, compared with everything that was claimed (bitrix24.md 2.9).

What a frame, an event or a page says about itself is user input. The claimed authorisation server only chooses
among those the operator allows; the portal is asked at the address that server names, never at a posted one.
"""

from __future__ import annotations

from typing import Any

from integration.bitrix import calls
from integration.bitrix.errors import AccessLost, BitrixError, Refused, Retryable, Suspended, TokenExpired
from integration.bitrix.protocol import Grant as Claim
from integration.services.deps import Deps, Grant
from integration.services.limited import Limited
from integration.services.request_log import about
from integration.services.trust import origin_of, usable
from integration.store import installations
from integration.store.base import reading
from integration.store.portals import Portal

DEAD = (TokenExpired, AccessLost, Refused)
LONGEST_TOKEN = 500  # characters


class InstallRefused(Exception):
    """A grant was not accepted; `code` says why, for a catalogue.

    `not_allowed`, `dead_token`, `not_ours`, `wrong_portal`, `insecure`, `not_admin`, `suspended`, `already_connected`
    (another application of ours works in this portal), `unreachable` (worth another try).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def prove(deps: Deps, claim: Claim, *, installing: bool = False) -> Grant:
    """The authorisation server's word on a token: ours, alive, of the portal and the user it claims to be of.

    Raises `InstallRefused`. Says nothing about the rights of the person (bitrix24.md 2.9). `installing`: the
    application need not count as installed yet, because the installer's page is what is being opened.
    """
    _check_allowed(deps, claim)
    with about(host=claim.domain):
        grant = _asked(deps, origin_for(deps, claim.server_endpoint), claim.access_token)
    if not grant.installed and not installing:
        raise InstallRefused("dead_token")
    if not _is_ours(deps, grant):
        raise InstallRefused("not_ours")
    if grant.member_id != claim.member_id or grant.domain.lower() != claim.domain.lower():
        raise InstallRefused("wrong_portal")
    if claim.user_id is not None and claim.user_id != grant.user_id:
        raise InstallRefused("dead_token")
    if not usable(deps, grant.endpoint):
        raise InstallRefused("insecure")
    return grant


def prove_again(deps: Deps, portal: Portal, access_token: str) -> Grant:
    """The authorisation server's word on a token of a portal we know, whatever its address is called by now.

    Raises `InstallRefused`: the token must be of the very application and portal of the stored row.
    """
    if not access_token or len(access_token) > LONGEST_TOKEN:
        raise InstallRefused("dead_token")
    with about(portal.id):
        grant = _asked(deps, origin_for(deps, portal.oauth_origin), access_token)
    if not grant.installed:
        raise InstallRefused("dead_token")
    if grant.member_id != portal.member_id:
        raise InstallRefused("wrong_portal")
    if grant.client_id != portal.client_id:
        raise InstallRefused("not_ours")
    if not usable(deps, grant.endpoint):
        raise InstallRefused("insecure")
    return grant


def administrator(grant: Grant, profile: Any) -> bool:
    """Whether the portal's `profile` answer is about the person of the token, and calls them an administrator.

    Raises `InstallRefused` for somebody else's, or an empty one: the portal gives that for the dismissed.
    """
    if not isinstance(profile, dict) or not profile or str(profile.get("ID") or "") != str(grant.user_id):
        raise InstallRefused("dead_token")
    return profile.get("ADMIN") in (True, "Y", "true", "1")


def check_administrator(deps: Deps, grant: Grant, access_token: str, known: Portal | None = None) -> None:
    """The portal's word on the person, asked with the person's own token; raise `InstallRefused`.

    `known`: any installation of ours there, out of whose bucket the request goes (product.md T4).
    """
    rest = deps.rest(grant.endpoint, access_token)
    try:
        if known is not None:
            rest = Limited(deps, known.id, known.license_family, True, rest)
        profile = rest.call(calls.profile()).result
    except Retryable:
        raise InstallRefused("unreachable") from None
    except Suspended:
        raise InstallRefused("suspended") from None
    except BitrixError:
        raise InstallRefused("dead_token") from None
    if not administrator(grant, profile):
        raise InstallRefused("not_admin")


def origin_for(deps: Deps, endpoint: str) -> str:
    """The claimed server chooses among those the operator allows, and nothing more (bitrix24.md 3.2)."""
    return origin_of(deps, endpoint) or next(iter(deps.settings.oauth_origins), "")


def _check_allowed(deps: Deps, claim: Claim) -> None:
    """The operator's list says who may install; a portal that is installed stays welcome under a new name."""
    if not claim.access_token or not claim.domain or len(claim.access_token) > LONGEST_TOKEN:
        raise InstallRefused("dead_token")
    allowed = deps.settings.allowed_portals
    if not allowed or {claim.domain.lower(), claim.member_id.lower()} & allowed:
        return
    with reading(deps.sessions) as session:
        if not installations.is_member(session, claim.member_id):
            raise InstallRefused("not_allowed")


def _asked(deps: Deps, origin: str, access_token: str) -> Grant:
    try:
        return deps.oauth.grant(origin, access_token)
    except Retryable:
        raise InstallRefused("unreachable") from None
    except Suspended:
        raise InstallRefused("suspended") from None
    except DEAD:
        raise InstallRefused("dead_token") from None
    except BitrixError:  # the server sends us elsewhere: nobody is asked there
        raise InstallRefused("unreachable") from None


def _is_ours(deps: Deps, grant: Grant) -> bool:
    if grant.client_id and grant.client_id == deps.settings.client_id:
        return True
    with reading(deps.sessions) as session:
        return bool(grant.client_id) and installations.is_ours(
            session, grant.client_id, grant.member_id, grant.domain.lower()
        )

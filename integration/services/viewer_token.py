"""The viewer's own token on its way through the page of a card: encrypted, for what the portal must judge (P2, P3).

A search for cards has to find what the person may see, and only the portal knows that. The token came with the frame
by the same way; it lives an hour at most and is never stored.
"""

from __future__ import annotations

from cryptography.fernet import InvalidToken

from integration.services.deps import Deps, Rest
from integration.services.frames import Viewer
from integration.services.limited import Limited
from integration.store import portals as rows
from integration.store.base import Vault, reading


def rest_of(deps: Deps, who: Viewer) -> Rest | None:
    """The portal under this person's own rights and the portal's limits; nothing if the page brought no token."""
    try:
        token = Vault.get().decrypt(who.key.encode()).decode() if who.key else ""
    except (InvalidToken, ValueError):
        token = ""
    with reading(deps.sessions) as session:
        portal = rows.get(session, who.portal_id)
    if not token or portal is None or portal.status != "active":
        return None
    own = deps.rest(portal.endpoint, token)
    return Limited(deps, portal.id, portal.license_family, True, own)

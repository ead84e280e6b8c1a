"""Addresses that take no mail: who says so, what follows, and the way back (product.md W14, W19).

The note outlives the letter that was refused: an address stays dead when letters lose their texts.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from integration.services.deps import Deps
from integration.store import dead_addresses as rows
from integration.store import stuck, wave_queries
from integration.store.base import transaction


def mark(session: Session, portal_id: int, address: str, source: str, code: str, now: datetime) -> None:
    """Note that an address takes no mail; whoever is still to be asked at it is looked at (product.md W14).

    `source`: `smtp` (refused at hand-over), `bounce` (returned later), `staff`; `code`: the server's reply code.
    """
    rows.put(session, portal_id, address, source, code, now)
    wave_queries.look_at_address(session, portal_id, address, now)


def why(session: Session, portal_id: int, address: str) -> dict[str, str]:
    """Why nobody can be reached at an address, for the outcome: `why` with `smtp`, `bounce`, `staff` or `no_address`,
    and the server's `code` (product.md W14)."""
    if not address:
        return {"why": "no_address"}
    row = next(iter(rows.of(session, portal_id, [address]).values()), None)
    return {} if row is None else {"why": row.source, "code": row.code}


def revive(deps: Deps, portal_id: int, address: str, who: str, about: str = "") -> bool:
    """A person says that an address works again. False: it was not dead.

    Whoever was given up in a running survey because of it is to be asked again. `about`: what the trail names it by,
    e.g. `letter 12`; the address itself is personal and is not repeated there.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        return revived(session, portal_id, address, who, now, about)


def revived(session: Session, portal_id: int, address: str, who: str, now: datetime, about: str = "") -> bool:
    """`revive` in the caller's transaction."""
    if not rows.revive(session, portal_id, address, who, now):
        return False
    wave_queries.reopen_unreachable(session, portal_id, address, now)
    stuck.note(session, portal_id, "revive", "address", about, 1, who, now)
    return True

"""In whose name Molva works in a portal, and who would take over (product.md T1; bitrix24.md pitfall 9)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from integration.store import portals as rows
from integration.store.portals import Portal


def names(session: Session, portal: Portal) -> dict[str, str]:
    """`owner` of the tokens at work and `spare`, whose pair is in reserve; empty for nobody, or for the same person.

    A webhook has no spare: it is its owner's.
    """
    reserve = portal.spare_user_id if portal.spare_refresh_token else None
    return {
        "owner": _name(session, portal.id, portal.token_user_id),
        "spare": _name(session, portal.id, reserve) if reserve != portal.token_user_id else "",
    }


def _name(session: Session, portal_id: int, user_id: int | None) -> str:
    if user_id is None:
        return ""
    person = rows.employee(session, portal_id, user_id)
    named = f"{person.name} {person.last_name}".strip() if person is not None else ""
    return named or f"#{user_id}"

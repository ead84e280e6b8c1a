"""Which portals an application of ours belongs to, by what an authorisation server says of a token (2.9)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.store.portals import Portal


def is_ours(session: Session, client_id: str, member_id: str, domain: str) -> bool:
    """Whether an application with keys of its own belongs to this portal: by its member id once it was installed,
    because portals rename themselves (bitrix24.md 4.1), before that by the address it was registered for."""
    statement = select(Portal.member_id, Portal.domain).where(
        Portal.client_id == client_id, Portal.kind == "local", Portal.client_secret.is_not(None)
    )
    found = session.execute(statement).all()
    return any(known == member_id if known else host == domain for known, host in found)


def is_member(session: Session, member_id: str) -> bool:
    """Whether this portal was installed once and is not gone."""
    statement = select(Portal.id).where(
        Portal.member_id == member_id, Portal.status.not_in(("new", "uninstalled"))
    )
    return session.scalar(statement.limit(1)) is not None

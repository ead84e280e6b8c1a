"""What stays of a portal that was erased: one line; and the erasing itself, a slice at a time (product.md T1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, String, Table, delete, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.portals import Portal

LEAVING = "left"  # how the client id of a row begins whose data are being erased while the portal lives on


class ErasedPortal(Base):
    """One portal's data were erased. Names no person; `member` is a digest that only who knows the portal's member
    id can compare. `why`: `uninstalled`, `started_anew`, `operator`."""

    __tablename__ = "erased_portals"

    id: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(String(64))
    domain: Mapped[str] = mapped_column(String(255))
    why: Mapped[str] = mapped_column(String(16))
    erased_at: Mapped[datetime] = mapped_column(UTCDateTime)


def digest(text: str) -> str:
    """A digest that tells nothing about the text but whether another one is the same."""
    return hashlib.sha256(text.encode()).hexdigest()


def told(token_digest: str, clean: bool) -> str:
    """What stays of the token of a removed portal once the wish of the removal has been heard: who knows the token can
    still be recognised, and whether they say the same."""
    return f"{int(clean)}:{token_digest}"[:64]


def wish_in(farewell: str) -> bool | None:
    """Whether erasing was the wish that was heard of a removal; nothing if none was, or none is heard any more."""
    return farewell.startswith("1:") if farewell[1:2] == ":" else None


def step_aside(portal: Portal, now: datetime) -> None:
    """Let go of the portal's name and keys, so that a new row can take them while the old data are erased."""
    portal.member_id, portal.client_id = digest(portal.member_id), f"{LEAVING}-{portal.id}"
    portal.status, portal.status_since, portal.problem = "uninstalled", now, ""
    portal.erase_after, portal.farewell, portal.client_secret = now, "", None
    portal.erase_wished_at = None
    forget_access(portal)


def forget_access(portal: Portal) -> None:
    """No token of the portal stays (product.md T1)."""
    portal.access_token = portal.refresh_token = portal.application_token = None
    portal.spare_refresh_token = portal.spare_user_id = portal.spare_at = None
    portal.refreshing_until = portal.token_expires_at = None
    portal.token_version += 1


def drop_some(session: Session, portal: Portal, limit: int) -> int:
    """Delete up to `limit` rows of the portal, of the tables that most others hang on last; 0: nothing is left but
    the portal's own row and its chores."""
    for table in reversed(Base.metadata.sorted_tables):
        if "portal_id" not in table.c or table.name == "chores":
            continue
        if dropped := _drop(session, table, portal.id, limit):
            return dropped
    return 0


def _drop(session: Session, table: Table, portal_id: int, limit: int) -> int:
    keys = list(table.primary_key.columns)
    some = select(*keys).where(table.c.portal_id == portal_id).limit(limit)
    wanted = keys[0].in_(some) if len(keys) == 1 else tuple_(*keys).in_(some)
    found = session.execute(delete(table).where(table.c.portal_id == portal_id, wanted))
    return cast("CursorResult[Any]", found).rowcount


def bury(session: Session, portal: Portal, why: str, now: datetime) -> None:
    """Delete the portal with whatever still belongs to it, and keep the line that it was erased."""
    left = portal.client_id.startswith(f"{LEAVING}-")
    member = portal.member_id if left else digest(portal.member_id)
    why = "started_anew" if left else why
    if portal.member_id:  # keys that were registered and never installed leave nothing to tell
        session.add(ErasedPortal(member=member, domain=portal.domain, why=why, erased_at=now))
    session.execute(delete(Portal).where(Portal.id == portal.id))


def everyone(session: Session) -> Sequence[ErasedPortal]:
    """All lines, oldest first."""
    return session.scalars(select(ErasedPortal).order_by(ErasedPortal.erased_at, ErasedPortal.id)).all()

"""What a portal holds of what it should, as last read, and who sets it up at the moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.inbox import InboxRow
from integration.store.upsert import insert_for


class SetupCheck(Base):
    """The last look at one portal. `found`: facts by topic, as `services.checklist` writes them.

    `repair`: the last repair, who, when and what it did. The lease keeps two set-ups from binding twice.
    """

    __tablename__ = "setup_checks"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    found: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    repair: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    leased_to: Mapped[str | None] = mapped_column(String(64))
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)


def get(session: Session, portal_id: int) -> SetupCheck | None:
    """The last look, nothing if there was none."""
    return session.get(SetupCheck, portal_id, populate_existing=True)


def locked(session: Session, portal_id: int) -> SetupCheck:
    """The portal's row, locked for this transaction; made at the first call."""
    insert = insert_for(session)(SetupCheck).values(portal_id=portal_id, found={}, repair={})
    session.execute(insert.on_conflict_do_nothing(index_elements=["portal_id"]))
    statement = select(SetupCheck).where(SetupCheck.portal_id == portal_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def take(session: Session, portal_id: int, holder: str, now: datetime, lease: timedelta) -> bool:
    """Become the only one who sets this portal up; False while somebody else does."""
    row = locked(session, portal_id)
    if row.leased_to is not None and row.leased_until is not None and row.leased_until >= now:
        return False
    row.leased_to, row.leased_until = holder[:64], now + lease
    return True


def renew(session: Session, portal_id: int, holder: str, until: datetime) -> bool:
    """Go on setting this portal up until then; False if somebody else has begun to."""
    row = locked(session, portal_id)
    if row.leased_to != holder[:64]:
        return False
    row.leased_until = until
    return True


def release(session: Session, portal_id: int, holder: str) -> None:
    """Let others set this portal up."""
    row = locked(session, portal_id)
    if row.leased_to == holder[:64]:
        row.leased_to = row.leased_until = None


def last_event(session: Session, portal_id: int) -> datetime | None:
    """When the portal last sent an event that we kept."""
    told = (InboxRow.portal_id == portal_id, InboxRow.event.startswith("ON"))
    return session.scalar(select(func.max(InboxRow.last_at)).where(*told))

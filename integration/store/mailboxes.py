"""How the letters of each sender leave: through the operator's server, an own one, or the portal's mail (W19)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import JSON, CursorResult, ForeignKey, Integer, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from integration.store.base import Base, Secret, UTCDateTime
from integration.store.upsert import insert_for


class SenderMailbox(Base):
    """The mailbox of one sender of the policy. No row: the operator's server, the policy's pace.

    Not a part of the policy, because that is kept in versions, shown and exported, and this holds a password.
    """

    __tablename__ = "sender_mailboxes"
    __table_args__ = (UniqueConstraint("portal_id", "sender_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    sender_key: Mapped[str] = mapped_column(String(64))
    way: Mapped[str] = mapped_column(String(8), default="operator")  # operator | own | portal
    smtp_url: Mapped[str | None] = mapped_column(Secret)
    shown: Mapped[str] = mapped_column(String(200), default="")  # scheme, user, host and port, for people
    per_hour: Mapped[int] = mapped_column(Integer, default=0)  # 0: as the policy has it
    per_day: Mapped[int] = mapped_column(Integer, default=0)
    dkim_selector: Mapped[str] = mapped_column(String(64), default="")
    dkim: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict
    )  # what a received test letter showed, with `at`
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    check_code: Mapped[str] = mapped_column(
        String(64), default=""
    )  # why the last log-in failed; empty: it worked
    changed_by: Mapped[str] = mapped_column(String(200), default="")
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


def of(session: Session, portal_id: int) -> dict[str, SenderMailbox]:
    """The mailboxes of a portal by the sender's key; addresses with passwords are not read."""
    statement = (
        select(SenderMailbox)
        .where(SenderMailbox.portal_id == portal_id)
        .options(defer(SenderMailbox.smtp_url, raiseload=True))
    )
    return {row.sender_key: row for row in session.scalars(statement.order_by(SenderMailbox.id))}


def by_number(session: Session, portal_id: int, number: int) -> SenderMailbox | None:
    """One mailbox with its secret address, by its number."""
    statement = select(SenderMailbox).where(SenderMailbox.portal_id == portal_id, SenderMailbox.id == number)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def drop_others(session: Session, portal_id: int, sender_keys: Collection[str]) -> int:
    """Delete the mailboxes of those who are no senders any more; how many there were."""
    statement = delete(SenderMailbox).where(
        SenderMailbox.portal_id == portal_id, SenderMailbox.sender_key.not_in(sender_keys)
    )
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount


def checked(session: Session, portal_id: int, number: int, smtp_url: str, code: str, now: datetime) -> bool:
    """Note how the last log-in with this very address ended. False: it was changed meanwhile, or nothing is new."""
    row = by_number(session, portal_id, number)
    if row is None or row.smtp_url != smtp_url:
        return False
    changed = row.check_code != code
    row.checked_at, row.check_code = now, code
    return changed


def one(session: Session, portal_id: int, sender_key: str) -> SenderMailbox | None:
    """The mailbox of one sender with its secret address."""
    statement = select(SenderMailbox).where(
        SenderMailbox.portal_id == portal_id, SenderMailbox.sender_key == sender_key
    )
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def put(session: Session, portal_id: int, sender_key: str, now: datetime, **values: Any) -> None:
    """Store the mailbox of a sender, in place of the one there was."""
    insert = insert_for(session)(SenderMailbox).values(
        portal_id=portal_id, sender_key=sender_key, changed_at=now, dkim={}, **values
    )
    changed = {**values, "changed_at": now}
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["portal_id", "sender_key"], set_={name: insert.excluded[name] for name in changed}
        )
    )

"""Portal events as they came in, folded to one waiting row per entity (architecture.md 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import JSON, ColumnElement, Index, Integer, String, bindparam, exists, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.logs import request_id
from integration.store.base import Base, UTCDateTime, Vault
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.queue import Claimable, is_open
from integration.store.referral_rows import ReferralThanks

TASKS = ("task", "thanks")  # purposes of calls that make a task


class InboxRow(Claimable, Base):
    """An event that waits to be looked at. Lane: `deal:12`; events about the application, not folded: `portal`, and
    those of a removal, which are asked about for hours and keep nothing else waiting: `removal`."""

    __tablename__ = "inbox"
    __table_args__ = (
        *Claimable.indexes("inbox"),
        Index(
            "uq_inbox_folding",
            "portal_id",
            "lane",
            unique=True,
            sqlite_where=text("status = 'waiting' AND folds"),
            postgresql_where=text("status = 'waiting' AND folds"),
        ),
    )

    folds: Mapped[bool] = mapped_column(default=True)
    event: Mapped[str] = mapped_column(String(64))  # upper case; the newest of those folded
    kind: Mapped[str] = mapped_column(
        String(16), default=""
    )  # deal | company | contact | lead | task | portal | field
    entity_id: Mapped[int] = mapped_column(Integer, default=0)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # never tokens
    times: Mapped[int] = mapped_column(Integer, default=1)  # how many events were folded into this row
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)


@dataclass(frozen=True, slots=True)
class Receiver:
    """What is needed of a portal to accept its events."""

    portal_id: int
    status: str
    application_token: str | None
    farewell: str = ""


# Events come in thousands: what every one of them needs is ready-made SQL, the same on both databases.
_RECEIVERS = text("SELECT id, status, application_token, farewell FROM portals WHERE member_id = :member_id")
_STORE = text(
    "INSERT INTO inbox (portal_id, lane, status, due_at, attempts, error, created_at, folds, event, kind, entity_id,"
    " payload, times, first_at, last_at, origin) VALUES (:portal_id, :lane, 'waiting', :now, 0, '', :now, TRUE,"
    " :event, :kind, :entity_id, '{}', 1, :now, :now, :origin)"
    " ON CONFLICT (portal_id, lane) WHERE status = 'waiting' AND folds DO UPDATE SET"
    " times = inbox.times + 1, last_at = excluded.last_at, event = excluded.event, origin = excluded.origin"
).bindparams(bindparam("now", type_=UTCDateTime()))


def receivers(session: Session, member_id: str) -> list[Receiver]:
    """The installations that an event of this portal may be for; one index look-up."""
    found = session.connection().execute(_RECEIVERS, {"member_id": member_id})
    return [Receiver(number, status, _opened(secret), last) for number, status, secret, last in found]


def _opened(secret: Any) -> str | None:
    return None if secret is None else _decrypted(Vault.get(), bytes(secret))


@lru_cache(maxsize=4096)
def _decrypted(keys: MultiFernet, secret: bytes) -> str:
    """The token in plain; the same few ciphertexts come with every event."""
    return keys.decrypt(secret).decode()


def store(session: Session, portal_id: int, now: datetime, event: str, kind: str, entity_id: int) -> None:
    """Keep an event of a card: one waiting row per card, bumped by each further event (architecture.md 3, folding)."""
    values = {"portal_id": portal_id, "lane": f"{kind}:{entity_id}", "now": now}
    values |= {"event": event, "kind": kind, "entity_id": entity_id, "origin": request_id()}
    session.connection().execute(_STORE, values)


def store_lifecycle(
    session: Session, portal_id: int, now: datetime, event: str, payload: dict[str, Any]
) -> None:
    """Keep an event about the application itself: never folded, in the order of arrival."""
    lane = "removal" if event == "ONAPPUNINSTALL" else "portal"
    session.add(
        InboxRow(
            portal_id=portal_id, lane=lane, status="waiting", due_at=now, created_at=now, folds=False, event=event,
            kind="portal", payload=payload, first_at=now, last_at=now,
        )
    )  # fmt: skip


def heard_lately(session: Session, portal_id: int, event: str, since: datetime) -> bool:
    """Whether this event about the application came since a moment."""
    statement = select(InboxRow.id).where(
        InboxRow.portal_id == portal_id,
        InboxRow.lane == "portal",
        InboxRow.event == event,
        InboxRow.last_at > since,
    )
    return session.scalar(statement.limit(1)) is not None


def awaits_task(session: Session, portal_id: int) -> bool:
    """Whether a task of ours is being created, so that its id is not known yet."""
    pending = OutboxRow.purpose.in_(TASKS) & is_open(OutboxRow)
    return bool(session.scalar(select(exists().where(OutboxRow.portal_id == portal_id, pending))))


def is_our_task(session: Session, portal_id: int, task_id: int) -> bool:
    """Whether a follow-up or a thank-you lives in this task, or may: its creation is still under way."""
    ours = exists().where(FollowUp.portal_id == portal_id, FollowUp.task_id == task_id)
    thanks = exists().where(ReferralThanks.portal_id == portal_id, ReferralThanks.task_id == task_id)
    pending = exists().where(
        OutboxRow.portal_id == portal_id,
        OutboxRow.purpose.in_(TASKS),
        text("outbox.status IN ('waiting', 'working')"),
    )
    return bool(session.scalar(select(or_(ours, thanks, pending))))


def portals_with_work(session: Session, now: datetime) -> list[int]:
    """Portals with rows to look at now, the one that has waited longest first."""
    statement = (
        select(InboxRow.portal_id)
        .where(
            is_open(InboxRow),
            InboxRow.due_at <= now,
            or_(InboxRow.status == "waiting", InboxRow.lease_until < now),
            workable(),
        )
        .group_by(InboxRow.portal_id)
        .order_by(func.min(InboxRow.due_at), InboxRow.portal_id)
    )
    return list(session.scalars(statement))


def without_cards() -> ColumnElement[bool]:
    """Rows about the application itself and its fields."""
    return InboxRow.kind.in_(("portal", "field"))


def workable() -> ColumnElement[bool]:
    """Rows that can be looked at now: cards of a portal that is set up and answers, life-cycle events always."""
    ready = select(Portal.id).where(Portal.status == "active", Portal.setup_at.is_not(None))
    return or_(InboxRow.kind.in_(("portal", "field")), InboxRow.portal_id.in_(ready))

"""Rows of the reminders about missing names (product.md R3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.store.outbox import OutboxRow
from integration.store.referral_rows import ReferralReminder


def about(
    session: Session, portal_id: int, newcomer: CardKey, cards: Sequence[CardKey]
) -> list[ReferralReminder]:
    """Reminders about a newcomer or on any of its cards, those that were made first."""
    places = [
        and_(ReferralReminder.card_kind == key.kind, ReferralReminder.card_id == key.id) for key in cards
    ]
    own = and_(ReferralReminder.newcomer_kind == newcomer.kind, ReferralReminder.newcomer_id == newcomer.id)
    statement = select(ReferralReminder).where(ReferralReminder.portal_id == portal_id, or_(own, *places))
    return list(
        session.scalars(
            statement.order_by(ReferralReminder.state.not_in(("made", "filled")), ReferralReminder.id)
        )
    )


def get(session: Session, portal_id: int, reminder_id: int) -> ReferralReminder | None:
    """A reminder by number."""
    row = session.get(ReferralReminder, reminder_id)
    return row if row is not None and row.portal_id == portal_id else None


def due(session: Session, portal_id: int, now: datetime, limit: int) -> list[ReferralReminder]:
    """Reminders to be made now, oldest first."""
    statement = select(ReferralReminder).where(
        ReferralReminder.portal_id == portal_id,
        ReferralReminder.state == "waiting",
        ReferralReminder.due_at <= now,
    )
    return list(
        session.scalars(statement.order_by(ReferralReminder.due_at, ReferralReminder.id).limit(limit))
    )


def next_due(session: Session, portal_id: int) -> datetime | None:
    """When the next reminder is to be made; nothing if none waits."""
    moment: datetime | None = session.scalar(
        select(func.min(ReferralReminder.due_at)).where(
            ReferralReminder.portal_id == portal_id, ReferralReminder.state == "waiting"
        )
    )
    return moment


def take_back(session: Session, portal_id: int, key: str, now: datetime) -> None:
    """A call that has not left yet does not leave."""
    session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.portal_id == portal_id, OutboxRow.key == key, OutboxRow.status == "waiting",
            OutboxRow.sent_at.is_(None),
        )
        .values(status="superseded", finished_at=now, error="filled")
        .execution_options(synchronize_session=False)
    )  # fmt: skip

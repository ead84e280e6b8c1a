"""What the page of one client in one wave reads beside the client's card: its letters with their moments, its deal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from integration.store.clients import Deal
from integration.store.letters import LetterRow


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter without its text; moments UTC. `status` as in `LetterRow`; `planned_for`: the hour it was due."""

    kind: str
    status: str
    error: str
    sender: str
    sender_address: str
    recipient_address: str
    due_at: datetime
    planned_for: datetime | None
    handed_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None
    bounced_at: datetime | None
    way: str


def letters(session: Session, portal_id: int, invitation_ids: Collection[int]) -> dict[int, list[Letter]]:
    """The letters of these invitations, oldest first."""
    statement = (
        select(
            LetterRow.invitation_id, LetterRow.kind, LetterRow.status, LetterRow.error, LetterRow.sender_name,
            LetterRow.sender_address, LetterRow.recipient_address, LetterRow.due_at, LetterRow.planned_for,
            LetterRow.handed_at, LetterRow.sent_at, LetterRow.finished_at, LetterRow.bounced_at, LetterRow.way,
        )
        .where(LetterRow.portal_id == portal_id, LetterRow.invitation_id.in_(invitation_ids))
        .order_by(LetterRow.id)
    )  # fmt: skip
    found: dict[int, list[Letter]] = {}
    for invitation, *values in session.execute(statement) if invitation_ids else ():
        found.setdefault(invitation or 0, []).append(Letter(*values))
    return found


def deal_title(session: Session, portal_id: int, deal_id: int | None) -> str:
    """What a deal is called; empty if it is not known."""
    if deal_id is None:
        return ""
    return session.scalar(select(Deal.title).where(Deal.portal_id == portal_id, Deal.id == deal_id)) or ""

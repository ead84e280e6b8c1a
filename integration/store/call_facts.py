"""What the rules need to know of calls: attempts at each respondent, and who is in a caller's hands (product.md W7)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from integration.nps.addresses import phone_key
from integration.nps.attempts import Call, CallOutcome
from integration.store.attempts import Attempt, CallLease
from integration.store.clients import Contact
from integration.store.waves import Invitation


def calls_of(
    session: Session, portal_id: int, invitation_ids: Collection[int]
) -> dict[int, tuple[Call, ...]]:
    """The attempts at these respondents in the order of time (a sheet brings earlier ones later), without those taken
    back; who was never called is missing."""
    statement = (
        select(
            Attempt.invitation_id, Attempt.number, Attempt.outcome, Attempt.ended_at, Attempt.call_back_at,
            Attempt.phone,
        )
        .where(
            Attempt.portal_id == portal_id, Attempt.invitation_id.in_(invitation_ids), Attempt.undone_at.is_(None)
        )
        .order_by(Attempt.invitation_id, Attempt.ended_at, Attempt.number)
    )  # fmt: skip
    found: dict[int, list[Call]] = {}
    for invitation, number, outcome, at, back, phone in session.execute(statement):
        found.setdefault(invitation, []).append(Call(number, cast("CallOutcome", outcome), at, back, phone))
    return {number: tuple(calls) for number, calls in found.items()}


def in_hand(
    session: Session, portal_id: int, invitation_ids: Collection[int], now: datetime
) -> dict[int, datetime]:
    """Respondents whom a caller has taken, and until when."""
    statement = select(CallLease.invitation_id, CallLease.until).where(
        CallLease.portal_id == portal_id,
        CallLease.invitation_id.in_(invitation_ids),
        CallLease.until > now,
    )
    return dict(session.execute(statement).all())


@dataclass(frozen=True, slots=True)
class Numbers:
    """Respondents with a number that stands on the list more than once: `taken`, somebody else is called on it;
    `never`, a card with it says "never again" (product.md E3)."""

    taken: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()


def numbers_of(session: Session, portal_id: int, wave_id: int, phones: Collection[str]) -> Numbers:
    """Who shares one of these numbers in a wave, as they stand on its list.

    The number belongs to whoever was promised a call, else to whoever was called first, else to the first on the list.
    """
    wanted = sorted(set(phones) - {""})
    if not wanted:
        return Numbers()
    card = and_(Contact.portal_id == Invitation.portal_id, Contact.id == Invitation.contact_id)
    statement = (
        select(
            Invitation.phone, Invitation.id, Invitation.attempts, Invitation.promised_at, Invitation.outcome,
            Contact.opted_out,
        )
        .outerjoin(Contact, card)
        .where(
            Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.phone.in_(wanted)
        )
        .order_by(Invitation.id)
    )  # fmt: skip
    found: dict[str, list[Any]] = {}
    for row in session.execute(statement):
        found.setdefault(row.phone, []).append(row)
    taken: set[int] = set()
    never: set[int] = set()
    for people in found.values():
        called = [row for row in people if row.outcome != "excluded"]
        called.sort(key=lambda row: (row.promised_at is None, row.attempts == 0, row.id))
        taken |= {row.id for row in called[1:]}
        if any(row.opted_out for row in people):
            never |= {row.id for row in people}
    return Numbers(frozenset(taken), frozenset(never))


def is_called(session: Session, one: Invitation, key: str) -> bool:
    """Whether a number, by its key, is that of somebody else on the same list."""
    statement = select(Invitation.phone).where(
        Invitation.portal_id == one.portal_id, Invitation.wave_id == one.wave_id, Invitation.id != one.id,
        Invitation.outcome != "excluded", Invitation.phone.like(f"%{key}"),
    )  # fmt: skip
    return any(phone_key(phone) == key for phone in session.scalars(statement))


def look_at_number(session: Session, one: Invitation, now: datetime) -> None:
    """Somebody with this number is not to be asked any more, or is no longer on the list: the machine looks at others
    who have it, at once."""
    if not one.phone:
        return
    session.execute(
        update(Invitation)
        .where(
            Invitation.portal_id == one.portal_id, Invitation.wave_id == one.wave_id, Invitation.outcome == "",
            Invitation.phone == one.phone, Invitation.id != one.id,
        )
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def nobody_is_due(session: Session, portal_id: int, wave_id: int) -> None:
    """Nobody of this wave is to be called any more: it stands still, or is over."""
    session.execute(
        update(Invitation)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.wave_id == wave_id,
            Invitation.call_due_at.is_not(None),
        )
        .values(call_due_at=None, call_until=None)
        .execution_options(synchronize_session=False)
    )

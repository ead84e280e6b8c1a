"""Colleagues whom a client proposed to ask instead; staff decide, nothing is mailed to a typed address (W12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.waves import Invitation, WaveClient


class Colleague(Base):
    """One proposal, made through an invitation. `contact_id`: the card that staff chose for the person."""

    __tablename__ = "colleagues"
    __table_args__ = (
        Index("ix_colleagues_invitation", "invitation_id"),
        Index("ix_colleagues_open", "portal_id", "status", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    invitation_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200))
    reach: Mapped[str] = mapped_column(String(255), default="")  # as typed; never written to
    words: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(16), default="new")  # new | asked | dismissed
    said_at: Mapped[datetime] = mapped_column(UTCDateTime)
    settled_by: Mapped[str] = mapped_column(String(200), default="")
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    contact_id: Mapped[int | None] = mapped_column(Integer)


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with who made it and for which client."""

    row: Colleague
    by: Invitation
    line: WaveClient


def of_invitation(session: Session, portal_id: int, invitation_id: int) -> list[Colleague]:
    """What a respondent has proposed, oldest first."""
    statement = select(Colleague).where(
        Colleague.portal_id == portal_id, Colleague.invitation_id == invitation_id
    )
    return list(session.scalars(statement.order_by(Colleague.id)))


def one(
    session: Session, portal_id: int, wave_id: int, colleague_id: int, *, lock: bool = False
) -> Proposed | None:
    """A proposal made in a wave; `lock` holds it until the end of the transaction."""
    statement = _proposed(portal_id, wave_id).where(Colleague.id == colleague_id)
    if lock:
        statement = statement.with_for_update(of=Colleague).execution_options(populate_existing=True)
    row = session.execute(statement).one_or_none()
    return Proposed(*row) if row is not None else None


def of_wave(session: Session, portal_id: int, wave_id: int, limit: int) -> Sequence[Proposed]:
    """Proposals made in a wave: those nobody has decided about first, then the newest."""
    statement = _proposed(portal_id, wave_id).order_by(Colleague.status != "new", Colleague.id.desc())
    return [Proposed(*row) for row in session.execute(statement.limit(limit))]


def count_open(session: Session, portal_id: int, wave_id: int) -> int:
    """Proposals of a wave that nobody has decided about."""
    statement = (
        select(func.count())
        .select_from(Colleague)
        .join(Invitation, Invitation.id == Colleague.invitation_id)
        .where(Colleague.portal_id == portal_id, Colleague.status == "new", Invitation.wave_id == wave_id)
    )
    return session.scalar(statement) or 0


def living(session: Session, portal_id: int, line_id: int) -> int:
    """How many people of a client are asked in a wave, those taken off it not counted."""
    statement = select(func.count()).where(
        Invitation.portal_id == portal_id,
        Invitation.wave_client_id == line_id,
        Invitation.outcome != "excluded",
    )
    return session.scalar(statement) or 0


def _proposed(portal_id: int, wave_id: int) -> Any:
    return (
        select(Colleague, Invitation, WaveClient)
        .join(Invitation, Invitation.id == Colleague.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Colleague.portal_id == portal_id, Invitation.wave_id == wave_id)
    )

"""Calls to respondents: each attempt with hour and outcome, and who has a client in hand (product.md W7, W8, W15)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime


class Attempt(Base):
    """One call. `number` counts the attempts at this respondent from 1; `key` makes recording idempotent: the value of
    the reservation it was made under, or of the row of a sheet it came in with.

    An attempt taken back keeps its row (`undone_at`) and its number, and counts nowhere.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("invitation_id", "number"),
        UniqueConstraint("portal_id", "key"),
        Index("ix_attempts_wave", "wave_id", "ended_at"),
        Index("ix_attempts_caller", "portal_id", "caller", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    invitation_id: Mapped[int] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(String(80))
    outcome: Mapped[str] = mapped_column(String(24))  # see nps.calling.CallOutcome
    phone: Mapped[str] = mapped_column(String(64), default="")  # the number that was dialled
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)  # when the client was given to the caller
    ended_at: Mapped[datetime] = mapped_column(UTCDateTime)
    call_back_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # promised to the minute
    note: Mapped[str] = mapped_column(String(1000), default="")  # of the caller, for the next one
    caller: Mapped[str] = mapped_column(String(80))  # user:5, link:3
    caller_name: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(16), default="desk")  # desk | partner | sheet
    wording: Mapped[str] = mapped_column(
        String(64), default=""
    )  # version of the text that was read out (W13)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_by: Mapped[str] = mapped_column(String(200), default="")


class CallLease(Base):
    """A client in the hands of one caller: nobody else gets anybody of it until the lease ends (product.md W8).

    The primary key is what two callers race for. Whoever closes the browser gives the client back by `until`.
    """

    __tablename__ = "call_leases"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_call_leases_invitation", "invitation_id"),
        Index("ix_call_leases_holder", "portal_id", "holder"),
    )

    wave_client_id: Mapped[int] = mapped_column(
        ForeignKey("wave_clients.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    invitation_id: Mapped[int] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))
    holder: Mapped[str] = mapped_column(String(80))  # as Attempt.caller
    holder_name: Mapped[str] = mapped_column(String(200), default="")
    taken_at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime] = mapped_column(UTCDateTime)

"""Waves, their frozen lists and what happened to each invitation."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime

PROJECT = "project"  # kind of the rows that hold surveys after projects


class Wave(Base):
    """One yearly survey (product.md W1). Times of the steps are planned moments, UTC."""

    __tablename__ = "waves"
    __table_args__ = (UniqueConstraint("portal_id", "name"), Index("ix_waves_due", "stage", "step_due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(32))  # "2026"; written to the cards
    origin: Mapped[str] = mapped_column(String(16), default="molva", server_default="molva")  # molva | import
    stage: Mapped[str] = mapped_column(String(16), default="draft")
    paused_from: Mapped[str] = mapped_column(String(16), default="")
    policy_version: Mapped[int] = mapped_column(Integer)  # the rules it was frozen with
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)  # step -> ISO moment
    step_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when the machine looks at it next
    planned_at: Mapped[datetime] = mapped_column(UTCDateTime)
    approved_by: Mapped[str] = mapped_column(String(200), default="")
    approved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    frozen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_by: Mapped[str] = mapped_column(String(200), default="")
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    result_frozen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_why: Mapped[str] = mapped_column(String(500), default="", server_default="")
    looked: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}"
    )  # what the rehearsal found outside our tables (DNS, mailboxes), with `at` (W4)
    kind: Mapped[str] = mapped_column(
        String(16), default="yearly", server_default="yearly"
    )  # yearly | project: the surveys after projects of one month, apart from the wave (W16)

    @classmethod
    def of_years(cls) -> ColumnElement[bool]:
        """The condition on yearly surveys, without those after projects, which are read apart (W16)."""
        return cls.kind != PROJECT

    @property
    def preliminary(self) -> bool:
        """Whether it is over and its result is not written down for good yet (product.md W14)."""
        return self.closed_at is not None and self.result_frozen_at is None


class WaveClient(Base):
    """A client on the frozen list: invited or not, with the one reason and the facts of that day (E4, E7)."""

    __tablename__ = "wave_clients"
    __table_args__ = (
        UniqueConstraint("wave_id", "client_kind", "client_id"),
        Index("ix_wave_clients_standing", "wave_id", "reason", "manager_id", "city"),
        Index("ix_wave_clients_name", "wave_id", "name", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    client_kind: Mapped[str] = mapped_column(String(8))
    client_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(500), default="")
    city: Mapped[str] = mapped_column(String(200), default="")
    eligible: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(String(32), default="")  # E4; empty when eligible
    reason_detail: Mapped[str] = mapped_column(String(500), default="")
    since: Mapped[date | None] = mapped_column(Date)
    since_source: Mapped[str] = mapped_column(String(32), default="")
    deal_id: Mapped[int | None] = mapped_column(Integer)  # through which deal
    deal_ids: Mapped[list[int]] = mapped_column(JSON, default=list)  # its other current deals in service
    manager_id: Mapped[int | None] = mapped_column(Integer)
    salesperson_id: Mapped[int | None] = mapped_column(Integer)
    yearly_revenue: Mapped[Decimal] = mapped_column(Numeric(18, 2), default=Decimal(0))
    no_address: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON, default=list, server_default="[]"
    )  # people whom nobody can write to, by contact and role (W4)


class Invitation(Base):
    """One respondent in one wave. `due_at` is when the machine touches it next; empty when it is final."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("wave_id", "contact_id"),
        UniqueConstraint("token"),
        Index("ix_invitations_due", "wave_id", "due_at"),
        Index("ix_invitations_address", "portal_id", "address"),
        Index("ix_invitations_client", "wave_client_id"),
        Index("ix_invitations_calls", "wave_id", "call_due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    wave_client_id: Mapped[int] = mapped_column(ForeignKey("wave_clients.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(400), default="")
    address: Mapped[str] = mapped_column(String(255), default="")  # normalised e-mail
    phone: Mapped[str] = mapped_column(String(64), default="")
    shared: Mapped[bool] = mapped_column(default=False)  # a shared mailbox, marked (E6)
    role: Mapped[str] = mapped_column(String(16), default="")
    language: Mapped[str] = mapped_column(String(8), default="ru")
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    zone_source: Mapped[str] = mapped_column(
        String(16), default="", server_default=""
    )  # field | address | responsible | portal (E6)
    sender_key: Mapped[str] = mapped_column(String(64), default="")
    token: Mapped[str] = mapped_column(String(64))  # of /s/ and /u/; carries no personal data (S6)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(String(24), default="")  # W14; empty while open
    outcome_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome_detail: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict
    )  # touches made, who closed it and why
    touches: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # step -> ISO moment it was queued
    skipped: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # step -> why it was left out (W2)
    last_letter_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    snoozed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    colleague_id: Mapped[int | None] = mapped_column(Integer)  # asked because a colleague named them (W12)
    # Calls (W7). `call_due_at`: from when this person may be called next, empty: not to be called; `call_until`:
    # the end of that slot; `promised_at`: a call-back to the minute, goes first; `calls_over`: why no more.
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    call_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    call_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    promised_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    calls_over: Mapped[str] = mapped_column(String(24), default="", server_default="")
    mail_from: Mapped[datetime | None] = mapped_column(
        UTCDateTime
    )  # asked for e-mail instead, at this moment
    own_plan: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}"
    )  # the days of a survey after a project; empty: those of the wave (W16)


class WaveEvent(Base):
    """The audit trail of a wave: who did what and when; the machine signs as `molva`."""

    __tablename__ = "wave_events"
    __table_args__ = (Index("ix_wave_events_wave", "wave_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    what: Mapped[str] = mapped_column(String(64))
    who: Mapped[str] = mapped_column(String(200), default="molva")
    detail: Mapped[str] = mapped_column(Text, default="")

"""The mirror of the portal's cards: only what eligibility, referrals and write-back need (product.md T3).

E-mails and phones are not mirrored for everybody; they are read for respondents when a wave's list is frozen.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime

LED = text("lead_id IS NOT NULL")  # cards that a lead became; few of them name one
OWN = text("own")  # the agency's own companies; literal, so that both databases match it to the partial index


class Company(Base):
    """A company card."""

    __tablename__ = "companies"
    __table_args__ = (
        Index("ix_companies_referrer", "portal_id", "referrer"),
        Index("ix_companies_lead", "portal_id", "lead_id", sqlite_where=LED, postgresql_where=LED),
        Index("ix_companies_own", "portal_id", "id", sqlite_where=OWN, postgresql_where=OWN),
    )

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(500), default="")
    own: Mapped[bool] = mapped_column(default=False)  # isMyCompany
    assigned_by: Mapped[int | None] = mapped_column(Integer)
    lead_id: Mapped[int | None] = mapped_column(Integer)
    city: Mapped[str] = mapped_column(String(200), default="")
    opted_out: Mapped[bool] = mapped_column(default=False)
    hold_until: Mapped[date | None] = mapped_column(Date)
    since_field: Mapped[date | None] = mapped_column(
        Date
    )  # the date field named in the policy, if on companies
    referral: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict
    )  # our referral fields by code, as on the card
    referrer: Mapped[str] = mapped_column(
        String(32), default="", server_default=""
    )  # CO_5 | C_7, to be found by
    scores: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict
    )  # our NPS fields by code, as on the card
    chosen: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}"
    )  # manager, sales, revenue, currency: of the fields named in the policy, where they are filled (E7)
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Contact(Base):
    """A contact card."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_company", "portal_id", "company_id"),
        Index("ix_contacts_referrer", "portal_id", "referrer"),
        Index("ix_contacts_lead", "portal_id", "lead_id", sqlite_where=LED, postgresql_where=LED),
    )

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200), default="")
    second_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    post: Mapped[str] = mapped_column(String(200), default="")
    company_id: Mapped[int | None] = mapped_column(Integer)  # the primary company
    company_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    assigned_by: Mapped[int | None] = mapped_column(Integer)
    lead_id: Mapped[int | None] = mapped_column(Integer)
    role: Mapped[str] = mapped_column(String(16), default="")
    language: Mapped[str] = mapped_column(String(8), default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")  # of the named field
    opted_out: Mapped[bool] = mapped_column(default=False)
    hold_until: Mapped[date | None] = mapped_column(Date)
    referral: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    referrer: Mapped[str] = mapped_column(String(32), default="", server_default="")
    scores: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ContactCompany(Base):
    """A contact belongs to a company; a contact may belong to several."""

    __tablename__ = "contact_companies"
    __table_args__ = (Index("ix_contact_companies_company", "portal_id", "company_id"),)

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    company_id: Mapped[int] = mapped_column(Integer, primary_key=True)


class Deal(Base):
    """A deal card, with the facts of its stage history that eligibility needs.

    The client of a deal is its company, else its first contact (`client_kind`, `client_id`); both are
    stored so that a wave's list can be frozen by walking one index.
    """

    __tablename__ = "deals"
    __table_args__ = (
        Index("ix_deals_client", "portal_id", "client_kind", "client_id"),
        Index("ix_deals_contact", "portal_id", "contact_id"),
        Index("ix_deals_lead", "portal_id", "lead_id", sqlite_where=LED, postgresql_where=LED),
    )

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(500), default="")
    category_id: Mapped[int] = mapped_column(Integer, default=0)
    stage_id: Mapped[str] = mapped_column(String(64), default="")
    semantics: Mapped[str] = mapped_column(String(4), default="P")  # P in work, S won, F lost
    client_kind: Mapped[str] = mapped_column(String(8), default="")  # company | contact | "" (nobody)
    client_id: Mapped[int] = mapped_column(Integer, default=0)
    company_id: Mapped[int | None] = mapped_column(Integer)
    contact_id: Mapped[int | None] = mapped_column(Integer)
    contact_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    assigned_by: Mapped[int | None] = mapped_column(Integer)
    lead_id: Mapped[int | None] = mapped_column(Integer)
    source_id: Mapped[str] = mapped_column(String(64), default="")
    amount: Mapped[Decimal] = mapped_column(Numeric(18, 2), default=Decimal(0))
    currency: Mapped[str] = mapped_column(String(8), default="")
    begin_on: Mapped[date | None] = mapped_column(Date)
    close_on: Mapped[date | None] = mapped_column(Date)
    won_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # first won, by stage history
    recurring: Mapped[bool] = mapped_column(default=False)  # a template, not a sale
    since_field: Mapped[date | None] = mapped_column(Date)  # the date field named in the policy, if any
    end_field: Mapped[date | None] = mapped_column(Date)
    referral: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    scores: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Lead(Base):
    """A lead card: only what referral carrying needs (product.md R2)."""

    __tablename__ = "leads"
    __table_args__ = (Index("ix_leads_referrer", "portal_id", "referrer"),)

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(500), default="")
    stage_id: Mapped[str] = mapped_column(String(64), default="")
    semantics: Mapped[str] = mapped_column(String(4), default="P")
    company_id: Mapped[int | None] = mapped_column(Integer)
    contact_id: Mapped[int | None] = mapped_column(Integer)
    assigned_by: Mapped[int | None] = mapped_column(Integer)
    source_id: Mapped[str] = mapped_column(String(64), default="")
    referral: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    referrer: Mapped[str] = mapped_column(String(32), default="", server_default="")
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class StageMove(Base):
    """One row of a deal's stage history (bitrix24.md 7.8)."""

    __tablename__ = "stage_moves"
    __table_args__ = (Index("ix_stage_moves_deal", "portal_id", "deal_id"),)

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    deal_id: Mapped[int] = mapped_column(Integer)
    category_id: Mapped[int] = mapped_column(Integer, default=0)
    stage_id: Mapped[str] = mapped_column(String(64))
    semantics: Mapped[str] = mapped_column(String(4), default="")
    moved_at: Mapped[datetime] = mapped_column(UTCDateTime)


class OptOut(Base):
    """A person who said "never again" (product.md W12): by address, so that it holds on every card.

    `address` is a normalised e-mail or phone; the plain contact is kept to write the card's field.
    """

    __tablename__ = "opt_outs"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(255), primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(32), default="link")  # link | one_click | card | staff
    said_at: Mapped[datetime] = mapped_column(UTCDateTime)

"""Answers, their revisions, and the proofs that a person gave them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.waves import Invitation, Wave, WaveClient

HELD = "status = 'held'"  # literal, so that both databases match it to the partial index


class Response(Base):
    """The current answer of one invitation. `held` answers count nowhere until confirmed (product.md S1)."""

    __tablename__ = "responses"
    __table_args__ = (
        UniqueConstraint("invitation_id"),
        Index("ix_responses_wave", "wave_id"),
        Index("ix_responses_held", "portal_id", sqlite_where=text(HELD), postgresql_where=text(HELD)),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    invitation_id: Mapped[int] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    score: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str] = mapped_column(Text, default="")
    channel: Mapped[str] = mapped_column(String(16))  # phone | email | link | messenger | import | in_person
    status: Mapped[str] = mapped_column(String(16), default="counted")  # counted | held
    held_reason: Mapped[str] = mapped_column(
        String(32), default=""
    )  # no_script | replay | too_fast | scanner
    wording: Mapped[str] = mapped_column(String(64), default="")  # version of the text it answered (W13)
    recorded_by: Mapped[str] = mapped_column(String(200), default="client")
    answered_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revision: Mapped[int] = mapped_column(Integer, default=1)


class ResponseRevision(Base):
    """Every version an answer had: value, author, time, reason (S3)."""

    __tablename__ = "response_revisions"
    __table_args__ = (UniqueConstraint("response_id", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    response_id: Mapped[int] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    revision: Mapped[int] = mapped_column(Integer)
    score: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16))
    flag: Mapped[str] = mapped_column(String(32), default="")  # why it was held, or "after_human"
    author: Mapped[str] = mapped_column(String(200), default="client")
    reason: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class Proof(Base):
    """A one-time value that the answer page obtained by a human gesture (S1)."""

    __tablename__ = "proofs"
    __table_args__ = (Index("ix_proofs_expires", "expires_at"),)

    value: Mapped[str] = mapped_column(String(64), primary_key=True)  # a hash, never the value itself
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    link_id: Mapped[int | None] = mapped_column(
        ForeignKey("direct_links.id", ondelete="CASCADE")
    )  # of a direct line instead of an invitation (S5)
    purpose: Mapped[str] = mapped_column(String(16), default="answer")  # see services.survey_guard.Purpose
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)  # when the page was served
    issued_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def response_of(session: Session, portal_id: int, invitation_id: int) -> Response | None:
    """The answer of one invitation, counted or held."""
    statement = select(Response).where(
        Response.portal_id == portal_id, Response.invitation_id == invitation_id
    )
    return session.scalars(statement).one_or_none()


def response_by_id(session: Session, portal_id: int, response_id: int) -> Response | None:
    """An answer by its id."""
    statement = select(Response).where(Response.portal_id == portal_id, Response.id == response_id)
    return session.scalars(statement).one_or_none()


def counted_of_client(
    session: Session, portal_id: int, wave_client_id: int
) -> list[tuple[Response, Invitation]]:
    """Every counted answer of one client in its wave with the respondent, in the order they were asked."""
    statement = (
        select(Response, Invitation)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .where(
            Response.portal_id == portal_id,
            Response.status == "counted",
            Invitation.wave_client_id == wave_client_id,
        )
        .order_by(Invitation.id)
    )
    return [(response, invitation) for response, invitation in session.execute(statement)]


def earlier_of_client(
    session: Session, portal_id: int, client_kind: str, client_id: int, wave_id: int | None, limit: int = 5
) -> list[tuple[str, int]]:
    """Names and scores of a client's counted answers in other yearly waves, newest first (product.md F2)."""
    statement = (
        select(Wave.name, Response.score)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == Response.wave_id)
        .where(
            Response.portal_id == portal_id,
            Response.status == "counted",
            Response.wave_id != (wave_id or 0),
            Wave.of_years(),
            WaveClient.client_kind == client_kind,
            WaveClient.client_id == client_id,
        )
        .order_by(Response.answered_at.desc(), Response.id.desc())
        .limit(limit)
    )
    return [(name, score) for name, score in session.execute(statement)]


def revisions_of(session: Session, portal_id: int, response_id: int) -> list[ResponseRevision]:
    """Every version an answer had, oldest first."""
    statement = (
        select(ResponseRevision)
        .where(ResponseRevision.portal_id == portal_id, ResponseRevision.response_id == response_id)
        .order_by(ResponseRevision.revision)
    )
    return list(session.scalars(statement))


def add_proof(session: Session, *, portal_id: int, **columns: Any) -> None:
    """Keep a one-time value (its hash); the primary key refuses a second one."""
    session.add(Proof(portal_id=portal_id, **columns))
    session.flush()


def spend_proof(
    session: Session,
    portal_id: int,
    value: str,
    about: ColumnElement[bool],
    purposes: tuple[str, ...],
    now: datetime,
) -> Proof | None:
    """Mark a one-time value used; nothing if it is unknown, of another link or purpose, too old, or spent.

    One conditional update, so that of two requests with the same value exactly one gets it.
    """
    statement = (
        update(Proof)
        .where(
            Proof.portal_id == portal_id,
            Proof.value == value,
            about,
            Proof.purpose.in_(purposes),
            Proof.used_at.is_(None),
            Proof.expires_at > now,
        )
        .values(used_at=now)
        .returning(Proof)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(statement).one_or_none()


def of_page(invitation_id: int | None, link_id: int | None) -> ColumnElement[bool]:
    """One-time values of the pages of an invitation, or of a direct line."""
    return Proof.invitation_id == invitation_id if link_id is None else Proof.link_id == link_id


def forget_proofs(session: Session, portal_id: int, about: ColumnElement[bool], before: datetime) -> None:
    """Delete one-time values of a page that have expired."""
    session.execute(
        delete(Proof)
        .where(Proof.portal_id == portal_id, about, Proof.expires_at <= before)
        .execution_options(synchronize_session=False)
    )

"""Calls to respondents: each attempt with hour and outcome, and who has a client in hand (product.md W7, W8, W15)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint, case, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.responses import Response
from integration.store.waves import Invitation, WaveClient


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
        UniqueConstraint("portal_id", "holder"),  # nobody holds two clients, whatever they press twice
        Index("ix_call_leases_invitation", "invitation_id"),
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


@dataclass(frozen=True, slots=True)
class Done:
    """What one caller has done; see `services.calling.types.Tally`."""

    calls: int
    reached: int
    answers: int
    refusals: int
    promises: int
    mailed: int


def by_key(session: Session, portal_id: int, key: str) -> Attempt | None:
    """The attempt recorded under a key, one taken back too."""
    return session.scalars(
        select(Attempt).where(Attempt.portal_id == portal_id, Attempt.key == key)
    ).one_or_none()


def history(session: Session, one: Invitation, key: str) -> tuple[Attempt | None, list[Attempt]]:
    """The attempt recorded under a key, whosever it is, and all attempts at this person by number; those taken back,
    too."""
    statement = select(Attempt).where(
        Attempt.portal_id == one.portal_id, or_(Attempt.invitation_id == one.id, Attempt.key == key)
    )
    rows = list(session.scalars(statement.order_by(Attempt.number, Attempt.id)))
    return next((row for row in rows if row.key == key), None), [
        row for row in rows if row.invitation_id == one.id
    ]


def by_id(session: Session, portal_id: int, attempt_id: int) -> Attempt | None:
    """One attempt."""
    statement = select(Attempt).where(Attempt.portal_id == portal_id, Attempt.id == attempt_id)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def of_people(session: Session, portal_id: int, invitation_ids: Collection[int]) -> dict[int, list[Attempt]]:
    """The calls to these people that count, oldest first."""
    statement = select(Attempt).where(
        Attempt.portal_id == portal_id, Attempt.invitation_id.in_(invitation_ids), Attempt.undone_at.is_(None)
    )
    found: dict[int, list[Attempt]] = {}
    for row in (
        session.scalars(statement.order_by(Attempt.ended_at, Attempt.number)) if invitation_ids else ()
    ):
        found.setdefault(row.invitation_id, []).append(row)
    return found


def add(session: Session, one: Invitation, earlier: Sequence[Attempt], **values: Any) -> Attempt:
    """One more attempt at a person, whose row the transaction holds; its number is the next one. `earlier`: all
    attempts at this person (`history`)."""
    number = max((row.number for row in earlier), default=0) + 1
    row = Attempt(portal_id=one.portal_id, wave_id=one.wave_id, invitation_id=one.id, number=number, **values)
    session.add(row)
    session.flush()
    return row


@dataclass(frozen=True, slots=True)
class Last:
    """A call with the client and the person; `score` and `comment` of an answer, if it brought one."""

    attempt: Attempt
    client: str
    person: str
    score: int | None
    comment: str


def last_by(session: Session, portal_id: int, caller: str, wave_id: int | None = None) -> Last | None:
    """The last call a caller recorded that still counts."""
    said = (Response.invitation_id == Attempt.invitation_id) & (Attempt.outcome == "answered")
    statement = (
        select(Attempt, WaveClient.name, Invitation.name, Response.score, Response.comment)
        .join(Invitation, Invitation.id == Attempt.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(Response, said)
        .where(
            Attempt.portal_id == portal_id, Attempt.caller == caller, Attempt.undone_at.is_(None),
            Attempt.source != "sheet",
        )
    )  # fmt: skip
    if wave_id is not None:
        statement = statement.where(Attempt.wave_id == wave_id)
    row = session.execute(statement.order_by(Attempt.id.desc()).limit(1)).first()
    return Last(row[0], row[1], row[2], row[3], row[4] or "") if row is not None else None


def done_by(
    session: Session, portal_id: int, caller: str, since: datetime, reached: Collection[str],
    wave_id: int | None = None,
) -> Done:  # fmt: skip
    """What a caller has recorded since a moment; `reached`: the outcomes of calls in which somebody spoke."""
    groups = (
        Attempt.outcome != "", Attempt.outcome.in_(reached), Attempt.outcome == "answered",
        Attempt.outcome.in_(("refused", "never")), Attempt.outcome == "call_back",
        Attempt.outcome == "asks_email",
    )  # fmt: skip
    statement = select(*(func.sum(case((group, 1), else_=0)) for group in groups)).where(
        Attempt.portal_id == portal_id, Attempt.caller == caller, Attempt.ended_at >= since,
        Attempt.undone_at.is_(None),
    )  # fmt: skip
    if wave_id is not None:
        statement = statement.where(Attempt.wave_id == wave_id)
    return Done(*(int(number or 0) for number in session.execute(statement).one()))

"""Personal links of a partner call centre, time-limited and revocable, and who looked at what (product.md W9)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.attempts import Attempt, CallLease
from integration.store.base import Base, UTCDateTime


class CallLink(Base):
    """The link of one person of a call centre. Only a hash of its token is kept: the address is shown once."""

    __tablename__ = "call_links"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_call_links_portal", "portal_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))  # of the caller
    firm: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(8), default="")  # of the desk's own words
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_by: Mapped[str] = mapped_column(String(200), default="")
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class CallView(Base):
    """One look at personal data by a link, or by whoever took a sheet out (product.md W9)."""

    __tablename__ = "call_views"
    __table_args__ = (
        Index("ix_call_views_link", "portal_id", "link_id", "id"),
        Index("ix_call_views_wave", "wave_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("call_links.id", ondelete="CASCADE"))
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    what: Mapped[str] = mapped_column(String(24))  # desk | client | sheet
    who: Mapped[str] = mapped_column(String(200), default="")
    remote: Mapped[str] = mapped_column(String(64), default="")
    count: Mapped[int] = mapped_column(Integer, default=1)  # of people shown


@dataclass(frozen=True, slots=True)
class Work:
    """What one caller has done: calls that count, answers among them, and the last one's moment."""

    calls: int = 0
    answers: int = 0
    last: datetime | None = None


def add(session: Session, portal_id: int, **values: Any) -> CallLink:
    """A new link."""
    made = CallLink(portal_id=portal_id, **values)
    session.add(made)
    session.flush()
    return made


def by_hash(session: Session, token_hash: str) -> CallLink | None:
    """The link of a token's hash, which is unique over all portals and therefore names its portal."""
    return session.scalars(select(CallLink).where(CallLink.token_hash == token_hash)).one_or_none()


def get(session: Session, portal_id: int, link_id: int, *, held: bool = False) -> CallLink | None:
    """A link of this portal; `held` until the end of the transaction."""
    statement = select(CallLink).where(CallLink.portal_id == portal_id, CallLink.id == link_id)
    if held:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def of_wave(session: Session, portal_id: int, wave_id: int) -> list[CallLink]:
    """The links of a wave, the newest first."""
    statement = select(CallLink).where(CallLink.portal_id == portal_id, CallLink.wave_id == wave_id)
    return list(session.scalars(statement.order_by(CallLink.id.desc())))


def revoke(session: Session, portal_id: int, link_id: int, who: str, now: datetime) -> bool:
    """End a link, and give back what it has in hand; False if it had been revoked before."""
    done = session.execute(
        update(CallLink)
        .where(CallLink.portal_id == portal_id, CallLink.id == link_id, CallLink.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=who[:200])
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(CallLease)
        .where(CallLease.portal_id == portal_id, CallLease.holder == f"link:{link_id}")
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount > 0


def seen(session: Session, portal_id: int, link_id: int, now: datetime) -> None:
    """Keep when a link was last used."""
    session.execute(
        update(CallLink)
        .where(CallLink.portal_id == portal_id, CallLink.id == link_id)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


def work(session: Session, portal_id: int, wave_id: int, callers: Collection[str]) -> dict[str, Work]:
    """What these callers have done in a wave; calls taken back are none."""
    answered = func.sum(_answered())
    statement = (
        select(Attempt.caller, func.count(), answered, func.max(Attempt.ended_at))
        .where(
            Attempt.portal_id == portal_id, Attempt.wave_id == wave_id, Attempt.undone_at.is_(None),
            Attempt.caller.in_(sorted(callers)),
        )
        .group_by(Attempt.caller)
    )  # fmt: skip
    return {
        caller: Work(calls, int(found or 0), last)
        for caller, calls, found, last in session.execute(statement)
    }


def _answered() -> Any:
    """1 for a call that brought an answer, else 0."""
    return case((Attempt.outcome == "answered", 1), else_=0)


# --- who looked at what


def note_view(session: Session, portal_id: int, **values: Any) -> CallView:
    """One look at personal data."""
    made = CallView(portal_id=portal_id, **values)
    session.add(made)
    session.flush()
    return made


def last_view(
    session: Session, portal_id: int, link_id: int, what: str, invitation_id: int | None, remote: str
) -> CallView | None:
    """The latest look of this kind at this person by this link from this address."""
    about = (
        CallView.invitation_id.is_(None) if invitation_id is None else CallView.invitation_id == invitation_id
    )
    statement = select(CallView).where(
        CallView.portal_id == portal_id, CallView.link_id == link_id, CallView.what == what, CallView.remote == remote,
        about,
    )  # fmt: skip
    return session.scalars(statement.order_by(CallView.id.desc()).limit(1)).first()


def people_since(session: Session, portal_id: int, link_id: int, since: datetime) -> int:
    """How many people a link was shown after a moment."""
    statement = select(func.count(CallView.invitation_id.distinct())).where(
        CallView.portal_id == portal_id,
        CallView.link_id == link_id,
        CallView.what == "client",
        CallView.at > since,
    )
    return session.scalar(statement) or 0


def views(
    session: Session,
    portal_id: int,
    wave_id: int,
    *,
    link_id: int = 0,
    before: int = 0,
    limit: int | None = None,
) -> list[CallView]:
    """Looks at people of a wave, the last one first; of one link, and before a number, where these are given."""
    statement = select(CallView).where(CallView.portal_id == portal_id, CallView.wave_id == wave_id)
    if link_id:
        statement = statement.where(CallView.link_id == link_id)
    if before:
        statement = statement.where(CallView.id < before)
    return list(session.scalars(statement.order_by(CallView.id.desc()).limit(limit)))


def view_counts(session: Session, portal_id: int, wave_id: int) -> dict[int, int]:
    """How many people each link of a wave was shown."""
    statement = (
        select(CallView.link_id, func.count(CallView.invitation_id.distinct()))
        .where(
            CallView.portal_id == portal_id, CallView.wave_id == wave_id, CallView.what == "client",
            CallView.link_id.is_not(None),
        )
        .group_by(CallView.link_id)
    )  # fmt: skip
    return {int(link): count for link, count in session.execute(statement) if link is not None}

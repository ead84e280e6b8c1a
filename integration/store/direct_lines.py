"""The direct line: one address per client under which it can write at any time, and what was written (S5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.people import ClientKey
from integration.store.base import Base, UTCDateTime
from integration.store.queue import insert_for

LIVING = "revoked_at IS NULL"


class DirectLink(Base):
    """The address `/d/<token>` of one client; valid until somebody revokes it (product.md S6)."""

    __tablename__ = "direct_links"
    __table_args__ = (
        UniqueConstraint("token"),
        Index(
            "ux_direct_links_living", "portal_id", "client_kind", "client_id",
            unique=True, sqlite_where=text(LIVING), postgresql_where=text(LIVING),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    client_kind: Mapped[str] = mapped_column(String(8))
    client_id: Mapped[int] = mapped_column(Integer)
    token: Mapped[str] = mapped_column(String(64))  # carries no personal data
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_by: Mapped[str] = mapped_column(String(200), default="")


class DirectMessage(Base):
    """One message of the direct line. `held`: nobody has proved to be a person yet; it starts nothing (S1)."""

    __tablename__ = "direct_messages"
    __table_args__ = (Index("ix_direct_messages_link", "link_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    link_id: Mapped[int] = mapped_column(ForeignKey("direct_links.id", ondelete="CASCADE"))
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    person: Mapped[str] = mapped_column(String(200), default="")  # as typed
    back: Mapped[str] = mapped_column(String(200), default="")  # how to reach them, as typed
    words: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default="new")  # held | new | dropped
    held_reason: Mapped[str] = mapped_column(String(32), default="")
    said_at: Mapped[datetime] = mapped_column(UTCDateTime)
    follow_up_id: Mapped[int | None] = mapped_column(Integer)


def living(session: Session, portal_id: int, clients: Collection[ClientKey]) -> dict[ClientKey, str]:
    """The tokens of these clients' links that nobody revoked."""
    if not clients:
        return {}
    statement = select(DirectLink.client_kind, DirectLink.client_id, DirectLink.token).where(
        DirectLink.portal_id == portal_id, text(LIVING), _among(clients)
    )
    return {ClientKey(cast("Any", kind), number): token for kind, number, token in session.execute(statement)}


def make(session: Session, portal_id: int, client: ClientKey, token: str, now: datetime) -> str:
    """The token of a client's living link: this one, unless there is one already (also from another process)."""
    return make_all(session, portal_id, {client: token}, now)[client]


def make_all(
    session: Session, portal_id: int, tokens: Mapping[ClientKey, str], now: datetime
) -> dict[ClientKey, str]:
    """`make` for many clients at once."""
    made = [
        {
            "portal_id": portal_id, "client_kind": client.kind, "client_id": client.id, "token": token,
            "made_at": now, "revoked_by": "",
        }
        for client, token in tokens.items()
    ]  # fmt: skip
    if not made:
        return {}
    insert = insert_for(session)(DirectLink.__table__).on_conflict_do_nothing()
    rows = session.execute(
        insert.returning(DirectLink.client_kind, DirectLink.client_id, DirectLink.token), made
    )
    new = {ClientKey(cast("Any", kind), number): token for kind, number, token in rows}
    return new | living(session, portal_id, tokens.keys() - new.keys())


def by_token(session: Session, token: str, *, lock: bool = False) -> DirectLink | None:
    """The link of a token, which is unique over all portals and therefore names its portal.

    `lock` holds the link until the end of the transaction: its messages are taken one after the other.
    """
    if not token or not (token.isascii() and token.isprintable()):  # PostgreSQL takes no zero byte
        return None
    statement = select(DirectLink).where(DirectLink.token == token)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def revoke(session: Session, portal_id: int, client: ClientKey, who: str, now: datetime) -> bool:
    """End a client's living link; False if there is none (any more)."""
    statement = (
        update(DirectLink)
        .where(DirectLink.portal_id == portal_id, text(LIVING), _among([client]))
        .values(revoked_at=now, revoked_by=who[:200])
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount > 0


def messages_since(session: Session, portal_id: int, link_id: int, since: datetime) -> list[DirectMessage]:
    """What was written under a link since a moment, oldest first."""
    statement = select(DirectMessage).where(
        DirectMessage.portal_id == portal_id, DirectMessage.link_id == link_id, DirectMessage.said_at > since
    )
    return list(session.scalars(statement.order_by(DirectMessage.id)))


def message(session: Session, portal_id: int, message_id: int) -> DirectMessage | None:
    """One message, held until the end of the transaction."""
    statement = select(DirectMessage).where(
        DirectMessage.portal_id == portal_id, DirectMessage.id == message_id
    )
    return session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def link(session: Session, portal_id: int, link_id: int) -> DirectLink | None:
    """The link a message came by."""
    statement = select(DirectLink).where(DirectLink.portal_id == portal_id, DirectLink.id == link_id)
    return session.scalars(statement).one_or_none()


def _unsettled(portal_id: int) -> tuple[ColumnElement[bool], ...]:
    alone = and_(DirectMessage.status == "new", DirectMessage.follow_up_id.is_(None))
    return (DirectMessage.portal_id == portal_id, or_(DirectMessage.status == "held", alone))


def count_unsettled(session: Session, portal_id: int) -> int:
    """Messages that nobody has been given: held ones, and those for which there was nobody to own them."""
    return session.scalar(select(func.count()).select_from(DirectMessage).where(*_unsettled(portal_id))) or 0


def unsettled(session: Session, portal_id: int, limit: int) -> Sequence[tuple[DirectMessage, DirectLink]]:
    """Those messages with the links they came by, oldest first."""
    statement = (
        select(DirectMessage, DirectLink)
        .join(DirectLink, DirectLink.id == DirectMessage.link_id)
        .where(*_unsettled(portal_id))
        .order_by(DirectMessage.id)
        .limit(limit)
    )
    return [(one, of) for one, of in session.execute(statement)]


def dropped(
    session: Session, portal_id: int, since: datetime, limit: int
) -> Sequence[tuple[DirectMessage, DirectLink]]:
    """Messages said after a moment that somebody put aside, with their links, newest first."""
    statement = (
        select(DirectMessage, DirectLink)
        .join(DirectLink, DirectLink.id == DirectMessage.link_id)
        .where(DirectMessage.portal_id == portal_id, DirectMessage.status == "dropped")
        .where(DirectMessage.said_at > since, DirectMessage.words != "")
        .order_by(DirectMessage.id.desc())
        .limit(limit)
    )
    return [(one, of) for one, of in session.execute(statement)]


def _among(clients: Collection[ClientKey]) -> ColumnElement[bool]:
    parts = [
        and_(
            DirectLink.client_kind == kind,
            DirectLink.client_id.in_(sorted({key.id for key in clients if key.kind == kind})),
        )
        for kind in sorted({key.kind for key in clients})
    ]
    return or_(*parts) if parts else false()

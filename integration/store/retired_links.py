"""Personal links that were replaced: they answer nothing any more, but still unsubscribe (product.md S6)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime


class RetiredLink(Base):
    """A token that an invitation had before somebody made it a new one."""

    __tablename__ = "retired_links"
    __table_args__ = (UniqueConstraint("token"), Index("ix_retired_links_invitation", "invitation_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    invitation_id: Mapped[int] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    token: Mapped[str] = mapped_column(String(64))  # carries no personal data
    retired_at: Mapped[datetime] = mapped_column(UTCDateTime)


def owner_of(session: Session, token: str) -> tuple[int, int] | None:
    """Portal and invitation of a replaced link; tokens are unique over all portals. Nothing if it never was one."""
    if not token or not (token.isascii() and token.isprintable()):
        return None
    statement = select(RetiredLink.portal_id, RetiredLink.invitation_id).where(RetiredLink.token == token)
    row = session.execute(statement).one_or_none()
    return (row[0], row[1]) if row is not None else None

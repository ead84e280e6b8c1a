"""Layouts of cards before and after our fields were put in, so that it can be undone (product.md B1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime


class CardLayout(Base):
    """One change of the common layout of a kind of card. The portal replaces a layout whole (bitrix24.md 8.5).

    `before` and `after` are the sections as read and as written. `part`: the pipeline of deals, the kind of
    leads, else 0. Statuses: `asked` (committed before the portal is asked), `applied`, `undone`, `refused`
    with the reason in `problem`. `undoes`: the change that this one takes back.
    """

    __tablename__ = "card_layouts"
    __table_args__ = (Index("ix_card_layouts_card", "portal_id", "kind", "part"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))  # lead | deal | company | contact
    part: Mapped[int] = mapped_column(Integer, default=0)
    before: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    after: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    status: Mapped[str] = mapped_column(String(16), default="asked")
    author: Mapped[str] = mapped_column(String(200), default="")
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    undoes: Mapped[int | None] = mapped_column(Integer)
    problem: Mapped[str] = mapped_column(String(64), default="")
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_by: Mapped[str] = mapped_column(String(200), default="")


def add(session: Session, portal_id: int, **values: Any) -> int:
    """Store a change before the portal is asked; its id."""
    row = CardLayout(portal_id=portal_id, **values)
    session.add(row)
    session.flush()
    return row.id


def change(session: Session, portal_id: int, change_id: int, *, lock: bool = False) -> CardLayout | None:
    """One change as the database has it now; `lock`: against others until the transaction ends."""
    statement = select(CardLayout).where(CardLayout.portal_id == portal_id, CardLayout.id == change_id)
    statement = statement.with_for_update() if lock else statement
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def open_change(session: Session, portal_id: int, kind: str, part: int) -> CardLayout | None:
    """A change of this layout that the portal has not been asked for with success yet."""
    statement = select(CardLayout).where(
        CardLayout.portal_id == portal_id,
        CardLayout.kind == kind,
        CardLayout.part == part,
        CardLayout.status == "asked",
    )
    return session.scalars(statement.order_by(CardLayout.id).limit(1)).first()


def latest(session: Session, portal_id: int) -> list[CardLayout]:
    """The last change of each layout that put fields in, newest first, taken back or not."""
    statement = (
        select(CardLayout)
        .where(CardLayout.portal_id == portal_id, CardLayout.undoes.is_(None))
        .order_by(CardLayout.id.desc())
    )
    found: dict[tuple[str, int], CardLayout] = {}
    for row in session.scalars(statement.limit(200)):
        found.setdefault((row.kind, row.part), row)
    return list(found.values())

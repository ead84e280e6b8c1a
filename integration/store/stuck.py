"""Calls and letters that need a person, or wait, in pages; and who decided what about them (product.md B4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    and_,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.clients import Company, Contact, Deal, Lead
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.queue import is_open

_CARDS: dict[str, Any] = {"lead": Lead, "deal": Deal, "company": Company, "contact": Contact}
# Literal, so that both databases match them to the partial indexes.
_UPDATE = "crm.item.update"
_FAILED: ColumnElement[str] = literal_column("'buried'")
_UNDECIDED: list[ColumnElement[str]] = [literal_column("'buried'"), literal_column("'unknown'")]


class Decision(Base):
    """What a person did about things that were stuck. `verb`: resend | leave | was_sent; `what`: call | letter."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_portal", "portal_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    verb: Mapped[str] = mapped_column(String(16))
    what: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(
        String(120), default=""
    )  # purpose and lane, or kind of letter; no names
    count: Mapped[int] = mapped_column(Integer, default=1)
    who: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many calls were given up, letters need a decision, calls and letters wait."""

    failed: int
    letters: int
    waiting: int
    letters_waiting: int


def counts(session: Session, portal_id: int) -> Counts:
    """All four numbers."""
    wanted = {
        name: select(func.count()).where(row.portal_id == portal_id, condition).scalar_subquery()
        for name, (row, condition) in _views().items()
    }
    found = session.execute(select(*(query.label(name) for name, query in wanted.items()))).one()
    return Counts(**found._asdict())


def _views() -> dict[str, tuple[Any, ColumnElement[bool]]]:
    return {
        "failed": (OutboxRow, OutboxRow.status == _FAILED),
        "letters": (LetterRow, LetterRow.status.in_(_UNDECIDED)),
        "waiting": (OutboxRow, is_open(OutboxRow)),
        "letters_waiting": (LetterRow, is_open(LetterRow)),
    }


def kinds(session: Session, portal_id: int, view: str) -> dict[str, int]:
    """How many rows of a view there are by kind: purpose of a call, kind of a letter."""
    row, condition = _views()[view]
    column = row.purpose if row is OutboxRow else row.kind
    statement = select(column, func.count()).where(row.portal_id == portal_id, condition).group_by(column)
    return {str(kind): int(count) for kind, count in session.execute(statement)}


def page(
    session: Session, portal_id: int, view: str, kind: str, offset: int, limit: int
) -> Sequence[OutboxRow | LetterRow]:
    """Rows of one view: what failed newest first, letters in doubt before those refused, what waits by its date."""
    row, condition = _views()[view]
    statement = select(row).where(row.portal_id == portal_id, condition)
    if kind:
        statement = statement.where((row.purpose if row is OutboxRow else row.kind) == kind)
    waits = view.endswith("waiting")
    order: list[Any] = [row.due_at, row.id] if waits else [row.finished_at.desc(), row.id.desc()]
    if view == "letters":
        order.insert(0, LetterRow.status != "unknown")
    found: Sequence[OutboxRow | LetterRow] = session.scalars(
        statement.order_by(*order).offset(offset).limit(limit)
    ).all()
    return found


def names(session: Session, portal_id: int, wanted: dict[str, Collection[int]]) -> dict[tuple[str, int], str]:
    """Names of cards by kind and id, one query for each kind; those we do not know are left out."""
    found: dict[tuple[str, int], str] = {}
    for kind, ids in wanted.items():
        table = _CARDS.get(kind)
        if table is None or not ids:
            continue
        shown = [table.name, table.last_name] if table is Contact else [table.title]
        statement = select(table.id, *shown).where(table.portal_id == portal_id, table.id.in_(ids))
        for number, *parts in session.execute(statement):
            found[kind, int(number)] = " ".join(filter(None, parts))
    return found


def call(session: Session, portal_id: int, row_id: int) -> OutboxRow | None:
    """One call of a portal, locked."""
    statement = select(OutboxRow).where(OutboxRow.portal_id == portal_id, OutboxRow.id == row_id)
    return session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def overtaken(session: Session, portal_id: int, ids: Collection[int]) -> set[int]:
    """Which of these updates a newer one of the same kind for the same card has replaced, or will."""
    if not ids:
        return set()
    statement = _replaced(portal_id).where(OutboxRow.id.in_(ids))
    return set(session.scalars(statement))


def _replaced(portal_id: int) -> Select[Any]:
    """Ids of given-up updates that are older than the newest living one of their card and kind; one pass each."""
    living = aliased(OutboxRow)
    newest = (
        select(living.lane, living.purpose, func.max(living.id).label("last"))
        .where(living.portal_id == portal_id, living.status.in_(("waiting", "working", "done")))
        .group_by(living.lane, living.purpose)
        .subquery()
    )
    same = and_(newest.c.lane == OutboxRow.lane, newest.c.purpose == OutboxRow.purpose)
    return (
        select(OutboxRow.id)
        .join(newest, and_(same, newest.c.last > OutboxRow.id))
        .where(OutboxRow.portal_id == portal_id, OutboxRow.status == _FAILED, OutboxRow.method == _UPDATE)
    )


def resend_all(session: Session, portal_id: int, purpose: str, now: datetime, except_for: str) -> int:
    """Let all given-up calls of a purpose run again, but not those whose error begins with `except_for`, and no
    value that a newer one has replaced (product.md B4, order per card)."""
    statement = (
        update(OutboxRow)
        .where(OutboxRow.portal_id == portal_id, OutboxRow.status == _FAILED, OutboxRow.purpose == purpose)
        .where(OutboxRow.error.not_like(f"{except_for}%"), OutboxRow.id.not_in(_replaced(portal_id)))
        .values(status="waiting", due_at=now, attempts=0, owner=None, lease_until=None, finished_at=None)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def forget_sending(session: Session, portal_id: int, purpose: str, row_id: int, doubt: str) -> None:
    """On a person's word: creating calls in doubt, whose effect nobody can look up, go as if never sent."""
    statement = update(OutboxRow).where(
        OutboxRow.portal_id == portal_id, OutboxRow.status == _FAILED, OutboxRow.error.like(f"{doubt}%")
    )
    statement = (
        statement.where(OutboxRow.id == row_id) if row_id else statement.where(OutboxRow.purpose == purpose)
    )
    session.execute(statement.values(sent_at=None).execution_options(synchronize_session=False))


def leave_all(session: Session, portal_id: int, purpose: str, now: datetime) -> int:
    """Set aside all given-up calls of a purpose."""
    statement = (
        update(OutboxRow)
        .where(OutboxRow.portal_id == portal_id, OutboxRow.status == _FAILED, OutboxRow.purpose == purpose)
        .values(status="cancelled", finished_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def undecided(session: Session, portal_id: int, kind: str) -> list[tuple[int, str]]:
    """Ids and states of the letters of a kind that need a decision."""
    statement = select(LetterRow.id, LetterRow.status).where(
        LetterRow.portal_id == portal_id, LetterRow.status.in_(_UNDECIDED), LetterRow.kind == kind
    )
    return [
        (int(number), str(status)) for number, status in session.execute(statement.order_by(LetterRow.id))
    ]


def leave_letters(session: Session, portal_id: int, ids: Collection[int], now: datetime) -> int:
    """Set refused letters aside; those whose fate is unknown stay."""
    statement = (
        update(LetterRow)
        .where(LetterRow.portal_id == portal_id, LetterRow.id.in_(ids), LetterRow.status == "buried")
        .values(status="cancelled", finished_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount if ids else 0


def note(
    session: Session, portal_id: int, verb: str, what: str, subject: str, count: int, who: str, now: datetime
) -> None:
    """Write down a decision."""
    session.add(
        Decision(
            portal_id=portal_id,
            verb=verb,
            what=what,
            subject=subject[:120],
            count=count,
            who=who[:200],
            at=now,
        )
    )


def decisions(session: Session, portal_id: int, limit: int = 20) -> Sequence[Decision]:
    """The newest decisions."""
    statement = (
        select(Decision).where(Decision.portal_id == portal_id).order_by(Decision.id.desc()).limit(limit)
    )
    return session.scalars(statement).all()

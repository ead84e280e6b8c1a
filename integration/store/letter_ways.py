"""By which way letters are due, and what waits together: a server that is out of reach, a mailbox's pace (W19)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, case, exists, func, select, text, update
from sqlalchemy.orm import Session

from integration.store.letters import LetterRow
from integration.store.mailboxes import SenderMailbox
from integration.store.queue import OPEN

_OPEN = f"letters.{OPEN}"  # with its table, where another one stands beside it


def due_routes(session: Session, now: datetime) -> set[tuple[str, int, int]]:
    """By which ways letters are to leave now: way, portal and mailbox; zeroes where these make no difference."""
    waiting = (LetterRow.status == "waiting") & (LetterRow.due_at <= now)
    left = (LetterRow.status == "working") & (LetterRow.lease_until < now) & LetterRow.handed_at.is_(None)
    statement = (
        select(SenderMailbox.way, SenderMailbox.portal_id, SenderMailbox.id)
        .select_from(LetterRow)
        .outerjoin(SenderMailbox, _mailbox_of())
        .where(text(_OPEN), waiting | left)
        .distinct()
    )
    found: set[tuple[str, int, int]] = set()
    for way, portal_id, number in session.execute(statement):
        if way == "own":
            found.add((way, portal_id, number))
        elif way == "portal":
            found.add((way, portal_id, 0))
        else:
            found.add(("operator", 0, 0))
    return found


def by_way(way: str, portal_id: int, mailbox_id: int) -> ColumnElement[bool]:
    """The letters that leave by one way, as a condition; the mailbox of the sender decides, without one the operator's
    server."""
    if way == "operator":
        return ~exists().where(_mailbox_of(), SenderMailbox.way != "operator")
    mine = exists().where(_mailbox_of(), SenderMailbox.way == way)
    if way == "own":
        mine = exists().where(_mailbox_of(), SenderMailbox.way == way, SenderMailbox.id == mailbox_id)
    return (LetterRow.portal_id == portal_id) & mine


def _mailbox_of() -> ColumnElement[bool]:
    return (SenderMailbox.portal_id == LetterRow.portal_id) & (
        SenderMailbox.sender_key == LetterRow.sender_key
    )


def put_off(session: Session, condition: ColumnElement[bool], now: datetime, due_at: datetime) -> int:
    """Whatever is due by a way that is out of reach waits until `due_at`; how many letters that were."""
    statement = (
        update(LetterRow)
        .where(LetterRow.status == "waiting", LetterRow.due_at <= now, condition)
        .values(due_at=due_at, error="server_down")
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def hold_pace(session: Session, portal_id: int, sender_address: str) -> None:
    """Let nobody else hand over a letter of this mailbox until the transaction ends: two workers count together."""
    if session.get_bind().dialect.name == "postgresql":  # on SQLite whoever writes is alone
        session.execute(select(func.pg_advisory_xact_lock(portal_id, func.hashtext(sender_address))))


def handed_nth(
    session: Session, portal_id: int, sender_address: str, since: datetime, place: int
) -> datetime | None:
    """When the letter at this place, counted from 1, left a mailbox since a moment."""
    statement = (
        select(LetterRow.handed_at)
        .where(
            LetterRow.portal_id == portal_id,
            LetterRow.sender_address == sender_address,
            LetterRow.handed_at > since,
        )
        .order_by(LetterRow.handed_at)
        .offset(place - 1)
        .limit(1)
    )
    return session.scalar(statement)


def make_wait(
    session: Session, portal_id: int, sender_address: str, owner: str, now: datetime, until: datetime
) -> int:
    """Whatever else this mailbox was to send before `until` waits for that moment, in one statement (product.md W19).

    Also the rows `owner` has claimed and not handed over: they were not tried. Test letters go as they are.
    """
    mine = (LetterRow.status == "working") & (LetterRow.owner == owner) & (LetterRow.lease_until >= now)
    statement = (
        update(LetterRow)
        .where(
            text(_OPEN),
            LetterRow.portal_id == portal_id,
            LetterRow.sender_address == sender_address,
            LetterRow.handed_at.is_(None),
            LetterRow.kind != "test",
            ((LetterRow.status == "waiting") & (LetterRow.due_at < until)) | mine,
        )
        .values(
            status="waiting", due_at=until, error="pace", owner=None, lease_until=None,
            attempts=case((LetterRow.status == "working", LetterRow.attempts - 1), else_=LetterRow.attempts),
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return cast("CursorResult[Any]", session.execute(statement)).rowcount

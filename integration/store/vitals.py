"""Signs by which one sees how a portal, and the database itself, are doing. Reads only, and cheap ones."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, case, exists, func, or_, select, text
from sqlalchemy.orm import Session

from integration.store import checks
from integration.store.attempts import Attempt, CallLease
from integration.store.clients import Company, Contact, Deal, Lead
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.queue import is_open
from integration.store.waves import Invitation, Wave

ENOUGH = 20  # lost notices; more are not counted
# Reasons for which a letter waits as it should.
PATIENT = ("", "hours", "hold", "pace", "wave_paused")


def waiting_call(session: Session, portal_id: int, before: datetime) -> datetime | None:
    """Since when the oldest call waits that was tried in vain, or was due before a moment."""
    statement = select(func.min(OutboxRow.created_at)).where(
        OutboxRow.portal_id == portal_id,
        is_open(OutboxRow),
        or_(OutboxRow.attempts > 1, OutboxRow.due_at <= before),
    )
    return session.scalar(statement)


def held_back(session: Session, portal_id: int, methods: Collection[str]) -> datetime | None:
    """Since when the oldest call of one of these methods waits."""
    statement = select(func.min(OutboxRow.created_at)).where(
        OutboxRow.portal_id == portal_id, is_open(OutboxRow), OutboxRow.method.in_(methods)
    )
    return session.scalar(statement)


def late_letters(session: Session, portal_id: int, before: datetime) -> tuple[int, str]:
    """How many letters the mail server or its absence holds up, and the reason of most of them; letters that were due
    before a moment and never tried count as well, without a reason."""
    reason = LetterRow.error
    statement = (
        select(reason, func.count())
        .where(LetterRow.portal_id == portal_id, is_open(LetterRow))
        .where(or_(reason.not_in(PATIENT), (reason == "") & (LetterRow.due_at <= before)))
        .group_by(reason)
    )
    found = {str(why): int(count) for why, count in session.execute(statement)}
    return sum(found.values()), max(found, key=lambda why: (found[why], why), default="")


def changed_since(session: Session, portal_id: int, moment: datetime) -> int:
    """How many cards were changed in the portal after a moment, as far as is known; counted up to `ENOUGH`."""
    tables: tuple[Any, ...] = (Deal, Company, Contact, Lead)
    count = 0
    for table in tables:
        some = select(table.id).where(table.portal_id == portal_id, table.updated_at > moment).limit(ENOUGH)
        count += session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return min(count, ENOUGH)


def to_call(
    session: Session, portal_id: int, now: datetime
) -> tuple[list[tuple[int, str, int, int]], datetime | None, list[Wave]]:
    """People who are due to be called and in nobody's hands, in surveys that are in their calling days: survey, zone,
    how many, and of how many the slot has ended meanwhile; the last call in these surveys, and the surveys."""
    statement = select(Wave).where(Wave.portal_id == portal_id, Wave.stage == "calling")
    waves = list(session.scalars(statement.order_by(Wave.id)))
    if not waves:
        return [], None, []
    among = [wave.id for wave in waves]
    ended = func.sum(case((Invitation.call_until <= now, 1), else_=0))
    held = exists().where(CallLease.wave_client_id == Invitation.wave_client_id, CallLease.until > now)
    due = (
        select(Invitation.wave_id, Invitation.time_zone, func.count(), ended)
        .where(
            Invitation.portal_id == portal_id, Invitation.wave_id.in_(among), Invitation.outcome == "",
            Invitation.call_due_at <= now, ~held,
        )
        .group_by(Invitation.wave_id, Invitation.time_zone)
        .order_by(Invitation.wave_id, Invitation.time_zone)
    )  # fmt: skip
    last = select(func.max(Attempt.ended_at)).where(
        Attempt.portal_id == portal_id, Attempt.wave_id.in_(among), Attempt.undone_at.is_(None)
    )
    found = [(wave, zone, n, int(over)) for wave, zone, n, over in session.execute(due)]
    return found, session.scalar(last), waves


def keep_look(session: Session, portal_id: int, found: dict[str, Any]) -> None:
    """Keep what a look at mail and domains has found, beside what the set-up knows."""
    row = checks.locked(session, portal_id)
    row.found = {**(row.found or {}), "health": found}


def size(engine: Engine) -> int | None:
    """How large the database is, in bytes."""
    sqlite = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    postgres = "SELECT pg_database_size(current_database())"
    with engine.connect() as connection:
        found = connection.scalar(text(sqlite if engine.dialect.name == "sqlite" else postgres))
    return int(found) if found is not None else None


def folder(engine: Engine) -> Path | None:
    """Where the database lies on this machine; nothing for a server's, or one in memory."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name).resolve().parent

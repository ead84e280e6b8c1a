"""Read models of a portal's state for people; nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from integration.store.chores import ChoreRow
from integration.store.clients import Company, Contact, Deal
from integration.store.letters import STUCK as LETTERS_STUCK
from integration.store.letters import LetterRow
from integration.store.outbox import STUCK as CALLS_STUCK
from integration.store.outbox import OutboxRow
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave

OVER = ("closed", "cancelled")
CALLED = (
    "announced",
    "calling",
    "mailing",
    "reminders",
    "paused",
)  # whoever has no e-mail is called to the end
MANY = 100_000


@dataclass(frozen=True, slots=True)
class WaveCounts:
    """The wave that people ask about: its row, how many were invited, how many answered and counted."""

    wave: Wave
    invited: int
    answered: int


def cards(session: Session, portal_id: int) -> dict[str, int]:
    """How many companies, contacts and deals are mirrored and not deleted; counted up to `MANY` of each."""
    kinds: Mapping[str, Any] = {"companies": Company, "contacts": Contact, "deals": Deal}
    return {name: _bounded(session, portal_id, row) for name, row in kinds.items()}


def _bounded(session: Session, portal_id: int, row: Any) -> int:
    """A count that ends at `MANY`: nobody reads a million rows to see a progress bar."""
    some = select(row.id).where(row.portal_id == portal_id, row.deleted_at.is_(None)).limit(MANY)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def failed_chores(session: Session, portal_id: int, names: tuple[str, ...]) -> list[str]:
    """Those of the named chores that were given up."""
    found = session.scalars(
        select(ChoreRow.name).where(
            ChoreRow.portal_id == portal_id, ChoreRow.name.in_(names), ChoreRow.status == "buried"
        )
    )
    return sorted(found)


def open_chore(session: Session, portal_id: int, name: str) -> datetime | None:
    """When a chore that waits or is at work was due, UTC; nothing if there is none."""
    return session.scalar(
        select(ChoreRow.due_at).where(
            ChoreRow.portal_id == portal_id,
            ChoreRow.name == name,
            ChoreRow.status.in_(("waiting", "working")),
        )
    )


def stuck(session: Session, portal_id: int) -> dict[str, int]:
    """How many calls to the portal were given up; letters given up and of unknown fate, and both together."""
    outbox = select(func.count()).where(OutboxRow.portal_id == portal_id, text(f"outbox.{CALLS_STUCK}"))
    letters = (
        select(LetterRow.status, func.count())
        .where(LetterRow.portal_id == portal_id, text(f"letters.{LETTERS_STUCK}"))
        .group_by(LetterRow.status)
    )
    by_status = dict(session.execute(letters).all())
    return {
        "outbox": session.scalar(outbox) or 0,
        "letters": sum(by_status.values()),
        "buried": by_status.get("buried", 0),
        "unknown": by_status.get("unknown", 0),
    }


def current_wave_id(session: Session, portal_id: int) -> int | None:
    """The id of the wave that runs or comes next, else of the last one."""
    return current_wave_and_calls(session, portal_id)[0]


def current_wave_and_calls(session: Session, portal_id: int) -> tuple[int | None, bool]:
    """The id of the wave that runs or comes next, else of the last one; and whether clients are called in it, now or
    soon: it is approved, not over, and has calls in its plan."""
    statement = (
        select(Wave.id, Wave.stage, Wave.plan)
        .where(Wave.portal_id == portal_id, Wave.stage != "cancelled", Wave.of_years())
        .order_by(Wave.stage.in_(OVER), Wave.planned_at.desc(), Wave.id.desc())
    )
    found = session.execute(statement.limit(1)).first()
    if found is None:
        return None, False
    return found.id, found.stage in CALLED and bool((found.plan or {}).get("calling"))


def current_wave(session: Session, portal_id: int) -> WaveCounts | None:
    """The wave that runs or comes next, else the last one, with its counts."""
    wave_id = current_wave_id(session, portal_id)
    wave = session.scalars(select(Wave).where(Wave.portal_id == portal_id, Wave.id == wave_id)).first()
    if wave is None:
        return None
    invited = select(func.count()).where(Invitation.portal_id == portal_id, Invitation.wave_id == wave.id)
    answered = select(func.count()).where(
        Response.portal_id == portal_id, Response.wave_id == wave.id, Response.status == "counted"
    )
    return WaveCounts(wave, session.scalar(invited) or 0, session.scalar(answered) or 0)


def kept(session: Session, portal_id: int) -> tuple[int, int, tuple[str, ...]]:
    """What an installation left behind, for whoever decides about it: clients (up to `MANY` companies and contacts),
    answers, names of the surveys, last year first."""
    clients = _bounded(session, portal_id, Company) + _bounded(session, portal_id, Contact)
    answers = session.scalar(select(func.count()).where(Response.portal_id == portal_id)) or 0
    named = select(Wave.name).where(Wave.portal_id == portal_id, Wave.of_years())
    waves = session.scalars(named.order_by(Wave.name.desc()))
    return clients, answers, tuple(waves)

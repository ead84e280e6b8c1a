"""Read models of a portal's state for people; nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integration.store.chores import ChoreRow
from integration.store.clients import Company, Contact, Deal
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave

OVER = ("closed", "cancelled")


@dataclass(frozen=True, slots=True)
class WaveCounts:
    """The wave that people ask about: its row, how many were invited, how many answered and counted."""

    wave: Wave
    invited: int
    answered: int


def cards(session: Session, portal_id: int) -> dict[str, int]:
    """How many companies, contacts and deals are mirrored and not deleted."""
    kinds: Mapping[str, Any] = {"companies": Company, "contacts": Contact, "deals": Deal}
    return {
        name: session.scalar(
            select(func.count()).select_from(row).where(row.portal_id == portal_id, row.deleted_at.is_(None))
        )
        or 0
        for name, row in kinds.items()
    }


def failed_chores(session: Session, portal_id: int, names: tuple[str, ...]) -> list[str]:
    """Those of the named chores that were given up."""
    found = session.scalars(
        select(ChoreRow.name).where(
            ChoreRow.portal_id == portal_id, ChoreRow.name.in_(names), ChoreRow.status == "buried"
        )
    )
    return sorted(found)


def stuck(session: Session, portal_id: int) -> dict[str, int]:
    """How many calls to the portal were given up and how many letters need a person's decision."""
    outbox = select(func.count()).where(OutboxRow.portal_id == portal_id, OutboxRow.status == "buried")
    letters = select(func.count()).where(
        LetterRow.portal_id == portal_id, LetterRow.status.in_(("buried", "unknown"))
    )
    return {"outbox": session.scalar(outbox) or 0, "letters": session.scalar(letters) or 0}


def current_wave(session: Session, portal_id: int) -> WaveCounts | None:
    """The wave that runs or comes next, else the last one, with its counts."""
    statement = (
        select(Wave)
        .where(Wave.portal_id == portal_id, Wave.stage != "cancelled")
        .order_by(Wave.stage.in_(OVER), Wave.planned_at.desc(), Wave.id.desc())
    )
    wave = session.scalars(statement.limit(1)).first()
    if wave is None:
        return None
    invited = select(func.count()).where(Invitation.portal_id == portal_id, Invitation.wave_id == wave.id)
    answered = select(func.count()).where(
        Response.portal_id == portal_id, Response.wave_id == wave.id, Response.status == "counted"
    )
    return WaveCounts(wave, session.scalar(invited) or 0, session.scalar(answered) or 0)

"""Calls of a wave as they are counted and shown: every attempt once, and how many wait to be called (N6, W15).

Attempts taken back count nowhere. Every function names its portal and takes a `Scope` where people look.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from integration.store.attempts import Attempt, CallLease
from integration.store.reports import EVERYONE, Scope, within
from integration.store.waves import Invitation, WaveClient

PROMISED, USED_UP, WRONG, NO_PHONE, DUE, LATER = (
    "promised", "used_up", "wrong_number", "no_phone", "due", "later",
)  # fmt: skip
SHEET = "sheet:"  # how the reservations of sheets name their holder
PHONES = (
    PROMISED,
    DUE,
    LATER,
    USED_UP,
    WRONG,
    "out_of_service",
    "asks_email",
    NO_PHONE,
    "called",
    "never_called",
)


@dataclass(frozen=True, slots=True)
class Made:
    """One call that was made, with how it ended for its person so far; `at` UTC, `zone` of the person."""

    invitation_id: int
    at: datetime
    outcome: str
    zone: str
    caller: str
    caller_name: str
    ended: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """People of a wave by where their calls stand. `due` may be called now, `later` not yet, `promised` among both;
    `in_hand`: a caller talks to them, `on_sheet`: a call centre's sheet has them (clients both); `over`: why others are
    called no more; `today`, `answers`: calls and answers since the day began, `reached` of them; `overdue`: those of
    `due` whose slot has ended meanwhile, by zone.
    """

    due: int = 0
    later: int = 0
    promised: int = 0
    in_hand: int = 0
    over: tuple[tuple[str, int], ...] = ()
    today: int = 0
    reached: int = 0
    answers: int = 0
    on_sheet: int = 0
    overdue: tuple[tuple[str, int], ...] = ()


def made(session: Session, portal_id: int, wave_id: int, scope: Scope = EVERYONE) -> list[Made]:
    """Every call of a wave, person by person, in the order they were made."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            Attempt.invitation_id, Attempt.ended_at, Attempt.outcome, Invitation.time_zone, Attempt.caller,
            Attempt.caller_name, Invitation.outcome,
        )
        .join(Invitation, Invitation.id == Attempt.invitation_id)
        .where(Attempt.portal_id == portal_id, Attempt.wave_id == wave_id, Attempt.undone_at.is_(None))
        .order_by(Attempt.invitation_id, Attempt.ended_at, Attempt.number)
    )  # fmt: skip
    if not scope.everyone:
        statement = statement.join(WaveClient, WaveClient.id == Invitation.wave_client_id).where(
            within(scope)
        )
    return [Made(*row) for row in session.execute(statement)]


def of_people(session: Session, portal_id: int, invitation_ids: Collection[int]) -> list[Attempt]:
    """The attempts at these people, oldest first, those taken back too."""
    if not invitation_ids:
        return []
    statement = (
        select(Attempt)
        .where(Attempt.portal_id == portal_id, Attempt.invitation_id.in_(invitation_ids))
        .order_by(Attempt.ended_at, Attempt.id)
    )
    return list(session.scalars(statement))


def waiting(
    session: Session, portal_id: int, wave_id: int, scope: Scope, now: datetime, since: datetime,
    reached: Collection[str],
) -> Waiting:  # fmt: skip
    """Where the calls of a wave stand; `since`: when the day of the portal began; `reached`: outcomes of a talk."""
    open_now = and_(Invitation.outcome == "", Invitation.call_due_at.is_not(None))
    due = and_(open_now, Invitation.call_due_at <= now)
    counts = (
        func.sum(case((due, 1), else_=0)), func.sum(case((and_(open_now, ~due), 1), else_=0)),
        func.sum(case((and_(open_now, Invitation.promised_at.is_not(None)), 1), else_=0)),
    )  # fmt: skip
    of_wave = (Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, within(scope))
    lines = WaveClient.id == Invitation.wave_client_id
    row = session.execute(select(*counts).join(WaveClient, lines).where(*of_wave)).one()
    over = session.execute(
        select(Invitation.calls_over, func.count())
        .join(WaveClient, lines)
        .where(*of_wave, Invitation.calls_over != "", Invitation.outcome == "")
        .group_by(Invitation.calls_over)
        .order_by(Invitation.calls_over)
    ).all()
    overdue = session.execute(
        select(Invitation.time_zone, func.count())
        .join(WaveClient, lines)
        .where(*of_wave, due, Invitation.call_until <= now)
        .group_by(Invitation.time_zone)
        .order_by(Invitation.time_zone)
    ).all()
    of_sheet = func.coalesce(func.sum(case((CallLease.holder.like(f"{SHEET}%"), 1), else_=0)), 0)
    leases, on_sheets = session.execute(
        select(func.count(), of_sheet)
        .select_from(CallLease)
        .join(WaveClient, WaveClient.id == CallLease.wave_client_id)
        .where(CallLease.portal_id == portal_id, CallLease.wave_id == wave_id, CallLease.until > now, within(scope))
    ).one()  # fmt: skip
    calls = session.execute(
        select(
            func.count(), func.sum(case((Attempt.outcome.in_(sorted(reached)), 1), else_=0)),
            func.sum(case((Attempt.outcome == "answered", 1), else_=0)),
        )
        .join(Invitation, Invitation.id == Attempt.invitation_id)
        .join(WaveClient, lines)
        .where(Attempt.portal_id == portal_id, Attempt.wave_id == wave_id, Attempt.undone_at.is_(None))
        .where(Attempt.ended_at >= since, within(scope))
    ).one()  # fmt: skip
    return Waiting(
        int(row[0] or 0), int(row[1] or 0), int(row[2] or 0), leases - int(on_sheets),
        tuple((why, n) for why, n in over), calls[0], int(calls[1] or 0), int(calls[2] or 0), int(on_sheets),
        tuple((zone, n) for zone, n in overdue),
    )  # fmt: skip


def ended_slots(session: Session, portal_id: int, wave_id: int, now: datetime) -> list[str]:
    """Time zones of people whose slot has ended without a call."""
    statement = select(Invitation.time_zone).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome == "",
        Invitation.call_until <= now,
    )  # fmt: skip
    return sorted(session.scalars(statement.distinct()))


def phone_state(state: str, now: datetime, shut: Collection[str] = ()) -> ColumnElement[bool]:
    """The condition on people whose calls stand so; see `PHONES`. `shut`: zones where nobody may be called at this
    hour, so that a slot that has ended there goes on another day."""
    still = Invitation.outcome == ""
    due = Invitation.call_due_at
    ended = func.coalesce(Invitation.call_until <= now, False) & Invitation.time_zone.in_(sorted(shut))
    conditions: dict[str, ColumnElement[bool]] = {
        PROMISED: and_(still, Invitation.promised_at.is_not(None), due.is_not(None)),
        DUE: and_(still, due <= now, ~ended),
        LATER: and_(still, or_(due > now, and_(due <= now, ended))),
        "called": Invitation.attempts > 0,
        "never_called": and_(Invitation.attempts == 0, Invitation.phone != ""),
        NO_PHONE: or_(Invitation.phone == "", Invitation.calls_over == NO_PHONE),
    }
    found = conditions.get(state)
    return found if found is not None else Invitation.calls_over == state


def depth(session: Session, now: datetime) -> dict[str, int]:
    """People of all portals who may be called at this moment, and who are in a caller's hands, for the operator."""
    due = select(func.count()).where(Invitation.outcome == "", Invitation.call_due_at <= now)
    in_hand = select(func.count()).select_from(CallLease).where(CallLease.until > now)
    return {"due": session.execute(due).scalar_one(), "in_hand": session.execute(in_hand).scalar_one()}

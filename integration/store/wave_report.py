"""What the report of a wave counts, of the clients a viewer may see (product.md E7, N, W14).

Every function takes a `Scope`. Answers come one row each, in one query; everything else is summed up by the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from integration.store.letters import LetterRow
from integration.store.reports import Scope, within
from integration.store.responses import Response, ResponseRevision
from integration.store.wave_lists import LEFT, QUESTIONS
from integration.store.waves import Invitation, Wave, WaveClient

REMINDERS = ("reminder", "last_reminder")
UNDER_WAY = ("draft", "rehearsed", "cancelled")  # stages of waves that have nothing to compare with


@dataclass(frozen=True, slots=True)
class Answer:
    """One counted answer with its client, as it stood on the list. `at` UTC; `off_list`: the client was taken out."""

    line_id: int
    client_kind: str
    client_id: int
    client: str
    manager_id: int | None
    city: str
    revenue: Decimal
    off_list: bool
    contact_id: int
    person: str
    role: str
    score: int
    channel: str
    at: datetime


@dataclass(frozen=True, slots=True)
class People:
    """Respondents with one outcome and one channel of a counted answer (both may be empty), those excluded left out.

    `announced`, `asked`, `reminded`: how many got such a letter, or may have got it; `after`: who answered after a
    reminder.
    """

    outcome: str
    channel: str
    people: int
    announced: int
    asked: int
    reminded: int
    after: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Clients on the list of one account manager in one city, and those of them who are asked."""

    manager_id: int | None
    city: str
    listed: int
    asked: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a score rests on (product.md E7): clients on the list, asked, excluded by hand, taken off although their
    answer counts; people of those asked; yearly revenue on the list, of those asked and of those who answered;
    `priced`: clients asked whose revenue is known. Money in the portal's base currency."""

    clients: int
    asked: int
    excluded: int
    off_list: int
    people: int
    revenue: Decimal
    asked_revenue: Decimal
    answered_revenue: Decimal
    priced: int


@dataclass(frozen=True, slots=True)
class Correction:
    """An answer that was changed after the result had been frozen: what stood before and what stands since (W14)."""

    client_kind: str
    client_id: int
    client: str
    person: str
    score: int
    author: str
    reason: str
    at: datetime
    before: int | None


def answers(session: Session, portal_id: int, wave_id: int, scope: Scope) -> list[Answer]:
    """Every counted answer of a wave, by client and person."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            WaveClient.id, WaveClient.client_kind, WaveClient.client_id, WaveClient.name, WaveClient.manager_id,
            WaveClient.city, WaveClient.yearly_revenue, ~WaveClient.eligible, Invitation.contact_id, Invitation.name,
            Invitation.role, Response.score, Response.channel, Response.answered_at,
        )
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Response.portal_id == portal_id, Response.wave_id == wave_id, Response.status == "counted")
        .where(within(scope))
        .order_by(WaveClient.id, Invitation.contact_id)
    )  # fmt: skip
    return [Answer(*row) for row in session.execute(statement)]


def people(session: Session, portal_id: int, wave_id: int, scope: Scope) -> list[People]:
    """The people of a wave by outcome and channel, with the letters that left for them (product.md N6)."""
    first_reminder = func.min(case((LetterRow.kind.in_(REMINDERS), LetterRow.handed_at)))
    got = (
        select(
            Invitation.id.label("id"),
            func.max(case((LetterRow.kind == "announcement", 1), else_=0)).label("announced"),
            func.max(case((LetterRow.kind.in_(QUESTIONS), 1), else_=0)).label("asked"),
            first_reminder.label("reminded_at"),
        )
        .join(LetterRow, and_(LetterRow.invitation_id == Invitation.id, LetterRow.status.in_(LEFT)))
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id)
        .where(LetterRow.portal_id == portal_id)
        .group_by(Invitation.id)
        .subquery()
    )
    counted = and_(
        Response.invitation_id == Invitation.id, Response.portal_id == portal_id, Response.status == "counted"
    )
    channel = func.coalesce(Response.channel, "")
    reminded, after = got.c.reminded_at.is_not(None), Response.answered_at >= got.c.reminded_at
    statement = (
        select(
            Invitation.outcome, channel, func.count(), func.sum(func.coalesce(got.c.announced, 0)),
            func.sum(func.coalesce(got.c.asked, 0)), func.count(case((reminded, 1))), func.count(case((after, 1))),
        )
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(got, got.c.id == Invitation.id)
        .outerjoin(Response, counted)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome != "excluded")
        .where(within(scope))
        .group_by(Invitation.outcome, channel)
    )  # fmt: skip
    return [
        People(outcome, by, int(n), int(announced or 0), int(asked or 0), int(again), int(late))
        for outcome, by, n, announced, asked, again, late in session.execute(statement)
    ]


def outcomes(session: Session, portal_id: int, wave_id: int, scope: Scope) -> dict[str, int]:
    """Invitations by outcome, those excluded too; the empty one is still open (product.md W14)."""
    statement = (
        select(Invitation.outcome, func.count())
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, within(scope))
        .group_by(Invitation.outcome)
    )
    return dict(session.execute(statement).all())


def asked_by(session: Session, portal_id: int, wave_id: int, scope: Scope) -> list[Asked]:
    """The clients of a list by account manager and city."""
    statement = (
        select(
            WaveClient.manager_id, WaveClient.city, func.count(), func.sum(case((WaveClient.eligible, 1), else_=0))
        )
        .where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, within(scope))
        .group_by(WaveClient.manager_id, WaveClient.city)
    )  # fmt: skip
    return [
        Asked(manager, city, n, int(asked or 0)) for manager, city, n, asked in session.execute(statement)
    ]


def coverage(session: Session, portal_id: int, wave_id: int, scope: Scope) -> Coverage:
    """What the score of these clients rests on."""
    asked, money, said = WaveClient.eligible, WaveClient.yearly_revenue, _has_answered()
    statement = select(
        func.count(), func.sum(case((asked, 1), else_=0)),
        func.sum(case((WaveClient.reason == "excluded_by_hand", 1), else_=0)),
        func.sum(case((and_(~asked, said), 1), else_=0)), func.sum(money), func.sum(case((asked, money))),
        func.sum(case((and_(asked, said), money))), func.sum(case((and_(asked, money > 0), 1), else_=0)),
    ).where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, within(scope))  # fmt: skip
    clients, eligible, excluded, off, *sums, priced = session.execute(statement).one()
    total, of_asked, of_answered = (Decimal(one or 0).quantize(Decimal("0.01")) for one in sums)
    counted = (
        select(func.count())
        .select_from(Invitation)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome != "excluded")
        .where(within(scope))
    )  # fmt: skip
    contacts = session.execute(counted).scalar_one()
    return Coverage(
        clients, int(eligible or 0), int(excluded or 0), int(off or 0), contacts, total, of_asked, of_answered,
        int(priced or 0),
    )  # fmt: skip


def _has_answered() -> Any:
    return exists(
        select(Response.id)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .where(Invitation.wave_client_id == WaveClient.id, Response.status == "counted")
        .correlate(WaveClient)
    )


def before(session: Session, portal_id: int, wave: Wave) -> Wave | None:
    """The wave before this one: the latest planned earlier that has counted answers (product.md N4)."""
    earlier = or_(
        Wave.planned_at < wave.planned_at, and_(Wave.planned_at == wave.planned_at, Wave.id < wave.id)
    )
    answered = select(Response.id).where(Response.wave_id == Wave.id, Response.status == "counted").exists()
    statement = (
        select(Wave)
        .where(
            Wave.portal_id == portal_id,
            Wave.id != wave.id,
            Wave.stage.not_in(UNDER_WAY),
            earlier,
            answered,
            Wave.of_years(),
        )
        .order_by(Wave.planned_at.desc(), Wave.id.desc())
        .limit(1)
    )
    return session.scalars(statement).first()


def corrections(
    session: Session, portal_id: int, wave_id: int, scope: Scope, since: datetime, limit: int
) -> list[Correction]:
    """What became of answers after a moment, UTC, newest first: corrected, or counted only since."""
    earlier = aliased(ResponseRevision)
    stood = (
        select(earlier.score)
        .where(
            earlier.response_id == ResponseRevision.response_id, earlier.status == "counted",
            earlier.revision < ResponseRevision.revision,
        )
        .order_by(earlier.revision.desc())
        .limit(1)
        .scalar_subquery()
    )  # fmt: skip
    statement: Select[*tuple[Any, ...]] = (
        select(
            WaveClient.client_kind, WaveClient.client_id, WaveClient.name, Invitation.name, ResponseRevision.score,
            ResponseRevision.author, ResponseRevision.reason, ResponseRevision.at, stood,
        )
        .join(Response, Response.id == ResponseRevision.response_id)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(ResponseRevision.portal_id == portal_id, Response.wave_id == wave_id, within(scope))
        .where(ResponseRevision.status == "counted", ResponseRevision.at > since)
        .order_by(ResponseRevision.at.desc(), ResponseRevision.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [Correction(*row) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A client that is not asked, with its one reason (product.md E4); `detail`: who took it out by hand, and why."""

    client_kind: str
    client_id: int
    client: str
    reason: str
    detail: str


def left_out(session: Session, portal_id: int, wave_id: int, scope: Scope, each: int) -> list[LeftOut]:
    """The first few clients by name of every reason, at most `each`."""
    place = func.row_number().over(partition_by=WaveClient.reason, order_by=(WaveClient.name, WaveClient.id))
    numbered = (
        select(
            WaveClient.client_kind, WaveClient.client_id, WaveClient.name, WaveClient.reason,
            WaveClient.reason_detail, place.label("place"),
        )
        .where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.reason != "")
        .where(within(scope))
        .subquery()
    )  # fmt: skip
    c = numbered.c
    statement: Select[*tuple[Any, ...]] = (
        select(c.client_kind, c.client_id, c.name, c.reason, c.reason_detail)
        .where(c.place <= each)
        .order_by(c.reason, c.place)
    )
    return [LeftOut(*row) for row in session.execute(statement)]

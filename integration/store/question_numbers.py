"""Extra questions in numbers and in words, as far as a viewer sees the clients (product.md N11, P2)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from integration.store.questions import ExtraAnswer
from integration.store.reports import EVERYONE, Scope, within
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient


class Counted(NamedTuple):
    """So many answers of a wave to one version of a question with one value."""

    question: str
    version: int
    value: str
    n: int


class Line(NamedTuple):
    """One extra answer of one person for a table. `score`: the answer to the question of the survey beside it."""

    client_kind: str
    client_id: int
    client: str
    person: str
    contact_id: int
    question: str
    version: int
    language: str
    value: str
    status: str
    score: int
    channel: str
    recorded_by: str
    answered_at: datetime
    wave: str  # its name; of a survey after projects that of its month


def _of_wave(
    statement: Select[*tuple[Any, ...]], portal_id: int, wave_id: int | None, scope: Scope
) -> Select[*tuple[Any, ...]]:
    of = ~Wave.of_years() if wave_id is None else ExtraAnswer.wave_id == wave_id
    return (
        statement.select_from(ExtraAnswer)
        .join(Response, Response.id == ExtraAnswer.response_id)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == ExtraAnswer.wave_id)
        .where(ExtraAnswer.portal_id == portal_id, Wave.portal_id == portal_id, of, ExtraAnswer.value != "")
        .where(within(scope))
    )


def counted(session: Session, portal_id: int, wave_id: int, scope: Scope = EVERYONE) -> list[Counted]:
    """How often each value was given in a wave by people whose answer counts, by question and version."""
    chosen = (ExtraAnswer.question, ExtraAnswer.version, ExtraAnswer.value)
    statement: Select[*tuple[Any, ...]] = (
        _of_wave(select(*chosen, func.count()), portal_id, wave_id, scope)
        .where(ExtraAnswer.status == "counted", Response.status == "counted")
        .group_by(*chosen)
        .order_by(*chosen)
    )
    return [Counted(*row) for row in session.execute(statement)]


def counted_after_projects(
    session: Session, portal_id: int, scope: Scope = EVERYONE
) -> list[tuple[str, Counted]]:
    """The same of every survey after projects, with the name of its month (product.md W16)."""
    chosen = (Wave.name, ExtraAnswer.question, ExtraAnswer.version, ExtraAnswer.value)
    statement: Select[*tuple[Any, ...]] = (
        _of_wave(select(*chosen, func.count()), portal_id, None, scope)
        .where(ExtraAnswer.status == "counted", Response.status == "counted")
        .group_by(*chosen)
        .order_by(*chosen)
    )
    return [(month, Counted(*row)) for month, *row in session.execute(statement)]


def lines(
    session: Session, portal_id: int, wave_id: int | None, scope: Scope, keys: Collection[str] | None = None,
    limit: int | None = None,
) -> list[Line]:  # fmt: skip
    """Every extra answer of a wave, of None: of all surveys after projects, also held ones, by client and person; with
    `keys` those of these questions that count, the newest first, at most `limit`."""
    columns = (
        WaveClient.client_kind, WaveClient.client_id, WaveClient.name, Invitation.name, Invitation.contact_id,
        ExtraAnswer.question, ExtraAnswer.version, ExtraAnswer.language, ExtraAnswer.value, ExtraAnswer.status,
        Response.score, Response.channel, ExtraAnswer.recorded_by, ExtraAnswer.answered_at,
        Wave.name,
    )  # fmt: skip
    statement = _of_wave(select(*columns), portal_id, wave_id, scope)
    if keys is None:
        statement = statement.order_by(WaveClient.name, WaveClient.id, Invitation.id, ExtraAnswer.id)
    else:
        statement = statement.where(
            ExtraAnswer.question.in_(sorted(keys)),
            ExtraAnswer.status == "counted",
            Response.status == "counted",
        ).order_by(ExtraAnswer.answered_at.desc(), ExtraAnswer.id.desc())
    return [Line(*row) for row in session.execute(statement.limit(limit) if limit else statement)]


def earlier(
    session: Session, portal_id: int, wave: Wave, keys: Collection[str]
) -> dict[str, tuple[int, str]]:
    """The last survey of the same kind before this one in which each of these questions was answered: number, name."""
    before = or_(
        Wave.planned_at < wave.planned_at, and_(Wave.planned_at == wave.planned_at, Wave.id < wave.id)
    )
    statement = (
        select(ExtraAnswer.question, Wave.id, Wave.name)
        .join(Wave, Wave.id == ExtraAnswer.wave_id)
        .join(Response, Response.id == ExtraAnswer.response_id)
        .where(
            ExtraAnswer.portal_id == portal_id, ExtraAnswer.question.in_(sorted(keys)), ExtraAnswer.value != "",
            ExtraAnswer.status == "counted", Response.status == "counted", Wave.portal_id == portal_id,
            Wave.kind == wave.kind, Wave.stage != "cancelled", before,
        )
        .distinct()
        .order_by(Wave.planned_at, Wave.id)
        .add_columns(Wave.planned_at)
    )  # fmt: skip
    return {key: (number, name) for key, number, name, _ in session.execute(statement)}

"""Surveys after projects as pages and files show them: runs with what came of each, answers by month (W16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import Company, Contact, Deal, StageMove
from integration.store.portals import Stage
from integration.store.project_runs import ASKED, NEW, OVER, SKIPPED, ProjectRun
from integration.store.reports import Scope, within
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient

STATES = ("", "decide", "waits", "asked", "answered", "silent", "skipped")


@dataclass(frozen=True, slots=True)
class Shown:
    """A run with its deal, client, person and answer; empty where there is none (yet)."""

    run: ProjectRun
    deal: str
    client: str
    kind: str
    client_id: int
    manager_id: int | None
    city: str
    invitation: Invitation | None
    response: Response | None

    @property
    def key(self) -> ClientKey | None:
        """The client."""
        if not self.client_id:
            return None
        return ClientKey("company" if self.kind == "company" else "contact", self.client_id)


def listed(
    session: Session, portal_id: int, scope: Scope, state: str, many: str, skip: int, limit: int
) -> list[Shown]:
    """Runs in a state, the youngest first. `many`: the reason of those that wait for a person."""
    statement = _runs(portal_id, scope).where(_in_state(state, many)).order_by(ProjectRun.id.desc())
    return [_shown(row) for row in session.execute(statement.offset(skip).limit(limit))]


def one(session: Session, portal_id: int, run_id: int) -> Shown | None:
    """A run by its number."""
    row = session.execute(_runs(portal_id, Scope(True)).where(ProjectRun.id == run_id)).first()
    return _shown(row) if row is not None else None


def of_deal(session: Session, portal_id: int, deal_id: int, limit: int) -> list[Shown]:
    """The runs of a deal, the youngest first."""
    statement = _runs(portal_id, Scope(True)).where(ProjectRun.deal_id == deal_id)
    return [_shown(row) for row in session.execute(statement.order_by(ProjectRun.id.desc()).limit(limit))]


def of_client(session: Session, portal_id: int, client: ClientKey, limit: int) -> list[Shown]:
    """The runs about deals of a client, the youngest first."""
    mine = and_(Deal.client_kind == client.kind, Deal.client_id == client.id)
    line = and_(WaveClient.client_kind == client.kind, WaveClient.client_id == client.id)
    statement = _runs(portal_id, Scope(True)).where(or_(mine, line))
    return [_shown(row) for row in session.execute(statement.order_by(ProjectRun.id.desc()).limit(limit))]


def counts(session: Session, portal_id: int, scope: Scope, many: str) -> dict[str, int]:
    """How many runs there are in each state."""
    found: dict[str, int] = {}
    for state in STATES:
        some = _runs(portal_id, scope).where(_in_state(state, many)).with_only_columns(ProjectRun.id)
        found[state] = session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return found


def answers(
    session: Session, portal_id: int, scope: Scope
) -> list[tuple[str, int | None, int | None, int | None, int]]:
    """People asked about projects: name of the month, manager, pipeline, score of a counted answer or nothing, how
    many."""
    counted = and_(
        Response.invitation_id == Invitation.id, Response.portal_id == portal_id, Response.status == "counted"
    )
    columns = (Wave.name, WaveClient.manager_id, Deal.category_id, Response.score)
    statement = (
        select(*columns, func.count())
        .select_from(Invitation)
        .join(Wave, Wave.id == Invitation.wave_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(Deal, and_(Deal.portal_id == portal_id, Deal.id == WaveClient.deal_id))
        .outerjoin(Response, counted)
        .where(
            Invitation.portal_id == portal_id, Wave.portal_id == portal_id, ~Wave.of_years(), within(scope)
        )
        .group_by(*columns)
        .order_by(*columns)
    )
    return [
        (name, manager, category, score, n)
        for name, manager, category, score, n in session.execute(statement)
    ]


def held(session: Session, portal_id: int) -> int:
    """Answers about projects that wait for somebody to confirm them."""
    statement = (
        select(func.count())
        .select_from(Response)
        .join(Wave, Wave.id == Response.wave_id)
        .where(Response.portal_id == portal_id, Response.status == "held", ~Wave.of_years())
    )
    return session.scalar(statement) or 0


def held_back(session: Session, portal_id: int, many: str) -> int:
    """Runs that wait for a person because there were too many at once."""
    statement = select(func.count()).where(
        ProjectRun.portal_id == portal_id, ProjectRun.status == NEW, ProjectRun.due_at.is_(None),
        ProjectRun.reason == many,
    )  # fmt: skip
    return session.scalar(statement) or 0


def any_run(session: Session, portal_id: int) -> bool:
    """Whether there has ever been one."""
    statement = select(ProjectRun.id).where(ProjectRun.portal_id == portal_id).limit(1)
    return session.scalar(statement) is not None


def stages(session: Session, portal_id: int) -> dict[str, str]:
    """Names of the deals' stages."""
    statement = select(Stage.stage_id, Stage.name).where(Stage.portal_id == portal_id)
    return dict(session.execute(statement).all())


def cities(session: Session, portal_id: int) -> set[str]:
    """Every spelling of a city on the companies' cards and on the lists of these surveys."""
    cards = select(Company.city).where(Company.portal_id == portal_id, Company.city != "").distinct()
    lines = select(WaveClient.city).where(WaveClient.portal_id == portal_id).distinct()
    return {*session.scalars(cards), *session.scalars(lines)} - {""}


def manager_and_city(session: Session, portal_id: int, client: ClientKey) -> tuple[int | None, str]:
    """Who is responsible for a client's card, and its city."""
    if client.kind == "company":
        company = session.get(Company, (portal_id, client.id))
        return (company.assigned_by, company.city) if company is not None else (None, "")
    contact = session.get(Contact, (portal_id, client.id))
    return (contact.assigned_by, "") if contact is not None else (None, "")


def before_entry(session: Session, portal_id: int, deal_id: int, move_id: int) -> str | None:
    """The stage that a deal came from when it made this move; nothing if it was created there."""
    statement = (
        select(StageMove.stage_id)
        .where(StageMove.portal_id == portal_id, StageMove.deal_id == deal_id, StageMove.id < move_id)
        .order_by(StageMove.id.desc())
        .limit(1)
    )
    return session.scalars(statement).first()


def _in_state(state: str, many: str) -> ColumnElement[bool]:
    held_back = and_(ProjectRun.status == NEW, ProjectRun.due_at.is_(None), ProjectRun.reason == many)
    unconfirmed = and_(ProjectRun.status == ASKED, Response.status == "held")
    answered = Response.status == "counted"
    if state == "decide":
        return or_(held_back, func.coalesce(unconfirmed, False))
    if state == "waits":
        return and_(ProjectRun.status == NEW, ProjectRun.due_at.is_not(None))
    if state == "asked":
        return and_(ProjectRun.status == ASKED, func.coalesce(~answered, True))
    if state == "answered":
        return answered
    if state == "silent":
        return and_(ProjectRun.status == OVER, func.coalesce(~answered, True))
    return ProjectRun.status == SKIPPED if state == "skipped" else true()


def _runs(portal_id: int, scope: Scope) -> Any:
    statement = (
        select(ProjectRun, Deal, Company, Contact, WaveClient, Invitation, Response)
        .outerjoin(Deal, and_(Deal.portal_id == portal_id, Deal.id == ProjectRun.deal_id))
        .outerjoin(
            Company,
            and_(Company.portal_id == portal_id, Deal.client_kind == "company", Company.id == Deal.client_id),
        )
        .outerjoin(
            Contact,
            and_(Contact.portal_id == portal_id, Deal.client_kind == "contact", Contact.id == Deal.client_id),
        )
        .outerjoin(Invitation, Invitation.id == ProjectRun.invitation_id)
        .outerjoin(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(Response, and_(Response.invitation_id == Invitation.id, Response.portal_id == portal_id))
        .where(ProjectRun.portal_id == portal_id)
    )
    if scope.everyone:
        return statement
    return statement.where(
        or_(
            WaveClient.manager_id.in_(scope.people), WaveClient.city.in_(scope.cities),
            Deal.assigned_by.in_(scope.people), Company.assigned_by.in_(scope.people),
            Contact.assigned_by.in_(scope.people), Company.city.in_(scope.cities),
        )
    )  # fmt: skip


def _shown(row: Any) -> Shown:
    run, deal, company, contact, line, invitation, response = row
    person = f"{contact.name} {contact.last_name}".strip() if contact is not None else ""
    name = line.name if line is not None else company.title if company is not None else person
    return Shown(
        run=run, deal=deal.title if deal is not None else "", client=name or person,
        kind=line.client_kind if line is not None else deal.client_kind if deal is not None else "",
        client_id=line.client_id if line is not None else deal.client_id if deal is not None else 0,
        manager_id=line.manager_id if line is not None else deal.assigned_by if deal is not None else None,
        city=line.city if line is not None else company.city if company is not None else "",
        invitation=invitation, response=response,
    )  # fmt: skip

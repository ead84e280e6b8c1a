"""Numbers of waves for people: aggregates only, so that no page reads a client by itself (product.md N, E7).

Every function takes a `Scope`: whose clients the viewer may see (product.md P2). All counts are of one portal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from integration.store.portals import Staff
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient


@dataclass(frozen=True, slots=True)
class Scope:
    """Clients of these account managers or in these cities (spelled as on the lists); or everybody's."""

    everyone: bool = False
    people: frozenset[int] = frozenset()
    cities: frozenset[str] = frozenset()


EVERYONE = Scope(everyone=True)
_VALUES = ("decider", "worst", "weight", "weighted")


@dataclass(frozen=True, slots=True)
class AccountGroup:
    """How many clients of a wave have the same answers, as far as the account rule looks at them (N1).

    `decider`: the lowest score of those who decide, None if none of them answered; `worst`: the lowest of all;
    `weight` and `weighted`: the sum of weights, and of weight times score.
    """

    wave_id: int
    decider: int | None
    worst: int
    weight: int
    weighted: int
    clients: int
    revenue: Decimal = Decimal(0)  # of those of them asked, in the year before the list was frozen
    off_list: int = 0  # how many of them were taken off the list although their answer counts (product.md N2)
    then: AccountGroup | None = None  # what they answered in the earlier wave, if they did


@dataclass(frozen=True, slots=True)
class Funnel:
    """People of a wave: invited, with the announcement, with the question, and by outcome; "" is still open.

    Of the open ones, `held` have answered and wait for confirmation (product.md S1), `later` asked to be asked later.
    """

    people: int
    announced: int
    asked: int
    outcomes: Mapping[str, int]
    held: int = 0
    later: int = 0

    @property
    def silent(self) -> int:
        """Those who have said nothing at all so far."""
        return max(0, self.outcomes.get("", 0) - self.held - self.later)


def within(scope: Scope) -> ColumnElement[bool]:
    """The condition on lines of a list."""
    if scope.everyone:
        return true()
    return or_(WaveClient.manager_id.in_(scope.people), WaveClient.city.in_(scope.cities))


def names(session: Session, portal_id: int, user_ids: Collection[int]) -> dict[int, str]:
    """Full names of employees, unknown ones left out."""
    statement = select(Staff.user_id, Staff.name, Staff.last_name).where(
        Staff.portal_id == portal_id, Staff.user_id.in_(sorted(set(user_ids)))
    )
    found = {user: f"{name} {last}".strip() for user, name, last in session.execute(statement)}
    return {user: name for user, name in found.items() if name}


def cities(session: Session, portal_id: int, wave_ids: Collection[int]) -> set[str]:
    """Every spelling of a city on these lists."""
    statement = select(WaveClient.city).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id.in_(wave_ids)
    )
    return set(session.scalars(statement.distinct()))


def waves(session: Session, portal_id: int) -> list[Wave]:
    """The portal's yearly waves that were not cancelled, the latest planned first."""
    statement = select(Wave).where(Wave.portal_id == portal_id, Wave.stage != "cancelled", Wave.of_years())
    return list(session.scalars(statement.order_by(Wave.planned_at.desc(), Wave.id.desc())))


def standings(
    session: Session, portal_id: int, wave_ids: Collection[int], scope: Scope
) -> dict[int, dict[str, int]]:
    """Clients of these lists by reason; the empty one is asked (product.md E4)."""
    statement = (
        select(WaveClient.wave_id, WaveClient.reason, func.count())
        .where(WaveClient.portal_id == portal_id, WaveClient.wave_id.in_(wave_ids), within(scope))
        .group_by(WaveClient.wave_id, WaveClient.reason)
    )
    found: dict[int, dict[str, int]] = {wave_id: {} for wave_id in wave_ids}
    for wave_id, reason, clients in session.execute(statement):
        found[wave_id][reason] = clients
    return found


def revenue(session: Session, portal_id: int, wave_id: int, scope: Scope) -> tuple[Decimal, int, int]:
    """Yearly revenue of the clients of a list that are asked (product.md N8), in the portal's currency; of how many
    it is known, of how many in all.
    """
    known = WaveClient.yearly_revenue > 0
    statement = select(
        func.sum(case((known, WaveClient.yearly_revenue))), func.count(case((known, 1))), func.count()
    ).where(
        WaveClient.portal_id == portal_id,
        WaveClient.wave_id == wave_id,
        WaveClient.reason == "",
        within(scope),
    )
    total, some, asked = session.execute(statement).one()
    return Decimal(total or 0), some, asked


def accounts(
    session: Session,
    portal_id: int,
    wave_id: int,
    scope: Scope,
    weights: Mapping[str, int],
    before: int | None = None,
) -> list[AccountGroup]:
    """Clients with counted answers in a wave, by what they answered; `weights`: of roles.

    With another wave `before`, also by what they answered then, in one pass (product.md N4); `scope` holds for
    the later wave: whose clients they are now.
    """
    new = _per_client(portal_id, wave_id, scope, weights).subquery()
    now = aliased(WaveClient)
    values = [new.c[name] for name in _VALUES]
    source = new.join(now, now.id == new.c.line)
    if before is not None:
        old = _per_client(portal_id, before, EVERYONE, weights).subquery()
        then = aliased(WaveClient)
        same = and_(
            then.wave_id == before, then.client_kind == now.client_kind, then.client_id == now.client_id
        )
        source = source.outerjoin(then, same).outerjoin(old, old.c.line == then.id)
        values += [old.c[name] for name in _VALUES]
    asked = and_(now.reason == "", now.yearly_revenue > 0)  # as `revenue` counts them
    earned = func.sum(case((asked, now.yearly_revenue)))
    off_list = func.sum(case((now.reason != "", 1), else_=0))
    statement = select(func.count(), earned, off_list, *values).select_from(source).group_by(*values)
    return [_group(wave_id, before, *row) for row in session.execute(statement)]


def _group(
    wave_id: int, before: int | None, clients: int, revenue: Any, off_list: Any, *values: Any
) -> AccountGroup:
    decider, worst, weight, weighted, *old = values
    then = None
    if before is not None and old[1] is not None:
        then = _group(before, None, clients, None, None, *old)
    known = None if decider is None else int(decider)
    return AccountGroup(
        wave_id,
        known,
        int(worst),
        int(weight),
        int(weighted),
        int(clients),
        Decimal(revenue or 0),
        int(off_list or 0),
        then,
    )


def _per_client(
    portal_id: int, wave_id: int, scope: Scope, weights: Mapping[str, int]
) -> Select[*tuple[Any, ...]]:
    other = weights.get("other", 1)
    weight = case(
        *((Invitation.role == role, weights.get(role, 1)) for role in ("decides", "daily")), else_=other
    )
    statement = (
        select(
            Invitation.wave_client_id.label("line"),
            func.min(case((Invitation.role == "decides", Response.score))).label("decider"),
            func.min(Response.score).label("worst"),
            func.sum(weight).label("weight"),
            func.sum(weight * Response.score).label("weighted"),
        )
        .join(Invitation, Invitation.id == Response.invitation_id)
        .where(Response.portal_id == portal_id, Response.wave_id == wave_id, Response.status == "counted")
        .group_by(Invitation.wave_client_id)
    )
    if scope.everyone:
        return statement
    return statement.join(WaveClient, WaveClient.id == Invitation.wave_client_id).where(within(scope))


def funnel(session: Session, portal_id: int, wave_id: int, scope: Scope, now: datetime) -> Funnel:
    """How far a wave is with the people on its list at `now`, UTC, those excluded left out."""
    announced, asked = (
        func.count(Invitation.touches[step].as_string()) for step in ("announcement", "invitation")
    )
    still_open = Invitation.outcome == ""
    waits = and_(still_open, Response.id.is_not(None))
    later = and_(still_open, Response.id.is_(None), Invitation.snoozed_until > now)
    held = and_(
        Response.invitation_id == Invitation.id, Response.portal_id == portal_id, Response.status == "held"
    )
    statement = (
        select(
            Invitation.outcome,
            func.count(),
            announced,
            asked,
            func.count(case((waits, 1))),
            func.count(case((later, 1))),
        )
        .outerjoin(Response, held)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id)
        .where(Invitation.outcome != "excluded")
        .group_by(Invitation.outcome)
    )
    if not scope.everyone:
        joined = statement.join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        statement = joined.where(within(scope))
    rows = session.execute(statement).all()
    return Funnel(
        people=sum(row[1] for row in rows), announced=sum(row[2] for row in rows),
        asked=sum(row[3] for row in rows), outcomes={row[0]: row[1] for row in rows},
        held=sum(row[4] for row in rows), later=sum(row[5] for row in rows),
    )  # fmt: skip

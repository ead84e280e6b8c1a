"""What clients bought, summed up by the database as far as it can be (product.md R6, N8).

Sums are of deals in the base currency; deals in others come one by one, because each is converted at the rate of its
own day. The client of a deal is its company, else its first contact; where the company is the agency's own, the
contact; else the deal stands for itself (`deal`, its number).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, literal, null, or_, select
from sqlalchemy.orm import Session

from integration.nps.people import CardKey
from integration.nps.workdays import local_day
from integration.store.clients import OWN, Company, Deal, StageMove

TOGETHER = 2_000  # numbers in one statement
_AT_ONCE = 2_000  # rows fetched at a time


@dataclass(frozen=True, slots=True)
class Days:
    """A portal's calendar for money: `edges` are days on which a stretch begins, rising, the last the first day that
    does not count any more. Stretch 0 is all before the first."""

    zone: ZoneInfo
    edges: tuple[date, ...]

    def begins(self, day: date) -> datetime:
        """The moment a day begins, UTC."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def day_of(self, won_at: datetime | None, close_on: date | None) -> date | None:
        """The day a deal was won, as `nps.relation.revenue` takes it."""
        return local_day(won_at, self.zone) if won_at is not None else close_on


class Sum(NamedTuple):
    """What one client bought in one stretch in the base currency, in so many deals."""

    kind: str
    id: int
    stretch: int
    amount: Decimal
    deals: int


class Won(NamedTuple):
    """One won deal. `client` as the deal names it."""

    id: int
    client: CardKey
    day: date
    amount: Decimal
    currency: str
    title: str


class Group(NamedTuple):
    """Deals of one client in one stage, as far as they tell since when it is one: the first of each source of the day
    (product.md E1), each of deals that have none of the sources before it. `created`: the first of them all."""

    kind: str
    id: int
    category_id: int
    stage_id: str
    semantics: str
    since_field: date | None
    won_at: datetime | None
    served_at: datetime | None
    begin: date | None
    created: datetime | None


def own_companies(session: Session, portal_id: int) -> list[int]:
    """The agency's own companies, which are nobody's client."""
    statement = select(Company.id).where(Company.portal_id == portal_id, OWN)
    return list(session.scalars(statement.order_by(Company.id)))


def sums(
    session: Session, portal_id: int, days: Days, base: str, own: Sequence[int],
    keys: Collection[CardKey] | None = None,
) -> list[Sum]:  # fmt: skip
    """Won deals in the base currency by client and stretch; `keys`: of these clients alone."""
    found: list[Sum] = []
    for mine in _parts(keys):
        kind, number = _client(own)
        rows = (
            select(
                kind.label("kind"), number.label("number"), _stretch(days).label("stretch"),
                Deal.amount.label("amount"),
            )
            .where(*_won(portal_id, days), Deal.currency.in_(("", base)), *_of(mine, own))
            .subquery()
        )  # fmt: skip
        group = (rows.c.kind, rows.c.number, rows.c.stretch)
        statement = select(*group, func.sum(rows.c.amount), func.count()).group_by(*group)
        found += [
            Sum(k, n, s, Decimal(total or 0), many) for k, n, s, total, many in session.execute(statement)
        ]
    return found


def foreign(
    session: Session, portal_id: int, days: Days, base: str, own: Sequence[int],
    keys: Collection[CardKey] | None = None,
) -> Iterator[Won]:  # fmt: skip
    """Won deals in other currencies, one by one; `keys`: of these clients alone."""
    for mine in _parts(keys):
        statement = _listed(portal_id, days, own).where(Deal.currency.not_in(("", base)), *_of(mine, own))
        yield from _each(session, statement, days)


def won(
    session: Session, portal_id: int, days: Days, own: Sequence[int], start: date | None, behind: int,
    keys: Collection[CardKey] | None = None,
) -> Iterator[Won]:  # fmt: skip
    """Won deals of every currency from the day `start` on, None: ever, the highest number first, those below `behind`
    (0: all); `keys`: of these clients alone, at most `TOGETHER`. Streamed: whoever has enough stops."""
    statement = _listed(portal_id, days, own).where(*_of(keys, own))
    if start is not None:
        since = case(
            (Deal.won_at.is_not(None), Deal.won_at >= days.begins(start)), else_=Deal.close_on >= start
        )
        statement = statement.where(since)
    if behind:
        statement = statement.where(Deal.id < behind)
    yield from _each(session, statement.order_by(Deal.id.desc()), days)


def groups(
    session: Session, portal_id: int, own: Sequence[int], service: ColumnElement[bool] | None, fields: bool
) -> list[Group]:
    """Every client's deals by stage. `service`: which moves of the stage history begin the service, None: none does;
    `fields`: whether a deal's named date field goes before everything else."""
    served: Any = (
        select(func.min(StageMove.moved_at))
        .where(StageMove.portal_id == Deal.portal_id, StageMove.deal_id == Deal.id, service)
        .scalar_subquery()
        if service is not None
        else null()
    )
    named: Any = Deal.since_field if fields else null()
    open_yet = and_(named.is_(None), Deal.won_at.is_(None)) if fields else Deal.won_at.is_(None)
    kind, number = _client(own)
    rows = (
        select(
            kind.label("kind"), number.label("number"), Deal.category_id, Deal.stage_id, Deal.semantics,
            named.label("named"), Deal.won_at, Deal.begin_on, Deal.created_at,
            case((open_yet, served)).label("served"),
        )
        .where(Deal.portal_id == portal_id, Deal.deleted_at.is_(None), Deal.recurring.is_(False))
        .where(Deal.client_kind != "")
        .subquery()
    )  # fmt: skip
    deal = rows.c
    unnamed = deal.named.is_(None) if fields else literal(True)
    undated = and_(unnamed, deal.won_at.is_(None), deal.served.is_(None))
    by = (deal.kind, deal.number, deal.category_id, deal.stage_id, deal.semantics)
    statement = select(
        *by, func.min(deal.named) if fields else null(), func.min(case((unnamed, deal.won_at))),
        func.min(deal.served), func.min(case((undated, deal.begin_on))), func.min(deal.created_at),
    ).group_by(*by)  # fmt: skip
    return [Group._make(row) for row in session.execute(statement)]


# --- parts of the queries


def _client(own: Sequence[int]) -> tuple[Any, Any]:
    """Kind and number of a deal's client."""
    ours = and_(Deal.client_kind == "company", Deal.client_id.in_(own))
    with_person = and_(ours, func.coalesce(Deal.contact_id, 0) > 0)
    nobody = or_(Deal.client_kind == "", ours) if own else Deal.client_kind == ""
    first: list[Any] = [(with_person, "contact")] if own else []
    then: list[Any] = [(with_person, Deal.contact_id)] if own else []
    kind: Any = case(*first, (nobody, "deal"), else_=Deal.client_kind)
    return kind, case(*then, (nobody, Deal.id), else_=Deal.client_id)


def counted(deal: Any, end: Any, ended: Any) -> list[Any]:
    """Deals dated before a day: won, else closed, before it (product.md N8). `ended`: the moment it begins."""
    return [
        case(
            (deal.won_at.is_not(None), deal.won_at < ended),
            else_=and_(deal.close_on.is_not(None), deal.close_on < end),
        )
    ]


def _won(portal_id: int, days: Days) -> list[Any]:
    """Deals that count: won, no template, and up to the last day."""
    end = days.edges[-1]
    return [
        Deal.portal_id == portal_id, Deal.deleted_at.is_(None), Deal.recurring.is_(False), Deal.semantics == "S",
        *counted(Deal, end, days.begins(end)),
    ]  # fmt: skip


def _stretch(days: Days) -> ColumnElement[int]:
    """The number of the stretch a deal was won in."""
    inner = days.edges[:-1]
    if not inner:
        return literal(0)
    moment = case(*((Deal.won_at < days.begins(day), at) for at, day in enumerate(inner)), else_=len(inner))
    closed = case(*((Deal.close_on < day, at) for at, day in enumerate(inner)), else_=len(inner))
    return case((Deal.won_at.is_not(None), moment), else_=closed)


def _parts(keys: Collection[CardKey] | None) -> Iterator[Collection[CardKey] | None]:
    if keys is None:
        yield None
        return
    many = sorted(set(keys))
    for start in range(0, len(many), TOGETHER):
        yield many[start : start + TOGETHER]


def _of(keys: Collection[CardKey] | None, own: Sequence[int] = ()) -> list[Any]:
    """Deals of these clients, found by the index of clients or by their number."""
    if keys is None:
        return []
    by_kind: dict[str, list[int]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.id)
    chosen: list[Any] = []
    for kind, ids in sorted(by_kind.items()):
        if kind == "deal":
            chosen.append(Deal.id.in_(ids))
        elif kind in ("company", "contact"):
            chosen.append(and_(Deal.client_kind == kind, Deal.client_id.in_(ids)))
        if kind == "contact" and own:
            chosen.append(
                and_(Deal.client_kind == "company", Deal.client_id.in_(own), Deal.contact_id.in_(ids))
            )
    return [or_(*chosen)] if chosen else [literal(False)]


def _listed(portal_id: int, days: Days, own: Sequence[int]) -> Any:
    kind, number = _client(own)
    return select(
        Deal.id, kind, number, Deal.won_at, Deal.close_on, Deal.amount, Deal.currency, Deal.title
    ).where(*_won(portal_id, days))


def _each(session: Session, statement: Any, days: Days) -> Iterator[Won]:
    rows = session.execute(statement.execution_options(yield_per=_AT_ONCE))
    for deal_id, kind, number, won_at, close_on, amount, currency, title in rows:
        day = days.day_of(won_at, close_on)
        if day is not None:
            yield Won(deal_id, CardKey(kind, number), day, amount or Decimal(0), currency, title)

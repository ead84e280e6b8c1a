"""The tree of who brought whom, read by one recursive query, the same on SQLite and PostgreSQL (product.md R6).

Every newcomer has at most one referrer, so a walk down meets nobody twice unless it comes back to where it began:
there it stops, and nothing that is stored can make it turn in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_tree import Edge
from integration.store.clients import OWN, Company, Deal, Lead
from integration.store.referral_money import Days, counted
from integration.store.referral_rows import Referral
from integration.store.referrals import key_of

DEEPEST = 200  # links below a root that are walked
MOST = 50_000  # referrals of one tree that are read
_REFERRALS: Any = Referral.__table__
_DEALS: Any = Deal.__table__
_COMPANIES: Any = Company.__table__
_ENDS = ("id", "newcomer_kind", "newcomer_id", "referrer_kind", "referrer_id")
_TOLD = ("source", "step", "steps", "reward", "claimed_on", "lost_on")
_NAMES = {"claimed_on": "since"}
_TOGETHER = 2_000  # numbers in one statement
_ONE = literal_column("1", Integer)
_STANDS = and_(Referral.problem == "", Referral.referrer_id > 0)


class Row(NamedTuple):
    """One referral below a root: its number in the table, both ends, and what the newcomer bought.

    `amount` and `deals`: won in the base currency up to a day, by deals that name it; `foreign`: how many deals it has
    won in other currencies. `mixed`: the portal has deals of contacts alone or with its own company on them, so that
    there may be more.
    """

    id: int
    newcomer_kind: str
    newcomer_id: int
    referrer_kind: str
    referrer_id: int
    amount: Decimal | None
    deals: int | None
    foreign: int | None
    mixed: bool


class Told(NamedTuple):
    """What else is known of a referral. `steps`: step -> ISO day."""

    source: str
    step: str
    steps: Mapping[str, Any]
    reward: str
    since: date | None
    lost_on: date | None


def below(
    session: Session, portal_id: int, roots: Sequence[ClientKey], days: Days, base: str, limit: int = MOST
) -> tuple[list[Row], dict[int, Told]]:
    """The referrals that stand below these clients, the nearest first, and what is known of each by its number, in one
    query, circles or not.

    At most `limit` rows, and one link more than `DEEPEST` down, so that it is known whether it goes on. A root below
    another root brings the same rows once more. Money is that up to the last of the edges of `days`, in `base`.
    """
    by_kind: dict[str, list[int]] = {}
    for root in roots:
        if (
            root.id > 0
        ):  # said here and not to the database, which would take it for the way to look rows up by
            by_kind.setdefault(root.kind, []).append(root.id)
    if not by_kind:
        return [], {}
    statement = _below(tuple(sorted(by_kind)), len(roots) > 1)
    rows = session.connection().execute(statement, _known(portal_id, days, base, limit) | by_kind).all()
    known = {
        row.id: row for row in rows
    }  # they are rows and what is known of them in one, and are not copied
    found = rows if len(known) == len(rows) else list({row.id: row for row in reversed(rows)}.values())[::-1]
    return cast("list[Row]", found), cast("dict[int, Told]", known)


def whole(session: Session, portal_id: int, days: Days, base: str, limit: int = MOST) -> list[Row]:
    """All referrals that stand, walked down from those whom nobody brought, the nearest to them first, in one query.

    Bounds and money as for `below`. What might stand in a circle hangs on no root and is not among them.
    """
    rows = session.connection().execute(_whole(), _known(portal_id, days, base, limit)).all()
    return cast("list[Row]", rows)  # thirty thousand of them: they have the same names and are not copied


def told(session: Session, portal_id: int, ids: Sequence[int]) -> dict[int, Told]:
    """What is known of these referrals, by number."""
    found: dict[int, Told] = {}
    columns = [_REFERRALS.c[name] for name in ("id", *_TOLD)]
    for start in range(0, len(ids), _TOGETHER):
        statement = select(*columns).where(
            _REFERRALS.c.portal_id == portal_id, _REFERRALS.c.id.in_(ids[start : start + _TOGETHER])
        )
        found |= {row[0]: Told._make(row[1:]) for row in session.connection().execute(statement)}
    return found


def _known(portal_id: int, days: Days, base: str, limit: int) -> dict[str, Any]:
    end = days.edges[-1]
    return {"portal": portal_id, "base": base, "end": end, "ended": days.begins(end), "most": limit}


# The statements are made once: putting one together takes longer than running it for a client. Words that never change
# stand in them as they are (`literal_execute`): PostgreSQL plans a prepared statement without its parameters, and for a
# kind of card that it does not know it reads all deals, which made the tree of one client seven times slower.


@cache
def _below(kinds: tuple[str, ...], many: bool) -> Any:
    """Parameters: portal, base, end, ended, most, and the numbers of the roots by kind."""
    up = _REFERRALS.alias()

    def among(kind: Any, number: Any) -> Any:
        return or_(
            *(
                and_(kind == literal(one, literal_execute=True), number.in_(bindparam(one, expanding=True)))
                for one in kinds
            )
        )

    start = among(up.c.referrer_kind, up.c.referrer_id)
    if many:  # where one root came through another, the link between them is part of the tree
        start = or_(start, among(up.c.newcomer_kind, up.c.newcomer_id))
    top = select(*_columns(up, *_TOLD), _ONE.label("depth")).where(*_sound(up), start)
    walk = top.cte("walk", recursive=True)
    more = _REFERRALS.alias()
    back = among(more.c.newcomer_kind, more.c.newcomer_id)
    step = select(*_columns(more, *_TOLD), walk.c.depth + 1).where(*_next(more, walk), ~back)
    return _with_money(walk.union_all(step), True)


@cache
def _whole() -> Any:
    """Parameters: portal, base, end, ended, most."""
    one, up, more = _REFERRALS.alias(), _REFERRALS.alias(), _REFERRALS.alias()
    brought = exists().where(
        *_sound(up), up.c.referrer_id > 0, up.c.newcomer_kind == one.c.referrer_kind,
        up.c.newcomer_id == one.c.referrer_id,
    )  # fmt: skip
    top = select(*_columns(one), _ONE.label("depth")).where(*_sound(one), one.c.referrer_id > 0, ~brought)
    walk = top.cte("walk", recursive=True)
    step = select(*_columns(more), walk.c.depth + 1).where(*_next(more, walk))
    return _with_money(walk.union_all(step), False)


def _columns(one: Any, *more: str) -> list[Any]:
    return [one.c[name] for name in (*_ENDS, *more)]


def _sound(one: Any) -> list[Any]:
    return [
        one.c.portal_id == bindparam("portal"),
        one.c.problem == literal("", String, literal_execute=True),
    ]


def _next(more: Any, walk: Any) -> list[Any]:
    return [
        *_sound(more), more.c.referrer_kind == walk.c.newcomer_kind, more.c.referrer_id == walk.c.newcomer_id,
        walk.c.depth <= DEEPEST,
    ]  # fmt: skip


def _mixed() -> Any:
    one, other = _DEALS.alias(), _DEALS.alias()
    persons = exists().where(
        one.c.portal_id == bindparam("portal"), one.c.client_kind == literal("contact", literal_execute=True)
    )
    own = select(_COMPANIES.c.id).where(_COMPANIES.c.portal_id == bindparam("portal"), OWN)
    ours = exists().where(
        other.c.portal_id == bindparam("portal"),
        other.c.client_kind == literal("company", literal_execute=True),
        other.c.client_id.in_(own),
    )
    return select(or_(persons, ours)).scalar_subquery()


def _with_money(walk: Any, few: bool) -> Any:
    """The referrals walked with what their newcomers won; `few`: only their deals are looked at."""
    deal = _DEALS
    ours = deal.c.currency.in_(("", bindparam("base")))
    won = (
        select(
            deal.c.client_kind, deal.c.client_id, func.sum(case((ours, deal.c.amount))).label("amount"),
            func.count(case((ours, 1))).label("deals"), func.count(case((~ours, 1))).label("others"),
        )
        .where(
            deal.c.portal_id == bindparam("portal"), deal.c.deleted_at.is_(None), deal.c.recurring.is_(False),
            deal.c.semantics == "S", *counted(deal.c, bindparam("end"), bindparam("ended")),
        )
        .group_by(deal.c.client_kind, deal.c.client_id)
    )  # fmt: skip
    if few:
        met = select(walk.c.newcomer_kind, walk.c.newcomer_id)
        won = won.where(tuple_(deal.c.client_kind, deal.c.client_id).in_(met))
    sums = won.subquery()
    joined = walk.outerjoin(
        sums, and_(sums.c.client_kind == walk.c.newcomer_kind, sums.c.client_id == walk.c.newcomer_id)
    )
    money = (sums.c.amount, sums.c.deals, sums.c.others.label("foreign"), _mixed().label("mixed"))
    more = [walk.c[name].label(_NAMES.get(name, name)) for name in _TOLD if name in walk.c]
    return (
        select(*(walk.c[name] for name in _ENDS), *money, *more)
        .select_from(joined)
        .order_by(walk.c.depth, walk.c.id)
        .limit(bindparam("most"))
    )


def edges(session: Session, portal_id: int) -> list[Edge[CardKey]]:
    """Every referral that stands as a bare edge, by number: for sums over all of them."""
    statement = select(
        Referral.id,
        Referral.newcomer_kind,
        Referral.newcomer_id,
        Referral.referrer_kind,
        Referral.referrer_id,
    ).where(Referral.portal_id == portal_id, _STANDS)
    return [
        Edge(number, key_of(kind, newcomer), key_of(by_kind, by))
        for number, kind, newcomer, by_kind, by in session.execute(statement.order_by(Referral.id))
    ]


def came(
    session: Session, portal_id: int, sources: Collection[str], vague: str, recommendation_id: str
) -> set[CardKey]:
    """Newcomers of whom it stands that they came by recommendation: somebody is named, or the source recommends, or it
    is `vague` and the card that says so has the portal's own source "by recommendation".

    A referrer whose card is gone was one all the same; what a guard refused does not count.
    """
    says = or_(Referral.source.in_(sorted(sources)), by_portal(vague, recommendation_id))
    statement = select(Referral.newcomer_kind, Referral.newcomer_id).where(
        Referral.portal_id == portal_id, or_(_STANDS, and_(Referral.problem.in_(("", "removed")), says))
    )
    return {key_of(kind, number) for kind, number in session.execute(statement)}


def by_portal(vague: str, recommendation_id: str) -> ColumnElement[bool]:
    """The source is `vague`, and the lead or deal that says so has the portal's own source "by recommendation"."""
    via: dict[str, Any] = {"deal": aliased(Deal), "lead": aliased(Lead)}
    on_card = [
        and_(Referral.via_kind == kind, exists().where(
            card.portal_id == Referral.portal_id, card.id == Referral.via_id, card.source_id == recommendation_id,
        ))
        for kind, card in via.items()
    ]  # fmt: skip
    return and_(Referral.source == vague, or_(*on_card))

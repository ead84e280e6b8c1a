"""Lists of referrals for people: chosen, counted and paged in the database (product.md R5, R6).

Every function takes a `Scope`: whose clients the viewer may see (product.md P2). A referral is in scope if either side
is: the newcomer is one of theirs, or whoever recommended it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, true
from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.store.clients import Company
from integration.store.referral_rows import Referral, ReferralClaim
from integration.store.referral_tree import by_portal
from integration.store.referrals import TABLES, client_key, key_of
from integration.store.reports import Scope

NEWCOMERS = ("company", "contact", "deal", "lead")
REFERRERS = ("company", "contact")
UNSAID = "unsaid"  # in a filter: nobody has said anything about a reward


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which referrals are listed. `year`: of the claim, 0 for all; `cities`: spellings of the newcomer's branch, None
    for all; `step`, `reward` (`unsaid` for none said): codes, empty for all."""

    year: int = 0
    cities: frozenset[str] | None = None
    step: str = ""
    reward: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a referral as its card is known. `gone`: the card is not in the portal any more, or not read yet."""

    key: CardKey
    title: str = ""
    manager_id: int | None = None
    city: str = ""
    gone: bool = False


EVERYTHING = Wanted()


def stands() -> ColumnElement[bool]:
    """Rows of the tree."""
    return and_(Referral.problem == "", Referral.referrer_id > 0)


def unnamed(sources: Collection[str], vague: str, recommendation_id: str) -> ColumnElement[bool]:
    """Came by recommendation, by one of these sources or the portal's own, and nobody has said from whom."""
    return and_(
        Referral.problem == "", Referral.referrer_id == 0, Referral.settled_by == "rule",
        or_(Referral.source.in_(sorted(sources)), by_portal(vague, recommendation_id)),
    )  # fmt: skip


def contested() -> ColumnElement[bool]:
    """Cards disagree, and no person has decided yet."""
    return and_(Referral.problem == "", Referral.rivals > 0, Referral.settled_by == "rule")


def any_of(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Rows to which one of these applies."""
    return or_(*conditions)


def page(
    session: Session, portal_id: int, scope: Scope, condition: ColumnElement[bool], wanted: Wanted, *, limit: int,
    offset: int = 0, oldest: ColumnElement[date] | None = None,
) -> list[Referral]:  # fmt: skip
    """A page of rows, the latest claim first; or by a day of theirs, the oldest first."""
    chosen = _chosen(portal_id, scope, condition, wanted).with_only_columns(Referral)
    day: Any = func.coalesce(Referral.claimed_on, date(1900, 1, 1))
    order = (day.desc(), Referral.id.desc()) if oldest is None else (oldest, Referral.id)
    return list(session.scalars(chosen.order_by(*order).limit(limit).offset(offset)))


def after(
    session: Session, portal_id: int, scope: Scope, condition: ColumnElement[bool], wanted: Wanted, *, number: int,
    limit: int,
) -> list[Referral]:  # fmt: skip
    """Rows by rising number behind `number`: how a file is written piece by piece."""
    chosen = _chosen(portal_id, scope, condition, wanted).with_only_columns(Referral)
    return list(session.scalars(chosen.where(Referral.id > number).order_by(Referral.id).limit(limit)))


def count(
    session: Session,
    portal_id: int,
    scope: Scope,
    condition: ColumnElement[bool],
    wanted: Wanted = EVERYTHING,
) -> int:
    """How many rows that would be."""
    chosen = _chosen(portal_id, scope, condition, wanted).with_only_columns(func.count())
    return session.scalar(chosen) or 0


def tally(
    session: Session, portal_id: int, scope: Scope, condition: ColumnElement[bool], by: str, wanted: Wanted
) -> dict[str, int]:
    """How many rows by a column of codes: `step`, `reward`, `problem`, `source`."""
    column = {"step": Referral.step, "reward": Referral.reward, "problem": Referral.problem,
              "source": Referral.source}[by]  # fmt: skip
    chosen = _chosen(portal_id, scope, condition, wanted).with_only_columns(column, func.count())
    return {str(code): many for code, many in session.execute(chosen.group_by(column)).all()}


def first_day(session: Session, portal_id: int) -> date | None:
    """The day of the oldest claim."""
    return session.scalar(select(func.min(Referral.claimed_on)).where(Referral.portal_id == portal_id))


def cities(session: Session, portal_id: int) -> list[str]:
    """Every spelling of a city on company cards."""
    statement = select(Company.city).where(
        Company.portal_id == portal_id,
        Company.deleted_at.is_(None),
        Company.city != "",
        Company.own.is_(False),
    )
    return sorted(session.scalars(statement.distinct()))


def one(session: Session, portal_id: int, referral_id: int) -> Referral | None:
    """A row by its number."""
    row = session.get(Referral, referral_id)
    return row if row is not None and row.portal_id == portal_id else None


def sides(session: Session, portal_id: int, keys: Collection[CardKey | ClientKey]) -> dict[CardKey, Side]:
    """The cards of these ends: one query per kind, however many there are."""
    found: dict[CardKey, Side] = {}
    for kind in NEWCOMERS:
        numbers = sorted({key.id for key in keys if key.kind == kind and key.id})
        table: Any = TABLES[kind]
        columns = _titled(kind, table)
        for start in range(0, len(numbers), 5000):  # fewer than a statement may have parameters
            statement = select(*columns).where(
                table.portal_id == portal_id, table.id.in_(numbers[start : start + 5000])
            )
            for number, title, manager, city, gone in session.execute(statement):
                key = key_of(kind, number)
                found[key] = Side(key, str(title).strip(), manager, city, gone is not None)
    for one in keys:
        whole = key_of(one.kind, one.id)
        found.setdefault(whole, Side(whole, gone=True))
    return found


def claims_about(session: Session, portal_id: int, newcomers: Sequence[CardKey]) -> list[ReferralClaim]:
    """What cards say about these newcomers, the first dated one first."""
    if not newcomers:
        return []
    by_kind: dict[str, list[int]] = {}
    for key in newcomers:
        by_kind.setdefault(key.kind, []).append(key.id)
    theirs = or_(
        *(and_(ReferralClaim.newcomer_kind == kind, ReferralClaim.newcomer_id.in_(sorted(ids)))
          for kind, ids in sorted(by_kind.items()))
    )  # fmt: skip
    statement = select(ReferralClaim).where(ReferralClaim.portal_id == portal_id, theirs)
    order = (ReferralClaim.claimed_on, ReferralClaim.card_kind, ReferralClaim.card_id)
    return list(session.scalars(statement.order_by(*order)))


def side_keys(rows: Sequence[Referral]) -> set[CardKey]:
    """Both ends of rows, and whom people named."""
    found = {key_of(row.newcomer_kind, row.newcomer_id) for row in rows}
    for row in rows:
        for kind, number in ((row.referrer_kind, row.referrer_id), (row.named_kind, row.named_id)):
            if number:
                found.add(key_of(kind, number))
    return found


def referrer_of(row: Referral) -> ClientKey | None:
    """Who counts as the referrer of a row."""
    return client_key(row.referrer_kind, row.referrer_id) if row.referrer_id else None


def within(scope: Scope) -> ColumnElement[bool]:
    """The condition on rows: one of both ends is a card the viewer sees."""
    if scope.everyone:
        return true()
    parts: list[ColumnElement[bool]] = []
    for kind in NEWCOMERS:
        parts.append(_theirs(kind, Referral.newcomer_kind, Referral.newcomer_id, scope))
    for kind in REFERRERS:
        parts.append(_theirs(kind, Referral.referrer_kind, Referral.referrer_id, scope))
    return or_(*parts)


def _theirs(kind: str, side_kind: Any, side_id: Any, scope: Scope) -> ColumnElement[bool]:
    """Whether the card at one end is of the viewer's people or branches."""
    table: Any = TABLES[kind]
    mine = table.assigned_by.in_(sorted(scope.people))
    if kind == "company" and scope.cities:
        mine = or_(mine, table.city.in_(sorted(scope.cities)))
    cards = select(table.id).where(table.portal_id == Referral.portal_id, mine)
    return and_(side_kind == kind, side_id.in_(cards))


def _titled(kind: str, table: Any) -> tuple[Any, ...]:
    title = table.name + literal(" ") + table.last_name if kind == "contact" else table.title
    city = table.city if kind == "company" else literal("")
    return table.id, title, table.assigned_by, city, table.deleted_at


def _chosen(portal_id: int, scope: Scope, condition: ColumnElement[bool], wanted: Wanted) -> Select[Any]:
    statement = select(Referral.id).where(Referral.portal_id == portal_id, condition, within(scope))
    if wanted.year:
        statement = statement.where(
            Referral.claimed_on >= date(wanted.year, 1, 1), Referral.claimed_on <= date(wanted.year, 12, 31)
        )
    if wanted.cities is not None:
        cards = select(Company.id).where(
            Company.portal_id == portal_id, Company.city.in_(sorted(wanted.cities))
        )
        statement = statement.where(Referral.newcomer_kind == "company", Referral.newcomer_id.in_(cards))
    if wanted.step:
        statement = statement.where(Referral.step == wanted.step)
    if wanted.reward:
        statement = statement.where(Referral.reward == ("" if wanted.reward == UNSAID else wanted.reward))
    return statement

"""The log of requests to portals and to the authorisation server (product.md T3): what, when, how long, how it went.

No bodies, no tokens, no addresses, no names. Rows are written in bulk behind the requests and read by the
settings page; the index by moment serves pages, counts and pruning alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.portals import Portal

LARGE = BigInteger().with_variant(Integer, "sqlite")  # a busy year has more rows than 31 bits count


class RequestRow(Base):
    """One request. `portal_id` is empty where nobody could tell the portal: a stranger's token, say.

    `inner`: of a batch, by method: calls, failed, seconds in the portal, and of the slowest. `operating`: the highest
    accumulated execution seconds the answer told (bitrix24.md 4.2); `skew`: the portal's clock minus ours, seconds.
    """

    __tablename__ = "requests"
    __table_args__ = (Index("ix_requests_moment", "portal_id", "at", "id"), {"info": {"backup": False}})

    id: Mapped[int] = mapped_column(LARGE, primary_key=True)
    portal_id: Mapped[int | None] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)  # when it began
    method: Mapped[str] = mapped_column(String(100))
    inner: Mapped[dict[str, list[float]]] = mapped_column(JSON, default=dict)
    seconds: Mapped[float] = mapped_column(REAL)  # on our side
    operating: Mapped[float | None] = mapped_column(REAL)
    status: Mapped[int] = mapped_column(Integer)  # 0: no answer
    code: Mapped[str] = mapped_column(
        String(100), default=""
    )  # of the error; in a batch of the first one inside
    failed: Mapped[int] = mapped_column(Integer, default=0)  # calls inside a batch
    sent: Mapped[int] = mapped_column(Integer, default=0)  # bytes of the bodies
    received: Mapped[int] = mapped_column(Integer, default=0)
    by: Mapped[str] = mapped_column(String(16))  # click | background | event
    request_id: Mapped[str] = mapped_column(String(64), default="")  # of the click or the work that needed it
    skew: Mapped[float | None] = mapped_column(REAL)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests: all that is given must hold. Moments are aware UTC, `slower` seconds."""

    method: str = ""
    errors: bool = False
    slower: float = 0.0
    since: datetime | None = None
    until: datetime | None = None
    request_id: str = ""  # how it begins


Place = tuple[datetime, int]  # moment and id of a row, beside which a page begins
Told = tuple[str, dict[str, list[float]], float, str]  # method, what was inside, seconds, code


def add(session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write many in one statement; how many. Rows of portals that are gone are dropped: nothing of them is kept."""
    wanted = {row["portal_id"] for row in rows if row["portal_id"] is not None}
    there = set(session.scalars(select(Portal.id).where(Portal.id.in_(wanted)))) if wanted else set()
    kept = [row for row in rows if row["portal_id"] is None or row["portal_id"] in there]
    if kept:
        session.connection().execute(insert(cast("Table", RequestRow.__table__)), kept)
    return len(kept)


def portals_at(session: Session, hosts: Collection[str]) -> dict[str, int]:
    """Ids of the portals with these addresses; the newest where several applications share one."""
    statement = select(Portal.domain, Portal.id).where(Portal.domain.in_(hosts)).order_by(Portal.id)
    return {str(domain): int(number) for domain, number in session.execute(statement)}


def page(
    session: Session, portal_id: int, wanted: Filter, limit: int, older: Place | None = None, newer: Place | None = None
) -> list[RequestRow]:  # fmt: skip
    """The newest first: those right before the place `older`, or right after `newer`, or the very newest."""
    statement = _chosen(portal_id, wanted)
    at, number = RequestRow.at, RequestRow.id
    if newer is not None:
        statement = statement.where(or_(at > newer[0], and_(at == newer[0], number > newer[1])))
        return list(session.scalars(statement.order_by(at, number).limit(limit)))[::-1]
    if older is not None:
        statement = statement.where(at <= older[0], or_(at < older[0], number < older[1]))
    return list(session.scalars(statement.order_by(at.desc(), number.desc()).limit(limit)))


def _chosen(portal_id: int, wanted: Filter) -> Select[Any]:
    statement = select(RequestRow).where(RequestRow.portal_id == portal_id)
    if wanted.method:
        statement = statement.where(_asks(wanted.method))
    if wanted.request_id:
        statement = statement.where(RequestRow.request_id.startswith(wanted.request_id, autoescape=True))
    if wanted.errors:
        statement = statement.where(RequestRow.code != "")
    if wanted.slower:
        statement = statement.where(RequestRow.seconds >= wanted.slower)
    if wanted.since is not None:
        statement = statement.where(RequestRow.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(RequestRow.at < wanted.until)
    return statement


def _asks(method: str) -> ColumnElement[bool]:
    """Whether a request is of this method, or has it inside."""
    inside = as_type(RequestRow.inner, String).contains(f'"{method}"', autoescape=True)
    return or_(RequestRow.method == method, and_(RequestRow.method == "batch", inside))


def hourly(session: Session, portal_id: int, since: datetime) -> dict[datetime, tuple[int, int]]:
    """Requests, and failed ones among them, by the hour they began in (aware UTC), from a moment on."""
    if session.get_bind().dialect.name == "sqlite":
        hour: Any = func.strftime("%Y-%m-%d %H", RequestRow.at)
    else:
        hour = func.to_char(func.timezone("UTC", RequestRow.at), "YYYY-MM-DD HH24")
    failed = func.sum(case((RequestRow.code != "", 1), else_=0))
    statement = select(hour, func.count(), failed).where(
        RequestRow.portal_id == portal_id, RequestRow.at >= since
    )
    return {
        datetime.strptime(name, "%Y-%m-%d %H").replace(tzinfo=UTC): (int(count), int(bad))
        for name, count, bad in session.execute(statement.group_by(hour))
    }


def recent(session: Session, portal_id: int, since: datetime, limit: int) -> list[Told]:
    """Method, what was inside, seconds and code of the newest requests since a moment."""
    statement = (
        select(RequestRow.method, RequestRow.inner, RequestRow.seconds, RequestRow.code)
        .where(RequestRow.portal_id == portal_id, RequestRow.at >= since)
        .order_by(RequestRow.at.desc(), RequestRow.id.desc())
        .limit(limit)
    )
    return [(method, inner, seconds, code) for method, inner, seconds, code in session.execute(statement)]


def skews(session: Session, portal_id: int, since: datetime, limit: int) -> list[float]:
    """How far the portal's clock was from ours in the newest answers that told, in seconds."""
    statement = (
        select(RequestRow.skew)
        .where(RequestRow.portal_id == portal_id, RequestRow.at >= since, RequestRow.skew.is_not(None))
        .order_by(RequestRow.at.desc(), RequestRow.id.desc())
        .limit(limit)
    )
    return [float(value) for value in session.scalars(statement) if value is not None]


def count_since(session: Session, since: datetime) -> tuple[int, int]:
    """Requests of all portals since a moment, and those among them that failed; for the operator."""
    whose = RequestRow.portal_id.in_(select(Portal.id))  # portal by portal, so that the index serves
    failed = func.sum(case((RequestRow.code != "", 1), else_=0))
    count, bad = session.execute(select(func.count(), failed).where(whose, RequestRow.at >= since)).one()
    return int(count), int(bad or 0)


# --- keeping it small


def nth_newest(session: Session, portal_id: int, number: int) -> datetime | None:
    """The moment of a portal's request number `number` from the newest; nothing if there are not so many."""
    statement = select(RequestRow.at).where(RequestRow.portal_id == portal_id)
    return session.scalar(
        statement.order_by(RequestRow.at.desc(), RequestRow.id.desc()).offset(number).limit(1)
    )


def drop(session: Session, portal_id: int, before: datetime, limit: int) -> int:
    """Drop the oldest requests of a portal that began before a moment; how many."""
    return _drop(session, RequestRow.portal_id == portal_id, before, limit)


def drop_strangers(session: Session, before: datetime, limit: int) -> int:
    """The same for requests that belong to no portal."""
    return _drop(session, RequestRow.portal_id.is_(None), before, limit)


def _drop(session: Session, whose: ColumnElement[bool], before: datetime, limit: int) -> int:
    oldest = select(RequestRow.id).where(whose, RequestRow.at < before).order_by(RequestRow.at).limit(limit)
    statement = delete(RequestRow).where(RequestRow.id.in_(oldest))
    found = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", found).rowcount

"""The claimable queue: one mixin, one statement to claim, fenced updates to finish (architecture.md 3).

A row is *due* when it waits and its date has come, or when it is being worked on and its lease ran out.
Rows of one lane are worked off one at a time and in order: a waiting row holds its lane even when its
date lies in the future, so that order survives retries. A buried row frees the lane, and a queue may name rows
that hold only those of their own kind up (`claim`, `beside`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, aliased, declared_attr, mapped_column

from integration.logs import request_id
from integration.store.base import UTCDateTime

OPEN = "status IN ('waiting', 'working')"  # literal, so that both databases match it to the partial indexes
#: The same for an aliased table.
_OPEN: list[ColumnElement[str]] = [literal_column("'waiting'"), literal_column("'working'")]


def is_open(row: Any) -> ColumnElement[bool]:
    """Rows that wait or are worked on, said so that the partial indexes serve it; `row` may be an alias."""
    return cast("ColumnElement[bool]", row.status.in_(_OPEN))


class Claimable:
    """Columns of every table whose rows are worked off by any number of workers."""

    id: Mapped[int] = mapped_column(primary_key=True)

    @declared_attr
    def portal_id(cls) -> Mapped[int]:
        """The portal the row belongs to; it goes when the portal goes."""
        return mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))

    lane: Mapped[str] = mapped_column(String(120))
    status: Mapped[str] = mapped_column(
        String(16), default="waiting"
    )  # waiting | working | done | buried | superseded
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    owner: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Id of the request, or of the work, that made the row: whose wish it is (product.md T8).
    origin: Mapped[str] = mapped_column(String(64), default=request_id, server_default="")

    @staticmethod
    def indexes(table: str) -> tuple[Index, ...]:
        """What a claim walks: open rows by date, and open rows of a lane in order."""
        partial: dict[str, Any] = {"sqlite_where": text(OPEN), "postgresql_where": text(OPEN)}
        return (
            Index(f"ix_{table}_due", "due_at", "id", **partial),
            Index(f"ix_{table}_lane", "portal_id", "lane", "id", **partial),
        )


R = TypeVar("R", bound=Claimable)
Beside = Callable[[Any, Any], ColumnElement[bool]]  # of an older row and a younger one


def claim(
    session: Session,
    row: type[R],
    *,
    now: datetime,
    owner: str,
    lease: timedelta,
    limit: int,
    portal_id: int | None = None,
    where: ColumnElement[bool] | None = None,
    beside: Beside | None = None,
) -> list[R]:
    """Take up to `limit` due rows for `owner` until `now + lease`, oldest date first, one per lane.

    One statement; on PostgreSQL rows that another worker is just taking are skipped, on SQLite the
    writer's lock does the same. `portal_id` and `where` narrow the choice; `beside` says of an older row and
    a younger one in its lane that the older does not hold the younger up. Each claim counts as an attempt.
    """
    conditions: list[Any] = [text(OPEN), _due(row, now), ~_lane_is_held(row, now, beside)]
    if portal_id is not None:
        conditions.append(row.portal_id == portal_id)
    if where is not None:
        conditions.append(where)
    candidate = (
        select(row.id)
        .where(*conditions)
        .order_by(row.due_at, row.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("candidate")
    )
    statement = (
        update(row)
        .where(row.id.in_(select(candidate.c.id)))
        .values(status="working", owner=owner, lease_until=now + lease, attempts=row.attempts + 1)
        .returning(row)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    taken = session.scalars(statement).all()
    return sorted(taken, key=lambda r: (r.due_at, r.id))


def _due(row: type[R], now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(row.status == "waiting", row.due_at <= now),
        and_(row.status == "working", row.lease_until < now),
    )


def _lane_is_held(row: type[R], now: datetime, beside: Beside | None) -> ColumnElement[bool]:
    """Something older in the lane is open, or something younger is being worked on under a valid lease.

    The second happens when an older row was committed after a younger one had been claimed.
    """
    other = aliased(row)
    older = other.id < row.id if beside is None else and_(other.id < row.id, ~beside(other, row))
    busy_younger = and_(other.id > row.id, other.status == "working", other.lease_until >= now)
    in_the_way = select(other.id).where(
        other.portal_id == row.portal_id,
        other.lane == row.lane,
        is_open(other),
        or_(older, busy_younger),
    )
    # The offset keeps PostgreSQL from making a join of it, which goes over all open rows for each of them as
    # long as there are no statistics of a queue that has just been filled.
    return exists(in_the_way.offset(0))


def done(session: Session, row: Claimable, now: datetime, status: str = "done", **values: Any) -> bool:
    """Finish a claimed row; `values` are further columns to set. False: the lease was lost, drop the result."""
    return _finish(session, row, status=status, finished_at=now, lease_until=None, **values)


def retry(
    session: Session, row: Claimable, now: datetime, due_at: datetime, error: str = "", **values: Any
) -> bool:
    """Put a claimed row back until `due_at`. False: the lease was lost.

    A folded row whose lane has a younger waiting row ends as `superseded`: the younger one reads the same card.
    """
    try:
        with session.begin_nested():
            return _finish(
                session,
                row,
                status="waiting",
                due_at=due_at,
                lease_until=None,
                owner=None,
                error=error,
                **values,
            )
    except IntegrityError:
        return done(session, row, now, status="superseded", error=error)


def bury(session: Session, row: Claimable, now: datetime, error: str, **values: Any) -> bool:
    """Give a claimed row up for people to look at; its lane goes on. False: the lease was lost."""
    return _finish(session, row, status="buried", finished_at=now, lease_until=None, error=error, **values)


def renew(session: Session, row: Claimable, now: datetime, lease: timedelta) -> bool:
    """Extend the lease of a claimed row to `now + lease`. False: it was already lost."""
    return _finish(session, row, lease_until=now + lease)


def _finish(session: Session, row: Claimable, **values: Any) -> bool:
    """Update under the fence: the same owner, the same attempt, still working."""
    kind = type(row)
    statement = (
        update(kind)
        .where(
            kind.id == row.id,
            kind.owner == row.owner,
            kind.attempts == row.attempts,
            kind.status == "working",
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def requeue(session: Session, row: Claimable, now: datetime) -> bool:
    """Let a buried row run again, on a person's word; its attempts start anew."""
    kind = type(row)
    statement = (
        update(kind)
        .where(kind.id == row.id, kind.status == "buried")
        .values(status="waiting", due_at=now, attempts=0, owner=None, lease_until=None, finished_at=None)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def put_once(
    session: Session,
    row: type[R],
    *,
    portal_id: int,
    lane: str,
    now: datetime,
    due_at: datetime | None = None,
    conflict: Sequence[str] = ("portal_id", "key"),
    **values: Any,
) -> int | None:
    """Insert a waiting row unless one with the same `conflict` columns exists; return its id, or nothing."""
    insert = insert_for(session)(row).values(
        portal_id=portal_id, lane=lane, status="waiting", due_at=due_at or now, created_at=now, **values
    )
    statement = insert.on_conflict_do_nothing(index_elements=list(conflict)).returning(row.id)
    return cast("int | None", session.execute(statement).scalar_one_or_none())


def put_all(
    session: Session,
    row: type[R],
    rows: Sequence[Mapping[str, Any]],
    *,
    portal_id: int,
    conflict: Sequence[str] = ("portal_id", "key"),
) -> None:
    """Insert many rows by one statement, but for those of whose `conflict` columns there is one already.

    Each names its lane, `due_at` and `created_at`, and all the same columns; it waits unless it says otherwise.
    """
    if rows:
        insert = insert_for(session)(row.__table__).on_conflict_do_nothing(index_elements=list(conflict))  # type: ignore[attr-defined]
        session.execute(
            insert, [{"status": "waiting"} | dict(one) | {"portal_id": portal_id} for one in rows]
        )


def fold(
    session: Session, row: type[R], *, portal_id: int, lane: str, now: datetime, values: dict[str, Any]
) -> None:
    """Insert an inbox row, or bump the one that waits in the same lane (architecture.md 3, folding).

    The due date of the waiting row stays, so that a busy card is still looked at.
    """
    insert = insert_for(session)(row).values(
        portal_id=portal_id, lane=lane, status="waiting", due_at=now, created_at=now, folds=True,
        times=1, first_at=now, last_at=now, **values,
    )  # fmt: skip
    table = row.__table__  # type: ignore[attr-defined]
    bump = {"times": table.c.times + 1, "last_at": now} | {name: insert.excluded[name] for name in values}
    statement = insert.on_conflict_do_update(
        index_elements=["portal_id", "lane"], index_where=text("status = 'waiting' AND folds"), set_=bump
    )
    session.execute(statement)


def insert_for(session: Session) -> Any:
    """The insert construct with ON CONFLICT of the session's database."""
    return sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert


def depth(session: Session, row: type[R]) -> dict[str, int]:
    """How many rows there are by status, over all portals."""
    counted = session.execute(select(row.status, func.count()).group_by(row.status))
    return {status: count for status, count in counted}  # noqa: C416


def backoff(attempts: int, row_id: int, cap: timedelta = timedelta(hours=1)) -> timedelta:
    """How long to wait after the given number of attempts: 2, 4, 8 … seconds up to `cap`.

    Up to a fifth is added from the row's id: rows that failed together do not come back together,
    and the same row always gets the same answer.
    """
    seconds = min(2.0 ** min(attempts, 20), cap.total_seconds())
    return timedelta(seconds=seconds * (1 + (row_id * 2654435761 % 1000) / 5000))

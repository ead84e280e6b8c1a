"""Portals, their access, limits, fields and set-up state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    JSON,
    CursorResult,
    Float,
    ForeignKey,
    Index,
    Integer,
    ScalarSelect,
    String,
    UniqueConstraint,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, Secret, UTCDateTime
from integration.store.upsert import insert_for


class Portal(Base):
    """One Bitrix24 with one installation of Molva (bitrix24.md 16, pitfall 14: member and client id are the key).

    The id stays when a local application is deleted and added anew with other keys (docs/adr/0009).
    """

    __tablename__ = "portals"
    __table_args__ = (UniqueConstraint("member_id", "client_id"), Index("ix_portals_domain", "domain"))

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[str] = mapped_column(String(64))  # empty: registered by add-app, not installed yet
    client_id: Mapped[str] = mapped_column(String(64), default="")
    client_secret: Mapped[str | None] = mapped_column(
        Secret
    )  # of a local application; others use the operator's
    kind: Mapped[str] = mapped_column(String(16), default="market")  # market | local | webhook
    status: Mapped[str] = mapped_column(
        String(16), default="new"
    )  # new|active|suspended|reauthorise|uninstalled|undecided
    domain: Mapped[str] = mapped_column(String(255))
    endpoint: Mapped[str] = mapped_column(String(500))  # client_endpoint, or the webhook's address
    oauth_origin: Mapped[str] = mapped_column(String(255), default="")
    application_token: Mapped[str | None] = mapped_column(Secret)
    access_token: Mapped[str | None] = mapped_column(Secret)
    refresh_token: Mapped[str | None] = mapped_column(Secret)
    token_expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    token_version: Mapped[int] = mapped_column(Integer, default=0)  # compare-and-set at every refresh
    token_user_id: Mapped[int | None] = mapped_column(Integer)
    refreshing_until: Mapped[datetime | None] = mapped_column(UTCDateTime)  # somebody is renewing the tokens
    # The newest pair of another administrator, for the day the owner of the tokens is dismissed (pitfall 9).
    spare_refresh_token: Mapped[str | None] = mapped_column(Secret)
    spare_user_id: Mapped[int | None] = mapped_column(Integer)
    spare_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    scope: Mapped[str] = mapped_column(String(500), default="")
    language: Mapped[str] = mapped_column(String(8), default="ru")
    time_zone: Mapped[str] = mapped_column(String(64), default="Europe/Moscow")
    currency: Mapped[str] = mapped_column(String(8), default="RUB")
    license_family: Mapped[str] = mapped_column(String(32), default="")
    crm_mode: Mapped[int] = mapped_column(Integer, default=1)  # 1 classic (leads), 2 simple
    fields: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict
    )  # FieldMap: card kind -> code -> {type, items}
    calendar: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # calendar.settings.get, as read
    installed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    setup_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # last complete set-up
    synced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # first synchronisation finished
    status_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    problem: Mapped[str] = mapped_column(String(200), default="")  # code of what is wrong, for people
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # last uninstalled
    erase_after: Mapped[datetime | None] = mapped_column(UTCDateTime)  # wished erased, at this date
    # The wish was told by somebody who may have been anybody: asked about at the next installation.
    erase_wished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    farewell: Mapped[str] = mapped_column(
        String(64), default="", server_default=""
    )  # digest of the application token while the wish of a removal has not been heard, or may be contradicted
    first_run_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime
    )  # the four steps were gone through (P7)
    first_run: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}"
    )  # step -> done | skipped


class Limits(Base):
    """The portal's rate bucket and execution budgets, shared by all processes (product.md T4)."""

    __tablename__ = "limits"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[float] = mapped_column(Float, default=0.0)  # requests in the bucket at `level_at`
    level_at: Mapped[datetime] = mapped_column(UTCDateTime)
    budgets: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # method -> {seconds, reset_at, ema}
    leased_to: Mapped[str | None] = mapped_column(String(64))  # the worker that drains this portal's outbox
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UTCDateTime)  # the portal asked for quiet until then


class Watermark(Base):
    """Up to where reconciliation has read one kind of card (product.md T2)."""

    __tablename__ = "watermarks"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_id: Mapped[int] = mapped_column(Integer, default=0)


class Staff(Base):
    """An employee of the agency, as the portal names them."""

    __tablename__ = "staff"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(255), default="")
    phone: Mapped[str] = mapped_column(String(64), default="")
    position: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    active: Mapped[bool] = mapped_column(default=True)
    departments: Mapped[list[int]] = mapped_column(JSON, default=list)


class Department(Base):
    """A department and its head."""

    __tablename__ = "departments"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    department_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    parent_id: Mapped[int | None] = mapped_column(Integer)
    head_user_id: Mapped[int | None] = mapped_column(Integer)


class Stage(Base):
    """A stage of a deal pipeline, with its meaning (S won, F lost, empty: in work)."""

    __tablename__ = "stages"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    stage_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    category_id: Mapped[int] = mapped_column(Integer, default=0)
    category_name: Mapped[str] = mapped_column(String(200), default="")
    name: Mapped[str] = mapped_column(String(200), default="")
    semantics: Mapped[str] = mapped_column(String(4), default="")
    sort: Mapped[int] = mapped_column(Integer, default=0)


# --- portals


def get(session: Session, portal_id: int) -> Portal | None:
    """The portal as the database has it now."""
    return session.get(Portal, portal_id, populate_existing=True)


def locked(session: Session, portal_id: int) -> Portal | None:
    """The portal, locked against other writers until the transaction ends."""
    statement = select(Portal).where(Portal.id == portal_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def by_member(session: Session, member_id: str) -> Sequence[Portal]:
    """The installations in one portal: usually one, more with several local applications."""
    return session.scalars(select(Portal).where(Portal.member_id == member_id).order_by(Portal.id)).all()


def installation(session: Session, member_id: str, client_id: str) -> Portal | None:
    """The row of one application in one portal, or the one that `add-app` registered for it; locked."""
    statement = (
        select(Portal)
        .where(Portal.client_id == client_id, Portal.member_id.in_((member_id, "")))
        .order_by(Portal.member_id.desc())
        .with_for_update()
    )
    return session.scalars(statement).first()


def of_application(session: Session, client_id: str) -> Sequence[Portal]:
    """The installations of one application, and what `add-app` registered of it; locked."""
    statement = select(Portal).where(Portal.client_id == client_id).order_by(Portal.id).with_for_update()
    return session.scalars(statement).all()


def has_domain(session: Session, domain: str) -> bool:
    """Whether a portal with this address was ever proven to be ours."""
    statement = select(Portal.id).where(Portal.domain == domain, Portal.status != "new").limit(1)
    return session.scalar(statement) is not None


def working_at(session: Session, domain: str, *, webhook: bool) -> bool:
    """Whether Molva works at this address through an incoming webhook, or through an application."""
    kind = Portal.kind == "webhook" if webhook else Portal.kind != "webhook"
    statement = select(Portal.id).where(
        Portal.domain == domain, kind, Portal.status.in_(("active", "suspended"))
    )
    return session.scalar(statement.limit(1)) is not None


def everyone(session: Session) -> Sequence[Portal]:
    """All portals by id."""
    return session.scalars(select(Portal).order_by(Portal.id)).all()


def ids(session: Session, statuses: Collection[str] = ("active",)) -> list[int]:
    """Ids of portals in one of these states."""
    return list(session.scalars(select(Portal.id).where(Portal.status.in_(statuses)).order_by(Portal.id)))


def employee(session: Session, portal_id: int, user_id: int) -> Staff | None:
    """One employee as last read; nothing if the portal has not named this person (yet)."""
    return session.get(Staff, (portal_id, user_id))


def get_and_employee(session: Session, portal_id: int, user_id: int) -> tuple[Portal, Staff | None] | None:
    """The portal as the database has it now, and `employee`; nothing if there is no such portal."""
    person = (Staff.portal_id == Portal.id) & (Staff.user_id == user_id)
    statement = select(Portal, Staff).outerjoin(Staff, person).where(Portal.id == portal_id)
    row = session.execute(statement.execution_options(populate_existing=True)).one_or_none()
    return (row[0], row[1]) if row is not None else None


def take_renewal(
    session: Session, portal_id: int, seen: int, now: datetime, lease: timedelta
) -> datetime | None:
    """Become the one that renews the tokens of version `seen`, until the moment that is given back and stands for
    this renewal; nothing if somebody else is at it or has done it."""
    until = now + lease
    statement = (
        update(Portal)
        .where(Portal.id == portal_id, Portal.token_version == seen)
        .where(or_(Portal.refreshing_until.is_(None), Portal.refreshing_until < now))
        .values(refreshing_until=until)
        .execution_options(synchronize_session=False)
    )
    taken = cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
    return until if taken else None


def store_tokens(session: Session, portal_id: int, seen: int, **values: Any) -> bool:
    """Write renewed tokens over version `seen` and count it up; False if another version is there by now."""
    statement = (
        update(Portal)
        .where(Portal.id == portal_id, Portal.token_version == seen)
        .values(token_version=seen + 1, refreshing_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def remove(session: Session, portal_id: int) -> bool:
    """Erase a portal and, by the database's own rules, everything that belongs to it."""
    found = session.execute(delete(Portal).where(Portal.id == portal_id))
    return cast("CursorResult[Any]", found).rowcount == 1


# --- limits


def limits(session: Session, portal_id: int, now: datetime) -> Limits:
    """The portal's limits, locked for this transaction; made at the first call."""
    statement = select(Limits).where(Limits.portal_id == portal_id).with_for_update()
    statement = statement.execution_options(populate_existing=True)
    found = session.scalars(statement).one_or_none()
    if found is None:
        insert = insert_for(session)(Limits).values(portal_id=portal_id, level=0.0, level_at=now, budgets={})
        session.execute(insert.on_conflict_do_nothing(index_elements=["portal_id"]))
        found = session.scalars(statement).one()
    return found


def bucket(session: Session, portal_id: int, now: datetime) -> Limits:
    """The limits whose level counts for a portal, locked: those of its first installation.

    A portal counts requests by source address, so that several applications of ours in one portal share one
    bucket (bitrix24.md 5.1); execution budgets are each application's own. Locked after the portal's own limits.
    """
    return limits(session, _first(session, portal_id), now)


def both(session: Session, portal_id: int, now: datetime) -> tuple[Limits, Limits]:
    """The portal's limits and its `bucket`, locked, mostly by one statement: every request to a portal asks."""
    statement = select(Limits, _first_of(portal_id)).where(Limits.portal_id == portal_id)
    statement = statement.with_for_update(of=Limits).execution_options(populate_existing=True)
    found = session.execute(statement).one_or_none()
    if found is None:
        return limits(session, portal_id, now), bucket(session, portal_id, now)
    own, first = found
    return own, own if first in (None, portal_id) else limits(session, first, now)


def level(session: Session, portal_id: int) -> Limits | None:
    """The bucket as it is and without a lock."""
    return session.get(Limits, _first(session, portal_id))


def _first(session: Session, portal_id: int) -> int:
    return session.scalar(select(_first_of(portal_id))) or portal_id


def _first_of(portal_id: int) -> ScalarSelect[int | None]:
    """The first of our installations in a portal; null where the portal's own number is not known."""
    member = select(Portal.member_id).where(Portal.id == portal_id).scalar_subquery()
    first = select(func.min(Portal.id)).where(Portal.member_id == member, Portal.member_id != "")
    return first.scalar_subquery()


def lease_outbox(session: Session, portal_id: int, owner: str, now: datetime, lease: timedelta) -> bool:
    """Become, or stay, the only worker that drains this portal's outbox; False while another one is."""
    row = limits(session, portal_id, now)
    if row.leased_to not in (None, owner) and row.leased_until is not None and row.leased_until >= now:
        return False
    row.leased_to, row.leased_until = owner, now + lease
    return True


def release_outbox(session: Session, portal_id: int, owner: str, now: datetime) -> None:
    """Let others drain this portal's outbox."""
    row = limits(session, portal_id, now)
    if row.leased_to == owner:
        row.leased_to = row.leased_until = None

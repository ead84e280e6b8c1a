"""Versions of a portal's business settings: nothing is overwritten, the author is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import JSON, ForeignKey, Integer, String, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.policy import Policy
from integration.store.base import Base, UTCDateTime
from integration.store.portals import Department, Portal, Staff, Stage


class PolicyRow(Base):
    """One version of the policy; the highest version counts."""

    __tablename__ = "policies"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    author: Mapped[str] = mapped_column(String(200), default="")
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime)


def newest(session: Session, portal_id: int) -> PolicyRow | None:
    """The version that counts, nothing if the portal never saved one."""
    statement = select(PolicyRow).where(PolicyRow.portal_id == portal_id).order_by(PolicyRow.version.desc())
    return session.scalars(statement.limit(1)).first()


def known(session: Session, portal_id: int) -> dict[int | None, tuple[Policy, int]]:
    """What readers of this session have made of a portal's versions, by number; without one: the one that counts.

    Forgotten when the settings are locked or a version is added, so that nobody decides by what was.
    """
    found = session.info.setdefault(("policies", portal_id), {})
    return cast("dict[int | None, tuple[Policy, int]]", found)


def version(session: Session, portal_id: int, number: int) -> PolicyRow | None:
    """One version."""
    return session.get(PolicyRow, (portal_id, number))


def version_and_newest(session: Session, portal_id: int, number: int) -> list[PolicyRow]:
    """One version, if it is there, and the one that counts, which comes last; a single row where they are the same."""
    mine = PolicyRow.portal_id == portal_id
    newest = select(func.max(PolicyRow.version)).where(mine).scalar_subquery()
    statement = select(PolicyRow).where(mine, or_(PolicyRow.version == number, PolicyRow.version == newest))
    return list(session.scalars(statement.order_by(PolicyRow.version)))


def lock(session: Session, portal_id: int) -> None:
    """Let nobody else save settings of this portal until the transaction ends."""
    known(session, portal_id).clear()
    session.execute(select(Portal.id).where(Portal.id == portal_id).with_for_update())


def since(session: Session, portal_id: int, number: int) -> list[PolicyRow]:
    """Versions younger than this one, oldest first."""
    statement = select(PolicyRow).where(PolicyRow.portal_id == portal_id, PolicyRow.version > number)
    return list(session.scalars(statement.order_by(PolicyRow.version)))


def latest(session: Session, portal_id: int, limit: int, before: int = 0) -> list[PolicyRow]:
    """The youngest versions, youngest first; with `before` those older than that number."""
    statement = select(PolicyRow).where(PolicyRow.portal_id == portal_id)
    if before:
        statement = statement.where(PolicyRow.version < before)
    return list(session.scalars(statement.order_by(PolicyRow.version.desc()).limit(limit)))


def add_version(
    session: Session, portal_id: int, number: int, body: dict[str, Any], author: str, now: datetime
) -> bool:
    """Store a new version. False: somebody else stored this number first."""
    known(session, portal_id).clear()
    latest = session.scalar(select(func.max(PolicyRow.version)).where(PolicyRow.portal_id == portal_id)) or 0
    if latest >= number:
        return False
    try:
        with session.begin_nested():
            session.add(
                PolicyRow(portal_id=portal_id, version=number, body=body, author=author, saved_at=now)
            )
    except IntegrityError:
        return False
    return True


def departments(session: Session, portal_id: int) -> list[Department]:
    """All departments, the top ones first."""
    statement = select(Department).where(Department.portal_id == portal_id)
    return sorted(session.scalars(statement), key=lambda d: (bool(d.parent_id), d.department_id))


def leads(session: Session, portal_id: int, user_id: int) -> bool:
    """Whether an employee is the head of a department."""
    statement = select(Department.department_id).where(
        Department.portal_id == portal_id, Department.head_user_id == user_id
    )
    return session.execute(statement.limit(1)).first() is not None


def staff(session: Session, portal_id: int) -> dict[int, Staff]:
    """All employees by user id, dismissed ones too."""
    rows = session.scalars(select(Staff).where(Staff.portal_id == portal_id))
    return {row.user_id: row for row in rows}


def pipelines(session: Session, portal_id: int) -> dict[int, str]:
    """Deal pipelines that have stages: id and name."""
    statement = select(Stage.category_id, Stage.category_name).where(Stage.portal_id == portal_id).distinct()
    return dict(session.execute(statement).all())

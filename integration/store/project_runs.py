"""Surveys after a project: what started each, whom it asked, and what a waiting robot was told (product.md W16)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps import projects
from integration.nps.people import ClientKey
from integration.store.base import Base, Secret, UTCDateTime
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.upsert import insert_for
from integration.store.waves import Invitation, Wave, WaveClient


class ProjectRun(Base):
    """One wish to ask a client about one deal. `key` makes it once: the deal and its stage entry, or the robot's call.

    `status`: new | asked | skipped (`reason` says why) | over. `told_at`: when the robot that waits got its answer.
    """

    __tablename__ = "project_runs"
    __table_args__ = (
        UniqueConstraint("portal_id", "key"),
        Index("ix_project_runs_portal", "portal_id", "id"),
        Index("ix_project_runs_due", "status", "due_at"),
        Index("ix_project_runs_invitation", "invitation_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(120))
    source: Mapped[str] = mapped_column(String(8))  # stage | robot | hand
    deal_id: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_by: Mapped[str] = mapped_column(String(200), default="molva")
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when it is looked at next; empty: never
    status: Mapped[str] = mapped_column(String(16), default="new")
    reason: Mapped[str] = mapped_column(String(32), default="")
    wave_id: Mapped[int | None] = mapped_column(Integer)
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    event_token: Mapped[str | None] = mapped_column(Secret)  # of a robot
    waits: Mapped[bool] = mapped_column(default=False)  # the robot waits for the answer
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


KIND = projects.KIND  # of the wave rows that hold these surveys
NEW, ASKED, SKIPPED, OVER = "new", "asked", "skipped", "over"
RELEASED = "released"  # reason of a new run: a person has let it through
SENT_BY_RULES = ("stage", "robot")  # sources that no person stands behind at that moment


def add(session: Session, portal_id: int, key: str, **values: Any) -> tuple[ProjectRun, bool]:
    """The run of this key, held until the end of the transaction, and whether it was made just now."""
    statement = (
        insert_for(session)(ProjectRun)
        .values(portal_id=portal_id, key=key, **values)
        .on_conflict_do_nothing(index_elements=["portal_id", "key"])
        .returning(ProjectRun.id)
    )
    made = session.execute(statement).scalar_one_or_none()
    found = (
        select(ProjectRun)
        .where(ProjectRun.portal_id == portal_id, ProjectRun.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(found).one(), made is not None


def one(session: Session, portal_id: int, run_id: int, *, wait: bool = True) -> ProjectRun | None:
    """A run, held until the end of the transaction; with `wait` off nothing if somebody else holds it."""
    statement = (
        select(ProjectRun)
        .where(ProjectRun.portal_id == portal_id, ProjectRun.id == run_id)
        .with_for_update(skip_locked=not wait)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def token_of(session: Session, portal_id: int, run_id: int) -> str:
    """What the robot of a run is told with; empty where there is none."""
    found = select(ProjectRun.event_token).where(ProjectRun.portal_id == portal_id, ProjectRun.id == run_id)
    return session.scalar(found) or ""


def scrub(session: Session, portal_id: int, invitations: Collection[int]) -> None:
    """Take the words of these people out of what robots are, or were, told; a robot that waits is told all the same."""
    mine = select(ProjectRun.id).where(
        ProjectRun.portal_id == portal_id, ProjectRun.invitation_id.in_(invitations)
    )
    told = select(OutboxRow).where(
        OutboxRow.portal_id == portal_id, OutboxRow.cause_kind == "run", OutboxRow.cause_id.in_(mine)
    )
    for row in session.scalars(told):
        params = row.call.get("params") or {}
        if (params.get("RETURN_VALUES") or {}).get("comment"):
            values = {**params["RETURN_VALUES"], "comment": ""}
            row.call = {**row.call, "params": {**params, "RETURN_VALUES": values}}
    session.flush()


def portals_with_work(session: Session, now: datetime) -> list[int]:
    """Working portals with a run that is due, or whose question has come to its end."""
    working = select(Portal.id).where(Portal.status == "active")
    due = select(ProjectRun.portal_id).where(
        ProjectRun.status == NEW, ProjectRun.due_at <= now, ProjectRun.portal_id.in_(working)
    )
    ended = (
        select(ProjectRun.portal_id)
        .join(Invitation, Invitation.id == ProjectRun.invitation_id)
        .where(ProjectRun.status == ASKED, Invitation.outcome != "", ProjectRun.portal_id.in_(working))
    )
    return sorted({*session.scalars(due.distinct()), *session.scalars(ended.distinct())})


def due(session: Session, portal_id: int, now: datetime, limit: int) -> list[ProjectRun]:
    """Runs to look at now, the oldest first; nobody holds them yet."""
    statement = select(ProjectRun).where(
        ProjectRun.portal_id == portal_id, ProjectRun.status == NEW, ProjectRun.due_at <= now
    )
    return list(session.scalars(statement.order_by(ProjectRun.due_at, ProjectRun.id).limit(limit)))


def ended(session: Session, portal_id: int, limit: int) -> list[ProjectRun]:
    """Runs under way whose person has an outcome, held until the end of the transaction."""
    statement = (
        select(ProjectRun)
        .join(Invitation, Invitation.id == ProjectRun.invitation_id)
        .where(ProjectRun.portal_id == portal_id, ProjectRun.status == ASKED, Invitation.outcome != "")
        .order_by(ProjectRun.id)
        .limit(limit)
        .with_for_update(of=ProjectRun, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def crowd(session: Session, portal_id: int, at: datetime, most: int, within: timedelta) -> list[datetime]:
    """When stages and robots started the `most` and one more runs around a moment, without those that a person has let
    through; nothing if no stretch `within` around it has that many. Histories may be read in any order."""
    before = select(ProjectRun.started_at).where(*_crowd(portal_id, at - within, at))
    after = select(ProjectRun.started_at).where(*_crowd(portal_id, at, at + within))
    moments = [
        *reversed(session.scalars(before.order_by(ProjectRun.started_at.desc()).limit(most + 1)).all()),
        *session.scalars(after.order_by(ProjectRun.started_at).limit(most + 1)),
    ]
    stretches = (moments[number : number + most + 1] for number in range(len(moments) - most))
    return next((one for one in stretches if one[-1] - one[0] < within), [])


def hold_back(session: Session, portal_id: int, since: datetime, until: datetime, reason: str) -> int:
    """Those of this time that nobody has been asked for yet wait for a person now; how many."""
    statement = (
        update(ProjectRun)
        .where(*_crowd(portal_id, since, until), ProjectRun.status == NEW, ProjectRun.due_at.is_not(None))
        .values(due_at=None, reason=reason)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def _crowd(portal_id: int, since: datetime, until: datetime) -> tuple[Any, ...]:
    return (
        ProjectRun.portal_id == portal_id,
        ProjectRun.source.in_(SENT_BY_RULES),
        ProjectRun.started_at > since,
        ProjectRun.started_at <= until,
        ProjectRun.reason != RELEASED,
    )


def waiting(session: Session, portal_id: int, reason: str) -> list[ProjectRun]:
    """Runs that wait for a person for this reason, held until the end of the transaction, the oldest first."""
    statement = (
        select(ProjectRun)
        .where(
            ProjectRun.portal_id == portal_id,
            ProjectRun.status == NEW,
            ProjectRun.due_at.is_(None),
            ProjectRun.reason == reason,
        )
        .order_by(ProjectRun.id)
        .with_for_update()
    )
    return list(session.scalars(statement))


def in_running_wave(
    session: Session, portal_id: int, client: ClientKey, contacts: Collection[int], addresses: Collection[str]
) -> bool:
    """Whether this client, or one of these people, is still to answer in a yearly wave that runs (product.md W16)."""
    statement = (
        select(Invitation.id)
        .join(Wave, Wave.id == Invitation.wave_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.outcome == "",
            Wave.portal_id == portal_id,
            Wave.kind != KIND,
            Wave.approved_by != "",
            Wave.stage.not_in(("closed", "cancelled")),
            _theirs(client, contacts, addresses),
        )
    )
    return session.execute(statement.limit(1)).first() is not None


def in_waves(session: Session, portal_id: int, keys: Collection[ClientKey]) -> set[ClientKey]:
    """Which of these clients, or people of theirs who are being asked about a project, still have a yearly wave to
    answer that runs."""
    found: set[ClientKey] = set()
    for key in keys:
        mine = (
            select(Invitation.contact_id, Invitation.address)
            .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
            .join(Wave, Wave.id == Invitation.wave_id)
            .where(
                Invitation.portal_id == portal_id,
                Invitation.outcome == "",
                Wave.portal_id == portal_id,
                Wave.kind == KIND,
                WaveClient.client_kind == key.kind,
                WaveClient.client_id == key.id,
            )
        )
        people = session.execute(mine).all()
        if in_running_wave(session, portal_id, key, [row[0] for row in people], [row[1] for row in people]):
            found.add(key)
    return found


def last_asked(
    session: Session, portal_id: int, client: ClientKey, contacts: Collection[int], addresses: Collection[str]
) -> list[tuple[ClientKey, int, str, datetime]]:
    """Surveys after projects of this client or these people that really asked: whom, where, and when at the latest."""
    statement = (
        select(
            WaveClient.client_kind, WaveClient.client_id, Invitation.contact_id, Invitation.address,
            Invitation.last_letter_at, ProjectRun.started_at, Invitation.touches, Invitation.outcome,
        )
        .select_from(Invitation)
        .join(Wave, Wave.id == Invitation.wave_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(
            ProjectRun,
            (ProjectRun.invitation_id == Invitation.id) & (ProjectRun.portal_id == Invitation.portal_id),
        )
        .where(
            Invitation.portal_id == portal_id, Wave.portal_id == portal_id, Wave.kind == KIND,
            _theirs(client, contacts, addresses),
        )
    )  # fmt: skip
    found: list[tuple[ClientKey, int, str, datetime]] = []
    for kind, number, contact, address, letter, started, touches, outcome in session.execute(statement):
        at = letter or started
        if at is not None and (touches or outcome in ("", "answered")):
            found.append((ClientKey(kind, number), contact, address, at))
    return found


def _theirs(client: ClientKey, contacts: Collection[int], addresses: Collection[str]) -> Any:
    same = (WaveClient.client_kind == client.kind) & (WaveClient.client_id == client.id)
    return or_(
        same,
        Invitation.contact_id.in_(sorted(set(contacts))),
        Invitation.address.in_(sorted({one for one in addresses if one})),
    )


def wave_of_month(session: Session, portal_id: int, names: Sequence[str], client: ClientKey) -> str | None:
    """The first of these waves that is open, and in which this client does not stand yet; it may not exist yet."""
    stands = (
        select(WaveClient.id)
        .where(
            WaveClient.wave_id == Wave.id,
            WaveClient.client_kind == client.kind,
            WaveClient.client_id == client.id,
        )
        .exists()
    )
    taken = set(
        session.scalars(
            select(Wave.name).where(
                Wave.portal_id == portal_id,
                Wave.name.in_(names),
                or_(stands, Wave.kind != KIND, Wave.stage.in_(("closed", "cancelled"))),
            )
        )
    )
    return next((name for name in names if name not in taken), None)


def wave_named(session: Session, portal_id: int, name: str) -> Wave | None:
    """The surveys of a month, held until the end of the transaction."""
    statement = select(Wave).where(Wave.portal_id == portal_id, Wave.name == name, Wave.kind == KIND)
    return session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()

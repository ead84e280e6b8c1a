"""Sheets of a partner call centre that came back: what was read, row by row, and what became of it (product.md W9)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    delete,
    exists,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.attempts import Attempt, CallLease
from integration.store.base import Base, Secret, UTCDateTime
from integration.store.upsert import insert_for
from integration.store.waves import Invitation, WaveClient


class CallSheet(Base):
    """One sheet. `stage`: out (it was taken out) | preview | applying | done | dropped; `counts`: by status of its
    rows, or of people on it. `secret`: of a sheet taken out; the codes of its rows are made with it."""

    __tablename__ = "call_sheets"
    __table_args__ = (Index("ix_call_sheets_wave", "portal_id", "wave_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    wave_id: Mapped[int] = mapped_column(ForeignKey("waves.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(200), default="")
    stage: Mapped[str] = mapped_column(String(16), default="preview")
    uploaded_by: Mapped[str] = mapped_column(String(200))
    uploaded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    secret: Mapped[str | None] = mapped_column(Secret)


class CallSheetRow(Base):
    """One row of a sheet: `number` as the table program counts it, on `page` people | calls; `at`: when the call was.

    `status`: new | done | same | refused; `code`: why it was refused, or what is to be known about what was done.
    """

    __tablename__ = "call_sheet_rows"
    __table_args__ = (UniqueConstraint("sheet_id", "page", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    sheet_id: Mapped[int] = mapped_column(ForeignKey("call_sheets.id", ondelete="CASCADE"))
    page: Mapped[str] = mapped_column(String(8), default="calls")
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    said: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # the cells as read
    status: Mapped[str] = mapped_column(String(16), default="new")
    code: Mapped[str] = mapped_column(String(32), default="")  # why it was refused


def add(session: Session, portal_id: int, **values: Any) -> CallSheet:
    """A new sheet, without rows."""
    made = CallSheet(portal_id=portal_id, **values)
    session.add(made)
    session.flush()
    return made


def add_rows(session: Session, portal_id: int, sheet_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """The rows of a sheet, all with the same keys."""
    if rows:
        session.execute(
            insert(CallSheetRow), [{"portal_id": portal_id, "sheet_id": sheet_id, **row} for row in rows]
        )


def get(session: Session, portal_id: int, sheet_id: int, *, held: bool = False) -> CallSheet | None:
    """A sheet of this portal; `held` until the end of the transaction, against two workers at it at once."""
    statement = select(CallSheet).where(CallSheet.portal_id == portal_id, CallSheet.id == sheet_id)
    if held:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def of_wave(session: Session, portal_id: int, wave_id: int, limit: int) -> list[CallSheet]:
    """The latest sheets of a wave, taken out or brought back, the newest first."""
    statement = select(CallSheet).where(
        CallSheet.portal_id == portal_id, CallSheet.wave_id == wave_id, CallSheet.stage != "dropped"
    )
    return list(session.scalars(statement.order_by(CallSheet.id.desc()).limit(limit)))


def secret(session: Session, portal_id: int, wave_id: int) -> str | None:
    """What the codes of a wave's sheets are made with; nothing before the first sheet was taken out."""
    statement = select(CallSheet.secret).where(
        CallSheet.portal_id == portal_id, CallSheet.wave_id == wave_id, CallSheet.secret.is_not(None)
    )
    return session.scalars(statement.order_by(CallSheet.id).limit(1)).first()


def taken_out_before(session: Session, portal_id: int, wave_id: int, moment: datetime) -> datetime | None:
    """When the last sheet of a wave before a moment was taken out; nothing if none was."""
    statement = select(func.max(CallSheet.uploaded_at)).where(
        CallSheet.portal_id == portal_id, CallSheet.wave_id == wave_id, CallSheet.stage == "out",
        CallSheet.uploaded_at <= moment,
    )  # fmt: skip
    return session.scalar(statement)


def counts(session: Session, portal_id: int, sheet_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Rows of sheets by status."""
    statement = (
        select(CallSheetRow.sheet_id, CallSheetRow.status, func.count())
        .where(CallSheetRow.portal_id == portal_id, CallSheetRow.sheet_id.in_(sorted(sheet_ids)))
        .group_by(CallSheetRow.sheet_id, CallSheetRow.status)
    )
    found: dict[int, dict[str, int]] = {}
    for sheet_id, status, count in session.execute(statement):
        found.setdefault(sheet_id, {})[status] = count
    return found


def rows_of(
    session: Session, portal_id: int, sheet_id: int, statuses: Collection[str] = (), *, offset: int = 0,
    limit: int | None = None,
) -> list[CallSheetRow]:  # fmt: skip
    """Rows of a sheet with one of these statuses (none: all), as they stand in the file."""
    statement = select(CallSheetRow).where(
        CallSheetRow.portal_id == portal_id, CallSheetRow.sheet_id == sheet_id
    )
    if statuses:
        statement = statement.where(CallSheetRow.status.in_(sorted(statuses)))
    order = (CallSheetRow.page.desc(), CallSheetRow.number)  # people, then calls
    return list(session.scalars(statement.order_by(*order).offset(offset).limit(limit)))


def next_new(session: Session, portal_id: int, sheet_id: int) -> CallSheetRow | None:
    """The row to be taken next: the earliest call that is not settled."""
    statement = select(CallSheetRow).where(
        CallSheetRow.portal_id == portal_id, CallSheetRow.sheet_id == sheet_id, CallSheetRow.status == "new"
    )
    order = (CallSheetRow.at, CallSheetRow.page, CallSheetRow.number)
    return session.scalars(statement.order_by(*order).limit(1)).first()


def taken(session: Session, portal_id: int, keys: Collection[str]) -> dict[str, Attempt]:
    """Calls that were recorded under these keys, also those taken back since."""
    statement = select(Attempt).where(Attempt.portal_id == portal_id, Attempt.key.in_(sorted(keys)))
    return {attempt.key: attempt for attempt in session.scalars(statement)}


def forget_rows(session: Session, portal_id: int, sheet_id: int) -> None:
    """The rows of a sheet that was dropped."""
    session.execute(
        delete(CallSheetRow)
        .where(CallSheetRow.portal_id == portal_id, CallSheetRow.sheet_id == sheet_id)
        .execution_options(synchronize_session=False)
    )


def people(session: Session, portal_id: int, wave_id: int) -> list[tuple[Invitation, WaveClient]]:
    """Everybody in a wave who is not done with it and has a number to be called, by client."""
    statement = (
        select(Invitation, WaveClient)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(
            Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome == "",
            Invitation.phone != "", Invitation.revoked_at.is_(None),
        )
        .order_by(WaveClient.name, WaveClient.id, Invitation.id)
    )  # fmt: skip
    return [(invitation, client) for invitation, client in session.execute(statement)]


def zones(session: Session, portal_id: int, wave_id: int) -> dict[int, str]:
    """Every invitation of a wave with the person's zone, for finding the one a code names."""
    statement = select(Invitation.id, Invitation.time_zone).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id
    )
    return {row.id: row.time_zone for row in session.execute(statement)}


def standing(
    session: Session, portal_id: int, invitations: Collection[int]
) -> dict[int, tuple[Invitation, WaveClient]]:
    """These people with their clients, as they stand on the list now."""
    statement = (
        select(Invitation, WaveClient)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Invitation.portal_id == portal_id, Invitation.id.in_(sorted(invitations)))
    )
    return {one.id: (one, line) for one, line in session.execute(statement)}


def done_rows(
    session: Session, portal_id: int, wave_id: int
) -> list[tuple[int, datetime, dict[str, Any]]]:  # fmt: skip
    """What sheets of a wave have brought: person, moment, what the row said; the first to come first."""
    statement = (
        select(CallSheetRow.invitation_id, CallSheetRow.at, CallSheetRow.said)
        .join(CallSheet, CallSheet.id == CallSheetRow.sheet_id)
        .where(
            CallSheet.portal_id == portal_id, CallSheet.wave_id == wave_id, CallSheetRow.status == "done",
            CallSheetRow.invitation_id.is_not(None), CallSheetRow.at.is_not(None),
        )
        .order_by(CallSheetRow.id)
    )  # fmt: skip
    return [(row.invitation_id, row.at, row.said) for row in session.execute(statement)]


def names(session: Session, portal_id: int, invitations: Collection[int]) -> dict[int, tuple[str, str, int]]:
    """Person, client and the client's line of these invitations."""
    statement = (
        select(Invitation.id, Invitation.name, WaveClient.name, WaveClient.id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Invitation.portal_id == portal_id, Invitation.id.in_(sorted(invitations)))
    )
    return {number: (person, client, line) for number, person, client, line in session.execute(statement)}


def leases(session: Session, portal_id: int, wave_id: int, now: datetime) -> dict[int, str]:
    """Who has which client of a wave in hand at this moment: line -> holder."""
    statement = select(CallLease.wave_client_id, CallLease.holder).where(
        CallLease.portal_id == portal_id, CallLease.wave_id == wave_id, CallLease.until > now
    )
    return {row.wave_client_id: row.holder for row in session.execute(statement)}


def reserve(
    session: Session,
    portal_id: int,
    sheet: CallSheet,
    people: Sequence[Invitation],
    who: str,
    now: datetime,
    until: datetime,
) -> None:
    """Put the clients of these people, one of each, into the hands of a sheet; leases that are over make room."""
    lines = [one.wave_client_id for one in people]
    session.execute(
        delete(CallLease)
        .where(CallLease.portal_id == portal_id, CallLease.wave_client_id.in_(lines), CallLease.until <= now)
        .execution_options(synchronize_session=False)
    )
    rows = [
        {
            "portal_id": portal_id, "wave_id": sheet.wave_id, "wave_client_id": one.wave_client_id,
            "invitation_id": one.id, "key": f"sheet:{sheet.id}:{one.wave_client_id}",
            "holder": f"sheet:{sheet.id}:{one.wave_client_id}", "holder_name": who[:200], "taken_at": now,
            "until": until,
        }
        for one in people
    ]  # fmt: skip
    session.execute(insert_for(session)(CallLease).on_conflict_do_nothing(), rows)


def release(session: Session, portal_id: int, sheet_id: int) -> int:
    """End what a sheet has reserved; how many clients."""
    gone = session.execute(
        delete(CallLease)
        .where(CallLease.portal_id == portal_id, CallLease.holder.like(f"sheet:{sheet_id}:%"))
        .returning(CallLease.wave_client_id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())


def release_called(session: Session, portal_id: int, line_id: int, at: datetime) -> None:
    """A client that was called by a sheet is free again when everybody of it was, unless a later sheet has it; until
    then it is reserved for the next of its people."""
    statement = select(CallLease).where(
        CallLease.portal_id == portal_id, CallLease.wave_client_id == line_id, CallLease.taken_at <= at,
        CallLease.holder.like("sheet:%"),
    )  # fmt: skip
    lease = session.scalars(statement).one_or_none()
    if lease is None:
        return
    called = exists().where(
        Attempt.portal_id == portal_id, Attempt.invitation_id == Invitation.id,
        Attempt.ended_at >= lease.taken_at, Attempt.undone_at.is_(None),
    )  # fmt: skip
    left = session.scalars(
        select(Invitation.id)
        .where(
            Invitation.portal_id == portal_id, Invitation.wave_client_id == line_id, Invitation.outcome == "",
            Invitation.phone != "", Invitation.calls_over == "", ~called,
        )
        .order_by(Invitation.id)
    ).first()  # fmt: skip
    if left is None:
        session.delete(lease)
    else:
        lease.invitation_id = left
    session.flush()


def reserved(session: Session, portal_id: int, wave_id: int, now: datetime) -> dict[int, int]:
    """How many clients each sheet of a wave still has: sheet -> clients."""
    found: dict[int, int] = {}
    for holder in leases(session, portal_id, wave_id, now).values():
        kind, _, rest = holder.partition(":")
        if kind == "sheet":
            number = int(rest.partition(":")[0])
            found[number] = found.get(number, 0) + 1
    return found

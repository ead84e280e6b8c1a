"""Reading and writing waves, their lists and invitations. Whoever changes a wave locks its row first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from integration.nps.addresses import email_key
from integration.store.clients import OptOut
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Portal
from integration.store.responses import Response
from integration.store.waves import PROJECT, Invitation, Wave, WaveClient, WaveEvent

DONE_STAGES = ("closed", "cancelled")


def add_wave(session: Session, portal_id: int, name: str, **values: Any) -> int | None:
    """A new draft; nothing if the portal already has a wave of this name."""
    kind = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = (
        kind(Wave)
        .values(portal_id=portal_id, name=name, stage="draft", **values)
        .on_conflict_do_nothing(index_elements=["portal_id", "name"])
        .returning(Wave.id)
    )
    return session.execute(statement).scalar_one_or_none()


def wave(session: Session, portal_id: int, wave_id: int) -> Wave | None:
    """One wave of a portal."""
    return session.scalars(select(Wave).where(Wave.portal_id == portal_id, Wave.id == wave_id)).one_or_none()


def yearly(session: Session, portal_id: int, wave_id: int) -> Wave | None:
    """One yearly wave of a portal, for its pages; the surveys after projects have pages of their own (W16)."""
    found = wave(session, portal_id, wave_id)
    return None if found is not None and found.kind == PROJECT else found


def waves_of(session: Session, portal_id: int) -> list[Wave]:
    """All yearly waves of a portal, the youngest first."""
    statement = select(Wave).where(Wave.portal_id == portal_id, Wave.of_years())
    return list(session.scalars(statement.order_by(Wave.id.desc())))


def locked(session: Session, portal_id: int, wave_id: int, *, wait: bool = True) -> Wave | None:
    """The wave, held until the end of the transaction; with `wait` off nothing if somebody else holds it."""
    statement = (
        select(Wave)
        .where(Wave.portal_id == portal_id, Wave.id == wave_id)
        .with_for_update(skip_locked=not wait)
    )
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def due_waves(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Waves of the portals that work whose own next step has come: portal and wave.

    While a portal is suspended its waves stand still; what was due is done late or left out afterwards (W2).
    """
    statement = select(Wave.portal_id, Wave.id).where(
        Wave.step_due_at <= now, Wave.stage != "cancelled", Wave.portal_id.in_(_working())
    )
    found = session.execute(statement.order_by(Wave.step_due_at, Wave.id))
    return [(portal, wave_id) for portal, wave_id in found]


def waves_with_due_invitations(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Waves of the portals that work in which somebody must be looked at: portal and wave."""
    statement = (
        select(Invitation.portal_id, Invitation.wave_id)
        .where(Invitation.due_at <= now, Invitation.portal_id.in_(_working()))
        .distinct()
    )
    return [(portal, wave_id) for portal, wave_id in session.execute(statement)]


def _working() -> Select[Any]:
    return select(Portal.id).where(Portal.status == "active")


def due_invitations(
    session: Session, portal_id: int, wave_id: int, now: datetime, limit: int
) -> list[Invitation]:
    """Invitations to look at, held until the end of the transaction; those somebody else holds are left out."""
    statement = (
        select(Invitation)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.due_at <= now)
        .order_by(Invitation.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def look_at_all(session: Session, portal_id: int, wave_id: int, now: datetime, *, only_open: bool) -> None:
    """Let the machine look at every invitation of a wave again."""
    statement = update(Invitation).where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id)
    if only_open:
        statement = statement.where(Invitation.outcome == "")
    session.execute(statement.values(due_at=now).execution_options(synchronize_session=False))


def open_invitations(session: Session, portal_id: int, wave_id: int) -> int:
    """How many respondents lack a final outcome (product.md W14)."""
    statement = select(func.count()).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome == ""
    )
    return session.execute(statement).scalar_one()


def outcomes(session: Session, portal_id: int, wave_id: int) -> dict[str, int]:
    """Invitations by outcome; the empty one is still open."""
    statement = select(Invitation.outcome, func.count()).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id
    )
    return dict(session.execute(statement.group_by(Invitation.outcome)).all())


def clients_by_id(
    session: Session, portal_id: int, wave_id: int, ids: Collection[int]
) -> dict[int, WaveClient]:
    """Lines of the list by their own id."""
    statement = select(WaveClient).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.id.in_(ids)
    )
    return {row.id: row for row in session.scalars(statement)}


def counted_answers(session: Session, portal_id: int, invitation_ids: Collection[int]) -> dict[int, str]:
    """Invitations that have an answer, with its status: counted or held."""
    statement = select(Response.invitation_id, Response.status).where(
        Response.portal_id == portal_id, Response.invitation_id.in_(invitation_ids)
    )
    return dict(session.execute(statement).all())


def opt_outs(session: Session, portal_id: int, among: Collection[str] | None = None) -> set[str]:
    """Addresses that said "never again" (e-mail and phone keys, or `contact:<id>`), all or those asked about."""
    statement = select(OptOut.address).where(OptOut.portal_id == portal_id)
    if among is not None:
        statement = statement.where(OptOut.address.in_(among))
    return set(session.scalars(statement))


def note(
    session: Session, found: Wave, now: datetime, what: str, who: str = "molva", detail: str = ""
) -> None:
    """One line of the wave's audit trail."""
    session.add(
        WaveEvent(
            portal_id=found.portal_id, wave_id=found.id, at=now, what=what, who=who[:200], detail=detail
        )
    )


def events(session: Session, portal_id: int, wave_id: int) -> list[WaveEvent]:
    """The audit trail of a wave, oldest first."""
    statement = select(WaveEvent).where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id)
    return list(session.scalars(statement.order_by(WaveEvent.id)))


def cancel_waiting_letters(
    session: Session,
    portal_id: int,
    wave_id: int,
    now: datetime,
    invitation_ids: Collection[int] | None = None,
) -> int:
    """Take back letters of a wave that have not left; thanks stay."""
    statement = update(LetterRow).where(
        LetterRow.portal_id == portal_id,
        LetterRow.wave_id == wave_id,
        LetterRow.status == "waiting",
        LetterRow.kind.not_like("thanks%"),
    )
    if invitation_ids is not None:
        statement = statement.where(LetterRow.invitation_id.in_(invitation_ids))
    statement = statement.values(status="cancelled", finished_at=now)
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount


def settle_owner_tasks(session: Session, portal_id: int, wave_id: int, now: datetime) -> list[int]:
    """Take back the calls that were to make the owner's tasks and have not left; the numbers of those made."""
    mine = (
        OutboxRow.portal_id == portal_id, OutboxRow.lane == f"wave:{wave_id}", OutboxRow.purpose == "wave_task",
    )  # fmt: skip
    session.execute(
        update(OutboxRow)
        .where(*mine, OutboxRow.status == "waiting", OutboxRow.sent_at.is_(None))
        .values(status="superseded", finished_at=now)
        .execution_options(synchronize_session=False)
    )
    made = session.scalars(
        select(OutboxRow.result).where(*mine, OutboxRow.status == "done").order_by(OutboxRow.id)
    )
    return [number for number in made if isinstance(number, int) and not isinstance(number, bool)]


def close_open(
    session: Session, portal_id: int, wave_id: int, now: datetime, detail: Mapping[str, Any]
) -> int:
    """Give everyone still open the outcome `closed_early`, those with a counted answer `answered` (W14)."""
    answered = (
        select(Response.id)
        .where(Response.invitation_id == Invitation.id, Response.status == "counted")
        .exists()
    )
    statement = update(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome == ""
    )
    session.execute(
        statement.where(answered)
        .values(outcome="answered", outcome_at=now)
        .execution_options(synchronize_session=False)
    )
    done = session.execute(
        statement.values(
            outcome="closed_early", outcome_at=now, outcome_detail=dict(detail)
        ).execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount


def look_at_address(session: Session, portal_id: int, address: str, now: datetime) -> None:
    """Let the machine look at everybody who is still to be asked at an address, however it is written."""
    statement = update(Invitation).where(
        Invitation.portal_id == portal_id, _at_address(address), Invitation.outcome == ""
    )
    session.execute(statement.values(due_at=now).execution_options(synchronize_session=False))


def reopen_unreachable(session: Session, portal_id: int, address: str, now: datetime) -> int:
    """Those given up in a running wave because of an address are to be asked again; how many they are."""
    running = select(Wave.id).where(Wave.portal_id == portal_id, Wave.stage.not_in(DONE_STAGES))
    statement = (
        update(Invitation)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.wave_id.in_(running),
            Invitation.outcome == "unreachable",
            _at_address(address),
        )
        .values(outcome="", outcome_at=None, outcome_detail={}, due_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def _at_address(address: str) -> ColumnElement[bool]:
    return Invitation.address.in_({address, address.strip(), email_key(address)})


def exclude_client(
    session: Session, portal_id: int, wave_id: int, line_id: int, now: datetime, detail: Mapping[str, Any]
) -> list[int]:
    """End the open invitations of one client as excluded; their ids."""
    statement = (
        update(Invitation)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.wave_id == wave_id,
            Invitation.wave_client_id == line_id,
            Invitation.outcome == "",
        )
        .values(
            outcome="excluded",
            outcome_at=now,
            outcome_detail=dict(detail),
            due_at=now,
            call_due_at=None,
            call_until=None,
        )
        .returning(Invitation.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(statement))

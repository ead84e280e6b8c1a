"""Reading and writing waves, their lists and invitations. Whoever changes a wave locks its row first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import CursorResult, and_, case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import OptOut
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent

PENDING = "pending"  # reason of a client whose people have not been read yet
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


def waves_of(session: Session, portal_id: int) -> list[Wave]:
    """All waves of a portal, the youngest first."""
    return list(session.scalars(select(Wave).where(Wave.portal_id == portal_id).order_by(Wave.id.desc())))


def locked(session: Session, wave_id: int, *, wait: bool = True) -> Wave | None:
    """The wave, held until the end of the transaction; with `wait` off nothing if somebody else holds it."""
    statement = select(Wave).where(Wave.id == wave_id).with_for_update(skip_locked=not wait)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def due_waves(session: Session, now: datetime) -> list[int]:
    """Waves whose own next step has come."""
    statement = select(Wave.id).where(Wave.step_due_at <= now, Wave.stage != "cancelled")
    return list(session.scalars(statement.order_by(Wave.step_due_at, Wave.id)))


def waves_with_due_invitations(session: Session, now: datetime) -> list[int]:
    """Waves in which somebody must be looked at."""
    return list(session.scalars(select(Invitation.wave_id).where(Invitation.due_at <= now).distinct()))


def due_invitations(session: Session, wave_id: int, now: datetime, limit: int) -> list[Invitation]:
    """Invitations to look at, held until the end of the transaction; those somebody else holds are left out."""
    statement = (
        select(Invitation)
        .where(Invitation.wave_id == wave_id, Invitation.due_at <= now)
        .order_by(Invitation.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def look_at_all(session: Session, wave_id: int, now: datetime, *, only_open: bool) -> None:
    """Let the machine look at every invitation of a wave again."""
    statement = update(Invitation).where(Invitation.wave_id == wave_id)
    if only_open:
        statement = statement.where(Invitation.outcome == "")
    session.execute(statement.values(due_at=now).execution_options(synchronize_session=False))


def open_invitations(session: Session, wave_id: int) -> int:
    """How many respondents lack a final outcome (product.md W14)."""
    statement = select(func.count()).where(Invitation.wave_id == wave_id, Invitation.outcome == "")
    return session.execute(statement).scalar_one()


def outcomes(session: Session, wave_id: int) -> dict[str, int]:
    """Invitations by outcome; the empty one is still open."""
    statement = select(Invitation.outcome, func.count()).where(Invitation.wave_id == wave_id)
    return dict(session.execute(statement.group_by(Invitation.outcome)).tuples())


def reasons(session: Session, wave_id: int) -> dict[str, int]:
    """Clients of the list by reason; the empty one is asked (product.md E4)."""
    statement = select(WaveClient.reason, func.count()).where(WaveClient.wave_id == wave_id)
    return dict(session.execute(statement.group_by(WaveClient.reason)).tuples())


def clients_by_id(session: Session, wave_id: int, ids: Collection[int]) -> dict[int, WaveClient]:
    """Lines of the list by their own id."""
    statement = select(WaveClient).where(WaveClient.wave_id == wave_id, WaveClient.id.in_(ids))
    return {row.id: row for row in session.scalars(statement)}


def counted_answers(session: Session, invitation_ids: Collection[int]) -> dict[int, str]:
    """Invitations that have an answer, with its status: counted or held."""
    statement = select(Response.invitation_id, Response.status).where(Response.invitation_id.in_(invitation_ids))
    return dict(session.execute(statement).tuples())


def opt_outs(session: Session, portal_id: int, among: Collection[str] | None = None) -> set[str]:
    """Addresses that said "never again" (e-mail and phone keys, or `contact:<id>`), all or those asked about."""
    statement = select(OptOut.address).where(OptOut.portal_id == portal_id)
    if among is not None:
        statement = statement.where(OptOut.address.in_(among))
    return set(session.scalars(statement))


def refused_addresses(session: Session, portal_id: int, among: Collection[str] | None = None) -> set[str]:
    """Addresses a mail server refused for good."""
    statement = select(LetterRow.recipient_address).where(
        LetterRow.portal_id == portal_id,
        LetterRow.status == "buried",
        LetterRow.error.startswith("address_refused"),
    )
    if among is not None:
        statement = statement.where(LetterRow.recipient_address.in_(among))
    return set(session.scalars(statement))


def note(session: Session, found: Wave, now: datetime, what: str, who: str = "molva", detail: str = "") -> None:
    """One line of the wave's audit trail."""
    session.add(
        WaveEvent(portal_id=found.portal_id, wave_id=found.id, at=now, what=what, who=who[:200], detail=detail)
    )


def events(session: Session, portal_id: int, wave_id: int) -> list[WaveEvent]:
    """The audit trail of a wave, oldest first."""
    statement = select(WaveEvent).where(WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id)
    return list(session.scalars(statement.order_by(WaveEvent.id)))


# --- the list


def clear_list(session: Session, wave_id: int) -> None:
    """Take the list of a wave away, before it is frozen anew."""
    session.execute(delete(Invitation).where(Invitation.wave_id == wave_id))
    session.execute(delete(WaveClient).where(WaveClient.wave_id == wave_id))


def add_clients(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write lines of the list in one statement."""
    if lines:
        session.execute(insert(WaveClient), list(lines))


def add_invitations(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write invitations in one statement."""
    if lines:
        session.execute(insert(Invitation), list(lines))


def pending_clients(session: Session, wave_id: int, after_id: int, limit: int) -> list[WaveClient]:
    """Lines whose people have not been judged yet, in order."""
    statement = select(WaveClient).where(
        WaveClient.wave_id == wave_id, WaveClient.reason == PENDING, WaveClient.id > after_id
    )
    return list(session.scalars(statement.order_by(WaveClient.id).limit(limit)))


def settle_client(session: Session, line_id: int, **values: Any) -> None:
    """Write the final verdict of one line."""
    statement = update(WaveClient).where(WaveClient.id == line_id).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))


def taken_addresses(session: Session, wave_id: int) -> set[str]:
    """Addresses already invited in this wave, as stored."""
    return set(session.scalars(select(Invitation.address).where(Invitation.wave_id == wave_id)))


def asked_before(
    session: Session, portal_id: int, wave_id: int
) -> list[tuple[ClientKey, int, str, str, str]]:
    """Who was asked in other waves: client, contact, address, phone, ISO moment of the invitation."""
    moment = Invitation.touches["invitation"].as_string()
    statement = (
        select(
            WaveClient.client_kind, WaveClient.client_id, Invitation.contact_id, Invitation.address,
            Invitation.phone, moment,
        )
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id != wave_id, moment.is_not(None))
    )  # fmt: skip
    return [
        (ClientKey(cast("Any", kind), client), contact, address, phone, at)
        for kind, client, contact, address, phone, at in session.execute(statement).tuples()
    ]


def clients_with_open_followups(session: Session, portal_id: int) -> set[ClientKey]:
    """Clients that wait for something an earlier answer set off (product.md E5)."""
    statement = select(FollowUp.client_kind, FollowUp.client_id).where(
        FollowUp.portal_id == portal_id, FollowUp.status.in_(("open", "task_done"))
    )
    return {ClientKey(cast("Any", kind), number) for kind, number in session.execute(statement).tuples()}


def since_dates(session: Session, wave_id: int) -> list[date | None]:
    """Since when the clients of a list work with the agency, where it is known."""
    statement = select(WaveClient.since).where(WaveClient.wave_id == wave_id, WaveClient.since.is_not(None))
    return list(session.scalars(statement))


def coverage(session: Session, wave_id: int) -> dict[str, Any]:
    """Clients, contacts and yearly revenue on the list and among those asked (product.md E7)."""
    asked = case((WaveClient.eligible, 1), else_=0)
    money = case((WaveClient.eligible, WaveClient.yearly_revenue), else_=0)
    statement = select(
        func.count(), func.sum(asked), func.sum(WaveClient.yearly_revenue), func.sum(money)
    ).where(WaveClient.wave_id == wave_id)
    clients, eligible, revenue, eligible_revenue = session.execute(statement).one()
    contacts = session.execute(
        select(func.count()).where(Invitation.wave_id == wave_id, Invitation.outcome != "excluded")
    ).scalar_one()
    excluded = reasons(session, wave_id).get("excluded_by_hand", 0)
    return {
        "clients": clients, "eligible": int(eligible or 0), "contacts": contacts, "excluded": excluded,
        "revenue": str(Decimal(revenue or 0).quantize(Decimal("0.01"))),
        "eligible_revenue": str(Decimal(eligible_revenue or 0).quantize(Decimal("0.01"))),
    }  # fmt: skip


def cancel_waiting_letters(
    session: Session, wave_id: int, now: datetime, invitation_ids: Collection[int] | None = None
) -> int:
    """Take back letters of a wave that have not left; thanks stay."""
    statement = update(LetterRow).where(
        LetterRow.wave_id == wave_id, LetterRow.status == "waiting", LetterRow.kind.not_like("thanks%")
    )
    if invitation_ids is not None:
        statement = statement.where(LetterRow.invitation_id.in_(invitation_ids))
    statement = statement.values(status="cancelled", finished_at=now)
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount


def close_open(session: Session, wave_id: int, now: datetime, detail: Mapping[str, Any]) -> int:
    """Give everyone still open the outcome `closed_early`, those with a counted answer `answered` (W14)."""
    answered = (
        select(Response.id)
        .where(Response.invitation_id == Invitation.id, Response.status == "counted")
        .exists()
    )
    statement = update(Invitation).where(Invitation.wave_id == wave_id, Invitation.outcome == "")
    session.execute(
        statement.where(answered)
        .values(outcome="answered", outcome_at=now)
        .execution_options(synchronize_session=False)
    )
    done = session.execute(
        statement.values(outcome="closed_early", outcome_at=now, outcome_detail=dict(detail))
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount


def counted_scores(session: Session, wave_id: int) -> list[Any]:
    """Counted answers of a wave with what accounts and channels need, by client."""
    statement = (
        select(
            WaveClient.id, Invitation.contact_id, Invitation.role, Response.score, Response.comment,
            Response.channel, Response.answered_at, WaveClient.yearly_revenue,
        )
        .join(Invitation, Invitation.id == Response.invitation_id)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(and_(Response.wave_id == wave_id, Response.status == "counted"))
        .order_by(WaveClient.id, Invitation.contact_id)
    )  # fmt: skip
    return list(session.execute(statement))


def eligible_clients(session: Session, wave_id: int) -> int:
    """The finite base N: clients that were to be asked, excluded ones not among them (product.md N2)."""
    statement = select(func.count()).where(WaveClient.wave_id == wave_id, WaveClient.eligible)
    return session.execute(statement).scalar_one()


def sample_invitations(session: Session, wave_id: int) -> list[Invitation]:
    """One invitation of each sender and language: what a rehearsal renders."""
    first = (
        select(func.min(Invitation.id))
        .where(Invitation.wave_id == wave_id, Invitation.outcome == "")
        .group_by(Invitation.sender_key, Invitation.language)
    )
    return list(session.scalars(select(Invitation).where(Invitation.id.in_(first)).order_by(Invitation.id)))


def unnamed(session: Session, wave_id: int) -> int:
    """Respondents whose card has no name."""
    statement = select(func.count()).where(Invitation.wave_id == wave_id, Invitation.name == "")
    return session.execute(statement).scalar_one()


def lines_by_reason(session: Session, wave_id: int, reason: str, limit: int) -> list[WaveClient]:
    """Some lines of the list with one reason, by name."""
    statement = select(WaveClient).where(WaveClient.wave_id == wave_id, WaveClient.reason == reason)
    return list(session.scalars(statement.order_by(WaveClient.name, WaveClient.id).limit(limit)))


def look_at_address(session: Session, portal_id: int, address: str, now: datetime) -> None:
    """Let the machine look at everybody who is still to be asked at an address."""
    statement = update(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.address == address, Invitation.outcome == ""
    )
    session.execute(statement.values(due_at=now).execution_options(synchronize_session=False))

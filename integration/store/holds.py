"""What people did about a client on its card: holds, and every other act with name, moment and reason (E5, W12)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.people import ClientKey
from integration.store.base import Base, UTCDateTime
from integration.store.clients import Company, Contact, ContactCompany, OptOut
from integration.store.letters import LetterRow
from integration.store.waves import Invitation, Wave, WaveClient

DONE_STAGES = ("closed", "cancelled")


class Hold(Base):
    """One hold by hand; what counts for the rules is the date on the card, which this row explains.

    `until` is the first day on which the client may be asked again, a day of the portal's calendar.
    """

    __tablename__ = "holds"
    __table_args__ = (Index("ix_holds_client", "portal_id", "client_kind", "client_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    client_kind: Mapped[str] = mapped_column(String(8))
    client_id: Mapped[int] = mapped_column(Integer)
    until: Mapped[date] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(String(500), default="")
    who: Mapped[str] = mapped_column(String(200), default="")
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lifted_by: Mapped[str] = mapped_column(String(200), default="")


class ClientAct(Base):
    """One act of a person on a client's card that has no row of its own elsewhere (product.md B2, W12, S3).

    `what`: opt_out | opt_back | restore | hold_lifted (a date that stood on the card without a row of ours).
    `contact_id`: the person it is about, 0 for the client itself.
    """

    __tablename__ = "client_acts"
    __table_args__ = (Index("ix_client_acts_client", "portal_id", "client_kind", "client_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    client_kind: Mapped[str] = mapped_column(String(8))
    client_id: Mapped[int] = mapped_column(Integer)
    contact_id: Mapped[int] = mapped_column(Integer, default=0)
    what: Mapped[str] = mapped_column(String(16))
    who: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


def locked_card(session: Session, portal_id: int, kind: str, card_id: int) -> Any | None:
    """The mirrored card of a client, held until the end of the transaction: acts on it come one after the other."""
    table: Any = Company if kind == "company" else Contact
    statement = select(table).where(
        table.portal_id == portal_id, table.id == card_id, table.deleted_at.is_(None)
    )
    return session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def holds_of(session: Session, portal_id: int, client: ClientKey) -> list[Hold]:
    """All holds of a client, oldest first."""
    statement = select(Hold).where(
        Hold.portal_id == portal_id, Hold.client_kind == client.kind, Hold.client_id == client.id
    )
    return list(session.scalars(statement.order_by(Hold.id)))


def lift_all(session: Session, portal_id: int, client: ClientKey, who: str, now: datetime) -> int | None:
    """End the holds of a client that stand; the youngest of them, nothing if none stood."""
    standing = [row for row in holds_of(session, portal_id, client) if row.lifted_at is None]
    for row in standing:
        row.lifted_at, row.lifted_by = now, who
    return standing[-1].id if standing else None


def acts_of(session: Session, portal_id: int, client: ClientKey) -> list[ClientAct]:
    """All acts about a client and its people, oldest first."""
    statement = select(ClientAct).where(
        ClientAct.portal_id == portal_id,
        ClientAct.client_kind == client.kind,
        ClientAct.client_id == client.id,
    )
    return list(session.scalars(statement.order_by(ClientAct.id)))


def open_invitations(session: Session, portal_id: int, client: ClientKey) -> list[int]:
    """Invitations of a client that have no outcome yet, in waves that are not over."""
    waves = select(Wave.id).where(Wave.portal_id == portal_id, Wave.stage.not_in(DONE_STAGES))
    lines = select(WaveClient.id).where(
        WaveClient.portal_id == portal_id,
        WaveClient.wave_id.in_(waves),
        WaveClient.client_kind == client.kind,
        WaveClient.client_id == client.id,
    )
    statement = select(Invitation.id).where(
        Invitation.portal_id == portal_id, Invitation.wave_client_id.in_(lines), Invitation.outcome == ""
    )
    return list(session.scalars(statement.order_by(Invitation.id)))


def look_again(session: Session, portal_id: int, invitation_ids: list[int], now: datetime) -> None:
    """Let the machine look at these invitations at once: it works out what a hold, or its end, means for them."""
    session.execute(
        update(Invitation)
        .where(Invitation.portal_id == portal_id, Invitation.id.in_(invitation_ids), Invitation.outcome == "")
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


def move_letters(session: Session, portal_id: int, invitation_ids: list[int], due: datetime) -> None:
    """Letters of these invitations that wait to leave wait until `due`; thanks are not held back."""
    session.execute(
        update(LetterRow)
        .where(
            LetterRow.portal_id == portal_id,
            LetterRow.invitation_id.in_(invitation_ids),
            LetterRow.status == "waiting",
            LetterRow.kind.not_like("thanks%"),
        )
        .values(due_at=due)
        .execution_options(synchronize_session=False)
    )


def quiet_until(session: Session, portal_id: int, invitation: Invitation) -> date | None:
    """The day on which a respondent may be asked again by the cards of the person and of the client, whichever is
    later; nothing if neither names one."""
    line = select(WaveClient.client_id).where(
        WaveClient.portal_id == portal_id, WaveClient.id == invitation.wave_client_id
    )
    days: list[date | None] = []
    tables: tuple[tuple[Any, str, int], ...] = (
        (Contact, "contact", invitation.contact_id),
        (Company, "company", 0),
    )
    for table, kind, own in tables:
        mine = or_(table.id == own, table.id.in_(line.where(WaveClient.client_kind == kind)))
        days += session.scalars(select(table.hold_until).where(table.portal_id == portal_id, mine))
    return max((day for day in days if day), default=None)


def invitations_of_contact(session: Session, portal_id: int, contact_id: int) -> list[Invitation]:
    """Every invitation to a contact card, oldest first."""
    waves = select(Wave.id).where(Wave.portal_id == portal_id)
    statement = select(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.wave_id.in_(waves), Invitation.contact_id == contact_id
    )
    return list(session.scalars(statement.order_by(Invitation.id)))


def opt_outs_of(session: Session, portal_id: int, keys: set[str]) -> list[OptOut]:
    """What these addresses (`contact:<id>`, e-mail and phone keys) said, locked until the end of the transaction."""
    statement = select(OptOut).where(OptOut.portal_id == portal_id, OptOut.address.in_(sorted(keys)))
    return list(session.scalars(statement.order_by(OptOut.address).with_for_update()))


def belongs(session: Session, portal_id: int, client: ClientKey, contact_id: int) -> bool:
    """Whether a contact is the client itself or stands in its company."""
    if client.kind == "contact":
        return client.id == contact_id
    statement = select(ContactCompany.contact_id).where(
        ContactCompany.portal_id == portal_id,
        ContactCompany.company_id == client.id,
        ContactCompany.contact_id == contact_id,
    )
    return session.execute(statement).first() is not None

"""What lies behind one answer: its invitation, wave, client, portal and rules, found by the token of a link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Select, func, or_, select, update
from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, person_keys, phone_key
from integration.store import retired_links
from integration.store.clients import Company, Contact, Deal, OptOut
from integration.store.letters import LetterRow
from integration.store.portals import Portal, Staff, Stage
from integration.store.waves import Invitation, Wave, WaveClient


@dataclass(frozen=True, slots=True)
class Asked:
    """One invitation with everything it hangs on."""

    portal: Portal
    wave: Wave
    client: WaveClient
    invitation: Invitation


_WHOLE = (
    select(Portal, Wave, WaveClient, Invitation)
    .join_from(Invitation, WaveClient, WaveClient.id == Invitation.wave_client_id)
    .join(Wave, Wave.id == Invitation.wave_id)
    .join(Portal, Portal.id == Invitation.portal_id)
)


def asked_by_token(session: Session, token: str, *, lock: bool = False) -> Asked | None:
    """The invitation of a link's token, which is unique over all portals and therefore names its portal.

    `lock` holds the wave (shared), the client's row in it and the invitation until the end of the
    transaction, in the order in which the wave's own machine takes them: answers of two respondents of one
    client are counted one after the other (product.md B2), and nobody waits in a circle.
    """
    readable = token.isascii() and token.isprintable()  # PostgreSQL takes no zero byte
    if token and readable and not lock:
        return _read_by_token(session, token)
    row = session.execute(
        select(Invitation.portal_id, Invitation.id, Invitation.wave_client_id).where(Invitation.token == token)
    ).one_or_none() if token and readable else None  # fmt: skip
    if row is None:
        return None
    return asked(session, row.portal_id, row.id, client_row=row.wave_client_id, lock=lock)


def _read_by_token(session: Session, token: str) -> Asked | None:
    """Everything in one statement, for a page that is only looked at."""
    row = session.execute(_WHOLE.where(Invitation.token == token)).one_or_none()
    return Asked(*row) if row is not None else None


def asked_by_any_token(session: Session, token: str) -> Asked | None:
    """The same by a link that was replaced, too: it answers nothing, but still unsubscribes (product.md S6)."""
    found = asked_by_token(session, token)
    if found is None and (owner := retired_links.owner_of(session, token)) is not None:
        return asked(session, *owner)
    return found


def asked(
    session: Session, portal_id: int, invitation_id: int, *, client_row: int | None = None, lock: bool = False,
    everywhere: bool = False,
) -> Asked | None:  # fmt: skip
    """One invitation of a portal with everything it hangs on; see `asked_by_token` for `lock`. `everywhere` locks all
    invitations to the person with it, oldest first, so that two who write "never" down do not wait in a circle."""
    if not lock:
        row = session.execute(
            _WHOLE.where(Invitation.portal_id == portal_id, Invitation.id == invitation_id)
        ).one_or_none()
        return Asked(*row) if row is not None else None
    row = _hold_wave(session, portal_id, invitation_id)
    if row is None:
        return None
    portal, wave, line = row
    client = _locked(session, WaveClient, portal_id, line if client_row is None else client_row)
    if everywhere:
        invitations_to(session, portal_id, *_of_card(session, portal_id, invitation_id))
    invitation = _locked(session, Invitation, portal_id, invitation_id)
    if client is not None and invitation is not None and invitation.wave_client_id != client.id:
        # The client was merged into another while the wave was waited for.
        client = _locked(session, WaveClient, portal_id, invitation.wave_client_id)
    return Asked(portal, wave, client, invitation) if client is not None and invitation is not None else None


def _of_card(session: Session, portal_id: int, invitation_id: int) -> list[Invitation]:
    """Every invitation to the contact card of this one."""
    card = select(Invitation.contact_id).where(
        Invitation.portal_id == portal_id, Invitation.id == invitation_id
    )
    statement = select(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.contact_id == card.scalar_subquery()
    )
    return list(session.scalars(statement.order_by(Invitation.id)))


def _locked(session: Session, row: Any, portal_id: int, row_id: int | None) -> Any:
    statement = select(row).where(row.portal_id == portal_id, row.id == row_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def _hold_wave(session: Session, portal_id: int, invitation_id: int) -> Any:
    """Keep the wave from being moved meanwhile; one in closing will be written to, so it is held alone. The portal, the
    wave as it is now, and the client's row; nothing if there is no such invitation."""
    hold_closing(session, portal_id)
    held = (
        select(Portal, Wave, Invitation.wave_client_id)
        .join_from(Invitation, Wave, Wave.id == Invitation.wave_id)
        .join(Portal, Portal.id == Invitation.portal_id)
        .where(Invitation.portal_id == portal_id, Invitation.id == invitation_id)
        .with_for_update(read=True, key_share=True, of=Wave)
    )
    return session.execute(held.execution_options(populate_existing=True)).one_or_none()


def hold_closing(session: Session, portal_id: int) -> None:
    """Lock the portal's waves that are closing, before anything in them: each outcome may be the last."""
    closing = select(Wave).where(Wave.portal_id == portal_id, Wave.stage == "closing").order_by(Wave.id)
    session.scalars(closing.with_for_update().execution_options(populate_existing=True)).all()


def agency_name(session: Session, portal: Portal) -> str:
    """How the agency calls itself: the first of its own companies, else the portal's address."""
    return session.scalar(_agency(portal.id)) or portal.domain


def _agency(portal_id: int) -> Select[str]:
    return (
        select(Company.title)
        .where(
            Company.portal_id == portal_id,
            Company.own.is_(True),
            Company.deleted_at.is_(None),
            Company.title != "",
        )
        .order_by(Company.id)
        .limit(1)
    )


def _service(portal_id: int, deal_id: int | None) -> Select[str]:
    return (
        select(Stage.category_name)
        .join(Deal, (Deal.portal_id == Stage.portal_id) & (Deal.category_id == Stage.category_id))
        .where(Deal.portal_id == portal_id, Deal.id == deal_id, Stage.category_name != "")
        .limit(1)
    )


@dataclass(frozen=True, slots=True)
class Named:
    """Who asks about what: `agency_name`; the service that is judged, the pipeline of the deal the client was chosen
    through (product.md W20); the account manager's full name; the person's first name of today; empty: unknown."""

    agency: str
    service: str
    manager: str
    first_name: str


def named(session: Session, portal: Portal, line: WaveClient, contact_id: int) -> Named:
    """All of it in one statement."""
    manager = (Staff.portal_id == portal.id) & (Staff.user_id == line.manager_id)
    person = (Contact.portal_id == portal.id) & (Contact.id == contact_id)
    parts = (
        _agency(portal.id), _service(portal.id, line.deal_id),
        select(Staff.name).where(manager), select(Staff.last_name).where(manager),
        select(Contact.name).where(person),
    )  # fmt: skip
    row = session.execute(select(*(part.scalar_subquery() for part in parts))).one()
    agency, service, first, last, name = (str(value or "") for value in row)
    return Named(agency or portal.domain, service, f"{first} {last}".strip(), name.strip())


def cancel_letters(
    session: Session,
    portal_id: int,
    now: datetime,
    *,
    invitation_id: int | None = None,
    address: str = "",
    thanks_too: bool = False,
) -> int:
    """Take back letters that wait: of one invitation or to one address; thanks stay unless `thanks_too`."""
    statement = update(LetterRow).where(LetterRow.portal_id == portal_id, LetterRow.status == "waiting")
    if invitation_id is not None:
        statement = statement.where(LetterRow.invitation_id == invitation_id)
    if address:
        statement = statement.where(LetterRow.recipient_address == address)
    if not thanks_too:
        statement = statement.where(LetterRow.kind.not_like("thanks%"))
    if invitation_id is None and not address:
        raise ValueError("name an invitation or an address")
    done = session.execute(
        statement.values(status="cancelled", finished_at=now, lease_until=None).execution_options(
            synchronize_session=False
        )
    )
    return cast("CursorResult[Any]", done).rowcount


def opt_out_of(session: Session, portal_id: int, address: str) -> OptOut | None:
    """The "never again" of an address (a normalised e-mail or phone)."""
    return session.get(OptOut, (portal_id, address), populate_existing=True) if address else None


def invitations_to(session: Session, portal_id: int, *said: Invitation) -> list[Invitation]:
    """Every invitation to the person of these, oldest first, locked until the end of the transaction.

    The same person: the same address, number or contact card (product.md E3).
    """
    cards = {one.contact_id for one in said}
    mails = {email_key(one.address) for one in said} - {""}
    phones = {phone_key(one.phone) for one in said} - {""}
    same = [
        Invitation.contact_id.in_(sorted(cards)), func.lower(Invitation.address).in_(sorted(mails)),
        *(Invitation.phone.like(f"%{key}") for key in sorted(phones)),
    ]  # fmt: skip
    statement = (
        select(Invitation)
        .where(Invitation.portal_id == portal_id, or_(*same))
        .order_by(Invitation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [
        one
        for one in session.scalars(statement)
        if one.contact_id in cards or email_key(one.address) in mails or phone_key(one.phone) in phones
    ]


def said_never(session: Session, one: Invitation) -> bool:
    """Whether the person of an invitation said "never again", under the address, the number or the card."""
    keys = person_keys(one.address, one.phone, one.contact_id)
    statement = select(OptOut.address).where(
        OptOut.portal_id == one.portal_id, OptOut.address.in_(sorted(keys))
    )
    return session.scalars(statement.limit(1)).first() is not None

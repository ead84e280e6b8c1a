"""What lies behind one answer: its invitation, wave, client, portal and rules, found by the token of a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, func, or_, select, update
from sqlalchemy.orm import Session

from integration.store import retired_links
from integration.store.clients import Company, Deal, OptOut
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
    session: Session, portal_id: int, invitation_id: int, *, client_row: int | None = None, lock: bool = False
) -> Asked | None:
    """One invitation of a portal with everything it hangs on; see `asked_by_token` for `lock`."""
    if not lock:
        row = session.execute(
            _WHOLE.where(Invitation.portal_id == portal_id, Invitation.id == invitation_id)
        ).one_or_none()
        return Asked(*row) if row is not None else None
    if client_row is None:
        client_row = session.scalar(
            select(Invitation.wave_client_id).where(
                Invitation.portal_id == portal_id, Invitation.id == invitation_id
            )
        )
    _hold_wave(session, portal_id, client_row)
    client = _locked(session, WaveClient, portal_id, client_row)
    invitation = _locked(session, Invitation, portal_id, invitation_id)
    wave = session.scalars(
        select(Wave).where(
            Wave.portal_id == portal_id, Wave.id == (invitation.wave_id if invitation else None)
        )
    ).one_or_none()
    portal = session.get(Portal, portal_id)
    if client is None or invitation is None or wave is None or portal is None:
        return None
    return Asked(portal, wave, client, invitation)


def _locked(session: Session, row: Any, portal_id: int, row_id: int | None) -> Any:
    statement = select(row).where(row.portal_id == portal_id, row.id == row_id).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def _hold_wave(session: Session, portal_id: int, client_row: int | None) -> None:
    """Keep the wave from being moved meanwhile; one in closing will be written to, so it is held alone."""
    of_client = select(WaveClient.wave_id).where(
        WaveClient.portal_id == portal_id, WaveClient.id == client_row
    )
    hold_closing(session, portal_id)
    session.execute(
        select(Wave.id)
        .where(Wave.portal_id == portal_id, Wave.id.in_(of_client))
        .with_for_update(read=True, key_share=True)
    ).all()


def hold_closing(session: Session, portal_id: int) -> None:
    """Lock the portal's waves that are closing, before anything in them: each outcome may be the last."""
    closing = select(Wave).where(Wave.portal_id == portal_id, Wave.stage == "closing").order_by(Wave.id)
    session.scalars(closing.with_for_update().execution_options(populate_existing=True)).all()


def agency_name(session: Session, portal: Portal) -> str:
    """How the agency calls itself: the first of its own companies, else the portal's address."""
    title = session.scalar(
        select(Company.title)
        .where(
            Company.portal_id == portal.id,
            Company.own.is_(True),
            Company.deleted_at.is_(None),
            Company.title != "",
        )
        .order_by(Company.id)
        .limit(1)
    )
    return title or portal.domain


def service_name(session: Session, portal_id: int, deal_id: int | None) -> str:
    """The service that is judged (product.md W20): the pipeline of the deal the client was chosen through."""
    if deal_id is None:
        return ""
    name = session.scalar(
        select(Stage.category_name)
        .join(Deal, (Deal.portal_id == Stage.portal_id) & (Deal.category_id == Stage.category_id))
        .where(Deal.portal_id == portal_id, Deal.id == deal_id, Stage.category_name != "")
        .limit(1)
    )
    return name or ""


def staff_names(session: Session, portal_id: int, user_ids: Sequence[int | None]) -> tuple[str, ...]:
    """Full names of employees in the order asked for, those unknown left out."""
    wanted = [user for user in user_ids if user]
    rows = session.scalars(select(Staff).where(Staff.portal_id == portal_id, Staff.user_id.in_(wanted)))
    names = {row.user_id: f"{row.name} {row.last_name}".strip() for row in rows}
    return tuple(dict.fromkeys(names[user] for user in wanted if names.get(user)))


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


def invitations_to(session: Session, portal_id: int, invitation: Invitation) -> list[Invitation]:
    """Every invitation to the person of this one, oldest first, locked until the end of the transaction.

    The same person: the same address, or without an address the same contact card.
    """
    same = (
        func.lower(Invitation.address) == invitation.address.lower()
        if invitation.address
        else Invitation.contact_id == invitation.contact_id
    )
    statement = (
        select(Invitation)
        .where(Invitation.portal_id == portal_id, or_(same, Invitation.id == invitation.id))
        .order_by(Invitation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))

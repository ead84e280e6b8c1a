"""What an import of past answers reads of the cards, and the closed wave it makes (product.md T9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.store.clients import Company, Contact, ContactCompany
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient

ORIGIN = "import"


def companies(session: Session, portal_id: int) -> list[tuple[int, str, bool, str]]:
    """Living companies in the order of their ids: id, title, whether it is the agency's own, city."""
    statement = (
        select(Company.id, Company.title, Company.own, Company.city)
        .where(Company.portal_id == portal_id, Company.deleted_at.is_(None))
        .order_by(Company.id)
    )
    return [(number, title, own, city) for number, title, own, city in session.execute(statement)]


def contacts(session: Session, portal_id: int) -> list[tuple[int, str, int | None]]:
    """Living contacts: id, full name, primary company."""
    statement = (
        select(Contact.id, Contact.name, Contact.last_name, Contact.company_id)
        .where(Contact.portal_id == portal_id, Contact.deleted_at.is_(None))
        .order_by(Contact.id)
    )
    rows = session.execute(statement)
    return [(number, f"{name} {last}".strip(), company) for number, name, last, company in rows]


def members(session: Session, portal_id: int) -> list[tuple[int, int]]:
    """Contact and company of every belonging."""
    statement = (
        select(ContactCompany.contact_id, ContactCompany.company_id)
        .where(ContactCompany.portal_id == portal_id)
        .order_by(ContactCompany.contact_id, ContactCompany.company_id)
    )
    return [(contact, company) for contact, company in session.execute(statement)]


def wave_named(session: Session, portal_id: int, name: str) -> Wave | None:
    """The wave of that name, held until the end of the transaction."""
    statement = select(Wave).where(Wave.portal_id == portal_id, Wave.name == name).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def lines(session: Session, portal_id: int, wave_id: int) -> dict[ClientKey, int]:
    """Ids of a wave's clients."""
    statement = select(WaveClient.client_kind, WaveClient.client_id, WaveClient.id).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id
    )
    return {ClientKey(cast("Any", kind), client): line for kind, client, line in session.execute(statement)}


def answers(session: Session, portal_id: int, wave_id: int) -> dict[int, tuple[int, str, datetime]]:
    """Score, words and moment of every answer of a wave, by contact."""
    statement = (
        select(Invitation.contact_id, Response.score, Response.comment, Response.answered_at)
        .join(Response, Response.invitation_id == Invitation.id)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id)
    )
    return {contact: (score, comment, at) for contact, score, comment, at in session.execute(statement)}


def asked_in_imports(
    session: Session, portal_id: int, wave_id: int
) -> list[tuple[ClientKey, int, str, str, str]]:
    """Who answered in imported waves: client, contact, address, phone, ISO moment of the answer (E3)."""
    statement = (
        select(
            WaveClient.client_kind, WaveClient.client_id, Invitation.contact_id, Invitation.address,
            Invitation.phone, Response.answered_at,
        )
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == Invitation.wave_id)
        .join(Response, Response.invitation_id == Invitation.id)
        .where(Invitation.portal_id == portal_id, Invitation.wave_id != wave_id, Wave.origin == ORIGIN)
    )  # fmt: skip
    return [
        (ClientKey(cast("Any", kind), client), contact, address, phone, at.isoformat())
        for kind, client, contact, address, phone, at in session.execute(statement)
    ]


def add_answers(session: Session, portal_id: int, wave_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write clients, invitations, answers and their first version; a row is `client`, `invitation`, `response`.

    Clients that the wave has already are not written again. Each part lacks only the ids made here.
    """
    known = lines(session, portal_id, wave_id)
    fresh = {}
    for row in rows:
        key = ClientKey(row["client"]["client_kind"], row["client"]["client_id"])
        if key not in known:
            fresh[key] = row["client"] | {"portal_id": portal_id, "wave_id": wave_id}
    _insert(session, WaveClient, list(fresh.values()))
    known = lines(session, portal_id, wave_id)
    invitations = [
        row["invitation"]
        | {
            "portal_id": portal_id,
            "wave_id": wave_id,
            "wave_client_id": known[ClientKey(row["client"]["client_kind"], row["client"]["client_id"])],
        }
        for row in rows
    ]
    _insert(session, Invitation, invitations)
    statement = select(Invitation.contact_id, Invitation.id).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id
    )
    made: dict[int, int] = dict(session.execute(statement).all())
    responses = [
        row["response"]
        | {
            "portal_id": portal_id, "wave_id": wave_id,
            "invitation_id": made[row["invitation"]["contact_id"]],
        }
        for row in rows
    ]  # fmt: skip
    _insert(session, Response, responses)
    _first_versions(session, portal_id, wave_id)


def _insert(session: Session, table: type[Any], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), rows)


def _first_versions(session: Session, portal_id: int, wave_id: int) -> None:
    """Every answer keeps the version it began with (product.md S3)."""
    statement = (
        select(Response)
        .outerjoin(ResponseRevision, ResponseRevision.response_id == Response.id)
        .where(Response.portal_id == portal_id, Response.wave_id == wave_id, ResponseRevision.id.is_(None))
    )
    rows = [
        {
            "portal_id": portal_id, "response_id": row.id, "revision": row.revision, "score": row.score,
            "comment": row.comment, "status": row.status, "author": row.recorded_by, "at": row.answered_at,
        }
        for row in session.scalars(statement)
    ]  # fmt: skip
    _insert(session, ResponseRevision, rows)


def span(session: Session, portal_id: int, wave_id: int) -> tuple[datetime, datetime]:
    """The first and the last moment of a wave's answers; raises `LookupError` where there are none."""
    first, last = session.execute(
        select(func.min(Response.answered_at), func.max(Response.answered_at)).where(
            Response.portal_id == portal_id, Response.wave_id == wave_id
        )
    ).one()
    if first is None:
        raise LookupError("a wave without answers")
    return first, last


def forget(session: Session, portal_id: int, wave_id: int) -> int:
    """Take an imported wave away with everything in it; how many waves went (none: it is not an imported one)."""
    gone = session.execute(
        delete(Wave)
        .where(Wave.portal_id == portal_id, Wave.id == wave_id, Wave.origin == ORIGIN)
        .returning(Wave.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())

"""What is known about one client, read for the tab of its card: a fixed number of queries, each by an index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.store.clients import Company, Contact, Deal, Lead, OptOut
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.outbox import STUCK, OutboxRow
from integration.store.portals import Staff
from integration.store.queue import is_open
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient

OVER = ("closed", "cancelled")
MOST_REFERRALS = 50
TABLES: dict[str, Any] = {"company": Company, "contact": Contact, "deal": Deal, "lead": Lead}


@dataclass(frozen=True, slots=True)
class Line:
    """A client on one list."""

    line: WaveClient
    wave: Wave


@dataclass(frozen=True, slots=True)
class Asked:
    """One invitation with its line, its wave and its answer, if there is one."""

    invitation: Invitation
    line: WaveClient
    wave: Wave
    response: Response | None


@dataclass(frozen=True, slots=True)
class Sent:
    """One letter of an invitation, without its text. `status` as in `LetterRow`; moments UTC."""

    invitation_id: int | None
    kind: str
    status: str
    error: str
    sender: str
    created_at: datetime
    sent_at: datetime | None
    handed_at: datetime | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Brought:
    """A card whose referrer is this client. `state`: client | lead."""

    card: CardKey
    title: str
    assigned_by: int | None
    city: str
    state: str
    day: Any
    companies: tuple[int, ...] = ()


def card(session: Session, portal_id: int, kind: str, card_id: int) -> Any | None:
    """A mirrored card that is not deleted; nothing for a kind that is not mirrored."""
    table = TABLES.get(kind)
    row = session.get(table, (portal_id, card_id)) if table is not None else None
    return row if row is not None and row.deleted_at is None else None


def current_wave(session: Session, portal_id: int) -> Wave | None:
    """The survey of ours that runs or comes next, else the last one."""
    statement = (
        select(Wave)
        .where(
            Wave.portal_id == portal_id, Wave.stage != "cancelled", Wave.origin != "import", Wave.of_years()
        )
        .order_by(Wave.stage.in_(OVER), Wave.planned_at.desc(), Wave.id.desc())
    )
    return session.scalars(statement.limit(1)).first()


def lines(session: Session, portal_id: int, client: ClientKey) -> list[Line]:
    """The client on every list of every yearly survey, imported ones too, the youngest first."""
    return _lines(session, portal_id, client, Wave.of_years())


def project_lines(session: Session, portal_id: int, client: ClientKey) -> list[Line]:
    """The client in the surveys after projects, the youngest first (product.md W16)."""
    return _lines(session, portal_id, client, ~Wave.of_years())


def _lines(session: Session, portal_id: int, client: ClientKey, of: ColumnElement[bool]) -> list[Line]:
    statement = (
        select(WaveClient, Wave)
        .join(Wave, Wave.id == WaveClient.wave_id)
        .where(
            of,
            WaveClient.portal_id == portal_id,
            WaveClient.wave_id.in_(_waves(portal_id)),
            WaveClient.client_kind == client.kind,
            WaveClient.client_id == client.id,
        )
        .order_by(Wave.id.desc())
    )
    return [Line(line, wave) for line, wave in session.execute(statement)]


def asked_of_lines(session: Session, portal_id: int, line_ids: Collection[int]) -> list[Asked]:
    """Invitations of these lines with their answers, the youngest survey first."""
    if not line_ids:
        return []
    return _asked(session, _invitations(portal_id).where(Invitation.wave_client_id.in_(line_ids)))


def asked_of_contacts(session: Session, portal_id: int, contact_ids: Collection[int]) -> list[Asked]:
    """Invitations of these people under whichever client to yearly surveys, the youngest first."""
    if not contact_ids:
        return []
    statement = _invitations(portal_id).where(
        Wave.of_years(), Invitation.wave_id.in_(_waves(portal_id)), Invitation.contact_id.in_(contact_ids)
    )
    return _asked(session, statement)


def revisions(
    session: Session, portal_id: int, response_ids: Collection[int]
) -> dict[int, list[ResponseRevision]]:
    """Every version of these answers, oldest first."""
    statement = (
        select(ResponseRevision)
        .where(ResponseRevision.portal_id == portal_id, ResponseRevision.response_id.in_(response_ids))
        .order_by(ResponseRevision.response_id, ResponseRevision.revision)
    )
    found: dict[int, list[ResponseRevision]] = {}
    for row in session.scalars(statement) if response_ids else ():
        found.setdefault(row.response_id, []).append(row)
    return found


def letters(session: Session, portal_id: int, invitation_ids: Collection[int]) -> list[Sent]:
    """The letters of these invitations, oldest first."""
    statement = (
        select(
            LetterRow.invitation_id, LetterRow.kind, LetterRow.status, LetterRow.error, LetterRow.sender_name,
            LetterRow.created_at, LetterRow.sent_at, LetterRow.handed_at, LetterRow.due_at,
        )
        .where(LetterRow.portal_id == portal_id, LetterRow.invitation_id.in_(invitation_ids))
        .order_by(LetterRow.id)
    )  # fmt: skip
    return [Sent(*row) for row in session.execute(statement)] if invitation_ids else []


def followups(session: Session, portal_id: int, client: ClientKey) -> list[FollowUp]:
    """The follow-ups of a client, the youngest first."""
    statement = select(FollowUp).where(
        FollowUp.portal_id == portal_id, FollowUp.client_kind == client.kind, FollowUp.client_id == client.id
    )
    return list(session.scalars(statement.order_by(FollowUp.id.desc())))


def opt_outs(session: Session, portal_id: int, keys: Collection[str]) -> dict[str, OptOut]:
    """What these addresses said for good (`contact:<id>`, e-mail and phone keys)."""
    statement = select(OptOut).where(OptOut.portal_id == portal_id, OptOut.address.in_(sorted(keys)))
    return {row.address: row for row in session.scalars(statement)} if keys else {}


def staff_names(session: Session, portal_id: int, user_ids: Collection[int]) -> dict[int, str]:
    """Full names of these employees, dismissed ones too."""
    statement = select(Staff.user_id, Staff.name, Staff.last_name).where(
        Staff.portal_id == portal_id, Staff.user_id.in_(sorted(user_ids))
    )
    found = session.execute(statement) if user_ids else ()
    return {user: f"{name} {last}".strip() for user, name, last in found}


def under_way(session: Session, portal_id: int, lane: str) -> list[OutboxRow]:
    """Score writes on their way to a card, or given up on the way; each by its own partial index."""
    found: list[OutboxRow] = []
    for state in (is_open(OutboxRow), text(STUCK)):
        statement = select(OutboxRow).where(
            OutboxRow.portal_id == portal_id, OutboxRow.lane == lane, OutboxRow.purpose == "score", state
        )
        found += session.scalars(statement.order_by(OutboxRow.id))
    return found


def responsibles(session: Session, portal_id: int, client: ClientKey) -> set[int]:
    """Who is responsible for the open deals of a client."""
    statement = select(Deal.assigned_by).where(
        Deal.portal_id == portal_id,
        Deal.client_kind == client.kind,
        Deal.client_id == client.id,
        Deal.semantics == "P",
        Deal.recurring.is_(False),
        Deal.deleted_at.is_(None),
    )
    return {user for user in session.scalars(statement.distinct()) if user}


def last_line(session: Session, portal_id: int, client: ClientKey) -> WaveClient | None:
    """The client's line on the youngest list."""
    statement = (
        select(WaveClient)
        .where(
            WaveClient.portal_id == portal_id,
            WaveClient.wave_id.in_(_waves(portal_id)),
            WaveClient.client_kind == client.kind,
            WaveClient.client_id == client.id,
        )
        .order_by(WaveClient.wave_id.desc())
    )
    return session.scalars(statement.limit(1)).first()


def titles(session: Session, portal_id: int, key: ClientKey) -> tuple[str, int | None, str] | None:
    """Name, responsible and city of a client's card; nothing if it is gone."""
    row = card(session, portal_id, key.kind, key.id)
    if row is None:
        return None
    return (
        (row.title, row.assigned_by, row.city) if key.kind == "company" else (_name(row), row.assigned_by, "")
    )


def brought_by(session: Session, portal_id: int, links: Sequence[str]) -> list[Brought]:
    """Companies, contacts and leads in work whose referrer is one of these bindings (`CO_5`, `C_7`), oldest first.

    At most fifty of each kind.
    """
    found: list[Brought] = []
    for kind in ("company", "contact", "lead") if links else ():
        table = TABLES[kind]
        statement = select(table).where(
            table.portal_id == portal_id,
            table.referrer.in_(list(links)),
            table.deleted_at.is_(None),
        )
        if kind == "lead":
            statement = statement.where(table.semantics == "P")
        for row in session.scalars(statement.order_by(_beside_the_index(table.id)).limit(MOST_REFERRALS)):
            found.append(_brought(kind, row))
    return found


def _brought(kind: Any, row: Any) -> Brought:
    day = (row.referral or {}).get("UF_CRM_MOLVA_REFERRAL_DATE")
    city = row.city if kind == "company" else ""
    companies = tuple(row.company_ids or ()) if kind == "contact" else ()
    title = _name(row) if kind == "contact" else row.title
    state = "lead" if kind == "lead" else "client"
    return Brought(CardKey(kind, row.id), title, row.assigned_by, city, state, _day(day), companies)


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:
        return None


def _name(row: Any) -> str:
    return f"{row.name} {row.last_name}".strip()


def _waves(portal_id: int) -> Any:
    return select(Wave.id).where(Wave.portal_id == portal_id)


def _beside_the_index(column: Any) -> Any:
    """A number that no index is chosen for: SQLite would read all rows of a portal where few ids are named."""
    return column + 0


def _invitations(portal_id: int) -> Any:
    return (
        select(Invitation, WaveClient, Wave, Response)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == Invitation.wave_id)
        .outerjoin(Response, Response.invitation_id == Invitation.id)
        .where(_beside_the_index(Invitation.portal_id) == portal_id)
        .order_by(Wave.id.desc(), Invitation.id)
    )


def _asked(session: Session, statement: Any) -> list[Asked]:
    return [Asked(*row) for row in session.execute(statement)]

"""Cards behind the lines of a running wave as they stand today: gone, merged, in trouble, whose (E5, E7, W5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, false, literal, null, or_, select, union_all, update
from sqlalchemy.orm import Session

from integration.nps.followups import CRITICAL
from integration.nps.people import ClientKey
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.followups import FollowUp
from integration.store.referral_rows import CardMove
from integration.store.responses import Response
from integration.store.wave_queries import DONE_STAGES
from integration.store.waves import Invitation, Wave, WaveClient

OPEN_FOLLOW_UP = ("open", "task_done")
_TABLES: Mapping[str, Any] = {"company": Company, "contact": Contact}


def running(session: Session, portal_id: int) -> list[int]:
    """Waves that were approved and are not over, paused ones too."""
    statement = select(Wave.id).where(
        Wave.portal_id == portal_id, Wave.approved_by != "", Wave.stage.not_in(DONE_STAGES)
    )
    return list(session.scalars(statement.order_by(Wave.id)))


def gone(session: Session, portal_id: int, keys: Collection[ClientKey]) -> dict[ClientKey, datetime]:
    """Which of these cards are not there any more, and since when we know it: deleted, or merged into another."""
    wanted = {kind: sorted({key.id for key in keys if key.kind == kind}) for kind in _TABLES}
    parts = [
        select(literal(kind), table.id, table.deleted_at).where(
            table.portal_id == portal_id, table.id.in_(wanted[kind]), table.deleted_at.is_not(None)
        )
        for kind, table in _TABLES.items()
        if wanted[kind]
    ]
    rows = session.execute(union_all(*parts)) if parts else ()
    return {ClientKey(cast("Any", kind), number): at for kind, number, at in rows}


def managers(session: Session, portal_id: int, lines: Collection[WaveClient]) -> dict[int, frozenset[int]]:
    """Who serves the client of each line: the manager written down with the list, and the one of today, by line id."""
    today: dict[ClientKey, int | None] = {}
    for kind, table in _TABLES.items():
        ids = sorted({line.client_id for line in lines if line.client_kind == kind})
        named = table.chosen["manager"].as_integer() if kind == "company" else null()
        statement = select(table.id, table.assigned_by, named).where(
            table.portal_id == portal_id, table.id.in_(ids)
        )
        for number, user, chosen in session.execute(statement) if ids else ():
            today[ClientKey(cast("Any", kind), number)] = chosen or user
    left = sorted({line.deal_id for line in lines if line.deal_id and not today.get(key_of(line))})
    statement = select(Deal.id, Deal.assigned_by).where(Deal.portal_id == portal_id, Deal.id.in_(left))
    deals = dict(session.execute(statement).all()) if left else {}
    return {
        line.id: frozenset(
            user
            for user in (line.manager_id, today.get(key_of(line)) or deals.get(line.deal_id or 0))
            if user
        )
        for line in lines
    }


def in_stages(
    session: Session, portal_id: int, keys: Collection[ClientKey], stages: Collection[str]
) -> set[ClientKey]:
    """Which of these clients have an open deal in one of these stages."""
    if not keys or not stages:
        return set()
    statement = select(Deal.client_kind, Deal.client_id).where(
        Deal.portal_id == portal_id,
        _among(keys, Deal.client_kind, Deal.client_id),
        Deal.stage_id.in_(sorted(stages)),
        Deal.semantics == "P",
        Deal.recurring.is_(False),
        Deal.deleted_at.is_(None),
    )
    return {ClientKey(cast("Any", kind), number) for kind, number in session.execute(statement.distinct())}


def with_open_followups(
    session: Session, portal_id: int, wave_id: int, keys: Collection[ClientKey] | None = None
) -> set[ClientKey]:
    """Clients, all or those asked about, whose trouble from an earlier answer is not settled (product.md E5).

    Only what stands for trouble counts, not the thanks that are due to a promoter, and nothing that an answer of the
    survey `wave_id` itself has set off.
    """
    statement = select(FollowUp.client_kind, FollowUp.client_id).where(
        FollowUp.portal_id == portal_id,
        FollowUp.status.in_(OPEN_FOLLOW_UP),
        FollowUp.kind.in_(sorted(CRITICAL)),
        or_(FollowUp.wave_id.is_(None), FollowUp.wave_id != wave_id),
    )
    if keys is not None:
        statement = statement.where(_among(keys, FollowUp.client_kind, FollowUp.client_id))
    return {ClientKey(cast("Any", kind), number) for kind, number in session.execute(statement.distinct())}


def clients_of(session: Session, portal_id: int, kind: str, ids: Collection[int]) -> set[ClientKey]:
    """The clients that these deals, companies or contacts belong to; a contact with companies belongs to these, too."""
    numbers = sorted(set(ids))
    found: set[ClientKey] = set()
    if kind in _TABLES:
        found |= {ClientKey(cast("Any", kind), number) for number in numbers}
    if kind == "contact":
        statement = select(ContactCompany.company_id).where(
            ContactCompany.portal_id == portal_id, ContactCompany.contact_id.in_(numbers)
        )
        found |= {ClientKey("company", number) for number in session.scalars(statement.distinct())}
    if kind == "deal":
        deals = select(Deal.client_kind, Deal.client_id).where(
            Deal.portal_id == portal_id, Deal.id.in_(numbers), Deal.client_kind != ""
        )
        found |= {ClientKey(cast("Any", of), number) for of, number in session.execute(deals.distinct())}
    return found


def left_and_gone(session: Session, portal_id: int, kind: str, ids: Collection[int]) -> set[ClientKey]:
    """Clients that these deals or contacts have left and whose cards are gone: a merge begins to show."""
    statement = select(CardMove.from_kind, CardMove.from_id).where(
        CardMove.portal_id == portal_id, CardMove.card_kind == kind, CardMove.card_id.in_(sorted(set(ids)))
    )
    left = {ClientKey(cast("Any", of), number) for of, number in session.execute(statement.distinct())}
    return set(gone(session, portal_id, left)) if left else set()


def look_again(
    session: Session,
    portal_id: int,
    waves: Collection[int],
    clients: Collection[ClientKey],
    now: datetime,
    *,
    only_open: bool,
) -> None:
    """Let the machine look at once at the invitations of these clients, and at those of these contacts."""
    lines = select(WaveClient.id).where(
        WaveClient.portal_id == portal_id,
        WaveClient.wave_id.in_(waves),
        _among(clients, WaveClient.client_kind, WaveClient.client_id),
    )
    persons = sorted({key.id for key in clients if key.kind == "contact"})
    mine = or_(Invitation.wave_client_id.in_(lines), Invitation.contact_id.in_(persons))
    statement = update(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.wave_id.in_(waves), mine
    )
    if only_open:
        statement = statement.where(Invitation.outcome == "")
    session.execute(statement.values(due_at=now).execution_options(synchronize_session=False))


def line_of(session: Session, portal_id: int, wave_id: int, key: ClientKey) -> WaveClient | None:
    """The line of a client in a wave, held until the end of the transaction."""
    statement = select(WaveClient).where(
        WaveClient.portal_id == portal_id,
        WaveClient.wave_id == wave_id,
        WaveClient.client_kind == key.kind,
        WaveClient.client_id == key.id,
    )
    return session.scalars(_held(statement)).one_or_none()


def invitations_of(session: Session, portal_id: int, line_ids: Collection[int]) -> list[Invitation]:
    """All invitations of these lines, held until the end of the transaction."""
    statement = select(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.wave_client_id.in_(sorted(line_ids))
    )
    return list(session.scalars(_held(statement.order_by(Invitation.id))))


def invitation_to(session: Session, portal_id: int, wave_id: int, contact_id: int) -> Invitation | None:
    """The invitation of a contact in a wave, held until the end of the transaction."""
    statement = select(Invitation).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.contact_id == contact_id
    )
    return session.scalars(_held(statement)).one_or_none()


def has_answered(session: Session, portal_id: int, line_id: int) -> bool:
    """Whether somebody of a client has given an answer that counts."""
    statement = (
        select(Response.id)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .where(
            Response.portal_id == portal_id,
            Response.status == "counted",
            Invitation.wave_client_id == line_id,
        )
    )
    return session.execute(statement.limit(1)).first() is not None


def move_followups(session: Session, portal_id: int, old: ClientKey, new: ClientKey) -> None:
    """What follows from answers of a client that was merged goes on with the card that lives."""
    session.execute(
        update(FollowUp)
        .where(
            FollowUp.portal_id == portal_id, FollowUp.client_kind == old.kind, FollowUp.client_id == old.id
        )
        .values(client_kind=new.kind, client_id=new.id)
        .execution_options(synchronize_session=False)
    )


def key_of(line: WaveClient) -> ClientKey:
    """The client of a line."""
    return ClientKey("company" if line.client_kind == "company" else "contact", line.client_id)


def _held(statement: Any) -> Any:
    return statement.with_for_update().execution_options(populate_existing=True)


def _among(keys: Collection[ClientKey], kind: Any, number: Any) -> ColumnElement[bool]:
    """Each kind by its own list of ids, so that the index of the clients is used."""
    parts = [
        and_(kind == name, number.in_(sorted({key.id for key in keys if key.kind == name})))
        for name in sorted({key.kind for key in keys})
    ]
    return or_(*parts) if parts else false()

"""The list of a wave: writing it while it is frozen, and what it says afterwards (product.md E4, E7, W4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.nps.people import ClientKey
from integration.store import past_answers
from integration.store.attempts import Attempt
from integration.store.clients import Company, Contact, Deal
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.responses import Response
from integration.store.wave_queries import locked
from integration.store.waves import Invitation, Wave, WaveClient

QUESTIONS = (
    "invitation",
    "reminder",
    "last_reminder",
    "project_invitation",
    "project_reminder",
)  # letters that ask
LEFT = ("done", "unknown")  # and that have reached a mail server, or may have
PENDING = "pending"  # reason of a client whose people have not been read yet


def clear_list(session: Session, portal_id: int, wave_id: int) -> None:
    """Take the list of a wave away, before it is frozen anew."""
    session.execute(
        delete(Invitation).where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id)
    )
    session.execute(
        delete(WaveClient).where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id)
    )


def add_clients(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write lines of the list in one statement."""
    if lines:
        session.execute(insert(WaveClient), list(lines))


def add_invitations(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write invitations in one statement."""
    if lines:
        session.execute(insert(Invitation), list(lines))


def pending_clients(
    session: Session, portal_id: int, wave_id: int, after_id: int, limit: int
) -> list[WaveClient]:
    """Lines whose people have not been judged yet, in order."""
    statement = select(WaveClient).where(
        WaveClient.portal_id == portal_id,
        WaveClient.wave_id == wave_id,
        WaveClient.reason == PENDING,
        WaveClient.id > after_id,
    )
    return list(session.scalars(statement.order_by(WaveClient.id).limit(limit)))


def settle_client(session: Session, portal_id: int, line_id: int, **values: Any) -> None:
    """Write the final verdict of one line."""
    statement = (
        update(WaveClient).where(WaveClient.portal_id == portal_id, WaveClient.id == line_id).values(**values)
    )
    session.execute(statement.execution_options(synchronize_session=False))


def taken_keys(session: Session, portal_id: int, wave_id: int, *, phones: bool) -> set[str]:
    """Keys of the addresses already invited in this wave, and of the numbers if `phones` (product.md E3)."""
    statement = select(Invitation.address, Invitation.phone).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id
    )
    found: set[str] = set()
    for address, phone in session.execute(statement):
        found |= {email_key(address), phone_key(phone) if phones else ""}
    return found - {""}


def asked_before(
    session: Session, portal_id: int, wave_id: int
) -> list[tuple[ClientKey, int, str, str, str]]:
    """Who was asked in other yearly waves: client, contact, address, phone, ISO moment.

    Asked is who got the question, or may have got it, who has answered, or spoke with a caller; not who stood on a list
    whose letter was refused or taken back, or who did not pick up. In imported waves nobody knows when a letter went;
    the answer's moment stands for it (product.md E3, T9).
    """
    who = (
        WaveClient.client_kind, WaveClient.client_id, Invitation.contact_id, Invitation.address, Invitation.phone,
    )  # fmt: skip
    mine = (Invitation.portal_id == portal_id, Invitation.wave_id != wave_id)
    people = (
        select(*who)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == Invitation.wave_id)
        .where(*mine, Wave.of_years())  # one after a project takes nobody out of the wave (W16)
    )
    left = (
        people.add_columns(func.max(LetterRow.handed_at))
        .join(LetterRow, LetterRow.invitation_id == Invitation.id)
        .where(LetterRow.kind.in_(QUESTIONS), LetterRow.status.in_(LEFT), LetterRow.handed_at.is_not(None))
        .group_by(*who)
    )
    answered = (
        people.add_columns(Response.answered_at)
        .join(Response, Response.invitation_id == Invitation.id)
        .where(Response.status == "counted", Response.channel != "import")
    )
    spoken = (
        people.add_columns(func.max(Attempt.ended_at))
        .join(Attempt, Attempt.invitation_id == Invitation.id)
        .where(Attempt.outcome.in_(("refused", "not_now", "never")), Attempt.undone_at.is_(None))
        .group_by(*who)
    )
    asked = [
        (ClientKey(cast("Any", kind), client), contact, address, phone, at.isoformat())
        for statement in (left, answered, spoken)
        for kind, client, contact, address, phone, at in session.execute(statement)
    ]
    return asked + past_answers.asked_in_imports(session, portal_id, wave_id)


def since_dates(session: Session, portal_id: int, wave_id: int) -> list[date | None]:
    """Since when the clients of a list work with the agency, where it is known."""
    statement = select(WaveClient.since).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.since.is_not(None)
    )
    return list(session.scalars(statement))


def coverage(session: Session, portal_id: int, wave_id: int) -> dict[str, Any]:
    """Clients, contacts and yearly revenue on the list and among those asked (product.md E7)."""
    asked = case((WaveClient.eligible, 1), else_=0)
    money = case((WaveClient.eligible, WaveClient.yearly_revenue), else_=0)
    statement = select(
        func.count(), func.sum(asked), func.sum(WaveClient.yearly_revenue), func.sum(money)
    ).where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id)
    clients, eligible, revenue, eligible_revenue = session.execute(statement).one()
    contacts = session.execute(
        select(func.count()).where(
            Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome != "excluded"
        )
    ).scalar_one()
    excluded = reasons(session, portal_id, wave_id).get("excluded_by_hand", 0)
    return {
        "clients": clients, "eligible": int(eligible or 0), "contacts": contacts, "excluded": excluded,
        "revenue": str(Decimal(revenue or 0).quantize(Decimal("0.01"))),
        "eligible_revenue": str(Decimal(eligible_revenue or 0).quantize(Decimal("0.01"))),
    }  # fmt: skip


def sample_invitations(session: Session, portal_id: int, wave_id: int) -> list[Invitation]:
    """One invitation of each sender and language: what a rehearsal renders."""
    first = (
        select(func.min(Invitation.id))
        .where(Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.outcome == "")
        .group_by(Invitation.sender_key, Invitation.language)
    )
    return list(session.scalars(select(Invitation).where(Invitation.id.in_(first)).order_by(Invitation.id)))


def without_address(session: Session, portal_id: int, wave_id: int) -> list[tuple[str, int, str]]:
    """People of clients who are asked whom nobody can write to: the client's name, the contact, the role (W4)."""
    statement = (
        select(WaveClient.name, WaveClient.no_address)
        .where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.eligible)
        .order_by(WaveClient.name, WaveClient.id)
    )
    return [
        (name, int(person["contact"]), str(person["role"]))
        for name, people in session.execute(statement)
        for person in people
    ]


def unnamed(session: Session, portal_id: int, wave_id: int) -> int:
    """Respondents whose card has no name."""
    statement = select(func.count()).where(
        Invitation.portal_id == portal_id, Invitation.wave_id == wave_id, Invitation.name == ""
    )
    return session.execute(statement).scalar_one()


def lines_by_reason(
    session: Session, portal_id: int, wave_id: int, reason: str, limit: int
) -> list[WaveClient]:
    """Some lines of the list with one reason, by name."""
    statement = select(WaveClient).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.reason == reason
    )
    return list(session.scalars(statement.order_by(WaveClient.name, WaveClient.id).limit(limit)))


def advance_freeze(
    session: Session, portal_id: int, wave_id: int, seen: Mapping[str, Any], **changes: Any
) -> bool:
    """Move a freeze on if it still stands where it was `seen`. False: another worker is ahead."""
    found = locked(session, portal_id, wave_id)
    if found is None or found.plan.get("freeze") != seen:
        return False
    found.plan = {**found.plan, "freeze": {**seen, **changes}}
    return True


def branches(session: Session, portal_id: int, wave_id: int) -> list[tuple[str, frozenset[int], int]]:
    """Cities of those asked with who serves them, by the list and by the card today, and how many clients each has."""
    named = Company.chosen["manager"].as_integer()
    today = case(
        (WaveClient.client_kind == "company", func.coalesce(named, Company.assigned_by)),
        else_=Contact.assigned_by,
    )
    each = (
        select(
            WaveClient.city, WaveClient.manager_id,
            func.coalesce(func.nullif(today, 0), Deal.assigned_by).label("now"),
        )
        .outerjoin(Company, _card(Company, portal_id, "company"))
        .outerjoin(Contact, _card(Contact, portal_id, "contact"))
        .outerjoin(Deal, and_(Deal.portal_id == portal_id, Deal.id == WaveClient.deal_id))
        .where(WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.eligible)
        .subquery()
    )  # fmt: skip
    grouped = (each.c.city, each.c.manager_id, each.c.now)
    return [
        (city, frozenset(user for user in (listed, now) if user), n)
        for city, listed, now, n in session.execute(select(*grouped, func.count()).group_by(*grouped))
    ]


def _card(table: Any, portal_id: int, kind: str) -> ColumnElement[bool]:
    return and_(
        table.portal_id == portal_id, WaveClient.client_kind == kind, table.id == WaveClient.client_id
    )


def unfinished(session: Session, portal_id: int, wave_id: int) -> tuple[int, int]:
    """Open follow-ups of the portal, and how many waves of its own there were before this one (product.md W3)."""
    followups = select(func.count()).where(
        FollowUp.portal_id == portal_id,
        FollowUp.status.in_(("open", "task_done")),
        or_(FollowUp.wave_id.is_(None), FollowUp.wave_id.not_in(_of_projects(portal_id))),
    )
    before = select(func.count()).where(
        Wave.portal_id == portal_id, Wave.id < wave_id, Wave.stage == "closed",
        Wave.origin != past_answers.ORIGIN, Wave.of_years(),
    )  # fmt: skip
    return session.execute(followups).scalar_one(), session.execute(before).scalar_one()


def _of_projects(portal_id: int) -> Select[Any]:
    return select(Wave.id).where(Wave.portal_id == portal_id, ~Wave.of_years())


def reasons(session: Session, portal_id: int, wave_id: int) -> dict[str, int]:
    """Clients of the list by reason; the empty one is asked (product.md E4)."""
    statement = select(WaveClient.reason, func.count()).where(
        WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id
    )
    return dict(session.execute(statement.group_by(WaveClient.reason)).all())

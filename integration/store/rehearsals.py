"""What a rehearsal reads: who would get letters, and the people and cards its findings name (product.md W4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, defer

from integration.store.clients import Contact, ContactCompany, Deal
from integration.store.followups import FollowUp
from integration.store.mailboxes import SenderMailbox
from integration.store.upsert import insert_for
from integration.store.waves import Invitation, WaveClient, WaveEvent

SHARED, UNZONED, NAMELESS = "shared", "zone", "nameless"
PHONE_ONLY, NO_PHONE = "phone_only", "no_phone"  # where people are called (product.md W7)
SHOWS = ("", SHARED, UNZONED, NAMELESS, PHONE_ONLY, NO_PHONE)


def _asked(portal_id: int, wave_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Invitation.portal_id == portal_id,
        Invitation.wave_id == wave_id,
        Invitation.outcome == "",
    )


def respondents(
    session: Session, portal_id: int, wave_id: int, words: Sequence[str], show: str, offset: int, limit: int
) -> list[tuple[Invitation, WaveClient]]:
    """Those who would get letters, with their client, by the client's name.

    `words`: each must stand in the name of the client or the person, or in the address; `show`: one of `SHOWS`.
    """
    statement = _found(select(Invitation, WaveClient), portal_id, wave_id, words, show)
    ordered = statement.order_by(WaveClient.name, Invitation.id).offset(offset).limit(limit)
    return [(invitation, line) for invitation, line in session.execute(ordered)]


def count(session: Session, portal_id: int, wave_id: int, words: Sequence[str], show: str) -> int:
    """How many people `respondents` would find in all."""
    return int(session.execute(_found(select(func.count()), portal_id, wave_id, words, show)).scalar_one())


def respondent(
    session: Session, portal_id: int, wave_id: int, invitation_id: int
) -> tuple[Invitation, WaveClient] | None:
    """One of them; nothing if nobody is to get a letter under that number."""
    statement = _found(select(Invitation, WaveClient), portal_id, wave_id, (), "")
    found = session.execute(statement.where(Invitation.id == invitation_id)).one_or_none()
    return None if found is None else (found[0], found[1])


def _found(
    statement: Select[*tuple[Any, ...]], portal_id: int, wave_id: int, words: Sequence[str], show: str
) -> Select[*tuple[Any, ...]]:
    statement = (
        statement.select_from(Invitation)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(*_asked(portal_id, wave_id))
    )
    columns = (WaveClient.name, Invitation.name, Invitation.address)
    for word in words:
        statement = statement.where(or_(*(_holds(column, word) for column in columns)))
    extra: Mapping[str, ColumnElement[bool]] = {
        SHARED: Invitation.shared.is_(True), UNZONED: Invitation.zone_source == "portal",
        NAMELESS: Invitation.name == "", PHONE_ONLY: Invitation.address == "", NO_PHONE: Invitation.phone == "",
    }  # fmt: skip
    return statement.where(extra[show]) if show in extra else statement


def _holds(column: Any, word: str) -> ColumnElement[bool]:
    """SQLite knows capital and small letters of the Latin alphabet only, so the usual spellings are tried."""
    written = dict.fromkeys((word, word.lower(), word.capitalize(), word.upper()))
    return or_(
        column.icontains(word, autoescape=True), *(column.contains(one, autoescape=True) for one in written)
    )


def zones(session: Session, portal_id: int, wave_id: int) -> dict[str, int]:
    """Where the time zones of those people come from: field, address, responsible, portal (product.md E6)."""
    statement = select(Invitation.zone_source, func.count()).where(*_asked(portal_id, wave_id))
    return dict(session.execute(statement.group_by(Invitation.zone_source)).all())


def samples(session: Session, portal_id: int, wave_id: int, limit: int) -> list[Invitation]:
    """One invitation of each kind of letter: by sender, language, service, and whether the client is a person alone.

    Nobody who gets no letters at all.
    """
    first = (
        select(func.min(Invitation.id))
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .outerjoin(Deal, and_(Deal.portal_id == portal_id, Deal.id == WaveClient.deal_id))
        .where(*_asked(portal_id, wave_id), Invitation.address != "")
        .group_by(
            Invitation.sender_key, Invitation.language, WaveClient.client_kind, Deal.category_id,
            WaveClient.name == "",
        )
    )  # fmt: skip
    return list(
        session.scalars(
            select(Invitation).where(Invitation.id.in_(first)).order_by(Invitation.id).limit(limit)
        )
    )


def without_role(
    session: Session, portal_id: int, wave_id: int, limit: int
) -> tuple[int, int, list[tuple[int, str, int]]]:
    """People of clients who are asked that are left out for want of a role: how many, at how many clients, and of
    some clients the id, the name and how many people (product.md E6)."""
    invited = select(Invitation.id).where(
        Invitation.wave_id == wave_id,
        Invitation.portal_id == portal_id,
        Invitation.contact_id == Contact.id,
    )
    per_client = (
        select(WaveClient.client_id, WaveClient.name, func.count().label("people"))
        .join(
            ContactCompany,
            and_(
                ContactCompany.portal_id == portal_id,
                ContactCompany.company_id == WaveClient.client_id,
            ),
        )
        .join(Contact, and_(Contact.portal_id == portal_id, Contact.id == ContactCompany.contact_id))
        .where(
            WaveClient.portal_id == portal_id, WaveClient.wave_id == wave_id, WaveClient.eligible,
            WaveClient.client_kind == "company", Contact.role == "", Contact.opted_out.is_(False),
            Contact.deleted_at.is_(None), ~invited.exists(),
        )
        .group_by(WaveClient.client_id, WaveClient.name)
        .subquery()
    )  # fmt: skip
    clients, people = session.execute(select(func.count(), func.sum(per_client.c.people))).one()
    some = (
        select(per_client.c.client_id, per_client.c.name, per_client.c.people)
        .order_by(per_client.c.people.desc(), per_client.c.name, per_client.c.client_id)
        .limit(limit)
    )
    return int(people or 0), clients, [(n, name, many) for n, name, many in session.execute(some)]


def contact_names(session: Session, portal_id: int, ids: Sequence[int]) -> dict[int, str]:
    """Names of contacts as on their cards."""
    statement = select(Contact.id, Contact.name, Contact.last_name).where(
        Contact.portal_id == portal_id, Contact.id.in_(ids)
    )
    return {number: f"{name} {last}".strip() for number, name, last in session.execute(statement)}


def open_followups(session: Session, portal_id: int, limit: int) -> list[FollowUp]:
    """Open follow-ups of the portal, the most overdue first."""
    statement = select(FollowUp).where(
        FollowUp.portal_id == portal_id, FollowUp.status.in_(("open", "task_done"))
    )
    return list(session.scalars(statement.order_by(FollowUp.deadline, FollowUp.id).limit(limit)))


def last_list(session: Session, portal_id: int, wave_id: int) -> int:
    """The line of a wave's trail that tells of its last list; 0 before the first."""
    statement = select(func.max(WaveEvent.id)).where(
        WaveEvent.portal_id == portal_id, WaveEvent.wave_id == wave_id, WaveEvent.what == "frozen"
    )
    return session.scalar(statement) or 0


def mailbox_of(session: Session, portal_id: int, sender_key: str) -> SenderMailbox | None:
    """What is known of a sender's mailbox, without its secret address; nothing if it has no row."""
    statement = (
        select(SenderMailbox)
        .where(SenderMailbox.portal_id == portal_id, SenderMailbox.sender_key == sender_key)
        .options(defer(SenderMailbox.smtp_url, raiseload=True))
    )
    return session.scalars(statement).one_or_none()


def keep_mailbox(
    session: Session, portal_id: int, sender_key: str, who: str, now: datetime, **values: Any
) -> None:
    """Keep what is known of a sender's signature (`dkim_selector`, `dkim`), whether it has a mailbox row or not."""
    written = {**values, "changed_by": who[:200], "changed_at": now}
    insert = insert_for(session)(SenderMailbox).values(
        **{"portal_id": portal_id, "sender_key": sender_key, "way": "operator", "dkim_selector": "", "dkim": {},
           "shown": "", "per_hour": 0, "per_day": 0, "check_code": "", **written}
    )  # fmt: skip
    session.execute(insert.on_conflict_do_update(index_elements=["portal_id", "sender_key"], set_=written))

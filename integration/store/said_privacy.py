"""What a person wrote by the direct line, and colleagues they named or were named as: to give out, to forget (T7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, false, or_, select, update
from sqlalchemy.orm import Session

from integration.nps.addresses import email_key, phone_key
from integration.store import privacy
from integration.store.colleagues import Colleague
from integration.store.direct_lines import DirectLink, DirectMessage
from integration.store.followups import FollowUp
from integration.store.privacy import Traces


def messages_of(session: Session, portal_id: int, found: Traces) -> list[DirectMessage]:
    """Messages of a person: all of the person's own link, of a company's link those that give the person's name,
    address or phone."""
    statement = (
        select(DirectMessage, DirectLink.client_kind)
        .join(DirectLink, DirectLink.id == DirectMessage.link_id)
        .where(DirectMessage.portal_id == portal_id, _theirs(session, portal_id, found))
        .order_by(DirectMessage.id)
    )
    handles = {email_key(one) for one in found.addresses}
    handles |= {phone_key(one.phone) for one in found.invitations} - {""}
    names = {one.name.casefold() for one in found.invitations if one.name}
    return [
        one
        for one, kind in session.execute(statement)
        if kind == "contact"
        or one.person.casefold() in names
        or {email_key(one.back), phone_key(one.back)} & handles
    ]


def _theirs(session: Session, portal_id: int, found: Traces) -> Any:
    lines = privacy.clients_of(session, portal_id, {one.wave_client_id for one in found.invitations})
    wanted = {("contact", number) for number in found.contacts}
    wanted |= {(line.client_kind, line.client_id) for line in lines if line.client_kind == "company"}
    parts = [
        and_(
            DirectLink.client_kind == kind,
            DirectLink.client_id.in_(sorted(number for of, number in wanted if of == kind)),
        )
        for kind in ("company", "contact")
        if any(of == kind for of, _ in wanted)
    ]
    return or_(*parts) if parts else false()


def colleagues_of(session: Session, portal_id: int, found: Traces) -> list[Colleague]:
    """Proposals this person made, and those that ended with an invitation to this person."""
    mine = Colleague.invitation_id.in_([one.id for one in found.invitations])
    statement = select(Colleague).where(
        Colleague.portal_id == portal_id, or_(mine, Colleague.contact_id.in_(found.contacts))
    )
    return list(session.scalars(statement.order_by(Colleague.id)))


def scrub_messages(
    session: Session, portal_id: int, messages: Sequence[DirectMessage], now: datetime
) -> None:
    """Empty messages and the follow-ups they became; a task that was not made yet is not made."""
    for one in messages:
        one.person = one.back = one.words = ""
    numbers = [one.follow_up_id for one in messages if one.follow_up_id is not None]
    privacy.scrub_followups(session, portal_id, FollowUp.id.in_(numbers), now)


def scrub_colleagues(session: Session, portal_id: int, numbers: Collection[int]) -> None:
    """Take names, addresses and words away from proposals."""
    statement = (
        update(Colleague)
        .where(Colleague.portal_id == portal_id, Colleague.id.in_(sorted(numbers)))
        .values(name="", reach="", words="")
    )
    session.execute(statement.execution_options(synchronize_session=False))


def outlived(
    session: Session, portal_id: int, before: datetime, limit: int
) -> tuple[list[DirectMessage], list[int]]:
    """Messages and proposals that were made before a moment and still say something."""
    messages = select(DirectMessage).where(
        DirectMessage.portal_id == portal_id, DirectMessage.said_at < before, DirectMessage.words != ""
    )
    named = select(Colleague.id).where(
        Colleague.portal_id == portal_id, Colleague.said_at < before, Colleague.name != ""
    )
    return (
        list(session.scalars(messages.order_by(DirectMessage.id).limit(limit))),
        list(session.scalars(named.order_by(Colleague.id).limit(limit))),
    )

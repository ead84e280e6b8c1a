"""What Molva knows of a person, and what remains when it must forget them (product.md T7).

A person is a contact card and the addresses it was asked under; the same address on another card is the same
person, unless many read that mailbox.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.addresses import email_key, phone_key
from integration.store import call_privacy, project_runs, questions
from integration.store.base import Base, UTCDateTime
from integration.store.clients import Company, Contact, OptOut
from integration.store.followups import FollowUp
from integration.store.holds import ClientAct, Hold
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.replies import Reply
from integration.store.responses import Proof, Response, ResponseRevision
from integration.store.waves import Invitation, Wave, WaveClient

CHOICES = ("later", "never")  # causes of comments that name the person
OVER = ("done", "buried", "superseded", "cancelled")
LEAST_OF_ADDRESS = 3  # characters of an e-mail to search by: fewer would name half of the agency's clients
#: What a follow-up keeps of its facts: nothing that names the person or quotes them.
IMPERSONAL = ("client", "score", "score_before", "group", "wave", "channel", "checklist", "owner_by")


class Erasure(Base):
    """One erased person: the number of the card, by whom and when, never who it was."""

    __tablename__ = "erasures"
    __table_args__ = (Index("ix_erasures_portal", "portal_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    who: Mapped[str] = mapped_column(String(200), default="")
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # what was erased, numbers only


@dataclass(frozen=True, slots=True)
class Found:
    """A person that a search found: the card, its company, and the newest address it was asked under."""

    contact_id: int
    name: str
    company: str
    address: str
    asked: int


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything of one person that Molva holds; `contacts` are all cards that are this person."""

    contacts: tuple[int, ...]
    addresses: tuple[str, ...]
    invitations: tuple[Invitation, ...]
    letters: tuple[LetterRow, ...]
    responses: tuple[Response, ...]
    followups: tuple[FollowUp, ...]
    opt_outs: tuple[OptOut, ...]
    acts: tuple[ClientAct, ...]
    holds: tuple[Hold, ...]


def search(session: Session, portal_id: int, text: str, limit: int = 20) -> list[Found]:
    """Persons by e-mail or a part of it, phone, card number or part of the name; those asked most often first.

    Of an e-mail at least `LEAST_OF_ADDRESS` characters are needed.
    """
    wanted = text.strip()
    if not wanted:
        return []
    full = Contact.name + " " + Contact.last_name
    # SQLite folds the case of Latin letters only, so the usual ways to write a name are tried.
    written = {wanted, wanted.lower(), wanted.upper(), wanted.title()}
    conditions: list[Any] = [full.icontains(text, autoescape=True) for text in sorted(written)]
    conditions.append(Contact.id.in_(_by_address(portal_id, wanted)))
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
        conditions.append(Contact.id == int(wanted))
    asked = (
        select(
            Invitation.contact_id, func.count().label("times"), func.max(Invitation.address).label("address")
        )
        .where(Invitation.portal_id == portal_id)
        .group_by(Invitation.contact_id)
        .subquery()
    )
    statement = (
        select(Contact.id, Contact.name, Contact.last_name, Company.title, asked.c.address, asked.c.times)
        .outerjoin(Company, (Company.portal_id == Contact.portal_id) & (Company.id == Contact.company_id))
        .outerjoin(asked, asked.c.contact_id == Contact.id)
        .where(Contact.portal_id == portal_id, or_(*conditions))
        .order_by(func.coalesce(asked.c.times, 0).desc(), Contact.id)
        .limit(limit)
    )
    return [
        Found(number, f"{name} {last}".strip(), company or "", address or "", times or 0)
        for number, name, last, company, address, times in session.execute(statement)
    ]


def _by_address(portal_id: int, wanted: str) -> Any:
    keys = [key for key in (email_key(wanted), phone_key(wanted)) if key]
    asked: list[Any] = [Invitation.address.in_(keys), Invitation.phone == wanted]
    said: list[Any] = [OptOut.address.in_(keys)]
    if len(wanted) >= LEAST_OF_ADDRESS:
        asked.append(Invitation.address.icontains(wanted.lower(), autoescape=True))
        part = OptOut.address.icontains(wanted.lower(), autoescape=True)
        said.append(part & ~OptOut.address.startswith("contact:"))
    statement = select(Invitation.contact_id).where(Invitation.portal_id == portal_id, or_(*asked))
    never = select(OptOut.contact_id).where(
        OptOut.portal_id == portal_id, OptOut.contact_id.is_not(None), or_(*said)
    )
    return statement.union(never)


def traces(session: Session, portal_id: int, contact_id: int) -> Traces | None:
    """All that is kept of the person behind a contact card; nothing if there is no such card and no trace."""
    contacts, addresses = _identity(session, portal_id, contact_id)
    own = Invitation.contact_id.in_(contacts)
    invitations = _all(session, Invitation, portal_id, own)
    numbers = [invitation.id for invitation in invitations]
    responses = _all(session, Response, portal_id, Response.invitation_id.in_(numbers))
    answered = [response.id for response in responses]
    letters = _all(
        session, LetterRow, portal_id,
        or_(LetterRow.invitation_id.in_(numbers), LetterRow.recipient_address.in_(addresses)),
    )  # fmt: skip
    followups = _all(session, FollowUp, portal_id, FollowUp.response_id.in_(answered))
    never = _all(
        session, OptOut, portal_id, OptOut.address.in_([*addresses, f"contact:{contact_id}"]), OptOut.said_at
    )
    alone = (ClientAct.client_kind == "contact") & ClientAct.client_id.in_(contacts)
    acts = _all(session, ClientAct, portal_id, or_(ClientAct.contact_id.in_(contacts), alone))
    holds = _all(session, Hold, portal_id, (Hold.client_kind == "contact") & Hold.client_id.in_(contacts))
    if not (invitations or letters or never) and session.get(Contact, (portal_id, contact_id)) is None:
        return None
    return Traces(
        tuple(sorted(contacts)), tuple(sorted(addresses)), tuple(invitations), tuple(letters), tuple(responses),
        tuple(followups), tuple(never), tuple(acts), tuple(holds),
    )  # fmt: skip


def _identity(session: Session, portal_id: int, contact_id: int) -> tuple[set[int], set[str]]:
    """Cards and addresses of one person: the card's own addresses, and the cards asked under the same."""
    mine = select(Invitation.address).where(
        Invitation.portal_id == portal_id,
        Invitation.contact_id == contact_id,
        Invitation.address != "",
        Invitation.shared.is_(False),
    )
    addresses = set(session.scalars(mine))
    addresses |= {
        address
        for address in session.scalars(
            select(OptOut.address).where(OptOut.portal_id == portal_id, OptOut.contact_id == contact_id)
        )
        if not address.startswith("contact:")
    }
    others = select(Invitation.contact_id).where(
        Invitation.portal_id == portal_id, Invitation.address.in_(addresses), Invitation.shared.is_(False)
    )
    return {contact_id, *session.scalars(others)}, addresses


def _all(session: Session, row: Any, portal_id: int, condition: Any, order: Any = None) -> list[Any]:
    statement = select(row).where(row.portal_id == portal_id, condition)
    return list(session.scalars(statement.order_by(row.id if order is None else order)))


def revisions(session: Session, portal_id: int, responses: Collection[int]) -> list[ResponseRevision]:
    """Every version these answers had, in the order they were given."""
    return _all(session, ResponseRevision, portal_id, ResponseRevision.response_id.in_(responses))


def clients_of(session: Session, portal_id: int, lines: Collection[int]) -> Sequence[WaveClient]:
    """The clients in whose name these people were asked."""
    return _all(session, WaveClient, portal_id, WaveClient.id.in_(lines))


def scrub_invitations(session: Session, portal_id: int, numbers: Sequence[int], now: datetime) -> None:
    """Take name, address, phone and words away from invitations; scores stay, they name nobody any more. What the
    people wrote back goes.

    Links die. An invitation still open ends as excluded. Letters lose their texts; those that wait are taken
    back. Calls to the portal that carry the words are emptied or, if they wait, dropped.
    """
    if not numbers:
        return
    mine = (Invitation.portal_id == portal_id) & Invitation.id.in_(numbers)
    _change(
        session, update(Invitation).where(mine, Invitation.outcome == "").values(
            outcome="excluded", outcome_at=now, outcome_detail={"why": "erased"}
        ),
    )  # fmt: skip
    blank = {"name": "", "address": "", "phone": "", "due_at": None}
    _change(session, update(Invitation).where(mine).values(**blank))
    _change(session, update(Invitation).where(mine, Invitation.revoked_at.is_(None)).values(revoked_at=now))
    answered = select(Response.id).where(Response.portal_id == portal_id, Response.invitation_id.in_(numbers))
    responses = list(session.scalars(answered))
    for row, column in ((Response, Response.id), (ResponseRevision, ResponseRevision.response_id)):
        _change(
            session, update(row).where(row.portal_id == portal_id, column.in_(responses)).values(comment="")
        )
    questions.scrub(session, portal_id, responses)
    call_privacy.scrub(session, portal_id, numbers)
    project_runs.scrub(session, portal_id, numbers)
    _change(session, delete(Proof).where(Proof.portal_id == portal_id, Proof.invitation_id.in_(numbers)))
    _change(session, delete(Reply).where(Reply.portal_id == portal_id, Reply.invitation_id.in_(numbers)))
    scrub_followups(session, portal_id, FollowUp.response_id.in_(responses), now)
    _scrub_calls(session, portal_id, "response", responses, now)
    for choice in CHOICES:
        _scrub_calls(session, portal_id, choice, numbers, now)
    scrub_letters(session, portal_id, LetterRow.invitation_id.in_(numbers), now)


def scrub_letters(session: Session, portal_id: int, condition: Any, now: datetime) -> int:
    """Empty letters and take back those that wait; how many there were."""
    mine = (LetterRow.portal_id == portal_id) & condition
    _change(
        session,
        update(LetterRow)
        .where(mine, LetterRow.status == "waiting")
        .values(status="cancelled", finished_at=now),
    )
    emptied = {
        "recipient_name": "", "recipient_address": "", "subject": "", "body_text": "", "body_html": "",
        "headers": {}, "lane": literal("erased:") + as_type(LetterRow.id, String),
    }  # fmt: skip
    settled = LetterRow.status.in_((*OVER, "unknown"))
    return _change(session, update(LetterRow).where(mine, settled).values(**emptied))


def scrub_followups(session: Session, portal_id: int, condition: Any, now: datetime) -> None:
    """Their facts lose person and words; one whose task has not been made yet is not made."""
    mine = _all(session, FollowUp, portal_id, condition)
    for row in mine:
        row.facts = {name: value for name, value in row.facts.items() if name in IMPERSONAL}
        if row.status == "open" and row.task_id is None:
            row.status, row.closed_at = "cancelled", now
    _scrub_calls(session, portal_id, "followup", [row.id for row in mine], now)


def _scrub_calls(session: Session, portal_id: int, kind: str, causes: Collection[int], now: datetime) -> None:
    """A waiting call is dropped; finished ones keep their key, so that nothing is written twice."""
    mine = (
        (OutboxRow.portal_id == portal_id) & (OutboxRow.cause_kind == kind) & OutboxRow.cause_id.in_(causes)
    )
    waiting = update(OutboxRow).where(mine, OutboxRow.status == "waiting")
    _change(session, waiting.values(status="superseded", finished_at=now, error="erased"))
    empty = {"method": "", "params": {}, "repeat": True}
    _change(session, update(OutboxRow).where(mine, OutboxRow.status.in_(OVER)).values(call=empty))


def remember(
    session: Session, portal_id: int, contact_id: int, now: datetime, who: str, counts: dict[str, int]
) -> None:
    """Note that a person was erased."""
    session.add(Erasure(portal_id=portal_id, contact_id=contact_id, at=now, who=who[:200], counts=counts))


def erasures(session: Session, portal_id: int, limit: int = 50) -> list[Erasure]:
    """Who was erased lately, by card number, the last one first."""
    statement = select(Erasure).where(Erasure.portal_id == portal_id).order_by(Erasure.id.desc()).limit(limit)
    return list(session.scalars(statement))


def outlived(session: Session, portal_id: int, before: datetime, limit: int) -> list[int]:
    """Invitations that still name a person although their wave ended before a moment."""
    statement = (
        select(Invitation.id)
        .join(Wave, Wave.id == Invitation.wave_id)
        .where(
            Invitation.portal_id == portal_id,
            Wave.portal_id == portal_id,
            func.coalesce(Wave.closed_at, Wave.planned_at) < before,
            Wave.stage.in_(("closed", "cancelled")),
            or_(Invitation.name != "", Invitation.address != "", Invitation.phone != ""),
        )
        .order_by(Invitation.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def scrub_late_letters(session: Session, portal_id: int, now: datetime) -> int:
    """Empty letters that were on their way out while their person was erased; how many there were."""
    erased = select(Invitation.id).where(
        Invitation.portal_id == portal_id, Invitation.revoked_at.is_not(None), Invitation.name == "",
        Invitation.address == "", Invitation.phone == "",
    )  # fmt: skip
    left = LetterRow.invitation_id.in_(erased) & (LetterRow.recipient_address != "")
    return scrub_letters(session, portal_id, left, now)


def _change(session: Session, statement: Any) -> int:
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount

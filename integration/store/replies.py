"""What clients wrote back to a letter, found in the portal, until a person has dealt with it (product.md W18)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    and_,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.store.base import Base, UTCDateTime
from integration.store.letters import LetterRow
from integration.store.portals import Watermark
from integration.store.reports import Scope, within
from integration.store.responses import Response
from integration.store.upsert import insert_for, upsert
from integration.store.waves import Invitation, Wave, WaveClient

MAIL = "mail"  # the watermark's name
QUIET_STAGES = ("draft", "rehearsed", "cancelled")  # nobody was written to, or nobody waits for an answer
LEFT = ("done", "unknown")  # letters that went, or may have gone


class Reply(Base):
    """One incoming e-mail of somebody who was asked. `proposed`: the score we read in it, for a person to confirm."""

    __tablename__ = "replies"
    __table_args__ = (
        UniqueConstraint("portal_id", "activity_id"),
        Index("ix_replies_open", "portal_id", "status", "id"),
        Index("ix_replies_invitation", "invitation_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    activity_id: Mapped[int] = mapped_column(Integer)
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    contact_id: Mapped[int | None] = mapped_column(Integer)
    client_kind: Mapped[str] = mapped_column(String(8), default="")
    client_id: Mapped[int | None] = mapped_column(Integer)
    from_address: Mapped[str] = mapped_column(String(255), default="")
    subject: Mapped[str] = mapped_column(String(300), default="")
    words: Mapped[str] = mapped_column(Text, default="")  # without the quoted letter
    kind: Mapped[str] = mapped_column(
        String(16), default="reply"
    )  # reply | absence | bounce | complaint | refusal
    proposed: Mapped[int | None] = mapped_column(Integer)  # 0..10
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    status: Mapped[str] = mapped_column(
        String(16), default="new"
    )  # new | noted (nothing to decide) | recorded | refused | opted_out | returned | dismissed
    settled_by: Mapped[str] = mapped_column(String(200), default="")
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    response_id: Mapped[int | None] = mapped_column(Integer)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody who was asked, in a wave that is still listened to."""

    invitation: Invitation
    line: WaveClient
    wave: Wave


@dataclass(frozen=True, slots=True)
class Shown:
    """A reply with whose it is; `score`: an answer that counts already."""

    reply: Reply
    person: str
    outcome: str
    line: WaveClient | None
    wave_id: int | None
    wave: str
    stage: str
    score: int | None
    letter: str  # the subject of the last letter that had left before
    preliminary: bool  # the survey is closed, its result may still change


def listened_to(session: Session, portal_id: int, closed_after: datetime) -> list[Wave]:
    """Waves whose letters people may be answering: running ones, and those closed since a moment, youngest first."""
    statement = select(Wave).where(Wave.portal_id == portal_id, _listens(closed_after))
    return list(session.scalars(statement.order_by(Wave.id.desc())))


def anybody_listens(session: Session, portal_id: int, closed_after: datetime) -> bool:
    """Whether there is such a wave."""
    return bool(session.scalar(select(exists().where(Wave.portal_id == portal_id, _listens(closed_after)))))


def _listens(closed_after: datetime) -> ColumnElement[bool]:
    running = Wave.stage.not_in((*QUIET_STAGES, "closed"))
    lately = and_(Wave.stage == "closed", Wave.closed_at > closed_after, Wave.origin != "import")
    return or_(running, lately)


def mark(session: Session, portal_id: int) -> tuple[int, datetime | None]:
    """Up to which activity the portal's mail has been read, and when it was last looked at."""
    row = session.get(Watermark, (portal_id, MAIL), populate_existing=True)
    return (row.last_id, row.updated_at) if row is not None else (0, None)


def set_mark(session: Session, portal_id: int, last_id: int, now: datetime) -> None:
    """Note up to where the mail has been read; never backwards."""
    row = {"portal_id": portal_id, "kind": MAIL, "updated_at": now, "last_id": last_id}
    upsert(session, Watermark, [row], newer="last_id")


def addressees(
    session: Session, portal_id: int, waves: Collection[int], addresses: Collection[str], contacts: Collection[int]
) -> list[Addressee]:  # fmt: skip
    """Whom we asked in these waves at one of these addresses (normalised) or behind one of these cards: the youngest
    wave first, in it those without an outcome."""
    if not waves or not (addresses or contacts):
        return []
    statement = (
        select(Invitation, WaveClient, Wave)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .join(Wave, Wave.id == Invitation.wave_id)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.wave_id.in_(sorted(waves)),
            or_(Invitation.address.in_(sorted(addresses)), Invitation.contact_id.in_(sorted(contacts))),
        )
        .order_by(Wave.id.desc(), Invitation.outcome != "", Invitation.id)
    )
    return [Addressee(*row) for row in session.execute(statement)]


def letters_to(session: Session, portal_id: int, invitations: Collection[int]) -> dict[int, list[LetterRow]]:
    """The letters of these invitations that went, or may have gone, oldest first."""
    statement = (
        select(LetterRow)
        .where(
            LetterRow.portal_id == portal_id, LetterRow.invitation_id.in_(sorted(invitations)),
            LetterRow.status.in_(LEFT), LetterRow.handed_at.is_not(None),
        )
        .order_by(LetterRow.handed_at, LetterRow.id)
    )  # fmt: skip
    found: dict[int, list[LetterRow]] = {}
    for row in session.scalars(statement) if invitations else ():
        found.setdefault(row.invitation_id or 0, []).append(row)
    return found


def known(session: Session, portal_id: int, activities: Collection[int]) -> set[int]:
    """Which of these e-mails have been read before."""
    statement = select(Reply.activity_id).where(
        Reply.portal_id == portal_id, Reply.activity_id.in_(sorted(activities))
    )
    return set(session.scalars(statement)) if activities else set()


def put(session: Session, portal_id: int, activity_id: int, whose: Addressee, **columns: Any) -> int | None:
    """Keep a reply of somebody who was asked; nothing if this e-mail was kept before."""
    insert = insert_for(session)(Reply).values(
        portal_id=portal_id, activity_id=activity_id, invitation_id=whose.invitation.id,
        contact_id=whose.invitation.contact_id, client_kind=whose.line.client_kind, client_id=whose.line.client_id,
        settled_by="", **columns,
    )  # fmt: skip
    statement = insert.on_conflict_do_nothing(index_elements=["portal_id", "activity_id"]).returning(Reply.id)
    return cast("int | None", session.execute(statement).scalar_one_or_none())


def waits(session: Session, portal_id: int, invitation_id: int, kind: str) -> bool:
    """Whether an e-mail of this kind about this invitation waits for a decision."""
    mine = Reply.portal_id == portal_id, Reply.invitation_id == invitation_id
    return bool(session.scalar(select(exists().where(*mine, Reply.kind == kind, Reply.status == "new"))))


def note_bounce(session: Session, portal_id: int, letter_id: int, at: datetime) -> None:
    """A letter that had been taken came back."""
    statement = update(LetterRow).where(
        LetterRow.portal_id == portal_id, LetterRow.id == letter_id, LetterRow.bounced_at.is_(None)
    )
    session.execute(statement.values(bounced_at=at).execution_options(synchronize_session=False))


def reply(session: Session, portal_id: int, reply_id: int, *, lock: bool = False) -> Reply | None:
    """One reply; `lock` holds it until the end of the transaction."""
    statement = select(Reply).where(Reply.portal_id == portal_id, Reply.id == reply_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def settle(
    session: Session, portal_id: int, reply_id: int, status: str, who: str, now: datetime, *, was: Collection[str],
    response_id: int | None = None,
) -> bool:  # fmt: skip
    """Say what came of a reply. False: it is in none of the states `was` (any more)."""
    statement = (
        update(Reply)
        .where(Reply.portal_id == portal_id, Reply.id == reply_id, Reply.status.in_(sorted(was)))
        .values(
            status=status, settled_by=who[:200], settled_at=None if status == "new" else now,
            response_id=response_id,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def count(session: Session, portal_id: int, scope: Scope, *, new: bool, wave_id: int | None = None) -> int:
    """How many replies of the clients in `scope` wait (`new`), or there are at all."""
    statement = select(func.count(Reply.id)).select_from(Reply)
    statement = _of(statement, portal_id, scope, new, wave_id)
    return int(session.scalar(statement) or 0)


def listed(
    session: Session, portal_id: int, scope: Scope, *, new: bool, wave_id: int | None = None, skip: int = 0,
    limit: int = 20,
) -> list[Shown]:  # fmt: skip
    """Replies of the clients in `scope`: those that wait, or all; the youngest first."""
    statement = _of(_shown(), portal_id, scope, new, wave_id)
    statement = statement.order_by(Reply.received_at.desc(), Reply.id.desc()).offset(skip).limit(limit)
    return [_as_shown(row) for row in session.execute(statement)]


def shown(session: Session, portal_id: int, reply_id: int) -> Shown | None:
    """One reply with whose it is."""
    statement = _shown().where(Reply.portal_id == portal_id, Reply.id == reply_id)
    statement = statement.outerjoin(Invitation, _mine()).outerjoin(
        WaveClient, WaveClient.id == Invitation.wave_client_id
    )
    row = session.execute(_further(statement)).one_or_none()
    return _as_shown(row) if row is not None else None


def of_invitations(session: Session, portal_id: int, invitations: Collection[int]) -> list[Reply]:
    """The replies of these people, oldest first."""
    statement = select(Reply).where(
        Reply.portal_id == portal_id, Reply.invitation_id.in_(sorted(invitations))
    )
    return list(session.scalars(statement.order_by(Reply.received_at, Reply.id))) if invitations else []


def _shown() -> Any:
    letter = (
        select(LetterRow.subject)
        .where(
            LetterRow.portal_id == Reply.portal_id, LetterRow.invitation_id == Reply.invitation_id,
            LetterRow.status.in_(LEFT), LetterRow.handed_at <= Reply.received_at,
        )
        .order_by(LetterRow.handed_at.desc(), LetterRow.id.desc())
        .limit(1)
        .correlate(Reply)
        .scalar_subquery()
    )  # fmt: skip
    return select(
        Reply, Invitation.name, Invitation.outcome, WaveClient, Wave.id, Wave.name, Wave.stage, Response.score,
        letter, Wave.closed_at.is_not(None) & Wave.result_frozen_at.is_(None),
    ).select_from(Reply)  # fmt: skip


def _of(statement: Any, portal_id: int, scope: Scope, new: bool, wave_id: int | None) -> Any:
    statement = statement.where(Reply.portal_id == portal_id)
    if new:
        statement = statement.where(Reply.status == "new")
    if wave_id is not None:
        statement = statement.where(Invitation.wave_id == wave_id)
    statement = statement.outerjoin(Invitation, _mine()).outerjoin(
        WaveClient, WaveClient.id == Invitation.wave_client_id
    )
    return _further(statement.where(within(scope)))


def _further(statement: Any) -> Any:
    answer = (
        (Response.portal_id == Reply.portal_id)
        & (Response.invitation_id == Reply.invitation_id)
        & (Response.status == "counted")
    )
    return statement.outerjoin(Wave, Wave.id == Invitation.wave_id).outerjoin(Response, answer)


def _mine() -> ColumnElement[bool]:
    return (Invitation.portal_id == Reply.portal_id) & (Invitation.id == Reply.invitation_id)


def _as_shown(row: Any) -> Shown:
    reply_row, person, outcome, line, wave_id, wave, stage, score, letter, preliminary = row
    return Shown(
        reply_row, person or "", outcome or "", line, wave_id, wave or "", stage or "", score, letter or "",
        bool(preliminary),
    )  # fmt: skip

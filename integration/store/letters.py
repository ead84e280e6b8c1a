"""Letters as finished text: what is stored is what was sent (architecture.md 2)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    JSON,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.letters import THANKS_LETTERS
from integration.store.base import Base, UTCDateTime
from integration.store.queue import OPEN, Claimable

PORTAL_MARK = "X-Portal-Mark"  # header of a letter that was given to the portal's mail (`letter_marks`)
STUCK = "status IN ('buried', 'unknown')"  # literal, so that both databases match it to the partial index


class LetterRow(Claimable, Base):
    """One letter to one address. Lane: the address, so that a person's letters keep their order.

    Statuses beside the queue's own: `unknown` — the process died between the hand-over to the mail
    server and the record of it; shown to people, never sent again by itself. `handed_at` is committed
    before the hand-over starts. `cancelled` — overtaken before it left.
    """

    __tablename__ = "letters"
    __table_args__ = (
        *Claimable.indexes("letters"),
        UniqueConstraint("portal_id", "key"),
        UniqueConstraint("message_id"),
        Index("ix_letters_invitation", "invitation_id"),
        Index("ix_letters_pace", "portal_id", "sender_address", "handed_at"),
        Index("ix_letters_person", "portal_id", "lane", "handed_at"),  # when somebody was last written to
        # All that a page counts letters by, since their texts make each row large.
        Index(
            "ix_letters_wave",
            "portal_id",
            "wave_id",
            "status",
            "invitation_id",
            "handed_at",
            "planned_for",
            "bounced_at",
        ),
        Index("ix_letters_stuck", "portal_id", sqlite_where=text(STUCK), postgresql_where=text(STUCK)),
    )

    key: Mapped[str] = mapped_column(String(200))  # "<kind>:<invitation>"; makes queueing idempotent
    kind: Mapped[str] = mapped_column(
        String(32)
    )  # announcement | invitation | reminder_1 | reminder_2 | test …
    wave_id: Mapped[int | None] = mapped_column(ForeignKey("waves.id", ondelete="SET NULL"))
    invitation_id: Mapped[int | None] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(String(8), default="")
    wording: Mapped[str] = mapped_column(
        String(64), default="", server_default=""
    )  # which words it carries (W13), e.g. agency/invitation/ru/3
    sender_key: Mapped[str] = mapped_column(String(64), default="")
    sender_name: Mapped[str] = mapped_column(String(200))
    sender_address: Mapped[str] = mapped_column(String(255))
    recipient_name: Mapped[str] = mapped_column(String(200), default="")
    recipient_address: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(500))
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    headers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    message_id: Mapped[str] = mapped_column(String(255))
    handed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    planned_for: Mapped[datetime | None] = mapped_column(UTCDateTime)  # later than due: it went late
    expires_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime
    )  # useless afterwards: cancelled, not sent
    way: Mapped[str] = mapped_column(
        String(8), default="", server_default=""
    )  # operator | own | portal; chosen when it is handed over (W19)
    activity_id: Mapped[int | None] = mapped_column(Integer)  # the e-mail in the portal's timeline
    bounced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # taken, and returned later


def settle_unknown(session: Session, now: datetime) -> int:
    """Set letters aside whose worker died during the hand-over: they may have gone. How many there were."""
    statement = (
        update(LetterRow)
        .where(LetterRow.status == "working", LetterRow.lease_until < now, LetterRow.handed_at.is_not(None))
        .values(status="unknown", finished_at=now, lease_until=None, error="interrupted")
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def anything_due(session: Session, now: datetime) -> bool:
    """Whether any letter is due, or was left behind by a worker that died."""
    waiting = (LetterRow.status == "waiting") & (LetterRow.due_at <= now)
    left = (LetterRow.status == "working") & (LetterRow.lease_until < now)
    statement = select(LetterRow.id).where(text(OPEN), waiting | left).limit(1)
    return session.execute(statement).first() is not None


def hand_over(session: Session, row: LetterRow, now: datetime, lease: timedelta, way: str = "") -> bool:
    """Note that a claimed letter is being handed over now, and how. False: the lease was lost, hands off."""
    given = {**_fence(row), "to_handed": now, "to_lease": now + lease, "to_way": way}
    return session.connection().execute(_HAND_OVER, given).rowcount == 1


def pass_on(
    session: Session, before: LetterRow | None, row: LetterRow, now: datetime, lease: timedelta, way: str
) -> bool:
    """`sent` for the letter before, if there was one, and `hand_over` for this one, in one statement."""
    if before is None:
        return hand_over(session, row, now, lease, way)
    given = {
        **_fence(row), "of_before": before.id, "of_tries": before.attempts, "to_now": now, "to_lease": now + lease,
        "to_way": way,
    }  # fmt: skip
    return row.id in session.connection().execute(_PASS_ON, given).scalars().all()


def sent(session: Session, row: LetterRow, now: datetime) -> bool:
    """Record that a letter was taken. False: the lease was lost."""
    return session.connection().execute(_SENT, {**_fence(row), "to_now": now}).rowcount == 1


def _fence(row: LetterRow) -> dict[str, Any]:
    return {"of_id": row.id, "of_owner": row.owner, "of_attempts": row.attempts}


# Written once, since these two go with every letter (benchmarks/sending.py).
_ROW: Table = cast("Table", LetterRow.__table__)
_MINE = (
    (_ROW.c.id == bindparam("of_id"))
    & (_ROW.c.status == "working")
    & (_ROW.c.owner == bindparam("of_owner"))
    & (_ROW.c.attempts == bindparam("of_attempts"))
)
_HAND_OVER = (
    update(_ROW)
    .where(_MINE, _ROW.c.handed_at.is_(None))
    .values(
        handed_at=bindparam("to_handed"),
        lease_until=bindparam("to_lease", type_=UTCDateTime),
        way=bindparam("to_way"),
    )
)
_LAST = _ROW.c.id == bindparam("of_before")
_PASS_ON = (
    update(_ROW)
    .where(
        _ROW.c.id.in_([bindparam("of_id"), bindparam("of_before")]),
        _ROW.c.status == "working",
        _ROW.c.owner == bindparam("of_owner"),
        or_(
            and_(_LAST, _ROW.c.attempts == bindparam("of_tries")),
            and_(~_LAST, _ROW.c.attempts == bindparam("of_attempts"), _ROW.c.handed_at.is_(None)),
        ),
    )
    .values(
        status=case((_LAST, "done"), else_=_ROW.c.status),
        finished_at=case((_LAST, bindparam("to_now", type_=UTCDateTime)), else_=_ROW.c.finished_at),
        sent_at=case((_LAST, bindparam("to_now", type_=UTCDateTime)), else_=_ROW.c.sent_at),
        error=case((_LAST, ""), else_=_ROW.c.error),
        lease_until=case((_LAST, null()), else_=bindparam("to_lease", type_=UTCDateTime)),
        handed_at=case((_LAST, _ROW.c.handed_at), else_=bindparam("to_now", type_=UTCDateTime)),
        way=case((_LAST, _ROW.c.way), else_=bindparam("to_way")),
    )
    .returning(_ROW.c.id)
)
_SENT = (
    update(_ROW)
    .where(_MINE)
    .values(
        status="done",
        finished_at=bindparam("to_now", type_=UTCDateTime),
        sent_at=bindparam("to_now", type_=UTCDateTime),
        lease_until=None,
        error="",
    )
)


def last_handed(
    session: Session, portal_id: int, address: str, kinds: Collection[str], since: datetime
) -> datetime | None:
    """When the last letter of these kinds went, or may have gone, to an address; nothing before `since`."""
    statement = select(func.max(LetterRow.handed_at)).where(
        LetterRow.portal_id == portal_id,
        LetterRow.lane == lane_of(address),
        LetterRow.kind.in_(kinds),
        LetterRow.status.in_(("done", "unknown")),
        LetterRow.handed_at > since,
    )
    return session.execute(statement).scalar_one_or_none()


def handed_since(session: Session, portal_id: int, sender_address: str, since: datetime) -> int:
    """How many letters a mailbox has sent since a moment (product.md W19)."""
    statement = select(func.count()).where(
        LetterRow.portal_id == portal_id,
        LetterRow.sender_address == sender_address,
        LetterRow.handed_at > since,
    )
    return session.execute(statement).scalar_one()


def threads(session: Session, portal_id: int, invitation_ids: Collection[int]) -> dict[int, list[str]]:
    """Message ids of the letters of these invitations that were not taken back, oldest first."""
    statement = (
        select(LetterRow.invitation_id, LetterRow.message_id)
        .where(LetterRow.portal_id == portal_id, LetterRow.invitation_id.in_(invitation_ids))
        .where(LetterRow.status.not_in(("cancelled", "buried")))
        .order_by(LetterRow.id)
    )
    found: dict[int, list[str]] = {}
    for invitation, message in session.execute(statement):
        if invitation is not None:
            found.setdefault(invitation, []).append(message)
    return found


def question_wording(session: Session, portal_id: int, invitation_id: int, kinds: Collection[str]) -> str:
    """Which words the last question to a respondent carried, if it went; else empty (product.md W13)."""
    statement = (
        select(LetterRow.wording)
        .where(
            LetterRow.portal_id == portal_id,
            LetterRow.invitation_id == invitation_id,
            LetterRow.kind.in_(kinds),
            LetterRow.status.in_(("done", "unknown")),
        )
        .order_by(LetterRow.handed_at.desc(), LetterRow.id.desc())
        .limit(1)
    )
    return session.scalar(statement) or ""


def tests_since(session: Session, portal_id: int, since: datetime) -> int:
    """How many test letters were ordered since a moment, whatever became of them."""
    statement = select(func.count()).where(
        LetterRow.portal_id == portal_id, LetterRow.kind == "test", LetterRow.created_at > since
    )
    return session.execute(statement).scalar_one()


def letter(session: Session, portal_id: int, letter_id: int, *, lock: bool = False) -> LetterRow | None:
    """One letter of a portal; `lock` holds it until the end of the transaction."""
    statement = select(LetterRow).where(LetterRow.portal_id == portal_id, LetterRow.id == letter_id)
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def by_key(session: Session, portal_id: int, key: str) -> LetterRow | None:
    """The letter queued under a key."""
    return session.scalars(
        select(LetterRow).where(LetterRow.portal_id == portal_id, LetterRow.key == key)
    ).first()


def with_link(session: Session, portal_id: int, invitation_id: int) -> list[LetterRow]:
    """Letters of an invitation that nobody has begun to hand over, oldest first: those that wait, and those that were
    cancelled because its link had been ended."""
    waits = LetterRow.status.in_(("waiting", "working"))
    ended = (LetterRow.status == "cancelled") & (LetterRow.error == "revoked")
    statement = select(LetterRow).where(
        LetterRow.portal_id == portal_id,
        LetterRow.invitation_id == invitation_id,
        waits | ended,
        LetterRow.handed_at.is_(None),
    )
    return list(session.scalars(statement.order_by(LetterRow.id)))


def take_back(session: Session, portal_id: int, letter_id: int, now: datetime, *, why: str) -> bool:
    """Take back a letter that nobody has begun to hand over, and free its key for another one; False: too late.

    One conditional update: a worker that holds the letter finds its lease gone (`hand_over`).
    """
    statement = (
        update(LetterRow)
        .where(
            LetterRow.portal_id == portal_id,
            LetterRow.id == letter_id,
            LetterRow.status.in_(("waiting", "working", "cancelled")),
            LetterRow.handed_at.is_(None),
            LetterRow.headers[PORTAL_MARK].as_string().is_(None),  # given to the portal, which may have sent it
        )
        .values(
            status="cancelled", finished_at=now, lease_until=None, error=why,
            key=LetterRow.key + f":{letter_id}",
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def thanked(session: Session, portal_id: int, wave_id: int, address: str) -> bool:
    """Whether thanks for an answer of this wave went to an address, or wait to go (product.md F1)."""
    statement = select(LetterRow.id).where(
        LetterRow.portal_id == portal_id,
        LetterRow.lane == lane_of(address),
        LetterRow.wave_id == wave_id,
        LetterRow.kind.in_(THANKS_LETTERS),
        LetterRow.status != "cancelled",
    )
    return session.execute(statement.limit(1)).first() is not None


def unfinished(session: Session, portal_id: int, limit: int) -> list[LetterRow]:
    """Letters that are neither sent nor taken back: doubtful, given up, waiting, in this order."""
    rank = case({"unknown": 0, "buried": 1}, value=LetterRow.status, else_=2)
    statement = select(LetterRow).where(
        LetterRow.portal_id == portal_id, LetterRow.status.in_(("unknown", "buried", "waiting", "working"))
    )
    return list(session.scalars(statement.order_by(rank, LetterRow.due_at, LetterRow.id).limit(limit)))


def lane_of(address: str) -> str:
    """The lane of an address: a person's letters go one after the other."""
    return address.strip().lower()[:120]

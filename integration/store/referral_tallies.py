"""How many clients each referrer brought, as last ordered to be written to its card (interface.md 5)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Integer, String, func, literal, select, union_all
from sqlalchemy.orm import Mapped, Session, mapped_column

from integration.nps.people import CardKey
from integration.store.base import Base, UTCDateTime
from integration.store.referral_rows import Referral
from integration.store.referrals import key_of

CLIENTS = ("company", "contact")  # newcomers that are clients; a lead or a lone deal is none yet


class ReferralTally(Base):
    """The number that was last ordered for the field of one company or contact, and how many orders there were."""

    __tablename__ = "referral_tallies"

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    card_kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    card_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    brought: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)
    written_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Difference(NamedTuple):
    """A referrer whose number on the card is not the true one (any more)."""

    card: CardKey
    brought: int


def differences(session: Session, portal_id: int, limit: int) -> list[Difference]:
    """Referrers whose number changed since it was last ordered, by kind and id; one that is known to be 0 and was
    never written is none."""
    true = (
        select(
            Referral.referrer_kind.label("kind"), Referral.referrer_id.label("number"),
            func.count().label("brought"), literal(0).label("written"),
        )
        .where(
            Referral.portal_id == portal_id, Referral.problem == "", Referral.referrer_id > 0,
            Referral.newcomer_kind.in_(CLIENTS),
        )
        .group_by(Referral.referrer_kind, Referral.referrer_id)
    )  # fmt: skip
    written = select(ReferralTally.card_kind, ReferralTally.card_id, literal(0), ReferralTally.brought).where(
        ReferralTally.portal_id == portal_id
    )
    both = union_all(true, written).subquery()
    brought = func.sum(both.c.brought)
    statement = (
        select(both.c.kind, both.c.number, brought)
        .group_by(both.c.kind, both.c.number)
        .having(brought != func.sum(both.c.written))
        .order_by(both.c.kind, both.c.number)
        .limit(limit)
    )
    return [Difference(key_of(kind, number), int(many)) for kind, number, many in session.execute(statement)]


def keep(session: Session, portal_id: int, found: Difference, now: datetime) -> int:
    """Note a number as ordered; which order of this card it is, from 1."""
    row = session.get(ReferralTally, (portal_id, found.card.kind, found.card.id))
    if row is None:
        row = ReferralTally(portal_id=portal_id, card_kind=found.card.kind, card_id=found.card.id, count=0)
        session.add(row)
    row.brought, row.count, row.written_at = found.brought, row.count + 1, now
    session.flush()
    return row.count

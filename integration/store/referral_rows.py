"""Who recommended whom as rows: one per newcomer, the claims behind it, what was said and done about it (product.md R).

All of it but people's decisions, the ladder's days and rewards can be made anew from the mirror (ADR 0010). The
tables name cards by kind and number and hold no names, addresses or texts of clients.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from integration.store.base import Base, UTCDateTime

STANDS = "problem = '' AND referrer_id > 0"  # a referral of the tree
REFUSED = "problem <> ''"
WAITING = "status = 'open'"  # somebody is still to be thanked


class Referral(Base):
    """How one newcomer came. The newcomer is a company, else a contact, else its deal, else its lead: the row moves on
    with the conversion and keeps its number.

    `named_*` is the card people named; `referrer_*` the client that stands for it now: the company of a contact
    person, the survivor of a merge; empty and 0 where nobody is named. Only rows with a referrer and without
    `problem` belong to the tree. `problem`: self_referral | own_contact | same_person | cycle (`chain`: client
    keys from the claimed referrer on) | removed.

    `source`: code of the counted claim. `claimed_on`: its day in the portal's calendar. `via_*`: the card it stands
    on. `rivals`: how many other cards say otherwise. `settled_by`: rule | person (with `settled_who`, `settled_note`,
    `settled_at`). `checked`: the binding (`CO_5`) whose addresses were compared with the newcomer's; `same`: email |
    phone, what both have.

    The ladder (R5): `deal_id` the deal it goes by; `step`: named | introduced | in_talks | won | paid | year; `steps`:
    step -> ISO day reached; `lost_on`: the portal day on which nothing was left of it, none while it may still come to
    something; `told`: the referrer and the step that the last note spoke of (`company:5 won`).
    The reward: `reward`: "" not said | promised | given | none, with who and when.
    """

    __tablename__ = "referrals"
    __table_args__ = (
        UniqueConstraint("portal_id", "newcomer_kind", "newcomer_id"),
        Index("ix_referrals_referrer", "portal_id", "referrer_kind", "referrer_id"),
        Index("ix_referrals_named", "portal_id", "named_kind", "named_id"),
        Index(
            "ix_referrals_refused", "portal_id", sqlite_where=text(REFUSED), postgresql_where=text(REFUSED)
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    newcomer_kind: Mapped[str] = mapped_column(String(8))  # company | contact | deal | lead
    newcomer_id: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(40), default="")
    named_kind: Mapped[str] = mapped_column(String(8), default="")  # company | contact | ""
    named_id: Mapped[int] = mapped_column(Integer, default=0)
    referrer_kind: Mapped[str] = mapped_column(String(8), default="")
    referrer_id: Mapped[int] = mapped_column(Integer, default=0)
    claimed_on: Mapped[date | None] = mapped_column(Date)
    via_kind: Mapped[str] = mapped_column(String(8), default="")
    via_id: Mapped[int] = mapped_column(Integer, default=0)
    rivals: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str] = mapped_column(String(16), default="")
    chain: Mapped[list[str]] = mapped_column(JSON, default=list)
    checked: Mapped[str] = mapped_column(String(32), default="")
    same: Mapped[str] = mapped_column(String(8), default="")
    settled_by: Mapped[str] = mapped_column(String(8), default="rule")
    settled_who: Mapped[str] = mapped_column(String(200), default="")
    settled_note: Mapped[str] = mapped_column(String(500), default="")
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deal_id: Mapped[int | None] = mapped_column(Integer)
    step: Mapped[str] = mapped_column(String(16), default="")
    steps: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    lost_on: Mapped[date | None] = mapped_column(Date)
    told: Mapped[str] = mapped_column(String(40), default="", server_default="")
    reward: Mapped[str] = mapped_column(String(16), default="")
    reward_who: Mapped[str] = mapped_column(String(200), default="")
    reward_note: Mapped[str] = mapped_column(String(500), default="")
    reward_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    found_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ReferralClaim(Base):
    """What people say on one card of a newcomer, as seen last; what Molva itself carried there is no claim.

    `claimed_on`: the day on the card, else the day the claim was first seen here; it stays while source and referrer
    stay.
    """

    __tablename__ = "referral_claims"
    __table_args__ = (Index("ix_referral_claims_newcomer", "portal_id", "newcomer_kind", "newcomer_id"),)

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    card_kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    card_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    newcomer_kind: Mapped[str] = mapped_column(String(8))
    newcomer_id: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(40), default="")
    referrer_kind: Mapped[str] = mapped_column(String(8), default="")
    referrer_id: Mapped[int] = mapped_column(Integer, default=0)
    claimed_on: Mapped[date] = mapped_column(Date)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ReferralMark(Base):
    """What Molva itself last put on a card: a field that still says the same is ours, any other is a person's (B5).

    `wrote`: source (code), referrer (`CO_5`), day (ISO), source_id. What a person enters in the tab is not noted here:
    it is that person's. `via_*`: the card the entry was carried from; `count`: writes so far.
    """

    __tablename__ = "referral_marks"
    __table_args__ = (Index("ix_referral_marks_via", "portal_id", "via_kind", "via_id"),)

    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    card_kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    card_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    via_kind: Mapped[str] = mapped_column(String(8), default="")
    via_id: Mapped[int] = mapped_column(Integer, default=0)
    wrote: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    count: Mapped[int] = mapped_column(Integer, default=0)
    written_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ReferralReminder(Base):
    """A source that should name somebody: the manager is reminded once in a newcomer's life, and never again (R3).

    `state`: waiting (until `due_at`) | made (an activity is ordered or stands, `activity_id` once known) | filled
    (somebody was named; the activity, if there was one, is completed) | dropped (no longer wanted before it was made).
    """

    __tablename__ = "referral_reminders"
    __table_args__ = (
        UniqueConstraint("portal_id", "card_kind", "card_id"),
        Index("ix_referral_reminders_newcomer", "portal_id", "newcomer_kind", "newcomer_id"),
        Index("ix_referral_reminders_due", "portal_id", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    card_kind: Mapped[str] = mapped_column(String(8))  # where the activity stands
    card_id: Mapped[int] = mapped_column(Integer)
    newcomer_kind: Mapped[str] = mapped_column(String(8))
    newcomer_id: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    manager_id: Mapped[int | None] = mapped_column(Integer)
    activity_id: Mapped[int | None] = mapped_column(Integer)
    made_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ReferralThanks(Base):
    """One occasion to thank whoever recommended a newcomer: a step of the ladder that was reached (R5).

    `status`: open (`task_id` once the portal has made the task; `owner_id` none while nobody at work could do it)
    | thanked (`thanked_by`: "" the task was finished, else a person, with `thanked_at` and `note`) | past (reached long
    before it became known: nobody is asked) | cancelled (it does not stand any more, or the task was deleted).
    `since`: the portal day on which the step was reached.
    """

    __tablename__ = "referral_thanks"
    __table_args__ = (
        UniqueConstraint(
            "portal_id", "referral_id", "step", "referrer_kind", "referrer_id",
            name="uq_referral_thanks_occasion",
        ),
        Index("ix_referral_thanks_task", "portal_id", "task_id"),
        Index(
            "ix_referral_thanks_waiting", "portal_id", "since", "id",
            sqlite_where=text(WAITING), postgresql_where=text(WAITING),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    referral_id: Mapped[int] = mapped_column(Integer)
    step: Mapped[str] = mapped_column(String(16))
    referrer_kind: Mapped[str] = mapped_column(String(8))
    referrer_id: Mapped[int] = mapped_column(Integer)
    since: Mapped[date] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(16), default="open")
    owner_id: Mapped[int | None] = mapped_column(Integer)
    deadline: Mapped[datetime | None] = mapped_column(UTCDateTime)
    task_id: Mapped[int | None] = mapped_column(Integer)
    thanked_by: Mapped[str] = mapped_column(String(200), default="")
    thanked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ReferralAct(Base):
    """One line of a newcomer's referral history, never changed.

    `what`: claimed | refused | accepted | named | cleared | overruled | withdrawn | moved | merged | removed |
    reminded | step | asked | thanked | reward | noted. `detail` as JSON: codes, card keys and days, no client's words.
    """

    __tablename__ = "referral_acts"
    __table_args__ = (Index("ix_referral_acts_referral", "portal_id", "referral_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    referral_id: Mapped[int] = mapped_column(Integer)
    what: Mapped[str] = mapped_column(String(16))
    who: Mapped[str] = mapped_column(String(200), default="")  # empty: by rule
    note: Mapped[str] = mapped_column(String(500), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class CardMove(Base):
    """A deal or contact was seen to leave a company or person: the trace by which a merged card is followed (R4)."""

    __tablename__ = "card_moves"
    __table_args__ = (
        Index("ix_card_moves_from", "portal_id", "from_kind", "from_id"),
        Index("ix_card_moves_card", "portal_id", "card_kind", "card_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portals.id", ondelete="CASCADE"))
    card_kind: Mapped[str] = mapped_column(String(8))  # deal | contact
    card_id: Mapped[int] = mapped_column(Integer)
    from_kind: Mapped[str] = mapped_column(String(8))  # company | contact
    from_id: Mapped[int] = mapped_column(Integer)
    to_id: Mapped[int] = mapped_column(Integer)  # of the same kind as from_kind; 0: nowhere
    at: Mapped[datetime] = mapped_column(UTCDateTime)

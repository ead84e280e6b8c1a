"""Who waits to be called, and in whose hands a client is (product.md W7, W8, W10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    bindparam,
    case,
    delete,
    exists,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from integration.nps.call_results import EARLY
from integration.store.attempts import CallLease
from integration.store.base import UTCDateTime
from integration.store.portals import Portal
from integration.store.upsert import insert_for
from integration.store.waves import Invitation, Wave, WaveClient

# After calling itself only what was promised is called for, and who has no e-mail.
CALLING = ("calling", "mailing", "reminders")


@dataclass(frozen=True, slots=True)
class Next:
    """The next moment somebody is to be called, with the place; `count`: how many at that moment."""

    at: datetime
    zone: str
    city: str
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """People of the surveys that are called for: see `services.calling.types.Waiting`. `stale`: those of `later` whose
    slot is over; `promise`, `opening`: the next call-back that was promised, and the next call of any kind."""

    now: int = 0
    promised: int = 0
    later: int = 0
    held: int = 0
    own: int = 0
    stale: int = 0
    promise: Next | None = None
    opening: Next | None = None


def waves(session: Session, portal_id: int, wave_id: int | None = None) -> list[Wave]:
    """Surveys of a portal in which people may be called now, the one asked about or all; oldest first."""
    statement = select(Wave).where(
        Wave.portal_id == portal_id, Wave.kind == "yearly", Wave.approved_by != "", Wave.stage.in_(CALLING)
    )
    if wave_id is not None:
        statement = statement.where(Wave.id == wave_id)
    return list(session.scalars(statement.order_by(Wave.id)))


def candidates(
    session: Session,
    portal_id: int,
    wave_ids: Collection[int],
    now: datetime,
    *,
    holder: str,
    skip: int = 0,
    passed: Collection[int] = (),
    limit: int = 20,
) -> list[Invitation]:
    """Who may be called next by this caller, in the order of the desk; what is due is still to be checked by the rule.

    Promised call-backs first, by their minute, unless the rule has put them off (a hold, the evening); then fewest
    attempts, then longest due. Nobody whose client is in somebody else's hands, none of line `skip`, nobody already
    `passed`; the caller's own clients are among them.
    """
    soon = now + EARLY
    put_off = Invitation.call_due_at.is_not(None) & (Invitation.call_due_at > soon)
    promised = Invitation.promised_at.is_not(None) & (Invitation.promised_at <= soon) & ~put_off
    statement = _waiting(portal_id, wave_ids).where(
        or_(promised, Invitation.call_due_at <= now),
        ~_held(now, holder),
        Invitation.wave_client_id != skip,
        Invitation.id.not_in(passed),
    )
    at = case((promised, Invitation.promised_at), else_=literal(now, UTCDateTime))
    first = case((promised, 0), else_=1)
    statement = statement.order_by(first, at, Invitation.attempts, Invitation.call_due_at, Invitation.id)
    return list(session.scalars(statement.limit(limit)))


def counts(
    session: Session,
    portal_id: int,
    wave_ids: Collection[int],
    now: datetime,
    *,
    holder: str,
    own: Collection[int],
) -> Counts:
    """How many wait, by what keeps them, and the next moments. `own`: lines whose client this caller serves."""
    held = set(
        session.scalars(
            select(CallLease.wave_client_id).where(
                CallLease.portal_id == portal_id, CallLease.until > now, CallLease.holder != holder
            )
        )
    )
    columns = _waiting(portal_id, wave_ids).with_only_columns(
        Invitation.wave_client_id, Invitation.call_due_at, Invitation.call_until, Invitation.promised_at,
        Invitation.time_zone, WaveClient.city,
    )  # fmt: skip
    numbers: Counter[str] = Counter()
    promises: list[tuple[datetime, str, str]] = []
    openings: list[tuple[datetime, str, str]] = []
    for line, due, until, promised, zone, city in session.execute(columns.order_by(Invitation.id)):
        what = _kind(due, until, promised, now)
        if what == "now" and line in held:
            what = "held"
        if line in own:
            numbers["own"] += what in ("now", "held")
            continue
        numbers[what] += 1
        if what == "promised" and promised is not None:
            promises.append((promised, zone, city))
        if what in ("promised", "later") and due is not None and due > now:
            openings.append((due, zone, city))
    return Counts(
        now=numbers["now"], promised=numbers["promised"], later=numbers["later"] + numbers["stale"],
        held=numbers["held"], own=numbers["own"], stale=numbers["stale"], promise=_first(promises),
        opening=_first(openings),
    )  # fmt: skip


def _kind(due: datetime | None, until: datetime | None, promised: datetime | None, now: datetime) -> str:
    """`now`, `promised` for later, `stale` (the slot is over), `later`: a call-back that was put off, too."""
    if promised is not None and promised > now + EARLY:
        return "promised"
    if due is None or due > (now if promised is None else now + EARLY):
        return "later"
    return "stale" if until is not None and until <= now else "now"


def _first(found: list[tuple[datetime, str, str]]) -> Next | None:
    if not found:
        return None
    at, zone, city = min(found, key=lambda one: one[0])
    return Next(at, zone, city, sum(one[0] == at for one in found))


def _waiting(portal_id: int, wave_ids: Collection[int]) -> Select[Any]:
    """People who are to be called some time, with their clients."""
    return (
        select(Invitation)
        .join(WaveClient, WaveClient.id == Invitation.wave_client_id)
        .where(
            Invitation.portal_id == portal_id,
            Invitation.wave_id.in_(sorted(wave_ids)),
            Invitation.outcome == "",
            or_(Invitation.call_due_at.is_not(None), Invitation.promised_at.is_not(None)),
        )
    )


def _held(now: datetime, holder: str) -> ColumnElement[bool]:
    return exists().where(
        CallLease.wave_client_id == Invitation.wave_client_id,
        CallLease.until > now,
        CallLease.holder != holder,
    )


def put_off(
    session: Session,
    portal_id: int,
    seen: Mapping[int, datetime | None],
    slots: Mapping[int, tuple[datetime | None, datetime | None]],
    now: datetime,
) -> None:
    """Move people to the slot the rule names (`call_due_at`, `call_until`), unless somebody has changed them since.

    `seen`: `call_due_at` as it was read. Whoever is not to be called any more is looked at by the machine.
    """
    table = Invitation.__table__
    for unknown in (True, False):
        moved = [
            {"n": number, "due": slots[number][0], "until": slots[number][1]}
            | ({} if unknown else {"was": seen[number]})
            for number in sorted(slots)
            if (seen[number] is None) is unknown
        ]
        due, was = bindparam("due", type_=UTCDateTime), bindparam("was", type_=UTCDateTime)
        same = table.c.call_due_at.is_(None) if unknown else table.c.call_due_at == was
        statement = (
            update(table)  # type: ignore[arg-type]
            .where(table.c.portal_id == portal_id, table.c.id == bindparam("n"), table.c.outcome == "", same)
            .values(
                call_due_at=due, call_until=bindparam("until", type_=UTCDateTime),
                due_at=case((due.is_(None), literal(now, UTCDateTime)), else_=table.c.due_at),
            )
        )  # fmt: skip
        if moved:
            session.connection().execute(statement, moved)


def lease_of(session: Session, portal_id: int, holder: str) -> CallLease | None:
    """What a caller holds, or held last and nobody has taken since."""
    statement = select(CallLease).where(CallLease.portal_id == portal_id, CallLease.holder == holder)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def portal_and_lease(session: Session, portal_id: int, holder: str) -> tuple[Portal, CallLease | None] | None:
    """The portal, and `lease_of` one of its callers; nothing if there is no such portal."""
    held = (CallLease.portal_id == Portal.id) & (CallLease.holder == holder)
    statement = select(Portal, CallLease).outerjoin(CallLease, held).where(Portal.id == portal_id)
    row = session.execute(statement.execution_options(populate_existing=True)).one_or_none()
    return (row[0], row[1]) if row is not None else None


def lease_on(session: Session, portal_id: int, line_id: int) -> CallLease | None:
    """Who has a client, or had it last; also when the time is over."""
    statement = select(CallLease).where(CallLease.portal_id == portal_id, CallLease.wave_client_id == line_id)
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def take(session: Session, one: Invitation, now: datetime, until: datetime, **values: str) -> bool:
    """Put the client of this person into somebody's hands (`key`, `holder`, `holder_name`); False: another was first,
    or this caller has got another client at this very moment."""
    statement = (
        insert_for(session)(CallLease)
        .values(
            portal_id=one.portal_id, wave_id=one.wave_id, wave_client_id=one.wave_client_id, invitation_id=one.id,
            taken_at=now, until=until, **values,
        )
        .on_conflict_do_nothing()
        .returning(CallLease.wave_client_id)
    )  # fmt: skip
    if session.execute(statement).scalar_one_or_none() is not None:
        return True
    mine_or_its = or_(
        CallLease.holder == values["holder"], CallLease.wave_client_id == one.wave_client_id
    )  # those that are over stand in the way
    ended = (
        delete(CallLease)
        .where(CallLease.portal_id == one.portal_id, CallLease.until <= now, mine_or_its)
        .execution_options(synchronize_session=False)
    )
    if not cast("CursorResult[Any]", session.execute(ended)).rowcount:
        return False
    return session.execute(statement).scalar_one_or_none() is not None


def keep(session: Session, portal_id: int, holder: str, key: str, until: datetime) -> bool:
    """Keep a client longer; False: it is in somebody else's hands, or was given back."""
    statement = (
        update(CallLease)
        .where(CallLease.portal_id == portal_id, CallLease.holder == holder, CallLease.key == key)
        .values(until=until)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def give_back(session: Session, portal_id: int, holder: str, key: str) -> bool:
    """End what a caller holds under this key; False: nothing is held under it."""
    statement = (
        delete(CallLease)
        .where(CallLease.portal_id == portal_id, CallLease.holder == holder, CallLease.key == key)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1

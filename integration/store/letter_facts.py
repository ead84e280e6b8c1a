"""All that may speak against a letter of a survey, in one statement, read in the transaction that notes its hand-over.

A wave of ten thousand letters asks this ten thousand times, so the statement is written once for each set of stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, String, Table, and_, bindparam, exists, false, func, literal, null, or_, select
from sqlalchemy.orm import Session

from integration.nps.followups import CRITICAL
from integration.store.clients import Company, Contact, Deal, OptOut
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow, lane_of
from integration.store.portals import Portal
from integration.store.wave_cards import OPEN_FOLLOW_UP
from integration.store.waves import Invitation, Wave, WaveClient


class Facts(NamedTuple):
    """What is known of a respondent and the client at this moment. Moments are UTC; `holds`: three days or nothing;
    `gone`: three moments or nothing; `last`: when the person was last written to."""

    status: str
    stage: str
    plan: dict[str, Any]
    outcome: str
    revoked_at: datetime | None
    snoozed_until: datetime | None
    time_zone: str
    client_kind: str
    client_id: int
    manager_id: int | None
    company_hold: date | None
    person_hold: date | None
    client_hold: date | None
    company_gone: datetime | None
    person_gone: datetime | None
    client_gone: datetime | None
    company_chosen: int | None
    company_assigned: int | None
    client_assigned: int | None
    deal_assigned: int | None
    never: bool
    open_case: bool
    in_trouble: bool
    last: datetime | None

    @property
    def hold(self) -> date | None:
        """The latest day that the cards name."""
        days = [day for day in (self.company_hold, self.person_hold, self.client_hold) if day]
        return max(days, default=None)

    @property
    def gone(self) -> bool:
        """Whether a card of the person or of the client is not there any more."""
        return bool(self.company_gone or self.person_gone or self.client_gone)

    @property
    def managers(self) -> frozenset[int]:
        """Who serves the client: by the list, and by the card today, else by the deal."""
        today = (
            self.company_chosen or self.company_assigned
            if self.client_kind == "company"
            else self.client_assigned
        )
        return frozenset(user for user in (self.manager_id, today or self.deal_assigned) if user)


def read(
    session: Session,
    row: LetterRow,
    kinds: Sequence[str],
    stages: Sequence[str],
    address_key: str,
    since: datetime,
) -> Facts | None:
    """What speaks for and against a letter of a wave; nothing if its invitation or its line is not there.

    `kinds`: of the letters that keep a distance, looked for since a moment; `stages`: of deals that mean trouble.
    """
    given = {
        "of_portal": row.portal_id, "of_wave": row.wave_id, "of_invitation": row.invitation_id, "of_key": address_key,
        "of_lane": lane_of(row.recipient_address), "since": since,
    }  # fmt: skip
    statement = _statement(tuple(kinds), tuple(sorted(stages)))
    found = session.connection().execute(statement, given).one_or_none()
    return Facts(*found) if found is not None else None


def _table(kind: Any) -> Table:
    return cast("Table", kind.__table__)


@lru_cache(maxsize=256)
def _statement(kinds: tuple[str, ...], stages: tuple[str, ...]) -> Select[Any]:
    portal, wave, asked, line = map(_table, (Portal, Wave, Invitation, WaveClient))
    company, deal = _table(Company), _table(Deal)
    person, client = _table(Contact).alias("person"), _table(Contact).alias("client")
    number: Any = bindparam("of_portal")

    def of_client(table: Any, kind: str) -> Any:
        mine = (table.c.portal_id == number) & (table.c.id == line.c.client_id)
        return and_(mine, line.c.client_kind == kind)

    joined = (
        asked.join(wave, wave.c.id == bindparam("of_wave"))
        .join(portal, portal.c.id == number)
        .join(line, line.c.id == asked.c.wave_client_id)
        .outerjoin(company, of_client(company, "company"))
        .outerjoin(client, of_client(client, "contact"))
        .outerjoin(person, (person.c.portal_id == number) & (person.c.id == asked.c.contact_id))
        .outerjoin(deal, (deal.c.portal_id == number) & (deal.c.id == line.c.deal_id))
    )
    mine = (
        (asked.c.id == bindparam("of_invitation"))
        & (asked.c.portal_id == number)
        & (wave.c.portal_id == number)
        & (line.c.portal_id == number)
        & (line.c.wave_id == asked.c.wave_id)
    )
    return (
        select(
            portal.c.status, wave.c.stage, wave.c.plan, asked.c.outcome, asked.c.revoked_at, asked.c.snoozed_until,
            asked.c.time_zone, line.c.client_kind, line.c.client_id, line.c.manager_id,
            company.c.hold_until, person.c.hold_until, client.c.hold_until,
            company.c.deleted_at, person.c.deleted_at, client.c.deleted_at,
            company.c.chosen["manager"].as_integer(), company.c.assigned_by, client.c.assigned_by, deal.c.assigned_by,
            _never(number, asked), _open_case(number, line), _in_trouble(number, line, stages), _last(number, kinds),
        )
        .select_from(joined)
        .where(mine)
    )  # fmt: skip


def _one_of(column: Any, values: Sequence[str]) -> Any:
    """As `in_`, which would be written anew each time the statement is asked."""
    return or_(false(), *(column == value for value in values))


def _never(number: Any, asked: Table) -> Any:
    """Under the address, the card, or the number: the last ten digits, as `nps.addresses.phone_key` has them, or all of
    those of a shorter one."""
    said, phone = _table(OptOut), asked.c.phone
    numbers = (func.substr(phone, func.length(phone) - 9), func.replace(phone, "+", ""))
    card = literal("contact:") + asked.c.contact_id.cast(String)
    keys: tuple[Any, ...] = (bindparam("of_key"), *numbers, card)
    return exists().where(said.c.portal_id == number, or_(*(said.c.address == key for key in keys)))


def _open_case(number: Any, line: Table) -> Any:
    case = _table(FollowUp)
    return exists().where(
        case.c.portal_id == number,
        case.c.client_kind == line.c.client_kind,
        case.c.client_id == line.c.client_id,
        _one_of(case.c.status, OPEN_FOLLOW_UP),
        _one_of(case.c.kind, sorted(CRITICAL)),
        or_(case.c.wave_id.is_(None), case.c.wave_id != bindparam("of_wave")),
    )


def _in_trouble(number: Any, line: Table, stages: tuple[str, ...]) -> Any:
    if not stages:
        return false()
    deal = _table(Deal).alias("trouble")
    return exists().where(
        deal.c.portal_id == number,
        deal.c.client_kind == line.c.client_kind,
        deal.c.client_id == line.c.client_id,
        _one_of(deal.c.stage_id, stages),
        deal.c.semantics == "P",
        deal.c.recurring.is_(False),
        deal.c.deleted_at.is_(None),
    )


def _last(number: Any, kinds: tuple[str, ...]) -> Any:
    letter = _table(LetterRow)
    if not kinds:
        return null()
    return (
        select(func.max(letter.c.handed_at))
        .where(
            letter.c.portal_id == number,
            letter.c.lane == bindparam("of_lane"),
            letter.c.handed_at > bindparam("since"),
            _one_of(letter.c.kind, kinds),
            _one_of(letter.c.status, ("done", "unknown")),
        )
        .scalar_subquery()
    )

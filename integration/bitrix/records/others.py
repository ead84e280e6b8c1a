"""Records of people, dictionaries, tasks and what else is not a card; see ``records`` for the conventions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Self

from integration.bitrix.links import Entity, parse_links
from integration.bitrix.records import fields as wire
from integration.bitrix.records.fields import Wire
from integration.bitrix.records.readers import Record, RecordError, reads, whole, yes

_ANCHORS: dict[int, Entity] = {3: "contact", 4: "company"}
_WEEK = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}


@dataclass(frozen=True)
class User(Record):
    """An employee; ``active`` False: dismissed. Fields beyond the granted scope are empty (bitrix24.md
    12.1)."""

    id: int
    active: bool
    name: str
    last_name: str
    email: str
    position: str
    phone: str
    department_ids: tuple[int, ...]

    _schema = reads(
        id=Wire(wire.to_id, "ID"),
        active=Wire(lambda value: wire.to_flag(value) is not False, "ACTIVE"),
        name=Wire(wire.to_text, "NAME"),
        last_name=Wire(wire.to_text, "LAST_NAME"),
        email=Wire(wire.to_text, "EMAIL"),
        position=Wire(wire.to_text, "WORK_POSITION"),
        phone=Wire(wire.to_text, "WORK_PHONE"),
        department_ids=Wire(wire.to_ids, "UF_DEPARTMENT"),
    )


@dataclass(frozen=True)
class Department(Record):
    """A department with its parent (None at the top) and head (None when there is none)."""

    id: int
    name: str
    parent_id: int | None
    head_id: int | None

    _schema = reads(
        id=Wire(wire.to_id, "ID"),
        name=Wire(wire.to_text, "NAME"),
        parent_id=Wire(wire.to_id, "PARENT"),
        head_id=Wire(wire.to_id, "UF_HEAD"),
    )


@dataclass(frozen=True)
class Category(Record):
    """A pipeline; the common one has id 0 (bitrix24.md 7.7)."""

    id: int
    name: str
    sort: int
    default: bool

    _schema = reads(
        id=Wire(wire.to_int), name=Wire(wire.to_text), sort=Wire(whole), default=Wire(yes, "isDefault")
    )


@dataclass(frozen=True)
class Stage(Record):
    """A row of a dictionary: a stage, a source …; ``semantics``: S, F, or P for none (bitrix24.md 7.6)."""

    id: int
    entity_id: str
    status_id: str
    name: str
    sort: int
    semantics: str

    _key = "status_id"
    _schema = reads(
        id=Wire(wire.to_id, "ID"),
        entity_id=Wire(wire.to_text, "ENTITY_ID"),
        status_id=Wire(wire.to_text, "STATUS_ID"),
        name=Wire(wire.to_text, "NAME"),
        sort=Wire(whole, "SORT"),
        semantics=Wire(lambda value: wire.to_text(value) or "P", "SEMANTICS"),
    )


@dataclass(frozen=True)
class Task(Record):
    """A task. ``status``: 2 waiting, 3 in work, 4 awaits the creator's approval, 5 completed, 6 deferred
    (bitrix24.md 11.2); ``key``: our ``XML_ID``; ``links``: the cards bound to it."""

    id: int
    title: str
    status: int
    responsible_id: int | None
    created_by: int | None
    deadline: datetime | None
    closed_at: datetime | None
    links: tuple[tuple[Entity, int], ...]
    key: str

    _schema = reads(
        id=Wire(wire.to_id),
        title=Wire(wire.to_text),
        status=Wire(whole),
        responsible_id=Wire(wire.to_id, "responsibleId"),
        created_by=Wire(wire.to_id, "createdBy"),
        deadline=Wire(wire.to_moment),
        closed_at=Wire(wire.to_moment, "closedDate"),
        links=Wire(lambda value: tuple(parse_links(value)), "ufCrmTask"),
        key=Wire(wire.to_text, "xmlId"),
    )

    @classmethod
    def read(cls, row: Any) -> Self:
        """The task in a row, or in the answer of ``tasks.task.get`` or ``add``, which wraps it."""
        wrapped = row.get("task") if isinstance(row, dict) else None
        return super().read(wrapped if isinstance(wrapped, dict) else row)


@dataclass(frozen=True)
class Comment(Record):
    """A timeline comment."""

    id: int
    text: str
    author_id: int | None
    created_at: datetime | None

    _schema = reads(
        id=Wire(wire.to_id, "ID"),
        text=Wire(wire.to_text, "COMMENT"),
        author_id=Wire(wire.to_id, "AUTHOR_ID"),
        created_at=Wire(wire.to_moment, "CREATED"),
    )


@dataclass(frozen=True)
class Address(Record):
    """An address of a client's requisites; ``type_id``: 1 physical, 6 legal … (bitrix24.md 7.11). It has no
    id."""

    client_kind: Entity
    client_id: int
    type_id: int
    city: str
    region: str
    province: str
    country: str

    _key = "client_id"
    _schema = reads(
        client_kind=Wire(lambda value: _ANCHORS.get(whole(value), "company"), "ANCHOR_TYPE_ID"),
        client_id=Wire(wire.to_id, "ANCHOR_ID"),
        type_id=Wire(whole, "TYPE_ID"),
        city=Wire(wire.to_text, "CITY"),
        region=Wire(wire.to_text, "REGION"),
        province=Wire(wire.to_text, "PROVINCE"),
        country=Wire(wire.to_text, "COUNTRY"),
    )

    @classmethod
    def read(cls, row: Any) -> Self:
        """The address; ``RecordError`` when it hangs on neither a contact nor a company."""
        if isinstance(row, dict) and whole(row.get("ANCHOR_TYPE_ID")) not in _ANCHORS:
            raise RecordError("an address of no client")
        return super().read(row)


@dataclass(frozen=True)
class Link(Record):
    """A row of the link methods: a contact of a company or deal, or a company of a contact (bitrix24.md
    7.9)."""

    contact_id: int | None
    company_id: int | None
    primary: bool

    _key = "id"
    _schema = reads(
        contact_id=Wire(wire.to_id, "CONTACT_ID"),
        company_id=Wire(wire.to_id, "COMPANY_ID"),
        primary=Wire(yes, "IS_PRIMARY"),
    )

    @classmethod
    def read(cls, row: Any) -> Self:
        """The link; ``RecordError`` when it leads nowhere."""
        values: dict[str, Any] = cls.values(row)
        if not (values.get("contact_id") or values.get("company_id")):
            raise RecordError("a link to nothing")
        return cls(**values)


@dataclass(frozen=True)
class Currency(Record):
    """A currency: ``amount_count`` units cost ``amount`` of the base currency today (only current rates
    exist)."""

    code: str
    amount: Decimal
    amount_count: int
    base: bool

    _key = "code"
    _schema = reads(
        code=Wire(wire.to_text, "CURRENCY"),
        amount=Wire(wire.to_amount, "AMOUNT"),
        amount_count=Wire(lambda value: whole(value) or 1, "AMOUNT_CNT"),
        base=Wire(yes, "BASE"),
    )


@dataclass(frozen=True)
class WorkCalendar:
    """Working hours and days off in the portal's zone (``calendar.settings.get``). ``weekend``: Monday is 0;
    ``holidays`` and ``workdays`` (exceptions that are worked): (month, day) of any year, or (month, day,
    year)."""

    opens: time
    closes: time
    weekend: frozenset[int]
    holidays: frozenset[tuple[int, ...]]
    workdays: frozenset[tuple[int, ...]]

    @classmethod
    def read(cls, answer: Any) -> Self:
        """The settings; what is missing or unreadable is 9 to 18, Saturday and Sunday, no holidays."""
        row = answer if isinstance(answer, dict) else {}
        week = row.get("week_holidays")
        named = {wire.to_text(one).upper()[:2] for one in week} if isinstance(week, (list, tuple)) else set()
        days = {_WEEK[day] for day in named if day in _WEEK} or {5, 6}
        opens = _hour(row.get("work_time_start"), time(9))
        closes = _hour(row.get("work_time_end"), time(18))
        return cls(
            opens=opens if opens < closes else time(9),
            closes=closes if opens < closes else time(18),
            weekend=frozenset(days),
            holidays=_year_days(row.get("year_holidays")),
            workdays=_year_days(row.get("year_workdays")),
        )

    def is_workday(self, day: date) -> bool:
        """Whether people work on ``day``."""
        marks = {(day.month, day.day), (day.month, day.day, day.year)}
        if marks & self.workdays:
            return True
        return day.weekday() not in self.weekend and not marks & self.holidays


def _hour(value: Any, default: time) -> time:
    match = re.fullmatch(r"(\d{1,2})(?:[.:](\d{1,2}))?", wire.to_text(value))
    hours, minutes = (int(match.group(1)), int(match.group(2) or 0)) if match else (-1, 0)
    if (hours, minutes) == (24, 0):
        return time(23, 59)
    return time(hours, minutes) if 0 <= hours < 24 and minutes < 60 else default


def _year_days(value: Any) -> frozenset[tuple[int, ...]]:
    """``D.M`` or ``D.M.Y`` separated by commas; impossible days are left out."""
    found: set[tuple[int, ...]] = set()
    for part in wire.to_text(value).split(","):
        match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})(?:\.(\d{4}))?", part.strip())
        if match is None:
            continue
        day, month, year = int(match.group(1)), int(match.group(2)), match.group(3)
        try:
            date(int(year or 2024), month, day)
        except ValueError:
            continue
        found.add((month, day, int(year)) if year else (month, day))
    return frozenset(found)

"""What a sandbox portal holds when it opens: plain data in the words of the platform.

An ``Agency`` is built by a story (seeded, invented people) or by a test, goes to JSON and back, and is
handed to ``Portal.load``. Nothing here knows HTTP. Rules for the data:

* items (``companies``, ``contacts``, ``deals``, ``leads``) use the camelCase names of ``crm.item.*``
  (bitrix24.md 7.5) and need only ``id`` (a positive int, unique per kind); whatever is left out gets the
  platform's default (``categoryId`` 0, ``opened`` "Y", ``sourceId`` ``None`` …). User fields are written
  with their original names ``UF_CRM_…``;
* moments are ISO 8601 **with an offset** (``2024-07-18T14:00:14+03:00``), days are ``YYYY-MM-DD``
  (``closedate``, ``begindate``, ``birthdate`` and user fields of the type ``date``);
* ``fm`` is a list of ``{"typeId": "PHONE"|"EMAIL"|"WEB"|"IM", "valueType": "WORK"…, "value": "…"}``;
* a deal names its contacts in ``contactIds`` (the first one, or ``contactId``, is primary), a contact its
  companies in ``companyIds`` (the first one is primary); the other directions are derived;
* dictionaries, users, departments, requisites, addresses and stage history use the UPPER names of their
  own methods (bitrix24.md 7.6–7.8, 7.11, 12.1), numbers may be int or str.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

#: Kinds of CRM objects with their ``entityTypeId`` (bitrix24.md 7.1).
LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4


@dataclass(frozen=True)
class PortalInfo:
    """The portal itself.

    ``timezone`` is the server's zone: every date of the REST answers carries its offset (bitrix24.md 4.7).
    ``license_family`` is ``"ent"`` for the higher request rate (5.1). ``crm_mode`` is 1 (classic, with
    leads) or 2 (simple) (7.10). ``domain`` is what frames and tokens *show*; the address the sandbox really
    listens on replaces it when the server starts with ``--show-real-address`` (the default).
    """

    domain: str = "agency.example.com"
    member_id: str = "a223c6b3710f85df22e9377d6c4f7553"
    timezone: str = "Europe/Moscow"
    language: str = "ru"
    license: str = "ru_pro100"
    license_family: str = "pro"
    base_currency: str = "RUB"
    crm_mode: int = 1


def default_currencies() -> list[Json]:
    """Rows of ``crm.currency.list``; the base currency has the rate 1."""
    rows = (("RUB", 1, "1.0000", "Y", 100), ("USD", 1, "92.5000", "N", 200), ("EUR", 1, "100.2500", "N", 300))
    return [
        {"CURRENCY": code, "AMOUNT_CNT": str(count), "AMOUNT": rate, "BASE": base, "SORT": str(sort)}
        for code, count, rate, base, sort in rows
    ]


def default_categories() -> list[Json]:
    """The common pipeline that every portal has (bitrix24.md 7.7)."""
    return [{"id": 0, "name": "General", "sort": 300, "entityTypeId": DEAL, "isDefault": "Y"}]


def stage_rows(category_id: int, work: list[tuple[str, str]] | None = None) -> list[Json]:
    """Rows of the dictionary ``DEAL_STAGE[_<id>]`` for one pipeline: the given work stages, one success
    stage ``WON`` and two failure stages ``LOSE`` and ``APOLOGY`` (bitrix24.md 7.6).

    ``work`` is a list of (code without prefix, name); codes of other pipelines than 0 get ``C<id>:``.
    """
    work = work or [("NEW", "New"), ("PREPARATION", "Preparation"), ("EXECUTING", "In work")]
    entity = "DEAL_STAGE" if category_id == 0 else f"DEAL_STAGE_{category_id}"
    prefix = "" if category_id == 0 else f"C{category_id}:"
    plan: list[tuple[str, str, str | None]] = [(code, name, None) for code, name in work]
    plan += [("WON", "Won", "S"), ("LOSE", "Lost", "F"), ("APOLOGY", "Analysis of failure", "F")]
    return [
        {
            "ENTITY_ID": entity,
            "STATUS_ID": prefix + code,
            "NAME": name,
            "SORT": str(10 * place),
            "SEMANTICS": semantics,
            "CATEGORY_ID": str(category_id) if category_id else None,
            "SYSTEM": "Y" if code in ("NEW", "WON", "LOSE") else "N",
        }
        for place, (code, name, semantics) in enumerate(plan, 1)
    ]


def default_statuses() -> list[Json]:
    """Stages of the common pipeline, lead statuses and sources of a fresh portal."""
    leads: list[tuple[str, str, str | None]] = [("NEW", "Unsorted", None), ("IN_PROCESS", "In work", None)]
    leads += [("CONVERTED", "Good lead", "S"), ("JUNK", "Junk lead", "F")]
    rows = stage_rows(0)
    rows += [_row("STATUS", code, name, 10 * n, mark, "Y") for n, (code, name, mark) in enumerate(leads, 1)]
    sources = [("CALL", "Call"), ("EMAIL", "E-mail"), ("WEB", "Website"), ("ADVERTISING", "Advertising")]
    sources += [("PARTNER", "Existing client"), ("RECOMMENDATION", "By recommendation"), ("OTHER", "Other")]
    rows += [_row("SOURCE", code, name, 10 * n, None, "N") for n, (code, name) in enumerate(sources, 1)]
    return rows


def _row(entity: str, code: str, name: str, sort: int, semantics: str | None, system: str) -> Json:
    row: Json = {"ENTITY_ID": entity, "STATUS_ID": code, "NAME": name, "SORT": str(sort)}
    return row | {"SEMANTICS": semantics, "SYSTEM": system}


def default_calendar() -> Json:
    """Answer of ``calendar.settings.get``: working hours, weekly days off, holidays as ``D.MM`` list."""
    return {
        "work_time_start": "9",
        "work_time_end": "18",
        "year_holidays": "1.01,2.01,3.01,4.01,5.01,6.01,7.01,8.01,23.02,8.03,1.05,9.05,12.06,4.11",
        "year_workdays": "",
        "week_holidays": ["SA", "SU"],
        "week_start": "MO",
    }


def default_users() -> list[Json]:
    """One administrator, id 1."""
    return [
        {
            "ID": "1",
            "NAME": "Anna",
            "LAST_NAME": "Admin",
            "EMAIL": "admin@example.com",
            "WORK_POSITION": "Administrator",
            "ACTIVE": True,
            "ADMIN": True,
            "UF_DEPARTMENT": [1],
            "PERSONAL_CITY": "",
            "TIME_ZONE": "",
        }
    ]


def default_departments() -> list[Json]:
    """The root of the company structure."""
    return [{"ID": "1", "NAME": "Agency", "SORT": 500, "PARENT": None, "UF_HEAD": "1"}]


@dataclass
class Agency:
    """Everything a portal holds at the start. Lists of plain dicts; see the module text for their words.

    ``users``: ``ID``, ``NAME``, ``LAST_NAME``, ``EMAIL``, ``WORK_POSITION``, ``ACTIVE`` (bool), ``ADMIN``
    (bool, never shown by ``user.get``), ``UF_DEPARTMENT`` (ints), ``PERSONAL_CITY``, ``TIME_ZONE``,
    ``WORK_PHONE``, ``PERSONAL_MOBILE``, optional ``USER_TYPE``.
    ``categories``: ``id``, ``name``, ``sort``, ``isDefault``. ``statuses``: see :func:`stage_rows`.
    ``stage_history``: ``entityTypeId``, ``TYPE_ID`` 1|2|3|5, ``OWNER_ID``, ``CREATED_TIME``,
    ``CATEGORY_ID``, ``STAGE_ID``, ``STAGE_SEMANTIC_ID`` (for leads ``STATUS_ID`` and
    ``STATUS_SEMANTIC_ID``); given in the order of time, rows are not invented for items without any.
    ``requisites``: ``ID``, ``ENTITY_TYPE_ID`` 3|4, ``ENTITY_ID``, ``NAME``.
    ``addresses``: ``TYPE_ID``, ``ENTITY_TYPE_ID`` (8 = requisite), ``ENTITY_ID``, ``CITY``, ``PROVINCE``,
    ``COUNTRY`` …; ``ANCHOR_TYPE_ID``/``ANCHOR_ID`` are filled from the requisite when left out.
    ``user_fields``: ``ENTITY_ID`` (``CRM_DEAL`` …), ``FIELD_NAME``, ``USER_TYPE_ID`` and what
    ``crm.*.userfield.add`` takes. ``recurring``: ``ID``, ``DEAL_ID`` (template), ``BASED_ID``.
    ``absences``: ``USER_ID``, ``FROM``, ``TO`` (ISO), ``ACCESSIBILITY`` ("absent"|"busy"), ``NAME``.
    ``tasks``: UPPER names of ``tasks.task.add`` plus ``ID``.
    """

    portal: PortalInfo = field(default_factory=PortalInfo)
    users: list[Json] = field(default_factory=default_users)
    departments: list[Json] = field(default_factory=default_departments)
    currencies: list[Json] = field(default_factory=default_currencies)
    categories: list[Json] = field(default_factory=default_categories)
    statuses: list[Json] = field(default_factory=default_statuses)
    companies: list[Json] = field(default_factory=list)
    contacts: list[Json] = field(default_factory=list)
    deals: list[Json] = field(default_factory=list)
    leads: list[Json] = field(default_factory=list)
    stage_history: list[Json] = field(default_factory=list)
    requisites: list[Json] = field(default_factory=list)
    addresses: list[Json] = field(default_factory=list)
    user_fields: list[Json] = field(default_factory=list)
    recurring: list[Json] = field(default_factory=list)
    tasks: list[Json] = field(default_factory=list)
    absences: list[Json] = field(default_factory=list)
    calendar: Json = field(default_factory=default_calendar)

    def items(self, entity_type_id: int) -> list[Json]:
        """The list that holds the kind; raises ``KeyError`` for kinds the sandbox does not know."""
        return {LEAD: self.leads, DEAL: self.deals, CONTACT: self.contacts, COMPANY: self.companies}[
            entity_type_id
        ]

    def to_json(self) -> str:
        """One JSON document, UTF-8, stable order of keys."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Agency:
        """Raises ``ValueError`` for a document that is not an agency."""
        return cls.from_plain(json.loads(text))

    @classmethod
    def from_plain(cls, data: Any) -> Agency:
        """From decoded JSON; keys left out get the defaults, unknown keys are refused."""
        if not isinstance(data, dict):
            raise ValueError("an agency is a JSON object")
        unknown = set(data) - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown parts of an agency: {', '.join(sorted(unknown))}")
        rest = {k: v for k, v in data.items() if k != "portal"}
        return cls(portal=PortalInfo(**data.get("portal", {})), **rest)


def load_agency(path: Path) -> Agency:
    """Reads the JSON file; raises ``OSError`` or ``ValueError``."""
    return Agency.from_json(path.read_text(encoding="utf-8"))


def bulk_deals(count: int, companies: int, won_share: float = 0.5, start_id: int = 1) -> Agency:
    """A large but dull agency for benchmarks: ``count`` deals spread over ``companies`` companies with one
    contact each. Every n-th deal is won so that ``won_share`` of them are."""
    agency = Agency()
    agency.companies = [{"id": n, "title": f"Company {n}"} for n in range(1, companies + 1)]
    agency.contacts = [_bulk_contact(n) for n in range(1, companies + 1)]
    agency.deals = [
        {
            "id": start_id + n,
            "title": f"Deal {start_id + n}",
            "companyId": n % companies + 1,
            "contactIds": [n % companies + 1],
            "stageId": "WON" if int((n + 1) * won_share) > int(n * won_share) else "EXECUTING",
            "opportunity": 1000.0 + n % 977,
            "createdTime": f"20{20 + n % 6}-0{1 + n % 9}-1{n % 10}T10:00:00+03:00",
        }
        for n in range(count)
    ]
    return agency


def _bulk_contact(number: int) -> Json:
    mail = {"typeId": "EMAIL", "valueType": "WORK", "value": f"client{number}@example.com"}
    return {
        "id": number,
        "name": f"Name {number}",
        "lastName": "Example",
        "companyIds": [number],
        "fm": [mail],
    }

"""Builds the cards of an agency: companies with cities, people, deals with a consistent history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

from .agency import COMPANY, CONTACT, DEAL, LEAD, Agency
from .story_names import Named, phone, someone

Json = dict[str, Any]

#: Moscow's offset: fixed since 2014, and the story begins later.
MOSCOW = timezone(timedelta(hours=3))
SALES, SERVICE = 0, 2

#: One step of a deal's life: when, which pipeline, which stage without its prefix.
Step = tuple[datetime, int, str]


def at(day: date, hour: int = 11, minute: int = 0) -> datetime:
    """A moment of the agency's day."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=MOSCOW)


def stage(category: int, code: str) -> str:
    """The full stage id, ``C2:WORK``."""
    return f"C{category}:{code}" if category else code


def semantics(code: str) -> str:
    """``S`` won, ``F`` lost, ``P`` in work."""
    return {"WON": "S", "LOSE": "F", "APOLOGY": "F"}.get(code, "P")


@dataclass(frozen=True)
class PersonSpec:
    """A client's person before it becomes a card."""

    named: Named
    emails: tuple[str, ...]
    phone: str = ""
    post: str = ""

    def fields(self) -> Json:
        """The card's fields as ``crm.item.add`` takes them."""
        entries = [{"typeId": "EMAIL", "valueType": "WORK", "value": mail} for mail in self.emails]
        if self.phone:
            entries.append({"typeId": "PHONE", "valueType": "MOBILE", "value": self.phone})
        return {"name": self.named.name, "lastName": self.named.last_name, "post": self.post, "fm": entries}


@dataclass
class Cards:
    """Collects cards under growing ids; ``languages`` remembers who reads which language, by address.

    ``purse`` draws amounts where who does what must not depend on them."""

    rng: Random
    agency: Agency
    purse: Random = field(default_factory=lambda: Random(0))
    languages: dict[str, str] = field(default_factory=dict)
    people: int = 0

    def person(self, domain: str, language: str, post: str = "") -> PersonSpec:
        """A new invented person with one address and one phone of their own."""
        self.people += 1
        named = someone(self.rng, language, self.people)
        address = f"{named.local}@{domain}"
        self.languages[address] = language
        return PersonSpec(named, (address,), phone(language, self.people), post)

    def company(self, title: str, city: str, manager: int, created: datetime, *, own: bool = False) -> int:
        """A company card with a requisite that holds the address."""
        number = len(self.agency.companies) + 1
        card: Json = {
            "id": number, "title": title, "assignedById": manager, "createdTime": created.isoformat(),
            "updatedTime": created.isoformat(), "isMyCompany": "Y" if own else "N",
        }  # fmt: skip
        self.agency.companies.append(card)
        self._address(COMPANY, number, city)
        return number

    def contact(
        self, spec: PersonSpec, company: int | None, manager: int, created: datetime, city: str = ""
    ) -> int:
        """A contact card; one without a company has an address of its own."""
        number = len(self.agency.contacts) + 1
        stamp = created.isoformat()
        card: Json = {"id": number, "assignedById": manager, "createdTime": stamp, "updatedTime": stamp}
        card |= spec.fields()
        if company:
            card["companyIds"] = [company]
        self.agency.contacts.append(card)
        if city and not company:
            self._address(CONTACT, number, city)
        return number

    def deal(
        self,
        title: str,
        company: int | None,
        contacts: Sequence[int],
        life: Sequence[Step],
        manager: int,
        **more: Any,
    ) -> int:
        """A deal that went through ``life``; ``begin``, ``close`` (days), ``amount`` and any field may be given."""
        number = len(self.agency.deals) + 1
        first, last = life[0], life[-1]
        begin, close = more.pop("begin", first[0].date()), more.pop("close", last[0].date())
        currency = more.pop("currency", "RUB")
        card: Json = {
            "id": number, "title": title, "companyId": company or 0, "contactIds": list(contacts),
            "categoryId": last[1], "stageId": stage(last[1], last[2]), "assignedById": manager,
            "createdTime": first[0].isoformat(), "movedTime": last[0].isoformat(), "movedBy": manager,
            "updatedTime": last[0].isoformat(), "begindate": begin.isoformat(), "closedate": close.isoformat(),
            "opportunity": more.pop("amount", self.amount(currency)), "currencyId": currency,
        }  # fmt: skip
        self.agency.deals.append(card | more)
        self._history(number, life)
        return number

    def lead(
        self, title: str, spec: PersonSpec, status: str, manager: int, created: datetime, **more: Any
    ) -> int:
        """A lead in work or spoiled."""
        number = len(self.agency.leads) + 1
        stamp = created.isoformat()
        card: Json = {
            "id": number, "title": title, "stageId": status, "assignedById": manager, "createdTime": stamp,
            "updatedTime": stamp, "movedTime": stamp,
        }  # fmt: skip
        card |= spec.fields()
        self.agency.leads.append(card | more)
        self.agency.stage_history.append({
            "entityTypeId": LEAD, "TYPE_ID": 1, "OWNER_ID": number, "CREATED_TIME": stamp,
            "STATUS_ID": status, "STATUS_SEMANTIC_ID": "F" if status == "JUNK" else "P",
        })  # fmt: skip
        return number

    def amount(self, currency: str = "RUB") -> int:
        """A plausible sum of money: tens or hundreds of thousands of roubles, or as much in another currency."""
        return self.rng.randrange(40, 900) * (1000 if currency == "RUB" else 10)

    def _address(self, kind: int, number: int, city: str) -> None:
        requisite = len(self.agency.requisites) + 1
        row: Json = {
            "ID": str(requisite),
            "ENTITY_TYPE_ID": str(kind),
            "ENTITY_ID": str(number),
            "NAME": "Реквизиты",
        }
        self.agency.requisites.append(row)
        self.agency.addresses.append({
            "TYPE_ID": "1", "ENTITY_TYPE_ID": "8", "ENTITY_ID": str(requisite), "CITY": city, "COUNTRY": "Россия",
            "ANCHOR_TYPE_ID": str(kind), "ANCHOR_ID": str(number),
        })  # fmt: skip

    def _history(self, deal: int, life: Sequence[Step]) -> None:
        before: int | None = None
        for moment, category, code in life:
            mark = semantics(code)
            kind = 1 if before is None else 5 if category != before else 3 if mark != "P" else 2
            before = category
            self.agency.stage_history.append({
                "entityTypeId": DEAL, "TYPE_ID": kind, "OWNER_ID": deal, "CREATED_TIME": moment.isoformat(),
                "CATEGORY_ID": category, "STAGE_ID": stage(category, code), "STAGE_SEMANTIC_ID": mark,
            })  # fmt: skip

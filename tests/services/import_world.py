"""An agency with a notebook of past referrals, and a portal that knows phones and e-mails (product.md R)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from integration.bitrix.call import Call
from integration.bitrix.errors import Retryable
from integration.nps.addresses import email_key, phone_key
from integration.nps.policy import REFERRAL_SOURCES
from integration.services import referral_import_page, referral_imports
from integration.services.deps import Answer, BatchAnswer
from integration.services.referral_import_page import Listing, RowView
from integration.store.base import Sessions, transaction
from integration.store.clients import Lead
from integration.store.portals import Portal
from tests.conftest import HandClock
from tests.services.wave_world import World, make_world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"
HEAD = "Клиент;Кто рекомендовал;Дата;Источник;Комментарий"
KINDS = {1: "lead", 2: "deal", 3: "contact", 4: "company"}
ITEMS = {code: 7000 + number for number, code in enumerate(REFERRAL_SOURCES)}
LONG = "Общество с ограниченной ответственностью «Межрегиональное производственно-строительное объединение „Запад“»"


@dataclass
class Addresses:
    """The portal as far as phones and e-mails go: card key -> addresses; `silent` it does not answer."""

    known: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    silent: bool = False
    requests: int = 0

    def __call__(self, endpoint: str, token: str, *, portal_id: int | None = None) -> Addresses:
        return self

    def call(self, call: Call) -> Answer:
        raise AssertionError(f"{call.method} is not needed for a list")

    def batch(self, calls: Mapping[str, Call], *, halt: bool = False) -> BatchAnswer:
        self.requests += 1
        if self.silent:
            raise Retryable("batch", "unreachable", effect="none")
        return BatchAnswer({key: Answer(self._result(call)) for key, call in calls.items()}, {})

    def _result(self, call: Call) -> Any:
        if call.method == "crm.duplicate.findbycomm":
            wanted = {_key(value) for value in call.params["values"]}
            found: dict[str, list[int]] = {}
            for (kind, number), addresses in sorted(self.known.items()):
                if wanted & {_key(one) for one in addresses}:
                    found.setdefault(kind.upper(), []).append(number)
            return found or []
        assert call.method == "crm.item.list"
        kind = KINDS[call.params["entityTypeId"]]
        return {"items": [self._item(kind, one) for one in call.params["filter"]["@id"]]}

    def _item(self, kind: str, number: int) -> dict[str, Any]:
        many = self.known.get((kind, number), [])
        fm = [
            {"typeId": "EMAIL" if "@" in one else "PHONE", "valueType": "WORK", "value": one} for one in many
        ]
        return {"id": number, "fm": fm, "createdTime": "2025-02-03T10:00:00+03:00"}


def _key(value: str) -> str:
    return email_key(value) if "@" in value else phone_key(value)


@dataclass
class ImportWorld:
    """The agency, and what its lists say."""

    world: World
    portal: Addresses
    who: str = "Anna"

    def begin(self, *lines: str, name: str = "past.csv", head: str = HEAD, **more: Any) -> int:
        data = "\n".join([head, *lines]).encode()
        world = self.world
        return referral_imports.begin(world.deps, world.portal_id, name, data, **{"who": self.who, **more})

    def run(self, number: int) -> Listing:
        """Every slice until a person has to decide."""
        while referral_imports.step(self.world.deps, self.world.portal_id, number):
            pass
        return self.shown(number)

    def looked(self, *lines: str, **more: Any) -> int:
        number = self.begin(*lines, **more)
        self.run(number)
        return number

    def applied(self, number: int) -> Listing:
        assert referral_imports.start(self.world.deps, self.world.portal_id, number) == "done"
        return self.run(number)

    def shown(self, number: int, view: str = "") -> Listing:
        found = referral_import_page.show(self.world.deps, self.world.portal_id, number, view)
        assert found is not None
        return found

    def report(self, number: int) -> dict[int, RowView]:
        return {
            row.number: row
            for row in referral_import_page.report(self.world.deps, self.world.portal_id, number)
        }

    def verdicts(self, number: int) -> dict[int, tuple[str, str]]:
        return {row.number: (row.status, row.code) for row in self.report(number).values()}

    def lead(self, number: int, source: str, **card: Any) -> None:
        with transaction(self.world.deps.sessions) as session:
            session.add(
                Lead(
                    portal_id=self.world.portal_id, id=number, title=f"Лид {number}", source_id=source, **card
                )
            )


def import_world(sessions: Sessions, clock: HandClock) -> ImportWorld:
    """An agency as `fill` makes it."""
    return fill(make_world(sessions, clock))


def fill(world: World) -> ImportWorld:
    """Companies 2 to 9 with a person each (200, 300, …), person 70; two cards of one name, two that look like one."""
    portal = Addresses()
    world.deps = replace(world.deps, rest=portal)
    codes = {
        SOURCE: {"id": 1, "type": "enumeration", "items": ITEMS}, REFERRER: {"id": 2, "type": "crm", "items": {}},
        DATE: {"id": 3, "type": "date", "items": {}},
    }  # fmt: skip
    world.set(Portal, world.portal_id, fields=dict.fromkeys(KINDS.values(), codes))
    titles = {
        2: "Вега", 3: "ООО «Альтаир»", 4: "Ромашка", 5: "ромашка ", 6: "Лира", 7: "ТОВ «Лира»", 8: "Орион", 9: LONG,
    }  # fmt: skip
    for number, title in titles.items():
        world.client(number, title=title, since=date(2024, 5, 1))
    world.person(70)
    portal.known |= {
        ("company", 2): ["+7 900 111-22-33"], ("contact", 200): ["8 (900) 111 22 33", "ira@vega.example"],
        ("contact", 300): ["eva@altair.example"], ("contact", 70): ["+7 900 555-66-77"],
        ("contact", 600): ["+7 900 555-66-77"], ("company", 8): ["office@orion.example"],
        ("company", 7): ["office@orion.example"],
    }  # fmt: skip
    return ImportWorld(world, portal)


def lists(place: ImportWorld) -> None:
    """Lists in every state: 1 to be decided, 2 taken over, 3 against entries that stand, 4 being looked at, 5 empty of
    news."""
    place.who = "Марина Сом (7)"
    place.lead(1, "RECOMMENDATION")
    place.lead(2, "RECOMMENDATION")
    name = "Рекомендации 2015–2022, из тетради и старой CRM, очень длинное имя файла.csv"
    place.looked(
        "Орион;Вега;12.03.2021;;из старой тетради", "Ромашка;Вега;12.03.2021", "Альтаир;+7 900 555-66-77;2020-05-06",
        f"{LONG};Лира;1 мая 2019", "Вега;Орион;02.02.2022", "company:2;ira@vega.example;01.02.2020",
        ";Вега;01.02.2020", "Лира;deal:20;03/04/2021", "company:6;contact:70;05.06.2020",
        name=name, who="Анна Коваль (1)",
    )  # fmt: skip
    place.applied(place.looked("company:7;company:9;01.02.2020", "company:4;company:9;01.02.2020"))
    place.looked("company:7;company:3;01.02.2019", "company:4;company:9;01.02.2021")
    place.begin(*[f"Клиент {number};Вега;12.03.2021" for number in range(60)])
    place.looked("company:4;company:9;01.02.2020")

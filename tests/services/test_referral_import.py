"""Lists of past referrals in the sandbox portal: looked at, decided, applied once, taken back (product.md R, P4)."""

from __future__ import annotations

from typing import Any

from integration.bitrix.calls import ENTITY_TYPES
from integration.services import referral_import_page, referral_imports
from integration.services.referral_import_page import Listing, RowView
from integration.store import referrals as rows
from integration.store.base import Sessions, reading
from integration.store.outbox import OutboxRow
from integration.store.referral_rows import Referral, ReferralAct, ReferralReminder
from tests.services.portal_world import World, agency, world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"
HEAD = "Клиент;Кто рекомендовал;Дата;Источник;Комментарий"


def phone(number: str) -> list[dict[str, str]]:
    return [{"typeId": "PHONE", "valueType": "WORK", "value": number}]


def email(address: str) -> list[dict[str, str]]:
    return [{"typeId": "EMAIL", "valueType": "WORK", "value": address}]


def a_portal() -> Any:
    made = agency()
    made.companies = [
        {"id": 1, "title": "Vega", "fm": phone("+7 900 111-22-33")},
        {"id": 2, "title": "Own", "isMyCompany": "Y"},
        {"id": 3, "title": "ООО «Альтаир»", "fm": email("office@altair.example")},
        {"id": 4, "title": "Ромашка"},
        {"id": 5, "title": "ромашка "},
        {"id": 6, "title": "Lyra"},
        {"id": 7, "title": "Lyra LLC"},
        {"id": 8, "title": "Orion"},
        {"id": 9, "title": "Old firm"},
    ]
    made.contacts = [
        {"id": 1, "name": "Ira", "lastName": "Sokol", "companyIds": [1], "fm": phone("8 (900) 111 22 33")},
        {"id": 2, "name": "Oleh", "lastName": "Lis", "fm": phone("+79004445566")},
        {"id": 3, "name": "Eva", "lastName": "Ray", "companyIds": [3], "fm": phone("+7 900 777 88 99")},
        {
            "id": 4,
            "name": "Oleg",
            "lastName": "Lis",
            "fm": [*phone("8 900 444 55 66"), *email("lis@example.com")],
        },
        {"id": 5, "name": "Second", "lastName": "Vega", "fm": phone("+7 900 111-22-33")},
    ]
    made.leads = []
    made.deals = [
        {"id": 3, "title": "First", "companyId": 8, "stageId": "NEW", "sourceId": "RECOMMENDATION"},
    ]
    made.stage_history, made.requisites, made.addresses = [], [], []
    return made


def begin(place: World, *lines: str, **more: Any) -> int:
    data = "\n".join([HEAD, *lines]).encode()
    return referral_imports.begin(place.deps, place.portal_id, "past.csv", data, who="Anna", **more)


def run(place: World, number: int) -> Listing:
    """Every slice until a person has to decide."""
    while referral_imports.step(place.deps, place.portal_id, number):
        pass
    return shown(place, number)


def shown(place: World, number: int, view: str = "") -> Listing:
    found = referral_import_page.show(place.deps, place.portal_id, number, view)
    assert found is not None
    return found


def report(place: World, number: int) -> dict[int, RowView]:
    return {row.number: row for row in referral_import_page.report(place.deps, place.portal_id, number)}


def verdicts(place: World, number: int) -> dict[int, tuple[str, str]]:
    return {row.number: (row.status, row.code) for row in report(place, number).values()}


def apply(place: World, number: int) -> Listing:
    assert referral_imports.start(place.deps, place.portal_id, number) == "done"
    run(place, number)
    place.settle()
    return shown(place, number)


def on_card(place: World, kind: str, number: int) -> tuple[str, str, str]:
    """Source, referrer and day as the portal shows them."""
    got = place.act(1, "crm.item.get", entityTypeId=ENTITY_TYPES[kind], id=number, useOriginalUfNames="Y")[
        "item"
    ]
    items = place.row().fields[kind][SOURCE]["items"]
    known = {str(item): code for code, item in items.items()}
    return (
        known.get(str(got.get(SOURCE) or ""), ""),
        str(got.get(REFERRER) or ""),
        str(got.get(DATE) or "")[:10],
    )


def referral(place: World, kind: str, number: int) -> Referral | None:
    with reading(place.deps.sessions) as session:
        return rows.of_newcomer(session, place.portal_id, rows.key_of(kind, number))


def test_a_list_is_looked_at_entered_once_and_taken_back(sessions: Sessions) -> None:
    """Nothing is written before somebody says so; the same list again changes nothing; undone, all is as it was."""
    with world(sessions, a_portal()) as place:
        place.ready()
        lines = (
            "Orion;vega;12.03.2021;;from an old notebook",
            f"https://{place.row().domain}/crm/company/details/3/;Oleh Lis;2020-05-06;Партнёр;",
            "lis@example.com;company:3;2022-01-02;;",
        )
        number = begin(place, *lines)
        found = run(place, number)
        assert verdicts(place, number) == {2: ("ready", ""), 3: ("ready", ""), 4: ("ready", "")}
        assert (found.brief.stage, found.view, place.all(OutboxRow)[-1:] and place.all(Referral)) == (
            "preview",
            "ready",
            [],
        )
        apply(place, number)
        assert on_card(place, "company", 8) == ("client", "CO_1", "2021-03-12")
        assert on_card(place, "company", 3) == ("partner", "C_2", "2020-05-06")
        assert on_card(place, "contact", 4) == ("client", "CO_3", "2022-01-02")
        acts = [(act.what, act.who, act.note) for act in place.all(ReferralAct) if act.what == "named"]
        assert acts[0] == ("named", "Anna", "")
        assert ("named", "Anna", "from an old notebook") in acts
        assert place.all(ReferralReminder) == []
        written = len(place.all(OutboxRow))

        again = begin(place, *lines)
        found = run(place, again)
        assert {status for status, _ in verdicts(place, again).values()} == {"same"}
        assert found.earlier is not None
        assert found.earlier.id == number
        assert referral_imports.start(place.deps, place.portal_id, again) == "nothing"
        assert len(place.all(OutboxRow)) == written

        assert referral_imports.take_back(place.deps, place.portal_id, number) == "done"
        run(place, number)
        place.settle()
        assert set(verdicts(place, number).values()) == {("undone", "")}
        for kind, card in (("company", 3), ("contact", 4)):
            assert on_card(place, kind, card) == ("", "", "")
            assert referral(place, kind, card) is None
        assert on_card(place, "company", 8)[:2] == ("unknown", "")  # its deal still says "by recommendation"

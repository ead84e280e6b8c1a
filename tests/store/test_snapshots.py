"""Snapshots of clients say what the tables say, in order and one at a time."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from integration.nps.people import ClientKey
from integration.nps.policy import Policy
from integration.nps.relation import client_since
from integration.store import snapshots
from integration.store.base import Sessions, reading, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, StageMove
from integration.store.portals import Portal
from tests.conftest import a_portal

ZONE = ZoneInfo("Europe/Moscow")
PIPELINE = Policy(service_pipelines=(9,))
NIGHT = datetime(2025, 3, 31, 22, 30, tzinfo=UTC)  # the first of April in Moscow


@pytest.fixture
def filled(sessions: Sessions, portal: Portal) -> Sessions:
    with transaction(sessions) as session:
        session.add(a_portal(member_id="other"))
        session.flush()
        for pid in (1, 2):
            session.add(
                Company(
                    portal_id=pid, id=5, title=f"Пять {pid}", city="Казань", assigned_by=6, opted_out=True
                )
            )
            session.add(Company(portal_id=pid, id=3, title="Три", hold_until=date(2026, 1, 1)))
            session.add(Company(portal_id=pid, id=4, title="Своя", own=True))
            session.add(Company(portal_id=pid, id=6, title="Удалена", deleted_at=NIGHT))
            session.add(Company(portal_id=pid, id=7, title="Только шаблон"))
            session.add(
                Contact(portal_id=pid, id=50, name="Анна", last_name="Коваль", role="decides", language="uk")
            )
            session.add(Contact(portal_id=pid, id=51, name="Без роли", role="boss", opted_out=True))
            session.add(Contact(portal_id=pid, id=52, name="Удалён", deleted_at=NIGHT))
            session.add(Contact(portal_id=pid, id=60, last_name="Одинокий", post="директор"))
            for contact, company in ((50, 5), (51, 5), (50, 3), (52, 5)):
                session.add(ContactCompany(portal_id=pid, contact_id=contact, company_id=company))
            for number, kind, client, more in (
                (1, "company", 5, {"amount": Decimal("10.50"), "currency": "RUB", "contact_id": 51}),
                (2, "company", 5, {"semantics": "S", "won_at": NIGHT, "close_on": date(2025, 1, 1)}),
                (3, "company", 3, {"category_id": 9, "begin_on": date(2024, 2, 29)}),
                (4, "company", 4, {}),
                (5, "company", 6, {}),
                (6, "company", 7, {"recurring": True}),
                (7, "contact", 60, {"semantics": ""}),
                (8, "company", 5, {"deleted_at": NIGHT}),
                (9, "company", 99, {}),
            ):
                session.add(Deal(portal_id=pid, id=number, client_kind=kind, client_id=client, **more))
            for number, stage, category, meaning, moved in (
                (1, "C9:LATER", 9, "", NIGHT + timedelta(days=9)),
                (2, "C9:FIRST", 9, "", NIGHT),
                (3, "C9:WON", 9, "S", NIGHT - timedelta(days=9)),
                (4, "NEW", 0, "", NIGHT - timedelta(days=99)),
            ):
                session.add(
                    StageMove(portal_id=pid, id=number, deal_id=3, category_id=category, stage_id=stage,
                              semantics=meaning, moved_at=moved)
                )  # fmt: skip
    return sessions


def test_clients_come_in_order_with_their_deals_and_nobody_else_s(filled: Sessions) -> None:
    with reading(filled) as session:
        found = list(snapshots.clients(session, 1, PIPELINE, ZONE))
    assert [(client.key, sorted(deal.id for deal in client.deals)) for client in found] == [
        (ClientKey("company", 3), [3]), (ClientKey("company", 5), [1, 2]), (ClientKey("contact", 60), [7]),
    ]  # fmt: skip
    three, five, alone = found
    assert (five.name, five.city, five.assigned_by, five.opted_out) == ("Пять 1", "Казань", 6, True)
    assert three.hold_until == date(2026, 1, 1)
    assert (alone.name, alone.city) == ("Одинокий", "")
    assert five.people == ()


def test_days_are_the_portal_s_days(filled: Sessions) -> None:
    with reading(filled) as session:
        by_id = {
            deal.id: deal for client in snapshots.clients(session, 1, PIPELINE, ZONE) for deal in client.deals
        }
    assert (by_id[2].won_on, by_id[2].close) == (date(2025, 4, 1), date(2025, 1, 1))
    assert (by_id[3].service_on, by_id[3].begin) == (date(2025, 4, 1), date(2024, 2, 29))
    assert (by_id[1].amount, by_id[1].currency, by_id[1].semantics) == (Decimal("10.50"), "RUB", "P")
    assert by_id[7].semantics == "P"
    assert by_id[1].won_on is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), None),
        (Policy(service_stages=("C9:LATER",)), date(2025, 4, 10)),
        (Policy(service_pipelines=(9,)), date(2025, 4, 1)),
        (Policy(service_pipelines=(0,)), date(2024, 12, 23)),
    ],
)
def test_the_first_day_in_service_follows_the_chosen_stages(
    filled: Sessions, policy: Policy, expected: date | None
) -> None:
    with reading(filled) as session:
        found = next(snapshots.clients(session, 1, policy, ZONE))
    assert found.deals[0].service_on == expected


def test_a_walk_can_go_on_behind_any_client(filled: Sessions) -> None:
    with reading(filled) as session:
        everybody = [client.key for client in snapshots.clients(session, 1, PIPELINE, ZONE)]
        for place, key in enumerate(everybody):
            rest = [client.key for client in snapshots.clients(session, 1, PIPELINE, ZONE, key)]
            assert rest == everybody[place + 1 :]


def test_people_are_a_company_s_contacts_or_the_contact_itself(filled: Sessions) -> None:
    keys = [ClientKey("company", 5), ClientKey("company", 3), ClientKey("contact", 60)]
    with reading(filled) as session:
        found = snapshots.people(session, 1, keys)
        flagged = snapshots.flagged_people(session, 1, date(2026, 1, 1))
    assert {key: [person.contact_id for person in group] for key, group in found.items()} == {
        keys[0]: [50, 51], keys[1]: [50], keys[2]: [60],
    }  # fmt: skip
    anna, roleless = found[keys[0]]
    assert (anna.full_name, anna.role, anna.language, anna.emails) == ("Анна Коваль", "decides", "uk", ())
    assert (roleless.role, roleless.language, roleless.opted_out) == (None, None, True)
    assert [person.contact_id for person in flagged] == [51]


def test_chosen_clients_come_with_chosen_deals(filled: Sessions) -> None:
    keys = [ClientKey("company", 5), ClientKey("contact", 60), ClientKey("company", 404)]
    with reading(filled) as session:
        found = snapshots.clients_by_key(session, 1, PIPELINE, ZONE, keys, [2, 7])
        contacts = snapshots.deal_contacts(session, 1, [1, 2])
    assert {key: [deal.id for deal in client.deals] for key, client in found.items()} == {
        keys[0]: [2],
        keys[1]: [7],
    }
    assert contacts == {1: 51}


def test_memory_does_not_grow_with_the_number_of_clients(sessions: Sessions, portal: Portal) -> None:
    """Ten times the clients, the same peak, give or take."""
    peaks = []
    for start, clients in ((1, 200), (10_000, 2000)):
        with transaction(sessions) as session:
            session.execute(
                insert(Company),
                [{"portal_id": 1, "id": start + n, "title": "К" * 50} for n in range(clients)],
            )
            deals = [
                {"portal_id": 1, "id": (start + n) * 10 + k, "client_kind": "company", "client_id": start + n}
                for n in range(clients) for k in range(10)
            ]  # fmt: skip
            session.execute(insert(Deal), deals)
        with reading(sessions) as session:
            tracemalloc.start()
            count = sum(len(client.deals) for client in snapshots.clients(session, 1, Policy(), ZONE))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert count >= clients * 10
    assert peaks[1] < 2 * peaks[0] + 2_000_000


def test_the_named_date_field_of_a_company_reaches_the_rules_and_wins(filled: Sessions) -> None:
    """Company 3 has a service deal since 2024, but its card says since when it is a client (E1)."""
    said = date(2011, 11, 11)
    policy = replace(PIPELINE, since_field="UF_CRM_SINCE", since_field_on="company")
    with transaction(filled) as session:
        session.get_one(Company, (1, 3)).since_field = said
    with reading(filled) as session:
        streamed = {client.key: client for client in snapshots.clients(session, 1, policy, ZONE)}
        key = ClientKey("company", 3)
        picked = snapshots.clients_by_key(session, 1, policy, ZONE, [key], [3])
        other = {client.key: client for client in snapshots.clients(session, 2, policy, ZONE)}
    assert streamed[key].since_field == picked[key].since_field == said
    assert {number: client.since_field for number, client in streamed.items() if number != key} == {
        ClientKey("company", 5): None, ClientKey("contact", 60): None,
    }  # fmt: skip
    assert other[key].since_field is None
    since = client_since(streamed[key], policy)
    assert since is not None
    assert (since.day, since.source) == (said, "since_field")
    unnamed = client_since(streamed[key], PIPELINE)
    assert unnamed is not None
    assert unnamed.source == "service"

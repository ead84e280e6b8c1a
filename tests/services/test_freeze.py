"""Freezing a list: everybody with one reason or asked, addresses from the portal, and crashes that lose nothing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from integration.bitrix.errors import Retryable
from integration.nps.standing import facts_from
from integration.services import chores, waves
from integration.services.waves import WaveError
from integration.services.waves_freeze import freeze
from integration.store import rates, wave_lists
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal, OptOut
from integration.store.followups import FollowUp
from integration.store.portals import Staff
from tests.conftest import HandClock
from tests.services.wave_world import MANAGER, SERVICE, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def frozen(world: World) -> int:
    wave_id = world.planned()
    freeze(world.deps, world.portal_id, wave_id)
    return wave_id


def test_each_client_is_asked_or_has_exactly_one_reason_the_first_that_applies(world: World) -> None:
    world.client(2)
    world.client(3, since=date(2026, 1, 2))
    world.client(4, people=0)
    world.client(5, email=None)
    world.client(6, opted_out=True)
    world.client(7, hold_until=date(2026, 6, 1))
    world.client(8)
    world.set(Deal, (world.portal_id, 80), semantics="F", stage_id="C9:LOSE")
    world.person(900)
    world.client(10, opted_out=True, hold_until=date(2026, 6, 1))
    frozen(world)
    assert world.reasons() == {
        2: "", 3: "too_new", 4: "no_respondent", 5: "no_channel", 6: "opted_out", 7: "on_hold", 8: "not_current",
        900: "", 10: "opted_out",
    }  # fmt: skip
    assert {row.client_id for row in world.lines().values() if row.eligible} == {2, 900}
    assert set(world.invitations()) == {200, 900}
    assert world.wave().frozen_at is not None


def test_a_client_too_new_is_kept_with_the_day_from_which_it_may_be_asked(world: World) -> None:
    world.client(3, since=date(2026, 1, 2))
    frozen(world)
    assert facts_from(world.lines()["company", 3].reason_detail) == {
        "since": "2026-01-02",
        "from": "2026-04-02",
    }


def test_who_never_had_a_deal_own_companies_and_deleted_cards_are_no_clients(world: World) -> None:
    world.client(2)
    world.client(3, own=True)
    world.client(4, deleted_at=world.clock.now())
    world.client(5)
    world.set(Deal, (world.portal_id, 50), recurring=True)
    with transaction(world.deps.sessions) as session:
        session.add(Company(portal_id=world.portal_id, id=6, title="Поставщик"))
        session.add(Contact(portal_id=world.portal_id, id=600, name="Никто"))
    frozen(world)
    assert set(world.reasons()) == {2}


def test_the_line_keeps_the_facts_of_that_day(world: World) -> None:
    world.client(2, since=date(2024, 5, 1))
    with transaction(world.deps.sessions) as session:
        for number, days, amount, currency in (
            (21, 30, 1000, "RUB"),
            (22, 400, 5000, "RUB"),
            (23, 30, 9, "USD"),
            (25, 30, 7, "XXX"),
        ):
            session.add(
                Deal(portal_id=world.portal_id, id=number, category_id=0, stage_id="WON", semantics="S",
                     client_kind="company", client_id=2, amount=amount, currency=currency, assigned_by=MANAGER,
                     won_at=world.clock.now() - timedelta(days=days), close_on=date(2023, 1, 1))
            )  # fmt: skip
        session.add(
            Deal(portal_id=world.portal_id, id=24, category_id=SERVICE, stage_id="C9:NEW", client_kind="company",
                 client_id=2, begin_on=date(2023, 1, 1))
        )  # fmt: skip
        day = world.clock.now().date() - timedelta(days=33)
        rates.keep(session, world.portal_id, "RUB", day, {"USD": Decimal("91.5")})
    frozen(world)
    line = world.lines()[("company", 2)]
    assert (line.deal_id, line.deal_ids) == (20, [24])
    assert (line.since, line.since_source) == (date(2023, 1, 1), "begin")
    assert (line.manager_id, line.salesperson_id, line.city) == (MANAGER, MANAGER, "Казань")
    assert line.yearly_revenue == Decimal(
        "1823.50"
    )  # the last twelve months, at the rates of the days they were won


def test_addresses_are_normalised_and_the_contact_of_the_deal_comes_first(world: World) -> None:
    world.client(2, people=3)
    world.set(Deal, (world.portal_id, 20), contact_id=202)
    world.set(Contact, (world.portal_id, 201), role="daily")
    world.contacts.emails = {
        200: ["a@client.example.com"],
        201: ["b@client.example.com"],
        202: [" Anna@CLIENT.Example.com "],
    }
    world.contacts.phones[202] = ["8 (495) 123-45-67"]
    frozen(world)
    found = world.invitations()
    assert set(found) == {202, 201}
    assert (found[202].address, found[202].phone) == ("Anna@client.example.com", "+74951234567")
    assert (found[202].name, found[202].language, found[202].sender_key) == (
        "Анна Коваль-202",
        "ru",
        "branch",
    )
    assert found[201].role == "daily"
    assert len({row.token for row in found.values()} | {""}) == 3
    assert all(len(row.token) >= 22 for row in found.values())


def test_unusable_addresses_leave_a_client_without_a_channel(world: World) -> None:
    world.client(2)
    world.contacts.emails[200] = ["not an address", "иван@", "x@localhost"]
    frozen(world)
    assert world.reasons() == {2: "no_channel"}


def test_a_shared_mailbox_is_used_only_if_nobody_else_is_there_and_is_marked(world: World) -> None:
    world.client(2, people=2)
    world.contacts.emails = {200: ["info@client.example.com"], 201: ["real@client.example.com"]}
    world.client(3)
    world.contacts.emails[300] = ["sales@other.example.com"]
    frozen(world)
    assert {n: (row.address, row.shared) for n, row in world.invitations().items()} == {
        201: ("real@client.example.com", False), 300: ("sales@other.example.com", True),
    }  # fmt: skip


def test_never_again_holds_for_the_person_on_every_card(world: World) -> None:
    """The same address, or the same phone, on another client's card."""
    world.client(2)
    world.client(3, email="same@person.example.com")
    world.client(4)
    with transaction(world.deps.sessions) as session:
        session.add(
            OptOut(
                portal_id=world.portal_id,
                address="same@person.example.com",
                contact_id=77,
                said_at=world.clock.now(),
            )
        )
        session.add(Contact(portal_id=world.portal_id, id=9000, name="Другая карточка", opted_out=True))
    world.contacts.phones = {9000: ["+7 495 765-43-21"], 400: ["84957654321"]}
    frozen(world)
    assert world.reasons() == {2: "", 3: "opted_out", 4: "opted_out"}


def test_a_person_on_two_cards_is_asked_once(world: World) -> None:
    world.client(2, email="both@person.example.com")
    world.client(3, email="Both@Person.example.com")
    frozen(world)
    assert world.reasons() == {2: "", 3: "asked_recently"}
    assert len(world.invitations()) == 1


def test_who_was_asked_in_an_earlier_wave_is_left_alone_also_under_another_card(world: World) -> None:
    world.client(2)
    world.client(3, email="moved@person.example.com")
    first = frozen(world)
    world.left(200)
    world.left(300, status="unknown")
    waves.cancel(world.deps, world.portal_id, first, "Пётр Сом", "проба")
    with transaction(world.deps.sessions) as session:
        session.add(Contact(portal_id=world.portal_id, id=401, name="Анна"))
        session.add(ContactCompany(portal_id=world.portal_id, contact_id=401, company_id=4))
    world.client(4, people=0)
    world.contacts.emails[401] = ["moved@person.example.com"]
    second = waves.plan_wave(world.deps, world.portal_id, date(2027, 3, 1), "Пётр Сом")
    assert second is not None
    world.clock.advance(days=200)
    freeze(world.deps, world.portal_id, second)
    lines = {row.client_id: row.reason for row in world.lines().values() if row.wave_id == second}
    assert lines == {2: "asked_recently", 3: "asked_recently", 4: "asked_recently"}
    world.clock.advance(days=101)
    freeze(world.deps, world.portal_id, second)
    lines = {row.client_id: row.reason for row in world.lines().values() if row.wave_id == second}
    assert lines[2] == ""


def test_fields_chosen_in_the_settings_go_before_the_defaults_where_they_are_filled(world: World) -> None:
    """Who serves, who sold, the year's revenue (E7); an empty field says nothing; a zero is a zero."""
    for number in (2, 3, 4, 5):
        world.client(number)
    said = {"manager": 5, "sales": 1, "revenue": "1200.50", "currency": "RUB"}
    world.set(Company, (world.portal_id, 2), chosen=said)
    world.set(Company, (world.portal_id, 4), chosen={"revenue": "0", "currency": ""})
    world.set(
        Company, (world.portal_id, 5), chosen={"revenue": "7", "currency": "XXX"}
    )  # nobody knows its rate
    with transaction(world.deps.sessions) as session:
        won = session.get_one(Deal, (world.portal_id, 40))
        won.semantics, won.close_on = "S", date(2026, 1, 10)
    frozen(world)
    found = {
        number: (row.manager_id, row.salesperson_id, float(row.yearly_revenue))
        for (_, number), row in world.lines().items()
    }
    assert found == {2: (5, 1, 1200.5), 3: (6, 6, 0.0), 4: (6, 6, 0.0), 5: (6, 6, 0.0)}
    assert {world.invitations()[n].sender_key for n in (200, 300)} == {"head", "branch"}


def test_the_zone_is_of_the_field_else_the_address_else_the_employee_else_the_portal(world: World) -> None:
    for number, city in ((2, "г. Новосибирск"), (3, "Новосибирск"), (4, "Глухомань"), (5, "Глухомань")):
        world.client(number, city=city)
    world.set(Contact, (world.portal_id, 200), time_zone="Asia/Tashkent")
    world.set(Contact, (world.portal_id, 300), time_zone="нет такого")
    world.set(Contact, (world.portal_id, 400), assigned_by=MANAGER)
    world.set(Staff, (world.portal_id, MANAGER), time_zone="Asia/Omsk")
    world.set(Company, (world.portal_id, 5), assigned_by=1)
    frozen(world)
    assert {n: (row.time_zone, row.zone_source) for n, row in world.invitations().items()} == {
        200: ("Asia/Tashkent", "field"), 300: ("Asia/Novosibirsk", "address"), 400: ("Asia/Omsk", "responsible"),
        500: ("Europe/Moscow", "portal"),
    }  # fmt: skip


def test_people_without_an_address_are_kept_for_the_rehearsal_where_their_client_is_asked(
    world: World,
) -> None:
    """The one who decides, say; whoever has no role is not missed, and a client nobody can reach has its own reason."""
    world.client(2, people=4)
    world.client(3, people=2, email=None)
    for contact, role in ((201, "decides"), (202, "daily")):
        world.set(Contact, (world.portal_id, contact), role=role)
    for contact in (201, 203):
        del world.contacts.emails[contact]
    wave_id = frozen(world)
    with transaction(world.deps.sessions) as session:
        found = wave_lists.without_address(session, world.portal_id, wave_id)
    assert found == [("Клиент 2", 201, "decides")]
    warned = waves.rehearse(world.deps, world.portal_id, wave_id)["warnings"]
    lonely = next(one for one in warned if one["code"] == "people_without_address")
    assert lonely["params"] == {"people": 1, "deciding": 1}
    assert [(one["name"], one["id"]) for one in lonely["who"]] == [("Анна Коваль-201 · Клиент 2", 201)]


def test_only_who_got_the_question_or_answered_was_asked_not_whose_letter_came_to_grief(world: World) -> None:
    for number in range(2, 8):
        world.client(number)
    first = frozen(world)
    world.left(200, status="done")
    world.left(300, status="buried")
    world.left(400, status="cancelled")
    world.left(500, "announcement")
    world.left(600, "reminder")
    world.answer(700, 9)
    world.clock.advance(days=1)
    waves.cancel(world.deps, world.portal_id, first, "Пётр Сом", "проба")
    second = waves.plan_wave(world.deps, world.portal_id, date(2027, 3, 1), "Пётр Сом")
    assert second is not None
    world.clock.advance(days=200)
    freeze(world.deps, world.portal_id, second)
    lines = {row.client_id: row.reason for row in world.lines().values() if row.wave_id == second}
    assert lines == {2: "asked_recently", 3: "", 4: "", 5: "", 6: "asked_recently", 7: "asked_recently"}


def test_of_forty_contacts_those_with_a_role_are_asked_and_no_more_than_may_be(world: World) -> None:
    world.client(2, people=40)
    world.client(3, people=40)
    for contact, role in ((307, "daily"), (311, "decides"), (312, "other"), (313, "decides")):
        world.set(Contact, (world.portal_id, contact), role=role)
    frozen(world)
    asked = {contact: row.role for contact, row in world.invitations().items()}
    assert asked == {200: "", 300: "", 311: "decides", 313: "decides"}
    assert world.contacts.requests == 1


def test_an_open_follow_up_keeps_a_client_out(world: World) -> None:
    world.client(2)
    with transaction(world.deps.sessions) as session:
        session.add(
            FollowUp(portal_id=world.portal_id, key="k", kind="passive_call", client_kind="company", client_id=2,
                     owner_id=5, deadline=world.clock.now(), opened_at=world.clock.now())
        )  # fmt: skip
    frozen(world)
    line = world.lines()[("company", 2)]
    assert (line.reason, line.reason_detail) == ("on_hold", "why=open_follow_up; until=None")


def test_people_are_read_in_batches_of_fifty_per_call_and_few_requests(world: World) -> None:
    for number in range(2, 122):
        world.client(number)
    frozen(world)
    assert len(world.invitations()) == 120
    assert world.contacts.requests == 1


@pytest.mark.parametrize("failures", [1, 3])
def test_a_portal_that_cannot_be_read_stops_the_freeze_and_it_goes_on_where_it_was(
    world: World, failures: int
) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.planned()
    world.contacts.fail = [Retryable("batch", "connection", effect="none") for _ in range(failures)]
    for _ in range(failures):
        with pytest.raises(Retryable):
            freeze(world.deps, world.portal_id, wave_id)
        assert world.wave().frozen_at is None
        assert set(world.reasons().values()) == {"pending"}
    freeze(world.deps, world.portal_id, wave_id)
    assert world.reasons() == {2: "", 3: ""}


def test_a_freeze_cut_into_single_steps_ends_like_one_in_one_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the worker died after each transaction: the cursor carries on, nobody is listed twice."""
    monkeypatch.setattr("integration.services.waves_freeze._CHUNK", 3)
    monkeypatch.setattr("integration.services.waves_respondents._CHUNK", 2)
    for number in range(2, 16):
        world.client(number, since=date(2026, 1, 10) if number % 3 == 0 else date(2024, 5, 1))
    world.client(16, email="p200@client.example.com")
    world.person(9000)
    wave_id = world.planned()
    steps = 0
    while world.wave().frozen_at is None:
        freeze(world.deps, world.portal_id, wave_id, steps=1)
        steps += 1
        assert steps < 60
    pieces = world.reasons()
    again = freeze(world.deps, world.portal_id, wave_id)
    assert world.reasons() == pieces
    assert again == {"": 10, "too_new": 5, "asked_recently": 1}
    assert steps > 10


def test_two_workers_freezing_at_once_make_one_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker finishes the list while this one waits for the portal: its result is dropped."""
    for number in range(2, 8):
        world.client(number)
    wave_id = world.planned()
    genuine = world.contacts.batch
    calls: list[int] = []

    def slow(requests: object, *, halt: bool = False) -> object:
        calls.append(1)
        if len(calls) == 1:
            freeze(world.deps, world.portal_id, wave_id)
        return genuine(requests, halt=halt)  # type: ignore[arg-type]

    monkeypatch.setattr(world.contacts, "batch", slow)
    freeze(world.deps, world.portal_id, wave_id)
    assert len(world.invitations()) == 6
    assert [e.what for e in world.events()].count("frozen") == 1


def test_freezing_again_keeps_exclusions_and_takes_the_newest_rules(world: World) -> None:
    world.client(2)
    world.client(3)
    wave_id = frozen(world)
    waves.exclude(world.deps, world.portal_id, wave_id, world.lines()[("company", 3)].id, "Ольга Лис", "суд")
    world.policy(max_respondents=1)
    freeze(world.deps, world.portal_id, wave_id)
    line = world.lines()[("company", 3)]
    assert (line.reason, line.reason_detail) == ("excluded_by_hand", "Ольга Лис: суд")
    assert set(world.invitations()) == {200}
    assert world.wave().policy_version == 2


def test_an_approved_list_stands(world: World) -> None:
    world.client(2)
    wave_id = world.approved()
    with pytest.raises(WaveError, match="list_is_final"):
        freeze(world.deps, world.portal_id, wave_id)
    with pytest.raises(WaveError, match="no_such_wave"):
        freeze(world.deps, world.portal_id + 1, wave_id)


def test_an_empty_portal_gives_an_empty_list(world: World) -> None:
    frozen(world)
    assert world.reasons() == {}
    assert world.contacts.requests == 0


def test_ordered_in_the_background_the_chore_freezes_slice_by_slice(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    waves.order_freeze(world.deps, world.portal_id, wave_id)
    for _ in range(5):
        chores.run_due(world.deps)
    assert world.reasons() == {2: ""}

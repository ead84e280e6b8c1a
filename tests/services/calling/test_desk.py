"""The desk gives one client to one caller, in the order of the rule, and says why there is nobody (W7 to W10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.services.calling import desk as service
from integration.services.calling.types import Caller, CardShown
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.portals import Portal
from integration.store.waves import WaveClient
from tests.conftest import HandClock, a_portal
from tests.services.calling import desk_world
from tests.services.calling.desk_world import ADA, BEN, MONDAY, Desk


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock)


def _shown(desk: Desk, caller: Caller | None = None) -> CardShown:
    card = desk.page(caller).card
    assert card is not None
    return card


def _order(desk: Desk, many: int) -> list[int]:
    """The contacts that are given out one after the other, each given back."""
    found, skip = [], ""
    for _ in range(many):
        assert desk.take(skip=skip) == "taken"
        card = _shown(desk)
        found.append(next(contact for contact, number in desk.ids.items() if number == card.invitation_id))
        desk.set(found[-1], call_due_at=None, promised_at=None)
        skip = card.key
    return found


def test_clients_come_in_the_order_of_the_rule_and_to_one_caller_at_a_time(
    sessions: Sessions, clock: HandClock
) -> None:
    """A promise first, shown two minutes early; then fewest attempts, then longest due; one client, one caller."""
    desk = desk_world.make(sessions, clock, people={11: 2, 12: 1, 13: 1, 14: 1, 15: 1})
    ada, ben = desk.caller(ADA), desk.caller(BEN)
    hour = timedelta(hours=1)
    promise = MONDAY + timedelta(minutes=2)
    desk.set(1100, attempts=1, call_due_at=MONDAY - 3 * hour)
    desk.set(1101, call_due_at=MONDAY - hour)
    desk.set(1200, call_due_at=MONDAY - 2 * hour)
    desk.set(1300, attempts=3, promised_at=promise, call_due_at=promise)
    desk.set(1400, promised_at=MONDAY + 3 * hour, call_due_at=MONDAY + 3 * hour)
    desk.set(1500, outcome="answered")
    waiting = desk.page(ada).waiting
    assert (waiting.now, waiting.promised, waiting.later, waiting.held, waiting.own) == (4, 1, 0, 0, 0)
    assert waiting.next_promise is not None
    assert waiting.next_promise.local.hour == 13

    mine = desk.taken(ada)
    assert _shown(desk, ada).invitation_id == desk.ids[1300]
    assert _shown(desk, ada).promised == promise
    assert (desk.take(ada), desk.key(ada)) == ("taken", mine), "a page loaded again shows the same client"
    assert desk.take(ben) == "taken"
    assert _shown(desk, ben).invitation_id == desk.ids[1200]
    assert service.give_back(desk.deps, ada, mine)
    assert not service.give_back(desk.deps, ada, mine)
    assert desk.record(desk.key(ben), "no_answer", ben).status == "done"
    assert desk.take(ben) == "taken"
    assert _shown(desk, ben).invitation_id == desk.ids[1300], "given back, taken by the next"
    assert desk.take(ada) == "taken"
    assert _shown(desk, ada).invitation_id == desk.ids[1101]
    assert desk.take(desk.caller(23)) == "nobody", (
        "another person of a client that is in hand is called by nobody"
    )
    assert (desk.page(desk.caller(23)).why, desk.page(desk.caller(23)).waiting.held) == ("in_hands", 3)


def test_a_client_is_kept_by_an_open_page_and_comes_back_from_a_closed_one(desk: Desk) -> None:
    ada, ben = desk.caller(ADA), desk.caller(BEN)
    key = desk.taken(ada)
    for _ in range(3):
        desk.clock.advance(minutes=4)
        assert service.keep(desk.deps, ada, key)
        assert not service.keep(desk.deps, ben, key), "a key is of use to nobody else"
        assert not service.give_back(desk.deps, ben, key)
        assert desk.take(ben) == "nobody"
    desk.clock.advance(minutes=5)
    assert desk.page(ada).card is None
    assert service.keep(desk.deps, ada, key), "nobody has taken the client meanwhile"
    desk.clock.advance(minutes=6)
    assert desk.take(ben) == "taken"
    assert not service.keep(desk.deps, ada, key)
    assert not service.give_back(desk.deps, ada, key)
    assert [one.holder for one in desk.leases()] == [ben.holder]
    for bad in (
        "",
        "x",
        "ключ",
        key[:-2],
        desk.deps.signer.sign("frame", {"i": 1, "k": "x"}, desk.clock.now()),
    ):
        assert not service.keep(desk.deps, ada, bad)
        assert not service.give_back(desk.deps, ada, bad)


def test_whoever_is_put_aside_is_not_given_out_again_at_once(one_engine: Engine, clock: HandClock) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    assert _order(desk, 2) == [1100, 1200]
    desk.set(1100, call_due_at=MONDAY)
    assert desk.take(skip=desk.key()) == "taken"
    assert desk.page().card is not None
    assert _shown(desk).invitation_id == desk.ids[1100]
    assert desk.take(skip=_shown(desk).key) == "taken", "there is nobody else"
    assert _shown(desk).invitation_id == desk.ids[1100]


OWN: list[dict[str, Any]] = [
    {"line": {"manager_id": ADA}},
    {"line": {"salesperson_id": ADA}},
    {"card": {"assigned_by": ADA}},
    {"card": {"chosen": {"manager": ADA}}},
    {"card": {"chosen": {"sales": ADA}}},
    {"deal": {"assigned_by": ADA}},
    {"deal": {"assigned_by": ADA, "semantics": "S"}},
]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_nobody_is_given_the_own_client_and_nobody_records_it(
    kind: str, request: pytest.FixtureRequest, clock: HandClock
) -> None:
    """Account manager, salesperson, responsible of the card or of its deals; all others are given it (W10)."""
    engine = request.getfixturevalue("one_engine" if kind == "sqlite" else "postgres_engine")
    if kind == "postgres":
        request.getfixturevalue("postgres_url")
    desk = desk_world.make(make_sessions(engine), clock)
    pid, line_id = desk.world.portal_id, desk.one().wave_client_id
    plain: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "line": (WaveClient, line_id, {"manager_id": 6, "salesperson_id": None}),
        "card": (Company, (pid, 11), {"assigned_by": 6, "chosen": {}}),
        "deal": (Deal, (pid, 110), {"assigned_by": 6, "semantics": "P"}),
    }
    for changes in OWN if kind == "sqlite" else OWN[3:]:
        for name, (table, key, values) in plain.items():
            desk.world.set(table, key, **(values | changes.get(name, {})))
        assert desk.take() == "nobody", changes
        page = desk.page()
        assert (page.why, page.waiting.own, page.waiting.now) == ("own_only", 1, 0), changes
        assert desk.take(desk.caller(BEN)) == "taken", changes
        assert service.give_back(desk.deps, desk.caller(BEN), desk.key(desk.caller(BEN)))
        assert desk.take(desk.link()) == "taken", "nobody of a call centre serves a client"
        assert service.give_back(desk.deps, desk.link(), desk.key(desk.link()))
    for table, key, values in plain.values():
        desk.world.set(table, key, **values)
    key = desk.taken()
    desk.world.set(Company, (pid, 11), assigned_by=ADA)
    said = desk.record(key, "answered", score="9")
    assert (said.status, said.problems) == ("problem", (("outcome", "own_client"),))
    assert desk.attempts() == []
    assert desk.record(key, "never").status == "done", "whoever has heard it"


def test_the_desk_says_why_there_is_nobody(desk: Desk) -> None:
    """The survey's stage, hours, what is over; with the moment somebody can be called next."""
    plan = desk.world.wave().plan
    for stage, why in (
        ("draft", "not_begun"), ("announced", "not_begun"), ("paused", "paused"), ("closing", "over"),
        ("closed", "over"),
    ):  # fmt: skip
        desk.set_wave(stage=stage)
        page = desk.page()
        assert (page.why, page.waiting.wave, desk.take()) == (why, "2026", "nobody"), stage
        assert (page.begins == datetime(2026, 3, 2, 6, tzinfo=UTC)) == (why == "not_begun"), stage
    desk.set_wave(stage="announced", plan={**plan, "calling": None})
    assert desk.page().why == "no_survey"
    desk.set_wave(stage="cancelled")
    assert desk.page().why == "no_survey", "no survey that has not been called off"
    desk.set_wave(stage="calling", plan=plan)
    desk.world.set(Portal, desk.world.portal_id, status="suspended")
    assert (desk.page().why, desk.take()) == ("suspended", "suspended")
    desk.world.set(Portal, desk.world.portal_id, status="active")
    assert desk.page().why == ""
    desk.set(outcome="refused")
    assert (desk.page().why, desk.take()) == ("all_done", "nobody")


def test_a_slot_that_is_over_is_moved_on_and_the_desk_names_the_next(desk: Desk) -> None:
    """After hours nobody is given out; opening the desk says when and where somebody can be called."""
    desk.clock.moment = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)  # 19:00 in Moscow
    page = desk.page()
    assert (page.why, page.waiting.now, page.waiting.later) == ("later", 0, 1)
    opens = page.waiting.opens
    assert opens is not None
    assert (opens.at, opens.city, opens.zone, opens.count) == (
        datetime(2026, 3, 3, 6, 0, tzinfo=UTC),
        "Kazan",
        "Europe/Moscow",
        1,
    )
    assert opens.local.hour == 9
    assert desk.one().call_due_at == opens.at
    assert desk.take() == "nobody"
    desk.clock.moment = opens.at
    assert desk.take() == "taken"
    shown = _shown(desk)
    assert shown.until == datetime(2026, 3, 3, 9, 0, tzinfo=UTC), "the morning is over at noon there"


def test_a_call_back_nobody_made_in_time_waits_for_the_next_hours(desk: Desk) -> None:
    """In the evening and at the weekend nobody is said to wait whom nobody can call; then the promise goes first."""
    assert desk.call("call_back", call_back_at="2026-03-06T17:00").status == "done"
    monday = datetime(2026, 3, 9, 6, 0, tzinfo=UTC)
    for evening in (datetime(2026, 3, 6, 16, 30, tzinfo=UTC), datetime(2026, 3, 7, 9, 0, tzinfo=UTC)):
        desk.clock.moment = evening
        page = desk.page()
        assert (page.why, page.waiting.now, page.waiting.later) == ("later", 0, 1)
        assert page.waiting.opens is not None
        assert page.waiting.opens.at == monday
        assert desk.take() == "nobody"
    desk.clock.moment = monday
    assert (desk.page().waiting.now, desk.take()) == (1, "taken")
    assert _shown(desk).promised is not None


def test_whoever_is_not_to_be_called_any_more_is_left_to_the_machine(desk: Desk) -> None:
    """A hold, a phone that is gone: found when the client was to be given out."""
    desk.set(phone="")
    assert desk.take() == "nobody"
    one = desk.one()
    assert (one.call_due_at, one.call_until, one.due_at) == (None, None, desk.clock.now())


def test_many_stale_people_keep_nobody_from_the_one_who_can_be_called(
    one_engine: Engine, clock: HandClock
) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock, people=dict.fromkeys(range(11, 41), 1))
    for number in range(11, 40):
        desk.set(number * 100, time_zone="Asia/Vladivostok")  # 17:00 there; two hours later it is too late
    desk.clock.advance(hours=2)
    assert desk.take() == "taken"
    assert _shown(desk).invitation_id == desk.ids[4000]
    opens = desk.page(desk.caller(BEN)).waiting.opens
    assert opens is not None
    assert (opens.zone, opens.count) == ("Asia/Vladivostok", 29)


def test_a_link_sees_its_own_survey_and_only_what_is_needed(desk: Desk) -> None:
    """No address, no card, no colleagues' names, no held answer; nothing of another survey (W9)."""
    desk.call("no_answer", note="try at three")
    desk.clock.advance(hours=3)
    desk.world.answer(1100, 4, status="held")
    link = desk.link()
    assert desk.take(desk.link(wave_id=desk.wave_id + 1)) == "nobody"
    key = desk.taken(link)
    card = _shown(desk, link)
    assert card.email == "p…@c…"
    assert (card.client_kind, card.client_id, card.held) == ("", 0, None)
    assert [(one.caller, one.note, one.outcome) for one in card.earlier] == [
        ("", "try at three", "no_answer")
    ]
    assert desk.page(desk.link(wave_id=desk.wave_id + 1)).card is None
    assert desk.record(key, "busy", desk.link(wave_id=desk.wave_id + 1)).why == "unknown"
    assert service.taken(desk.deps, link) is not None
    assert service.give_back(desk.deps, link, key)
    assert service.taken(desk.deps, link) is None
    desk.taken()
    own = _shown(desk)
    assert own.email == "p1100@client.example.com"
    assert (own.client_kind, own.client_id) == ("company", 11)
    assert own.held is not None
    assert own.held.score == 4
    assert [one.caller for one in own.earlier] == ["Caller 21 (21)"]
    assert own.earlier[0].mine


def test_a_caller_of_another_portal_finds_nothing(desk: Desk) -> None:
    key = desk.taken()
    with transaction(desk.deps.sessions) as session:
        other = a_portal(member_id="other")
        session.add(other)
        session.flush()
        stranger = Caller(other.id, "user:21", "Stranger", user_id=ADA)
    assert desk.take(stranger) == "nobody"
    assert (desk.page(stranger).card, desk.page(stranger).why) == (None, "no_survey")
    assert not service.keep(desk.deps, stranger, key)
    assert desk.record(key, "busy", stranger).why == "unknown"
    done = desk.record(key, "busy")
    assert desk.undo(done.attempt_id, stranger) == "unknown"


def test_the_card_shows_what_a_call_needs(desk: Desk) -> None:
    """Phone for people and for the link, local time, words in the client's language that name service and people."""
    with transaction(desk.deps.sessions) as session:
        session.get_one(Company, (desk.world.portal_id, 1)).title = "Ромашка"
    desk.taken()
    card = _shown(desk)
    assert (card.phone, card.tel, card.country) == ("8 (495) 100-11-00", "+74951001100", "RU")
    assert (card.local_time.hour, card.zone, card.number, card.most) == (10, "Europe/Moscow", 1, 12)
    assert [(one.code, one.local.isoformat()) for one in card.quick] == [
        ("hour", "2026-03-02T11:00:00"), ("afternoon", "2026-03-02T15:00:00"), ("morning", "2026-03-03T09:00:00"),
    ]  # fmt: skip
    said = card.script
    assert said.hello.startswith("Анна, здравствуйте! Это Caller 21, «Ромашка».")
    assert "«Сопровождение»" in said.about
    assert "Иван Петров" in said.about
    assert "«Ромашка»" in said.question
    assert "Пётр Сом" in said.thanks
    assert said.version == "call/1/ru"
    assert sorted(card.scripts) == ["en", "ru", "uk"]
    assert card.scripts["en"].hello.startswith("Анна, hello! This is Caller 21 from Ромашка.")
    desk.set(phone="+380441234567", language="uk", time_zone="Europe/Kyiv")
    card = _shown(desk)
    assert (card.phone, card.tel, card.country) == ("+380 44 123 4567", "+380441234567", "UA")
    assert card.script.language == "uk"
    assert card.local_time.hour == 9
    desk.set(outcome="answered")
    assert _shown(desk).outcome == "answered", "the page can say that the call is not needed any more"
    assert desk.take() == "nobody"
    assert desk.leases() == []

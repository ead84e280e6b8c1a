"""The machine's side of calls: who is on the list, when each is called, when letters take over (product.md W7)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from integration.nps.people import ClientKey
from integration.nps.wave_dates import Wished
from integration.services import holds, wave_dates, wave_refusals, wave_returns, waves
from integration.store import wave_lists
from integration.store.attempts import Attempt, CallLease
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.wave_world import MANAGER, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
POLICY = {"calling": True, "callers": [MANAGER], "thanks_letters": False}  # calls 2.3., letters 12.3.
BOTH, PHONE, MAIL = 200, 300, 400  # people by how they can be reached


def msk(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MOSCOW)


def made(sessions: Sessions, clock: HandClock) -> World:
    """Three clients: with phone and e-mail, with a phone alone, with an e-mail alone."""
    world = make_world(sessions, clock, policy=POLICY)
    world.client(2)
    world.client(3, email=None)
    world.client(4)
    world.contacts.phones |= {BOTH: ["+79160000001"], PHONE: ["+79160000002"]}
    return world


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    return made(make_sessions(one_engine), clock)


def due(world: World) -> dict[int, tuple[datetime, datetime]]:
    """Who is to be called from when until when, by contact."""
    found = {}
    for contact, one in world.invitations().items():
        assert (one.call_due_at is None) == (one.call_until is None)
        if one.call_due_at is not None and one.call_until is not None:
            found[contact] = (one.call_due_at.astimezone(MOSCOW), one.call_until.astimezone(MOSCOW))
    return found


def call(world: World, contact: int, outcome: str, **changes: object) -> None:
    """A call that ends now, as the desk writes it down; `changes`: what follows for the person."""
    one, now = world.invitations()[contact], world.clock.now()
    with transaction(world.deps.sessions) as session:
        session.add(
            Attempt(
                portal_id=one.portal_id, wave_id=one.wave_id, invitation_id=one.id, number=one.attempts + 1,
                key=f"k{one.id}-{one.attempts}", outcome=outcome, phone=one.phone, started_at=now, ended_at=now,
                caller=f"user:{MANAGER}",
            )
        )  # fmt: skip
        row = session.get_one(Invitation, one.id)
        row.attempts, row.due_at = row.attempts + 1, now
        for name, value in changes.items():
            setattr(row, name, value)
    world.tick()


def lease(world: World, contact: int, until: datetime) -> None:
    one = world.invitations()[contact]
    with transaction(world.deps.sessions) as session:
        session.add(
            CallLease(
                wave_client_id=one.wave_client_id, portal_id=one.portal_id, wave_id=one.wave_id, invitation_id=one.id,
                key="lease", holder="user:9", taken_at=world.clock.now(), until=until,
            )
        )  # fmt: skip


def kinds(world: World, contact: int) -> list[str]:
    number = world.invitations()[contact].id
    return [row.kind for row in world.letters(status="done") if row.invitation_id == number]


def test_a_wave_that_calls_goes_from_its_list_to_its_end(sessions: Sessions, clock: HandClock) -> None:
    """Who can only be called is on the list, gets no letter, and ends as unreachable with the attempts listed; who was
    not reached gets the letter by itself; nobody is to be called outside of the stages."""
    world = made(sessions, clock)
    world.client(5, email=None)  # neither
    world.client(6)  # the number of another client's person: one person on two cards
    world.contacts.phones[600] = ["8 (916) 000-00-01"]
    wave_id = world.planned()
    report = waves.rehearse(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert [one["code"] for one in report["notes"]][-2:] == ["phone_only", "no_phone"]
    assert {5: "no_channel", 6: "asked_recently"}.items() <= world.reasons().items()
    assert report["errors"] == []
    waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
    world.until(msk(3, 1))
    assert due(world) == {}
    assert [kinds(world, one) for one in (BOTH, PHONE, MAIL)] == [["announcement"], [], ["announcement"]]
    world.until(msk(3, 2))
    assert world.wave().stage == "calling"
    assert due(world) == dict.fromkeys((BOTH, PHONE), (msk(3, 2), msk(3, 2, 12)))
    world.clock.moment = msk(3, 2, 9, 30)
    for contact in (BOTH, PHONE):
        call(world, contact, "no_answer")
    assert due(world) == dict.fromkeys((BOTH, PHONE), (msk(3, 2, 12, 30), msk(3, 2, 15)))
    world.until(msk(3, 12))
    assert [kinds(world, one)[-1:] for one in (BOTH, PHONE, MAIL)] == [["invitation"], [], ["invitation"]]
    assert due(world).keys() == {PHONE}
    call(world, PHONE, "call_back", promised_at=msk(3, 13, 11, 5))
    assert due(world) == {PHONE: (msk(3, 13, 11, 5), msk(3, 13, 18))}
    world.until(msk(5, 1))
    found = world.invitations()
    assert world.wave().stage == "closed"
    assert {contact: one.outcome for contact, one in found.items()} == {
        BOTH: "no_answer", PHONE: "unreachable", MAIL: "no_answer",
    }  # fmt: skip
    assert found[BOTH].outcome_detail["attempts"] == ["1 2026-03-02T06:30+00:00 no_answer"]
    assert found[PHONE].outcome_detail == {
        "touches": [], "why": "no_address",
        "attempts": ["1 2026-03-02T06:30+00:00 no_answer", "2 2026-03-12T06:00+00:00 call_back"],
    }  # fmt: skip
    assert "attempts" not in found[MAIL].outcome_detail
    assert due(world) == {}


def test_whatever_happens_to_a_person_or_the_wave_the_desk_sees_it(world: World) -> None:
    """Hold and its end, exclusion and return, refusal and its undoing, pause, other days, an early end."""
    wave_id, pid, deps = world.approved(), world.portal_id, world.deps
    world.until(msk(3, 2))
    first, line = (msk(3, 2), msk(3, 2, 12)), world.lines()[("company", 2)].id
    client, anna = ClientKey("company", 2), world.invitations()[BOTH].id

    def seen() -> tuple[datetime, datetime] | None:
        world.tick()
        return due(world).get(BOTH)

    assert seen() == first
    holds.put(deps, pid, client, until=date(2026, 3, 5), reason="отпуск", who="Иван")
    assert seen() == (msk(3, 5), msk(3, 5, 12))
    holds.lift(deps, pid, client, who="Иван")
    assert seen() == first
    waves.exclude(deps, pid, wave_id, line, "Иван", "уходит")
    assert due(world).get(BOTH) is None  # at once, not with the next look
    wave_returns.include(deps, pid, wave_id, line, "Иван")
    assert seen() == first
    assert wave_refusals.refuse(deps, pid, wave_id, anna, "Иван", "некогда")
    assert due(world).get(BOTH) is None
    assert wave_refusals.take_back(deps, pid, wave_id, anna, "Иван")
    assert seen() == first
    world.set(Invitation, anna, snoozed_until=msk(3, 4, 16), due_at=world.clock.now())
    assert seen() == (msk(3, 4, 16), msk(3, 4, 18))
    world.set(Invitation, anna, snoozed_until=None, due_at=world.clock.now())
    waves.pause(deps, pid, wave_id, "Иван")
    assert due(world) == {}
    assert seen() is None
    waves.resume(deps, pid, wave_id, "Иван")
    assert seen() == first
    plan = world.wave().plan
    wished = Wished(
        date.fromisoformat(plan["announce"]), date.fromisoformat(plan["start"]),
        tuple(date.fromisoformat(day) + timedelta(days=7) for day in plan["reminders"]),
        date.fromisoformat(plan["closing"]) + timedelta(days=7),
    )  # fmt: skip
    assert wave_dates.move(deps, pid, wave_id, wished, "Иван") == []
    assert seen() == first
    waves.close(deps, pid, wave_id, "Иван", "хватит")
    assert due(world) == {}
    assert seen() is None


def test_letters_wait_for_callers_and_come_when_they_are_asked_for(world: World) -> None:
    """In hand or promised on the day of the letter: it waits. Asked for on the phone: it leaves now. Calls that are
    over end a person without an address at once."""
    world.approved()
    world.until(msk(3, 3, 10))
    call(world, BOTH, "asks_email", calls_over="asks_email", mail_from=msk(3, 3, 10))
    assert kinds(world, BOTH) == ["announcement", "invitation"]
    assert BOTH not in due(world)
    call(world, PHONE, "wrong_number", calls_over="wrong_number")
    ended = world.invitations()[PHONE]
    assert (ended.outcome, ended.outcome_detail["calls_over"], ended.due_at) == (
        "unreachable", "wrong_number", None,
    )  # fmt: skip
    world.until(msk(3, 9, 8))
    assert kinds(world, BOTH)[2:] == []  # the reminder counts four days from that letter: a Saturday
    world.until(msk(3, 9))
    assert kinds(world, BOTH)[2:] == ["reminder"]
    world.until(msk(3, 11, 17))
    world.set(Invitation, world.invitations()[MAIL].id, phone="+79160000003", promised_at=msk(3, 12, 9, 30))
    lease(world, MAIL, msk(3, 12, 11))
    world.until(msk(3, 12, 10, 59))
    assert kinds(world, MAIL) == ["announcement"]
    world.until(msk(3, 12, 11))
    assert kinds(world, MAIL) == ["announcement", "invitation"]


def test_who_spoke_with_a_caller_was_asked_and_who_did_not_pick_up_was_not(world: World) -> None:
    """The gap to the next question counts from a conversation, not from a call nobody took, nor from one taken back."""
    world.approved()
    world.until(msk(3, 2))
    call(world, BOTH, "refused")
    call(world, PHONE, "no_answer")
    call(world, MAIL, "not_now")
    with transaction(world.deps.sessions) as session:
        last = session.get_one(Attempt, max(row.id for row in world.rows(Attempt)))
        last.undone_at = world.clock.now()
        asked = wave_lists.asked_before(session, world.portal_id, 0)
    assert [contact for _, contact, *_ in asked] == [BOTH]

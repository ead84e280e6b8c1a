"""Cards of one person, or of one client, are merged while callers are at work: what was called counts, what was
promised is owed (product.md E3, W7, W8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from integration.store import answers
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Contact
from integration.store.responses import Response
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import ADA, BEN, MONDAY, Desk
from tests.services.test_wave_changes import merge

ON_TUESDAY = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)


def _calls(desk: Desk) -> list[tuple[int, int, str]]:
    contacts = {one.id: contact for contact, one in desk.world.invitations().items()}
    rows = sorted(desk.attempts(), key=lambda one: one.number)
    return [(contacts[one.invitation_id], one.number, one.outcome) for one in rows]


def test_the_calls_to_both_cards_of_a_person_count_together_and_the_promise_is_kept(
    sessions: Sessions, clock: HandClock
) -> None:
    """In the order of time; two a day are two, and the call-back goes to the card that lives."""
    desk = desk_world.make(sessions, clock, people={11: 1, 12: 1})
    assert desk.call("no_answer").client == "Client 11"
    clock.advance(minutes=5)
    later = desk.call("call_back", call_back_at="2026-03-02T16:45")
    assert later.client == "Client 12"
    clock.advance(minutes=1)
    desk.set(1200, snoozed_until=clock.now())
    merge(desk.world, "contact", 1200, 1100)
    desk.world.tick()
    gone, one = desk.one(1200), desk.one(1100)
    assert (gone.outcome, gone.outcome_detail["into"], gone.attempts) == ("excluded", one.id, 0)
    assert (gone.promised_at, gone.call_due_at) == (None, None)
    assert _calls(desk) == [(1100, 1, "no_answer"), (1100, 2, "call_back")]
    promised = datetime(2026, 3, 2, 13, 45, tzinfo=UTC)
    assert (one.attempts, one.promised_at, one.call_due_at) == (2, promised, promised)
    assert one.snoozed_until == gone.snoozed_until
    clock.advance(hours=3, minutes=10)  # the wait after the first call is over
    assert desk.take() == "nobody"
    clock.moment = promised
    assert desk.call("no_answer").client == "Client 11"
    due = desk.one().call_due_at
    assert due is not None
    assert due >= ON_TUESDAY - timedelta(hours=1)  # three today: nobody calls them before tomorrow
    assert desk.undo(desk.attempts()[-1].id) == "done"
    assert (desk.one().attempts, desk.one().promised_at) == (2, promised)


def test_what_was_said_under_one_card_holds_for_the_card_that_lives(
    one_engine: Engine, clock: HandClock
) -> None:
    """Limits, waits, letters that were asked for, refusals; what was said to the living card, and to the gone one."""
    cases: Mapping[tuple[str, ...], Mapping[str, Any]] = {
        ("no_answer", "no_answer"): {"attempts": 2, "calls_over": "used_up", "outcome": ""},
        ("no_answer", "not_now"): {"attempts": 2, "calls_over": "", "outcome": ""},
        ("not_now", "not_now"): {"attempts": 2, "outcome": "refused"},
        ("no_answer", "asks_email"): {"attempts": 2, "calls_over": "asks_email", "outcome": ""},
        ("asks_email", "no_answer"): {"attempts": 2, "calls_over": "asks_email", "outcome": ""},
        ("no_answer", "wrong_number"): {
            "attempts": 2,
            "calls_over": "",
            "outcome": "",
        },  # it was another number
        ("no_answer", "refused"): {"attempts": 2, "outcome": "refused"},
        ("refused", "no_answer"): {"attempts": 2, "outcome": "refused"},
        ("no_answer", "answered"): {"attempts": 2, "outcome": "answered"},
    }
    people = dict.fromkeys(range(11, 11 + 2 * len(cases)), 1)
    desk = desk_world.make(make_sessions(one_engine), clock, people=people, policy={"max_attempts": 3})
    for place, said in enumerate(cases):
        for offset, outcome in enumerate(said):
            contact = (11 + 2 * place + offset) * 100
            desk.set(contact, promised_at=clock.now())  # so that it is the turn of this one
            key = desk.taken()
            assert (
                desk.record(key, outcome, **({"score": "9"} if outcome == "answered" else {})).status
                == "done"
            )
            if said == ("no_answer", "no_answer"):
                desk.set(contact, call_due_at=clock.now(), call_until=None)
    _one_more(desk, 1100)
    clock.advance(minutes=1)
    for place, (said, wanted) in enumerate(cases.items()):
        living, gone = ((11 + 2 * place + offset) * 100 for offset in (0, 1))
        merge(desk.world, "contact", gone, living)
        desk.world.tick()
        one = desk.one(living)
        wanted = {**wanted, "attempts": 3} if place == 0 else wanted
        assert {name: getattr(one, name) for name in wanted} == wanted, said
        assert desk.one(gone).outcome in ("excluded", "refused"), said
        if said[1] == "not_now" and not one.outcome:
            assert one.call_due_at is not None
            assert one.call_due_at >= MONDAY + timedelta(days=7)
        if "asks_email" in said:
            assert one.mail_from == MONDAY


def _one_more(desk: Desk, contact: int) -> None:
    desk.set(contact, promised_at=desk.clock.now())
    assert desk.record(desk.taken(), "no_answer").status == "done"


def test_not_now_that_a_merge_made_a_refusal_can_be_taken_back(one_engine: Engine, clock: HandClock) -> None:
    """By the caller who typed it in by mistake; the other "not now" is waited for."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    assert desk.call("not_now").client == "Client 11"
    clock.advance(minutes=1)
    assert desk.call("not_now").client == "Client 12"
    clock.advance(minutes=1)
    merge(desk.world, "contact", 1200, 1100)
    desk.world.tick()
    assert desk.one().outcome == "refused"
    assert desk.undo(desk.attempts()[-1].id) == "done"
    one = desk.one()
    assert (one.outcome, one.attempts, one.calls_over) == ("", 1, "")
    assert one.call_due_at is not None
    assert one.call_due_at >= MONDAY + timedelta(days=7)


def test_whoever_talks_to_the_card_that_is_merged_writes_it_down_for_the_one_that_lives(
    one_engine: Engine, clock: HandClock
) -> None:
    """Also when a colleague has just called that one; once, however often it is posted."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})
    ada, ben = desk.taken(desk.caller(ADA)), desk.taken(desk.caller(BEN))
    merge(desk.world, "contact", 1200, 1100)
    desk.world.tick()
    shown = desk.page(desk.caller(BEN)).card
    assert shown is not None
    clock.advance(minutes=1)
    assert desk.record(ada, "no_answer", desk.caller(ADA)).status == "done"
    clock.advance(minutes=1)
    said = desk.record(ben, "answered", desk.caller(BEN), score="9")
    assert (said.status, said.score) == ("late", 9)
    assert desk.record(ben, "answered", desk.caller(BEN), score="2").status == "again"
    (response,) = desk.world.rows(Response)
    assert (response.invitation_id, response.score) == (desk.one(1100).id, 9)
    assert (desk.one(1100).outcome, desk.leases()) == ("answered", [])
    assert _calls(desk) == [(1100, 1, "no_answer"), (1100, 2, "answered")]


def test_what_is_said_while_two_clients_are_merged_is_said_by_the_one_that_lives(
    one_engine: Engine, clock: HandClock
) -> None:
    """Whoever writes it down has looked the client up before, and waits until the merge is done."""
    desk = desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1})
    before, living = desk.one(1200).wave_client_id, desk.one(1100).wave_client_id
    merge(desk.world, "company", 12, 11)
    desk.world.tick()
    with transaction(desk.deps.sessions) as session:
        found = answers.asked(session, desk.world.portal_id, desk.ids[1200], client_row=before, lock=True)
        assert found is not None
        assert (found.client.id, found.invitation.wave_client_id) == (living, living)


def test_a_client_in_hand_that_is_merged_stays_in_hand_and_who_is_owed_a_call_is_asked(
    one_engine: Engine, clock: HandClock
) -> None:
    """Of two where one may be asked, the one who was promised a call-back; nobody talks in vain."""
    desk = desk_world.make(
        make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1, 14: 1}, policy={"max_respondents": 1}
    )
    ben = desk.taken(desk.caller(BEN))
    desk.set(1400, promised_at=clock.now() + timedelta(hours=3))
    merge(desk.world, "company", 11, 12)
    merge(desk.world, "company", 14, 13)
    desk.world.tick()
    (lease,) = desk.leases()
    lines = {one.wave_client_id for one in desk.world.rows(Invitation, contact_id=1200)}
    assert {lease.wave_client_id} == lines
    found = {contact: one.outcome for contact, one in desk.world.invitations().items()}
    assert found == {1100: "", 1200: "excluded", 1300: "excluded", 1400: ""}
    assert desk.record(ben, "answered", desk.caller(BEN), score="9").status == "done"
    assert {one.id for one in desk.world.rows(Contact)} == {1100, 1200, 1300, 1400}

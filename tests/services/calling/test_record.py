"""A call is written down once, with all that follows, whatever happened to the client or the page meanwhile (W7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from integration.services import optouts, wave_refusals, waves
from integration.services.calling import desk as service
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Contact, OptOut
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import ADA, BEN, MONDAY, Desk

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock)


def _said(desk: Desk) -> list[tuple[int, str, str, str]]:
    return [(r.score, r.channel, r.status, r.recorded_by) for r in desk.world.rows(Response)]


def test_an_answer_by_phone_counts_at_once_with_all_that_follows(
    sessions: Sessions, clock: HandClock
) -> None:
    """Channel and caller's name are kept, the head's thanks wait, the client is free again; posting twice is once."""
    desk = desk_world.make(sessions, clock)
    key = desk.taken()
    desk.clock.advance(minutes=4)
    done = desk.record(key, "answered", score="9", comment="Всё отлично", note="спешит", language="ru")
    assert (done.status, done.outcome, done.client, done.score) == ("done", "answered", "Client 11", 9)
    assert _said(desk) == [(9, "phone", "counted", "Caller 21 (21)")]
    response = desk.world.rows(Response)[0]
    assert (response.wording, response.answered_at) == ("call/1/ru", clock.now())
    assert [r.author for r in desk.world.rows(ResponseRevision)] == ["Caller 21 (21)"]
    (row,) = desk.attempts()
    assert (row.number, row.outcome, row.note, row.caller, row.source, row.wording) == (
        1, "answered", "спешит", "user:21", "desk", "call/1/ru",
    )  # fmt: skip
    assert (row.started_at, row.ended_at, row.phone) == (MONDAY, clock.now(), "+74951001100")
    one = desk.one()
    assert (one.outcome, one.attempts, one.call_due_at, one.due_at) == ("answered", 1, None, None)
    assert [letter.kind for letter in desk.world.letters()] == ["thanks_phone"]
    assert {row.purpose for row in desk.world.outbox()} >= {"score", "comment"}
    assert desk.leases() == []
    before = len(desk.world.outbox()), len(desk.world.events())
    again = desk.record(key, "answered", score="2")
    assert (again.status, again.attempt_id) == ("again", done.attempt_id)
    assert (len(desk.world.outbox()), len(desk.world.events())) == before
    assert len(desk.attempts()) == 1
    tally = desk.page().tally
    assert (tally.calls, tally.reached, tally.answers) == (1, 1, 1)


def test_each_outcome_does_what_it_stands_for(sessions: Sessions, clock: HandClock) -> None:
    """Waits, promises, letters, ends: one client for each outcome."""
    names = (
        "no_answer", "busy", "not_now", "call_back", "wrong_number", "out_of_service", "asks_email", "refused", "never",
    )  # fmt: skip
    desk = desk_world.make(sessions, clock, people={11 + n: 1 for n in range(len(names))})
    for outcome in names:
        more: dict[str, Any] = {"call_back_at": "2026-03-02T16:45"} if outcome == "call_back" else {}
        assert desk.call(outcome, note=f"n {outcome}", **more).status == "done"
    one = {name: desk.one(1100 + 100 * place) for place, name in enumerate(names)}
    assert one["no_answer"].call_due_at == MONDAY + 3 * HOUR
    assert one["busy"].call_due_at == MONDAY + timedelta(minutes=20)
    assert one["not_now"].call_due_at is not None
    assert one["not_now"].call_due_at >= MONDAY + timedelta(days=7)
    promised = datetime(2026, 3, 2, 13, 45, tzinfo=UTC)
    assert (one["call_back"].promised_at, one["call_back"].call_due_at) == (promised, promised)
    assert one["out_of_service"].call_due_at == datetime(2026, 3, 3, 9, 0, tzinfo=UTC), (
        "another part of the day"
    )
    for name in ("wrong_number", "asks_email"):
        assert (one[name].calls_over, one[name].call_due_at, one[name].outcome) == (name, None, "")
    assert (one["asks_email"].mail_from, one["asks_email"].due_at) == (MONDAY, MONDAY)
    assert (one["refused"].outcome, one["refused"].outcome_detail["why"]) == ("refused", "n refused")
    assert one["never"].outcome == "opted_out"
    keys = {row.address for row in _rows(desk, OptOut)}
    assert keys == {"p1900@client.example.com", "4951001900", "contact:1900"}
    assert [row.opted_out for row in _rows(desk, Contact) if row.id == 1900] == [True]
    assert {name: row.attempts for name, row in one.items()} == dict.fromkeys(names, 1)
    assert {"refused", "call_never", "calls_over:wrong_number", "calls_over:asks_email"} <= set(desk.events())
    tally = desk.page().tally
    assert (tally.calls, tally.reached, tally.refusals, tally.promises, tally.mailed) == (9, 5, 2, 1, 1)


def _rows(desk: Desk, table: type[Any]) -> list[Any]:
    with transaction(desk.deps.sessions) as session:
        return session.query(table).filter_by(portal_id=desk.world.portal_id).all()


def test_the_letter_that_was_asked_for_leaves_now(desk: Desk) -> None:
    """No call comes any more, not even when an older one is entered later."""
    desk.call("asks_email")
    desk.world.tick()
    assert [(row.kind, row.due_at) for row in desk.world.letters()] == [("invitation", MONDAY)]
    assert (desk.take(), desk.page().why) == ("nobody", "all_done")


def test_a_second_not_now_is_a_refusal(one_engine: Engine, clock: HandClock) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock, policy={"calling_days": 20})
    desk.call("not_now")
    clock.advance(days=6)
    assert desk.take() == "nobody"
    clock.moment = desk.one().call_due_at or clock.moment
    assert clock.moment >= MONDAY + timedelta(days=7)
    assert desk.call("not_now").status == "done"
    assert desk.one().outcome == "refused"


def test_out_of_service_twice_ends_the_calls_to_a_number_and_twelve_attempts_all(
    one_engine: Engine, clock: HandClock
) -> None:
    desk = desk_world.make(make_sessions(one_engine), clock, policy={"calling_days": 30})
    desk.call("out_of_service")
    clock.moment = desk.one().call_due_at or clock.moment
    desk.call("out_of_service")
    assert (desk.one().calls_over, desk.one().call_due_at) == ("out_of_service", None)
    desk.set(calls_over="", call_due_at=clock.now(), phone="+74951234567")
    for _ in range(10):
        if desk.take() != "taken":
            clock.moment = desk.one().call_due_at or clock.moment
        assert desk.call("no_answer").status == "done"
    assert [row.number for row in desk.attempts()] == list(range(1, 13))
    assert (desk.one().calls_over, desk.one().call_due_at, desk.one().attempts) == ("used_up", None, 12)
    assert desk.events()[-1] == "calls_over:used_up"


def test_what_cannot_be_written_down_is_told_by_field_and_changes_nothing(desk: Desk) -> None:
    key, soon = desk.taken(), "2026-03-02T11:30"
    wrong: list[tuple[dict[str, Any], tuple[str, str]]] = [
        ({"outcome": ""}, ("outcome", "unknown_outcome")),
        ({"outcome": "later"}, ("outcome", "unknown_outcome")),
        ({"outcome": "answered"}, ("score", "score_missing")),
        ({"outcome": "answered", "score": "11"}, ("score", "not_a_score")),
        ({"outcome": "answered", "score": "9", "comment": "x" * 4001}, ("comment", "too_long")),
        ({"outcome": "busy", "score": "9"}, ("score", "score_unasked")),
        ({"outcome": "busy", "note": "x" * 1001}, ("note", "too_long")),
        ({"outcome": "call_back"}, ("call_back_at", "call_back_missing")),
        ({"outcome": "call_back", "call_back_at": "tomorrow"}, ("call_back_at", "call_back_unreadable")),
        ({"outcome": "call_back", "call_back_at": "0001-01-01T00:00"}, ("call_back_at", "call_back_unreadable")),
        ({"outcome": "call_back", "call_back_at": "2026-03-02T09:59"}, ("call_back_at", "call_back_past")),
        ({"outcome": "call_back", "call_back_at": "2026-03-02T18:00"}, ("call_back_at", "call_back_outside_hours")),
        ({"outcome": "call_back", "call_back_at": "2026-06-02T12:00"}, ("call_back_at", "call_back_after_closing")),
    ]  # fmt: skip
    for form, problem in wrong:
        said = desk.record(key, **form)
        assert (said.status, said.problems[:1]) == ("problem", (problem,)), form
    desk.set(address="")
    said = desk.record(key, "asks_email")
    assert said.problems == (("outcome", "no_address"),)
    assert (desk.attempts(), len(desk.leases()), desk.one().attempts) == ([], 1, 0)
    for bad in ("", "x", key + "x"):
        assert (desk.record(bad, "busy").status, desk.record(bad, "busy").why) == ("lost", "unknown")
    assert desk.record(key, "busy", desk.caller(BEN)).why == "unknown", "a key is of use to nobody else"
    desk.clock.advance(minutes=4)
    assert desk.record(key, "answered").status == "problem"
    assert desk.leases()[0].until == desk.clock.now() + timedelta(minutes=5), "time to put it right"
    assert desk.record(key, "call_back", call_back_at=soon, score="").status == "done"


def test_a_promise_is_honoured_beyond_the_limits_once(desk: Desk) -> None:
    """Two calls a day are all, except the one the client asked for; when nobody answers then, the rule goes on."""
    desk.call("no_answer")
    desk.clock.advance(hours=3)
    desk.call("call_back", call_back_at="2026-03-02T16:00")
    desk.clock.moment = datetime(2026, 3, 2, 12, 57, tzinfo=UTC)
    assert desk.take() == "nobody"
    desk.clock.advance(minutes=1)
    assert desk.call("no_answer").status == "done"
    one = desk.one()
    assert (one.promised_at, one.attempts) == (None, 3)
    assert one.call_due_at is not None
    assert one.call_due_at.astimezone(UTC).day > 2


def test_what_the_client_said_is_kept_when_the_page_was_too_slow(
    sessions: Sessions, clock: HandClock
) -> None:
    """The session died mid-answer: the answer counts, also beside a colleague; ringing alone does not."""
    desk = desk_world.make(sessions, clock)
    ada, ben = desk.caller(ADA), desk.caller(BEN)
    key = desk.taken(ada)
    desk.clock.advance(minutes=6)
    theirs = desk.taken(ben)
    for outcome in ("no_answer", "busy", "out_of_service"):
        said = desk.record(key, outcome, ada)
        assert (said.status, said.why, said.attempt_id) == ("lost", "others", None)
    late = desk.record(key, "answered", ada, score="3", comment="плохо")
    assert (late.status, late.score) == ("late", 3)
    second = desk.record(theirs, "answered", ben, score="10")
    assert (second.status, second.why) == ("lost", "answered")
    assert [r.score for r in desk.world.rows(Response)] == [3]
    assert [(row.outcome, row.caller) for row in desk.attempts()] == [
        ("answered", "user:21"),
        ("answered", "user:22"),
    ]
    assert second.attempt_id == desk.attempts()[1].id, "the call took place and is on record"
    assert desk.leases() == []
    assert desk.record(key, "busy", ada).status == "again"


def test_an_ended_reservation_still_records_and_a_very_old_one_does_not(desk: Desk) -> None:
    key = desk.taken()
    desk.clock.advance(hours=2)
    assert desk.record(key, "no_answer").status == "late"
    assert desk.leases() == []
    desk.clock.moment = desk.one().call_due_at or desk.clock.moment
    key = desk.taken()
    desk.clock.advance(days=3)
    assert desk.record(key, "answered", score="9").why == "unknown"


def test_a_client_who_was_settled_meanwhile_stays_so_and_the_call_is_on_record(desk: Desk) -> None:
    """Excluded, refused, opted out, answered by letter, closed: each is said; only "never" is always honoured."""
    number = desk.ids[1100]
    line = desk.one().wave_client_id

    def opted(one: Invitation) -> None:
        with transaction(desk.deps.sessions) as session:
            optouts.record(session, session.get_one(Invitation, one.id), source="link", now=desk.clock.now())

    cases: list[tuple[str, Any]] = [
        ("excluded", lambda: waves.exclude(desk.deps, desk.world.portal_id, desk.wave_id, line, "Head", "why")),
        ("refused", lambda: wave_refusals.refuse(
            desk.deps, desk.world.portal_id, desk.wave_id, number, "Head", "said so")),
        ("opted_out", lambda: opted(desk.one())),
        ("answered", lambda: desk.world.answer(1100, 7)),
        ("over", lambda: desk.set_wave(stage="closed")),
    ]  # fmt: skip
    for place, (why, happens) in enumerate(cases, start=1):
        key = desk.taken()
        happens()
        said = desk.record(key, "no_answer")
        assert (said.status, said.why) == ("lost", why)
        assert said.attempt_id is not None
        assert len(desk.attempts()) == place
        assert desk.leases() == []
        _open_again(desk)
        desk.clock.advance(minutes=1)


def _open_again(desk: Desk) -> None:
    """The person as before, for the next case."""
    with transaction(desk.deps.sessions) as session:
        for table in (OptOut, ResponseRevision, Response):
            session.query(table).delete()
    desk.set_wave(stage="calling")
    desk.set(outcome="", outcome_at=None, call_due_at=desk.clock.now(), promised_at=desk.clock.now())
    line = desk.world.lines()["company", 11]
    desk.world.set(type(line), line.id, reason="", eligible=True)


def test_an_answer_takes_the_place_of_a_refusal_of_silence_and_of_one_that_was_held(desk: Desk) -> None:
    """Also while the survey is paused, and after its closing as long as the result is preliminary (W14, W17)."""
    key = desk.taken()
    waves.pause(desk.deps, desk.world.portal_id, desk.wave_id, "Head", "flood")
    assert desk.record(key, "answered", score="8").status == "done"
    with transaction(desk.deps.sessions) as session:
        session.query(ResponseRevision).delete()
        session.query(Response).delete()
    for outcome, stage in (("refused", "calling"), ("no_answer", "closed")):
        desk.set_wave(stage="calling", closed_at=None)
        desk.set(outcome="", promised_at=desk.clock.now(), call_due_at=desk.clock.now())
        key = desk.taken()
        desk.world.answer(1100, 2, status="held")
        desk.set(outcome=outcome)
        desk.set_wave(stage=stage, closed_at=desk.clock.now() if stage == "closed" else None)
        assert desk.record(key, "answered", score="9").status == "done", outcome
        assert [(r.score, r.status) for r in desk.world.rows(Response)] == [(9, "counted")]
        with transaction(desk.deps.sessions) as session:
            session.query(ResponseRevision).delete()
            session.query(Response).delete()
    desk.set(outcome="excluded")
    desk.set_wave(stage="closed", closed_at=desk.clock.now())


def test_never_is_honoured_whatever_has_become_of_the_person(desk: Desk) -> None:
    key = desk.taken()
    desk.world.answer(1100, 7)
    with transaction(desk.deps.sessions) as session:
        session.query(Contact).filter_by(id=1100).delete()
    assert desk.record(key, "never").status == "done"
    assert {row.address for row in _rows(desk, OptOut)} == {"p1100@client.example.com", "4951001100"}
    assert desk.one().outcome == "answered"


class _Broken(Exception):
    """The process has died here."""


@pytest.fixture
def dying(one_engine: Engine) -> Iterator[dict[str, int]]:
    """Statements that are still let through; the one after them never reaches the database."""
    left = {"count": -1}

    def die(*_args: Any) -> None:
        if left["count"] == 0:
            raise _Broken
        left["count"] -= 1

    event.listen(one_engine, "before_cursor_execute", die)
    yield left
    event.remove(one_engine, "before_cursor_execute", die)


def test_a_process_that_dies_at_any_statement_leaves_all_or_nothing(
    desk: Desk, dying: dict[str, int]
) -> None:
    """The same post once more does it; nothing is counted twice."""
    key, died = desk.taken(), 0
    for step in range(0, 400, 3):
        dying["count"] = step
        try:
            done = desk.record(key, "answered", score="2", comment="no")
        except _Broken:
            died += 1
            dying["count"] = -1
            assert (desk.attempts(), desk.one().outcome, desk.world.outbox()) == ([], "", [])
            assert len(desk.leases()) == 1
            continue
        dying["count"] = -1
        break
    assert died > 10
    assert (done.status, len(desk.attempts()), desk.one().attempts) == ("done", 1, 1)
    assert len({row.key for row in desk.world.outbox()}) == len(desk.world.outbox())
    assert service.taken(desk.deps, desk.caller()) is None

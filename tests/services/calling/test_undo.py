"""A caller takes back the last call, as if it had never been, as long as nothing that followed has left (W8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.services.calling import record
from integration.services.calling.types import Caller
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import BEN, MONDAY, Desk

KEPT = ("outcome", "calls_over", "promised_at", "mail_from", "attempts", "outcome_detail")


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock)


def _state(one: Invitation) -> dict[str, object]:
    return {name: getattr(one, name) for name in KEPT}


def test_any_outcome_but_never_can_be_taken_back_and_leaves_the_person_as_before(
    sessions: Sessions, clock: HandClock
) -> None:
    """The attempt keeps its row and counts nowhere; the person can be called again at once."""
    desk = desk_world.make(sessions, clock)
    before = _state(desk.one())
    cases: list[dict[str, Any]] = [
        {"outcome": "no_answer"}, {"outcome": "busy"}, {"outcome": "not_now"}, {"outcome": "wrong_number"},
        {"outcome": "out_of_service"}, {"outcome": "asks_email"}, {"outcome": "refused"},
        {"outcome": "call_back", "call_back_at": "2026-03-02T17:30"},
        {"outcome": "answered", "score": "2", "comment": "wrong button"},
    ]  # fmt: skip
    for number, form in enumerate(cases, start=1):
        key = desk.taken()
        done = desk.record(key, **form)
        last = desk.page().last
        assert last is not None
        assert (last.attempt_id, last.undo_until) == (done.attempt_id, clock.now() + timedelta(minutes=10))
        clock.advance(seconds=30)
        assert desk.undo(done.attempt_id) == "done", form
        assert desk.undo(done.attempt_id) == "again"
        assert _state(desk.one()) == before, form
        assert desk.page().tally.calls == 0
        assert desk.page().last is None
        assert desk.record(key, "busy").status == "again", (
            "what was taken back is not recorded by a late post"
        )
        rows = desk.attempts()
        assert (len(rows), rows[-1].number) == (number, number)
        assert (rows[-1].undone_at, rows[-1].undone_by) == (clock.now(), "Caller 21 (21)")
        assert desk.world.rows(OutboxRow, status="waiting") == []
    response = desk.world.rows(Response)[0]
    assert (response.status, [r.status for r in desk.world.rows(ResponseRevision)]) == (
        "rejected",
        ["counted", "rejected"],
    )
    assert [(f.kind, f.status) for f in desk.world.rows(FollowUp)] == [("detractor_meeting", "cancelled")]
    assert [(one.kind, one.status) for one in desk.world.letters()] == [("thanks_phone", "cancelled")]
    assert desk.events().count("call_undone") == len(cases)
    assert desk.call("answered", score="9").status == "done"
    assert [(r.score, r.status) for r in desk.world.rows(Response)] == [(9, "counted")]
    assert [one.status for one in desk.world.letters()] == ["cancelled", "waiting"]


def test_what_stood_before_the_call_stands_again(desk: Desk) -> None:
    """An earlier promise, a wait, a letter that a refusal had taken back."""
    desk.call("no_answer")
    desk.clock.advance(hours=3)
    desk.call("call_back", call_back_at="2026-03-02T16:00")
    promise = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    desk.clock.moment = promise
    with transaction(desk.deps.sessions) as session:
        one = session.get_one(Invitation, desk.ids[1100])
        session.add(
            LetterRow(
                portal_id=one.portal_id, lane=one.address, status="waiting", due_at=promise + timedelta(days=9),
                created_at=MONDAY, key=f"invitation:{one.id}", kind="invitation", wave_id=one.wave_id,
                invitation_id=one.id, sender_name="", sender_address="", subject="", body_text="", body_html="",
                recipient_address=one.address, message_id="<m>",
            )
        )  # fmt: skip
    done = desk.call("refused")
    assert [row.status for row in desk.world.letters()] == ["cancelled"]
    assert desk.undo(done.attempt_id) == "done"
    one = desk.one()
    assert (one.promised_at, one.call_due_at, one.attempts, one.outcome) == (promise, promise, 2, "")
    assert [row.status for row in desk.world.letters()] == ["waiting"]
    assert desk.take() == "taken"


def test_what_has_left_or_is_too_late_or_somebody_elses_is_not_taken_back(desk: Desk) -> None:
    """Each is told by a code of its own, and nothing changes."""

    def undo(attempt: int | None, caller: Caller | None = None) -> str:
        before = _state(desk.one()), [(row.id, row.undone_at) for row in desk.attempts()]
        code = desk.undo(attempt, caller)
        assert ([(row.id, row.undone_at) for row in desk.attempts()], _state(desk.one())) == before[::-1]
        return code

    first = desk.call("no_answer").attempt_id
    assert undo(first, desk.caller(BEN)) == "unknown"
    assert undo(first, desk.link()) == "unknown"
    assert undo(12345) == "unknown"
    desk.clock.advance(minutes=10, seconds=1)
    assert undo(first) == "too_late"
    desk.clock.advance(hours=3)
    second = desk.call("no_answer").attempt_id
    desk.set(call_due_at=desk.clock.now(), promised_at=desk.clock.now())
    third = desk.call("busy").attempt_id
    assert undo(second) == "later"
    assert desk.undo(third) == "done"
    assert desk.undo(second) == "done"
    mail = desk.call("asks_email").attempt_id
    desk.world.tick()
    assert undo(mail) == "followed"


def test_an_answer_that_is_on_the_cards_or_was_changed_stays(desk: Desk) -> None:
    key = desk.taken()
    done = desk.record(key, "answered", score="2")
    row = (
        desk.world.outbox(purpose="score")[0]
        if desk.world.outbox(purpose="score")
        else desk.world.outbox()[0]
    )
    desk.world.set(OutboxRow, row.id, status="done", sent_at=desk.clock.now())
    assert desk.undo(done.attempt_id) == "followed"
    assert [r.status for r in desk.world.rows(Response)] == ["counted"]
    assert desk.world.rows(OutboxRow, status="superseded") == []
    assert desk.one().outcome == "answered"
    desk.set_wave(stage="closed")
    assert desk.undo(done.attempt_id) == "too_late"


def test_an_answer_on_the_cards_can_be_corrected_by_who_typed_it(desk: Desk) -> None:
    """The old score stays as a version with the caller's name; whoever comes too late or is another is told so."""
    done = desk.call("answered", score="2", comment="so so")
    attempt = done.attempt_id or 0

    def amend(caller: Caller | None = None, **form: str) -> tuple[str, str]:
        said = record.amend(desk.deps, caller or desk.caller(), attempt, form)
        return said.status, said.why

    assert amend(score="") == ("problem", "")
    assert amend(desk.caller(BEN), score="9") == ("lost", "unknown")
    desk.clock.advance(minutes=1)
    assert [amend(score="9", comment="so so") for _ in range(2)] == [("done", "")] * 2
    versions = [(r.score, r.author, r.reason) for r in desk.world.rows(ResponseRevision)]
    assert versions == [(2, "Caller 21 (21)", ""), (9, "Caller 21 (21)", "typed wrong during the call")]
    assert [(r.score, r.channel) for r in desk.world.rows(Response)] == [(9, "phone")]
    assert desk.undo(attempt) == "followed"
    desk.clock.advance(minutes=10)
    assert amend(score="5") == ("lost", "too_late")
    with transaction(desk.deps.sessions) as session:
        session.query(ResponseRevision).filter_by(revision=2).one().author = "client"
    desk.clock.moment = MONDAY
    assert amend(score="5") == ("lost", "changed")


def test_never_is_taken_back_by_an_administrator_only(desk: Desk) -> None:
    done = desk.call("never")
    assert desk.undo(done.attempt_id) == "never"
    assert desk.one().outcome == "opted_out"

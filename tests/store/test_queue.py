"""The queue hands every row to one worker at a time, keeps lanes in order and drops results of lost leases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from integration.store.base import Sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.inbox import InboxRow
from integration.store.outbox import OutboxRow, beside, count_due
from integration.store.portals import Portal
from integration.store.queue import backoff, bury, claim, depth, done, fold, put_once, renew, requeue, retry
from tests.conftest import HandClock

LEASE = timedelta(seconds=60)


def _call(session, portal, lane, key, clock, **values):
    return put_once(
        session, OutboxRow, portal_id=portal.id, lane=lane, now=clock.now(), key=key,
        purpose="score", method="crm.item.update", call={}, **values,
    )  # fmt: skip


def _take(session, clock, owner="a", limit=10, row=OutboxRow):
    return claim(session, row, now=clock.now(), owner=owner, lease=LEASE, limit=limit)


def test_the_same_key_is_queued_once(sessions: Sessions, portal: Portal, clock: HandClock) -> None:
    with transaction(sessions) as session:
        assert _call(session, portal, "deal:1", "k", clock) is not None
        assert _call(session, portal, "deal:1", "k", clock) is None
        assert depth(session, OutboxRow) == {"waiting": 1}


def test_a_claim_takes_the_oldest_row_of_each_lane(sessions, portal, clock) -> None:
    with transaction(sessions) as session:
        for key, lane in (("1", "x"), ("2", "x"), ("3", "y")):
            _call(session, portal, lane, key, clock)
    with transaction(sessions) as session:
        assert [row.key for row in _take(session, clock)] == ["1", "3"]
    with transaction(sessions) as session:
        assert _take(session, clock, owner="b") == []


def test_a_retry_in_the_future_still_holds_its_lane(sessions, portal, clock) -> None:
    with transaction(sessions) as session:
        _call(session, portal, "x", "1", clock)
        _call(session, portal, "x", "2", clock)
    with transaction(sessions) as session:
        (row,) = _take(session, clock)
        assert retry(session, row, clock.now(), clock.now() + timedelta(hours=1), "busy")
    with transaction(sessions) as session:
        assert _take(session, clock) == []
    clock.advance(hours=1)
    with transaction(sessions) as session:
        (row,) = _take(session, clock)
        assert (row.key, row.attempts, row.error) == ("1", 2, "busy")
        assert done(session, row, clock.now(), result={"id": 5})
    with transaction(sessions) as session:
        assert [row.key for row in _take(session, clock)] == ["2"]


def test_what_waits_for_a_right_holds_only_what_needs_the_same_right(sessions, portal, clock) -> None:
    """In both ways that count what may go; order within one right stays, and any other failure holds the lane."""
    robot, update, comment = "bizproc.event.send", "crm.item.update", "crm.timeline.comment.add"
    lanes = {
        "robot": (robot, "no_right: insufficient_scope", update, True),
        "task": ("tasks.task.add", "no_right: insufficient_scope", comment, True),
        "same": (update, "no_right: method_confirm_waiting", comment, False),
        "tasks": ("tasks.task.add", "no_right: insufficient_scope", "task.checklistitem.add", False),
        "other": (robot, "bizproc.event.send: INTERNAL_SERVER_ERROR", update, False),
        "fresh": (robot, "", update, False),
    }
    with transaction(sessions) as session:
        for lane, (older, error, younger, _) in lanes.items():
            for key, method in (("1", older), ("2", younger)):
                put_once(
                    session, OutboxRow, portal_id=portal.id, lane=lane, now=clock.now(), key=f"{lane}{key}",
                    purpose="score", method=method, call={}, error=error if key == "1" else "",
                    due_at=clock.now() + timedelta(hours=key == "1"),
                )  # fmt: skip
    wanted = {f"{lane}2" for lane, (*_, passes) in lanes.items() if passes}
    with transaction(sessions) as session:
        assert count_due(session, portal.id, clock.now(), ()) == len(wanted)
        taken = claim(session, OutboxRow, now=clock.now(), owner="a", lease=LEASE, limit=50, beside=beside)
        assert {row.key for row in taken} == wanted


def test_a_row_whose_lease_ran_out_is_taken_again_and_the_first_result_is_dropped(
    sessions, portal, clock
) -> None:
    with transaction(sessions) as session:
        _call(session, portal, "x", "1", clock)
    with transaction(sessions) as session:
        (first,) = _take(session, clock, owner="a")
    clock.advance(seconds=61)
    with transaction(sessions) as session:
        (second,) = _take(session, clock, owner="b")
        assert second.id == first.id
    with transaction(sessions) as session:
        first.owner, first.attempts = "a", 1
        assert not done(session, first, clock.now(), result="stale")
    with transaction(sessions) as session:
        assert done(session, second, clock.now(), result="fresh")
        assert session.scalars(select(OutboxRow.result)).all() == ["fresh"]


def test_a_renewed_lease_keeps_the_row(sessions, portal, clock) -> None:
    with transaction(sessions) as session:
        _call(session, portal, "x", "1", clock)
    with transaction(sessions) as session:
        (row,) = _take(session, clock)
    clock.advance(seconds=50)
    with transaction(sessions) as session:
        assert renew(session, row, clock.now(), LEASE)
    clock.advance(seconds=50)
    with transaction(sessions) as session:
        assert _take(session, clock, owner="b") == []


def test_an_older_row_committed_late_waits_for_the_younger_one_under_work(sessions, portal, clock) -> None:
    with transaction(sessions) as session:
        _call(session, portal, "x", "1", clock, due_at=clock.now() + timedelta(seconds=1))
        _call(session, portal, "y", "2", clock)
    with transaction(sessions) as session:
        (younger,) = _take(session, clock)
        session.execute(OutboxRow.__table__.update().where(OutboxRow.id == younger.id).values(lane="x"))
    clock.advance(seconds=2)
    with transaction(sessions) as session:
        assert _take(session, clock, owner="b") == []
    with transaction(sessions) as session:
        assert done(session, younger, clock.now())
    with transaction(sessions) as session:
        assert [row.key for row in _take(session, clock, owner="b")] == ["1"]


def test_a_buried_row_frees_its_lane_and_runs_again_on_a_persons_word(sessions, portal, clock) -> None:
    with transaction(sessions) as session:
        _call(session, portal, "x", "1", clock)
        _call(session, portal, "x", "2", clock)
    with transaction(sessions) as session:
        (row,) = _take(session, clock)
        assert bury(session, row, clock.now(), "ACCESS_DENIED")
    with transaction(sessions) as session:
        (second,) = _take(session, clock)
        assert second.key == "2"
        assert done(session, second, clock.now())
        assert requeue(session, row, clock.now())
    with transaction(sessions) as session:
        (again,) = _take(session, clock)
        assert (again.key, again.attempts) == ("1", 1)


def _event(session, portal, lane, clock, event="ONCRMDEALUPDATE"):
    fold(session, InboxRow, portal_id=portal.id, lane=lane, now=clock.now(),
         values={"event": event, "kind": "deal", "entity_id": 1, "payload": {}})  # fmt: skip


def test_events_of_one_card_fold_into_the_row_that_waits(sessions, portal, clock) -> None:
    with transaction(sessions) as session:
        _event(session, portal, "deal:1", clock, "ONCRMDEALADD")
        _event(session, portal, "deal:1", clock)
        _event(session, portal, "deal:2", clock)
        rows = session.execute(
            select(InboxRow.lane, InboxRow.event, InboxRow.times).order_by(InboxRow.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("deal:1", "ONCRMDEALUPDATE", 2),
        ("deal:2", "ONCRMDEALUPDATE", 1),
    ]


def test_an_event_during_the_work_waits_as_a_new_row_and_supersedes_a_failure(
    sessions, portal, clock
) -> None:
    with transaction(sessions) as session:
        _event(session, portal, "deal:1", clock)
    with transaction(sessions) as session:
        (row,) = _take(session, clock, row=InboxRow)
    with transaction(sessions) as session:
        _event(session, portal, "deal:1", clock)
        assert _take(session, clock, owner="b", row=InboxRow) == []
    with transaction(sessions) as session:
        assert retry(session, row, clock.now(), clock.now(), "busy")
    with transaction(sessions) as session:
        assert depth(session, InboxRow) == {"superseded": 1, "waiting": 1}


def test_a_chore_of_one_portal_does_not_hold_that_of_another(sessions, portal, clock) -> None:
    from tests.conftest import a_portal

    with transaction(sessions) as session:
        other = a_portal(member_id="m-2")
        session.add(other)
        session.flush()
        for owner in (portal, other):
            put_once(session, ChoreRow, portal_id=owner.id, lane="sync", now=clock.now(),
                     name="sync", cursor={}, conflict=("portal_id", "name"))  # fmt: skip
    with transaction(sessions) as session:
        assert len(_take(session, clock, row=ChoreRow)) == 2


def test_the_wait_grows_up_to_its_cap_and_is_the_same_for_the_same_row() -> None:
    waits = [backoff(n, 7) for n in range(1, 30)]
    assert waits == sorted(waits)
    assert waits[0] < timedelta(seconds=3)
    assert waits[-1] <= timedelta(minutes=72)
    assert backoff(3, 7) == backoff(3, 7) != backoff(3, 8)

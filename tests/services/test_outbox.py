"""Writes leave once in effect, in order per card, inside the portal's limits, whatever breaks (product.md B4, T4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from integration.bitrix import calls
from integration.services import effects, outbox
from integration.store.base import Sessions, transaction
from integration.store.clients import Company
from integration.store.followups import FollowUp
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits
from tests.services.portal_world import World
from tests.services.ready_world import ready_world

SCORE = "UF_CRM_MOLVA_NPS_SCORE"


@pytest.fixture
def place(sessions: Sessions) -> Iterator[World]:
    with ready_world(sessions) as made:
        yield made


class Killed(BaseException):
    """The process ends here."""


def comments(place: World) -> list[str]:
    return [str(row["COMMENT"]) for row in place.dump()["comments"]]


def comment(place: World, key: str = "m1", lane: str = "deal:1") -> int:
    """A creating call in the outbox."""
    return place.queue(calls.comment_add("deal", 1, "Words", key), lane=lane, key=key, purpose="comment")


def card(place: World, kind: int, number: int) -> dict[str, Any]:
    """A card as the portal has it."""
    return dict(place.act(1, "crm.item.get", entityTypeId=kind, id=number, useOriginalUfNames="Y")["item"])


def test_an_update_is_written_and_stands_in_the_mirror(place: World) -> None:
    """The row is done, the card has the value, and the mirror knows it before any event comes."""
    row = place.queue(
        calls.item_update("company", 1, {SCORE: 3, "UF_CRM_MOLVA_HOLD_UNTIL": "2027-02-01"}), "company:1"
    )
    assert outbox.drain(place.deps)
    assert place.sent(row).status == "done"
    assert card(place, 4, 1)[SCORE] == 3
    company = place.get(Company, 1)
    assert company.scores[SCORE] == 3
    assert company.hold_until.isoformat() == "2027-02-01"
    assert not outbox.drain(place.deps)


def test_writes_of_one_card_keep_their_order_and_different_cards_share_a_request(place: World) -> None:
    """One batch takes the oldest of each lane; the second write of a card waits for the first."""
    for number in range(3):
        place.queue(calls.item_update("deal", 1, {SCORE: number}), "deal:1", key=f"a{number}")
        place.queue(calls.item_update("deal", 2, {SCORE: number}), "deal:2", key=f"b{number}")
    place.fresh_counters()
    assert outbox.drain(place.deps)
    assert place.counters()["http"] == 2, "the batch, and the first write of a field read back"
    assert (card(place, 2, 1)[SCORE], card(place, 2, 2)[SCORE]) == (0, 0)
    place.work()
    assert (card(place, 2, 1)[SCORE], card(place, 2, 2)[SCORE]) == (2, 2)


@pytest.mark.parametrize(
    "fault", ["drop_before", "drop_after", "500", "502", "503", "429", "bad_json", "empty"]
)
def test_a_comment_is_written_once_whatever_happens_to_the_request(place: World, fault: str) -> None:
    """A creating call is never doubled and never lost (product.md B4)."""
    row = comment(place)
    place.fault(fault, method="crm.timeline.comment.add")
    for _ in range(6):
        outbox.drain(place.deps)
        place.clock.advance(700)
    assert place.sent(row).status == "done"
    assert len(comments(place)) == 1


@pytest.mark.parametrize("fault", ["drop_after", "500", "503", "429"])
def test_an_update_is_simply_made_again(place: World, fault: str) -> None:
    """Updates are repeatable: no probe, the same value."""
    row = place.queue(calls.item_update("deal", 1, {SCORE: 8}))
    place.fault(fault, method="crm.item.update")
    for _ in range(4):
        outbox.drain(place.deps)
        place.clock.advance(700)
    assert place.sent(row).status == "done"
    assert card(place, 2, 1)[SCORE] == 8


def test_a_process_killed_between_effect_and_record_leaves_no_double(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next worker finds the row marked as sent, asks the portal, and records what is there."""

    def killed(*_given: Any, **_named: Any) -> None:
        raise Killed

    row = comment(place)
    monkeypatch.setattr(effects, "succeed", killed)
    with pytest.raises(Killed):
        outbox.drain(place.deps)
    monkeypatch.undo()
    assert (len(comments(place)), place.sent(row).status) == (1, "working")
    assert not outbox.drain(place.deps), "the dead worker's lease still holds"
    place.clock.advance(outbox.LEASE.total_seconds() + 1)
    assert outbox.drain(place.deps)
    assert place.sent(row).status == "done"
    assert place.sent(row).result
    assert len(comments(place)) == 1


def test_a_lease_begins_anew_when_a_creating_call_leaves(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow look at doubtful calls must not let another worker ask the probe while the request is under way."""
    doubtful = comment(place)
    place.fault("drop_before", method="crm.timeline.comment.add")
    outbox.drain(place.deps)
    place.clock.advance(outbox.SETTLE.total_seconds() + 1)
    probe = outbox._probe

    def slow(*given: Any) -> Any:
        place.clock.advance(outbox.LEASE.total_seconds() - 5)
        return probe(*given)

    left: list[Any] = []
    monkeypatch.setattr(outbox, "_probe", slow)
    monkeypatch.setattr(outbox, "_send", lambda *_given: left.append(place.sent(doubtful).lease_until))
    outbox.drain(place.deps)
    assert left[0] - place.clock.now() > outbox.SETTLE


def test_a_process_killed_before_the_request_leaves_nothing_out(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked as sent but never gone: the probe finds nothing and the call is made."""

    def killed(*_given: Any, **_named: Any) -> None:
        raise Killed

    row = comment(place)
    monkeypatch.setattr(outbox.PortalRest, "batch", killed)
    with pytest.raises(Killed):
        outbox.drain(place.deps)
    monkeypatch.undo()
    assert place.sent(row).sent_at is not None
    place.clock.advance(outbox.LEASE.total_seconds() + 1)
    outbox.drain(place.deps)
    assert (len(comments(place)), place.sent(row).status) == (1, "done")


def test_a_batch_that_breaks_off_halfway_ends_with_everything_once(place: World) -> None:
    """Half of the comments are there when the connection dies; the probes tell which, the rest are made."""
    for number in (1, 2, 3, 4):
        call = calls.comment_add("deal", number, "Words", f"m{number}")
        place.queue(call, f"deal:{number}", key=f"k{number}", purpose="comment")
    place.fault("half_batch")
    outbox.drain(place.deps)
    assert len(comments(place)) == 2
    assert {row.status for row in place.all(OutboxRow)} == {"waiting"}
    place.clock.advance(70)
    outbox.drain(place.deps)
    assert {row.status for row in place.all(OutboxRow)} == {"done"}
    assert sorted(text.rpartition("(")[2] for text in comments(place)) == ["m1)", "m2)", "m3)", "m4)"]


def test_verdicts_are_per_call(place: World) -> None:
    """One call that the portal refuses does not take the others of its batch along."""
    rows = [
        place.queue(calls.item_update("deal", number, {SCORE: 5}), f"deal:{number}", key=f"k{number}")
        for number in (1, 999, 2)
    ]
    outbox.drain(place.deps)
    assert [place.sent(row).status for row in rows] == ["done", "buried", "done"]


def test_a_call_the_portal_refuses_is_kept_for_people_and_can_be_sent_again(place: World) -> None:
    """Buried rows free their lane, are listed first, and go again on a person's word (product.md B4)."""
    gone = place.queue(calls.item_update("deal", 999, {SCORE: 1}), "deal:999", key="gone")
    after = place.queue(calls.item_update("deal", 1, {SCORE: 1}), "deal:999", key="after")
    place.work()
    assert (place.sent(gone).status, place.sent(after).status) == ("buried", "done")
    listed = outbox.unfinished(place.deps, place.portal_id)
    assert [row["id"] for row in listed] == [gone]
    assert listed[0]["error"].startswith("not_found")
    assert not outbox.resend(place.deps, place.portal_id + 1, gone)
    assert not outbox.resend(place.deps, place.portal_id, after)
    assert outbox.resend(place.deps, place.portal_id, gone)
    assert place.sent(gone).status == "waiting"


def test_an_hour_without_the_portal_gives_nothing_up(place: World) -> None:
    """All rows wait with growing pauses, and go when the portal is back (issue: bad input and faults)."""
    row, made = place.queue(calls.item_update("deal", 1, {SCORE: 7})), comment(place, lane="deal:2")
    place.box.control("/settings", {"down": True}, "PUT")
    place.fresh_counters()
    for _ in range(60):
        outbox.drain(place.deps)
        place.clock.advance(60)
    assert {place.sent(row).status, place.sent(made).status} == {"waiting"}
    place.box.control("/settings", {"down": False}, "PUT")
    place.clock.advance(3700)
    while outbox.drain(place.deps):
        pass
    assert {place.sent(row).status, place.sent(made).status} == {"done"}
    assert len(comments(place)) == 1


def test_a_suspended_portal_is_left_alone(place: World) -> None:
    """No write is tried while REST has lapsed; all go when it is back."""
    row = place.queue(calls.item_update("deal", 1, {SCORE: 7}))
    place.box.control("/settings", {"suspended": True}, "PUT")
    outbox.drain(place.deps)
    place.fresh_counters()
    place.clock.advance(1800)
    assert not outbox.drain(place.deps)
    assert place.counters()["http"] == 0
    place.box.control("/settings", {"suspended": False}, "PUT")
    place.clock.advance(3600)
    place.work()
    place.clock.advance(3600)
    place.work()
    assert place.sent(row).status == "done"


def test_a_field_that_vanished_is_noticed_and_made_anew(place: World) -> None:
    """The portal ignores unknown fields without an error; the answer is read back (bitrix24.md pitfall 29)."""
    field = place.row().fields["deal"][SCORE]["id"]
    place.box.control("/settings", {"events": {"lose_every": 1}}, "PUT")
    place.act(1, "crm.deal.userfield.delete", id=field)
    row = place.queue(calls.item_update("deal", 1, {SCORE: 4}))
    outbox.drain(place.deps)
    assert (place.sent(row).status, place.sent(row).error) == ("waiting", f"field_ignored: {SCORE}")
    place.work()
    place.clock.advance(120)
    place.work()
    assert place.sent(row).status == "done"
    assert card(place, 2, 1)[SCORE] == 4


def test_a_score_of_zero_is_a_value(place: World) -> None:
    """Reading back does not take 0 for nothing."""
    row = place.queue(calls.item_update("deal", 1, {SCORE: 0}))
    outbox.drain(place.deps)
    assert place.sent(row).status == "done"


def test_only_one_worker_drains_a_portal(place: World) -> None:
    """While another one holds the lease nothing is claimed; an abandoned lease ends (architecture.md 3)."""
    place.queue(calls.item_update("deal", 1, {SCORE: 1}))
    with transaction(place.deps.sessions) as session:
        row = session.get_one(Limits, place.portal_id)
        row.leased_to, row.leased_until = "worker-2", place.clock.now() + timedelta(minutes=4)
    assert not outbox.drain(place.deps)
    place.clock.advance(241)
    assert outbox.drain(place.deps)


# --- what follows from a result


def test_a_created_task_is_handed_to_its_follow_up_with_its_checklist(place: World) -> None:
    """The id is kept, and what hangs on it is queued in the same commit (product.md F2)."""
    now = place.clock.now()
    with transaction(place.deps.sessions) as session:
        row = FollowUp(
            portal_id=place.portal_id, key="response:1:detractor_meeting", kind="detractor_meeting", owner_id=1,
            deadline=now, opened_at=now, facts={"checklist": ["agree_meeting", "findings"]},
        )  # fmt: skip
        session.add(row)
        session.flush()
        number = row.id
    call = calls.task_add({"TITLE": "Meet", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": ["D_1"]}, "molva:2026:x")
    place.queue(call, f"followup:{number}", "t", "task", cause_kind="followup", cause_id=number)
    place.settle()
    task = place.all(FollowUp)[0].task_id
    assert [int(row["ID"]) for row in place.dump()["tasks"]] == [task]
    assert {row.purpose: row.status for row in place.all(OutboxRow)}["checklist"] == "done"
    assert place.all(FollowUp)[0].status == "open"


def test_a_task_made_by_a_lost_request_is_found_again(place: World) -> None:
    """The follow-up gets the id of the task that the first try had made."""
    now = place.clock.now()
    with transaction(place.deps.sessions) as session:
        session.add(
            FollowUp(portal_id=place.portal_id, key="x", kind="call", owner_id=1, deadline=now, opened_at=now)
        )
    call = calls.task_add({"TITLE": "Call", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": ["D_1"]}, "molva:2026:y")
    place.queue(call, "followup:1", "t", "task", cause_kind="followup", cause_id=place.all(FollowUp)[0].id)
    place.fault("drop_after", method="tasks.task.add")
    place.settle()
    place.clock.advance(120)
    place.settle()
    tasks = [int(row["ID"]) for row in place.dump()["tasks"]]
    assert tasks == [place.all(FollowUp)[0].task_id]


def test_a_row_that_cannot_be_read_or_recorded_does_not_hold_the_others_up(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults of our own are kept for people, one by one; the rest of the batch is done."""
    broken = place.queue(calls.item_update("deal", 1, {SCORE: 1}), "deal:1", key="broken")
    with transaction(place.deps.sessions) as session:
        session.get_one(OutboxRow, broken).call = {"method": "crm.item.update"}
    good = place.queue(calls.item_update("deal", 2, {SCORE: 1}), "deal:2", key="good")
    made = place.queue(calls.comment_add("deal", 3, "Words", "m3"), "deal:3", key="c", purpose="comment")

    def fail(*_given: Any) -> None:
        raise ValueError("no")

    monkeypatch.setitem(effects.MADE, "comment", fail)
    outbox.drain(place.deps)
    assert [place.sent(row).status for row in (broken, good, made)] == ["buried", "done", "waiting"]
    for _ in range(outbox.FAULTS):
        place.clock.advance(3600)
        outbox.drain(place.deps)
    assert (place.sent(made).status, place.sent(made).error) == ("buried", "not_recorded")
    assert len(comments(place)) == 1


def test_a_fault_of_ours_in_a_round_is_told_and_given_up_in_the_end(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows wait with growing pauses, nothing is made twice, and a person sees what never worked."""
    made = comment(place)
    broken = place.queue(calls.item_update("deal", 2, {SCORE: 5}), "deal:2")
    send = outbox._send

    def fails_afterwards(*given: Any) -> None:
        send(*given)
        raise RuntimeError("ours")

    monkeypatch.setattr(outbox, "_send", fails_afterwards)
    assert outbox.drain(place.deps)
    assert (place.sent(made).status, place.sent(broken).status) == ("done", "done"), (
        "what was done stays done"
    )
    again = place.queue(calls.item_update("deal", 2, {SCORE: 6}), "deal:2", key="again")
    monkeypatch.setattr(outbox, "_send", lambda *_given: 1 / 0)
    for _ in range(outbox.FAULTS + 1):
        outbox.drain(place.deps)
        place.clock.advance(7200)
    assert (place.sent(again).status, place.sent(again).error) == ("buried", "failed")
    monkeypatch.undo()
    assert outbox.resend(place.deps, place.portal_id, again)
    place.work()
    assert card(place, 2, 2)[SCORE] == 6
    assert len(comments(place)) == 1

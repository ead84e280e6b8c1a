"""Writing inside the portal's limits, and as much as they let through (product.md T4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.bitrix.errors import Retryable
from integration.bitrix.limits import STANDARD, Bucket, Cost, Meter, Usage, level_at
from integration.bitrix.paging import chained_pages, unchain
from integration.bitrix.sandbox.agency import bulk_deals
from integration.services import checklist, frames, outbox, pace
from integration.services.access import PortalRest
from integration.services.deps import BatchAnswer
from integration.services.setup import setup
from integration.store.base import transaction
from integration.store.chores import ChoreRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits, Portal
from tests.services.portal_world import World, on_sqlite, world

SCORE = "UF_CRM_MOLVA_NPS_SCORE"


@pytest.fixture
def many(sqlite_url: str) -> Iterator[World]:
    """A portal of 600 deals, installed and set up, nothing else to do."""
    with on_sqlite(sqlite_url) as sessions, world(sessions, bulk_deals(600, 10)) as made:
        made.install()
        setup(made.deps, made.portal_id)
        with transaction(sessions) as session:
            session.query(ChoreRow).delete()
        yield made


def fill(place: World, count: int) -> None:
    """Updates of `count` different deals."""
    now = place.clock.now()
    with transaction(place.deps.sessions) as session:
        for number in range(1, count + 1):
            call = calls.item_update("deal", number, {SCORE: number % 11})
            session.add(
                OutboxRow(
                    portal_id=place.portal_id, lane=f"deal:{number}", status="waiting", due_at=now, created_at=now,
                    key=f"k{number}", purpose="score", method=call.method, call=call.to_json(),
                )
            )  # fmt: skip


def test_updates_go_fifty_in_a_request_once_they_are_known_to_be_fast(many: World) -> None:
    """The first batch is small, then they grow to what a batch holds (bitrix24.md pitfall 39)."""
    fill(many, 500)
    many.fresh_counters()
    while outbox.drain(many.deps):
        pass
    assert {row.status for row in many.all(OutboxRow)} == {"done"}
    assert many.counters()["http"] <= 13
    assert many.counters()["by_error"] == {}


def test_a_slow_portal_is_written_to_without_one_429_and_with_its_budget_used(many: World) -> None:
    """Updates of two to three seconds: the execution budget binds, at least 95 % of it is used (product.md T4)."""
    slow = {"on": True, "min": 2.0, "max": 3.0, "advance_clock": True, "methods": ["crm.item.update"]}
    many.box.control("/settings", {"slow": slow}, "PUT")
    fill(many, 400)
    many.fresh_counters()
    began = many.clock.now()
    for _ in range(2000):
        if not outbox.drain(many.deps):
            if {row.status for row in many.all(OutboxRow)} == {"done"}:
                break
            many.clock.advance(5)
    spent = (many.clock.now() - began).total_seconds()
    counters = many.counters()
    assert counters["by_error"] == {}
    assert {row.status for row in many.all(OutboxRow)} == {"done"}
    assert counters["operating_peak"] <= 480 * 1.01
    assert counters["operating_peak"] >= 480 * 0.93
    assert spent < 400 * 2.5 / 480 * 600 * 1.15


def test_a_full_bucket_is_waited_for_without_an_error(many: World) -> None:
    """Background writes stop below the ceiling, stay due, and go on as the bucket drains."""
    fill(many, 40)
    with transaction(many.deps.sessions) as session:
        row = session.get_one(Limits, many.portal_id)
        row.level, row.level_at = 45.0, many.clock.now()
    assert not outbox.drain(many.deps)
    assert {row.attempts for row in many.all(OutboxRow)} == {0}
    many.clock.advance(10)
    assert outbox.drain(many.deps)


def test_a_block_by_hand_is_respected_for_an_hour(many: World) -> None:
    """`OVERLOAD_LIMIT` means hands off (bitrix24.md pitfall 36)."""
    fill(many, 3)
    many.fault("overload")
    outbox.drain(many.deps)
    many.fresh_counters()
    for _ in range(5):
        many.clock.advance(600)
        outbox.drain(many.deps)
    assert many.counters()["http"] == 0
    many.clock.advance(700)
    outbox.drain(many.deps)
    assert {row.status for row in many.all(OutboxRow)} == {"done"}


def statuses(place: World) -> list[int]:
    """How the portal ended each request, in order; 0: it was cut off."""
    return [int(row["status"]) for row in place.box.portal.journal.rows]


def slow(place: World, method: str, seconds: tuple[float, float]) -> None:
    """From now on each call of the method takes so long, on the clock of everybody."""
    how = {"on": True, "min": seconds[0], "max": seconds[1], "advance_clock": True, "methods": [method]}
    place.box.control("/settings", {"slow": how}, "PUT")
    place.fresh_counters()
    place.box.portal.journal.rows.clear()


def test_a_portal_that_becomes_slow_cuts_off_one_request_and_not_the_next(many: World) -> None:
    """Writes of eight to twelve seconds, where they took none before: what died is sent again in smaller batches."""
    fill(many, 100)
    while outbox.drain(many.deps):
        pass
    slow(many, "crm.item.update", (8.0, 12.0))
    with transaction(many.deps.sessions) as session:
        for row in session.query(OutboxRow).limit(40):
            row.status, row.due_at, row.attempts = "waiting", many.clock.now(), 0
    for _ in range(200):
        if not outbox.drain(many.deps):
            many.clock.advance(30)
    assert {row.status for row in many.all(OutboxRow)} == {"done"}
    ended = statuses(many)
    assert ended.count(0) == 1, "only the batch that nobody could foresee"


def test_a_slow_portal_is_read_in_parts_that_give_the_same(many: World) -> None:
    """Twelve lists, each beginning where the one before ended, of six seconds each: parted, not cut off again."""

    def page(after: Any) -> Call:
        return calls.item_list("deal", ["id"], after_id=after)

    rest = PortalRest(many.deps, many.portal_id)
    at_once = unchain(results(rest.batch(chained_pages(page, n=12))))
    assert len(at_once.rows) == 600
    slow(many, "crm.item.list", (6.0, 6.0))
    with pytest.raises(Retryable):
        rest.batch(chained_pages(page, n=12))
    many.clock.advance(60)
    parted = unchain(results(rest.batch(chained_pages(page, n=12))))
    assert parted.rows == at_once.rows
    assert statuses(many).count(0) == 1
    many.clock.advance(60)
    short = rest.batch(chained_pages(page, after_id=500, n=12))
    assert unchain(results(short)).exhausted
    assert len(short.answers) <= 8, "behind the last page nothing is asked"


def results(got: BatchAnswer) -> dict[str, Any]:
    return {key: answer.result for key, answer in got.answers.items()}


@pytest.mark.parametrize("fault", ["503", "429", "overload", "down", "500", "drop_before"])
def test_a_call_in_doubt_stays_in_doubt_when_the_portal_cannot_be_asked(many: World, fault: str) -> None:
    """The comment is there, its answer was lost, and so was the look for it: it is not written a second time."""
    row = many.queue(calls.comment_add("deal", 1, "Words", "m1"), purpose="comment")
    many.fault("drop_after", method="crm.timeline.comment.add")
    outbox.drain(many.deps)
    assert len(many.dump()["comments"]) == 1
    many.clock.advance(70)
    many.fault(fault, method="crm.timeline.comment.list")
    outbox.drain(many.deps)
    assert many.sent(row).sent_at is not None
    for _ in range(5):
        many.clock.advance(3700)
        outbox.drain(many.deps)
    assert many.sent(row).status == "done"
    assert len(many.dump()["comments"]) == 1


def test_a_look_that_is_not_let_through_does_not_end_the_doubt(many: World) -> None:
    """The same where our own limiter says wait, for the bucket or for the execution budget of the look."""
    row = many.queue(calls.comment_add("deal", 1, "Words", "m1"), purpose="comment")
    many.fault("drop_after", method="crm.timeline.comment.add")
    outbox.drain(many.deps)
    many.clock.advance(70)
    used = Meter(
        Usage(480.0, many.clock.now().timestamp(), many.clock.now().timestamp() + 300), Cost(1, 1, 50, 9)
    )
    with transaction(many.deps.sessions) as session:
        limits = session.get_one(Limits, many.portal_id)
        limits.budgets = {**limits.budgets, "crm.timeline.comment.list": used.to_json()}
    many.fresh_counters()
    outbox.drain(many.deps)
    assert many.counters()["http"] == 0
    assert many.sent(row).sent_at is not None
    many.clock.advance(400)
    outbox.drain(many.deps)
    assert many.sent(row).status == "done"
    assert len(many.dump()["comments"]) == 1


def fill_up(*background: PortalRest) -> None:
    """Requests by turns until the limiter says wait."""
    asked = 0
    with suppress(Retryable):
        while asked < 500:
            background[asked % len(background)].call(calls.server_time())
            asked += 1
    assert 20 < asked < 500, "what the set-up asked still counts"


def test_a_click_goes_at_once_while_a_backlog_drains(many: World) -> None:
    """The background stops ten short of the portal's threshold; clicks take those, and the portal refuses nobody."""
    fill(many, 50)
    many.fresh_counters()
    fill_up(PortalRest(many.deps, many.portal_id))
    nothing_drains(many, 40.0)
    assert not outbox.drain(many.deps), "the reserve is not for it"
    clicks = PortalRest(many.deps, many.portal_id, interactive=True)
    for _ in range(8):
        assert clicks.call(calls.profile()).result["ID"] == "1"
    assert many.counters()["by_error"] == {}
    assert 40 < many.box.portal.buckets.peak <= 48


def nothing_drains(place: World, level: float) -> None:
    """Both sides' buckets stand at a level, as if the next minute took no time."""
    later = place.clock.now() + timedelta(minutes=1)
    buckets = place.box.portal.buckets
    buckets.peak, (address,) = 0.0, buckets.levels
    buckets.levels[address] = (level, later.timestamp())
    with transaction(place.deps.sessions) as session:
        row = session.get_one(Limits, place.portal_id)
        row.level, row.level_at = level, later


def test_a_click_that_finds_everything_full_waits_a_little_and_then_says_so(
    many: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to three seconds, by the wall; what others put into the portal's bucket is waited for as well."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        many.clock.advance(seconds)

    monkeypatch.setattr("integration.services.pace.sleep", sleep)
    clicks = PortalRest(many.deps, many.portal_id, interactive=True)
    many.fault("503", count=1)
    assert clicks.call(calls.profile()).result["ID"] == "1"
    assert 0.5 <= sum(slept) <= 3.0
    assert checklist.check(many.deps, many.portal_id) == ""
    many.fault("503", count=2)
    with pytest.raises(Retryable) as caught:
        clicks.call(calls.profile())
    assert caught.value.code == "QUERY_LIMIT_EXCEEDED"
    with transaction(many.deps.sessions) as session:
        row = session.get_one(Limits, many.portal_id)
        row.level, row.level_at = 80.0, many.clock.now()
    slept.clear()
    assert checklist.check(many.deps, many.portal_id) == pace.PACED
    assert slept == [], "in vain, so not at all"


def test_two_applications_of_ours_in_one_portal_share_its_bucket(many: World) -> None:
    """The portal counts requests by source address, execution time by application (bitrix24.md 5.1, 5.2)."""
    with transaction(many.deps.sessions) as session:
        mine = session.get_one(Portal, many.portal_id)
        copied = {c.key: getattr(mine, c.key) for c in Portal.__mapper__.column_attrs if c.key != "id"}
        other = Portal(**(copied | {"client_id": "market.molva"}))
        session.add(other)
        session.flush()
        others = other.id
    fill_up(PortalRest(many.deps, many.portal_id), PortalRest(many.deps, others))
    assert many.box.portal.buckets.peak <= 41


def test_every_request_of_ours_is_in_our_book_whosever_token_it_carries(many: World) -> None:
    """What the portal has counted is what we have counted: background, clicks, and people opening pages."""
    frames.open_frame(many.deps, many.opened())
    many.box.portal.buckets.levels.clear()
    with transaction(many.deps.sessions) as session:
        row = session.get_one(Limits, many.portal_id)
        row.level, row.level_at = 0.0, many.clock.now()
    fill(many, 20)
    outbox.drain(many.deps)
    who, _ = frames.open_beside(many.deps, many.opened(), {"card": calls.item_get("deal", 1)})
    assert frames.renew(many.deps, frames.seal(many.deps, who), many.opened().grant.access_token) is not None
    assert checklist.check(many.deps, many.portal_id) == ""
    ((level, at),) = many.box.portal.buckets.levels.values()
    with transaction(many.deps.sessions) as session:
        row = session.get_one(Limits, many.portal_id)
    assert level > 3
    ours = level_at(Bucket(row.level, row.level_at), many.clock.now(), STANDARD)
    theirs = max(0.0, level - 2.0 * (many.clock.time() - at))
    assert abs(ours - theirs) < 1.0
    assert "crm.item.get" in row.budgets

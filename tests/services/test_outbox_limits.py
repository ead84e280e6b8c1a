"""Writing inside the portal's limits, and as much as they let through (product.md T4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.bitrix import calls
from integration.bitrix.sandbox.agency import bulk_deals
from integration.services import outbox
from integration.services.setup import setup
from integration.store.base import transaction
from integration.store.chores import ChoreRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Limits
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

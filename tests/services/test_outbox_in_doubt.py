"""A creating call whose fate nobody can look up is shown to people, never made twice (product.md B4)."""

from __future__ import annotations

from integration.bitrix import calls
from integration.services import outbox
from integration.store.base import transaction
from integration.store.outbox import OutboxRow
from tests.services.test_outbox import World, comments, place

__all__ = ["place"]


def test_a_probe_that_the_portal_refuses_for_good_leaves_the_call_to_people(place: World) -> None:
    row = place.queue(calls.comment_add("deal", 1, "Words", "mark"), "deal:1", key="c", purpose="comment")
    with transaction(place.deps.sessions) as session:
        queued = session.get_one(OutboxRow, row)
        queued.call = queued.call | {"probe": queued.call["probe"] | {"params": {"filter": {}}}}
    place.fault("drop_after", method="crm.timeline.comment.add")
    for _ in range(4):
        outbox.drain(place.deps)
        place.clock.advance(700)
    assert (place.sent(row).status, place.sent(row).error) == ("buried", "unknown_outcome")
    assert len(comments(place)) == 1

"""One call that breaks every request it is in: the others leave without it (product.md B4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from integration.bitrix import calls
from integration.bitrix.limits import Cost, Meter, Usage
from integration.bitrix.sandbox.agency import bulk_deals
from integration.services import outbox
from integration.services.parting import half, together
from integration.services.setup import setup
from integration.store import portals as portal_rows
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.chores import ChoreRow
from integration.store.outbox import OutboxRow
from tests.services.portal_world import World, world
from tests.services.test_outbox import card

SCORE = "UF_CRM_MOLVA_NPS_SCORE"
POISON = 17
DEALS = 40


@contextmanager
def forty(sessions: Sessions) -> Iterator[World]:
    """A portal of forty deals, set up and with nothing else to do, whose writes are known to be fast."""
    with world(sessions, bulk_deals(DEALS, 10)) as made:
        made.install()
        setup(made.deps, made.portal_id)
        usual = Meter(Usage(), Cost(0.01, 0.02, 50, 99))
        with transaction(sessions) as session:
            session.query(ChoreRow).delete()
            limits = portal_rows.limits(session, made.portal_id, made.clock.now())
            limits.budgets = {"crm.item.update": usual.to_json()}
        yield made


def fill(place: World, deals: range) -> dict[int, int]:
    return {n: place.queue(calls.item_update("deal", n, {SCORE: 5}), f"deal:{n}", key=f"k{n}") for n in deals}


def poison(place: World, kind: str, deal: int) -> None:
    """Whatever asks to change that deal fails as a whole, and nothing of it happens."""
    about = f"crm.item.update?entityTypeId=2&id={deal}&"
    place.box.portal.faults.add({"kind": kind, "count": 10**6, "about": about})


def pass_time(place: World, rounds: int) -> None:
    """As a worker would, whenever something has become due."""
    for _ in range(rounds):
        while outbox.drain(place.deps):
            pass
        place.clock.advance(70)


def test_one_card_that_breaks_its_requests_waits_alone(sessions: Sessions) -> None:
    """Forty writes, one of which is answered 500: the others, and what is ordered meanwhile, arrive within minutes;
    the one is left to people after forty attempts, as others have worked meanwhile, and goes again on their word."""
    with forty(sessions) as many:
        poison(many, "500", POISON)
        rows = fill(many, range(1, 36))
        many.fresh_counters()
        pass_time(many, 4)
        fill(many, range(36, DEALS + 1))
        pass_time(many, 8)
        assert {row.id for row in many.all(OutboxRow) if row.status != "done"} == {rows[POISON]}
        assert many.counters()["http"] < 30, "not one request for each"
        assert {card(many, 2, n)[SCORE] for n in (1, 35, DEALS)} == {5}
        with transaction(sessions) as session:
            session.get_one(OutboxRow, rows[POISON]).attempts = outbox.ATTEMPTS - 2
        many.clock.advance(7200)
        pass_time(many, 1)
        many.clock.advance(7200)
        assert many.sent(rows[POISON]).status == "waiting"
        many.queue(calls.item_update("deal", 1, {SCORE: 6}), "deal:1", key="later")
        pass_time(many, 1)
        assert many.sent(rows[POISON]).status == "waiting", (
            "nobody else had worked for hours: it may be the portal"
        )
        many.clock.advance(5000)
        pass_time(many, 1)
        assert (many.sent(rows[POISON]).status, many.sent(rows[POISON]).error[:7]) == ("buried", "breaks:")
        many.box.portal.faults.orders.clear()
        assert outbox.resend(many.deps, many.portal_id, rows[POISON])
        pass_time(many, 1)
        assert card(many, 2, POISON)[SCORE] == 5


def test_two_of_them_silence_and_an_outage(one_engine: Engine) -> None:
    """Comments whose fate is asked for are written once; after hours in which everything breaks requests are full
    again soon: first one call, then two, then four."""
    with forty(make_sessions(one_engine)) as many:
        poison(many, "500", 3)
        poison(many, "drop_before", POISON)
        fill(many, range(1, 20))
        for deal in (4, 21):
            words = calls.comment_add("deal", deal, "Words", f"m{deal}")
            many.queue(words, f"deal:{deal}", key=f"c{deal}", purpose="comment")
        pass_time(many, 24)
        assert {row.lane for row in many.all(OutboxRow) if row.status != "done"} == {
            "deal:3",
            f"deal:{POISON}",
        }
        assert len(many.dump()["comments"]) == 2
        many.box.portal.faults.orders.clear()
        many.box.portal.faults.add({"kind": "500", "count": 10**6})
        fill(many, range(20, DEALS + 1))
        pass_time(many, 40)
        assert {row.part for row in many.all(OutboxRow) if row.status == "waiting"} <= {1, 2}
        many.box.portal.faults.orders.clear()
        many.clock.advance(5000)
        many.fresh_counters()
        pass_time(many, 2)
        assert {row.status for row in many.all(OutboxRow)} == {"done"}
        assert many.counters()["http"] <= 12


def row(part: int) -> OutboxRow:
    return OutboxRow(part=part)


def test_who_may_share_a_request() -> None:
    """Suspects among themselves, as many as the most suspicious of them may; the others among themselves."""
    free, three, two, one = row(0), row(3), row(2), row(1)
    assert together([]) == []
    assert [r.part for r in together([free, three, row(0), one])] == [0, 0]
    assert [r.part for r in together([three, free, row(3), row(3), row(3)])] == [3, 3, 3]
    assert [r.part for r in together([three, two, two, one])] == [3, 2]
    assert [r.part for r in together([one, three])] == [1]
    assert [half(n) for n in (50, 25, 13, 7, 4, 2, 1)] == [25, 13, 7, 4, 2, 1, 1]

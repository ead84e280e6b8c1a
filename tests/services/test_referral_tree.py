"""Who brought whom with what they bought: one recursive query, on both databases (product.md R6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import event, insert

from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_tree import NOTHING, Money
from integration.nps.rights import Rights
from integration.services import referral_money, referral_tree
from integration.store import referral_tree as rows
from integration.store.base import Sessions, reading, transaction
from integration.store.referral_rows import Referral
from tests.services.referral_world import ANNA, BORIS, NOW, a_place, at, came, company, contact, deal, keys


@contextmanager
def counted(sessions: Sessions) -> Iterator[list[str]]:
    engine = sessions.kw["bind"]
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_tree_of_a_client_and_the_whole_one_are_what_a_plain_walk_finds(sessions: Sessions) -> None:
    """240 clients brought at random, a circle among them that nothing should have let in, rows that do not stand, and
    another portal with the same numbers. Each tree is read by one recursive query."""
    portal, other = a_place(sessions, "mine"), a_place(sessions, "theirs")
    dice = Random(4)
    brought = {n: dice.randrange(2, n) for n in range(20, 260)}
    brought |= {n: n - 1 for n in range(401, 451)}  # a chain of fifty
    circle = {901: 903, 902: 901, 903: 902}
    with transaction(sessions) as session:
        for newcomer, referrer in (brought | circle).items():
            came(session, portal.id, f"company:{newcomer}", f"company:{referrer}")
            deal(session, portal.id, newcomer, newcomer, won=at(date(2026, 3, 1)), amount=newcomer)
        came(session, portal.id, "company:300", "company:2", problem="cycle")
        came(session, portal.id, "company:301", "", problem="")
        came(session, portal.id, "lead:302", "company:2")
        came(session, other.id, "company:20", "company:2")
        came(session, other.id, "company:303", "company:20")

    def above(one: int) -> list[int]:
        found = []
        while one in brought:
            one = brought[one]
            found.append(one)
        return found

    with reading(sessions) as session:
        for root in (2, 7, 25, 400, 259):
            below = {one: above(one).index(root) + 1 for one in brought if root in above(one)}
            with counted(sessions) as seen:
                tree = referral_tree.of(session, portal, keys([root]), NOW)
            assert len([one for one in seen if "RECURSIVE" in one]) <= 1
            got = {node.newcomer.id: node for node in tree.nodes if node.newcomer.kind == "company"}
            assert {key: node.depth for key, node in got.items()} == below
            assert tree.direct == sum(depth == 1 for depth in below.values()) + (root == 2)
            assert tree.money.amount == sum(below)
            for key, node in got.items():
                inside = [one for one in below if key in above(one)]
                assert (node.below, node.below_money.amount) == (len(inside), sum(inside))
        lead = next(
            node
            for node in referral_tree.of(session, portal, keys([2]), NOW).nodes
            if node.newcomer.kind == "lead"
        )
        assert (lead.newcomer, lead.money, lead.depth) == (CardKey("lead", 302), NOTHING, 1)
        whole = referral_tree.of(session, portal, None, NOW)
        assert (whole.downstream, whole.cut) == (len(brought) + 1, False)
        assert whole.money.amount == sum(brought)
        page = referral_tree.of(session, portal, None, NOW, offset=100, limit=7)
        assert page.nodes == whole.nodes[100:107]
        assert (page.direct, page.money) == (whole.direct, whole.money)
        inside = referral_tree.of(session, portal, keys([901]), NOW)
        assert [(node.newcomer.id, node.depth) for node in inside.nodes] == [(902, 1), (903, 2)]
        assert referral_tree.of(session, portal, [], NOW).nodes == ()
        both = referral_tree.of(session, portal, keys([2, 7]), NOW)
        assert len({node.id for node in both.nodes}) == len(both.nodes)


def test_thirty_thousand_referrals_in_chains_of_fifty_take_as_many_queries_as_one(one_engine: Any) -> None:
    """And what is deeper than is ever read is left out, and said so."""
    from integration.store.base import make_sessions

    sessions = make_sessions(one_engine)
    portal = a_place(sessions)
    many = [
        {"portal_id": portal.id, "newcomer_kind": "company", "newcomer_id": 1000 + n, "referrer_kind": "company",
         "referrer_id": 999 + n, "named_kind": "company", "named_id": 999 + n, "found_at": NOW, "changed_at": NOW}
        for n in range(30_600) if n % 51
    ]  # fmt: skip
    deep = [
        {**many[0], "newcomer_id": 100_001 + n, "referrer_id": 100_000 + n} for n in range(rows.DEEPEST + 3)
    ]
    with transaction(sessions) as session:
        session.execute(insert(Referral), many + deep)
        came(session, portal.id, "company:90001", "company:90000")
    numbers = []
    with reading(sessions) as session:
        for root in (90_000, 1000):
            with counted(sessions) as seen:
                tree = referral_tree.of(session, portal, keys([root]), NOW)
            numbers.append(len(seen))
        assert (tree.downstream, max(node.depth for node in tree.nodes)) == (50, 50)
        assert numbers[0] == numbers[1] <= 10
        with counted(sessions) as seen:
            whole = referral_tree.of(session, portal, None, NOW, limit=10)
        assert (whole.downstream, whole.direct, len(whole.nodes)) == (30_000 + 1 + rows.DEEPEST, 602, 10)
        assert (whole.cut, whole.nodes[0].newcomer.id) == (True, 100_001)
        assert len(seen) <= 10
        assert len(rows.whole(session, portal.id, referral_money.calendar(portal, NOW), "RUB", 500)) == 500


def test_money_of_clients_a_viewer_may_not_see_is_told_nowhere(sessions: Sessions) -> None:
    """5 brought 6, and 6 brought 7; Boris has 7 alone, the branch of Lviv is nobody's but its director's."""
    portal = a_place(sessions)
    with transaction(sessions) as session:
        for number, manager, city in ((5, ANNA, "Kyiv"), (6, ANNA, "Lviv"), (7, BORIS, "Kyiv")):
            company(session, portal.id, number, manager=manager, city=city)
            deal(session, portal.id, number, number, won=at(date(2026, 3, 1)), amount=10 * number)
        came(session, portal.id, "company:6", "company:5")
        came(session, portal.id, "company:7", "company:6")
    with reading(sessions) as session:
        boris = Rights("manager", BORIS, people=frozenset({BORIS}))
        lviv = Rights("director", 30, cities=frozenset({"lviv"}), people=frozenset({30}))
        told = [
            [node.money and int(node.money.amount) for node in tree.nodes] + [int(tree.money.amount)]
            for rights in (None, Rights("head", 2), boris, lviv)
            if (tree := referral_tree.of(session, portal, keys([5]), NOW, rights=rights))
        ]
    assert told == [[60, 70, 130], [60, 70, 130], [None, 70, 70], [60, None, 60]]


def test_a_client_s_money_is_all_it_ever_won_whoever_the_deals_name(sessions: Sessions) -> None:
    """By the company, by its people, by their first company, by the agency's own company, by nobody at all; not
    what is open, lost, a template, deleted, or dated later than today."""
    portal = a_place(sessions)
    pid = portal.id
    with transaction(sessions) as session:
        company(session, pid, 5)
        company(session, pid, 6, deleted_at=NOW)
        contact(session, pid, 50, 5)
        contact(session, pid, 51)  # came with 5, whose deal is the first of its own
        contact(session, pid, 52)
        contact(session, pid, 53, 6, 5)  # the primary company is gone
        spring = {"won": at(date(2026, 3, 1))}
        for number, firm, person, more in (
            (1, 5, None, spring | {"amount": "10.55"}),
            (2, None, 50, spring | {"amount": "20.10"}),
            (3, 5, 51, spring | {"amount": 3, "semantics": "F"}),
            (4, None, 51, {"close": date(2026, 11, 22), "amount": 40}),  # no stage history: the close date
            (5, None, 52, spring | {"amount": 500}),
            (6, 1, 50, spring | {"amount": 60}),  # with our own company on it
            (7, 1, None, spring | {"amount": 7000}),
            (8, 5, None, {"amount": 8, "semantics": "P"}),
            (9, 5, None, spring | {"amount": 9, "recurring": True}),
            (10, 5, None, spring | {"amount": 10, "deleted_at": NOW}),
            (11, 5, None, {"close": date(2026, 11, 23), "amount": 11}),
            (12, 5, None, {"amount": 12}),  # won, nobody knows when
            (13, None, None, spring | {"amount": 13}),
            (14, None, 53, spring | {"amount": 200}),
        ):
            deal(session, pid, number, firm, person, **more)
    wanted = [
        ClientKey("company", 5), ClientKey("contact", 52), CardKey("deal", 13), CardKey("lead", 9),
        ClientKey("company", 77), CardKey("deal", 7),
    ]  # fmt: skip
    expected = {
        CardKey("company", 5): Money(Decimal("330.65"), 5), CardKey("contact", 52): Money(Decimal(500), 1),
        CardKey("deal", 13): Money(Decimal(13), 1), CardKey("lead", 9): NOTHING, CardKey("company", 77): NOTHING,
        CardKey("deal", 7): Money(Decimal(7000), 1),
    }  # fmt: skip
    with reading(sessions) as session:
        assert referral_money.of_clients(session, portal, wanted, NOW) == expected
        whole = referral_money.Till.of(session, portal, NOW).spent()
        assert {key: sum(by.values(), NOTHING) for key, by in whole.items()} == {
            key: money for key, money in expected.items() if money.deals
        }
        assert referral_money.of_clients(session, portal, [], NOW) == {}
        assert referral_money.of_clients(session, portal, [CardKey("lead", 1)], NOW) == {
            CardKey("lead", 1): NOTHING
        }

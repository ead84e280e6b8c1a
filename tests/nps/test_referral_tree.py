"""The tree of who brought whom, beside a walk anybody could write (product.md R6)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from integration.nps.referral_tree import NOTHING, Grown, Money
from integration.nps.referral_tree import arrange as put_in_order

Pairs = list[tuple[int, int]]
MONEY = {key: Money(Decimal(key), 1) for key in range(100)}


def edges(*pairs: tuple[int, int]) -> Pairs:
    """(newcomer, referrer)"""
    return list(pairs)


def arrange(many: Pairs, roots: list[int], money: dict[int, Money], deepest: int) -> tuple[Grown[int], bool]:
    newcomers, referrers = [one for one, _ in many], [by for _, by in many]
    grown = put_in_order(newcomers, referrers, roots, [money.get(one, NOTHING) for one in newcomers], deepest)
    return grown, grown.cut


def shown(many: Pairs, grown: Grown[int]) -> list[tuple[int, int, int, int]]:
    """(newcomer, depth, how many below, what those bought)."""
    return [
        (many[at][0], grown.depth[at], grown.below[at], int(grown.money[at].amount)) for at in grown.order
    ]


def test_each_newcomer_stands_before_those_it_brought_and_knows_what_came_through_it() -> None:
    """1 brought 2 and 3; 2 brought 4, 4 brought 5; 9 brought 10 and is nobody's business here."""
    many = edges((3, 1), (2, 1), (5, 4), (4, 2), (10, 9))
    places, cut = arrange(many, [1], MONEY, 9)
    assert shown(many, places) == [(3, 1, 0, 0), (2, 1, 2, 9), (4, 2, 1, 5), (5, 3, 0, 0)]
    assert not cut


def test_what_lies_deeper_is_left_out_and_said_so() -> None:
    many = edges((2, 1), (3, 2), (4, 3))
    places, cut = arrange(many, [1], MONEY, 2)
    assert (shown(many, places), cut) == ([(2, 1, 1, 3), (3, 2, 0, 0)], True)
    assert arrange(many, [1], MONEY, 3)[1] is False


def test_a_circle_ends_where_it_would_begin_anew() -> None:
    """Nothing that stands makes one, but nothing that is stored may hang a page."""
    many = edges((2, 1), (3, 2), (1, 3))
    places, cut = arrange(many, [1], MONEY, 50)
    assert (shown(many, places), cut) == ([(2, 1, 1, 3), (3, 2, 0, 0)], False)
    assert arrange(edges((1, 1)), [1], MONEY, 50)[0].order == []


def test_a_root_below_another_root_stands_there_once() -> None:
    many = edges((2, 1), (3, 2), (8, 7))
    for roots in ([1, 2], [2, 1], [1, 2, 2]):
        assert [one[:2] for one in shown(many, arrange(many, roots, MONEY, 9)[0])] == [(2, 1), (3, 2)]
    assert [one[:2] for one in shown(many, arrange(many, [7, 2], MONEY, 9)[0])] == [(8, 1), (3, 1)]
    circle = edges((2, 1), (1, 2))
    assert [one[:2] for one in shown(circle, arrange(circle, [1, 2], MONEY, 9)[0])] == [(2, 1)]


def test_the_largest_branch_comes_first() -> None:
    many = edges((2, 1), (11, 10), (12, 11), (13, 10), (21, 20))
    grown, _ = arrange(many, [1, 10, 20], MONEY, 9)
    assert [many[at][0] for at in grown.largest_first()] == [11, 12, 13, 2, 21]
    assert arrange([], [1], MONEY, 9)[0].largest_first() == []


def test_a_chain_of_ten_thousand_is_no_deeper_than_one_of_ten() -> None:
    many = edges(*((n + 1, n) for n in range(1, 10_001)))
    grown, cut = arrange(many, [1], dict.fromkeys(range(20_000), Money(Decimal(1), 1)), 20_000)
    assert (len(grown.order), grown.below[0], cut) == (10_000, 9_999, False)
    assert grown.money[0] == Money(Decimal(9_999), 9_999)


PAIRS = st.dictionaries(st.integers(1, 25), st.integers(1, 25), max_size=25)


@given(PAIRS, st.lists(st.integers(1, 25), min_size=1, max_size=1), st.integers(1, 30))
def test_the_tree_is_what_a_brute_walk_finds(came: dict[int, int], roots: list[int], deepest: int) -> None:
    """For any who-brought-whom, circles too: a client is in it if its chain upwards meets the root, as deep as that
    chain is long, and what is below it are those whose chain meets it on the way."""
    root = roots[0]

    def chain(one: int) -> list[int] | None:
        found: list[int] = []
        while one in came and one not in found and one != root:
            found.append(one)
            one = came[one]
        return found if one == root and found else None

    chains = {one: up for one in came if (up := chain(one))}
    wanted = {one: up for one, up in chains.items() if len(up) <= deepest}
    many = edges(*came.items())
    grown, cut = arrange(many, roots, MONEY, deepest)
    order = [many[at][0] for at in grown.order]
    assert len(order) == len(set(order))
    assert {many[at][0]: grown.depth[at] for at in grown.order} == {
        one: len(up) for one, up in wanted.items()
    }
    assert cut == (len(wanted) < len(chains))
    for place, at in enumerate(grown.order):
        below = [other for other in order if key_below(other, many[at][0], wanted)]
        assert grown.below[at] == len(below)
        assert grown.money[at] == Money.sum(MONEY[other] for other in below)
        assert order[place + 1 : place + 1 + grown.below[at]] == below


def key_below(key: int, top: int, wanted: dict[int, list[int]]) -> bool:
    return key != top and top in wanted[key]

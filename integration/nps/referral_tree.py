"""The tree of who brought whom, put in order and summed up (product.md R6)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Money(NamedTuple):
    """An amount in the portal's base currency, of so many deals. Of these ``later`` were converted at a rate of
    another day than the one they were won on, and ``missing`` are not in the amount: there is no rate at all."""

    amount: Decimal = Decimal(0)
    deals: int = 0
    later: int = 0
    missing: int = 0

    def __add__(self, other: Money) -> Money:  # type: ignore[override]
        return Money(self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3])

    @classmethod
    def sum(cls, many: Iterable[Money]) -> Money:
        """All of them together."""
        total = NOTHING
        for one in many:
            if one.deals:
                total = total + one if total.deals else one
        return total


NOTHING = Money()


class Edge(NamedTuple, Generic[Key]):
    """One referral that stands: ``id`` of its row, who came and who brought them."""

    id: int
    newcomer: Key
    referrer: Key


@dataclass(frozen=True, slots=True)
class Grown(Generic[Key]):
    """Referrals in the order of the tree, each newcomer before those it brought, as lists side by side: a tree may be
    large, and only a page of it is looked at.

    ``order``: the place of each in the list of edges; by that place: ``depth`` (1 is directly below a root), ``below``
    (how many came through the newcomer, directly and further down) and ``money`` (what those bought). ``starts``:
    where in the order each branch of a root begins, by root. ``cut``: what lies deeper was left out.
    """

    order: list[int]
    depth: list[int]
    below: list[int]
    money: list[Money]
    starts: dict[Key, int]
    cut: bool

    def largest_first(self) -> list[int]:
        """The order with the roots through whom most came first."""
        edges = [*self.starts.values(), len(self.order)]
        branches = [self.order[edges[at] : edges[at + 1]] for at in range(len(self.starts))]
        return [at for branch in sorted(branches, key=lambda one: -len(one)) for at in branch]


def arrange(
    newcomers: Sequence[Key],
    referrers: Sequence[Key],
    roots: Sequence[Key],
    own: Sequence[Money],
    deepest: int,
) -> Grown[Key]:
    """The referrals below these roots; brothers stand in the order they are given in.

    ``own``: what each newcomer bought. A circle ends where it would begin anew, and what lies deeper than ``deepest``
    is left out. A root below another root stands there once.
    """
    children: dict[Key, list[int]] = {}
    for at, referrer in enumerate(referrers):
        children.setdefault(referrer, []).append(at)
    order: list[int] = []
    depth, above = [0] * len(own), [-1] * len(own)
    met: set[Key] = set()
    starts: dict[Key, int] = {}
    cut = False
    for root in _tops(newcomers, referrers, roots):
        met.add(root)
        starts[root] = len(order)
        stack = children.get(root, [])[::-1]
        while stack:
            at = stack.pop()
            newcomer = newcomers[at]
            if newcomer in met:
                continue
            met.add(newcomer)
            top = above[at]
            depth[at] = depth[top] + 1 if top >= 0 else 1
            order.append(at)
            more = [one for one in children.get(newcomer, ()) if newcomers[one] not in met]
            if more and depth[at] >= deepest:
                cut = True
                continue
            for one in more:
                above[one] = at
            stack += more[::-1]
    below, money = _summed(order, above, own)
    return Grown(order, depth, below, money, starts, cut)


def _tops(newcomers: Sequence[Key], referrers: Sequence[Key], roots: Sequence[Key]) -> list[Key]:
    """The roots without those that came through another root."""
    wanted = dict.fromkeys(roots)
    if len(wanted) == 1:
        return list(wanted)
    came = dict(zip(newcomers, referrers, strict=True))
    found = []
    for root in wanted:
        at, seen = came.get(root), {root}
        while at is not None and at not in seen and at not in wanted:
            seen.add(at)
            at = came.get(at)
        if at is None or at in seen:
            found.append(root)
    return found or list(wanted)


def _summed(
    order: Sequence[int], above: Sequence[int], own: Sequence[Money]
) -> tuple[list[int], list[Money]]:
    """From the last to the first each adds itself to the one above it: nobody is summed up before its own."""
    count, total = [0] * len(own), [NOTHING] * len(own)
    for at in reversed(order):
        top = above[at]
        if top >= 0:
            count[top] += count[at] + 1
            mine = (
                own[at] + total[at] if total[at][1] and own[at][1] else own[at] if own[at][1] else total[at]
            )
            if mine[1]:
                total[top] = total[top] + mine if total[top][1] else mine
    return count, total

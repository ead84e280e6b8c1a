"""Who brought whom, with what they bought: of one client, or all (product.md R6, R7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_cells import Cell, Who, Window
from integration.nps.referral_tree import NOTHING, Grown, Money, arrange
from integration.nps.rights import Rights
from integration.services.referral_money import Till, calendar, lifetime
from integration.store import referral_lists
from integration.store import referral_tree as rows
from integration.store.portals import Portal
from integration.store.referral_tree import DEEPEST, MOST, Row, Told
from integration.store.referrals import key_of

_End = tuple[Any, ...]  # kind and number of a card, as rows have them


class Node(NamedTuple):
    """One referral of a tree: `newcomer` came through `referrer`, `depth` links below where it begins (1: directly).

    `money`: lifetime value of the newcomer; `below`: how many came through it, directly and further down, and
    `below_money` what those bought. Money of clients the viewer may not see is None and in no sum. `steps`: step ->
    ISO day; `since`: the day of the claim.
    """

    id: int
    newcomer: CardKey
    referrer: ClientKey
    depth: int
    source: str
    step: str
    steps: Mapping[str, Any]
    reward: str
    since: date | None
    lost_on: date | None
    money: Money | None
    below: int
    below_money: Money


@dataclass(frozen=True, slots=True)
class Tree:
    """A part of a tree, each newcomer before those it brought. `direct` and `downstream` (direct ones among them) count
    the whole of it with their money, also where `nodes` is only a page; `cut`: it goes on deeper, or is larger, than
    is read at all. `currency`: of all money."""

    nodes: tuple[Node, ...]
    direct: int
    downstream: int
    direct_money: Money
    money: Money
    cut: bool
    currency: str


def of(
    session: Session, portal: Portal, roots: Sequence[ClientKey] | None, now: datetime, *,
    rights: Rights | None = None, offset: int = 0, limit: int = 500,
) -> Tree:  # fmt: skip
    """The referrals that stand below these clients; without any, all of them, the largest branches first.

    `rights`: whose money is told, None: everybody's.
    """
    days = calendar(portal, now)
    known: Mapping[int, Told] = {}
    if roots is None:
        found = rows.whole(session, portal.id, days, portal.currency, MOST + 1)
    else:
        found, known = rows.below(session, portal.id, roots, days, portal.currency, MOST + 1)
    large = len(found) > MOST
    found = found[:MOST] if large else found
    own = _money(session, portal, found, now, rights)
    newcomers = [row[1:3] for row in found]
    referrers = [row[3:5] for row in found]
    tops = _tops(newcomers, referrers) if roots is None else [tuple(root) for root in roots]
    grown = arrange(newcomers, referrers, tops, [one or NOTHING for one in own], DEEPEST)
    order = grown.largest_first() if roots is None else grown.order
    page = order[offset : offset + limit]
    if roots is None:
        known = rows.told(session, portal.id, [found[at].id for at in page])
    direct = [at for at in order if grown.depth[at] == 1]
    first = Money.sum(own[at] or NOTHING for at in direct)
    return Tree(
        nodes=tuple(_node(found[at], known[found[at].id], at, own, grown) for at in page),
        direct=len(direct),
        downstream=len(order),
        direct_money=first,
        money=Money.sum((first, *(grown.money[at] for at in direct))),
        cut=grown.cut or large,
        currency=portal.currency,
    )


def cell(node: Node, who: Who, today: date) -> str:
    """The cell behind an amount of a node: `client` its own money, `direct` and `below` of those it brought."""
    return str(Cell(Window(None, today), who, None, node.newcomer))


def _tops(newcomers: Sequence[_End], referrers: Sequence[_End]) -> list[_End]:
    """Those whom nobody brought, in the order they first come."""
    came = set(newcomers)
    return [referrer for referrer in dict.fromkeys(referrers) if referrer not in came]


def _money(
    session: Session, portal: Portal, found: Sequence[Row], now: datetime, rights: Rights | None
) -> list[Money | None]:
    """Lifetime values of the newcomers the viewer may see; the rows know them unless there is more to look at."""
    own = [Money(row[5], row[6]) if row[5] is not None and row[6] else NOTHING for row in found]
    hidden: set[int] = set()
    if rights is not None and not rights.sees_all:
        sides = referral_lists.sides(session, portal.id, [_newcomer(row) for row in found])
        for at, row in enumerate(found):
            side = sides[_newcomer(row)]
            if not rights.sees(side.manager_id, side.city):
                hidden.add(at)
    if found and (found[0].mixed or any(row[7] or row[1] == "deal" for row in found)):
        all_of_them = found[0].mixed
        more = {
            at: _newcomer(row)
            for at, row in enumerate(found)
            if at not in hidden and (all_of_them or row.foreign or row.newcomer_kind == "deal")
        }
        known = lifetime(Till.of(session, portal, now), list(more.values())) if more else {}
        for at, key in more.items():
            own[at] = known[key]
    return [None if at in hidden else money for at, money in enumerate(own)] if hidden else list(own)


def _newcomer(row: Row) -> CardKey:
    return key_of(row.newcomer_kind, row.newcomer_id)


def _node(row: Row, told: Told, at: int, own: Sequence[Money | None], grown: Grown[_End]) -> Node:
    source, step, steps, reward, since, lost_on = told[-6:]  # one look at a row that may hold more
    return Node(
        row[0], CardKey._make(row[1:3]), ClientKey._make(row[3:5]), grown.depth[at], source, step, steps or {},
        reward, since, lost_on, own[at], grown.below[at], grown.money[at],
    )  # fmt: skip

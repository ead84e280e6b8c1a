"""The deals behind an amount of the numbers about recommendations (product.md R6).

They are chosen by the very rule that chose what was summed up (`nps.referral_numbers.Ledger.holds`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.nps.policy import Policy
from integration.nps.rates import RateKind
from integration.nps.referral_cells import OF_ONE, PARTS, Cell
from integration.nps.rights import Rights
from integration.services.referral_buyers import read_buyers
from integration.services.referral_money import Till
from integration.store import referral_homes, referral_lists, referral_money
from integration.store import referral_tree as tree_rows
from integration.store.portals import Portal
from integration.store.referral_money import TOGETHER, Won
from integration.store.referrals import key_of


@dataclass(frozen=True, slots=True)
class DealLine:
    """One won deal of an amount. `client`: whose it is, a `deal` that is nobody's names itself; `base`: the amount in
    the portal's currency, None where no rate is known; `kind`, `rate_day`: at which rate (`nps.rates.Converted`)."""

    deal_id: int
    title: str
    client: CardKey
    client_title: str
    day: date
    amount: Decimal
    currency: str
    base: Decimal | None
    kind: RateKind
    rate_day: date | None


@dataclass(frozen=True, slots=True)
class DealPage:
    """A page of them, the youngest number first; `behind`: where the next page begins, 0: this is the last."""

    lines: tuple[DealLine, ...]
    behind: int


def behind_amount(
    session: Session, portal: Portal, policy: Policy, rights: Rights, cell: str, now: datetime, *,
    behind: int = 0, limit: int = 50,
) -> DealPage:  # fmt: skip
    """A page of the deals an amount is made of, as far as the viewer may see their clients.

    `cell`: as the amount names it; raises `ValueError` for anything else.
    """
    till = Till.of(session, portal, now)
    asked = Cell.parse(cell)
    last = min(asked.window.until, till.today)
    if asked.window.start is not None and asked.window.start > last:
        return DealPage((), 0)
    asked = replace(asked, window=replace(asked.window, until=last))
    holds, keys = _chosen(till, policy, rights, asked)
    days = replace(till.days(), edges=tuple(sorted(asked.window.edges))[-1:])
    rows = referral_money.won(session, portal.id, days, till.own, asked.window.start, behind, keys)
    found: list[tuple[Won, CardKey]] = []
    for won in rows:
        client = till.homes.of(won.client)
        if holds(client):
            found.append((won, client))
            if len(found) > limit:
                break
    sides = referral_lists.sides(session, portal.id, {client for _, client in found if client.kind != "deal"})
    lines = tuple(
        _line(till, won, client, sides[client].title if client in sides else "")
        for won, client in found[:limit]
    )
    return DealPage(lines, lines[-1].deal_id if len(found) > limit else 0)


def _chosen(
    till: Till, policy: Policy, rights: Rights, cell: Cell
) -> tuple[Callable[[CardKey], bool], set[CardKey] | None]:
    """Which clients' deals belong to a cell, and, if these are few, the clients whose deals are to be read."""
    if cell.who not in OF_ONE or cell.card is None:
        parts = cell.who in PARTS
        ledger = read_buyers(till, policy, rights, cell.edges, since=parts)
        mine = {one.key for one in ledger.of(cell)}
        return mine.__contains__, None
    seen = _visible(till, rights, _of_one(till, cell, cell.card))
    companies = [key.id for key in seen if key.kind == "company"]
    people = referral_homes.buying_people(till.session, till.portal.id, companies)
    till.homes.learn(people)
    asked = seen | {CardKey("contact", number) for number in people}
    return seen.__contains__, asked if len(asked) <= TOGETHER else None


def _of_one(till: Till, cell: Cell, card: CardKey) -> set[CardKey]:
    """The card itself, those it brought, or all that came through it."""
    if cell.who == "client":
        return {card}
    if card.kind not in ("company", "contact"):
        return set()
    root = [ClientKey(card.kind, card.id)]
    rows, _ = tree_rows.below(till.session, till.portal.id, root, till.days(), till.portal.currency)
    return {
        key_of(row.newcomer_kind, row.newcomer_id)
        for row in rows
        if cell.who == "below" or key_of(row.referrer_kind, row.referrer_id) == card
    }


def _visible(till: Till, rights: Rights, keys: set[CardKey]) -> set[CardKey]:
    if rights.sees_all:
        return keys
    sides = referral_lists.sides(till.session, till.portal.id, keys)
    return {key for key in keys if rights.sees(sides[key].manager_id, sides[key].city)}


def _line(till: Till, won: Won, client: CardKey, title: str) -> DealLine:
    found = till.rates.convert(won.amount, won.currency, won.day)
    return DealLine(
        won.id, won.title, client, title, won.day, won.amount, won.currency or till.portal.currency,
        found.amount, found.kind, found.rate_day,
    )  # fmt: skip

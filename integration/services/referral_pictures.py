"""The numbers, the tree, and who recommends: pages about referrals that are no lists of rows (product.md R6, R7).

The figures are those of `referral_numbers` and `referral_tree`; here they get names, as far as the viewer
may know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_cells import Cell
from integration.nps.referral_numbers import Period
from integration.services import referral_deals, referral_numbers, referral_tree
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.referral_desk import Desk, Frame, frame_of, open_desk
from integration.services.referral_lines import End, Leaf, leaves_of
from integration.store import referral_lists as lists
from integration.store import referrals as rows
from integration.store.referral_lists import Wanted

PAGE = 40  # clients at once
NODES = 120  # of a tree
TOP = 5


@dataclass(frozen=True, slots=True)
class Leader:
    """Somebody who recommends: with what they brought and what they answered."""

    who: End
    top: referral_numbers.Top


@dataclass(frozen=True, slots=True)
class Voice:
    """A client with a score, and how many it brought."""

    who: End
    said: referral_numbers.Said


@dataclass(frozen=True, slots=True)
class People:
    """A page of clients; `more`: there is another one."""

    frame: Frame
    leaders: tuple[Leader, ...]
    voices: tuple[Voice, ...]
    number: int
    more: bool


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree: of one client, with who brought them (the nearest last), or the whole forest."""

    frame: Frame
    root: End | None
    above: tuple[End, ...]
    tree: referral_tree.Tree
    leaves: tuple[Leaf, ...]
    roots: Mapping[CardKey, End]


@dataclass(frozen=True, slots=True)
class Overview:
    """The numbers of a year, how far the newcomers are, and who recommends most."""

    frame: Frame
    numbers: referral_numbers.Numbers
    steps: Mapping[str, int]
    leaders: tuple[Leader, ...]


@dataclass(frozen=True, slots=True)
class Deals:
    """The deals behind one amount, `cell`."""

    frame: Frame
    cell: Cell
    page: referral_deals.DealPage


def overview(deps: Deps, who: Viewer, year: int) -> Overview:
    """The numbers of a year (0: the running one), how far the newcomers are, who recommends most. Raises `LookupError`
    if the portal is gone."""
    with open_desk(deps, who) as desk:
        reader = desk.reader
        known = desk.today.year - referral_numbers.YEARS < year <= desk.today.year
        numbers = _numbers(desk, year if known else desk.today.year)
        if not known and not _begun(numbers.years[0]) and _begun(numbers.years[1]):
            numbers = _numbers(desk, desk.today.year - 1)  # in January last year says more than an empty page
        steps = lists.tally(
            reader.session, desk.portal_id, desk.scope, lists.stands(), "step", Wanted(numbers.year)
        )
        return Overview(frame_of(desk), numbers, steps, _leaders(desk, numbers.top[:TOP]))


def _numbers(desk: Desk, year: int) -> referral_numbers.Numbers:
    reader = desk.reader
    return referral_numbers.read(
        reader.session, reader.portal, desk.policy, reader.rights, reader.now, year=year
    )


def _begun(period: Period) -> bool:
    """Whether anything has happened in a year."""
    return bool(period.clients.n or period.revenue.whole.deals)


def deals(deps: Deps, who: Viewer, cell: str, behind: int, size: int = PAGE) -> Deals:
    """The deals behind an amount. Raises `ValueError` for what names none."""
    with open_desk(deps, who) as desk:
        reader = desk.reader
        page = referral_deals.behind_amount(
            reader.session,
            reader.portal,
            desk.policy,
            reader.rights,
            cell,
            reader.now,
            behind=behind,
            limit=PAGE,
        )
        return Deals(frame_of(desk), Cell.parse(cell), page)


# --- clients


def leaders(deps: Deps, who: Viewer, number: int, size: int = PAGE) -> People:
    """Who recommends, the one who brought most first."""
    with open_desk(deps, who) as desk:
        found = _top(desk, size * (number - 1), size + 1)
        return People(frame_of(desk), _leaders(desk, found[:size]), (), number, len(found) > size)


def voices(deps: Deps, who: Viewer, number: int, *, silent: bool, size: int = PAGE) -> People:
    """Promoters who never recommended: whom to ask; or clients who recommend though they are no promoters: whom to
    thank."""
    read = referral_numbers.promoters_silent if silent else referral_numbers.others_recommending
    with open_desk(deps, who) as desk:
        reader = desk.reader
        found = read(
            reader.session,
            reader.portal,
            desk.policy,
            reader.rights,
            offset=size * (number - 1),
            limit=size + 1,
        )
        reader.meet([one.client for one in found])
        shown = tuple(Voice(reader.end(one.client), one) for one in found[:size])
        return People(frame_of(desk), (), shown, number, len(found) > size)


def _top(desk: Desk, offset: int, limit: int) -> list[referral_numbers.Top]:
    reader = desk.reader
    return referral_numbers.tops(
        reader.session, reader.portal, desk.policy, reader.rights, reader.now, offset=offset, limit=limit
    )


def _leaders(desk: Desk, found: Sequence[referral_numbers.Top]) -> tuple[Leader, ...]:
    desk.reader.meet([one.client for one in found])
    return tuple(Leader(desk.reader.end(one.client), one) for one in found)


# --- the tree


def tree(deps: Deps, who: Viewer, root: ClientKey | None) -> Grown:
    """Whom a client brought, and whom they brought; without a client all trees the viewer sees a part of. Raises
    `LookupError` if the client is not one of the viewer's."""
    with open_desk(deps, who) as desk:
        reader = desk.reader
        above = rows.chain(reader.session, desk.portal_id, root) if root else []
        grown = referral_tree.of(
            reader.session, reader.portal, _roots(desk, root), reader.now, rights=reader.rights, limit=NODES
        )
        keys: set[CardKey | ClientKey] = {one.newcomer for one in grown.nodes}
        keys |= {one.referrer for one in grown.nodes} | {link.referrer for link in above}
        reader.meet(keys | ({root} if root else set()))
        if root is not None and not reader.end(root).seen:
            raise LookupError("not one of the viewer's clients")
        tops = {one.referrer for one in grown.nodes if one.depth == 1}
        return Grown(
            frame=frame_of(desk), root=reader.end(root) if root else None,
            above=tuple(reader.end(link.referrer) for link in above), tree=grown,
            leaves=leaves_of(reader, grown), roots={key_of(one): reader.end(one) for one in tops},
        )  # fmt: skip


def _roots(desk: Desk, root: ClientKey | None) -> Sequence[ClientKey] | None:
    """Where the trees begin: None for all of them, for whoever sees everything."""
    if root is not None:
        return [root]
    if desk.scope.everyone:
        return None
    tops = [one.client for one in _top(desk, 0, PAGE)]
    return [rows.client_key(one.kind, one.id) for one in tops]


def key_of(client: ClientKey) -> CardKey:
    """The card of a client."""
    return CardKey(client.kind, client.id)

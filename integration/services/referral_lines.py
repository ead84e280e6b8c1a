"""Referrals as one viewer may read them: both ends by name, step, reward, thanks, money (product.md R5, R7, P2).

The name of a card and the money of a client are told only to those who see that client by role; others see numbers
of cards. Whoever has the task to say thanks reads for whom: the task names them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from integration.nps.people import CardKey, ClientKey
from integration.nps.referral_tree import Money
from integration.nps.rights import Rights, city_key
from integration.services import referral_money
from integration.services.referral_tree import Node, Tree
from integration.store import referral_lists as lists
from integration.store import referral_thanks, reports
from integration.store import referrals as rows
from integration.store.portals import Portal
from integration.store.referral_lists import Side
from integration.store.referral_rows import Referral, ReferralClaim, ReferralThanks
from integration.store.reports import EVERYONE, Scope

SHOWN_LINKS = 60  # of a chain
DEEPEST = 60  # links of a chain in one picture of a tree


@dataclass(frozen=True, slots=True)
class End:
    """One end of a referral. `name` empty: not one of the viewer's clients, or a card without a name; `gone`: the card
    is not in the portal any more; `manager`: its responsible by name."""

    key: CardKey
    name: str = ""
    seen: bool = False
    gone: bool = False
    manager: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class Thanks:
    """A milestone to thank for. `status`: open | thanked | past | cancelled; `since` the day of the milestone;
    `by` empty: the task in the portal was completed."""

    step: str
    since: date
    status: str
    owner: str
    task_id: int | None
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What one card says about how the newcomer came."""

    card: CardKey
    source: str
    referrer: End | None
    day: date


@dataclass(frozen=True, slots=True)
class Line:
    """One referral. `referrer`: the client that counts, `named` the card people named where it is another one;
    `money`: everything the newcomer has paid for so far, None for who may not see it; days the portal's."""

    id: int
    newcomer: End
    referrer: End | None
    named: End | None
    source: str
    day: date | None
    step: str
    steps: Mapping[str, date]
    lost_on: date | None
    reward: str
    reward_who: str
    reward_note: str
    reward_at: datetime | None
    thanks: tuple[Thanks, ...]
    money: Money | None
    problem: str = ""
    chain: tuple[End, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def waiting(self) -> Thanks | None:
        """The oldest milestone nobody has thanked for."""
        return min(
            (one for one in self.thanks if one.status == "open"), key=lambda one: one.since, default=None
        )

    @property
    def thanked(self) -> Thanks | None:
        """The last time somebody said thanks."""
        said = [one for one in self.thanks if one.status == "thanked"]
        return max(said, key=lambda one: one.since, default=None)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One newcomer in a tree. `shut`: more below it than the picture shows."""

    node: Node
    who: End
    shut: bool


def scope_of(session: Session, portal_id: int, rights: Rights) -> Scope:
    """Whose cards the viewer sees; people write a city in several ways."""
    if rights.sees_all:
        return EVERYONE
    known = lists.cities(session, portal_id) if rights.cities else []
    return Scope(
        people=rights.people, cities=frozenset(city for city in known if city_key(city) in rights.cities)
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """Names and rights for one viewer in one transaction."""

    session: Session
    portal: Portal
    rights: Rights
    now: datetime
    sides: dict[CardKey, Side] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def meet(self, keys: Collection[CardKey | ClientKey]) -> None:
        """Read these cards and whoever is responsible for them, with a fixed number of queries."""
        wanted = {CardKey(key.kind, key.id) for key in keys} - self.sides.keys()
        if not wanted:
            return
        found = lists.sides(self.session, self.portal.id, wanted)
        self.sides.update(found)
        self.know({side.manager_id or 0 for side in found.values()})

    def know(self, people: Collection[int]) -> None:
        """Read the names of employees."""
        wanted = {one for one in people if one} - self.names.keys()
        if wanted:
            self.names.update(dict.fromkeys(wanted, ""))
            self.names.update(reports.names(self.session, self.portal.id, wanted))

    def end(self, key: CardKey | ClientKey) -> End:
        """A card that was met, as far as this viewer may know it."""
        side = self.sides.get(CardKey(key.kind, key.id), Side(CardKey(key.kind, key.id), gone=True))
        seen = self.sees(side)
        return End(
            side.key, side.title if seen else "", seen, side.gone,
            self.names.get(side.manager_id or 0, "") if seen else "", side.city if seen else "",
        )  # fmt: skip

    def sees(self, side: Side) -> bool:
        """Whether the card is one of the viewer's."""
        return self.rights.sees(side.manager_id, side.city)


def lines(reader: Reader, found: Sequence[Referral], *, claims: bool = False) -> list[Line]:
    """Rows as the viewer may read them, in their order. `claims`: with what each card says."""
    said = _claims(reader, found) if claims else {}
    keys: set[CardKey | ClientKey] = set(lists.side_keys(found))
    for row in found:
        keys |= {ClientKey.parse(text) for text in (row.chain or ())[:SHOWN_LINKS]}
    for many in said.values():
        keys |= {rows.key_of(one.referrer_kind, one.referrer_id) for one in many if one.referrer_id}
    reader.meet(keys)
    thanks = referral_thanks.thanks_of(reader.session, reader.portal.id, [row.id for row in found])
    reader.know({one.owner_id or 0 for many in thanks.values() for one in many})
    money = referral_money.of_clients(
        reader.session, reader.portal, [_newcomer(row) for row in found], reader.now
    )
    return [_line(reader, row, thanks.get(row.id, []), money, said.get(row.id, [])) for row in found]


def leaves_of(reader: Reader, grown: Tree) -> tuple[Leaf, ...]:
    """The newcomers of a tree whose cards were met, as deep as a picture goes."""
    shown = [one for one in grown.nodes if one.depth <= DEEPEST]
    below = [*(one.depth for one in shown[1:]), 0][: len(shown)]
    return tuple(
        Leaf(node, reader.end(node.newcomer), bool(node.below) and following <= node.depth)
        for node, following in zip(shown, below, strict=True)
    )


def _newcomer(row: Referral) -> CardKey:
    return rows.key_of(row.newcomer_kind, row.newcomer_id)


def _line(
    reader: Reader, row: Referral, thanks: Sequence[ReferralThanks], money: Mapping[CardKey, Money],
    said: Sequence[ReferralClaim],
) -> Line:  # fmt: skip
    newcomer = reader.end(_newcomer(row))
    if any(one.task_id and one.owner_id == reader.rights.user_id for one in thanks):
        newcomer = replace(
            newcomer, name=reader.sides[newcomer.key].title
        )  # as the task says, which is theirs
    referrer = lists.referrer_of(row)
    named = rows.key_of(row.named_kind, row.named_id) if row.named_id else None
    other = named if named and referrer and tuple(named) != tuple(referrer) else None
    return Line(
        id=row.id, newcomer=newcomer, referrer=reader.end(referrer) if referrer else None,
        named=reader.end(other) if other else None, source=row.source, day=row.claimed_on, step=row.step,
        steps=_days(row.steps or {}), lost_on=row.lost_on, reward=row.reward, reward_who=row.reward_who,
        reward_note=row.reward_note, reward_at=row.reward_at,
        thanks=tuple(_thanks(reader, one) for one in thanks),
        money=money.get(newcomer.key) if newcomer.seen else None, problem=row.problem,
        chain=tuple(reader.end(ClientKey.parse(text)) for text in (row.chain or ())[:SHOWN_LINKS]),
        claims=tuple(_claim(reader, one) for one in said),
    )  # fmt: skip


def _days(steps: Mapping[str, object]) -> dict[str, date]:
    return {step: date.fromisoformat(str(day)) for step, day in steps.items()}


def _thanks(reader: Reader, one: ReferralThanks) -> Thanks:
    return Thanks(
        one.step, one.since, one.status, reader.names.get(one.owner_id or 0, ""), one.task_id, one.thanked_by,
        one.thanked_at,
    )  # fmt: skip


def _claim(reader: Reader, one: ReferralClaim) -> Claim:
    key = rows.key_of(one.referrer_kind, one.referrer_id) if one.referrer_id else None
    return Claim(
        rows.key_of(one.card_kind, one.card_id), one.source, reader.end(key) if key else None, one.claimed_on
    )


def _claims(reader: Reader, found: Sequence[Referral]) -> dict[int, list[ReferralClaim]]:
    """What the cards of these newcomers say, the first dated one first."""
    by_key = {_newcomer(row): row.id for row in found if row.rivals or row.settled_by == "person"}
    said: dict[int, list[ReferralClaim]] = {}
    for one in lists.claims_about(reader.session, reader.portal.id, list(by_key)):
        said.setdefault(by_key[rows.key_of(one.newcomer_kind, one.newcomer_id)], []).append(one)
    return said

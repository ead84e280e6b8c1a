"""Referrals of one card: who brought this client, whom they brought (product.md R7).

Names of other clients are told here only to those who see these clients by role (`card_names` asks the portal for the
rest); the card itself opens, or not, by the portal's own rights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.attribution import Claim, needs_name
from integration.nps.people import CardKey, ClientKey, Person
from integration.nps.policy import Policy
from integration.services import policies, referral_tree
from integration.services.card_rights import Subject
from integration.services.card_types import Brought, Came, ClaimLine, Referrer
from integration.services.cards import REFERRAL, referral_of
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.referral_book import MirrorBook
from integration.services.referral_cards import present
from integration.services.referral_lines import Line, Reader, leaves_of, lines
from integration.services.referral_place import place_of
from integration.store import cards_view as rows
from integration.store import referral_lists, snapshots
from integration.store import referrals as referral_rows
from integration.store.base import reading
from integration.store.portals import Portal
from integration.store.referral_rows import Referral

MOST_SHOWN = 60  # links of a chain
MOST_BROUGHT = 100  # newcomers in the tab


def referrer(
    session: Session,
    portal: Portal,
    found: Subject,
    client: ClientKey | None,
    item: Mapping[str, Any] | None,
) -> Referrer | None:
    """Who brought this client: what its own card says, else the card the tab is on; nothing if neither does."""
    for card in dict.fromkeys([*([CardKey(client.kind, client.id)] if client else []), found.card]):
        row = rows.card(session, portal.id, card.kind, card.id)
        stored: Mapping[str, Any] = getattr(row, "referral", None) or {}
        if card == found.card and item is not None:
            stored = {code: item[code] for code in REFERRAL if code in item}
        said = referral_of(portal, card.kind, stored)
        if said.source or said.referrer:
            name = _name(session, portal.id, found, said.referrer) if said.referrer else ""
            who = CardKey(said.referrer.kind, said.referrer.id) if said.referrer else None
            return Referrer(said.source, who, name, said.day)
    return None


def came(session: Session, portal: Portal, policy: Policy, found: Subject, now: datetime) -> Came | None:
    """How the client of this card came, with every claim; nothing for a card that is nobody's."""
    book = MirrorBook(session, portal.id, policy, now)
    place = place_of(book, found.card)
    if place is None:
        return None
    row = referral_rows.of_newcomer(session, portal.id, place.whole.newcomer)
    stands = present(session, portal, [place.target]).get(place.target)
    if stands is None:
        return None
    shown = Came(
        newcomer=place.whole.newcomer, target=place.target, on_its_way=stands.under_way,
        sources=tuple((code, policy.referral_source_names.get(code, "")) for code in policy.referral_sources),
    )  # fmt: skip
    if row is None:
        return shown
    named = _key(row.named_kind, row.named_id)
    client = _key(row.referrer_kind, row.referrer_id)
    claim = Claim(row.source, ClientKey(*named) if named else None, row.claimed_on)  # type: ignore[arg-type]
    return replace(
        shown, source=row.source, named=named, name=_named(session, portal.id, found, named),
        client=client if client != named else None,
        client_name=_named(session, portal.id, found, client) if client != named else "",
        day=row.claimed_on, settled_by=row.settled_by, settled_who=row.settled_who,
        settled_note=row.settled_note, problem=row.problem, chain=_chain(session, portal.id, found, row),
        claims=_claims(session, portal.id, found, row, place.whole.newcomer),
        asks=row.settled_by == "rule" and needs_name(claim, True, policy),
    )  # fmt: skip


def _claims(
    session: Session, portal_id: int, found: Subject, row: Referral, newcomer: CardKey
) -> tuple[ClaimLine, ...]:
    """What each card says, the first dated one first; alone it needs no list."""
    many = referral_rows.claims_of(session, portal_id, newcomer)
    lines = []
    for one in many:
        key = _key(one.referrer_kind, one.referrer_id)
        by_rule = row.settled_by == "rule" and (row.via_kind, row.via_id) == (one.card_kind, one.card_id)
        lines.append(
            ClaimLine(
                referral_rows.key_of(one.card_kind, one.card_id), one.source, key,
                _named(session, portal_id, found, key), one.claimed_on, by_rule,
            )
        )  # fmt: skip
    return tuple(lines) if row.rivals or row.settled_by == "person" else ()


def _chain(
    session: Session, portal_id: int, found: Subject, row: Referral
) -> tuple[tuple[CardKey, str], ...]:
    keys = [ClientKey.parse(text) for text in row.chain or ()]
    return told(session, portal_id, found, keys)


def told(
    session: Session, portal_id: int, found: Subject, keys: Sequence[ClientKey]
) -> tuple[tuple[CardKey, str], ...]:
    """Cards with the names this viewer may read."""
    return tuple(
        (CardKey(key.kind, key.id), _name(session, portal_id, found, key)) for key in keys[:MOST_SHOWN]
    )


def names_for(
    deps: Deps, who: Viewer, found: Subject, keys: Sequence[ClientKey]
) -> tuple[tuple[CardKey, str], ...]:
    """The same for a page that tells why somebody cannot have brought a client."""
    with reading(deps.sessions) as session:
        return told(session, who.portal_id, found, keys)


def _key(kind: str, number: int) -> CardKey | None:
    return referral_rows.key_of(kind, number) if number else None


def _named(session: Session, portal_id: int, found: Subject, key: CardKey | None) -> str:
    return _name(session, portal_id, found, referral_rows.client_key(*key)) if key else ""


def brought(
    session: Session, portal: Portal, found: Subject, client: ClientKey, people: Sequence[Person], now: datetime
) -> Brought:  # fmt: skip
    """Whom the client and its people brought, directly and further down, by the rows that stand."""
    keys = _own(client, people)
    reader = Reader(session, portal, found.rights, now)
    direct = referral_rows.brought(session, portal.id, keys, MOST_BROUGHT)
    tree = referral_tree.of(session, portal, keys, now, rights=found.rights, limit=MOST_BROUGHT)
    reader.meet([node.newcomer for node in tree.nodes])
    return Brought(tuple(lines(reader, direct)), leaves_of(reader, tree), tree)


def own_line(
    session: Session, portal: Portal, found: Subject, came: Came | None, now: datetime
) -> Line | None:
    """The client's own referral, if somebody is named."""
    row = referral_rows.of_newcomer(session, portal.id, came.newcomer) if came and came.named else None
    stands = row is not None and not row.problem and row.referrer_id
    return lines(Reader(session, portal, found.rights, now), [row])[0] if row is not None and stands else None


def belongs(deps: Deps, who: Viewer, found: Subject, referral_id: int) -> bool:
    """Whether a referral is of the client of this card: it came by it, or it brought somebody."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        row = referral_lists.one(session, who.portal_id, referral_id)
        if row is None:
            return False
        policy, _ = policies.load(session, who.portal_id)
        place = place_of(MirrorBook(session, who.portal_id, policy, now), found.card)
        if place is not None and tuple(place.whole.newcomer) == (row.newcomer_kind, row.newcomer_id):
            return True
        if found.client is None:
            return False
        people = snapshots.people(session, who.portal_id, [found.client]).get(found.client, [])
        return (row.referrer_kind, row.referrer_id) in {tuple(key) for key in _own(found.client, people)}


def _own(client: ClientKey, people: Sequence[Person]) -> list[ClientKey]:
    """A client with its people."""
    contacts = [ClientKey("contact", person.contact_id) for person in people]
    return [client, *(one for one in contacts if one != client)]


def _name(session: Session, portal_id: int, found: Subject, key: ClientKey) -> str:
    known = rows.titles(session, portal_id, key)
    return known[0] if known and found.rights.sees(known[1], known[2]) else ""
